//! Images for Docker, which identifies them by their configs: their layers may be compressed or not.

use std::collections::BTreeMap;

use super::{BaseImage, Image, ImageError, ImageIdentity, Layer, NewLayer, config};
use crate::layer::TarLayer;
use crate::project::RunConfig;
use crate::store::Digest;

/// A layer in a form that Docker accepts.
#[derive(Debug, Clone)]
pub enum DockerLayer {
    /// A blob, which may still have to be fetched or rebuilt.
    Gzip(Layer),
    /// A plain tar, written while it is sent.
    Tar(TarLayer),
}

impl DockerLayer {
    /// The digest of the tar.
    #[must_use]
    pub fn diff_id(&self) -> &Digest {
        match self {
            Self::Gzip(layer) => &layer.diff_id,
            Self::Tar(layer) => layer.diff_id(),
        }
    }

    /// The digest of the bytes to send.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        match self {
            Self::Gzip(layer) => &layer.digest,
            Self::Tar(layer) => layer.diff_id(),
        }
    }

    /// The number of bytes to send.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Gzip(layer) => layer.size,
            Self::Tar(layer) => layer.size(),
        }
    }

    /// The blob, if there is one.
    #[must_use]
    pub fn blob(&self) -> Option<&Layer> {
        match self {
            Self::Gzip(layer) => Some(layer),
            Self::Tar(_) => None,
        }
    }
}

impl From<Layer> for DockerLayer {
    fn from(layer: Layer) -> Self {
        Self::Gzip(layer)
    }
}

/// An image for Docker engines and archives: a config and layers. It needs no manifest, so its layers need not be
/// compressed.
#[derive(Debug, Clone)]
pub struct DockerImage {
    identity: ImageIdentity,
    config: Vec<u8>,
    layers: Vec<DockerLayer>,
}

impl DockerImage {
    /// Adds layers to a base and sets the run configuration. `created` is an RFC 3339 time.
    ///
    /// # Errors
    /// When a value in the base's config has the wrong type.
    pub fn assemble(
        base: &BaseImage,
        added: &[NewLayer<DockerLayer>],
        run: &RunConfig,
        created: &str,
    ) -> Result<Self, ImageError> {
        let lower = base.layers.iter().cloned().map(DockerLayer::Gzip);
        let layers: Vec<_> = lower.chain(added.iter().map(|new| new.layer.clone())).collect();
        let diff_ids = layers.iter().map(DockerLayer::diff_id);
        let config = config(base, added, diff_ids, run, created)?;
        let config_digest = Digest::of(&config);
        let identity = ImageIdentity { digest: None, config_digest, architecture: base.architecture };
        Ok(Self { identity, config, layers })
    }

    /// The digests and the architecture. The digest of a manifest is known only if the image was converted from an [`Image`].
    #[must_use]
    pub fn identity(&self) -> &ImageIdentity {
        &self.identity
    }

    /// The bytes of the config.
    #[must_use]
    pub fn config(&self) -> &[u8] {
        &self.config
    }

    /// The digest of the config: Docker's image ID.
    #[must_use]
    pub fn config_digest(&self) -> &Digest {
        &self.identity.config_digest
    }

    /// All layers, those of the base first.
    #[must_use]
    pub fn layers(&self) -> &[DockerLayer] {
        &self.layers
    }

    /// The layers sorted by the digest of the bytes to send, without duplicates.
    #[must_use]
    pub fn unique_layers(&self) -> Vec<&DockerLayer> {
        let by_digest: BTreeMap<&Digest, &DockerLayer> =
            self.layers.iter().map(|layer| (layer.digest(), layer)).collect();
        by_digest.into_values().collect()
    }
}

impl From<&Image> for DockerImage {
    fn from(image: &Image) -> Self {
        Self {
            identity: image.identity(),
            config: image.config.clone(),
            layers: image.layers.iter().cloned().map(DockerLayer::Gzip).collect(),
        }
    }
}
