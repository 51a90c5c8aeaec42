//! Files of another image as the tree of a layer, like `COPY --from` but without unpacking the image and without Docker; and
//! files that are unpacked to run a program of an image.
//!
//! The image's layers are on this machine. They are read at most twice: once to find what the image has at each path, and
//! those that have selected files once more for the contents, which go into the store. The result is recorded: the next
//! time no layer is read. This module decides nothing about where Lambda looks for a file.

mod error;
mod pack;
mod resolve;
mod reusable_layer;
mod selection;
mod unpack;

pub(crate) use error::ExtractError;
pub(crate) use pack::{Pack, pack};
pub(crate) use reusable_layer::fits_base;
pub(crate) use unpack::{unpack, view};

use std::io::Read;

use crate::files::{Overlay, OverlayNode};
use crate::image::Layer;
use crate::project::ImagePath;
use crate::store::{Blob, Digest, Store};
use crate::tree::Tree;
use reusable_layer::Candidate;
use selection::{RECORD, StoredSelection};

/// Files taken from an image.
#[derive(Debug)]
pub(crate) struct Extracted {
    /// The files at their new place.
    pub tree: Tree,
    /// The layer of the image that already is exactly this tree in the form of limg's own layers. Call [`fits_base`]
    /// before using it.
    pub reusable_layer: Option<Layer>,
}

/// Takes what is at `path` of the image that consists of these layers, the lowest first, and places it at `to`: a
/// directory with everything in it, or one file. `path` may lead through symbolic links of the image.
///
/// Modes are normalised as for every tree. Symbolic links keep their targets, even if these are absolute or lead out of
/// the path, as with `COPY --from` of a Dockerfile: the base may well have what they point to. A link to an absolute path
/// below `path` therefore leads nowhere if `to` is another path.
///
/// The image may be larger than Lambda's limit, what is taken of it may not. Memory use depends on the number of the
/// image's files, which is limited, not on their sizes.
///
/// # Errors
/// When there is nothing at `path`, or something that a layer cannot contain; when a layer is damaged or cannot be read;
/// when the store cannot be written. What was read of a damaged layer is neither recorded nor kept.
pub(crate) fn extract(
    layers: &[Layer],
    path: &ImagePath,
    to: &ImagePath,
    store: &Store,
) -> Result<Extracted, ExtractError> {
    if let Some(recorded) = recorded(layers, path, to, store) {
        return recorded;
    }
    let (selection, contents) = read_selection(layers, path, store)?;
    store.write_record(RECORD, &key(layers, path), &selection)?;
    placed(selection, &contents, layers, path, to)
}

/// The recorded result of an earlier [`extract`], for which no layer has to be on this machine.
///
/// # Errors
/// When it cannot be placed at `to`.
#[must_use]
pub(crate) fn recorded(
    layers: &[Layer],
    path: &ImagePath,
    to: &ImagePath,
    store: &Store,
) -> Option<Result<Extracted, ExtractError>> {
    let (selection, contents) = StoredSelection::recorded(&key(layers, path), store)?;
    Some(placed(selection, &contents, layers, path, to))
}

fn placed(
    selection: StoredSelection,
    contents: &Blob,
    layers: &[Layer],
    path: &ImagePath,
    to: &ImagePath,
) -> Result<Extracted, ExtractError> {
    // The size is compared too: another image's manifest may declare a wrong one, and no digest covers it.
    let is_reusable = |layer: &&Layer| {
        to == path
            && selection
                .reusable_layer
                .as_ref()
                .is_some_and(|(digest, size)| *digest == layer.digest && *size == layer.size)
    };
    let reusable_layer = layers.iter().find(is_reusable).cloned();
    Ok(Extracted { tree: selection.tree(contents, path, to)?, reusable_layer })
}

/// What the result depends on: the layers, identified by their digests, and the path.
fn key(layers: &[Layer], path: &ImagePath) -> Digest {
    let mut text = format!("{path}\0");
    for layer in layers {
        // Both, since another image may declare a wrong diff ID for the same blob.
        text.extend([layer.digest.as_str(), " ", layer.diff_id.as_str(), "\n"]);
    }
    Digest::of(text.as_bytes())
}

/// Selects what the image has at `path` and packs the contents into the store.
fn read_selection(
    layers: &[Layer],
    path: &ImagePath,
    store: &Store,
) -> Result<(StoredSelection, Blob), ExtractError> {
    let mut image = Overlay::default();
    let mut candidates = Vec::new();
    for (number, layer) in (0..).zip(layers) {
        let mut candidate = Candidate::new(path);
        let check = |entry: &_, path: Option<&_>, _: &mut dyn Read| {
            candidate.check(entry, path);
            Ok(())
        };
        let form = image.add_blob(&layer.blob, &layer.digest, &layer.diff_id, check)?;
        if form.is_one_member && form.is_complete {
            candidates.push((number, layer, candidate));
        }
    }
    let root = resolve::resolve(&image, path)?;
    let selection = selection::select(&image, &root, path)?;
    // The candidates were checked for `path`: they do not count if links lead elsewhere.
    let mut candidates = candidates.iter().filter(|_| root == *path);
    let reusable = candidates.find(|(number, _, candidate)| candidate.is_exactly(*number, &image));
    let reusable_layer = reusable.map(|(_, layer, _)| (layer.digest.clone(), layer.blob.size));

    let origins = selection.values().filter_map(|node| match node {
        OverlayNode::File(file) => Some(file.origin),
        _ => None,
    });
    let pack = pack(layers, &origins.collect(), store)?;
    let stored = StoredSelection::new(&selection, &pack, reusable_layer, layers)?;
    Ok((stored, pack.blob))
}

#[cfg(test)]
mod tests;
