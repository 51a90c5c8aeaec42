//! Layers of an image: compressed blobs, or plain tars for a Docker Engine.

use crate::layer::{Layer, TarLayer};
use crate::store::Digest;

/// A layer of an image.
#[derive(Debug, Clone)]
pub enum ImageLayer {
    /// A blob, which may still have to be fetched or rebuilt.
    Blob(Layer),
    /// A plain tar, written while it is sent.
    Tar(TarLayer),
}

/// A layer to add to a base, with the data for its `history` entry.
#[derive(Debug, Clone)]
pub struct NewLayer {
    /// The layer.
    pub layer: ImageLayer,
    /// What it contains: `layer utils`, `code of orders` …
    pub description: String,
    /// The encoder ([`layer::encoder`](crate::layer::encoder)), if the blob depends on its tar alone.
    pub encoder: Option<&'static str>,
}

impl ImageLayer {
    /// The digest of the tar.
    #[must_use]
    pub fn diff_id(&self) -> &Digest {
        match self {
            Self::Blob(layer) => &layer.diff_id,
            Self::Tar(layer) => layer.diff_id(),
        }
    }

    /// The digest of the bytes to send.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        match self {
            Self::Blob(layer) => &layer.digest,
            Self::Tar(layer) => layer.diff_id(),
        }
    }

    /// The number of bytes to send.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Blob(layer) => layer.size,
            Self::Tar(layer) => layer.size(),
        }
    }

    /// The blob, if it is one.
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
