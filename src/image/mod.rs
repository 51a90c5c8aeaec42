//! Base, layers and config joined into an image: manifest and config bytes and where each layer's bytes are.
//!
//! The base's JSON is edited as a map, so that what limg does not know survives, and written in one canonical form
//! (RFC 8785), so that the same image has the same digest everywhere. An [`Image`] never changes. This module neither
//! reads nor writes a file.

mod base;
mod image_layer;
mod media;

use std::collections::BTreeMap;

use canon_json::CanonJsonSerialize as _;
use serde_json::{Value, json};

pub use base::{
    BaseImage, ManifestLayer, check_platform, descriptor_digest, diff_ids, layers_of_encoder,
    manifest_layers, parse_manifest,
};
pub use image_layer::{ImageLayer, NewLayer};
use media::compression;
pub use media::{Compression, MediaTypes, is_index};

pub use crate::layer::Layer;
use crate::project::{Architecture, RunConfig};
use crate::store::{Digest, DigestError};

/// An image; it never changes. A Docker Engine needs nothing but its config and layers.
#[derive(Debug, Clone)]
pub struct Image {
    architecture: Architecture,
    config: Vec<u8>,
    config_digest: Digest,
    layers: Vec<ImageLayer>,
    manifest: Option<Manifest>,
}

/// What an OCI layout or a registry needs in addition to the config of an image. Only an image whose layers are all blobs
/// has a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The family of its media types.
    pub media_types: MediaTypes,
    /// The JSON.
    pub bytes: Vec<u8>,
    /// The digest of these bytes, by which the image can always be found.
    pub digest: Digest,
}

/// An image that cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A manifest or config that is not what it should be.
    #[error("failed to read the {what} of the image")]
    Json {
        /// `manifest` or `config`.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A digest that limg cannot check.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// A media type that Lambda does not take.
    #[error("the image has a {what} of the media type `{media_type}`, which Lambda does not take")]
    MediaType {
        /// `manifest` or `layer`.
        what: &'static str,
        /// The media type.
        media_type: String,
    },
    /// The image is for another platform.
    #[error("the image is for {found}, not for linux/{} (`{wanted}`)", wanted.oci_name())]
    Platform {
        /// What the image says.
        found: String,
        /// What the function wants.
        wanted: Architecture,
    },
    /// The config does not list the layers that the image has.
    #[error("the config's {config} `diff_ids` are not those of the image's {manifest} layers")]
    DiffIds {
        /// How many `diff_ids` the config has.
        config: usize,
        /// How many layers there are.
        manifest: usize,
    },
    /// A part of the config has a form that it cannot have.
    #[error("the image config's `{0}` is not of the form that the OCI image specification gives it")]
    Form(&'static str),
    /// A destination needs a manifest, and the image was built without one: a bug.
    #[error("internal error: the image was built for a Docker Engine only and has no manifest")]
    NoManifest,
}

impl ImageError {
    /// How to mend it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Json { .. } | Self::DiffIds { .. } => Some("copy the image again".to_owned()),
            Self::Platform { found, wanted } => {
                let other = Architecture::ALL
                    .into_iter()
                    .find(|known| *found == format!("linux/{}", known.oci_name()));
                let other = other.map(|other| format!("set `architecture: {other}` for the function, or "));
                Some(format!("{}name a base for linux/{}", other.unwrap_or_default(), wanted.oci_name()))
            }
            Self::NoManifest => Some("this is a bug in limg; please report it".to_owned()),
            Self::Digest(_) | Self::MediaType { .. } | Self::Form(_) => None,
        }
    }
}

impl Image {
    /// Puts layers on a base and sets how the image runs. `created` is in RFC 3339.
    ///
    /// # Errors
    /// When the base's config has a form that cannot be edited.
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

    /// Its manifest.
    ///
    /// # Errors
    /// When it has none.
    pub fn manifest(&self) -> Result<&Manifest, ImageError> {
        self.manifest.as_ref().ok_or(ImageError::NoManifest)
    }

