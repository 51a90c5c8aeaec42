//! The central type: a [`Tree`] of image paths, from any source.
//!
//! Directories, zip archives and single files become trees here and are normalised: a tree contains only directories,
//! files and symbolic links, and of a file's metadata only whether it is executable. This module lists and opens
//! files; it writes nothing and does not decide where Lambda needs a file.

mod bytecode;
mod content;
mod default_excludes;
mod directory;
mod error;
mod exclusions;
mod follow;
mod installed_packages;
mod outward_link;
mod path_rules;
mod patterns;
mod snapshot;
mod stamp;
mod zip;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::Path;
use std::time::SystemTime;

pub use bytecode::{BytecodeHeader, source_of_bytecode};
pub use content::{Content, HostFile, StoredFile};
pub use error::TreeError;
pub use outward_link::MachineLink;
use path_rules::check_listing;
pub use path_rules::{LISTED_PATH, LISTING_LIMIT};
pub(crate) use path_rules::{check_name, join};
pub use patterns::compile_patterns;
pub use snapshot::{Difference, Snapshot};
use stamp::{CLOCK_GRANULARITY, since_epoch};
pub use zip::{ZipArchive, ZipEntry};

use crate::fs::FsError;
use crate::project::{ImagePath, Source, SourceKind};

/// Lambda's limit for an uncompressed image (Lambda developer guide, gettingstarted-limits). No source can be larger.
pub const IMAGE_SIZE_LIMIT: u64 = 10 * 1024 * 1024 * 1024;

/// The [`Adjustment`] of a file with a setuid or setgid bit.
const SPECIAL_BITS_REMOVED: &str = "lost its setuid or setgid bit: Lambda runs everything as one user";

/// An ordered map from image paths to nodes. The folders above a node may be missing; a layer adds them.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    nodes: BTreeMap<ImagePath, Node>,
    adjustments: Vec<Adjustment>,
    left_out: LeftOut,
    /// The links that lead to something of the build machine unless the image has it too.
    machine_links: BTreeMap<ImagePath, MachineLink>,
    /// The folders of packages of Node.js that took the place of a link.
    followed_packages: Vec<ImagePath>,
    /// When listing began, in nanoseconds since 1970. Only for trees with files of this machine.
    listed_at: Option<i64>,
}

/// What is at a path.
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
    /// When its source was last modified, in seconds since 1970, if known. Not part of the image, but Python's bytecode
    /// files refer to it.
    pub modified: Option<i64>,
    /// Where its bytes are.
    pub content: Content,
}

/// What of a source did not become part of its tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The paths below the source's root that limg's own list has, those of folders with `/` at the end.
    pub by_default: Vec<String>,
    /// Whether the user's patterns exclude anything.
    pub by_patterns: bool,
}

/// A change of a user's file metadata beyond the normalisation that every file gets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Adjustment {
    /// The path in the image.
    pub path: ImagePath,
    /// What was changed and why, as a clause that follows the path.
    pub what: String,
}

impl Tree {
    /// An empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lists a source, with its root at `root` in the image; a single file is placed below it under its own name.
    ///
    /// Only listings and `.limgignore` files are read; of a zip archive also its central directory, links, and the
    /// first bytes of files that are executable or not depending on their content.
    ///
    /// # Errors
    /// When the source cannot be listed or contains what an image cannot.
    pub fn load(source: &Source, root: &ImagePath) -> Result<Self, TreeError> {
        let listed_at = since_epoch(SystemTime::now());
        let mut tree = match source.kind {
            SourceKind::Directory => follow::load(source, root)?,
            SourceKind::Zip => zip::load(source, root)?,
            SourceKind::File => {
                let name = source.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let mut tree = Self::new();
                tree.add_file(&source.path, join(root, name, &source.path.display())?)?;
                tree
            }
        };
        check_listing(tree.nodes.keys(), &source.path.display())?;
        tree.listed_at = Some(listed_at);
        Ok(tree)
    }

    /// Lists a Python wheel as pip would unpack it, with its root at `root` in the image. Only its central directory is read.
    ///
    /// # Errors
    /// When it cannot be listed or contains what a wheel or an image cannot: links, a path twice, a path out of the wheel.
    pub fn load_wheel(wheel: &Path, root: &ImagePath) -> Result<Self, TreeError> {
        let tree = zip::load_wheel(wheel, root)?;
        check_listing(tree.nodes.keys(), &wheel.display())?;
        Ok(tree)
    }

    /// Whether the files' times reveal every later change: each file was last changed so long before it was listed
    /// that a later change has another time.
    #[must_use]
    pub fn has_reliable_times(&self) -> bool {
        let newest = self.nodes.values().filter_map(|node| match node {
            Node::File(file) => file.content.changed_at(),
            Node::Directory | Node::Symlink(_) => None,
        });
        self.listed_at.is_none_or(|listed_at| {
            newest.max().is_none_or(|newest| newest.saturating_add(CLOCK_GRANULARITY) < listed_at)
        })
    }

