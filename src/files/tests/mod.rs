pub(crate) mod fixture;
pub(crate) mod model;
mod overlay;
mod tar_entries;

use super::*;
use crate::project::ImagePath;
use crate::shared::Shared;
use fixture::{TestEntry, parsed, tar};

/// The view of these layers.
pub(crate) fn overlay_of(tars: &[&[u8]]) -> Overlay {
    let mut overlay = Overlay::default();
    for tar in tars {
        overlay.add_layer(*tar, |_, _, _| Ok(())).unwrap();
    }
    overlay
}

/// The full index of an image of these layers.
pub(crate) fn index_of(tars: &[&[u8]]) -> FileIndex {
    overlay_of(tars).into_index()
}

/// The full index of an image with layers of entries as [`parsed`] reads them, all of them executable.
pub(crate) fn base_of(layers: &[&[&str]]) -> Shared<FileIndex> {
    let entries =
        |entries: &&[&str]| entries.iter().map(|text| parsed(text).mode(0o755)).collect::<Vec<TestEntry>>();
    base_of_entries(&layers.iter().map(entries).collect::<Vec<_>>())
}

/// The full index of an image with layers of these entries.
pub(crate) fn base_of_entries(layers: &[Vec<TestEntry>]) -> Shared<FileIndex> {
    let tars: Vec<_> = layers.iter().map(|layer| tar(layer)).collect();
    Shared::new(index_of(&tars.iter().map(Vec::as_slice).collect::<Vec<_>>()))
}
