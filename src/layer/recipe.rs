//! What a layer is made of.

use super::key;
use crate::files::FileIndex;
use crate::shared::Shared;
use crate::store::Digest;
use crate::tree::Tree;

/// Everything that the bytes of a layer depend on.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// What the layer contains, in words: `code of orders`.
    pub name: String,
    /// Its files.
    pub tree: Shared<Tree>,
    /// The files below it, whose folders keep their modes.
    pub base: Shared<FileIndex>,
    /// The time of every entry, in seconds since 1970.
    pub mtime: u64,
    /// What [`key()`](super::key()) returns for the fields above.
    pub key: Digest,
}

impl Recipe {
    /// Computes the key.
    #[must_use]
    pub fn new(name: &str, tree: Shared<Tree>, base: Shared<FileIndex>, mtime: u64) -> Self {
        let key = key::key(&tree, &base, mtime);
        Self { name: name.to_owned(), tree, base, mtime, key }
    }
}
