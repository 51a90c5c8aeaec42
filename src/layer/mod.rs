//! Folds a [`Tree`] into a layer blob: a deterministic tar in one gzip member, hashed while it is written.
//!
//! The same tree gives the same bytes on every machine. A tree whose files have not changed since its blob was made is
//! recognised without reading any of them. This module decides nothing about which file goes where.

mod bytecode;
mod deflate;
mod gzip;
mod key;
mod tar;
mod uncompressed;

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use crate::files::FileIndex;
use crate::fs::FsError;
use crate::store::{Blob, BlobWriter, Digest, Store};
use crate::tree::{Tree, TreeError};
use gzip::{GzipWriter, Processors};
use uncompressed::Tar;

pub use key::ENCODER;
pub use uncompressed::TarLayer;

/// The record of a made layer. Its name changes when the meaning of the key or of the record does.
const RECORD: &str = "layers-1";

/// The record of a layer that was taken over, by its `diff_id`.
const IMPORT_RECORD: &str = "imports-1";

/// Bytes gathered before they are hashed and compressed: tar writes headers of 512.
const BUFFER: usize = 64 * 1024;

/// A finished layer blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerBlob {
    /// The digest of the compressed blob.
    pub digest: Digest,
    /// The digest of the uncompressed tar (OCI image specification, config.md, "Layer `DiffID`").
    pub diff_id: Digest,
    /// The size of the compressed blob in bytes.
    pub size: u64,
}

