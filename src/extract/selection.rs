//! What was selected from an image, as a record of the store and as a tree.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ExtractError;
use super::pack::PackedFile;
use crate::files::{Origin, Overlay, OverlayFile, OverlayNode};
use crate::project::ImagePath;
use crate::store::{Blob, Digest, Store};
use crate::tree::{self, IMAGE_SIZE_LIMIT, StoredFile, Tree, TreeError};

/// The kind of the record. Its name changes when its meaning does.
pub(super) const RECORD: &str = "image-files-1";

/// What an image has at and below a path, with the contents in the store.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredSelection {
    pub(super) entries: Selection<PackedFile>,
    /// The blob with the contents, and its size in bytes.
    pub(super) contents: (Digest, u64),
    /// Digest and size in bytes of the layer that contains exactly this in the form of limg's own layers.
    #[serde(rename = "ready")]
    pub(super) reusable_layer: Option<(Digest, u64)>,
}

/// What an image has at and below a path, by the path relative to it, which is empty for the path itself. `C` is where the
/// contents of files are.
pub(super) type Selection<C> = BTreeMap<String, SelectedEntry<C>>;

/// What is at a path.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum SelectedEntry<C> {
    #[serde(rename = "d")]
    Directory,
    /// A file, its permission bits and when it was last modified, in seconds since 1970.
    #[serde(rename = "f")]
    File { mode: u32, modified: Option<i64>, content: C },
    /// A symbolic link and its target.
    #[serde(rename = "l")]
    Symlink(String),
}

impl<C> SelectedEntry<C> {
    pub(super) fn content(&self) -> Option<&C> {
        match self {
            Self::File { content, .. } => Some(content),
            Self::Directory | Self::Symlink(_) => None,
        }
    }

    pub(super) fn try_map_content<D, E>(
        self,
        map: impl FnOnce(C) -> Result<D, E>,
    ) -> Result<SelectedEntry<D>, E> {
        Ok(match self {
            Self::Directory => SelectedEntry::Directory,
            Self::Symlink(target) => SelectedEntry::Symlink(target),
            Self::File { mode, modified, content } => {
                SelectedEntry::File { mode, modified, content: map(content)? }
            }
        })
    }
}

impl StoredSelection {
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
                SelectedEntry::Directory => tree.insert(place, tree::Node::Directory),
                SelectedEntry::Symlink(target) => tree.insert(place, tree::Node::Symlink(target)),
                SelectedEntry::File { mode, modified, content: PackedFile { offset, size, digest } } => {
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
pub(super) fn select(
    image: &Overlay,
    root: &ImagePath,
    path: &ImagePath,
) -> Result<Selection<Origin>, ExtractError> {
    let mut entries = Selection::new();
    let mut size = 0_u64;
    for (place, entry) in image.named(root) {
        let unsuitable = |why: &str| TreeError::Unsuitable {
            what: of_image(place.as_str()),
            why: why.to_owned(),
            help: "choose a `path` of the image that does not contain it".into(),
        };
        let selected = match &entry.node {
            OverlayNode::Directory(_) => SelectedEntry::Directory,
            OverlayNode::Symlink(target) => SelectedEntry::Symlink(target.clone()),
            OverlayNode::File(OverlayFile { is_sparse: true, .. }) => {
                return Err(unsuitable("is stored as a sparse file, which limg cannot read").into());
            }
            OverlayNode::File(file) => {
                size = size.saturating_add(file.size);
                SelectedEntry::File { mode: file.mode, modified: file.modified, content: file.origin }
            }
            OverlayNode::Unsupported(why) => return Err(unsuitable(why).into()),
        };
        let relative = place.as_str()[root.as_str().len()..].trim_start_matches('/');
        entries.insert(relative.to_owned(), selected);
    }
    if size > IMAGE_SIZE_LIMIT {
        return Err(ExtractError::TooLarge { path: path.clone(), size });
    }
    // A folder that no layer names, and whose files were all deleted.
    if entries.is_empty() {
        entries.insert(String::new(), SelectedEntry::Directory);
    }
    Ok(entries)
}

/// A path of the image, in messages.
fn of_image(path: &str) -> String {
    format!("{path} of the image")
}
