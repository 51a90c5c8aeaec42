//! An existing image with other bytes of its layers, and nothing else changed.

use serde_json::{Map, Value};

use super::{BaseImage, Image, ImageError, ImageLayer, Layer, Manifest, canonical, descriptor};
use crate::store::Digest;

impl Image {
    /// An image with these layers in place of its own, one for each, and consistent media types.
    ///
    /// Everything else stays, also keys that limg does not know. If nothing changes, manifest and config keep their bytes, and the
    /// image its digest. Otherwise the manifest refers to no other one any more.
    ///
    /// # Errors
    /// When the `rootfs` in the config is not an object, or there is another number of layers.
    pub fn with_layers(base: &BaseImage, layers: Vec<Layer>) -> Result<Self, ImageError> {
        if layers.len() != base.layers.len() {
            return Err(ImageError::DiffIds { config: base.layers.len(), manifest: layers.len() });
        }
        let config = config(base, &layers)?;
        let config_digest = Digest::of(&config);
        let manifest = manifest(base, &config_digest, config.len() as u64, &layers);
        let layers = layers.into_iter().map(ImageLayer::Blob).collect();
        Ok(Self { architecture: base.architecture, config, config_digest, layers, manifest: Some(manifest) })
    }
}

fn config(base: &BaseImage, layers: &[Layer]) -> Result<Vec<u8>, ImageError> {
    let diff_ids = || layers.iter().map(|layer| &layer.diff_id);
    if diff_ids().eq(base.layers.iter().map(|layer| &layer.diff_id)) {
        return Ok(base.config_bytes.clone());
    }
    let mut config = base.config.clone();
    let rootfs = config.get_mut("rootfs").and_then(Value::as_object_mut);
    let rootfs = rootfs.ok_or(ImageError::Form("rootfs"))?;
    rootfs.insert("diff_ids".to_owned(), diff_ids().map(Digest::as_str).collect());
    Ok(canonical(&Value::Object(config)))
}

fn manifest(base: &BaseImage, config: &Digest, config_size: u64, layers: &[Layer]) -> Manifest {
    let media_types = base.media_types;
    let own = |key: &str| base.manifest.get(key);
    let own_layers = own("layers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut manifest = base.manifest.clone();
    let described = kept(own("config"), media_types.config(), config, config_size);
    manifest.insert("config".to_owned(), described);
    let described = layers.iter().enumerate().map(|(position, Layer { digest, size, .. })| {
        kept(own_layers.get(position), media_types.layer(), digest, *size)
    });
    manifest.insert("layers".to_owned(), described.collect());
    let bytes = match &base.manifest_bytes {
        Some(bytes) if manifest == base.manifest => bytes.clone(),
        _ => {
            // What it refers to was made for the original (OCI image specification, manifest.md, "subject").
            manifest.remove("subject");
            manifest.insert("schemaVersion".to_owned(), 2.into());
            manifest.insert("mediaType".to_owned(), media_types.manifest().into());
            canonical(&Value::Object(manifest))
        }
    };
    Manifest { media_types, digest: Digest::of(&bytes), bytes }
}

/// The descriptor of a blob: its own with the right media type, or a new one if it is of another blob, to which annotations would
/// not apply.
fn kept(own: Option<&Value>, media_type: &str, digest: &Digest, size: u64) -> Value {
    let is_of_blob = |own: &&Map<String, Value>| {
        own.get("digest").and_then(Value::as_str) == Some(digest.as_str())
            && own.get("size").and_then(Value::as_u64) == Some(size)
    };
    match own.and_then(Value::as_object).filter(is_of_blob) {
        Some(own) => {
            let mut own = own.clone();
            own.insert("mediaType".to_owned(), media_type.into());
            own.into()
        }
        None => descriptor(media_type, digest, size),
    }
}
