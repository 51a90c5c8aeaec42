//! What is in an image: its layers, the files of each, what is at a path, what is large.
//!
//! Each layer is read once, as a stream; of file contents, only what a view needs is read. Where the image is, and how a view
//! looks on a terminal, is decided elsewhere.

mod at_path;
mod contents;
mod largest;
mod layers;
mod mtree;
mod origin;
mod packages;
mod whole_image;

use serde::Serialize;
use serde_json::{Map, Value};

pub(crate) use at_path::{Destination, PathView};
pub(crate) use largest::Largest;
#[cfg(test)]
pub(crate) use layers::TotalSize;
pub(crate) use layers::{Amount, FileEntry, Hidden, LayerFacts, LayersView};
pub(crate) use mtree::{MtreeEntry, lines as mtree_lines};
pub(crate) use packages::Package;
pub(crate) use whole_image::{Duplicate, SeenFile, WholeImage};

use crate::files::{LayerReadError, Overlay};
use crate::image::BaseImage;
use crate::project::ImagePath;
use crate::store::Digest;
use contents::{Contents, Wanted};

/// What to show of an image.
#[derive(Debug, Clone)]
pub(crate) enum View {
    /// How it starts, and its layers.
    Layers,
    /// The files of each layer.
    Files,
    /// This many of the largest files and packages.
    Largest(usize),
    /// What each layer has at a path.
    Path(ImagePath),
    /// The config.
    Config,
    /// The merged files with their digests.
    Mtree,
}

impl View {
    /// Whether the layers are read for it.
    #[must_use]
    pub(crate) fn needs_layers(&self) -> bool {
        !matches!(self, Self::Config)
    }

    fn wanted(&self) -> Wanted {
        match self {
            Self::Largest(_) => Wanted::Packages,
            Self::Mtree => Wanted::Digests,
            Self::Layers | Self::Files | Self::Path(_) | Self::Config => Wanted::Nothing,
        }
    }
}

/// An image, and what was wanted of it.
#[derive(Debug, Serialize)]
pub(crate) struct Inspection {
    /// The digest of its manifest. An image of a Docker archive has none.
    pub digest: Option<Digest>,
    /// The digest of its config: Docker's image ID.
    pub config_digest: Digest,
    /// Its architecture in Lambda's words.
    pub architecture: &'static str,
    /// What was wanted.
    #[serde(flatten)]
    pub found: Found,
}

/// What was found for a [`View`].
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Found {
    /// For [`View::Layers`].
    Layers(LayersView),
    /// For [`View::Files`].
    Files {
        /// The files of all layers, by layer and path.
        files: Vec<FileEntry>,
        /// The layers, the lowest first.
        layers: Vec<LayerFacts>,
    },
    /// For [`View::Largest`].
    Largest(Largest),
    /// For [`View::Path`].
    Path(PathView),
    /// For [`View::Config`].
    Config {
        /// The config.
        config: Map<String, Value>,
    },
    /// For [`View::Mtree`].
    Mtree {
        /// The merged files by their paths.
        files: Vec<MtreeEntry>,
    },
}

/// The layers of an image, read once.
struct Layers {
    overlay: Overlay,
    contents: Contents,
    /// The sizes of their tars in bytes, the lowest first.
    tar_sizes: Vec<u64>,
}

impl Layers {
    fn read(image: &BaseImage, wanted: Wanted) -> Result<Self, LayerReadError> {
        let (mut overlay, mut contents) = (Overlay::keeping_hidden(), Contents::new(wanted));
        let mut tar_sizes = Vec::new();
        for (number, layer) in (0..).zip(image.layers()) {
            let see = contents.reader_of(number);
            tar_sizes.push(overlay.add_blob(&layer.blob, &layer.digest, &layer.diff_id, see)?.size);
        }
        Ok(Self { overlay, contents, tar_sizes })
    }
}

/// Reads what a view needs of an image whose layers are on this machine, if it needs them.
///
/// # Errors
/// When a layer cannot be read or is damaged.
pub(crate) fn inspect(image: &BaseImage, view: &View) -> Result<Inspection, LayerReadError> {
    let read = || Layers::read(image, view.wanted());
    let found = match view {
        View::Layers => Found::Layers(LayersView::of(image, &read()?)),
        View::Files => {
            let read = read()?;
            Found::Files { files: layers::files(&read.overlay), layers: layers::facts(image, &read) }
        }
        View::Largest(number) => Found::Largest(Largest::of(&read()?, *number)),
        View::Path(path) => Found::Path(PathView::of(path, image, &read()?.overlay)),
        View::Config => Found::Config { config: image.config().clone() },
        View::Mtree => Found::Mtree { files: mtree::entries(&read()?) },
    };
    Ok(Inspection {
        digest: image.digest().cloned(),
        config_digest: image.config_digest().clone(),
        architecture: image.architecture().name(),
        found,
    })
}

#[cfg(test)]
mod tests;