    /// The digest of its manifest, if it has one.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.manifest.as_ref().map(|manifest| &manifest.digest)
    }

    /// The instruction set of its programs.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The config's bytes.
    #[must_use]
    pub fn config(&self) -> &[u8] {
        &self.config
    }

    /// The digest of the config: what Docker calls the image's id.
    #[must_use]
    pub fn config_digest(&self) -> &Digest {
        &self.config_digest
    }

    /// All layers, the base's first.
    #[must_use]
    pub fn layers(&self) -> &[ImageLayer] {
        &self.layers
    }

    /// The layers by the digest of what is sent, each once.
    #[must_use]
    pub fn unique_layers(&self) -> Vec<&ImageLayer> {
        let by_digest: BTreeMap<&Digest, &ImageLayer> =
            self.layers.iter().map(|layer| (layer.digest(), layer)).collect();
        by_digest.into_values().collect()
    }

    /// The layers that are blobs, each once; all of them if the image has a manifest.
    #[must_use]
    pub fn unique_blobs(&self) -> Vec<&Layer> {
        self.unique_layers().into_iter().filter_map(ImageLayer::blob).collect()
    }
}

/// The base's manifest with another config and other layers; nothing if one of these is not a blob.
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
    // The link to another manifest is the base's alone (OCI image specification, manifest.md).
    manifest.remove("subject");
    manifest.insert("schemaVersion".to_owned(), 2.into());
    manifest.insert("mediaType".to_owned(), media_types.manifest().into());
    let config = descriptor(media_types.config(), config, config_size as u64);
    manifest.insert("config".to_owned(), config);
    manifest.insert("layers".to_owned(), layers);
    let bytes = canonical(&Value::Object(manifest));
    Some(Manifest { media_types, digest: Digest::of(&bytes), bytes })
}

/// The base's config with layers added and its way of running replaced. `diff_ids` are those of all layers.
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

    let history = config.entry("history").or_insert_with(|| json!([])).as_array_mut();
    let history = history.ok_or(ImageError::Form("history"))?;
    // One entry per layer, also for a base whose tool wrote none: without, some readers refuse the image.
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

/// What the `history` entry of a layer says of who made its blob.
fn comment(encoder: &str) -> String {
    format!("limg: {encoder}")
}

fn descriptor(media_type: &str, digest: &Digest, size: u64) -> Value {
    json!({ "mediaType": media_type, "digest": digest.as_str(), "size": size })
}

