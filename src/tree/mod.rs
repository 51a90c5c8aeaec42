//! The central type: a [`Tree`] of image paths, from whatever source.
//!
//! Directories, zips and single files become trees here, already normalised: only directories, files and symbolic
//! links; a file is executable or it is not; nothing else of its metadata is left. This module lists and opens; it writes nothing and knows no rule of where Lambda wants a file.

mod content;
mod directory;
mod patterns;
mod snapshot;
mod zip;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::ops::Bound;
use std::path::PathBuf;
use std::time::SystemTime;

use content::HostPath;
pub(crate) use content::since_epoch;
pub use content::{Content, HostFile, KeptFile};
pub use patterns::compile_patterns;
pub use snapshot::{Difference, Snapshot};
pub use zip::{ZipArchive, ZipEntry};

use crate::fs::FsError;
use crate::project::{ImagePath, ImagePathError, Source, SourceKind};

/// Lambda's limit for an image, uncompressed (Lambda developer guide, gettingstarted-limits): no source can be larger.
pub const SIZE_LIMIT: u64 = 10 * 1024 * 1024 * 1024;

/// What an [`Adjustment`] says of a file with a setuid or setgid bit.
const SPECIAL_BITS_LOST: &str = "lost its setuid or setgid bit: Lambda runs everything as one user";

/// How far apart two changes of a file must be, in nanoseconds, to bear different times. Linux takes the time of the
/// last timer tick, at most 10 ms ago.
const CLOCK_GRANULARITY: i64 = 50_000_000;

/// An ordered map from image path to node. The folders above a node may be missing: a layer adds them.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    nodes: BTreeMap<ImagePath, Node>,
    adjustments: Vec<Adjustment>,
    /// When listing began, in nanoseconds since 1970; nothing for a tree that was not listed from this machine.
    listed: Option<i64>,
}

/// What stands at a path.
#[derive(Debug, Clone)]
pub enum Node {
    /// A directory.
    Directory,
    /// A regular file.
    File(FileNode),
    /// A symbolic link and its target, as written.
    Symlink(String),
}

/// A regular file.
#[derive(Debug, Clone)]
pub struct FileNode {
    /// Whether it is executable: mode 0755 instead of 0644.
    pub executable: bool,
    /// Size in bytes.
    pub size: u64,
    /// When its source was last modified, in seconds since 1970, where the source says so. Never part of the image;
    /// Python's bytecode files refer to it.
    pub modified: Option<i64>,
    /// Where its bytes are.
    pub content: Content,
}

/// A change of a user's file metadata beyond the normalisation that every file gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// The path in the image.
    pub path: ImagePath,
    /// What was changed and why.
    pub what: String,
}

/// A source that cannot become a tree.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A file call failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The content of a file could not be read.
    #[error("failed to read `{what}`")]
    Read {
        /// The file, or the archive and its entry.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that an image cannot hold as it is.
    #[error("`{what}` {why}")]
    Unsuitable {
        /// The file, or the archive and its entry.
        what: String,
        /// Why it cannot be taken.
        why: String,
        /// How to mend it.
        help: &'static str,
    },
    /// An archive that cannot be taken.
    #[error("failed to read the zip archive `{}`", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// Why.
        #[source]
        source: ::zip::result::ZipError,
    },
    /// A pattern of `exclude` or `dependencies` that is none.
    #[error("failed to read the pattern `{pattern}`")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why.
        #[source]
        source: ignore::Error,
    },
    /// A name that cannot stand in an image.
    #[error("failed to place `{what}`")]
    Path {
        /// The file.
        what: String,
        /// Why.
        #[source]
        source: ImagePathError,
    },
}

impl Tree {
    /// An empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lists a source, its root placed at `root` in the image; a single file is placed below it under its own name.
    ///
    /// Nothing is read but the listings; of a zip, its central directory, links and `.limgignore` files, and the first
    /// bytes of files whose entries do not say whether they are executable.
    ///
    /// # Errors
    /// When the source cannot be listed or holds what an image cannot.
    pub fn load(source: &Source, root: &ImagePath) -> Result<Self, TreeError> {
        let listed = since_epoch(SystemTime::now());
        let mut tree = match source.kind {
            SourceKind::Directory => directory::load(source, root)?,
            SourceKind::Zip => zip::load(source, root)?,
            SourceKind::File => {
                let name = source.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let mut tree = Self::new();
                tree.add_file(&source.path, join(root, name, &source.path.display())?)?;
                tree
            }
        };
        tree.listed = Some(listed);
        Ok(tree)
    }

