//! Images to take files from, made with the `tar` crate.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::super::*;
use crate::tree::Node;

/// A store and layers in it.
pub(super) struct Bench {
    pub(super) folder: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) layers: Vec<Layer>,
}

/// An entry of a layer. Its mode is 0755 for a directory and 0644 for a file.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) header: Header,
    pub(super) name: Vec<u8>,
    pub(super) target: Vec<u8>,
    pub(super) content: Vec<u8>,
}

pub(super) fn entry(kind: EntryType, name: &str, target: &str, content: &str) -> Made {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(if kind.is_dir() { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_700_000_000);
    header.set_size(content.len() as u64);
    Made { header, name: name.into(), target: target.into(), content: content.into() }
}

/// An entry as `name/`, `name -> target` (a symbolic link), `name => target` (a hard link) or `name: content`.
pub(super) fn made(text: &str) -> Made {
    if let Some((name, target)) = text.split_once(" -> ") {
        entry(EntryType::Symlink, name, target, "")
    } else if let Some((name, target)) = text.split_once(" => ") {
        entry(EntryType::Link, name, target, "")
    } else if text.ends_with('/') {
        entry(EntryType::Directory, text, "", "")
    } else {
        let (name, content) = text.split_once(": ").unwrap_or((text, text));
        entry(EntryType::Regular, name, "", content)
    }
}

impl Made {
    pub(super) fn mode(mut self, mode: u32) -> Self {
        self.header.set_mode(mode);
        self
    }

    /// Its blocks, with a GNU record in front for a long name; a short one is put in as it is, whatever it is.
    fn write(&self, archive: &mut Builder<Vec<u8>>) {
        let mut header = self.header.clone();
        let mut record = |kind, bytes: &[u8], field: &mut [u8]| {
            if bytes.len() <= field.len() {
                field[..bytes.len()].copy_from_slice(bytes);
                return;
            }
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            archive.append(&header, bytes).unwrap();
        };
        record(EntryType::GNULongName, &self.name, &mut header.as_old_mut().name);
        record(EntryType::GNULongLink, &self.target, &mut header.as_old_mut().linkname);
        header.set_cksum();
        archive.append(&header, &self.content[..]).unwrap();
    }
}

pub(super) fn tar(entries: &[Made]) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    for entry in entries {
        entry.write(&mut archive);
    }
    archive.into_inner().unwrap()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn path(text: &str) -> ImagePath {
    text.parse().unwrap()
}

impl Bench {
    /// An image of layers of entries as [`made`] reads them.
    pub(super) fn of(layers: &[&[&str]]) -> Self {
        let mut bench = Self::new();
        for entries in layers {
            bench.add(&entries.iter().map(|text| made(text)).collect::<Vec<_>>());
        }
        bench
    }

    pub(super) fn new() -> Self {
        let (folder, store) = Store::for_test();
        std::fs::create_dir(folder.path().join("image")).unwrap();
        Self { folder, store, layers: Vec::new() }
    }

    /// Adds a layer of these entries.
    pub(super) fn add(&mut self, entries: &[Made]) {
        let tar = tar(entries);
        self.add_blob(&gzip(&tar), &tar);
    }

    /// Adds a layer whose blob has these bytes; it lies outside of the store.
    pub(super) fn add_blob(&mut self, blob: &[u8], tar: &[u8]) {
        let file = self.folder.path().join("image").join(self.layers.len().to_string());
        std::fs::write(&file, blob).unwrap();
        let size = blob.len() as u64;
        let blob_at = Blob { path: file, offset: 0, size, in_store: false };
        self.layers.push(Layer { digest: Digest::of(blob), diff_id: Digest::of(tar), size, blob: blob_at });
    }

    pub(super) fn extract(&self, from: &str, to: &str) -> Result<Extracted, ExtractError> {
        extract(&self.layers, &path(from), &path(to), &self.store)
    }

    /// The tree of what stands at a path, one line a node as [`made`] reads them, programs with a `*`.
    pub(super) fn listed(&self, from: &str, to: &str) -> Vec<String> {
        listed(&self.extract(from, to).unwrap().tree)
    }

    /// The error, its causes and its help.
    pub(super) fn error(&self, from: &str) -> String {
        let error = self.extract(from, "/opt/new").unwrap_err();
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        format!("{text} [{}]", error.help().unwrap_or_default())
    }

    /// Whether anything is kept but the records of a new store.
    pub(super) fn has_record(&self) -> bool {
        self.store.root().join("image-files-1").exists()
    }

    /// Removes the blobs of all layers, which then cannot be read any more.
    pub(super) fn lose_layers(&self) {
        std::fs::remove_dir_all(self.folder.path().join("image")).unwrap();
    }
}

pub(super) fn listed(tree: &Tree) -> Vec<String> {
    tree.iter().map(|(path, node)| shown(path.as_str(), node)).collect()
}

fn shown(path: &str, node: &Node) -> String {
    match node {
        Node::Directory => format!("{path}/"),
        Node::Symlink(target) => format!("{path} -> {target}"),
        Node::File(file) => {
            let mut content = String::new();
            file.content.open().unwrap().read_to_string(&mut content).unwrap();
            assert_eq!(file.size, content.len() as u64);
            format!("{path}: {content}{}", if file.executable { "*" } else { "" })
        }
    }
}
