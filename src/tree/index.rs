//! What a base image holds: its layers' entries laid over each other, without their contents.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use crate::project::ImagePath;

/// How many links a path may lead through, as Linux limits it (`path_resolution(7)`).
const LINK_LIMIT: usize = 40;

/// What fills up the last block of a tar archive and the two empty ones that end it.
const END: u64 = 3 * 512;

/// The entries of a base image by path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIndex {
    entries: BTreeMap<ImagePath, IndexEntry>,
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
pub struct IndexError(#[from] io::Error);

impl FileIndex {
    /// Lays the entries of one more layer, an uncompressed tar stream, over those that are there, with its whiteouts
    /// (OCI image specification, layer.md, "Whiteouts").
    ///
    /// The stream is read to its end, so that a reader that verifies a digest gets to see all of it.
    pub fn add_layer(&mut self, layer: impl Read) -> Result<(), IndexError> {
        // Go's tar reader, and hence Docker, takes a layer whose last file is not filled up to a whole block, so that there
        // are tools that write such ones (`umoci insert` of 0.4).
        let mut archive = tar::Archive::new(layer.chain(io::repeat(0).take(END)));
        let mut added = Vec::new();
        for entry in archive.entries()? {
            let entry = entry?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            // The root itself, and names that no extractor would place inside it, are no entries.
            let Some(path) = normalised(&name) else { continue };
            match path.name().strip_prefix(".wh.") {
                Some(".wh..opq") => match path.parent() {
                    Some(folder) => self.remove_below(&folder),
                    None => self.entries.clear(),
                },
                Some(deleted) => {
                    let sibling = match path.parent() {
                        Some(folder) => folder.join(deleted),
                        None => format!("/{deleted}").parse(),
                    };
                    if let Ok(sibling) = sibling {
                        self.remove_below(&sibling);
                        self.entries.remove(&sibling);
                    }
                }
                None => added.push((path, index_entry(&entry)?)),
            }
        }
        for (path, entry) in added {
            if !matches!(entry, IndexEntry::Directory(_)) {
                self.remove_below(&path);
            }
            self.entries.insert(path, entry);
        }
        io::copy(&mut archive.into_inner(), &mut io::sink())?;
        Ok(())
    }

    /// What stands at a path itself, no link followed.
    #[must_use]
    pub fn get(&self, path: &ImagePath) -> Option<&IndexEntry> {
        self.entries.get(path)
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

/// What stands at a path, to [`follow`].
#[derive(Debug)]
pub enum Step<'a, T> {
    /// A symbolic link with this target.
    Link(&'a str),
    /// Anything else.
    End(T),
}

/// Resolves a path as the kernel does: `look` tells what stands at a path whose folders hold no link. Nothing when it
/// leads nowhere or through too many links.
pub fn follow<'a, T>(path: &ImagePath, look: impl Fn(&ImagePath) -> Option<Step<'a, T>>) -> Option<T> {
    let mut pending: Vec<String> = path.relative().rsplit('/').map(str::to_owned).collect();
    let mut place: Vec<String> = Vec::new();
    let mut links = 0;
    let mut found = None;
    while let Some(name) = pending.pop() {
        match name.as_str() {
            "" | "." => continue,
            ".." => {
                place.pop();
                continue;
            }
            _ => place.push(name),
        }
        found = match look(&format!("/{}", place.join("/")).parse().ok()?)? {
            Step::End(end) => Some(end),
            Step::Link(_) if links == LINK_LIMIT => return None,
            Step::Link(target) => {
                links += 1;
                place.pop();
                if target.starts_with('/') {
                    place.clear();
                }
                pending.extend(target.rsplit('/').map(str::to_owned));
                None
            }
        };
    }
    found
}

/// The image path of a tar entry's name: `./etc/` is `/etc`.
fn normalised(name: &str) -> Option<ImagePath> {
    let names: Vec<_> = name.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
    format!("/{}", names.join("/")).parse().ok()
}

fn index_entry(entry: &tar::Entry<'_, impl Read>) -> io::Result<IndexEntry> {
    let mode = entry.header().mode()? & 0o7777;
    Ok(match entry.header().entry_type() {
        tar::EntryType::Directory => IndexEntry::Directory(mode),
        tar::EntryType::Symlink => {
            let target = entry.link_name_bytes().unwrap_or_default();
            IndexEntry::Symlink(String::from_utf8_lossy(&target).into_owned())
        }
        kind if kind.is_file() || kind.is_hard_link() || kind.is_contiguous() || kind.is_gnu_sparse() => {
            IndexEntry::File(mode)
        }
        _ => IndexEntry::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tar of `path`, `path/` or `path -> target`.
    fn layer(entries: &[&str]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for entry in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            header.set_mode(0o755);
            if let Some((path, target)) = entry.split_once(" -> ") {
                header.set_entry_type(tar::EntryType::Symlink);
                archive.append_link(&mut header, path, target).unwrap();
            } else {
                let directory = entry.ends_with('/');
                header.set_entry_type(if directory {
                    tar::EntryType::Directory
                } else {
                    tar::EntryType::Regular
                });
                archive.append_data(&mut header, entry, io::empty()).unwrap();
            }
        }
        archive.into_inner().unwrap()
    }

    fn index(layers: &[&[&str]]) -> FileIndex {
        let mut index = FileIndex::default();
        for entries in layers {
            index.add_layer(&layer(entries)[..]).unwrap();
        }
        index
    }

    fn paths(index: &FileIndex) -> Vec<&str> {
        index.entries.keys().map(ImagePath::as_str).collect()
    }

    #[test]
    fn whiteouts_delete_what_is_below_and_only_that() {
        let lower: &[&str] = &["a/", "a/x", "a/y", "a-b", "b", "c/", "c/z"];
        assert_eq!(paths(&index(&[lower, &["a/.wh.x", ".wh.c"]])), ["/a", "/a-b", "/a/y", "/b"]);
        assert_eq!(
            paths(&index(&[lower, &["a/", "a/new", "a/.wh..wh..opq"]])),
            ["/a", "/a-b", "/a/new", "/b", "/c", "/c/z"]
        );
        assert_eq!(paths(&index(&[lower, &["a"]])), ["/a", "/a-b", "/b", "/c", "/c/z"]);
    }

    #[test]
    fn paths_lead_through_links() {
        let index = index(&[&[
            "usr/",
            "usr/bin/",
            "usr/bin/dash",
            "usr/bin/sh -> dash",
            "bin -> usr/bin",
            "abs -> /bin/sh",
            "up -> usr/../bin/sh",
            "round -> round",
            "out -> ../../../bin/sh",
        ]]);
        for path in ["/bin/sh", "/usr/bin/sh", "/abs", "/up", "/out"] {
            assert!(index.has_file(path), "{path}");
        }
        for path in ["/round", "/bin", "/bin/bash", "/usr/bin/sh/x"] {
            assert!(!index.has_file(path), "{path}");
        }
        assert_eq!(index.resolve(&"/bin".parse().unwrap()), Some(&IndexEntry::Directory(0o755)));
    }

    #[test]
    fn names_are_normalised() {
        assert_eq!(normalised("./etc/").unwrap().as_str(), "/etc");
        assert_eq!(normalised("./"), None);
        assert_eq!(normalised("../etc"), None);
    }

    #[test]
    fn the_last_block_may_be_cut_short() {
        let mut header = tar::Header::new_gnu();
        header.set_size(6);
        header.set_mode(0o644);
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_data(&mut header, "a", &b"hello\n"[..]).unwrap();
        let whole = archive.into_inner().unwrap();
        let mut index = FileIndex::default();
        index.add_layer(&whole[..512 + 6]).unwrap();
        assert_eq!(paths(&index), ["/a"]);
    }

    #[test]
    fn rubbish_is_an_error() {
        assert!(FileIndex::default().add_layer(&[7_u8; 2048][..]).is_err());
    }
}
