//! Parses manifests and configs of images, and the layers that they list.

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::media_types::compression;
use super::{Compression, ImageError, MediaTypes, comment};
use crate::project::Architecture;
use crate::store::Digest;

/// A layer as a manifest and its config list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestLayer {
    /// The digest of the blob.
    pub digest: Digest,
    /// The digest of the tar.
    pub diff_id: Digest,
    /// The size of the blob in bytes.
    pub size: u64,
    /// The compression of the blob.
    pub compression: Compression,
}

/// The layers that a manifest and its config list, the lowest first.
///
/// # Errors
/// When the config is malformed or does not match the manifest, or Lambda does not support a layer.
pub fn manifest_layers(manifest: &ImageManifest, config: &[u8]) -> Result<Vec<ManifestLayer>, ImageError> {
    let diff_ids = diff_ids(config)?;
    if diff_ids.len() != manifest.layers().len() {
        return Err(ImageError::DiffIds { config: diff_ids.len(), manifest: manifest.layers().len() });
    }
    let layer = |(layer, diff_id): (&Descriptor, Digest)| {
        let compression = compression(layer.media_type().as_ref())?;
        Ok(ManifestLayer { digest: descriptor_digest(layer)?, diff_id, size: layer.size(), compression })
    };
    manifest.layers().iter().zip(diff_ids).map(layer).collect()
}

/// The gzip layers of an image that were made by this encoder according to their `history` entries, the lowest first.
/// Each entry that is not for an empty layer belongs to a layer, in the same order (OCI image specification,
/// config.md, "history"). If their numbers differ, the result is empty.
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
        history: Option<Vec<Option<HistoryEntry>>>,
    }
    #[derive(Deserialize, Default)]
    struct HistoryEntry {
        empty_layer: Option<bool>,
        comment: Option<String>,
    }
    let layers = manifest_layers(manifest, config)?;
    let history = decode::<Config>("config", config)?.history.unwrap_or_default();
    let mut history: Vec<_> = history.into_iter().map(Option::unwrap_or_default).collect();
    history.retain(|entry| entry.empty_layer != Some(true));
    if history.len() != layers.len() {
        return Ok(Vec::new());
    }
    let comment = Some(comment(encoder));
    let found = layers
        .into_iter()
        .zip(history)
        .filter(|(layer, entry)| layer.compression == Compression::Gzip && entry.comment == comment);
    Ok(found.map(|(layer, _)| layer).collect())
}

/// Parses a manifest.
///
/// # Errors
/// When it is malformed or its media type is not supported.
pub fn parse_manifest(bytes: &[u8]) -> Result<ImageManifest, ImageError> {
    let manifest: ImageManifest = decode_lenient("manifest", bytes, "layers")?;
    media_types(&manifest)?;
    Ok(manifest)
}

/// Parses an index.
///
/// # Errors
/// When it is malformed.
pub fn parse_index(bytes: &[u8]) -> Result<ImageIndex, ImageError> {
    decode_lenient("index", bytes, "manifests")
}

/// Decodes a document as programs in Go do: `null` stands for a missing value, also for that of the list of descriptors,
/// and a platform without an architecture for none.
fn decode_lenient<T: DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
    list: &str,
) -> Result<T, ImageError> {
    let mut document: Map<String, Value> = decode(what, bytes)?;
    document.values_mut().for_each(remove_nulls);
    document.retain(|_, value| !value.is_null());
    let descriptors = document.entry(list).or_insert_with(|| Value::Array(Vec::new()));
    for descriptor in descriptors.as_array_mut().into_iter().flatten() {
        let Value::Object(descriptor) = descriptor else { continue };
        if descriptor.get("platform").is_some_and(|platform| platform.get("architecture").is_none()) {
            descriptor.remove("platform");
        }
    }
    T::deserialize(Value::Object(document)).map_err(|source| ImageError::Json { what, source })
}

/// Removes what is `null` from an object and all objects in it.
fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(remove_nulls);
            object.retain(|_, value| !value.is_null());
        }
        Value::Array(list) => list.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

pub(super) fn media_types(manifest: &ImageManifest) -> Result<MediaTypes, ImageError> {
    MediaTypes::of(manifest.media_type().as_ref().map(AsRef::as_ref), manifest.config().media_type().as_ref())
}

/// The digest in a descriptor.
///
/// # Errors
/// When it does not use SHA-256.
pub fn descriptor_digest(descriptor: &Descriptor) -> Result<Digest, ImageError> {
    Ok(descriptor.digest().as_ref().parse()?)
}

/// Checks that an image is for Linux on an architecture according to its config.
///
/// # Errors
/// When the config is malformed, or the image is for another platform.
pub fn check_platform(config: &[u8], wanted: Architecture) -> Result<(), ImageError> {
    let config: Map<String, Value> = decode("config", config)?;
    let word = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
    let found = format!("{}/{}", word("os"), word("architecture"));
    if found == format!("linux/{}", wanted.oci_name()) {
        Ok(())
    } else {
        Err(ImageError::Platform { found, wanted })
    }
}

/// The `diff_ids` in a config: the digests of the uncompressed layers, the lowest first.
///
/// # Errors
/// When the config is malformed.
pub fn diff_ids(config: &[u8]) -> Result<Vec<Digest>, ImageError> {
    #[derive(Deserialize)]
    struct Config {
        rootfs: Option<RootFs>,
    }
    #[derive(Deserialize)]
    struct RootFs {
        diff_ids: Option<Vec<Digest>>,
    }
    let rootfs = decode::<Config>("config", config)?.rootfs;
    Ok(rootfs.and_then(|rootfs| rootfs.diff_ids).unwrap_or_default())
}

/// The rank of a variant among the images for one architecture: 0 for the one that every processor runs, and higher for
/// each that requires more instructions, which Lambda does not guarantee.
#[must_use]
pub fn variant_rank(variant: Option<&str>) -> u32 {
    match variant.unwrap_or_default() {
        "" | "v1" | "v8" => 0,
        other => {
            let number = other.strip_prefix('v').unwrap_or_default();
            let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
            let rank = |text: &str| text.parse::<u16>().ok().map(u32::from);
            rank(major).zip(rank(minor)).map_or(u32::MAX, |(major, minor)| (major << 16) + minor)
        }
    }
}

pub(super) fn decode<'a, T: Deserialize<'a>>(what: &'static str, bytes: &'a [u8]) -> Result<T, ImageError> {
    serde_json::from_slice(bytes).map_err(|source| ImageError::Json { what, source })
}
