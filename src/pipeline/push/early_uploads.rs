//! Which layers are being sent to which repositories while they are made. Nothing is sent here.

use std::sync::Mutex;

use tokio::sync::watch;

use super::Target;
use crate::pipeline::finished_layers::BegunLayer;
use crate::project::Repository;
use crate::store::{Digest, GrowingBlob};
use crate::sync::lock;

/// An upload that is to be made.
pub(super) struct EarlyUpload {
    pub(super) layer: BegunLayer,
    pub(super) target: Target,
    outcome: watch::Sender<Option<bool>>,
}

impl EarlyUpload {
    /// Ends the upload: whether the repository has the layer now.
    pub(super) fn end(self, has_layer: bool) {
        self.outcome.send_replace(Some(has_layer));
    }
}

/// An upload that has begun.
#[derive(Clone)]
pub(super) struct BegunUpload {
    blob: GrowingBlob,
    repository: Repository,
    /// Whether the repository has the layer, once the upload has ended.
    outcome: watch::Receiver<Option<bool>>,
}

impl BegunUpload {
    /// Waits for its end. Gives the repository if that has the layer.
    pub(super) async fn ended(mut self) -> Option<Repository> {
        let outcome = self.outcome.wait_for(Option::is_some).await;
        // If the sender is gone, the upload has not succeeded.
        let has_layer = outcome.is_ok_and(|outcome| *outcome == Some(true));
        has_layer.then_some(self.repository)
    }
}

/// The early uploads of a push.
#[derive(Default)]
pub(super) struct EarlyUploads(Mutex<Vec<BegunUpload>>);

impl EarlyUploads {
    /// Begins the upload of a layer, unless `at_most` uploads are running.
    pub(super) fn begin(&self, layer: BegunLayer, target: &Target, at_most: usize) -> Option<EarlyUpload> {
        let mut uploads = lock(&self.0);
        let running = uploads.iter().filter(|upload| upload.outcome.borrow().is_none());
        if running.count() >= at_most {
            return None;
        }
        let (sender, outcome) = watch::channel(None);
        let (blob, repository) = (layer.blob.clone(), target.repository.clone());
        uploads.push(BegunUpload { blob, repository, outcome });
        Some(EarlyUpload { layer, target: target.clone(), outcome: sender })
    }

    /// The upload of a finished layer to a registry.
    pub(super) fn find(&self, digest: &Digest, host: &str) -> Option<BegunUpload> {
        let uploads = lock(&self.0);
        let mut of_host = uploads.iter().filter(|upload| upload.repository.host == host);
        of_host.find(|upload| upload.blob.digest().as_ref() == Some(digest)).cloned()
    }
}
