//! Built images.

use std::collections::BTreeMap;

use super::layer_bytes::Origin;
use crate::event::Provenance;
use crate::image::{Image, ImageLayer};
use crate::project::RunConfig;
use crate::store::Digest;

/// A function's image.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    /// The function's name.
    pub name: String,
    /// The image.
    pub image: Image,
    /// How it runs.
    pub run: RunConfig,
    /// The base as the definition names it.
    pub base: String,
    /// The digest of the base's config.
    pub base_config: Digest,
    /// Where to get the bytes of layers that the store does not have, by the digests of their blobs.
    pub origins: BTreeMap<Digest, Origin>,
    /// The layers on the base, the lowest first.
    pub layers: Vec<BuiltLayer>,
    /// The path of the runtime interface emulator in the image, if it has one.
    pub emulator: Option<String>,
    /// Whether the image has a `/tmp` that everyone can write to.
    pub has_tmp: bool,
}

/// A layer on a base.
#[derive(Debug, Clone)]
pub(crate) struct BuiltLayer {
    /// What it contains.
    pub name: String,
    /// The digest of its blob, if it has one.
    pub digest: Option<Digest>,
    /// The digest of its tar.
    pub diff_id: Digest,
    /// The size of its blob in bytes, if it has one.
    pub size: Option<u64>,
    /// Where it comes from.
    pub provenance: Provenance,
}

impl BuiltLayer {
    pub(super) fn new(name: String, layer: &ImageLayer, provenance: Provenance) -> Self {
        let blob = layer.blob();
        Self {
            name,
            digest: blob.map(|blob| blob.digest.clone()),
            diff_id: layer.diff_id().clone(),
            size: blob.map(|blob| blob.size),
            provenance,
        }
    }
}