    /// Lists the folder of a package of Node.js that takes the place of a link, and adds what is not there yet below `root`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn follow_package(&mut self, source: &Source, root: ImagePath) -> Result<(), TreeError> {
        let package = Self::load(source, &root)?;
        self.add_missing(&package);
        self.followed_packages.push(root);
        Ok(())
    }

    /// Adds what another tree has at paths where this one has nothing. Gives these paths.
    pub fn add_missing(&mut self, other: &Self) -> BTreeSet<ImagePath> {
        let missing = other.nodes.iter().filter(|(path, _)| !self.nodes.contains_key(*path));
        let mut missing: BTreeMap<_, _> = missing.map(|(path, node)| (path.clone(), node.clone())).collect();
        let added = missing.keys().cloned().collect();
        // Appending builds the whole map again, which pays only for many nodes.
        if missing.len() > self.nodes.len() {
            self.nodes.append(&mut missing);
        } else {
            self.nodes.extend(missing);
        }
        self.adjustments.extend(other.adjustments.iter().cloned());
        self.left_out.append(&mut other.left_out.clone());
        self.machine_links.extend(other.machine_links.iter().map(|(path, link)| (path.clone(), *link)));
        self.followed_packages.extend(other.followed_packages.iter().cloned());
        self.listed_at = self.listed_at.into_iter().chain(other.listed_at).min();
        added
    }

    /// Adds one file of this machine at a path; a symbolic link is followed.
    pub fn add_file(&mut self, file: &Path, path: ImagePath) -> Result<(), TreeError> {
        self.listed_at.get_or_insert_with(|| since_epoch(SystemTime::now()));
        let metadata = std::fs::metadata(file).map_err(FsError::because("look at", file))?;
        if !metadata.is_file() {
            let why = "is not a regular file";
            return Err(TreeError::unsuitable(file.display(), why, "use the path of a file"));
        }
        let node = directory::file_node(content::HostPath::from_path(file), &metadata)?;
        self.insert(path, Node::File(node));
        Ok(())
    }

    /// Adds a file of the store with the permission bits of its origin. `modified` is in seconds since 1970.
    pub fn add_stored(&mut self, path: ImagePath, file: StoredFile, mode: u32, modified: Option<i64>) {
        if mode & 0o6000 != 0 {
            self.add_adjustment(&path, SPECIAL_BITS_REMOVED);
        }
        let (executable, size) = (mode & 0o111 != 0, file.size);
        self.insert(
            path,
            Node::File(FileNode { executable, size, modified, content: Content::Stored(Box::new(file)) }),
        );
    }

    /// Adds a node, or replaces the one at its path.
    pub fn insert(&mut self, path: ImagePath, node: Node) {
        self.nodes.insert(path, node);
    }

    /// Makes a file executable and records the adjustment, unless it is executable already.
    pub fn make_executable(&mut self, path: &ImagePath, why: &str) {
        if let Entry::Occupied(mut entry) = self.nodes.entry(path.clone())
            && let Node::File(file) = entry.get_mut()
            && !file.executable
        {
            file.executable = true;
            self.adjustments.push(Adjustment { path: path.clone(), what: format!("made executable: {why}") });
        }
    }

    /// Removes the time of modification of a file that another file replaces in the image: bytecode that was compiled
    /// from it must not look as if it were compiled from the other file.
    pub fn forget_modified(&mut self, path: &ImagePath) {
        if let Some(Node::File(file)) = self.nodes.get_mut(path) {
            file.modified = None;
        }
    }

    /// Moves every node for which `predicate` is true into a tree of its own.
    #[must_use]
    pub fn split_off(&mut self, mut predicate: impl FnMut(&ImagePath) -> bool) -> Self {
        let moved = self.split_off_parts(1, |path| predicate(path).then_some(0));
        moved.into_iter().next().unwrap_or_default()
    }

    /// Moves nodes into `count` trees: each to that with the number that `part` gives, if it gives one.
    #[must_use]
    pub fn split_off_parts(
        &mut self,
        count: usize,
        mut part: impl FnMut(&ImagePath) -> Option<usize>,
    ) -> Vec<Self> {
        let mut parts = vec![Vec::new(); count];
        let mut kept = Vec::new();
        for (path, node) in std::mem::take(&mut self.nodes) {
            part(&path).and_then(|part| parts.get_mut(part)).unwrap_or(&mut kept).push((path, node));
        }
        self.nodes = BTreeMap::from_iter(kept);
        let tree =
            |nodes| Self { nodes: BTreeMap::from_iter(nodes), listed_at: self.listed_at, ..Self::default() };
        parts.into_iter().map(tree).collect()
    }

    /// The node at a path.
    #[must_use]
    pub fn get(&self, path: &ImagePath) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// The node at a path, or a directory if the tree has none there but has nodes below.
    #[must_use]
    pub fn get_or_implied(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path).or_else(|| self.below(path).next().map(|_| &Node::Directory))
    }

    /// All nodes below a folder, in the byte order of their paths.
    pub fn below(&self, folder: &str) -> impl Iterator<Item = (&ImagePath, &Node)> {
        let prefix = format!("{folder}/");
        let from = (Bound::Included(prefix.as_str()), Bound::Unbounded);
        self.nodes.range::<str, _>(from).take_while(move |(path, _)| path.as_str().starts_with(&prefix))
    }

    /// The path of the only entry of a folder, if there is exactly one. Takes no longer in a large tree.
    #[must_use]
    pub fn only_entry(&self, folder: &str) -> Option<&str> {
        let path = self.below(folder).next()?.0.as_str();
        let start = folder.len() + 1;
        let entry = &path[..path[start..].find('/').map_or(path.len(), |length| start + length)];
        // In the byte order, entries such as `a-b` come between a folder `a` and what is below it, and all others after that,
        // beginning with `a0`, since `0` follows `/`.
        let (below, after) = (format!("{entry}/"), format!("{entry}0"));
        let between = (Bound::Excluded(entry), Bound::Excluded(below.as_str()));
        let others = self.nodes.range::<str, _>(between).next();
        let after = (Bound::Included(after.as_str()), Bound::Unbounded);
        let others = others.or_else(|| self.nodes.range::<str, _>(after).next());
        others.is_none_or(|(path, _)| !path.as_str().starts_with(&entry[..start])).then_some(entry)
    }

    /// All nodes in the byte order of their paths: a folder always comes before its content.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&ImagePath, &Node)> {
        self.nodes.iter()
    }

    /// Whether it has no nodes.
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

    /// The changes of files' metadata beyond the normalisation that every file gets.
    #[must_use]
    pub fn adjustments(&self) -> &[Adjustment] {
        &self.adjustments
    }

    /// What of the source is not in the tree.
    #[must_use]
    pub fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// The links that lead to something of the build machine, unless the image has what they point to.
    #[must_use]
    pub fn machine_links(&self) -> &BTreeMap<ImagePath, MachineLink> {
        &self.machine_links
    }

    /// The folders of packages of Node.js that took the place of a link.
    #[must_use]
    pub fn followed_packages(&self) -> &[ImagePath] {
        &self.followed_packages
    }

    /// Marks the folder of a package of Node.js as one that took the place of a link.
    #[cfg(test)]
    pub(crate) fn add_followed_package(&mut self, path: ImagePath) {
        self.followed_packages.push(path);
    }

    /// Records that a link which leaves its tree is not in it.
    fn leave_out_link(&mut self, path: &ImagePath, target: &str) {
        let what = format!(
            "left out: it is a symbolic link to `{target}`, outside of its own file tree, and no package declares that it needs it"
        );
        self.add_adjustment(path, &what);
    }

    fn add_adjustment(&mut self, path: &ImagePath, what: &str) {
        self.adjustments.push(Adjustment { path: path.clone(), what: what.to_owned() });
    }
}

