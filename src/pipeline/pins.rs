//! The pins of one run: those that `limg.lock` contains, with the changes that the run makes.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::error::PipelineError;
use crate::finding::S3Object;
use crate::lock::{Lock, LockError, PinChange};
use crate::project::{Architecture, ImageReference, LayerVersionArn};
use crate::store::Digest;
use crate::sync::lock;

/// What happens to names that are not pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pinning {
    /// They are resolved and pinned.
    Add,
    /// They are refused.
    Locked,
    /// Every name is resolved again, and pinned to the result.
    Renew,
}

/// The pins of a project during a run. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Pins {
    pinning: Pinning,
    file: PathBuf,
    /// What the file contained.
    before: Arc<Lock>,
    current: Arc<Mutex<Lock>>,
}

impl Pins {
    /// Reads a lock file. If it does not exist, nothing is pinned.
    ///
    /// # Errors
    /// When it cannot be read or is not a lock file.
    pub(crate) fn read(file: PathBuf, pinning: Pinning) -> Result<Self, LockError> {
        let lock = Lock::read(&file)?;
        Ok(Self { pinning, file, before: Arc::new(lock.clone()), current: Arc::new(Mutex::new(lock)) })
    }

    /// Whether only pinned names may be used.
    pub(super) fn are_locked(&self) -> bool {
        self.pinning == Pinning::Locked
    }

    /// The manifest that an image reference must be resolved to, if it is pinned.
    pub(super) fn image(&self, reference: &ImageReference, architecture: Architecture) -> Option<Digest> {
        self.get(|lock| lock.image(reference, architecture))
    }

    /// The zip that a layer version must have, if it is pinned.
    pub(super) fn layer_version(&self, arn: &LayerVersionArn) -> Option<Digest> {
        self.get(|lock| lock.layer(arn))
    }

    fn get(&self, pin: impl FnOnce(&Lock) -> Option<&Digest>) -> Option<Digest> {
        match self.pinning {
            Pinning::Renew => None,
            Pinning::Add | Pinning::Locked => pin(&lock(&self.current)).cloned(),
        }
    }

    /// Whether the lock file or this run has pinned an image.
    pub(super) fn contain_image(&self, reference: &ImageReference, architecture: Architecture) -> bool {
        lock(&self.current).image(reference, architecture).is_some()
    }

    pub(super) fn pin_image(&self, reference: &ImageReference, architecture: Architecture, digest: Digest) {
        lock(&self.current).pin_image(reference, architecture, digest);
    }

    pub(super) fn unpin_image(&self, reference: &ImageReference, architecture: Architecture) {
        lock(&self.current).unpin_image(reference, architecture);
    }

    pub(super) fn pin_layer_version(&self, arn: &LayerVersionArn, sha256: Digest) {
        lock(&self.current).pin_layer(arn, sha256);
    }

    /// Pins the content of an object in S3.
    pub(crate) fn pin_object(&self, object: &S3Object, sha256: Digest) {
        lock(&self.current).pin_object(object, sha256);
    }

    /// Removes the pins of all objects in S3 that `is_used` rejects.
    pub(crate) fn retain_objects(&self, is_used: impl Fn(&S3Object) -> bool) {
        lock(&self.current).retain_objects(is_used);
    }

    /// Removes the pins of all other images and layer versions.
    pub(super) fn retain(&self, images: &BTreeSet<ImageReference>, versions: &BTreeSet<LayerVersionArn>) {
        lock(&self.current).retain(images, versions);
    }

    /// What this run has changed.
    pub(super) fn changes(&self) -> Vec<PinChange> {
        lock(&self.current).changes(&self.before)
    }

    /// Writes what this run has changed to the lock file. Changes that another run has written meanwhile stay. This
    /// blocks.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub(super) fn write(&self) -> Result<(), PipelineError> {
        let changes = self.changes();
        if self.are_locked() || changes.is_empty() {
            return Ok(());
        }
        Lock::update(&self.file, |lock| changes.iter().for_each(|change| lock.apply(change)))?;
        Ok(())
    }
}
