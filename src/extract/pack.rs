//! The contents of the selected files, packed into one blob of the store, one after another.
//!
//! One blob for all, because the store syncs every finished blob to the disk, which costs more than a small file's bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Read, Write};

use serde::{Deserialize, Serialize};

use super::ExtractError;
use crate::files::{LayerReadError, Origin, TarEntries, read_layer};
use crate::fs::FsError;
use crate::image::Layer;
use crate::store::{Blob, BlobWriter, Digest, HashingWriter, Store};

/// Bytes copied at a time.
const BUFFER: usize = 64 * 1024;

/// Where the content of a file is in the pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PackedContent {
    /// Where it begins, in bytes.
    pub offset: u64,
    pub size: u64,
    /// Its own digest.
    pub digest: Digest,
}

/// A file in the pack.
#[derive(Debug, Clone)]
pub(crate) struct PackedFile {
    /// When it was last modified, in seconds since 1970.
    pub modified: Option<i64>,
    pub content: PackedContent,
}

/// A blob with the contents of files.
pub(crate) struct Pack {
    pub digest: Digest,
    pub blob: Blob,
    pub files: BTreeMap<Origin, PackedFile>,
}

/// Copies the contents of these entries into the store. Layers with none of them are not read.
///
/// # Errors
/// When a layer cannot be read or is damaged, or the store cannot be written. Then the store keeps nothing of it.
pub(crate) fn pack(layers: &[Layer], wanted: &BTreeSet<Origin>, store: &Store) -> Result<Pack, ExtractError> {
    let mut packer = Packer {
        writer: BufWriter::with_capacity(BUFFER, store.writer()?),
        store,
        size: 0,
        files: BTreeMap::new(),
    };
    for (number, layer) in (0..).zip(layers) {
        let of_layer = |entry| Origin { layer: number, entry };
        let range = of_layer(0)..=of_layer(u32::MAX);
        if let Some(last) = wanted.range(range).next_back() {
            let work = |tar: &mut dyn Read| packer.add_layer(layer, tar, wanted, *last);
            read_layer(&layer.blob, &layer.digest, &layer.diff_id, work)?;
        }
    }
    let writer = packer.writer.into_inner().map_err(|error| cannot_write(store)(error.into_error()))?;
    let (digest, blob) = writer.commit()?;
    Ok(Pack { digest, blob, files: packer.files })
}

struct Packer<'a> {
    writer: BufWriter<BlobWriter>,
    store: &'a Store,
    size: u64,
    files: BTreeMap<Origin, PackedFile>,
}

impl Packer<'_> {
    /// Copies the wanted entries of one layer, of which `last` is the last.
    fn add_layer(
        &mut self,
        layer: &Layer,
        tar: &mut dyn Read,
        wanted: &BTreeSet<Origin>,
        last: Origin,
    ) -> Result<(), ExtractError> {
        let damaged = |source| LayerReadError::Tar { layer: layer.digest.clone(), source };
        let mut entries = TarEntries::new(tar);
        let mut buffer = vec![0; BUFFER];
        let mut origin = Origin { entry: 0, ..last };
        while origin <= last
            && let Some(entry) = entries.next_entry().map_err(damaged)?
        {
            if wanted.contains(&origin) {
                let mut hashed = HashingWriter::new(&mut self.writer);
                loop {
                    let read = entries.read(&mut buffer).map_err(damaged)?;
                    if read == 0 {
                        break;
                    }
                    hashed.write_all(&buffer[..read]).map_err(cannot_write(self.store))?;
                }
                let (_, digest, size) = hashed.finish();
                let content = PackedContent { offset: self.size, size, digest };
                self.files.insert(origin, PackedFile { modified: entry.modified, content });
                self.size += size;
            }
            origin.entry += 1;
        }
        Ok(())
    }
}

/// The error of a store that cannot be written.
fn cannot_write(store: &Store) -> impl FnOnce(std::io::Error) -> FsError + use<> {
    FsError::because("write into", store.root())
}