impl FromIterator<(ImagePath, Node)> for Tree {
    fn from_iter<I: IntoIterator<Item = (ImagePath, Node)>>(nodes: I) -> Self {
        Self { nodes: nodes.into_iter().collect(), ..Self::default() }
    }
}

impl LeftOut {
    /// Adds what of another part of the source is left out.
    fn append(&mut self, other: &mut Self) {
        self.by_default.append(&mut other.by_default);
        self.by_patterns |= other.by_patterns;
    }

    fn by_default(path: String) -> Self {
        Self { by_default: vec![path], by_patterns: false }
    }
}

impl FileNode {
    /// A file that limg itself adds.
    #[must_use]
    pub fn of_bytes(bytes: &[u8], executable: bool) -> Self {
        Self { executable, size: bytes.len() as u64, modified: None, content: Content::Bytes(bytes.into()) }
    }
}

impl Node {
    /// The kind of node, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::File(_) => "file",
            Self::Symlink(_) => "symbolic link",
        }
    }
}

/// Whether a file's first four bytes are those of a program: ELF or the `#!` of a script.
fn is_program(head: &[u8]) -> bool {
    head.starts_with(b"#!") || head == b"\x7fELF"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_before_their_content() {
        let mut tree = Tree::new();
        for path in ["/a/b", "/a-b", "/a", "/a/b/c"] {
            tree.insert(path.parse().unwrap(), Node::Directory);
        }
        let order: Vec<_> = tree.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(order, ["/a", "/a-b", "/a/b", "/a/b/c"]);
    }

    #[test]
    fn the_only_entry_of_a_folder_is_found_and_several_are_none() {
        let only_entry = |paths: &[&str]| {
            let mut tree = Tree::new();
            for path in paths {
                tree.insert(path.parse().unwrap(), Node::Directory);
            }
            tree.only_entry("/opt").map(str::to_owned)
        };
        for paths in
            [&["/opt/a"][..], &["/opt", "/opt/a/b", "/opt/a/c"], &["/op", "/opt/a", "/opt/a/b", "/opt0"]]
        {
            assert_eq!(only_entry(paths).as_deref(), Some("/opt/a"), "{paths:?}");
        }
        for paths in [
            &["/opt"][..],
            &["/opt/a", "/opt/a-b"],
            &["/opt/a/b", "/opt/a-b"],
            &["/opt/a/b", "/opt/a0"],
            &["/opt/a", "/opt/é"],
        ] {
            assert_eq!(only_entry(paths), None, "{paths:?}");
        }
    }
}
