//! The blobs of pushed images, which the store remembers: a later plan compares with them without asking a registry.

use std::collections::BTreeSet;

use crate::pipeline::built::Built;
use crate::store::{Digest, Store};

/// The kind of the store's records, by the digests of images.
const RECORD: &str = "pushed-images-1";

/// Remembers the blobs of an image.
pub(super) fn remember(image: &Digest, built: &Built, store: &Store) {
    let layers = built.image.unique_blobs();
    let blobs: Vec<_> =
        layers.iter().map(|layer| &layer.digest).chain([built.image.config_digest()]).collect();
    // The record only saves questions, and the store may be read-only.
    let _unrecorded = store.write_record(RECORD, image, &blobs);
}

/// The blobs of an image that was pushed; none if the store has forgotten it.
pub(super) fn of(image: &Digest, store: &Store) -> BTreeSet<Digest> {
    store.record(RECORD, image).unwrap_or_default()
}
