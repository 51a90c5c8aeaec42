//! Which layers are being sent to which repositories while they are made. Nothing is sent here.

use std::sync::Mutex;

use tokio::sync::watch;

use super::Target;
use crate::pipeline::finished_layers::BegunLayer;
use crate::project::Repository;
use crate::store::{Digest, GrowingBlob};
use crate::sync::lock;

/// An upload that is to be made. It has ended when this is dropped.
pub(super) struct EarlyUpload {
    pub(super) layer: BegunLayer,
    pub(super) target: Target,
    _running: watch::Sender<()>,
}

/// An upload that has begun.
#[derive(Clone)]
pub(super) struct BegunUpload {
    blob: GrowingBlob,
    repository: Repository,
    /// Closed once the upload has ended.
    running: watch::Receiver<()>,
}

impl BegunUpload {
    fn is_running(&self) -> bool {
        self.running.has_changed().is_ok()
    }

    /// Waits for its end.
    pub(super) async fn ended(mut self) {
        while self.running.changed().await.is_ok() {}
    }
}

/// The early uploads of a push.
#[derive(Default)]
pub(super) struct EarlyUploads(Mutex<Vec<BegunUpload>>);

impl EarlyUploads {
    /// Begins the upload of a layer, unless `at_most` uploads are running.
    pub(super) fn begin(&self, layer: BegunLayer, target: &Target, at_most: usize) -> Option<EarlyUpload> {
        let mut uploads = lock(&self.0);
        if uploads.iter().filter(|upload| upload.is_running()).count() >= at_most {
            return None;
        }
        let (sender, running) = watch::channel(());
        let (blob, repository) = (layer.blob.clone(), target.repository.clone());
        uploads.push(BegunUpload { blob, repository, running });
        Some(EarlyUpload { layer, target: target.clone(), _running: sender })
    }

    /// The upload of a finished layer to a registry.
    pub(super) fn find(&self, digest: &Digest, host: &str) -> Option<BegunUpload> {
        let uploads = lock(&self.0);
        let mut of_host = uploads.iter().filter(|upload| upload.repository.host == host);
        of_host.find(|upload| upload.blob.digest().as_ref() == Some(digest)).cloned()
    }
}
