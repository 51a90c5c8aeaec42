//! Folds a [`Tree`] into a layer blob: a deterministic tar in one gzip member, hashed while it is written.
//!
//! The same tree gives the same bytes on every machine. A tree whose files have not changed since its blob was made is
//! recognised without reading any of them. This module decides nothing about which file goes where.

mod bytecode;
mod deflate;
mod gzip;
mod key;
mod tar;

use std::io::{self, BufWriter, Read};

use serde::{Deserialize, Serialize};

use crate::fs::FsError;
use crate::store::{Blob, BlobWriter, Digest, HashingWriter, Store};
use crate::tree::{FileIndex, Tree, TreeError};
use gzip::{GzipWriter, Processors};

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
    /// A layer that is known by its record, and whose bytes are made again, has other ones.
    #[error(
        "its files now give {found}, not {expected} as before, although neither their sizes nor their times have changed"
    )]
    Changed {
        /// The digest of the blob by its record.
        expected: Digest,
        /// The digest that was found.
        found: Digest,
    },
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
    if let Some(layer) = store.record::<LayerBlob>(RECORD, key) {
        // Its bytes are nobody's business until a destination lacks them.
        let blob = store.place(&layer.digest, layer.size);
        return Ok(StoredLayer { layer, blob, reused: true });
    }
    let Compressed { writer, diff_id } = compress(store, |output| tar::write(tree, base, mtime, output))?;
    let (layer, blob) = commit(writer, diff_id)?;
    if tree.is_settled() {
        store.keep_record(RECORD, key, &layer)?;
    }
    Ok(StoredLayer { layer, blob, reused: false })
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
    let Some(known) = store.record::<LayerBlob>(RECORD, key) else { return Ok(false) };
    let is_stale = diff_id(tree, base, mtime)? != known.diff_id;
    if is_stale {
        store.forget_record(RECORD, key)?;
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

/// The `diff_id` that the layer of a tree has, without making it: every file is read, nothing is compressed or kept.
///
/// # Errors
/// When a file cannot be read, or changed while limg was working.
pub fn diff_id(tree: &Tree, base: &FileIndex, mtime: u64) -> Result<Digest, LayerError> {
    let output = BufWriter::with_capacity(BUFFER, HashingWriter::new(io::sink()));
    let hashed = tar::write(tree, base, mtime, output)?.into_inner();
    let (_, diff_id, _) = hashed.map_err(|error| LayerError::Compress(error.into_error()))?.finish();
    Ok(diff_id)
}

/// The layer that was taken over with this `diff_id`, if the store still has it.
#[must_use]
pub fn imported(diff_id: &Digest, store: &Store) -> Option<StoredLayer> {
    let layer: LayerBlob = store.record(IMPORT_RECORD, diff_id)?;
    let blob = store.blob(&layer.digest).filter(|blob| blob.size == layer.size)?;
    Some(StoredLayer { layer, blob, reused: true })
}

/// What the tar is written to: buffer, hash, gzip, hash, file.
type TarOutput = BufWriter<HashingWriter<GzipWriter<'static, BlobWriter>>>;

/// A blob that has yet to get its name.
struct Compressed {
    writer: BlobWriter,
    diff_id: Digest,
}

/// Makes a blob in one pass of what `write` writes. An error leaves nothing in the store, nor does dropping the result.
fn compress(
    store: &Store,
    write: impl FnOnce(TarOutput) -> Result<TarOutput, LayerError>,
) -> Result<Compressed, LayerError> {
    let gzip = GzipWriter::new(store.writer()?, Processors::all()).map_err(LayerError::Compress)?;
    let uncompressed = write(BufWriter::with_capacity(BUFFER, HashingWriter::new(gzip)))?;

    let finish = || -> io::Result<_> {
        let hashed = uncompressed.into_inner().map_err(io::IntoInnerError::into_error)?;
        let (gzip, diff_id, _) = hashed.finish();
        Ok((gzip.finish()?, diff_id))
    };
    let (writer, diff_id) = finish().map_err(LayerError::Compress)?;
    Ok(Compressed { writer, diff_id })
}

fn commit(writer: BlobWriter, diff_id: Digest) -> Result<(LayerBlob, Blob), LayerError> {
    let (digest, blob) = writer.commit()?;
    Ok((LayerBlob { digest, diff_id, size: blob.size }, blob))
}

#[cfg(test)]
mod tests;
