//! Layers that can be used as they are, since they already are what limg would make of the files taken.
//!
//! Which rules count: what Lambda demands of a layer (Lambda developer guide, images-create, and the errors that its
//! unpacking is known to give), and what limg promises of every file: one gzip member, a whole tar, every folder named
//! before what it holds, only directories, files and symbolic links, owner 0, modes 0644 and 0755, each path once, no
//! attributes. Not counted is what only makes limg's own layers reproducible: times, the order of entries, how names are
//! written, the compressor.

use std::collections::BTreeSet;

use super::overlay::{Node, Overlay, Placed};
use crate::files::{FileIndex, IndexEntry, TarEntry, whiteout};
use crate::project::ImagePath;
use crate::tree::Tree;

/// The mode of a directory that the base does not have.
const FOLDER_MODE: u32 = 0o755;

/// One layer, as long as it may be ready.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    /// What it has to hold, and nothing else.
    path: &'a ImagePath,
    folders: BTreeSet<String>,
    others: BTreeSet<String>,
    is_fit: bool,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(path: &'a ImagePath) -> Self {
        Self { path, folders: BTreeSet::new(), others: BTreeSet::new(), is_fit: true }
    }

    /// Looks at the layer's next entry.
    pub(super) fn see(&mut self, entry: &TarEntry, path: Option<&ImagePath>) {
        self.is_fit = self.is_fit && path.is_some_and(|path| self.takes(entry, path));
        if !self.is_fit {
            self.folders.clear();
            self.others.clear();
        }
    }

    fn takes(&mut self, entry: &TarEntry, path: &ImagePath) -> bool {
        let is_directory = entry.kind.is_dir();
        let is_in_place = self.is_wanted(path) || (is_directory && self.path.is_below(path.as_str()));
        let has_folder = path.parent().is_none_or(|folder| self.folders.contains(folder.as_str()));
        // A layer made again would not have the setuid bit or an attribute.
        let has_right_mode = match entry.kind {
            kind if kind.is_dir() => entry.mode == FOLDER_MODE,
            kind if kind.is_file() => matches!(entry.mode, 0o644 | 0o755),
            kind => kind.is_symlink(),
        };
        let right = is_in_place
            && has_folder
            && has_right_mode
            && entry.is_plain
            && entry.is_text
            && !entry.is_sparse
            && whiteout(path).is_none();
        let seen = if is_directory { &mut self.folders } else { &mut self.others };
        right && seen.insert(path.as_str().to_owned())
    }

    fn is_wanted(&self, path: &ImagePath) -> bool {
        path == self.path || path.is_below(self.path.as_str())
    }

    /// Whether the layer, which is the one of this number, holds just what the whole image has at and below the path.
    pub(super) fn is_exactly(&self, number: usize, image: &Overlay) -> bool {
        if !self.is_fit || self.others.is_empty() {
            return false;
        }
        let wanted = self.path.as_str();
        let is_own = |path: &str, placed: &Placed| match placed.node {
            Node::Directory => self.folders.contains(path),
            _ => placed.layer == number,
        };
        let mut found = 0;
        for (path, placed) in
            image.get(wanted).map(|placed| (wanted, placed)).into_iter().chain(image.below(wanted))
        {
            if !is_own(path, placed) {
                return false;
            }
            found += 1;
        }
        // As many, and each of them its own: then none of its own is hidden by a layer above.
        let folders = self.folders.iter().filter(|path| path.parse().is_ok_and(|path| self.is_wanted(&path)));
        found == folders.count() + self.others.len()
    }
}

/// Whether a layer that was ready for `tree` may be used for it on this base: nothing of the tree's files was changed since
/// for Lambda's sake, and the layer's entries for folders leave the base's folders the modes that they have.
#[must_use]
pub fn suits(tree: &Tree, base: &FileIndex) -> bool {
    let mut folders = BTreeSet::new();
    for (path, node) in tree.iter() {
        folders.extend(path.ancestors());
        if matches!(node, crate::tree::Node::Directory) {
            folders.insert(path.clone());
        }
    }
    let keeps_mode =
        |path: &ImagePath| matches!(base.get(path.as_str()), None | Some(IndexEntry::Directory(FOLDER_MODE)));
    tree.adjustments().is_empty() && folders.iter().all(keeps_mode)
}
