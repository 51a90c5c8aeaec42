//! The largest files and packages of an image.

use std::cmp::Reverse;

use serde::Serialize;

use super::Layers;
use super::layers::FileEntry;
use super::packages::{Package, Packages};
use crate::files::{OverlayEntry, OverlayNode};
use crate::project::ImagePath;

/// The largest files and packages.
#[derive(Debug, Serialize)]
pub(crate) struct Largest {
    /// The files, the largest first.
    pub files: Vec<FileEntry>,
    /// The packages of Python and Node.js, the largest first.
    pub packages: Vec<Package>,
}

impl Largest {
    pub(super) fn of(read: &Layers, number: usize) -> Self {
        let size = |entry: &OverlayEntry| match &entry.node {
            OverlayNode::File(file) => file.size,
            _ => 0,
        };
        let files = read.overlay.iter().filter(|(_, entry)| matches!(entry.node, OverlayNode::File(_)));
        let mut files: Vec<_> = files.collect();
        files.sort_by_key(|(path, entry)| (Reverse(size(entry)), *path));
        files.truncate(number);
        let mut packages = Packages::of(read).all;
        packages.truncate(number);
        let file = |(path, entry): (&ImagePath, &OverlayEntry)| FileEntry::new(path.as_str(), entry, None);
        Self { files: files.into_iter().map(file).collect(), packages }
    }
}
