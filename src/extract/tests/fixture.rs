//! Images to take files from.

use std::io::Read as _;

use super::super::*;
use crate::failure::help_text;
pub(super) use crate::files::tests::fixture::{TestEntry, entry, gzip, parsed, tar};
use crate::text::with_causes;
use crate::tree::Node;

/// An image and a store.
pub(super) struct Fixture {
    pub(super) folder: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) layers: Vec<Layer>,
}

pub(super) fn path(text: &str) -> ImagePath {
    text.parse().unwrap()
}

impl Fixture {
    /// An image with layers of entries as [`parsed`] reads them.
    pub(super) fn of(layers: &[&[&str]]) -> Self {
        let mut fixture = Self::new();
        for entries in layers {
            fixture.add(&entries.iter().map(|text| parsed(text)).collect::<Vec<_>>());
        }
        fixture
    }

    pub(super) fn new() -> Self {
        let (folder, store) = Store::for_test();
        std::fs::create_dir(folder.path().join("image")).unwrap();
        Self { folder, store, layers: Vec::new() }
    }

    /// Adds a layer of these entries.
    pub(super) fn add(&mut self, entries: &[TestEntry]) {
        let tar = tar(entries);
        self.add_blob(&gzip(&tar), &tar);
    }

    /// Adds a layer whose blob has these bytes, outside of the store.
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

    /// The tree of what is at a path, one line a node as [`parsed`] reads them, programs with a `*`.
    pub(super) fn listed(&self, from: &str, to: &str) -> Vec<String> {
        listed(&self.extract(from, to).unwrap().tree)
    }

    /// The error, its causes and its help.
    pub(super) fn error(&self, from: &str) -> String {
        let error = self.extract(from, "/opt/new").unwrap_err();
        format!("{} [{}]", with_causes(&error), help_text(&error))
    }

    /// Whether an extraction has been recorded.
    pub(super) fn has_record(&self) -> bool {
        self.store.root().join(RECORD).exists()
    }

    /// Removes the blobs of all layers.
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
