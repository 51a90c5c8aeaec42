//! Turns a [`Tree`] into a layer: a deterministic tar in one gzip member, hashed while it is written.
//!
//! The same tree gives the same bytes on every machine. If no file has changed since a tree's layer was made, the layer is
//! found in the store without reading any of them. Which file belongs into which layer is decided elsewhere.

mod bytecode;
mod decompressed;
mod deflate;
mod entries;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod gzip;
mod key;
mod recipe;
mod tar_layer;
mod tar_writer;

use std::io::{self, Read, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, FailureKind, kind_of_work};
use crate::finding::Help;
use crate::fs::FsError;
use crate::store::{Blob, BlobWriter, Digest, Growth, Store};
use crate::tree::{Tree, TreeError};
use gzip::{GzipWriter, Workers};
use tar_layer::TarRecord;

pub use bytecode::{StaleBytecode, stale_bytecode};
pub use decompressed::decompressed;
pub use key::{ENCODER, key};
pub use recipe::Recipe;
pub use tar_layer::TarLayer;
pub(crate) use tar_writer::{header, pax_record};

/// The kind of the records of layers made from trees, by key. Change it when the meaning of the key or of the record
/// changes.
const RECORD: &str = "layers-1";

/// The kind of the records of imported layers, by `diff_id`.
const IMPORT_RECORD: &str = "imports-1";

/// The tar writer writes headers of 512 bytes; this many bytes are collected before they are hashed and compressed.
const BUFFER: usize = 64 * 1024;

/// A layer of an image: the blob is one gzip member that contains one tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The digest of the compressed blob.
    pub digest: Digest,
    /// The digest of the uncompressed tar (OCI image specification, config.md, "Layer `DiffID`").
    pub diff_id: Digest,
    /// The size of the compressed blob in bytes.
    pub size: u64,
    /// Where the blob is, or will be once it has been fetched or rebuilt ([`Blob::is_present`]).
    pub blob: Blob,
}

/// Called again and again with the number of bytes of a layer's files that have been packed.
pub type OnProgress<'a> = &'a dyn Fn(u64);

/// What the store records about a layer.
#[derive(Debug, Serialize, Deserialize)]
struct LayerRecord {
    digest: Digest,
    diff_id: Digest,
    size: u64,
}

impl LayerRecord {
    fn into_layer(self, blob: Blob) -> Layer {
        let Self { digest, diff_id, size } = self;
        Layer { digest, diff_id, size, blob }
    }
}

/// A layer that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// A file of the tree could not be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] FsError),
    /// A file or folder could not be written into the layer.
    #[error("failed to write `{what}` into a layer")]
    Write {
        /// The source of the bytes.
        what: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// An existing layer could not be imported.
    #[error("failed to read a layer of the base image")]
    Import(#[source] io::Error),
    /// Compression failed.
    #[error("failed to compress a layer")]
    Compress(#[source] io::Error),
    /// The recipient of a layer failed.
    #[error("failed to send a layer")]
    Send(#[source] io::Error),
    /// The files of a recorded layer give other bytes than before.
    #[error(
        "its files now give {found}, not {expected} as before, although neither their sizes nor their times have changed"
    )]
    Changed {
        /// The recorded digest of its blob or tar.
        expected: Digest,
        /// The digest that its files give now.
        found: Digest,
    },
}

impl LayerError {
    /// The failure to write `what`. The cause may be another file, which was read at the same time.
    fn write(what: &impl ToString) -> impl FnOnce(io::Error) -> Self {
        move |error| match error.downcast() {
            Ok(tree) => Self::Tree(tree),
            Err(source) => Self::Write { what: what.to_string(), source },
        }
    }

    /// The failure to compress, or to read a file for it.
    fn compress(error: io::Error) -> Self {
        error.downcast().map_or_else(Self::Compress, Self::Tree)
    }
}

impl Failure for LayerError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Tree(source) => source.kind(),
            _ => kind_of_work(self),
        }
    }

    fn help(&self) -> Option<Help> {
        match self {
            Self::Tree(source) => source.help(),
            Self::Changed { .. } => Some(
                "run the command with `--verify` to read all files again and rebuild the layers that differ"
                    .into(),
            ),
            _ => None,
        }
    }
}

/// [`ENCODER`], if the blob of a tree depends on its tar alone: two such layers with the same `diff_id` and encoder are
/// identical byte for byte. A layer that contains deflated data copied from a zip archive also depends on that archive.
#[must_use]
pub fn encoder(tree: &Tree) -> Option<&'static str> {
    entries::has_no_deflated(tree).then_some(ENCODER)
}

/// Makes a layer. What there is of its blob meanwhile is shown in `growth`.
///
/// Memory use does not depend on the size of the layer.
///
/// # Errors
/// When a file cannot be read or changes at the same time, or the store cannot be written. Nothing of the layer is then
/// left in the store.
pub fn build(
    recipe: &Recipe,
    store: &Store,
    growth: Option<Arc<Growth>>,
    progress: OnProgress<'_>,
) -> Result<Layer, LayerError> {
    let mut writer = store.writer()?;
    growth.map_or(Ok(()), |growth| writer.show(growth))?;
    let (writer, diff_id) = compress(writer, |output| tar_writer::write(recipe, output, progress))?;
    let (record, blob) = commit(writer, diff_id)?;
    if recipe.tree.has_reliable_times() {
        store.write_record(RECORD, &recipe.key, &record)?;
    }
    Ok(record.into_layer(blob))
}

