//! Files of another image as the tree of a layer, without unpacking it: `COPY --from`, without Docker.
//!
//! The image's layers are on this machine. They are read twice at the most: once to find what the image has at each path,
//! and those that hold wanted files once more for their contents, which the store keeps. What was found is recorded, so
//! that the next time no layer is read at all. This module decides nothing about where Lambda wants a file.

mod contents;
mod error;
mod find;
mod listing;
mod overlay;
mod ready;
mod stream;

use std::collections::BTreeSet;

pub use error::ExtractError;
pub use ready::suits;

use crate::image::Layer;
use crate::project::ImagePath;
use crate::store::{Blob, Digest, Store};
use crate::tree::{IMAGE_SIZE_LIMIT, Tree};
use listing::{Entry, Listing, Taken};
use overlay::{Origin, Overlay};
use ready::Candidate;

/// What was taken from an image.
#[derive(Debug)]
pub struct Extracted {
    /// The files at their new place.
    pub tree: Tree,
    /// The layer of the image that already is exactly this tree, in the form that limg's own layers have. Whoever uses it
    /// asks [`suits`] first.
    pub ready: Option<Layer>,
}

/// Takes what stands at `path` of the image that consists of these layers, the lowest first, and places it at `to`: a
/// directory with everything in it, or one file. `path` may lead through symbolic links of the image.
///
/// Modes are normalised as for every tree. Symbolic links keep their targets as they are written, also where they are
/// absolute or lead out of the path: they were made for an image, where such a target has its place, which the base may
/// well have, and that is what `COPY --from` of a Dockerfile does. A link to an absolute path below `path` therefore leads
/// nowhere if `to` is another one.
///
/// The image itself may be larger than Lambda takes; what is taken of it may not. Memory use depends on the number of the
/// image's files, which is limited, and not on their sizes.
///
/// # Errors
/// When there is nothing at `path`, or something that a layer cannot hold; when a layer is damaged or cannot be read; when
/// the store cannot be written. What was read of a damaged layer is neither recorded nor kept.
pub fn extract(
    layers: &[Layer],
    path: &ImagePath,
    to: &ImagePath,
    store: &Store,
) -> Result<Extracted, ExtractError> {
    if let Some(kept) = recorded(layers, path, to, store) {
        return kept;
    }
    let (listing, contents) = list(layers, path, store)?;
    listing.keep(&key(layers, path), store)?;
    placed(listing, &contents, layers, path, to)
}

/// What [`extract`] gives, if it has been asked before: then no layer need be on this machine.
///
/// # Errors
/// When what was taken cannot be placed.
#[must_use]
pub fn recorded(
    layers: &[Layer],
    path: &ImagePath,
    to: &ImagePath,
    store: &Store,
) -> Option<Result<Extracted, ExtractError>> {
    let (listing, contents) = Listing::kept(&key(layers, path), store)?;
    Some(placed(listing, &contents, layers, path, to))
}

fn placed(
    listing: Listing,
    contents: &Blob,
    layers: &[Layer],
    path: &ImagePath,
    to: &ImagePath,
) -> Result<Extracted, ExtractError> {
    // Its size too, which no digest vouches for in another image's manifest.
    let is_ready = |layer: &&Layer| {
        to == path
            && listing
                .ready
                .as_ref()
                .is_some_and(|(digest, size)| *digest == layer.digest && *size == layer.size)
    };
    let ready = layers.iter().find(is_ready).cloned();
    Ok(Extracted { tree: listing.tree(contents, path, to)?, ready })
}

/// What the result depends on: the layers, which their digests stand for, and the path.
fn key(layers: &[Layer], path: &ImagePath) -> Digest {
    let mut text = format!("{path}\0");
    for layer in layers {
        // Both, since another image may claim another one of the same blob.
        text.extend([layer.digest.as_str(), " ", layer.diff_id.as_str(), "\n"]);
    }
    Digest::of(text.as_bytes())
}

/// Finds what the image has at `path` and keeps the contents.
fn list(layers: &[Layer], path: &ImagePath, store: &Store) -> Result<(Listing, Blob), ExtractError> {
    let mut image = Overlay::default();
    let mut candidates = Vec::new();
    for (number, layer) in layers.iter().enumerate() {
        let mut candidate = Candidate::new(path);
        let ((), form) = stream::read(layer, |tar| {
            let see = |entry: &_, path: Option<&_>| candidate.see(entry, path);
            let added = image.add_layer(number, tar, see);
            added.map_err(|source| ExtractError::Layer { layer: layer.digest.clone(), source })
        })?;
        if form.is_one_member && form.is_complete {
            candidates.push((number, candidate));
        }
    }
    let root = find::find(&image, path)?;
    let found = listing::select(&image, &root, path)?;
    // Where links lead elsewhere, the layers above have been looked at for another path.
    let is_ready = |(number, candidate): &&(usize, Candidate<'_>)| {
        root == *path && candidate.is_exactly(*number, &image)
    };
    let ready = candidates.iter().find(is_ready).map(|(number, _)| &layers[*number]);
    let ready = ready.map(|layer| (layer.digest.clone(), layer.blob.size));

    let origins: BTreeSet<Origin> = found.values().filter_map(Entry::content).copied().collect();
    let contents = contents::keep(layers, &origins, store)?;
    // A layer without an entry that it had before is another one than before.
    let content = |origin: Origin| {
        let lost = || ExtractError::Digest { expected: layers[origin.layer].digest.clone() };
        contents.stretches.get(&origin).cloned().ok_or_else(lost)
    };
    let mut entries = Taken::new();
    for (path, entry) in found {
        entries.insert(path, entry.with_content(content)?);
    }
    Ok((Listing { entries, contents: (contents.digest, contents.blob.size), ready }, contents.blob))
}

#[cfg(test)]
mod tests;
