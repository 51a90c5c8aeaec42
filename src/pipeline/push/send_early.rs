//! Sends layers to a repository while they are made.
//!
//! Such an upload may turn out to be for nothing, and it may fail: then the layer is pushed as any other once it is finished. Which
//! layers are worth it is decided elsewhere.

use super::Target;
use super::blob_pusher::BlobPusher;
use super::early_uploads::EarlyUpload;
use crate::pipeline::error::PushError;
use crate::pipeline::finished_layers::BegunLayer;
use crate::project::Repository;
use crate::store::GrowingBlob;

impl<F: AsyncFn(&Repository) -> Result<(), PushError>> BlobPusher<'_, F> {
    /// Sends a layer while it is made, and gives up after any failure.
    pub(super) async fn send_early(&self, upload: EarlyUpload) {
        let BegunLayer { blob, name, .. } = &upload.layer;
        let repository = &upload.target.repository;
        if self.has_probably(&upload.target).await || self.prepare(repository).await.is_err() {
            return;
        }
        let registry = &self.context().registry;
        let Ok(session) = registry.open_upload(repository, blob, name).await else { return };
        let sent = tokio::select! {
            sent = session.send() => sent.ok(),
            () = self.is_useless(blob, repository) => None,
        };
        let complete = sent.zip(blob.digest()).filter(|(_, digest)| !self.is_present(digest, repository));
        let Some((all, digest)) = complete else {
            self.sent_for_nothing(session.sent());
            return session.cancel().await;
        };
        if session.close(all, &digest).await.is_ok() {
            self.set_sent_early(&digest, repository);
        } else {
            self.sent_for_nothing(session.sent());
        }
    }

    /// Whether a target probably has the layers that are made now: it has an image, and this machine has none of its layers. With
    /// the layers of the last push at hand, only those are made that have changed.
    async fn has_probably(&self, Target { repository, tags }: &Target) -> bool {
        let Some(tag) = tags.first().filter(|_| self.makes_first_layers()) else { return false };
        self.manifest_digest(repository, tag).await.is_ok_and(|image| image.is_some())
    }

    /// Waits until it is known that a repository has a layer already, or that the layer cannot be made.
    async fn is_useless(&self, blob: &GrowingBlob, repository: &Repository) {
        if let Some(digest) = blob.completed().await {
            let missing = self.missing_from(&digest, [repository]).await;
            if missing.is_err() || !self.is_present(&digest, repository) {
                std::future::pending::<()>().await;
            }
        }
    }
}