/// A layer that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// A file of the tree could not be opened.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] FsError),
    /// Copying a file into the layer failed.
    #[error("failed to write `{what}` into a layer")]
    Write {
        /// Where the bytes come from.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Taking over an existing layer failed.
    #[error("failed to read a layer of the base image")]
    Import(#[source] io::Error),
    /// Compressing failed.
    #[error("failed to compress a layer")]
    Compress(#[source] io::Error),
    /// Handing a layer on failed.
    #[error("failed to hand a layer on")]
    Send(#[source] io::Error),
    /// A layer that is known by its record, and whose bytes are made again or sent, has other ones.
    #[error(
        "its files now give {found}, not {expected} as before, although neither their sizes nor their times have changed"
    )]
    Changed {
        /// The digest of its blob or tar by its record.
        expected: Digest,
        /// The digest that was found.
        found: Digest,
    },
}

impl LayerError {
    /// The failure of writing what `what` names. Files are read while others are written, and may be what failed.
    fn write(what: &impl ToString) -> impl FnOnce(io::Error) -> Self {
        move |error| match error.downcast() {
            Ok(tree) => Self::Tree(tree),
            Err(source) => Self::Write { what: what.to_string(), source },
        }
    }

    /// The failure of compressing.
    fn compress(error: io::Error) -> Self {
        error.downcast().map_or_else(Self::Compress, Self::Tree)
    }
}

impl LayerError {
    /// How to mend it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Changed { .. } => Some(
                "run the command with `--verify`, which reads all files and makes such layers anew"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// A layer that was made, now or before.
#[derive(Debug, Clone)]
pub struct StoredLayer {
    /// What it is.
    pub layer: LayerBlob,
    /// Its bytes. Those of one that was made before may have left the store ([`remake`]).
    pub blob: Blob,
    /// Whether an unchanged one was found.
    pub reused: bool,
}

/// What identifies a layer before it is made: everything that its bytes depend on, as far as a stat walk tells.
#[must_use]
pub fn key(tree: &Tree, base: &FileIndex, mtime: u64) -> Digest {
    key::of(tree, base, mtime)
}

/// [`ENCODER`], if nothing but the tar of a tree decides what its blob is: two layers of one `diff_id` and one encoder are
/// then the same to the last byte. Of a layer that takes over what a zip archive has deflated, the archive decides too.
#[must_use]
pub fn encoder(tree: &Tree) -> Option<&'static str> {
    tar::decides_alone(tree).then_some(ENCODER)
}

/// Makes the layer of a tree, or finds the one that was made of the same files before.
///
/// `key` is what [`key()`] gives for the same arguments; `mtime` is the time of every entry, in seconds since 1970.
/// Memory use does not depend on the size of the layer.
///
/// # Errors
/// When a file cannot be read, changed while limg was working, or the store cannot be written. The store then has
/// nothing of the layer.
pub fn build(
    tree: &Tree,
    base: &FileIndex,
    mtime: u64,
    key: &Digest,
    store: &Store,
) -> Result<StoredLayer, LayerError> {
    if let Some(found) = known(key, store) {
        return Ok(found);
    }
    let Compressed { writer, diff_id } = compress(store, |output| tar::write(tree, base, mtime, output))?;
    let (layer, blob) = commit(writer, diff_id)?;
    if tree.is_settled() {
        store.keep_record(RECORD, key, &layer)?;
    }
    Ok(StoredLayer { layer, blob, reused: false })
}

/// The layer that [`build`] made for this key before, if there is one. Its bytes are nobody's business until a destination
/// lacks them.
#[must_use]
pub fn known(key: &Digest, store: &Store) -> Option<StoredLayer> {
    let layer: LayerBlob = store.record(RECORD, key)?;
    let blob = store.place(&layer.digest, layer.size);
    Some(StoredLayer { layer, blob, reused: true })
}

/// Reads all files of a tree whose layer was made before, and forgets that layer if they give another one now.
///
/// # Errors
/// When a file cannot be read, changed while limg was working, or the store cannot be written.
pub fn forget_stale(
    tree: &Tree,
    base: &FileIndex,
    mtime: u64,
    key: &Digest,
    store: &Store,
) -> Result<bool, LayerError> {
    let blob = store.record(RECORD, key).map(|known: LayerBlob| (RECORD, known.diff_id));
    let tar = Tar::known(key, store).map(|known| (uncompressed::RECORD, known.diff_id));
    if blob.is_none() && tar.is_none() {
        return Ok(false);
    }
    let found = Tar::of(tree, base, mtime)?.diff_id;
    let mut is_stale = false;
    for (record, _) in blob.into_iter().chain(tar).filter(|(_, known)| *known != found) {
        store.forget_record(record, key)?;
        is_stale = true;
    }
    Ok(is_stale)
}

/// Makes the bytes of a layer again that [`build`] found by its record, and which the store does not have any more.
///
/// # Errors
/// As [`build`], or when the files give another layer than `expected`. The store then has nothing of it.
pub fn remake(
    tree: &Tree,
    base: &FileIndex,
    mtime: u64,
    expected: &Digest,
    store: &Store,
) -> Result<Blob, LayerError> {
    let Compressed { writer, .. } = compress(store, |output| tar::write(tree, base, mtime, output))?;
    writer.commit_as(expected)?.map_err(|found| LayerError::Changed { expected: expected.clone(), found })
}

/// Takes over a layer that exists as an uncompressed tar stream, as Docker hands them out, or finds it if it was taken
/// over before.
///
/// # Errors
/// When the stream cannot be read, is not what `diff_id` says, or the store cannot be written.
pub fn import(
    diff_id: &Digest,
    store: &Store,
    open: impl FnOnce() -> Result<Box<dyn Read>, FsError>,
) -> Result<StoredLayer, LayerError> {
    if let Some(found) = imported(diff_id, store) {
        return Ok(found);
    }
    let mut input = open()?;
    let compressed = compress(store, |mut output| {
        io::copy(&mut input, &mut output).map_err(LayerError::Import)?;
        Ok(output)
    })?;
    let found = compressed.diff_id;
    if found != *diff_id {
        let why = format!("its digest is {found}, not {diff_id}");
        return Err(LayerError::Import(io::Error::other(why)));
    }
    let (layer, blob) = commit(compressed.writer, found)?;
    store.keep_record(IMPORT_RECORD, diff_id, &layer)?;
    Ok(StoredLayer { layer, blob, reused: false })
}

/// The layer that was taken over with this `diff_id`, if the store still has it.
#[must_use]
pub fn imported(diff_id: &Digest, store: &Store) -> Option<StoredLayer> {
    let layer: LayerBlob = store.record(IMPORT_RECORD, diff_id)?;
    let blob = store.blob(&layer.digest).filter(|blob| blob.size == layer.size)?;
    Some(StoredLayer { layer, blob, reused: true })
}

/// What a layer is written to: hash, gzip, hash, file.
type LayerWriter = GzipWriter<'static, BlobWriter>;

/// A blob that has yet to get its name.
struct Compressed {
    writer: BlobWriter,
    diff_id: Digest,
}

/// Makes a blob in one pass of what `write` writes. An error leaves nothing in the store, nor does dropping the result.
fn compress(
    store: &Store,
    write: impl FnOnce(LayerWriter) -> Result<LayerWriter, LayerError>,
) -> Result<Compressed, LayerError> {
    let writer = GzipWriter::new(store.writer()?, Processors::all()).map_err(LayerError::Compress)?;
    let (writer, diff_id) = write(writer)?.finish().map_err(LayerError::compress)?;
    Ok(Compressed { writer, diff_id })
}

fn commit(writer: BlobWriter, diff_id: Digest) -> Result<(LayerBlob, Blob), LayerError> {
    let (digest, blob) = writer.commit()?;
    Ok((LayerBlob { digest, diff_id, size: blob.size }, blob))
}

#[cfg(test)]
mod tests;
