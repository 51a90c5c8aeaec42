//! The base image of a function's image.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::manifest::{check_platform, decode, diff_ids, media_types, parse_manifest};
use super::{ImageError, LIMG, Layer, MediaTypes, canonical};
use crate::project::{Architecture, RunConfig};
use crate::store::Digest;

/// A base image: manifest, config and layers.
#[derive(Debug, Clone)]
pub struct BaseImage {
    pub(super) media_types: MediaTypes,
    pub(super) architecture: Architecture,
    /// A JSON map, so that keys that limg does not know survive.
    pub(super) manifest: Map<String, Value>,
    /// A JSON map for the same reason.
    pub(super) config: Map<String, Value>,
    pub(super) layers: Vec<Layer>,
    /// The bytes of the original manifest, if it has one, and of the original config.
    pub(super) manifest_bytes: Option<Vec<u8>>,
    pub(super) config_bytes: Vec<u8>,
    /// The digest of the original config, which identifies the base's content.
    config_digest: Digest,
    /// The digest and the size in bytes of the original manifest, if it has one.
    manifest_identity: Option<(Digest, u64)>,
    /// Whether it was chosen from an index that was asked for.
    is_in_index: bool,
}

impl BaseImage {
    /// The empty base, without layers and environment.
    #[must_use]
    pub fn scratch(architecture: Architecture) -> Self {
        let mut config = Map::new();
        config.insert("architecture".to_owned(), architecture.oci_name().into());
        config.insert("os".to_owned(), "linux".into());
        let config_bytes = canonical(&Value::Object(config.clone()));
        Self {
            media_types: MediaTypes::Oci,
            architecture,
            manifest: Map::new(),
            config,
            layers: Vec::new(),
            manifest_bytes: None,
            config_digest: Digest::of(&config_bytes),
            config_bytes,
            manifest_identity: None,
            is_in_index: false,
        }
    }

    /// Combines the manifest, the config and the layers of a base, the lowest layer first.
    ///
    /// # Errors
    /// When manifest, config and layers do not match, or the image is not for Linux on `architecture`.
    pub fn new(
        manifest: &[u8],
        config: &[u8],
        layers: Vec<Layer>,
        architecture: Architecture,
    ) -> Result<Self, ImageError> {
        let media_types = media_types(&parse_manifest(manifest)?)?;
        let base = Self::of_config(media_types, decode("manifest", manifest)?, config, layers, architecture)?;
        let manifest_identity = Some((Digest::of(manifest), manifest.len() as u64));
        Ok(Self { manifest_identity, manifest_bytes: Some(manifest.to_owned()), ..base })
    }

    /// The same image, which was chosen from an index.
    #[must_use]
    pub fn in_index(self) -> Self {
        Self { is_in_index: true, ..self }
    }

    /// Combines a config and layers without a manifest, as a Docker archive provides them.
    ///
    /// Such a base gets OCI media types, since not all tools accept images with Docker's in an OCI layout (`skopeo`
    /// 1.9 does not). For Docker archives and the Docker engine it makes no difference.
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
            manifest_bytes: None,
            config_bytes: config.to_owned(),
            config_digest: Digest::of(config),
            manifest_identity: None,
            is_in_index: false,
        };
        check_platform(config, architecture)?;
        let diff_ids = diff_ids(config)?;
        if diff_ids.iter().ne(base.layers.iter().map(|layer| &layer.diff_id)) {
            return Err(ImageError::DiffIds { config: diff_ids.len(), manifest: base.layers.len() });
        }
        Ok(base)
    }

    /// The layers, the lowest first.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// What the `history` of the config has as the origin of each layer, the lowest first. Nothing unless it has an entry for
    /// each.
    #[must_use]
    pub fn layer_origins(&self) -> Option<Vec<&str>> {
        let history = self.config.get("history").and_then(Value::as_array).into_iter().flatten();
        let of_layers = history.filter(|entry| entry.get("empty_layer") != Some(&Value::Bool(true)));
        let origins =
            of_layers.map(|entry| entry.get("created_by").and_then(Value::as_str).unwrap_or_default());
        Some(origins.collect::<Vec<_>>()).filter(|origins| origins.len() == self.layers.len())
    }

    /// What the layers are called in the `history` of the config, the lowest first. Without one for each, their numbers.
    #[must_use]
    pub fn layer_names(&self) -> Vec<String> {
        match self.layer_origins() {
            Some(origins) => {
                origins.into_iter().map(|it| it.strip_prefix(LIMG).unwrap_or(it).to_owned()).collect()
            }
            None => (1..=self.layers.len()).map(|number| format!("layer {number}")).collect(),
        }
    }

    /// The architecture.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The config, with keys that limg does not know.
    #[must_use]
    pub fn config(&self) -> &Map<String, Value> {
        &self.config
    }

    /// The digest of the manifest, which identifies the image. An image of a Docker archive has none.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.manifest_identity.as_ref().map(|(digest, _)| digest)
    }

    /// The digest of the config: equal for bases with equal content.
    #[must_use]
    pub fn config_digest(&self) -> &Digest {
        &self.config_digest
    }

    /// The digest and the size in bytes of its manifest, if it has one.
    #[must_use]
    pub fn manifest_identity(&self) -> Option<&(Digest, u64)> {
        self.manifest_identity.as_ref()
    }

    /// Whether it was chosen from an index.
    #[must_use]
    pub fn is_in_index(&self) -> bool {
        self.is_in_index
    }

    /// The media type of its manifest.
    #[must_use]
    pub fn manifest_media_type(&self) -> String {
        let own = self.manifest.get("mediaType").and_then(Value::as_str);
        own.unwrap_or_else(|| self.media_types.manifest()).to_owned()
    }

    /// The media types of its config and its layers, as its manifest has them.
    #[must_use]
    pub fn content_media_types(&self) -> (String, Vec<String>) {
        let media_type = |descriptor: &Value| {
            descriptor.get("mediaType").and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let layers = self.manifest.get("layers").and_then(Value::as_array).into_iter().flatten();
        (self.manifest.get("config").map(media_type).unwrap_or_default(), layers.map(media_type).collect())
    }

    /// The run configuration in the base's config.
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
