//! Layers of an image: compressed blobs, or plain tars for a Docker Engine.

use crate::layer::{Layer, TarLayer};
use crate::store::Digest;

/// A layer of an image.
#[derive(Debug, Clone)]
pub enum ImageLayer {
    /// A compressed blob, whose bytes may not be on this machine yet.
    Blob(Layer),
    /// A plain tar, which is written while it is sent.
    Tar(TarLayer),
}

/// A layer to put on a base.
#[derive(Debug, Clone)]
pub struct NewLayer {
    /// The layer.
    pub layer: ImageLayer,
    /// What it contains, for its `history` entry: `layer utils`.
    pub description: String,
    /// What compressed it, if its blob depends on nothing but its tar ([`layer::encoder`](crate::layer::encoder)).
    pub encoder: Option<&'static str>,
}

impl ImageLayer {
    /// The digest of its tar.
    #[must_use]
    pub fn diff_id(&self) -> &Digest {
        match self {
            Self::Blob(layer) => &layer.diff_id,
            Self::Tar(layer) => layer.diff_id(),
        }
    }

    /// The digest of the bytes that are sent.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        match self {
            Self::Blob(layer) => &layer.digest,
            Self::Tar(layer) => layer.diff_id(),
        }
    }

    /// How many bytes are sent.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Blob(layer) => layer.size,
            Self::Tar(layer) => layer.size(),
        }
    }

    /// Its blob, if it has one.
    #[must_use]
    pub fn blob(&self) -> Option<&Layer> {
        match self {
            Self::Blob(layer) => Some(layer),
            Self::Tar(_) => None,
        }
    }
}

impl From<Layer> for ImageLayer {
    fn from(layer: Layer) -> Self {
        Self::Blob(layer)
    }
}
