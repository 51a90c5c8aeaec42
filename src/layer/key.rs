//! What identifies a layer before it is made.

use rayon::iter::ParallelIterator as _;
use rayon::slice::ParallelSlice as _;
use sha2::{Digest as _, Sha256};

use super::tar::{LayerEntry, TAKEN_OVER, entries};
use crate::files::FileIndex;
use crate::store::Digest;
use crate::tree::{Node, Tree};

/// Names what turns a tree into bytes. It changes whenever the bytes may: with the way that entries are written, the
/// compressor, its level or its version. A test of a layer's digest fails when it does not.
pub const ENCODER: &str = "tar 1, gzip 2";

/// How many entries are hashed by one thread before another may take over.
const ENTRIES_AT_ONCE: usize = 4096;

/// Hashes all that the bytes of the layer depend on.
pub(super) fn of(tree: &Tree, base: &FileIndex, mtime: u64) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(ENCODER);
    // Of this the tar of a tree says nothing, so that it is no part of the encoder's name.
    hasher.update(TAKEN_OVER.to_le_bytes());
    hasher.update(mtime.to_le_bytes());
    let digests: Vec<_> = entries(tree, base).par_chunks(ENTRIES_AT_ONCE).map(of_entries).collect();
    for digest in digests {
        hasher.update(digest);
    }
    Digest::finish(hasher)
}

fn of_entries(entries: &[LayerEntry<'_>]) -> impl AsRef<[u8]> + use<> {
    let mut hasher = Sha256::new();
    for entry in entries {
        hasher.update(entry.path.as_str());
        hasher.update(b"\0");
        hasher.update(entry.mode.to_le_bytes());
        match entry.node {
            None | Some(Node::Directory) => hasher.update(b"d"),
            Some(Node::Symlink(target)) => {
                hasher.update(b"l");
                hasher.update(target);
            }
            Some(Node::File(file)) => {
                hasher.update(b"f");
                hasher.update(file.size.to_le_bytes());
                // Whether bytecode fits its source depends on the source's own time.
                hasher.update(file.modified.unwrap_or_default().to_le_bytes());
                file.content.fingerprint(&mut hasher);
            }
        }
        hasher.update(b"\0");
    }
    hasher.finalize()
}
