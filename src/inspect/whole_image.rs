//! All of an image at once, for a report: every file with its layer and package, what higher layers hide, and what is in the
//! image several times.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::Layers;
use super::contents::Wanted;
use super::layers::{FileEntry, Hidden, LayersView};
use super::packages::{Package, Packages};
use crate::files::{Hiding, ImageFiles, LayerReadError, Origin, OverlayNode};
use crate::image::BaseImage;
use crate::store::Digest;

/// What is in an image.
#[derive(Debug)]
pub(crate) struct WholeImage {
    /// How it starts, and its layers.
    pub layers: LayersView,
    /// The files that a program in the image finds, by path.
    pub files: Vec<SeenFile>,
    /// The packages of Python and Node.js, the largest first.
    pub packages: Vec<Package>,
    /// The files of lower layers that higher ones replace or delete, the largest first.
    pub overwritten: Vec<FileEntry>,
    /// The contents that several files have, those that waste most first.
    pub duplicates: Vec<Duplicate>,
}

/// A file that a program in the image finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenFile {
    /// Its path.
    pub path: String,
    /// The number of its layer, the lowest being 1.
    pub layer: u32,
    /// Its size in bytes. A further hard link to a file has none.
    pub size: u64,
    /// The position of the package that it belongs to.
    pub package: Option<usize>,
}

/// A content that several files have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Duplicate {
    /// The size of one of them in bytes.
    pub size: u64,
    /// Their paths.
    pub paths: Vec<String>,
    /// How many of these contents are stored; hard links share one.
    pub copies: u64,
    /// The number of the highest layer that has one, the lowest being 1.
    pub highest_layer: u32,
}

impl Duplicate {
    /// The bytes that one copy would save.
    #[must_use]
    pub(crate) fn wasted(&self) -> u64 {
        self.size.saturating_mul(self.copies.saturating_sub(1))
    }
}

impl WholeImage {
    /// Reads an image whose layers are on this machine. `contents` are its files.
    ///
    /// # Errors
    /// When a layer cannot be read or is damaged.
    pub(crate) fn read(image: &BaseImage, contents: &ImageFiles) -> Result<Self, LayerReadError> {
        let read = Layers::read(image, Wanted::Packages)?;
        let Packages { all: packages, of_files } = Packages::of(&read);
        let mut seen = BTreeSet::new();
        let files = read.overlay.iter().filter_map(|(path, entry)| {
            let OverlayNode::File(file) = &entry.node else { return None };
            let size = if seen.insert(file.origin) { file.size } else { 0 };
            let package = of_files.get(path).copied();
            Some(SeenFile { path: path.to_string(), layer: entry.layer + 1, size, package })
        });
        Ok(Self {
            files: files.collect(),
            layers: LayersView::of(image, &read),
            packages,
            overwritten: overwritten(&read),
            duplicates: duplicates(&read, contents),
        })
    }
}

fn overwritten(read: &Layers) -> Vec<FileEntry> {
    let hidden = read.overlay.hidden().iter().filter(|hidden| hidden.how != Hiding::Merged);
    let files = hidden.filter_map(|hidden| {
        let OverlayNode::File(file) = &hidden.entry.node else { return None };
        let by = Hidden { by_layer: hidden.by + 1, how: hidden.how };
        Some((file.size, FileEntry::new(hidden.path.as_str(), &hidden.entry, Some(by))))
    });
    let mut files: Vec<_> = files.collect();
    files.sort_by(|(one_size, one), (other_size, other)| {
        (other_size, &one.path, one.layer).cmp(&(one_size, &other.path, other.layer))
    });
    files.into_iter().map(|(_, file)| file).collect()
}

fn duplicates(read: &Layers, contents: &ImageFiles) -> Vec<Duplicate> {
    type Files = (Vec<String>, BTreeSet<Origin>);
    let mut by_content: BTreeMap<(u64, &Digest), Files> = BTreeMap::new();
    for (path, entry) in read.overlay.iter() {
        let OverlayNode::File(file) = &entry.node else { continue };
        let digest = contents.content(path.as_str()).and_then(|content| content.digest.as_ref());
        // The digest of a sparse file is not that of its content.
        let Some(digest) = digest.filter(|_| file.size > 0 && !file.is_sparse) else { continue };
        let (paths, origins) = by_content.entry((file.size, digest)).or_default();
        paths.push(path.to_string());
        origins.insert(file.origin);
    }
    let several = by_content.into_iter().filter(|(_, (_, origins))| origins.len() > 1);
    let duplicates = several.map(|((size, _), (paths, origins))| Duplicate {
        size,
        paths,
        copies: origins.len() as u64,
        highest_layer: origins.last().map_or(0, |origin| origin.layer + 1),
    });
    let mut duplicates: Vec<_> = duplicates.collect();
    duplicates.sort_by(|one, other| {
        (Reverse(one.wasted()), &one.paths).cmp(&(Reverse(other.wasted()), &other.paths))
    });
    duplicates
}
