//! The layers of an image, and the files of each: which layer hides them, and how much is hidden.

use std::ops::AddAssign;

use serde::Serialize;

use super::{Layers, origin};
use crate::files::{FileState, Hiding, Overlay, OverlayEntry, OverlayNode};
use crate::image::BaseImage;
use crate::store::Digest;

/// How an image starts, and its layers.
#[derive(Debug, Serialize)]
pub(crate) struct LayersView {
    /// The program and its fixed arguments.
    pub entrypoint: Option<Vec<String>>,
    /// Further arguments.
    pub command: Option<Vec<String>>,
    /// The working directory.
    pub working_directory: Option<String>,
    /// The layers, the lowest first.
    pub layers: Vec<LayerFacts>,
    /// The sizes of all blobs and tars in bytes.
    pub total: TotalSize,
    /// The files that a program in the image finds.
    pub image: Amount,
    /// The files of lower layers that higher ones replace or delete.
    pub hidden: Amount,
}

/// The sizes of all layers in bytes.
#[derive(Debug, Serialize)]
pub(crate) struct TotalSize {
    /// That of the blobs.
    pub size: u64,
    /// That of the tars.
    pub uncompressed_size: u64,
}

/// A layer.
#[derive(Debug, Serialize)]
pub(crate) struct LayerFacts {
    /// Its number, the lowest being 1.
    pub number: u32,
    /// limg's name, or else the command that made it.
    pub name: String,
    /// `base`, `layer`, `extension`, `packages`, `wrapper`, `code`, `limg`, an instruction of a Dockerfile, or `other`.
    pub made_by: &'static str,
    /// The digest of its blob.
    pub digest: Digest,
    /// The digest of its tar.
    pub diff_id: Digest,
    /// The size of its blob in bytes.
    pub size: u64,
    /// The size of its tar in bytes.
    pub uncompressed_size: u64,
    /// The number of its files and links.
    pub files: u64,
    /// How many files and links of lower layers it deletes.
    pub deletes: u64,
}

/// Files and links.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Amount {
    /// Their number.
    pub files: u64,
    /// The size of their contents in bytes.
    pub size: u64,
}

impl AddAssign<&OverlayNode> for Amount {
    /// Adds a node, unless it is a directory.
    fn add_assign(&mut self, node: &OverlayNode) {
        self.files += u64::from(!is_directory(node));
        if let OverlayNode::File(file) = node {
            self.size = self.size.saturating_add(file.size);
        }
    }
}

impl LayersView {
    pub(super) fn of(image: &BaseImage, read: &Layers) -> Self {
        let run = image.run_config();
        let (mut merged, mut hidden) = (Amount::default(), Amount::default());
        read.overlay.iter().for_each(|(_, entry)| merged += &entry.node);
        read.overlay.hidden().iter().for_each(|it| hidden += &it.entry.node);
        let sum = |sizes: &mut dyn Iterator<Item = u64>| sizes.fold(0, u64::saturating_add);
        Self {
            entrypoint: run.entrypoint,
            command: run.command,
            working_directory: run.working_directory,
            layers: facts(image, read),
            total: TotalSize {
                size: sum(&mut image.layers().iter().map(|layer| layer.size)),
                uncompressed_size: sum(&mut read.tar_sizes.iter().copied()),
            },
            image: merged,
            hidden,
        }
    }
}

/// The layers of an image, the lowest first.
pub(super) fn facts(image: &BaseImage, read: &Layers) -> Vec<LayerFacts> {
    let mut counts = vec![(0, 0); image.layers().len()];
    let mut count = |entry: &OverlayEntry, deleted_by: Option<u32>| {
        if is_directory(&entry.node) {
            return;
        }
        if let Some((files, _)) = counts.get_mut(entry.layer as usize) {
            *files += 1;
        }
        if let Some((_, deletes)) = deleted_by.and_then(|by| counts.get_mut(by as usize)) {
            *deletes += 1;
        }
    };
    read.overlay.iter().for_each(|(_, entry)| count(entry, None));
    for hidden in read.overlay.hidden() {
        count(&hidden.entry, Some(hidden.by).filter(|_| hidden.how == Hiding::Deleted));
    }
    let origins = origin::of_layers(image).into_iter();
    let read = image.layers().iter().zip(origins).zip(read.tar_sizes.iter().zip(counts));
    (1..)
        .zip(read)
        .map(|(number, ((layer, origin), (tar_size, (files, deletes))))| LayerFacts {
            number,
            name: origin.name,
            made_by: origin.made_by,
            digest: layer.digest.clone(),
            diff_id: layer.diff_id.clone(),
            size: layer.size,
            uncompressed_size: *tar_size,
            files,
            deletes,
        })
        .collect()
}

/// A file or link of a layer.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FileEntry {
    /// Its path in the image.
    pub path: String,
    /// The number of its layer, the lowest being 1.
    pub layer: u32,
    /// What it is.
    #[serde(flatten)]
    pub state: FileState,
    /// What hides it.
    pub hidden: Option<Hidden>,
}

/// How something is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Hidden {
    /// The number of the layer that hides it, the lowest being 1.
    pub by_layer: u32,
    /// How.
    pub how: Hiding,
}

impl FileEntry {
    pub(super) fn new(path: &str, entry: &OverlayEntry, hidden: Option<Hidden>) -> Self {
        Self { path: path.to_owned(), layer: entry.layer + 1, state: FileState::of(&entry.node), hidden }
    }
}

/// The files and links of all layers, by layer and path, those that are hidden included.
pub(super) fn files(overlay: &Overlay) -> Vec<FileEntry> {
    let seen = overlay.iter().map(|(path, entry)| FileEntry::new(path.as_str(), entry, None));
    let hidden = overlay.hidden().iter().map(|hidden| {
        let by = Hidden { by_layer: hidden.by + 1, how: hidden.how };
        FileEntry::new(hidden.path.as_str(), &hidden.entry, Some(by))
    });
    let is_file = |entry: &FileEntry| !matches!(entry.state, FileState::Directory { .. });
    let mut files: Vec<_> = seen.chain(hidden).filter(is_file).collect();
    files.sort_by(|one, other| (one.layer, &one.path).cmp(&(other.layer, &other.path)));
    files
}

fn is_directory(node: &OverlayNode) -> bool {
    matches!(node, OverlayNode::Directory(_))
}
