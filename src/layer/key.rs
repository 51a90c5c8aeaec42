//! The key that identifies a layer before it is made.

use rayon::iter::ParallelIterator as _;
use rayon::slice::ParallelSlice as _;
use sha2::{Digest as _, Sha256};

use super::entries::{LayerEntry, MIN_COPIED, entries};
use crate::files::FileIndex;
use crate::store::Digest;
use crate::tree::{Node, Tree};

/// Identifies the code that turns a tree into bytes. Change it whenever the bytes may change: with the tar format, the
/// compressor, its level or its version. A test fails if the digest of a layer changes.
pub const ENCODER: &str = "tar 1, gzip 2";

/// The number of entries that a thread hashes at a time.
const ENTRIES_AT_ONCE: usize = 4096;

/// The key of a layer: a digest of everything that its bytes depend on, as far as `stat` shows it. No file is read.
#[must_use]
pub fn key(tree: &Tree, base: &FileIndex, mtime: u64) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(ENCODER);
    // This does not affect tars, so it is not part of `ENCODER`.
    hasher.update(MIN_COPIED.to_le_bytes());
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
                // Whether bytecode matches its source depends on the source's time.
                hasher.update(file.modified.unwrap_or_default().to_le_bytes());
                file.content.fingerprint(&mut hasher);
            }
        }
        hasher.update(b"\0");
    }
    hasher.finalize()
}
