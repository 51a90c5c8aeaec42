//! Layers as plain tars, written from their files whenever they are needed.
//!
//! A container engine unpacks layers at once, so compressing them for it is wasted work. Digest and size must be known before
//! the first byte is sent: one pass over the files computes them, and a record keeps them while the files do not change. The
//! tar itself is not stored.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::{BUFFER, LayerError, tar_writer};
use crate::files::FileIndex;
use crate::shared::Shared;
use crate::store::{Digest, HashingWriter, Store};
use crate::tree::Tree;

/// The kind of the records of tars, by the keys of their layers. Change it when the meaning of the key or of the record
/// changes.
pub(super) const RECORD: &str = "tars-1";

/// A layer that can be written as a plain tar.
#[derive(Debug, Clone)]
pub struct TarLayer {
    tree: Shared<Tree>,
    base: Shared<FileIndex>,
    mtime: u64,
    tar: TarRecord,
}

/// What the store records about a tar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TarRecord {
    pub(super) diff_id: Digest,
    pub(super) size: u64,
}

impl TarRecord {
    pub(super) fn find(key: &Digest, store: &Store) -> Option<Self> {
        store.record(RECORD, key)
    }

    /// Reads all files of a tree.
    pub(super) fn compute(tree: &Tree, base: &FileIndex, mtime: u64) -> Result<Self, LayerError> {
        Self::write(tree, base, mtime, io::sink())
    }

    /// Writes the tar of a tree.
    fn write(tree: &Tree, base: &FileIndex, mtime: u64, output: impl Write) -> Result<Self, LayerError> {
        let output = io::BufWriter::with_capacity(BUFFER, HashingWriter::new(output));
        let hashed = tar_writer::write(tree, base, mtime, output)?.into_inner();
        let (_, diff_id, size) = hashed.map_err(|error| LayerError::Send(error.into_error()))?.finish();
        Ok(Self { diff_id, size })
    }
}

impl TarLayer {
    /// The layer of a tree, if a layer of the same files was recorded before. Reads no file.
    ///
    /// `key` is what [`key()`](super::key()) returns for the same arguments; `mtime` is the time of every entry, in seconds
    /// since 1970.
    #[must_use]
    pub fn find(
        tree: &Shared<Tree>,
        base: &Shared<FileIndex>,
        mtime: u64,
        key: &Digest,
        store: &Store,
    ) -> Option<Self> {
        let tar = TarRecord::find(key, store)?;
        Some(Self { tree: tree.clone(), base: base.clone(), mtime, tar })
    }

    /// Reads all files of a tree to compute the digest and size of its layer. The arguments are those of
    /// [`find`](Self::find).
    ///
    /// # Errors
    /// When a file cannot be read or changes at the same time, or the store cannot be written.
    pub fn read(
        tree: &Shared<Tree>,
        base: &Shared<FileIndex>,
        mtime: u64,
        key: &Digest,
        store: &Store,
    ) -> Result<Self, LayerError> {
        let tar = TarRecord::compute(tree, base, mtime)?;
        if tree.has_reliable_times() {
            store.write_record(RECORD, key, &tar)?;
        }
        Ok(Self { tree: tree.clone(), base: base.clone(), mtime, tar })
    }

    /// The digest of the tar.
    #[must_use]
    pub fn diff_id(&self) -> &Digest {
        &self.tar.diff_id
    }

    /// The size of the tar in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tar.size
    }

    /// Writes the tar.
    ///
    /// # Errors
    /// When a file cannot be read, the output cannot be written, or the complete tar does not match digest and size.
    pub fn write(&self, output: impl Write) -> Result<(), LayerError> {
        let written = TarRecord::write(&self.tree, &self.base, self.mtime, output)?;
        if written == self.tar {
            Ok(())
        } else {
            Err(LayerError::Changed { expected: self.tar.diff_id.clone(), found: written.diff_id })
        }
    }
}
