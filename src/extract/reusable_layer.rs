//! Layers of another image that can be used unchanged, because they already are what limg would make of the selected files.
//!
//! A layer must follow Lambda's rules for layers (Lambda developer guide, images-create, and the errors that its unpacking is
//! known to give) and limg's own: one gzip member, a complete tar, every folder named before what is in it, only directories,
//! files and symbolic links, owner 0, modes 0644 and 0755, each path once, no attributes. Rules that only make limg's layers
//! reproducible do not count: times, the order of entries, how names are written, the compressor.

use std::collections::BTreeSet;

use crate::files::{FileIndex, IndexEntry, Overlay, OverlayEntry, OverlayNode, TarEntry, is_whiteout};
use crate::project::ImagePath;
use crate::tree::{Node, Tree};

/// The mode of a directory that the base does not have.
const FOLDER_MODE: u32 = 0o755;

/// A layer that may turn out to be reusable while its entries are read.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    /// It must contain what is at and below this path, the folders above, and nothing else.
    path: &'a ImagePath,
    folders: BTreeSet<String>,
    others: BTreeSet<String>,
    is_reusable: bool,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(path: &'a ImagePath) -> Self {
        Self { path, folders: BTreeSet::new(), others: BTreeSet::new(), is_reusable: true }
    }

    /// Checks the layer's next entry.
    pub(super) fn check(&mut self, entry: &TarEntry, path: Option<&ImagePath>) {
        self.is_reusable = self.is_reusable && path.is_some_and(|path| self.follows_rules(entry, path));
        if !self.is_reusable {
            self.folders.clear();
            self.others.clear();
        }
    }

    fn follows_rules(&mut self, entry: &TarEntry, path: &ImagePath) -> bool {
        let is_directory = entry.kind.is_dir();
        let is_in_place = self.is_selected(path) || (is_directory && self.path.is_below(path.as_str()));
        let has_folder = path.parent().is_none_or(|folder| self.folders.contains(folder.as_str()));
        // A layer that limg makes would not have the setuid bit or an attribute.
        let has_right_mode = match entry.kind {
            kind if kind.is_dir() => entry.mode == FOLDER_MODE,
            kind if kind.is_file() => matches!(entry.mode, 0o644 | 0o755),
            kind => kind.is_symlink(),
        };
        let follows = is_in_place
            && has_folder
            && has_right_mode
            && entry.is_plain
            && entry.is_text
            && !entry.is_sparse
            && !is_whiteout(path);
        let seen = if is_directory { &mut self.folders } else { &mut self.others };
        follows && seen.insert(path.as_str().to_owned())
    }

    fn is_selected(&self, path: &ImagePath) -> bool {
        path == self.path || path.is_below(self.path.as_str())
    }

    /// Whether the layer, which has this number, contains exactly what the whole image has at and below the path.
    pub(super) fn is_exactly(&self, number: u32, image: &Overlay) -> bool {
        if !self.is_reusable || self.others.is_empty() {
            return false;
        }
        let is_own = |path: &ImagePath, entry: &OverlayEntry| match entry.node {
            OverlayNode::Directory(_) => self.folders.contains(path.as_str()),
            _ => entry.layer == number,
        };
        let mut found = 0;
        for (path, entry) in image.named(self.path) {
            if !is_own(path, entry) {
                return false;
            }
            found += 1;
        }
        // The image has nothing but the layer's own entries, and as many: no layer above hides one of them.
        let folders =
            self.folders.iter().filter(|path| path.parse().is_ok_and(|path| self.is_selected(&path)));
        found == folders.count() + self.others.len()
    }
}

/// Whether a layer that is reusable for `tree` may be put on this base: limg has since changed nothing in the tree for
/// Lambda's sake, and the layer's entries for folders leave the base's folders the modes that they have.
#[must_use]
pub(crate) fn fits_base(tree: &Tree, base: &FileIndex) -> bool {
    let mut folders = BTreeSet::new();
    for (path, node) in tree.iter() {
        folders.extend(path.ancestors());
        if matches!(node, Node::Directory) {
            folders.insert(path.clone());
        }
    }
    let keeps_mode = |path: &ImagePath| match base.get(path.as_str()) {
        None => true,
        Some(IndexEntry::Directory { mode, .. }) => *mode == FOLDER_MODE,
        Some(_) => false,
    };
    tree.adjustments().is_empty() && folders.iter().all(keeps_mode)
}
