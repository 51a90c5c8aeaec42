//! Images as Docker knows them: by their config alone, whatever form their layers are sent in.

use std::collections::BTreeMap;

use super::{BaseImage, Image, ImageError, ImageIdentity, Layer, NewLayer, config};
use crate::layer::TarLayer;
use crate::project::{Architecture, RunConfig};
use crate::store::Digest;

/// A layer as an engine takes it.
#[derive(Debug, Clone)]
pub enum DockerLayer {
    /// As a blob, which may still have to be brought to this machine.
    Gzip(Layer),
    /// As a plain tar, written while it is sent.
    Tar(TarLayer),
}

impl DockerLayer {
    /// The digest of its tar.
    #[must_use]
    pub fn diff_id(&self) -> &Digest {
        match self {
            Self::Gzip(layer) => &layer.diff_id,
            Self::Tar(layer) => layer.diff_id(),
        }
    }

    /// The digest of the bytes that are sent.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        match self {
            Self::Gzip(layer) => &layer.digest,
            Self::Tar(layer) => layer.diff_id(),
        }
    }

    /// How many bytes are sent.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Gzip(layer) => layer.size,
            Self::Tar(layer) => layer.size(),
        }
    }

    /// Its blob, if it has one.
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

/// An image for engines and for archives of Docker: a config and layers. It needs no manifest, and hence no layer in gzip.
#[derive(Debug, Clone)]
pub struct DockerImage {
    identity: ImageIdentity,
    config: Vec<u8>,
    layers: Vec<DockerLayer>,
}

impl DockerImage {
    /// Puts layers on a base and sets how the image runs. `created` is in RFC 3339.
    ///
    /// # Errors
    /// When the base's config has a form that cannot be edited.
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

    /// What names it; the digest of a manifest is among that only if the image was made of one that has it.
    #[must_use]
    pub fn identity(&self) -> &ImageIdentity {
        &self.identity
    }

    /// The config's bytes.
    #[must_use]
    pub fn config(&self) -> &[u8] {
        &self.config
    }

    /// The digest of the config: what Docker calls the image's id.
    #[must_use]
    pub fn config_digest(&self) -> &Digest {
        &self.identity.config_digest
    }

    /// The instruction set of what is in it.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.identity.architecture
    }

    /// All layers, the base's first.
    #[must_use]
    pub fn layers(&self) -> &[DockerLayer] {
        &self.layers
    }

    /// The layers by the digest of what is sent, each once.
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
