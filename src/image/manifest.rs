//! Parses manifests and configs of images, and the layers that they list.

use oci_spec::image::{Descriptor, ImageManifest};
use serde::Deserialize;
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
        history: Option<Vec<HistoryEntry>>,
    }
    #[derive(Deserialize)]
    struct HistoryEntry {
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
    let manifest: ImageManifest = decode("manifest", bytes)?;
    media_types(&manifest)?;
    Ok(manifest)
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
        rootfs: RootFs,
    }
    #[derive(Deserialize)]
    struct RootFs {
        #[serde(default)]
        diff_ids: Vec<Digest>,
    }
    decode::<Config>("config", config).map(|config| config.rootfs.diff_ids)
}

pub(super) fn decode<'a, T: Deserialize<'a>>(what: &'static str, bytes: &'a [u8]) -> Result<T, ImageError> {
    serde_json::from_slice(bytes).map_err(|source| ImageError::Json { what, source })
}