    /// Whether every file was last changed so long before it was listed that a later change cannot bear the same time.
    ///
    /// Only then do the files' times tell for sure whether they have changed since.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let newest = self.nodes.values().filter_map(|node| match node {
            Node::File(file) => file.content.changed_at(),
            Node::Directory | Node::Symlink(_) => None,
        });
        self.listed.is_none_or(|listed| {
            newest.max().is_none_or(|newest| newest.saturating_add(CLOCK_GRANULARITY) < listed)
        })
    }

    /// Adds one file of this machine at a path; a symbolic link is followed.
    pub fn add_file(&mut self, file: &std::path::Path, path: ImagePath) -> Result<(), TreeError> {
        self.listed.get_or_insert_with(|| since_epoch(SystemTime::now()));
        let metadata = std::fs::metadata(file).map_err(FsError::because("look at", file))?;
        if !metadata.is_file() {
            return Err(TreeError::Unsuitable {
                what: file.display().to_string(),
                why: "is not a regular file".to_owned(),
                help: "name a file",
            });
        }
        let node = directory::file_node(HostPath::of(file), &metadata)?;
        self.insert(path, Node::File(node));
        Ok(())
    }

    /// Adds a file that limg keeps, with the permission bits that it had where it comes from; `modified` is in seconds
    /// since 1970.
    pub fn add_kept(&mut self, path: ImagePath, file: KeptFile, mode: u32, modified: Option<i64>) {
        if mode & 0o6000 != 0 {
            self.adjusted(&path, SPECIAL_BITS_LOST);
        }
        let (executable, size) = (mode & 0o111 != 0, file.size);
        self.insert(path, Node::File(FileNode { executable, size, modified, content: Content::Kept(file) }));
    }

    /// Puts a node at a path, over what was there.
    pub fn insert(&mut self, path: ImagePath, node: Node) {
        self.nodes.insert(path, node);
    }

    /// Makes a file executable that its source says is not, and notes it.
    pub fn make_executable(&mut self, path: &ImagePath, why: &str) {
        if let Entry::Occupied(mut entry) = self.nodes.entry(path.clone())
            && let Node::File(file) = entry.get_mut()
            && !file.executable
        {
            file.executable = true;
            self.adjustments.push(Adjustment { path: path.clone(), what: format!("made executable: {why}") });
        }
    }

    /// Forgets when a file was modified, because another file takes its place in the image: bytecode that was made of it
    /// must not seem to be made of that one.
    pub fn forget_modified(&mut self, path: &ImagePath) {
        if let Some(Node::File(file)) = self.nodes.get_mut(path) {
            file.modified = None;
        }
    }

    /// Moves every node for which `predicate` holds into a tree of its own.
    #[must_use]
    pub fn split_off(&mut self, mut predicate: impl FnMut(&ImagePath) -> bool) -> Self {
        let nodes = std::mem::take(&mut self.nodes);
        let (moved, kept): (BTreeMap<_, _>, _) = nodes.into_iter().partition(|(path, _)| predicate(path));
        self.nodes = kept;
        Self { nodes: moved, adjustments: Vec::new(), listed: self.listed }
    }

    /// The node at a path.
    #[must_use]
    pub fn get(&self, path: &ImagePath) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// What stands at a path, a folder included that has no node of its own and only shows in what is below it.
    #[must_use]
    pub fn standing(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path).or_else(|| self.below(path).next().map(|_| &Node::Directory))
    }

    /// All nodes below a folder, in the byte order of their paths.
    pub fn below(&self, folder: &str) -> impl Iterator<Item = (&ImagePath, &Node)> {
        let prefix = format!("{folder}/");
        let from = (Bound::Included(prefix.as_str()), Bound::Unbounded);
        self.nodes.range::<str, _>(from).take_while(move |(path, _)| path.as_str().starts_with(&prefix))
    }

    /// All nodes in the byte order of their paths: a folder always comes before what it holds.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&ImagePath, &Node)> {
        self.nodes.iter()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The number of files and links.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.nodes.values().filter(|node| !matches!(node, Node::Directory)).count() as u64
    }

    /// The size of all files in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        let sizes = self.nodes.values().map(|node| match node {
            Node::File(file) => file.size,
            Node::Directory | Node::Symlink(_) => 0,
        });
        sizes.fold(0, u64::saturating_add)
    }

    /// What was changed in files' metadata beyond the common normalisation.
    #[must_use]
    pub fn adjustments(&self) -> &[Adjustment] {
        &self.adjustments
    }

    fn adjusted(&mut self, path: &ImagePath, what: &str) {
        self.adjustments.push(Adjustment { path: path.clone(), what: what.to_owned() });
    }
}

