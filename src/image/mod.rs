//! Combines a base, layers and a config into an image: manifest and config bytes, and the location of each layer's blob.
//!
//! The base's JSON is edited as a map, so keys that limg does not know survive. It is written in one canonical form (RFC
//! 8785), so the same image has the same digest on every machine. An [`Image`] is immutable. This module neither reads nor
//! writes files.

mod base;
mod docker_image;
mod manifest;
mod media_types;

use std::collections::BTreeMap;

use canon_json::CanonJsonSerialize as _;
use serde_json::{Value, json};

pub use base::BaseImage;
pub use docker_image::{DockerImage, DockerLayer};
pub use manifest::{
    ManifestLayer, check_platform, descriptor_digest, diff_ids, layers_of_encoder, manifest_layers,
    parse_manifest,
};
pub use media_types::{Compression, MediaTypes, is_index};

pub use crate::layer::Layer;
use crate::project::{Architecture, RunConfig};
use crate::store::{Digest, DigestError};

/// A layer to add to a base, with the data for its `history` entry.
#[derive(Debug, Clone)]
pub struct NewLayer<L = Layer> {
    /// The layer.
    pub layer: L,
    /// What it contains: `layer utils`, `code of orders` …
    pub description: String,
    /// The encoder ([`layer::encoder`](crate::layer::encoder)), if the blob depends on its tar alone.
    pub encoder: Option<&'static str>,
}

/// The digests and the architecture of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageIdentity {
    /// The digest of the manifest, if there is one.
    pub digest: Option<Digest>,
    /// The digest of the config: Docker's image ID.
    pub config_digest: Digest,
    /// The architecture.
    pub architecture: Architecture,
}

/// A complete, immutable image.
#[derive(Debug, Clone)]
pub struct Image {
    media_types: MediaTypes,
    architecture: Architecture,
    manifest: Vec<u8>,
    manifest_digest: Digest,
    config: Vec<u8>,
    config_digest: Digest,
    layers: Vec<Layer>,
}

/// An image that cannot be read or assembled.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A manifest, config or index is malformed.
    #[error("failed to read the {what} of the image")]
    Json {
        /// `manifest`, `config` or `index`.
        what: &'static str,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// A digest is malformed or does not use SHA-256.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// A media type is not supported by Lambda.
    #[error("the image has a {what} of media type `{media_type}`, which Lambda does not support")]
    MediaType {
        /// `manifest` or `layer`.
        what: &'static str,
        /// The media type.
        media_type: String,
    },
    /// The image is for another platform.
    #[error("the image is for {found}, not for linux/{} (`{wanted}`)", wanted.oci_name())]
    Platform {
        /// The platform in the image's config or index.
        found: String,
        /// The architecture of the function.
        wanted: Architecture,
    },
    /// The config does not match the layers of the image.
    #[error("the config's {config} `diff_ids` do not match the image's {manifest} layers")]
    DiffIds {
        /// The number of `diff_ids` in the config.
        config: usize,
        /// The number of layers.
        manifest: usize,
    },
    /// A value in the config has the wrong type.
    #[error("the image config's `{0}` does not have the type that the OCI image specification requires")]
    Form(&'static str),
}

impl ImageError {
    /// What the user can do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Json { .. } | Self::DiffIds { .. } => Some("copy the image again".to_owned()),
            Self::Platform { found, wanted } => {
                let other = Architecture::ALL
                    .into_iter()
                    .find(|known| *found == format!("linux/{}", known.oci_name()));
                let other = other.map(|other| format!("set `architecture: {other}` for the function, or "));
                Some(format!("{}use a base for linux/{}", other.unwrap_or_default(), wanted.oci_name()))
            }
            Self::Digest(_) | Self::MediaType { .. } | Self::Form(_) => None,
        }
    }
}

impl Image {
    /// Adds layers to a base and sets the run configuration. `created` is an RFC 3339 time.
    ///
    /// # Errors
    /// When a value in the base's config has the wrong type.
    pub fn assemble(
        base: &BaseImage,
        added: &[NewLayer],
        run: &RunConfig,
        created: &str,
    ) -> Result<Self, ImageError> {
        let layers: Vec<Layer> =
            base.layers.iter().cloned().chain(added.iter().map(|new| new.layer.clone())).collect();
        let diff_ids = layers.iter().map(|layer| &layer.diff_id);
        let config = config(base, added, diff_ids, run, created)?;
        let config_digest = Digest::of(&config);

        let mut manifest = base.manifest.clone();
        // The base's reference to another manifest does not apply to the new image (OCI image specification, manifest.md).
        manifest.remove("subject");
        manifest.insert("schemaVersion".to_owned(), 2.into());
        manifest.insert("mediaType".to_owned(), base.media_types.manifest().into());
        manifest.insert(
            "config".to_owned(),
            descriptor(base.media_types.config(), &config_digest, config.len() as u64),
        );
        let descriptors =
            layers.iter().map(|layer| descriptor(base.media_types.layer(), &layer.digest, layer.size));
        manifest.insert("layers".to_owned(), descriptors.collect());
        let manifest = canonical(&Value::Object(manifest));

        let manifest_digest = Digest::of(&manifest);
        let architecture = base.architecture;
        Ok(Self {
            media_types: base.media_types,
            architecture,
            manifest,
            manifest_digest,
            config,
            config_digest,
            layers,
        })
    }

