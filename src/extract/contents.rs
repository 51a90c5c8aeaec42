//! The bytes of the files that are taken, kept as one blob of the store, one after another.
//!
//! One blob, not one a file: a blob is synced to the disk when it is finished, which costs more than a small file's bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Read, Write};

use serde::{Deserialize, Serialize};

use super::overlay::Origin;
use super::{ExtractError, stream};
use crate::files::TarEntries;
use crate::fs::FsError;
use crate::image::Layer;
use crate::store::{Blob, BlobWriter, Digest, HashingWriter, Store};

/// Bytes copied at a time.
const BUFFER: usize = 64 * 1024;

/// Where a file's bytes are in the blob of all contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stretch {
    /// Where they begin, in bytes.
    pub(super) offset: u64,
    /// How many they are.
    pub(super) size: u64,
    /// Their own digest.
    pub(super) digest: Digest,
}

/// The blob of all contents and where each is in it.
pub(super) struct Contents {
    pub(super) digest: Digest,
    pub(super) blob: Blob,
    pub(super) stretches: BTreeMap<Origin, Stretch>,
}

/// Copies the contents of these entries into the store. Layers that have none of them are not read.
///
/// # Errors
/// When a layer cannot be read or is damaged, or the store cannot be written. The store then has nothing of it.
pub(super) fn keep(
    layers: &[Layer],
    wanted: &BTreeSet<Origin>,
    store: &Store,
) -> Result<Contents, ExtractError> {
    let mut pack = Pack {
        writer: BufWriter::with_capacity(BUFFER, store.writer()?),
        store,
        size: 0,
        stretches: BTreeMap::new(),
    };
    for (number, layer) in layers.iter().enumerate() {
        let of_layer = |entry| Origin { layer: number, entry };
        let range = of_layer(0)..=of_layer(u64::MAX);
        if let Some(last) = wanted.range(range).next_back() {
            stream::read(layer, |tar| pack.take(layer, tar, wanted, *last))?;
        }
    }
    let writer = pack.writer.into_inner().map_err(|error| unwritable(store)(error.into_error()))?;
    let (digest, blob) = writer.commit()?;
    Ok(Contents { digest, blob, stretches: pack.stretches })
}

/// The blob under way.
struct Pack<'a> {
    writer: BufWriter<BlobWriter>,
    store: &'a Store,
    size: u64,
    stretches: BTreeMap<Origin, Stretch>,
}

impl Pack<'_> {
    /// Takes the wanted entries of one layer, of which `last` is the last.
    fn take(
        &mut self,
        layer: &Layer,
        tar: &mut dyn Read,
        wanted: &BTreeSet<Origin>,
        last: Origin,
    ) -> Result<(), ExtractError> {
        let damaged = |source| ExtractError::Layer { layer: layer.digest.clone(), source };
        let mut entries = TarEntries::new(tar);
        let mut buffer = vec![0; BUFFER];
        let mut origin = Origin { entry: 0, ..last };
        while origin <= last && entries.next_entry().map_err(damaged)?.is_some() {
            if wanted.contains(&origin) {
                let mut hashed = HashingWriter::new(&mut self.writer);
                loop {
                    let read = entries.read(&mut buffer).map_err(damaged)?;
                    if read == 0 {
                        break;
                    }
                    hashed.write_all(&buffer[..read]).map_err(unwritable(self.store))?;
                }
                let (_, digest, size) = hashed.finish();
                self.stretches.insert(origin, Stretch { offset: self.size, size, digest });
                self.size += size;
            }
            origin.entry += 1;
        }
        Ok(())
    }
}

/// What to say when the store cannot be written.
fn unwritable(store: &Store) -> impl FnOnce(std::io::Error) -> FsError + use<> {
    FsError::because("write into", store.root())
}
