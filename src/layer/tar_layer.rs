//! Layers that are sent as they are: a plain tar, written from the files whenever it is wanted.
//!
//! An engine takes layers apart at once, so that to compress one for it is work for nothing. Digest and size must be known
//! before the first byte goes out: they are found by one pass over the files, and kept for as long as these do not change.
//! Nothing of the tar itself is kept.

use std::io::{self, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BUFFER, LayerError, tar};
use crate::store::{Digest, HashingWriter, Store};
use crate::tree::{FileIndex, Tree};

/// The record of a tar under the key of its layer. Its name changes when the meaning of the key or of the record does.
pub(super) const RECORD: &str = "tars-1";

/// A layer that can be written as a plain tar.
#[derive(Debug, Clone)]
pub struct TarLayer {
    tree: Arc<Tree>,
    base: Arc<FileIndex>,
    mtime: u64,
    tar: TarRecord,
}

/// What a tar is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TarRecord {
    pub(super) diff_id: Digest,
    pub(super) size: u64,
}

impl TarRecord {
    /// What was found under this key before.
    pub(super) fn find(key: &Digest, store: &Store) -> Option<Self> {
        store.record(RECORD, key)
    }

    /// Reads all files of a tree and keeps nothing of them.
    pub(super) fn compute(tree: &Tree, base: &FileIndex, mtime: u64) -> Result<Self, LayerError> {
        Self::write(tree, base, mtime, io::sink())
    }

    /// Writes the tar of a tree and says what was written.
    fn write(tree: &Tree, base: &FileIndex, mtime: u64, output: impl Write) -> Result<Self, LayerError> {
        let output = io::BufWriter::with_capacity(BUFFER, HashingWriter::new(output));
        let hashed = tar::write(tree, base, mtime, output)?.into_inner();
        let (_, diff_id, size) = hashed.map_err(|error| LayerError::Send(error.into_error()))?.finish();
        Ok(Self { diff_id, size })
    }
}

impl TarLayer {
    /// The layer of a tree, if one of the same files has been read before; no file is read.
    ///
    /// `key` is what [`key()`](super::key()) gives for the same arguments; `mtime` is the time of every entry, in seconds
    /// since 1970.
    #[must_use]
    pub fn find(
        tree: &Arc<Tree>,
        base: &Arc<FileIndex>,
        mtime: u64,
        key: &Digest,
        store: &Store,
    ) -> Option<Self> {
        TarRecord::find(key, store).map(|tar| Self {
            tree: Arc::clone(tree),
            base: Arc::clone(base),
            mtime,
            tar,
        })
    }

    /// Reads the files of a tree for what their layer is; the arguments are those of [`find`](Self::find).
    ///
    /// # Errors
    /// When a file cannot be read or changed while limg was working, or the store cannot be written.
    pub fn read(
        tree: &Arc<Tree>,
        base: &Arc<FileIndex>,
        mtime: u64,
        key: &Digest,
        store: &Store,
    ) -> Result<Self, LayerError> {
        let tar = TarRecord::compute(tree, base, mtime)?;
        if tree.is_settled() {
            store.write_record(RECORD, key, &tar)?;
        }
        Ok(Self { tree: Arc::clone(tree), base: Arc::clone(base), mtime, tar })
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
    /// When a file cannot be read, the output cannot be written, or, once all is written, when it is not the tar that was
    /// announced.
    pub fn write(&self, output: impl Write) -> Result<(), LayerError> {
        let written = TarRecord::write(&self.tree, &self.base, self.mtime, output)?;
        if written == self.tar {
            Ok(())
        } else {
            Err(LayerError::Changed { expected: self.tar.diff_id.clone(), found: written.diff_id })
        }
    }
}
