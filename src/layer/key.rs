//! What identifies a layer before it is made.

use sha2::{Digest as _, Sha256};

use super::tar::entries;
use crate::store::Digest;
use crate::tree::{FileIndex, Node, Tree};

/// The level that layers are compressed with, 0 to 9.
pub(super) const GZIP_LEVEL: u32 = 6;

/// Names what turns a tree into bytes. It changes whenever the bytes may: with the way that entries are written, the
/// compressor, or its version (which `Cargo.lock` pins; limg's own version stands for it).
const ENCODER: &str = concat!("tar 1, zlib-rs, limg ", env!("CARGO_PKG_VERSION"));

/// Hashes all that the bytes of the layer depend on.
pub(super) fn of(tree: &Tree, base: &FileIndex, mtime: u64) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(ENCODER);
    hasher.update(GZIP_LEVEL.to_le_bytes());
    hasher.update(mtime.to_le_bytes());
    for entry in entries(tree, base) {
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
    Digest::finish(hasher)
}
