//! What was taken from an image, as a record of the store and as a tree.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::contents::Stretch;
use super::overlay::{File, Node, Origin, Overlay};
use super::{ExtractError, IMAGE_SIZE_LIMIT};
use crate::project::ImagePath;
use crate::store::{Blob, Digest, Store};
use crate::tree::{self, StoredFile, Tree, TreeError};

/// The kind of the record. Its name changes when its meaning does.
const RECORD: &str = "image-files-1";

/// What an image has at and below a path.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Listing {
    pub(super) entries: Taken<Stretch>,
    /// The blob of all contents and its size in bytes.
    pub(super) contents: (Digest, u64),
    /// Digest and size in bytes of the layer that holds just this and has the form of limg's own.
    pub(super) ready: Option<(Digest, u64)>,
}

/// What stands at each path below the path; what stands at the path itself has the empty one. `C` is where contents are.
pub(super) type Taken<C> = BTreeMap<String, Entry<C>>;

/// What stands at a path.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Entry<C> {
    #[serde(rename = "d")]
    Directory,
    /// A file, its permission bits and when it was last modified, in seconds since 1970.
    #[serde(rename = "f")]
    File { mode: u32, modified: Option<i64>, content: C },
    /// A symbolic link and its target.
    #[serde(rename = "l")]
    Symlink(String),
}

impl<C> Entry<C> {
    /// Where its content is, if it is a file.
    pub(super) fn content(&self) -> Option<&C> {
        match self {
            Self::File { content, .. } => Some(content),
            Self::Directory | Self::Symlink(_) => None,
        }
    }

    /// The same with its content elsewhere.
    pub(super) fn with_content<D, E>(self, to: impl FnOnce(C) -> Result<D, E>) -> Result<Entry<D>, E> {
        Ok(match self {
            Self::Directory => Entry::Directory,
            Self::Symlink(target) => Entry::Symlink(target),
            Self::File { mode, modified, content } => Entry::File { mode, modified, content: to(content)? },
        })
    }
}

impl Listing {
    /// What was found before, if the store still has the contents, which are the second value.
    pub(super) fn kept(key: &Digest, store: &Store) -> Option<(Self, Blob)> {
        let listing: Self = store.record(RECORD, key)?;
        let (digest, size) = &listing.contents;
        let contents = store.blob(digest).filter(|blob| blob.size == *size)?;
        Some((listing, contents))
    }

    /// Records it for the next time.
    pub(super) fn keep(&self, key: &Digest, store: &Store) -> Result<(), ExtractError> {
        Ok(store.write_record(RECORD, key, self)?)
    }

    /// The tree that has it at `to`.
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
                relative => tree::join(to, relative, &shown(&format!("{path}/{relative}")))?,
            };
            match entry {
                Entry::Directory => tree.insert(place, tree::Node::Directory),
                Entry::Symlink(target) => tree.insert(place, tree::Node::Symlink(target)),
                Entry::File { mode, modified, content: Stretch { offset, size, digest } } => {
                    let digest = digest.into();
                    let file = StoredFile { path: Arc::clone(&blob), offset, size, digest };
                    tree.add_stored(place, file, mode, modified);
                }
            }
        }
        Ok(tree)
    }
}

/// What the image has at `root`, which is where `path` leads, and below it.
///
/// # Errors
/// When a layer cannot hold it.
pub(super) fn select(
    image: &Overlay,
    root: &ImagePath,
    path: &ImagePath,
) -> Result<Taken<Origin>, ExtractError> {
    let mut entries = Taken::new();
    let itself = image.get(root.as_str()).map(|placed| ("", placed));
    let below = image.below(root.as_str()).map(|(path, placed)| (&path[root.as_str().len() + 1..], placed));
    let mut size = 0_u64;
    for (relative, placed) in itself.into_iter().chain(below) {
        let entry = match &placed.node {
            Node::Directory => Entry::Directory,
            Node::Symlink(target) => Entry::Symlink(target.clone()),
            Node::File(File { origin, mode, size: own, modified }) => {
                size = size.saturating_add(*own);
                Entry::File { mode: *mode, modified: *modified, content: *origin }
            }
            Node::Unsuitable(why) => {
                let slash = if relative.is_empty() { "" } else { "/" };
                let what = shown(&format!("{root}{slash}{relative}"));
                let help = "name a `path` of the image that does not hold it".into();
                return Err(TreeError::Unsuitable { what, why: (*why).to_owned(), help }.into());
            }
        };
        entries.insert(relative.to_owned(), entry);
    }
    if size > IMAGE_SIZE_LIMIT {
        return Err(ExtractError::TooLarge { path: path.clone(), size });
    }
    Ok(entries)
}

/// A file of the image, in messages.
fn shown(path: &str) -> String {
    format!("{path} of the image")
}
