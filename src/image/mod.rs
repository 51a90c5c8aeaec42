//! Combines a base, layers and a config into an image: manifest and config bytes, and the location of each layer's
//! blob.
//!
//! The base's JSON is edited as a map, so keys that limg does not know survive. It is written in one canonical form
//! (RFC 8785), so the same image has the same digest on every machine. An [`Image`] is immutable. This module neither
//! reads nor writes files.

mod base;
#[cfg(test)]
pub(crate) mod fixture;
mod image_layer;
mod manifest;
mod media_types;
mod rewritten;

use std::collections::BTreeMap;

use canon_json::CanonJsonSerialize as _;
use serde_json::{Map, Value, json};

pub use base::BaseImage;
pub use image_layer::{ImageLayer, NewLayer};
pub use manifest::{
    ManifestLayer, check_platform, descriptor_digest, diff_ids, layers_of_encoder, manifest_layers,
    parse_index, parse_manifest, variant_rank,
};
pub use media_types::{Compression, MediaTypes, is_index};

use crate::failure::{Failure, FailureKind, report_bug};
use crate::finding::{Help, Setting};
pub use crate::layer::Layer;
use crate::project::{Architecture, RunConfig};
use crate::store::{Digest, DigestError};

/// What the `history` entries of limg's layers begin with.
pub const LIMG: &str = "limg: ";

/// An immutable image. Docker Engines need nothing but its config and layers.
#[derive(Debug, Clone)]
pub struct Image {
    architecture: Architecture,
    config: Vec<u8>,
    config_digest: Digest,
    layers: Vec<ImageLayer>,
    manifest: Option<Manifest>,
}

/// What OCI layouts and registries need in addition. Only an image whose layers are all blobs has a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its media types.
    pub media_types: MediaTypes,
    /// The JSON.
    pub bytes: Vec<u8>,
    /// The digest of these bytes, which identifies the image.
    pub digest: Digest,
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
    /// A destination needs the manifest of an image that has none: a bug.
    #[error("internal error: the image was built for Docker Engines and has no manifest")]
    NoManifest,
}

impl Failure for ImageError {
    fn kind(&self) -> FailureKind {
        FailureKind::User
    }

    fn help(&self) -> Option<Help> {
        match self {
            Self::Json { .. } | Self::DiffIds { .. } => Some("copy the image again".into()),
            Self::Platform { found, wanted } => {
                let other = Architecture::ALL
                    .into_iter()
                    .find(|known| *found == format!("linux/{}", known.oci_name()));
                let help = Help::from(format!("use a base for linux/{}", wanted.oci_name()));
                Some(match other {
                    Some(other) => Help::setting(Setting::Architecture(other.name())).or(help),
                    None => help,
                })
            }
            Self::NoManifest => report_bug(),
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
        let lower = base.layers.iter().cloned().map(ImageLayer::Blob);
        let layers: Vec<_> = lower.chain(added.iter().map(|new| new.layer.clone())).collect();
        let config = config(base, added, layers.iter().map(ImageLayer::diff_id), run, created)?;
        let config_digest = Digest::of(&config);
        let manifest = manifest(base, &config_digest, config.len(), &layers);
        Ok(Self { architecture: base.architecture, config, config_digest, layers, manifest })
    }

    /// The same image without its manifest.
    #[must_use]
    pub fn without_manifest(self) -> Self {
        Self { manifest: None, ..self }
    }

    /// The manifest.
    ///
    /// # Errors
    /// When the image has none.
    pub fn manifest(&self) -> Result<&Manifest, ImageError> {
        self.manifest.as_ref().ok_or(ImageError::NoManifest)
    }

    /// The digest of the manifest, if there is one.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.manifest.as_ref().map(|manifest| &manifest.digest)
    }

    /// The architecture.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.architecture
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

    /// All layers, those of the base first.
    #[must_use]
    pub fn layers(&self) -> &[ImageLayer] {
        &self.layers
    }

