//! Images in registries: resolved by pin or by asking, their layers in gzip.

use oci_spec::image::ImageManifest;

use super::context::{Context, blocking};
use super::error::BaseError;
use crate::event::Event;
use crate::image::{self, Compression, Layer, ManifestLayer};
use crate::layer;
use crate::project::{Architecture, ImageReference};
use crate::store::Digest;

/// An image in a registry.
pub(super) struct RemoteImage {
    pub(super) manifest: Vec<u8>,
    pub(super) config: Vec<u8>,
    /// Its layers in gzip, the lowest first. The store may not have their bytes.
    pub(super) layers: Vec<Layer>,
}

/// Reads manifest and config of an image. A layer that is not in gzip is fetched and compressed: it has no digest
/// before.
pub(super) async fn read(
    reference: &ImageReference,
    architecture: Architecture,
    context: &Context,
) -> Result<RemoteImage, BaseError> {
    let (manifest, config) = resolve(reference, architecture, context).await?;
    let mut layers = Vec::new();
    for described in image::manifest_layers(&image::parse_manifest(&manifest)?, &config)? {
        layers.push(match described.compression {
            Compression::Gzip => {
                let ManifestLayer { digest, diff_id, size, .. } = described;
                let (store, wanted) = (context.store.clone(), digest.clone());
                let blob = blocking(move || Ok::<_, BaseError>(store.expected_blob(&wanted, size))).await?;
                Layer { digest, diff_id, size, blob }
            }
            Compression::None | Compression::Zstd => compressed(described, reference, context).await?,
        });
    }
    Ok(RemoteImage { manifest, config, layers })
}

/// A layer that is a plain tar, in gzip.
async fn compressed(
    described: ManifestLayer,
    reference: &ImageReference,
    context: &Context,
) -> Result<Layer, BaseError> {
    let ManifestLayer { digest, diff_id, size, .. } = described;
    let store = context.store.clone();
    if let Some(found) = layer::find_imported(&diff_id, &store) {
        return Ok(found);
    }
    let blob = context.registry.fetch(reference.repository(), &digest, size, &store).await?;
    context.reporter.report(Event::BaseImport { base: reference.to_string() });
    blocking(move || Ok(layer::import(&diff_id, &store, || layer::decompressed(&blob))?)).await
}

/// Finds the image that a reference stands for, and returns its manifest and config: the pinned one, or else the one
/// that its registry has now, which is then pinned if it is for the architecture. Both are kept, so an image that is pinned, or
/// named by the digest of its manifest, costs no request the next time.
pub(super) async fn resolve(
    reference: &ImageReference,
    architecture: Architecture,
    context: &Context,
) -> Result<(Vec<u8>, Vec<u8>), BaseError> {
    let (manifest, new) = match context.pins.image(reference, architecture) {
        Some(digest) => (pinned_manifest(reference, &digest, context).await?, None),
        None if context.pins.are_locked() => {
            return Err(BaseError::NotPinned { name: reference.to_string(), architecture });
        }
        None => {
            let (manifest, digest) = current_manifest(reference, architecture, context).await?;
            (manifest, Some(digest))
        }
    };
    let config = config(&image::parse_manifest(&manifest)?, reference, context).await?;
    image::check_platform(&config, architecture)?;
    if let Some(digest) = new {
        keep(manifest.clone(), context).await?;
        context.pins.pin_image(reference, architecture, digest);
    }
    Ok((manifest, config))
}

/// The manifest that a reference stands for now, and its digest. One that the reference names by its digest is in the store if it
/// was read before.
async fn current_manifest(
    reference: &ImageReference,
    architecture: Architecture,
    context: &Context,
) -> Result<(Vec<u8>, Digest), BaseError> {
    // It may also be that of an index, which is not kept.
    if let Some(digest) = reference.digest().and_then(|digest| digest.parse().ok())
        && let Some(bytes) = kept(&digest, context).await?
        && image::parse_manifest(&bytes).is_ok()
    {
        return Ok((bytes, digest));
    }
    let found = context.registry.resolve(reference.repository(), reference.version(), architecture).await?;
    Ok((found.bytes, found.digest))
}

/// The manifest that a reference is pinned to.
async fn pinned_manifest(
    reference: &ImageReference,
    digest: &Digest,
    context: &Context,
) -> Result<Vec<u8>, BaseError> {
    if let Some(bytes) = kept(digest, context).await? {
        return Ok(bytes);
    }
    match context.registry.manifest(reference.repository(), digest).await {
        Ok(manifest) => {
            keep(manifest.bytes.clone(), context).await?;
            Ok(manifest.bytes)
        }
        Err(source) if source.is_not_found() => Err(BaseError::PinGone {
            reference: reference.to_string(),
            digest: digest.clone(),
            source: Box::new(source),
        }),
        Err(source) => Err(source.into()),
    }
}

/// The config of an image.
async fn config(
    manifest: &ImageManifest,
    reference: &ImageReference,
    context: &Context,
) -> Result<Vec<u8>, BaseError> {
    let digest = image::descriptor_digest(manifest.config())?;
    if let Some(config) = kept(&digest, context).await? {
        return Ok(config);
    }
    let config = context.registry.read_blob(reference.repository(), &digest).await?;
    keep(config.clone(), context).await?;
    Ok(config)
}

/// A small blob, if the store has it.
async fn kept(digest: &Digest, context: &Context) -> Result<Option<Vec<u8>>, BaseError> {
    let (store, digest) = (context.store.clone(), digest.clone());
    blocking(move || {
        let bytes = store.blob(&digest).map(|blob| blob.read()).transpose()?;
        // A file that was changed is as good as none.
        Ok(bytes.filter(|bytes| Digest::of(bytes) == digest))
    })
    .await
}

/// Keeps a small blob in the store.
async fn keep(bytes: Vec<u8>, context: &Context) -> Result<(), BaseError> {
    let store = context.store.clone();
    blocking(move || Ok(store.add_blob(&bytes).map(drop)?)).await
}