/// JSON in the one form that limg writes.
///
/// # Panics
/// Never: what was parsed from JSON or built of strings and integers can be written again.
#[must_use]
#[expect(clippy::expect_used, reason = "a value without floats that are not numbers always has a JSON form")]
pub(crate) fn canonical(value: &Value) -> Vec<u8> {
    value.to_canon_json_vec().expect("a JSON value has a canonical form")
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::store::Blob;

    fn layer(name: &str) -> Layer {
        Layer {
            digest: Digest::of(name.as_bytes()),
            diff_id: Digest::of(format!("tar of {name}").as_bytes()),
            size: 7,
            blob: Blob { path: name.into(), offset: 0, size: 7, in_store: false },
        }
    }

    fn new_layer(name: &str) -> NewLayer {
        NewLayer { layer: layer(name).into(), description: format!("layer {name}"), encoder: None }
    }

    fn base_config(base: &[Layer], extra: &Value) -> Vec<u8> {
        let diff_ids: Vec<_> = base.iter().map(|layer| layer.diff_id.as_str()).collect();
        let mut config =
            json!({ "architecture": "amd64", "os": "linux", "rootfs": { "diff_ids": diff_ids } });
        config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        serde_json::to_vec(&config).unwrap()
    }

    fn manifest(family: MediaTypes, base: &[Layer]) -> Vec<u8> {
        let layers: Vec<_> =
            base.iter().map(|layer| descriptor(family.layer(), &layer.digest, layer.size)).collect();
        let config = descriptor(family.config(), &Digest::of(b"config"), 1);
        let manifest = json!({ "schemaVersion": 2, "mediaType": family.manifest(), "config": config, "layers": layers,
            "annotations": { "kept": "yes" }, "subject": config });
        serde_json::to_vec(&manifest).unwrap()
    }

    fn base(family: MediaTypes, extra: &Value) -> BaseImage {
        let layers = vec![layer("base")];
        let config = base_config(&layers, extra);
        BaseImage::new(&manifest(family, &layers), &config, layers, Architecture::X86_64).unwrap()
    }

    fn parsed(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    const CREATED: &str = "1980-01-01T00:00:00Z";

    #[test]
    fn an_image_keeps_the_family_of_its_base() {
        for family in [MediaTypes::Docker, MediaTypes::Oci] {
            let image =
                Image::assemble(&base(family, &json!({})), &[new_layer("a")], &RunConfig::default(), CREATED)
                    .unwrap();
            let manifest = parsed(&image.manifest().unwrap().bytes);
            assert_eq!(manifest["mediaType"], family.manifest());
            assert_eq!(manifest["config"]["mediaType"], family.config());
            assert_eq!(manifest["config"]["digest"], Digest::of(image.config()).as_str());
            let types: Vec<_> =
                manifest["layers"].as_array().unwrap().iter().map(|layer| &layer["mediaType"]).collect();
            assert_eq!(types, [family.layer(); 2]);
            assert_eq!(manifest["annotations"]["kept"], "yes");
            assert_eq!(manifest.get("subject"), None);
        }
    }

    #[test]
    fn unknown_keys_survive_in_one_order() {
        let labels: Map<String, Value> =
            (0..20).map(|n| (format!("label-{}", n * 7 % 20), n.into())).collect();
        let extra = json!({
            "config": { "Labels": labels, "Healthcheck": { "Test": ["NONE"] }, "Env": ["A=1"], "ArgsEscaped": true },
            "docker_version": "20.10", "variant": "v8"
        });
        let run = RunConfig { command: Some(vec!["app.handler".to_owned()]), ..RunConfig::default() };
        let first =
            Image::assemble(&base(MediaTypes::Docker, &extra), &[new_layer("a")], &run, CREATED).unwrap();
        for _ in 0..50 {
            let again =
                Image::assemble(&base(MediaTypes::Docker, &extra), &[new_layer("a")], &run, CREATED).unwrap();
            assert_eq!(again.config(), first.config());
        }
        let config = parsed(first.config());
        assert_eq!(config["docker_version"], "20.10");
        assert_eq!(config["config"]["Labels"].as_object().unwrap().len(), 20);
        assert_eq!(config["config"]["Healthcheck"]["Test"][0], "NONE");
        assert_eq!(config["config"]["Cmd"], json!(["app.handler"]));
        assert_eq!(config["config"]["Env"], json!([]), "the environment is what the plan says");
    }

    #[test]
    fn labels_stand_beside_those_of_the_base() {
        let labels = [("new".to_owned(), "Allow".to_owned())].into();
        let run = RunConfig { labels, ..RunConfig::default() };
        for (own, expected) in [
            (json!({ "Labels": { "kept": "yes" } }), json!({ "kept": "yes", "new": "Allow" })),
            (json!({ "Labels": null }), json!({ "new": "Allow" })),
            (json!({}), json!({ "new": "Allow" })),
        ] {
            let base = base(MediaTypes::Oci, &json!({ "config": own }));
            let image = Image::assemble(&base, &[], &run, CREATED).unwrap();
            assert_eq!(parsed(image.config())["config"]["Labels"], expected);
        }
        let base = base(MediaTypes::Oci, &json!({ "config": { "Labels": "none" } }));
        assert!(matches!(Image::assemble(&base, &[], &run, CREATED), Err(ImageError::Form("config.Labels"))));
    }

    #[test]
    fn every_layer_has_a_history_entry() {
        let written =
            json!({ "history": [{ "created_by": "root" }, { "created_by": "ENV", "empty_layer": true }] });
        for extra in [json!({}), json!({ "history": [] }), written] {
            let added = [new_layer("a"), new_layer("b")];
            let image =
                Image::assemble(&base(MediaTypes::Oci, &extra), &added, &RunConfig::default(), CREATED)
                    .unwrap();
            let config = parsed(image.config());
            let entries = config["history"].as_array().unwrap();
            assert_eq!(entries.iter().filter(|entry| entry["empty_layer"] != true).count(), 3, "{extra}");
            assert_eq!(entries.last().unwrap()["created_by"], "limg: layer b");
            assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 3);
        }
    }

    #[test]
    fn a_layer_says_who_made_it() {
        let written =
            json!({ "history": [{ "created_by": "root" }, { "created_by": "ENV", "empty_layer": true }] });
        for extra in [json!({}), written] {
            let added = [NewLayer { encoder: Some("tar 1, gzip 2"), ..new_layer("a") }, new_layer("b")];
            let image =
                Image::assemble(&base(MediaTypes::Oci, &extra), &added, &RunConfig::default(), CREATED)
                    .unwrap();
            let config = parsed(image.config());
            let comments: Vec<_> = config["history"]
                .as_array()
                .unwrap()
                .iter()
                .rev()
                .take(2)
                .map(|entry| &entry["comment"])
                .collect();
            assert_eq!(comments, [&Value::Null, &json!("limg: tar 1, gzip 2")]);
            let manifest = parse_manifest(&image.manifest().unwrap().bytes).unwrap();
            let made = |encoder| layers_of_encoder(&manifest, image.config(), encoder).unwrap();
            let [found] = &made("tar 1, gzip 2")[..] else { panic!("one layer") };
            assert_eq!(
                (&found.digest, &found.diff_id, found.size),
                (&layer("a").digest, &layer("a").diff_id, 7)
            );
            for other in ["tar 1, gzip 1", "tar 1, gzip 20", "tar 1", ""] {
                assert_eq!(made(other), []);
            }
        }
    }

    #[test]
    fn a_base_for_another_platform_is_refused() {
        let layers = vec![layer("base")];
        let config = base_config(&layers, &json!({}));
        let error = BaseImage::new(&manifest(MediaTypes::Oci, &layers), &config, layers, Architecture::Arm64)
            .unwrap_err();
        assert_eq!(error.to_string(), "the image is for linux/amd64, not for linux/arm64 (`arm64`)");
    }

    #[test]
    fn a_base_that_contradicts_itself_is_refused() {
        let config = base_config(&[layer("other")], &json!({}));
        let layers = vec![layer("base")];
        let of = |manifest: &[u8]| BaseImage::new(manifest, &config, layers.clone(), Architecture::X86_64);
        assert!(matches!(of(&manifest(MediaTypes::Oci, &layers)), Err(ImageError::DiffIds { .. })));
        assert!(matches!(of(b"{}"), Err(ImageError::Json { .. })));
        let artifact = String::from_utf8(manifest(MediaTypes::Oci, &layers))
            .unwrap()
            .replace("image.manifest", "artifact");
        assert!(matches!(of(artifact.as_bytes()), Err(ImageError::MediaType { .. })));
    }

    #[test]
    fn what_a_base_says_about_running_is_read() {
        let extra = json!({ "config": { "Env": ["A=1", "B=x=y", "C"], "Entrypoint": ["/e"], "Cmd": [], "WorkingDir": "" } });
        let run = base(MediaTypes::Oci, &extra).run_config();
        let variables =
            [("A", "1"), ("B", "x=y"), ("C", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(run.environment, variables);
        assert_eq!(run.entrypoint, Some(vec!["/e".to_owned()]));
        assert_eq!((run.command, run.working_directory), (None, None));
    }
}