/// The layer that [`build`] made for this key before. Its blob may have been removed from the store since; it is needed
/// only by a destination that lacks it.
#[must_use]
pub fn find(key: &Digest, store: &Store) -> Option<Layer> {
    let record: LayerRecord = store.record(RECORD, key)?;
    let blob = store.expected_blob(&record.digest, record.size);
    Some(record.into_layer(blob))
}

/// Whether the store knows any layer that [`build`] made.
#[must_use]
pub fn has_made_any(store: &Store) -> bool {
    store.has_records(RECORD)
}

/// Reads all files of a layer that is recorded, and removes the record if they give another layer now. Returns
/// whether it was removed.
///
/// # Errors
/// When a file cannot be read or changes at the same time, or the store cannot be written.
pub fn forget_stale(recipe: &Recipe, store: &Store, progress: OnProgress<'_>) -> Result<bool, LayerError> {
    let key = &recipe.key;
    let blob = store.record(RECORD, key).map(|known: LayerRecord| (RECORD, known.diff_id));
    let tar = TarRecord::find(key, store).map(|known| (tar_layer::RECORD, known.diff_id));
    if blob.is_none() && tar.is_none() {
        return Ok(false);
    }
    let found = TarRecord::compute(recipe, progress)?.diff_id;
    let mut is_stale = false;
    for (kind, _) in blob.into_iter().chain(tar).filter(|(_, known)| *known != found) {
        store.remove_record(kind, key)?;
        is_stale = true;
    }
    Ok(is_stale)
}

/// Makes the blob of a recorded layer again after it was removed from the store.
///
/// # Errors
/// As [`build`], or when the files give another layer than `expected`. Nothing of it is then left in the store.
pub fn rebuild(
    recipe: &Recipe,
    expected: &Digest,
    store: &Store,
    progress: OnProgress<'_>,
) -> Result<Blob, LayerError> {
    let (writer, _) = compress(store.writer()?, |output| tar_writer::write(recipe, output, progress))?;
    writer.commit_as(expected)?.map_err(|found| LayerError::Changed { expected: expected.clone(), found })
}

/// Compresses a layer that comes as an uncompressed tar stream, as Docker provides it; or finds it if it was imported before.
///
/// # Errors
/// When the stream cannot be read or does not match `diff_id`, or the store cannot be written.
pub fn import(
    diff_id: &Digest,
    store: &Store,
    open: impl FnOnce() -> Result<Box<dyn Read>, FsError>,
) -> Result<Layer, LayerError> {
    if let Some(found) = find_imported(diff_id, store) {
        return Ok(found);
    }
    let mut input = open()?;
    let (writer, found) = compress(store.writer()?, |mut output| {
        io::copy(&mut input, &mut output).map_err(LayerError::Import)?;
        Ok(output)
    })?;
    if found != *diff_id {
        let why = format!("its digest is {found}, not {diff_id}");
        return Err(LayerError::Import(io::Error::other(why)));
    }
    let (record, blob) = commit(writer, found)?;
    store.write_record(IMPORT_RECORD, diff_id, &record)?;
    Ok(record.into_layer(blob))
}

/// Compresses a tar that `write` writes in pieces of any size.
///
/// # Errors
/// When `write` fails, or the store cannot be written. Nothing of the layer is then left in the store.
pub fn of_tar<E: From<LayerError>>(
    store: &Store,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<Layer, E> {
    let writer = store.writer().map_err(LayerError::Store)?;
    let mut writer = GzipWriter::new(writer, Workers::all()).map_err(LayerError::Compress)?;
    write(&mut writer)?;
    let (writer, diff_id) = writer.finish().map_err(LayerError::compress)?;
    let (record, blob) = commit(writer, diff_id)?;
    Ok(record.into_layer(blob))
}

/// The layer that was imported with this `diff_id`, if the store still has it.
#[must_use]
pub fn find_imported(diff_id: &Digest, store: &Store) -> Option<Layer> {
    let record: LayerRecord = store.record(IMPORT_RECORD, diff_id)?;
    let blob = store.blob(&record.digest).filter(|blob| blob.size == record.size)?;
    Some(record.into_layer(blob))
}

/// Hashes the tar, compresses it, hashes the blob, and writes it to a file.
type LayerWriter = GzipWriter<'static, BlobWriter>;

/// Compresses what `write` writes, in one pass. Returns the blob and its `diff_id`. Nothing is left in the store after an
/// error, or if the blob is not committed.
fn compress(
    writer: BlobWriter,
    write: impl FnOnce(LayerWriter) -> Result<LayerWriter, LayerError>,
) -> Result<(BlobWriter, Digest), LayerError> {
    let writer = GzipWriter::new(writer, Workers::all()).map_err(LayerError::Compress)?;
    write(writer)?.finish().map_err(LayerError::compress)
}

fn commit(writer: BlobWriter, diff_id: Digest) -> Result<(LayerRecord, Blob), LayerError> {
    let (digest, blob) = writer.commit()?;
    Ok((LayerRecord { digest, diff_id, size: blob.size }, blob))
}

#[cfg(test)]
mod tests;
