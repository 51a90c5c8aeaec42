//! The image that a function's image stands on, as read from wherever it is.

use std::collections::BTreeMap;

use oci_spec::image::{Descriptor, ImageManifest};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Compression, ImageError, Layer, MediaTypes, canonical, comment, compression};
use crate::project::{Architecture, RunConfig};
use crate::store::Digest;

/// A base image: manifest, config, and where its layers' bytes are.
#[derive(Debug, Clone)]
pub struct BaseImage {
    pub(super) media_types: MediaTypes,
    pub(super) architecture: Architecture,
    /// The manifest as a JSON map: keys that limg does not know survive.
    pub(super) manifest: Map<String, Value>,
    /// The config, likewise.
    pub(super) config: Map<String, Value>,
    pub(super) layers: Vec<Layer>,
    /// The digest of the config as it was read; it identifies the base's content.
    config_digest: Digest,
}

/// A layer as manifest and config describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestLayer {
    /// The digest of the blob.
    pub digest: Digest,
    /// The digest of the tar.
    pub diff_id: Digest,
    /// The size of the blob in bytes.
    pub size: u64,
    /// How the blob is stored.
    pub compression: Compression,
}

/// The layers that a manifest and its config describe, the lowest first.
///
/// # Errors
/// When one of the two is none, they do not fit each other, or Lambda would not take a layer.
pub fn manifest_layers(manifest: &ImageManifest, config: &[u8]) -> Result<Vec<ManifestLayer>, ImageError> {
    let diff_ids = diff_ids(config)?;
    if diff_ids.len() != manifest.layers().len() {
        return Err(ImageError::DiffIds { config: diff_ids.len(), manifest: manifest.layers().len() });
    }
    let describe = |(layer, diff_id): (&Descriptor, Digest)| {
        let compression = compression(layer.media_type().as_ref())?;
        Ok(ManifestLayer { digest: descriptor_digest(layer)?, diff_id, size: layer.size(), compression })
    };
    manifest.layers().iter().zip(diff_ids).map(describe).collect()
}

/// Those of an image's layers in gzip whose `history` entries say that this encoder made them, the lowest first. None where
/// it is not clear which entry belongs to which layer: each that is not of an empty layer belongs to one, in their order (OCI
/// image specification, config.md, "history").
///
/// # Errors
/// As [`manifest_layers`].
pub fn layers_of_encoder(
    manifest: &ImageManifest,
    config: &[u8],
    encoder: &str,
) -> Result<Vec<ManifestLayer>, ImageError> {
    #[derive(Deserialize)]
    struct Config {
        history: Option<Vec<Entry>>,
    }
    #[derive(Deserialize)]
    struct Entry {
        empty_layer: Option<bool>,
        comment: Option<String>,
    }
    let layers = manifest_layers(manifest, config)?;
    let mut history = decode::<Config>("config", config)?.history.unwrap_or_default();
    history.retain(|entry| entry.empty_layer != Some(true));
    if history.len() != layers.len() {
        return Ok(Vec::new());
    }
    let comment = Some(comment(encoder));
    let made = layers
        .into_iter()
        .zip(history)
        .filter(|(layer, entry)| layer.compression == Compression::Gzip && entry.comment == comment);
    Ok(made.map(|(layer, _)| layer).collect())
}

/// Reads a manifest.
///
/// # Errors
/// When it is no image manifest of a known family.
pub fn parse_manifest(bytes: &[u8]) -> Result<ImageManifest, ImageError> {
    let manifest: ImageManifest = decode("manifest", bytes)?;
    media_types(&manifest)?;
    Ok(manifest)
}

fn media_types(manifest: &ImageManifest) -> Result<MediaTypes, ImageError> {
    MediaTypes::of(manifest.media_type().as_ref().map(AsRef::as_ref), manifest.config().media_type().as_ref())
}

/// The digest of what a descriptor points to.
///
/// # Errors
/// When it is of another algorithm than limg, and every registry, uses.
pub fn descriptor_digest(descriptor: &Descriptor) -> Result<Digest, ImageError> {
    Ok(descriptor.digest().as_ref().parse()?)
}

impl BaseImage {
    /// The empty base: no layer, no environment.
    #[must_use]
    pub fn scratch(architecture: Architecture) -> Self {
        let mut config = Map::new();
        config.insert("architecture".to_owned(), architecture.oci_name().into());
        config.insert("os".to_owned(), "linux".into());
        let config_digest = Digest::of(&canonical(&Value::Object(config.clone())));
        Self {
            media_types: MediaTypes::Oci,
            architecture,
            manifest: Map::new(),
            config,
            layers: Vec::new(),
            config_digest,
        }
    }