    /// Its media types.
    #[must_use]
    pub fn media_types(&self) -> MediaTypes {
        self.media_types
    }

    /// The architecture.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The bytes of the manifest.
    #[must_use]
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// The digest of the manifest, which identifies the image.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.manifest_digest
    }

    /// The bytes of the config.
    #[must_use]
    pub fn config(&self) -> &[u8] {
        &self.config
    }

    /// The digest of the config: Docker's image ID.
    #[must_use]
    pub fn config_digest(&self) -> &Digest {
        &self.config_digest
    }

    /// The digests and the architecture.
    #[must_use]
    pub fn identity(&self) -> ImageIdentity {
        ImageIdentity {
            digest: Some(self.manifest_digest.clone()),
            config_digest: self.config_digest.clone(),
            architecture: self.architecture,
        }
    }

    /// All layers, those of the base first.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The layers sorted by digest, without duplicates.
    #[must_use]
    pub fn unique_layers(&self) -> Vec<&Layer> {
        let by_digest: BTreeMap<&Digest, &Layer> =
            self.layers.iter().map(|layer| (&layer.digest, layer)).collect();
        by_digest.into_values().collect()
    }
}

/// The base's config with added layers and another run configuration. `diff_ids` are those of all layers.
fn config<'a, L>(
    base: &BaseImage,
    added: &[NewLayer<L>],
    diff_ids: impl Iterator<Item = &'a Digest>,
    run: &RunConfig,
    created: &str,
) -> Result<Vec<u8>, ImageError> {
    let mut config = base.config.clone();
    config.insert("created".to_owned(), created.into());
    let diff_ids: Vec<_> = diff_ids.map(Digest::as_str).collect();
    config.insert("rootfs".to_owned(), json!({ "type": "layers", "diff_ids": diff_ids }));

    let history = config.entry("history").or_insert_with(|| json!([])).as_array_mut();
    let history = history.ok_or(ImageError::Form("history"))?;
    // Some readers reject images without one entry per layer; not all tools write them.
    let counted = history.iter().filter(|entry| entry.get("empty_layer") != Some(&Value::Bool(true))).count();
    for _ in counted..base.layers.len() {
        history.push(json!({ "created": created, "created_by": "base image" }));
    }
    for NewLayer { description, encoder, .. } in added {
        let mut entry = json!({ "created": created, "created_by": format!("limg: {description}") });
        if let Some(encoder) = encoder {
            entry["comment"] = comment(encoder).into();
        }
        history.push(entry);
    }

    let edited = config.entry("config").or_insert_with(|| json!({}));
    if edited.is_null() {
        *edited = json!({});
    }
    let edited = edited.as_object_mut().ok_or(ImageError::Form("config"))?;
    let mut set = |key: &str, value: Option<Value>| match value {
        Some(value) => drop(edited.insert(key.to_owned(), value)),
        None => drop(edited.remove(key)),
    };
    let environment = run.environment.iter().map(|(name, value)| Value::String(format!("{name}={value}")));
    set("Env", Some(environment.collect()));
    set("Entrypoint", run.entrypoint.clone().map(Value::from));
    set("Cmd", run.command.clone().map(Value::from));
    set("WorkingDir", run.working_directory.clone().map(Value::from));
    if !run.labels.is_empty() {
        let labels = edited.entry("Labels").or_insert_with(|| json!({}));
        if labels.is_null() {
            *labels = json!({});
        }
        let labels = labels.as_object_mut().ok_or(ImageError::Form("config.Labels"))?;
        labels.extend(run.labels.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
    }
    Ok(canonical(&Value::Object(config)))
}

/// The comment in the `history` entry of a layer that this encoder made.
fn comment(encoder: &str) -> String {
    format!("limg: {encoder}")
}

fn descriptor(media_type: &str, digest: &Digest, size: u64) -> Value {
    json!({ "mediaType": media_type, "digest": digest.as_str(), "size": size })
}

/// Canonical JSON (RFC 8785).
///
/// # Panics
/// Never: every value that was parsed from JSON, or consists of strings and integers, has a canonical form.
#[must_use]
#[expect(clippy::expect_used, reason = "every finite value has a canonical form")]
pub(crate) fn canonical(value: &Value) -> Vec<u8> {
    value.to_canon_json_vec().expect("a JSON value has a canonical form")
}

#[cfg(test)]
mod tests;