    /// The layers sorted by the digest of the bytes to send, without duplicates.
    #[must_use]
    pub fn unique_layers(&self) -> Vec<&ImageLayer> {
        let by_digest: BTreeMap<&Digest, &ImageLayer> =
            self.layers.iter().map(|layer| (layer.digest(), layer)).collect();
        by_digest.into_values().collect()
    }

    /// The layers that are blobs, sorted and without duplicates; all layers if the image has a manifest.
    #[must_use]
    pub fn unique_blobs(&self) -> Vec<&Layer> {
        self.unique_layers().into_iter().filter_map(ImageLayer::blob).collect()
    }
}

/// The base's manifest with another config and other layers; none if one of the layers is not a blob.
fn manifest(
    base: &BaseImage,
    config: &Digest,
    config_size: usize,
    layers: &[ImageLayer],
) -> Option<Manifest> {
    let media_types = base.media_types;
    let layer = |layer: &ImageLayer| {
        let Layer { digest, size, .. } = layer.blob()?;
        Some(descriptor(media_types.layer(), digest, *size))
    };
    let layers: Value = layers.iter().map(layer).collect::<Option<_>>()?;
    let mut manifest = base.manifest.clone();
    // The base's reference to another manifest does not apply to the new image (OCI image specification, manifest.md).
    manifest.remove("subject");
    manifest.insert("schemaVersion".to_owned(), 2.into());
    manifest.insert("mediaType".to_owned(), media_types.manifest().into());
    let config = descriptor(media_types.config(), config, config_size as u64);
    manifest.insert("config".to_owned(), config);
    manifest.insert("layers".to_owned(), layers);
    let bytes = canonical(&Value::Object(manifest));
    Some(Manifest { media_types, digest: Digest::of(&bytes), bytes })
}

/// The base's config with added layers and another run configuration. `diff_ids` are those of all layers.
fn config<'a>(
    base: &BaseImage,
    added: &[NewLayer],
    diff_ids: impl Iterator<Item = &'a Digest>,
    run: &RunConfig,
    created: &str,
) -> Result<Vec<u8>, ImageError> {
    let mut config = base.config.clone();
    config.insert("created".to_owned(), created.into());
    let diff_ids: Vec<_> = diff_ids.map(Digest::as_str).collect();
    config.insert("rootfs".to_owned(), json!({ "type": "layers", "diff_ids": diff_ids }));

    let history = present(&mut config, "history", json!([])).as_array_mut();
    let history = history.ok_or(ImageError::Form("history"))?;
    // Some readers reject images without one entry per layer; not all tools write them.
    let is_layer = |entry: &Value| entry.get("empty_layer") != Some(&Value::Bool(true));
    if history.iter().filter(|entry| is_layer(entry)).count() > base.layers.len() {
        // Which of them are wrong cannot be known.
        history.clear();
    }
    let counted = history.iter().filter(|entry| is_layer(entry)).count();
    for _ in counted..base.layers.len() {
        history.push(json!({ "created": created, "created_by": "base image" }));
    }
    for NewLayer { description, encoder, .. } in added {
        let mut entry = json!({ "created": created, "created_by": format!("{LIMG}{description}") });
        if let Some(encoder) = encoder {
            entry["comment"] = comment(encoder).into();
        }
        history.push(entry);
    }

    let edited = present(&mut config, "config", json!({})).as_object_mut();
    let edited = edited.ok_or(ImageError::Form("config"))?;
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
        let labels = present(edited, "Labels", json!({})).as_object_mut();
        let labels = labels.ok_or(ImageError::Form("config.Labels"))?;
        labels.extend(run.labels.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
    }
    Ok(canonical(&Value::Object(config)))
}

/// The value of a key. If it is missing or `null`, it becomes `empty`.
fn present<'a>(object: &'a mut Map<String, Value>, key: &str, empty: Value) -> &'a mut Value {
    let value = object.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = empty;
    }
    value
}

/// The comment in the `history` entry of a layer that this encoder made.
fn comment(encoder: &str) -> String {
    format!("{LIMG}{encoder}")
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
