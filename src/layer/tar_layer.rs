//! Layers as plain tars, written from their files whenever they are needed.
//!
//! A container engine unpacks layers at once, so compressing them for it is wasted work. Digest and size must be known before
//! the first byte is sent: one pass over the files computes them, and a record keeps them while the files do not change. The
//! tar itself is not stored.

use std::io::{self, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BUFFER, LayerError, OnProgress, Recipe, tar_writer};
use crate::store::{Digest, HashingWriter, Store};

/// The kind of the records of tars, by the keys of their layers. Change it when the meaning of the key or of the record
/// changes.
pub(super) const RECORD: &str = "tars-1";

/// A layer that can be written as a plain tar.
#[derive(Debug, Clone)]
pub struct TarLayer {
    recipe: Arc<Recipe>,
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

    /// Reads all files of a layer.
    pub(super) fn compute(recipe: &Recipe, progress: OnProgress<'_>) -> Result<Self, LayerError> {
        Self::write(recipe, io::sink(), progress)
    }

    /// Writes the tar of a layer.
    fn write(recipe: &Recipe, output: impl Write, progress: OnProgress<'_>) -> Result<Self, LayerError> {
        let output = io::BufWriter::with_capacity(BUFFER, HashingWriter::new(output));
        let hashed = tar_writer::write(recipe, output, progress)?.into_inner();
        let (_, diff_id, size) = hashed.map_err(|error| LayerError::Send(error.into_error()))?.finish();
        Ok(Self { diff_id, size })
    }
}

impl TarLayer {
    /// A layer, if one of the same files was recorded before. Reads no file.
    #[must_use]
    pub fn find(recipe: &Arc<Recipe>, store: &Store) -> Option<Self> {
        let tar = TarRecord::find(&recipe.key, store)?;
        Some(Self { recipe: Arc::clone(recipe), tar })
    }

    /// Reads all files of a layer to compute its digest and size.
    ///
    /// # Errors
    /// When a file cannot be read or changes at the same time, or the store cannot be written.
    pub fn read(recipe: &Arc<Recipe>, store: &Store, progress: OnProgress<'_>) -> Result<Self, LayerError> {
        let tar = TarRecord::compute(recipe, progress)?;
        if recipe.tree.has_reliable_times() {
            store.write_record(RECORD, &recipe.key, &tar)?;
        }
        Ok(Self { recipe: Arc::clone(recipe), tar })
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
        let written = TarRecord::write(&self.recipe, output, &|_| ())?;
        if written == self.tar {
            Ok(())
        } else {
            Err(LayerError::Changed { expected: self.tar.diff_id.clone(), found: written.diff_id })
        }
    }
}
