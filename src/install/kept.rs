//! What a tool has made, in the store: one blob with the contents of all files, and a record with their places.
//!
//! One blob for all, because the store syncs every finished blob to the disk. Both are removed as other blobs and records are.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Read};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::InstallError;
use crate::fs::FsError;
use crate::project::ImagePath;
use crate::store::{BlobWriter, Digest, HashingWriter, Store};
use crate::tree::{self, Node, StoredFile, Tree, TreeError};

/// The kind of the record. Its name changes when its meaning does.
const RECORD: &str = "node-packages-1";

/// Bytes that are written at a time.
const BUFFER: usize = 64 * 1024;

/// Files that a tool has made.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    /// What is below the root, by path.
    entries: BTreeMap<String, Entry>,
    /// The blob with the contents, and its size in bytes.
    contents: (Digest, u64),
    /// The names of the packages with install scripts.
    pub(super) with_scripts: Vec<String>,
    /// The places of packages that are members of a workspace, whose files stay in the user's folder, and their folders there.
    #[serde(default)]
    pub(super) members: BTreeMap<String, String>,
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

    /// Copies what a tree has below a folder into the store; [`record`](Self::record) makes it found.
    ///
    /// # Errors
    /// When a file cannot be read, or the store cannot be written.
    pub(super) fn add((tree, folder): (&Tree, &str), store: &Store) -> Result<Self, InstallError> {
        let mut writer = KeptWriter::new(store)?;
        for (path, node) in tree.iter() {
            let below = path.as_str().strip_prefix(folder).and_then(|below| below.strip_prefix('/'));
            let Some(below) = below else { continue };
            let path = below.to_owned();
            match node {
                Node::Directory => writer.directory(path),
                Node::Symlink(target) => writer.symlink(path, target.clone()),
                Node::File(file) => {
                    let copied = writer.file(path, file.executable, &mut file.content.open()?);
                    copied.map_err(TreeError::reading(&file.content))?;
                }
            }
        }
        writer.finish()
    }

    /// Keeps only some of the entries, and notes the packages with install scripts.
    pub(super) fn narrowed(mut self, is_kept: impl Fn(&str) -> bool, with_scripts: Vec<String>) -> Self {
        self.entries.retain(|path, _| is_kept(path));
        Self { with_scripts, ..self }
    }

    /// Makes the store find it under a key.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub(super) fn record(&self, key: &Digest, store: &Store) -> Result<(), InstallError> {
        Ok(store.write_record(RECORD, key, self)?)
    }

    /// The tree with its root at `root`.
    ///
    /// # Errors
    /// When a path is not one of an image, or the blob has been removed.
    pub(super) fn tree(&self, root: &ImagePath, store: &Store) -> Result<Tree, InstallError> {
        let blob = self.blob(store).ok_or_else(|| InstallError::Lock {
            what: "the store".to_owned(),
            why: "it has lost files that a tool has made".to_owned(),
        })?;
        let mut placed = Tree::new();
        for (relative, entry) in &self.entries {
            let path = tree::join(root, relative, relative)?;
            match entry {
                Entry::Directory => placed.insert(path, Node::Directory),
                Entry::Symlink(target) => placed.insert(path, Node::Symlink(target.clone())),
                Entry::File(is_executable, offset, size, digest) => {
                    let (blob, digest) = (Arc::clone(&blob), digest.to_string());
                    let file = StoredFile { path: blob, offset: *offset, size: *size, digest };
                    let mode = if *is_executable { 0o755 } else { 0o644 };
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

/// Files on their way into the store. What is not finished leaves nothing there.
pub(super) struct KeptWriter<'a> {
    writer: BufWriter<BlobWriter>,
    entries: BTreeMap<String, Entry>,
    offset: u64,
    store: &'a Store,
}

impl<'a> KeptWriter<'a> {
    /// # Errors
    /// When the store cannot be written.
    pub(super) fn new(store: &'a Store) -> Result<Self, FsError> {
        let writer = BufWriter::with_capacity(BUFFER, store.writer()?);
        Ok(Self { writer, entries: BTreeMap::new(), offset: 0, store })
    }

    pub(super) fn directory(&mut self, path: String) {
        self.entries.insert(path, Entry::Directory);
    }

    pub(super) fn symlink(&mut self, path: String, target: String) {
        self.entries.insert(path, Entry::Symlink(target));
    }

    /// Copies the content of a file.
    ///
    /// # Errors
    /// When it cannot be read, or the store cannot be written.
    pub(super) fn file(
        &mut self,
        path: String,
        is_executable: bool,
        content: &mut impl Read,
    ) -> io::Result<()> {
        let mut hashed = HashingWriter::new(&mut self.writer);
        io::copy(content, &mut hashed)?;
        let (_, digest, size) = hashed.finish();
        self.entries.insert(path, Entry::File(is_executable, self.offset, size, digest));
        self.offset += size;
        Ok(())
    }

    /// Whether something is at a path.
    pub(super) fn has(&self, path: &str) -> bool {
        self.entries.contains_key(path)
    }

    /// Adds the contents to the store; [`Kept::record`] makes them found.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub(super) fn finish(self) -> Result<Kept, InstallError> {
        let Self { writer, entries, store, .. } = self;
        let because = |source| FsError::because("write into", store.root())(source);
        let writer = writer.into_inner().map_err(|error| because(error.into_error()))?;
        let (digest, blob) = writer.commit()?;
        let contents = (digest, blob.size);
        Ok(Kept { entries, contents, with_scripts: Vec::new(), members: BTreeMap::new() })
    }
}