impl FileNode {
    /// A file that limg itself brings.
    #[must_use]
    pub fn of_bytes(bytes: &[u8], executable: bool) -> Self {
        Self { executable, size: bytes.len() as u64, modified: None, content: Content::Bytes(bytes.into()) }
    }
}

impl Node {
    /// What kind of node this is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::File(_) => "file",
            Self::Symlink(_) => "symbolic link",
        }
    }
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

/// The Python source that bytecode was made of, by its name: `DIR/NAME.py` of `DIR/__pycache__/NAME.TAG.pyc` or of
/// `DIR/NAME.pyc` (PEP 3147). Nothing for what is no bytecode.
#[must_use]
pub fn source_of_bytecode(path: &ImagePath) -> Option<ImagePath> {
    // Nearly all files are told by their ending, so that looks first.
    let name = path.as_str().strip_suffix(".pyc")?.rsplit('/').next()?;
    let module = name.split('.').next().filter(|module| !module.is_empty())?;
    let folder = path.parent()?;
    let folder = if folder.name() == "__pycache__" { folder.parent()? } else { folder };
    folder.join(&format!("{module}.py")).ok()
}

/// The image path of a file with this path below a source's root. Names are checked here for every source.
pub(crate) fn join(
    root: &ImagePath,
    relative: &str,
    what: &dyn std::fmt::Display,
) -> Result<ImagePath, TreeError> {
    let path = root.join(relative).map_err(|source| TreeError::Path { what: what.to_string(), source })?;
    check_name(&path, what)?;
    Ok(path)
}

/// Refuses a path that an image layer cannot name.
pub(crate) fn check_name(path: &ImagePath, what: &dyn std::fmt::Display) -> Result<(), TreeError> {
    // OCI image specification, layer.md, "Whiteouts": such a name would delete a file of a layer below. That goes for the
    // folders too, which a layer names before what they hold.
    if path.as_str().contains("/.wh.") {
        return Err(TreeError::Unsuitable {
            what: what.to_string(),
            why: "has a name that begins with `.wh.`, which in an image layer means that a file is deleted"
                .to_owned(),
            help: "rename or exclude it",
        });
    }
    Ok(())
}

/// Whether a file's first four bytes are those of a program, where no mode bits tell: ELF or a script's `#!`.
fn begins_as_program(head: &[u8]) -> bool {
    head.starts_with(b"#!") || head == b"\x7fELF"
}

/// Refuses a link that leads out of its tree. `below_root` is the link's own path below the tree's root, with `/`.
fn check_link(below_root: &str, target: &str, what: &dyn std::fmt::Display) -> Result<(), TreeError> {
    if leaves(below_root, target) {
        return Err(TreeError::Unsuitable {
            what: what.to_string(),
            why: format!("is a symbolic link to `{target}`, outside of its own tree"),
            help: "make it relative to its own tree or exclude it; of a directory, `follow: true` takes what the \
                   link points to",
        });
    }
    Ok(())
}

/// Whether a link's target is absolute or climbs out of the tree.
fn leaves(below_root: &str, target: &str) -> bool {
    if target.starts_with('/') {
        return true;
    }
    let mut depth = below_root.matches('/').count();
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_leave_when_they_climb_above_the_root() {
        for (link, target) in [("a", "b"), ("d/a", "../b"), ("d/a", "./x/../../b"), ("a", "d/e/..")] {
            assert!(!leaves(link, target), "{link} -> {target}");
        }
        for (link, target) in [("a", "../b"), ("d/a", "../../b"), ("a", "/opt/b"), ("a", "d/../../b")] {
            assert!(leaves(link, target), "{link} -> {target}");
        }
    }

    #[test]
    fn whiteouts_are_no_files() {
        let root = "/opt".parse().unwrap();
        assert!(join(&root, "a/.wh.b", &"a/.wh.b").is_err());
        assert!(join(&root, ".wh.a/b", &".wh.a/b").is_err());
        assert!(join(&root, "a/.wh", &"a/.wh").is_ok());
    }

    #[test]
    fn folders_come_before_what_they_hold() {
        let mut tree = Tree::new();
        for path in ["/a/b", "/a-b", "/a", "/a/b/c"] {
            tree.insert(path.parse().unwrap(), Node::Directory);
        }
        let order: Vec<_> = tree.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(order, ["/a", "/a-b", "/a/b", "/a/b/c"]);
    }
}