    /// Joins what was read of a base. `layers` are its layers in gzip, the lowest first, `diff_ids` included.
    ///
    /// # Errors
    /// When manifest and config do not fit each other, or the image is not for Linux on `architecture`.
    pub fn new(
        manifest: &[u8],
        config: &[u8],
        layers: Vec<Layer>,
        architecture: Architecture,
    ) -> Result<Self, ImageError> {
        let media_types = media_types(&parse_manifest(manifest)?)?;
        Self::of_config(media_types, decode("manifest", manifest)?, config, layers, architecture)
    }

    /// Joins a config and layers that came without a manifest, as in an archive of Docker.
    ///
    /// Such a base has no family of its own. It gets OCI's, since not all tools look for an image of Docker's in an OCI
    /// layout (`skopeo` 1.9 does not); to the archives of Docker and to its engine it makes no difference.
    ///
    /// # Errors
    /// As [`BaseImage::new`].
    pub fn without_manifest(
        config: &[u8],
        layers: Vec<Layer>,
        architecture: Architecture,
    ) -> Result<Self, ImageError> {
        Self::of_config(MediaTypes::Oci, Map::new(), config, layers, architecture)
    }

    fn of_config(
        media_types: MediaTypes,
        manifest: Map<String, Value>,
        config: &[u8],
        layers: Vec<Layer>,
        architecture: Architecture,
    ) -> Result<Self, ImageError> {
        let base = Self {
            media_types,
            architecture,
            manifest,
            config: decode("config", config)?,
            layers,
            config_digest: Digest::of(config),
        };
        check_config_platform(&base.config, architecture)?;
        let diff_ids = diff_ids(config)?;
        let own: Vec<_> = base.layers.iter().map(|layer| layer.diff_id.clone()).collect();
        if diff_ids != own {
            return Err(ImageError::DiffIds { config: diff_ids.len(), manifest: own.len() });
        }
        Ok(base)
    }

    /// The layers, the lowest first.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The digest of the config: equal for bases of equal content.
    #[must_use]
    pub fn config_digest(&self) -> &Digest {
        &self.config_digest
    }

    /// What the base itself says about how it runs.
    #[must_use]
    pub fn run_config(&self) -> RunConfig {
        let config = self.config.get("config").and_then(Value::as_object);
        let get = |key: &str| config.and_then(|config| config.get(key));
        let words = |key: &str| {
            let words = get(key)?.as_array()?.iter();
            Some(words.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
                .filter(|words| !words.is_empty())
        };
        let environment = words("Env").unwrap_or_default();
        RunConfig {
            environment: environment
                .iter()
                .map(|variable| variable.split_once('=').unwrap_or((variable, "")))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            entrypoint: words("Entrypoint"),
            command: words("Cmd"),
            working_directory: get("WorkingDir")
                .and_then(Value::as_str)
                .filter(|directory| !directory.is_empty())
                .map(str::to_owned),
            labels: BTreeMap::new(),
        }
    }
}

/// Makes sure that an image's config says that it is for Linux on an architecture.
///
/// # Errors
/// When it is none, or for another platform.
pub fn check_platform(config: &[u8], architecture: Architecture) -> Result<(), ImageError> {
    check_config_platform(&decode("config", config)?, architecture)
}

fn check_config_platform(config: &Map<String, Value>, wanted: Architecture) -> Result<(), ImageError> {
    let word = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
    let (os, architecture) = (word("os"), word("architecture"));
    if (os, architecture) == ("linux", wanted.oci_name()) {
        Ok(())
    } else {
        Err(ImageError::Platform { found: format!("{os}/{architecture}"), wanted })
    }
}

/// The `diff_ids` of a config: the digests of its uncompressed layers, the lowest first.
///
/// # Errors
/// When the config is none.
pub fn diff_ids(config: &[u8]) -> Result<Vec<Digest>, ImageError> {
    #[derive(Deserialize)]
    struct Config {
        rootfs: RootFs,
    }
    #[derive(Deserialize)]
    struct RootFs {
        #[serde(default)]
        diff_ids: Vec<Digest>,
    }
    decode::<Config>("config", config).map(|config| config.rootfs.diff_ids)
}

fn decode<'a, T: Deserialize<'a>>(what: &'static str, bytes: &'a [u8]) -> Result<T, ImageError> {
    serde_json::from_slice(bytes).map_err(|source| ImageError::Json { what, source })
}
