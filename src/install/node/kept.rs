//! Installed packages in the store: one blob with the contents of all files, and a record with their places.
//!
//! One blob for all, because the store syncs every finished blob to the disk. Both are removed as other blobs and records are.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::fs::FsError;
use crate::install::error::InstallError;
use crate::project::ImagePath;
use crate::store::{Digest, HashingWriter, Store};
use crate::tree::{self, Node, StoredFile, Tree, TreeError};

/// The kind of the record. Its name changes when its meaning does.
const RECORD: &str = "node-packages-1";

/// Bytes that are written at a time.
const BUFFER: usize = 64 * 1024;

/// Installed packages.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    /// What is below the root, by path.
    entries: BTreeMap<String, Entry>,
    /// The blob with the contents, and its size in bytes.
    contents: (Digest, u64),
    /// The names of the packages with install scripts.
    pub(super) with_scripts: Vec<String>,
}

/// What is at a path.
#[derive(Debug, Serialize, Deserialize)]
enum Entry {
    #[serde(rename = "d")]
    Directory,
    /// A file: whether it is executable, where it begins in the blob, its size in bytes and its digest.
    #[serde(rename = "f")]
    File(bool, u64, u64, Digest),
    /// A symbolic link and its target.
    #[serde(rename = "l")]
    Symlink(String),
}

impl Kept {
    /// What is kept under a key, if the store still has all of it.
    pub(super) fn find(key: &Digest, store: &Store) -> Option<Self> {
        let kept: Self = store.record(RECORD, key)?;
        kept.blob(store)?;
        Some(kept)
    }

    /// Copies a tree into the store.
    ///
    /// # Errors
    /// When a file cannot be read, or the store cannot be written.
    pub(super) fn add(
        key: &Digest,
        packages: &Tree,
        with_scripts: Vec<String>,
        store: &Store,
    ) -> Result<Self, InstallError> {
        let because = || FsError::because("write into", store.root());
        let mut writer = BufWriter::with_capacity(BUFFER, store.writer()?);
        let (mut entries, mut offset) = (BTreeMap::new(), 0);
        for (path, node) in packages.iter() {
            let entry = match node {
                Node::Directory => Entry::Directory,
                Node::Symlink(target) => Entry::Symlink(target.clone()),
                Node::File(file) => {
                    let mut hashed = HashingWriter::new(&mut writer);
                    let copied = io::copy(&mut file.content.open()?, &mut hashed);
                    copied.map_err(TreeError::reading(&file.content))?;
                    let (_, digest, size) = hashed.finish();
                    let entry = Entry::File(file.executable, offset, size, digest);
                    offset += size;
                    entry
                }
            };
            entries.insert(path.relative().to_owned(), entry);
        }
        writer.flush().map_err(because())?;
        let writer = writer.into_inner().map_err(|error| because()(error.into_error()))?;
        let (digest, blob) = writer.commit()?;
        let kept = Self { entries, contents: (digest, blob.size), with_scripts };
        store.write_record(RECORD, key, &kept)?;
        Ok(kept)
    }

    /// The tree with its root at `root`.
    ///
    /// # Errors
    /// When a path is not one of an image, or the blob has been removed.
    pub(super) fn tree(self, root: &ImagePath, store: &Store) -> Result<Tree, InstallError> {
        let blob = self.blob(store).ok_or_else(|| InstallError::Lock {
            what: "the store".to_owned(),
            why: "it has lost installed packages".to_owned(),
        })?;
        let mut placed = Tree::new();
        for (relative, entry) in self.entries {
            let path = tree::join(root, &relative, &relative)?;
            match entry {
                Entry::Directory => placed.insert(path, Node::Directory),
                Entry::Symlink(target) => placed.insert(path, Node::Symlink(target)),
                Entry::File(is_executable, offset, size, digest) => {
                    let file = StoredFile { path: Arc::clone(&blob), offset, size, digest: digest.into() };
                    let mode = if is_executable { 0o755 } else { 0o644 };
                    placed.add_stored(path, file, mode, None);
                }
            }
        }
        Ok(placed)
    }

    fn blob(&self, store: &Store) -> Option<Arc<Path>> {
        let (digest, size) = &self.contents;
        let blob = store.blob(digest).filter(|blob| blob.size == *size)?;
        Some(Arc::from(blob.path.as_path()))
    }
}
