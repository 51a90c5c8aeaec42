//! What a base image holds: its layers' entries laid over each other, without their contents.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::Bound;

use serde::{Deserialize, Serialize};
use tar::EntryType;

use super::resolve::{Step, follow};
use super::tar_entries::{TarEntries, TarEntry};
use crate::project::{ImagePath, ImagePathError};
use crate::tree::IMAGE_SIZE_LIMIT;

/// The entries of a base image by path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIndex {
    pub(super) entries: BTreeMap<ImagePath, IndexEntry>,
}

/// What a base image has at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndexEntry {
    /// A directory with its permission bits.
    #[serde(rename = "d")]
    Directory(u32),
    /// A regular file (or a hard link to one) with its permission bits.
    #[serde(rename = "f")]
    File(u32),
    /// A symbolic link and its target.
    #[serde(rename = "l")]
    Symlink(String),
    /// A device or pipe.
    #[serde(rename = "o")]
    Other,
}

/// A base layer that cannot be listed.
#[derive(Debug, thiserror::Error)]
#[error("failed to read a layer of the base image as a tar archive")]
pub struct IndexError(#[from] pub(super) io::Error);

impl FileIndex {
    /// Lays the entries of one more layer, an uncompressed tar stream, over those that are there, with its whiteouts
    /// (OCI image specification, layer.md, "Whiteouts"). The result is the size of the stream.
    ///
    /// The stream is read to its end, so that a reader that verifies a digest gets to see all of it.
    ///
    /// # Errors
    /// When it is no tar archive, or larger than Lambda takes.
    pub fn add_layer(&mut self, layer: impl Read) -> Result<u64, IndexError> {
        Ok(self.add_limited(layer, IMAGE_SIZE_LIMIT)?)
    }

    pub(super) fn add_limited(&mut self, layer: impl Read, limit: u64) -> io::Result<u64> {
        // One more, to tell what reaches the limit from what goes beyond.
        let mut layer = layer.take(limit + 1);
        let added = self.add_entries(&mut layer);
        if layer.limit() == 0 {
            let why = "it inflates to more than the 10 GB that Lambda takes";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        added.map(|()| limit + 1 - layer.limit())
    }

    fn add_entries(&mut self, layer: &mut impl Read) -> io::Result<()> {
        let mut entries = TarEntries::new(layer.by_ref());
        let mut added = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            // The root itself, and names that no extractor would place inside it, are no entries.
            let Some(path) = entry_path(&entry.name) else { continue };
            match whiteout(&path) {
                Some(Whiteout::Below(Some(folder))) => self.remove_below(&folder),
                Some(Whiteout::Below(None)) => self.entries.clear(),
                Some(Whiteout::At(deleted)) => {
                    self.remove_below(&deleted);
                    self.entries.remove(&deleted);
                }
                Some(Whiteout::Nothing) => {}
                None => added.push((path, index_entry(entry))),
            }
        }
        for (path, entry) in added {
            if !matches!(entry, IndexEntry::Directory(_)) {
                self.remove_below(&path);
            }
            self.entries.insert(path, entry);
        }
        io::copy(layer, &mut io::sink())?;
        Ok(())
    }

    /// An index that has some programs, the folders above them, and nothing else.
    ///
    /// # Errors
    /// When one of them is no path of an image.
    pub fn of_programs(paths: &[&str]) -> Result<Self, ImagePathError> {
        let mut entries = BTreeMap::new();
        for path in paths {
            let path: ImagePath = path.parse()?;
            entries.extend(path.ancestors().map(|folder| (folder, IndexEntry::Directory(0o755))));
            entries.insert(path, IndexEntry::File(0o755));
        }
        Ok(Self { entries })
    }

    /// What stands at a path itself, no link followed.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&IndexEntry> {
        self.entries.get(path)
    }

    /// Whether anything stands below a folder.
    #[must_use]
    pub fn has_below(&self, folder: &str) -> bool {
        let from = format!("{folder}/");
        let mut below = self.entries.range::<str, _>((Bound::Included(from.as_str()), Bound::Unbounded));
        below.next().is_some_and(|(path, _)| path.as_str().starts_with(&from))
    }

    /// Whether a path, links followed, leads to a file.
    #[must_use]
    pub fn has_file(&self, path: &str) -> bool {
        path.parse().is_ok_and(|path| matches!(self.resolve(&path), Some(IndexEntry::File(_))))
    }

    /// What a path leads to when every symbolic link on the way is followed.
    #[must_use]
    pub fn resolve(&self, path: &ImagePath) -> Option<&IndexEntry> {
        follow(path, |path| {
            self.entries.get(path).map(|entry| match entry {
                IndexEntry::Symlink(target) => Step::Link(target),
                other => Step::End(other),
            })
        })
    }

    fn remove_below(&mut self, folder: &ImagePath) {
        let below: Vec<ImagePath> = self
            .entries
            .range((Bound::Excluded(folder.clone()), Bound::Unbounded))
            .map(|(path, _)| path)
            .take_while(|path| path.as_str().starts_with(folder.as_str()))
            .filter(|path| path.is_below(folder.as_str()))
            .cloned()
            .collect();
        for path in below {
            self.entries.remove(&path);
        }
    }
}

/// What an entry of a layer deletes of the layers below (OCI image specification, layer.md, "Whiteouts").
#[derive(Debug)]
pub(crate) enum Whiteout {
    /// Everything in this folder, or in the root.
    Below(Option<ImagePath>),
    /// What stands at this path, with everything below.
    At(ImagePath),
    /// Nothing, although it has the name of a whiteout.
    Nothing,
}

/// The whiteout that an entry at `path` is, if it is one: such a name never is that of a file.
pub(crate) fn whiteout(path: &ImagePath) -> Option<Whiteout> {
    let deleted = path.name().strip_prefix(".wh.")?;
    let folder = path.parent();
    if deleted == ".wh..opq" {
        return Some(Whiteout::Below(folder));
    }
    let sibling = match folder {
        Some(folder) => folder.join(deleted),
        None => format!("/{deleted}").parse(),
    };
    Some(sibling.map_or(Whiteout::Nothing, Whiteout::At))
}

/// The image path of a tar entry's name: `./etc/` is `/etc`. Nothing for the root, and for a name that leads out of it.
pub(crate) fn entry_path(name: &str) -> Option<ImagePath> {
    let names: Vec<_> = name.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    format!("/{}", names.join("/")).parse().ok()
}

fn index_entry(entry: TarEntry) -> IndexEntry {
    match entry.kind {
        EntryType::Directory => IndexEntry::Directory(entry.mode),
        EntryType::Symlink => IndexEntry::Symlink(entry.target),
        kind if kind.is_file() || kind.is_hard_link() || kind.is_contiguous() || kind.is_gnu_sparse() => {
            IndexEntry::File(entry.mode)
        }
        _ => IndexEntry::Other,
    }
}
