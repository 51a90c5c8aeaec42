//! The entries of a layer, in their order, and which of them are copied from zip archives.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::files::{FileIndex, IndexEntry};
use crate::project::ImagePath;
use crate::tree::{Content, FileNode, Node, Tree, ZipEntry, source_of_bytecode};

/// The smallest uncompressed size at which a zip entry's deflated data is copied. Smaller files compress better together with
/// their neighbours.
pub(super) const MIN_COPIED: u64 = 16 * 1024;

/// An entry of the archive.
pub(super) struct LayerEntry<'a> {
    /// The path in the image.
    pub(super) path: Cow<'a, ImagePath>,
    /// The permission bits.
    pub(super) mode: u32,
    /// The node; none for a parent folder that is not in the tree itself.
    pub(super) node: Option<&'a Node>,
}

/// The sorted entries of a layer: the tree's nodes and all their parent folders.
pub(super) fn entries<'a>(tree: &'a Tree, base: &FileIndex) -> Vec<LayerEntry<'a>> {
    let mut implied = BTreeSet::new();
    let mut last = "";
    for (path, _) in tree.iter() {
        // Neighbours are often in the same folder.
        if std::mem::replace(&mut last, path.folder()) == path.folder() {
            continue;
        }
        // The parents of a folder that is already known are handled with that folder.
        let mut above = path.parent();
        while let Some(folder) =
            above.filter(|folder| tree.get(folder).is_none() && !implied.contains(folder))
        {
            above = folder.parent();
            implied.insert(folder);
        }
    }
    let mode = |path: &ImagePath, node: Option<&Node>| match node {
        Some(Node::File(FileNode { executable: false, .. })) => 0o644,
        Some(Node::File(_)) => 0o755,
        Some(Node::Symlink(_)) => 0o777,
        // The entry replaces that of the base's folder, so it must have the base's mode.
        None | Some(Node::Directory) => match base.get(path.as_str()) {
            Some(IndexEntry::Directory { mode, .. }) => *mode,
            _ => 0o755,
        },
    };
    let entry = |path: Cow<'a, ImagePath>, node| LayerEntry { mode: mode(&path, node), path, node };
    let mut entries = Vec::with_capacity(tree.iter().len() + implied.len());
    let mut implied = implied.into_iter().peekable();
    for (path, node) in tree.iter() {
        while let Some(folder) = implied.next_if(|folder| folder < path) {
            entries.push(entry(Cow::Owned(folder), None));
        }
        entries.push(entry(Cow::Borrowed(path), Some(node)));
    }
    entries
}

/// The zip entry of a file, if its deflated data may be copied.
pub(super) fn deflated<'a>(path: &ImagePath, file: &'a FileNode) -> Option<&'a ZipEntry> {
    match &file.content {
        Content::Zip(entry) if entry.is_deflated() && entry.size() >= MIN_COPIED => {
            Some(entry).filter(|_| !may_be_adjusted(path))
        }
        _ => None,
    }
}

/// Whether the content of a file may be changed: the header of bytecode contains the modification time of its source.
pub(super) fn may_be_adjusted(path: &ImagePath) -> bool {
    source_of_bytecode(path).is_some()
}

/// Whether the compressed layer depends on its tar alone: it contains no deflated data copied from zip archives.
pub(super) fn has_no_deflated(tree: &Tree) -> bool {
    tree.iter().all(|(path, node)| !matches!(node, Node::File(file) if deflated(path, file).is_some()))
}
