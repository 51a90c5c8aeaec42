//! Repositories that contain large blobs, as far as earlier runs have seen: a registry can mount a blob from one of them
//! into a new repository, so that nothing has to be sent.
//!
//! What is known may be out of date. Then the registry refuses the mount.

use crate::project::Repository;
use crate::store::{Digest, Store};

/// The kind of the store's records, by the digests of blobs.
const RECORD: &str = "blob-places-1";

/// The size in bytes from which a blob is worth a record, or a question.
pub(super) const LARGE: u64 = 1024 * 1024;

/// How many repositories of a blob are remembered.
const REMEMBERED: usize = 8;

/// The names of repositories of a registry that contain a blob, the last seen first.
pub(super) fn of(digest: &Digest, size: u64, host: &str, store: &Store) -> Vec<String> {
    let known = if size < LARGE { Vec::new() } else { known(digest, store) };
    known.into_iter().filter(|(own, _)| own == host).map(|(_, name)| name).collect()
}

/// Remembers that a repository contains a blob.
pub(super) fn remember(digest: &Digest, size: u64, repository: &Repository, store: &Store) {
    let place = (repository.host.clone(), repository.name.clone());
    let mut known = if size < LARGE { return } else { known(digest, store) };
    if known.first() != Some(&place) {
        known.retain(|other| *other != place);
        known.insert(0, place);
        known.truncate(REMEMBERED);
        // The record only saves work, and the store may be read-only.
        let _unrecorded = store.write_record(RECORD, digest, &known);
    }
}

fn known(digest: &Digest, store: &Store) -> Vec<(String, String)> {
    store.record(RECORD, digest).unwrap_or_default()
}
