//! What was selected from an image, as a record of the store and as a tree.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ExtractError;
use super::pack::{Pack, PackedContent, PackedFile};
use crate::files::{LayerReadError, Overlay, OverlayFile, OverlayNode};
use crate::image::Layer;
use crate::project::ImagePath;
use crate::store::{Blob, Digest, Store};
use crate::tree::{self, IMAGE_SIZE_LIMIT, Node, StoredFile, Tree, TreeError};

/// The kind of the record. Its name changes when its meaning does.
pub(super) const RECORD: &str = "image-files-1";

/// What an image has at and below a path, by the path relative to it, which is empty for the path itself.
pub(super) type Selection<'a> = BTreeMap<String, &'a OverlayNode>;

/// The same with the contents in the store.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredSelection {
    entries: BTreeMap<String, StoredEntry>,
    /// The blob with the contents, and its size in bytes.
    contents: (Digest, u64),
    /// Digest and size in bytes of the layer that contains exactly this in the form of limg's own layers.
    #[serde(rename = "ready")]
    pub(super) reusable_layer: Option<(Digest, u64)>,
}

/// What is at a path.
#[derive(Debug, Serialize, Deserialize)]
enum StoredEntry {
    #[serde(rename = "d")]
    Directory,
    #[serde(rename = "f")]
    File {
        /// Its permission bits.
        mode: u32,
        /// When it was last modified, in seconds since 1970.
        modified: Option<i64>,
        content: PackedContent,
    },
    /// A symbolic link and its target.
    #[serde(rename = "l")]
    Symlink(Box<str>),
}

impl StoredSelection {
    /// A selection whose files have been packed.
    ///
    /// # Errors
    /// When the pack lacks a file: its layer has changed since it was read first.
    pub(super) fn new(
        selection: &Selection<'_>,
        pack: &Pack,
        reusable_layer: Option<(Digest, u64)>,
        layers: &[Layer],
    ) -> Result<Self, LayerReadError> {
        let mut entries = BTreeMap::new();
        for (path, node) in selection {
            let entry = match node {
                OverlayNode::File(OverlayFile { origin, mode, .. }) => {
                    let changed =
                        || LayerReadError::Digest { layer: layers[origin.layer as usize].digest.clone() };
                    let PackedFile { modified, content } =
                        pack.files.get(origin).ok_or_else(changed)?.clone();
                    StoredEntry::File { mode: *mode, modified, content }
                }
                OverlayNode::Symlink(target) => StoredEntry::Symlink(target.clone()),
                OverlayNode::Directory(_) | OverlayNode::Unsupported(_) => StoredEntry::Directory,
            };
            entries.insert(path.clone(), entry);
        }
        Ok(Self { entries, contents: (pack.digest.clone(), pack.blob.size), reusable_layer })
    }

    /// The selection recorded under a key and the blob with its contents, if the store still has both.
    pub(super) fn recorded(key: &Digest, store: &Store) -> Option<(Self, Blob)> {
        let selection: Self = store.record(RECORD, key)?;
        let (digest, size) = &selection.contents;
        let contents = store.blob(digest).filter(|blob| blob.size == *size)?;
        Some((selection, contents))
    }

    /// A tree with the selection at `to`. `path` is where the image has it, for messages.
    pub(super) fn tree(
        self,
        contents: &Blob,
        path: &ImagePath,
        to: &ImagePath,
    ) -> Result<Tree, ExtractError> {
        tree::check_name(to, to)?;
        let blob: Arc<Path> = Arc::from(contents.path.as_path());
        let mut tree = Tree::new();
        for (relative, entry) in self.entries {
            let place = match relative.as_str() {
                "" => to.clone(),
                relative => tree::join(to, relative, &of_image(&format!("{path}/{relative}")))?,
            };
            match entry {
                StoredEntry::Directory => tree.insert(place, Node::Directory),
                StoredEntry::Symlink(target) => tree.insert(place, Node::Symlink(target.into())),
                StoredEntry::File { mode, modified, content: PackedContent { offset, size, digest } } => {
                    let digest = digest.into();
                    let file = StoredFile { path: Arc::clone(&blob), offset, size, digest };
                    tree.add_stored(place, file, mode, modified);
                }
            }
        }
        Ok(tree)
    }
}

/// Selects what the image has at and below `root`, which is where `path` leads.
///
/// # Errors
/// When a layer cannot contain it.
pub(super) fn select<'a>(
    image: &'a Overlay,
    root: &ImagePath,
    path: &ImagePath,
) -> Result<Selection<'a>, ExtractError> {
    let mut selection = Selection::new();
    let mut size = 0_u64;
    for (place, entry) in image.named(root) {
        let why = match &entry.node {
            OverlayNode::File(OverlayFile { is_sparse: true, .. }) => {
                Some("is stored as a sparse file, which limg cannot read")
            }
            OverlayNode::Unsupported(why) => Some(*why),
            OverlayNode::File(file) => {
                size = size.saturating_add(file.size);
                None
            }
            OverlayNode::Directory(_) | OverlayNode::Symlink(_) => None,
        };
        if let Some(why) = why {
            let help = "choose a path of the image that does not contain it".into();
            let (what, why) = (of_image(place.as_str()), why.to_owned());
            return Err(TreeError::Unsuitable { what, why, help }.into());
        }
        let relative = place.as_str()[root.as_str().len()..].trim_start_matches('/');
        selection.insert(relative.to_owned(), &entry.node);
    }
    if size > IMAGE_SIZE_LIMIT {
        return Err(ExtractError::TooLarge { path: path.clone(), size });
    }
    // A folder that no layer names, and whose files were all deleted.
    if selection.is_empty() {
        selection.insert(String::new(), &OverlayNode::Directory(None));
    }
    Ok(selection)
}

/// A path of the image, in messages.
fn of_image(path: &str) -> String {
    format!("{path} of the image")
}
