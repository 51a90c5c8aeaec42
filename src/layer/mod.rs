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

use crate::fs::FsError;
use crate::store::{Blob, BlobWriter, Digest, Store};
use crate::tree::{FileIndex, Tree, TreeError};
use gzip::{GzipWriter, Processors};
use uncompressed::Tar;

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
    /// The files have other bytes than when they were read before.
    #[error(
        "files of a layer changed while limg was working: its tar has the digest {found}, not {expected}"
    )]
    Changed {
        /// What was announced.
        expected: Digest,
        /// What came.
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

/// A layer that the store has, and whether it had been made before.
#[derive(Debug, Clone)]
pub struct StoredLayer {
    /// What it is.
    pub layer: LayerBlob,
    /// Its bytes.
    pub blob: Blob,
    /// Whether an unchanged one was found.
    pub reused: bool,
}

/// What identifies a layer before it is made: everything that its bytes depend on, as far as a stat walk tells.
#[must_use]
pub fn key(tree: &Tree, base: &FileIndex, mtime: u64) -> Digest {
    key::of(tree, base, mtime)
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
    if let Some(found) = built(key, store) {
        return Ok(found);
    }
    let (layer, blob) = compress(store, |output| tar::write(tree, base, mtime, output))?;
    if tree.is_settled() {
        store.keep_record(RECORD, key, &layer)?;
    }
    Ok(StoredLayer { layer, blob, reused: false })
}

/// The layer that [`build`] made for this key, if the store still has it.
#[must_use]
pub fn built(key: &Digest, store: &Store) -> Option<StoredLayer> {
    find(RECORD, key, store)
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
    let (layer, blob) = compress(store, |mut output| {
        io::copy(&mut input, &mut output).map_err(LayerError::Import)?;
        Ok(output)
    })?;
    if layer.diff_id != *diff_id {
        return Err(LayerError::Import(io::Error::other(format!(
            "its digest is {}, not {diff_id}",
            layer.diff_id
        ))));
    }
    store.keep_record(IMPORT_RECORD, diff_id, &layer)?;
    Ok(StoredLayer { layer, blob, reused: false })
}

/// The `diff_id` that the layer of a tree has, without making it: every file is read, nothing is compressed or kept.
///
/// # Errors
/// When a file cannot be read, or changed while limg was working.
pub fn diff_id(tree: &Tree, base: &FileIndex, mtime: u64) -> Result<Digest, LayerError> {
    Tar::of(tree, base, mtime).map(|tar| tar.diff_id)
}

/// The layer that was taken over with this `diff_id`, if the store still has it.
#[must_use]
pub fn imported(diff_id: &Digest, store: &Store) -> Option<StoredLayer> {
    find(IMPORT_RECORD, diff_id, store)
}

/// The layer of a record, if the store still has its blob.
fn find(kind: &str, key: &Digest, store: &Store) -> Option<StoredLayer> {
    let layer: LayerBlob = store.record(kind, key)?;
    let blob = store.blob(&layer.digest).filter(|blob| blob.size == layer.size)?;
    Some(StoredLayer { layer, blob, reused: true })
}

/// What a layer is written to: hash, gzip, hash, file.
type LayerWriter = GzipWriter<'static, BlobWriter>;

/// Makes a blob in one pass of what `write` writes. An error leaves nothing in the store.
fn compress(
    store: &Store,
    write: impl FnOnce(LayerWriter) -> Result<LayerWriter, LayerError>,
) -> Result<(LayerBlob, Blob), LayerError> {
    let writer = GzipWriter::new(store.writer()?, Processors::all()).map_err(LayerError::Compress)?;
    let (writer, diff_id) = write(writer)?.finish().map_err(LayerError::compress)?;
    let (digest, blob) = writer.commit()?;
    Ok((LayerBlob { digest, diff_id, size: blob.size }, blob))
}

#[cfg(test)]
mod tests;
