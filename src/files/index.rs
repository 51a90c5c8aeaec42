//! What is known of the files of a base image, by path: a projection of its [`Overlay`](super::Overlay) that the store
//! keeps, or the few files that the base guarantees.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::resolve::{Step, resolve};
use crate::project::{ImagePath, ImagePathError};

/// The files of a base image.
///
/// Only a full one is stored. Facts that are added to the format later, for example the digest of a file, are optional;
/// otherwise the name of the store's record changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIndex {
    /// In the byte order of their paths: faster to load and smaller than a map.
    pub(super) entries: Vec<(ImagePath, IndexEntry)>,
    /// Whether they are only what the base's contract guarantees.
    #[serde(skip)]
    is_guaranteed: bool,
}

/// What is at a path. `layer` is the number of the layer that it comes from, the lowest being 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndexEntry {
    /// A directory.
    #[serde(rename = "d")]
    Directory {
        /// Its permission bits: 0755 if no layer names it.
        #[serde(rename = "m")]
        mode: u32,
        /// Its layer.
        #[serde(rename = "l")]
        layer: u32,
    },
    /// A regular file or a hard link to one.
    #[serde(rename = "f")]
    File {
        /// Its permission bits.
        #[serde(rename = "m")]
        mode: u32,
        /// Its size in bytes.
        #[serde(rename = "s")]
        size: u64,
        /// Its layer.
        #[serde(rename = "l")]
        layer: u32,
    },
    /// A symbolic link.
    #[serde(rename = "l")]
    Symlink {
        /// Its target, as written.
        #[serde(rename = "t")]
        target: Box<str>,
        /// Its layer.
        #[serde(rename = "l")]
        layer: u32,
    },
    /// A device, a pipe, or something that cannot be unpacked.
    #[serde(rename = "o")]
    Other {
        /// Its layer.
        #[serde(rename = "l")]
        layer: u32,
    },
}

impl FileIndex {
    /// An index at the base's word: what its contract guarantees is these programs and the folders above them. Sizes and
    /// layers are not known and are 0.
    ///
    /// # Errors
    /// When one of them is not a path of an image.
    pub fn guaranteed(programs: &[&str]) -> Result<Self, ImagePathError> {
        let mut entries = BTreeMap::new();
        for path in programs {
            let path: ImagePath = path.parse()?;
            let folder = |folder| (folder, IndexEntry::Directory { mode: 0o755, layer: 0 });
            entries.extend(path.ancestors().map(folder));
            entries.insert(path, IndexEntry::File { mode: 0o755, size: 0, layer: 0 });
        }
        Ok(Self { entries: entries.into_iter().collect(), is_guaranteed: true })
    }

    /// The entries by their paths.
    pub(super) fn into_map(self) -> BTreeMap<ImagePath, IndexEntry> {
        self.entries.into_iter().collect()
    }

    /// The full index of an image with these entries, in the byte order of their paths.
    pub(super) fn full(entries: impl Iterator<Item = (ImagePath, IndexEntry)>) -> Self {
        Self { entries: entries.collect(), is_guaranteed: false }
    }

    /// Whether it has everything that the layers of the base have.
    #[must_use]
    pub fn is_full(&self) -> bool {
        !self.is_guaranteed
    }

    /// All paths, in their byte order.
    pub fn paths(&self) -> impl Iterator<Item = &ImagePath> {
        self.entries.iter().map(|(path, _)| path)
    }

    /// All paths and what is there, in the byte order of the paths.
    pub fn entries(&self) -> impl Iterator<Item = (&ImagePath, &IndexEntry)> {
        self.entries.iter().map(|(path, entry)| (path, entry))
    }

    /// What is directly in a folder.
    pub fn entries_in(&self, folder: &str) -> impl Iterator<Item = (&ImagePath, &IndexEntry)> {
        self.entries().filter(move |(path, _)| path.folder() == folder)
    }

    /// What is at a path itself, without following links.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&IndexEntry> {
        let found = self.entries.binary_search_by(|(other, _)| other.as_str().cmp(path));
        found.ok().and_then(|position| self.entries.get(position)).map(|(_, entry)| entry)
    }

    /// Whether there is anything below a folder.
    #[must_use]
    pub fn has_below(&self, folder: &str) -> bool {
        let from = format!("{folder}/");
        let position = self.entries.partition_point(|(path, _)| path.as_str() < from.as_str());
        self.entries.get(position).is_some_and(|(path, _)| path.as_str().starts_with(&from))
    }

    /// Whether a path leads to a file when links are followed.
    #[must_use]
    pub fn has_file(&self, path: &str) -> bool {
        path.parse().is_ok_and(|path| matches!(self.resolve(&path), Some(IndexEntry::File { .. })))
    }

    /// What a path leads to when all links are followed.
    #[must_use]
    pub fn resolve(&self, path: &ImagePath) -> Option<&IndexEntry> {
        resolve(path, |path| {
            self.get(path).map(|entry| match entry {
                IndexEntry::Symlink { target, .. } => Step::Link(target),
                IndexEntry::Directory { .. } => Step::Directory(entry),
                IndexEntry::File { .. } | IndexEntry::Other { .. } => Step::Other(entry),
            })
        })
    }
}
