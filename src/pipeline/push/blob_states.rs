//! What a push knows about blobs and tags in repositories. Nothing is asked or sent here.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as AsyncMutex, OnceCell};

use crate::project::Repository;
use crate::store::Digest;
use crate::sync::lock;

/// How long the answer to the first question of a push holds.
const FRESH: Duration = Duration::from_secs(1);

/// How a blob got into a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlobOutcome {
    Uploaded,
    Mounted,
    Present,
}

/// The state of a blob in all repositories.
#[derive(Default)]
pub(super) struct BlobState {
    /// Held while the blob is pushed to the first repository of a registry.
    pub(super) first_push: AsyncMutex<()>,
    pub(super) copies: Mutex<BTreeMap<Repository, Arc<BlobCopy>>>,
}

/// The state of a blob in one repository.
#[derive(Default)]
pub(super) struct BlobCopy {
    /// The answer to the question whether it was there.
    pub(super) present: OnceCell<bool>,
    /// How it got there, if it was not.
    pub(super) pushed: OnceCell<BlobOutcome>,
    /// Whether it is part of an image that is there.
    pub(super) is_in_image: AtomicBool,
    /// Whether it was sent there while it was made. Then the question may have been answered before or after that.
    pub(super) sent_early: AtomicBool,
}

impl BlobCopy {
    pub(super) fn outcome(&self) -> Option<BlobOutcome> {
        let is_there = || self.present.get() == Some(&true) || self.is_in_image.load(Ordering::Relaxed);
        if self.sent_early.load(Ordering::Relaxed) {
            return Some(BlobOutcome::Uploaded);
        }
        self.pushed.get().copied().or_else(|| is_there().then_some(BlobOutcome::Present))
    }
}

impl BlobState {
    pub(super) fn copy(&self, repository: &Repository) -> Arc<BlobCopy> {
        Arc::clone(lock(&self.copies).entry(repository.clone()).or_default())
    }

    /// The other repositories of the same registry that contain the blob.
    pub(super) fn other_copies(&self, repository: &Repository) -> Vec<Repository> {
        let copies = lock(&self.copies);
        let others =
            copies.iter().filter(|(other, _)| other.host == repository.host && other.name != repository.name);
        others.filter(|(_, copy)| copy.outcome().is_some()).map(|(other, _)| other.clone()).collect()
    }
}

/// The answer to the question for a tag when a push began.
pub(super) struct FirstAnswer {
    pub(super) repository: Repository,
    pub(super) tag: String,
    pub(super) digest: Option<Digest>,
    pub(super) at: Instant,
}

impl FirstAnswer {
    /// Whether it answers the question for a tag or digest of a repository, and still holds.
    pub(super) fn is_to(&self, repository: &Repository, version: &str) -> bool {
        self.repository == *repository && self.tag == version && self.at.elapsed() < FRESH
    }
}
