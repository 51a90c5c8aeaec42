//! The pins of one run: those that `limg.lock` contains, with the changes that the run makes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::error::PipelineError;
use crate::finding::S3Object;
use crate::fs;
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

    /// The name of a list of packages in the lock file, for a runtime and an architecture.
    pub(super) fn list_key(&self, list: &Path, target: &str) -> String {
        let folder = fs::folder_of(&self.file);
        let path = list.strip_prefix(folder).unwrap_or(list).display().to_string();
        format!("{} {target}", path.replace('\\', "/"))
    }

    /// What a list of packages stands for, if it is pinned.
    pub(super) fn packages(&self, list: &str) -> Option<(Digest, Vec<(String, Digest)>)> {
        match self.pinning {
            Pinning::Renew => None,
            Pinning::Add | Pinning::Locked => lock(&self.current).packages(list),
        }
    }

    pub(super) fn pin_packages(&self, list: &str, digest: Digest, wheels: Vec<(String, Digest)>) {
        lock(&self.current).pin_packages(list, digest, wheels);
    }

    /// Removes the pins of all other lists of packages.
    pub(super) fn retain_packages(&self, used: &BTreeSet<String>) {
        lock(&self.current).retain_packages(|list| used.contains(list));
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
