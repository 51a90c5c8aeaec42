//! Which manifest an image reference stands for: what `limg.lock` has pinned, else what its registry answers, which is
//! then pinned.

use oci_spec::image::ImageManifest;

use super::{BaseError, Context, PipelineError, blocking};
use crate::image;
use crate::lock::Lock;
use crate::project::{Architecture, ImageReference};
use crate::store::Digest;

/// What is done about references that are not pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinning {
    /// They are resolved and pinned.
    Add,
    /// They are refused.
    Locked,
    /// All are resolved anew, whatever is pinned.
    Renew,
}

/// An image that a reference stands for: what says what it is.
pub(super) struct Pinned {
    pub(super) manifest: Vec<u8>,
    pub(super) config: Vec<u8>,
}

/// Manifest and config of the image that a reference stands for. They are kept, so that a pinned image is not asked for
/// again. Nothing is pinned that is no image for the architecture.
pub(super) async fn image(
    reference: &ImageReference,
    architecture: Architecture,
    context: &Context,
) -> Result<Pinned, BaseError> {
    let pinned = match context.pinning {
        Pinning::Renew => None,
        Pinning::Add | Pinning::Locked => context.lock().image(reference, architecture).cloned(),
    };
    let (manifest, new) = match pinned {
        Some(digest) => (pinned_manifest(reference, &digest, context).await?, None),
        None if context.pinning == Pinning::Locked => {
            return Err(BaseError::NotPinned { name: reference.to_string(), architecture });
        }
        None => {
            let repository = reference.repository();
            let found = context.registry.resolve(repository, reference.version(), architecture).await?;
            (found.bytes, Some(found.digest))
        }
    };
    let config = config(&image::parse_manifest(&manifest)?, reference, context).await?;
    image::check_platform(&config, architecture)?;
    if let Some(digest) = new {
        keep(manifest.clone(), context).await?;
        context.lock().pin_image(reference, architecture, digest);
    }
    Ok(Pinned { manifest, config })
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

/// A small blob that the store has.
async fn kept(digest: &Digest, context: &Context) -> Result<Option<Vec<u8>>, BaseError> {
    let (store, digest) = (context.store.clone(), digest.clone());
    blocking(move || {
        let bytes = store.blob(&digest).map(|blob| blob.read()).transpose()?;
        // A file of that name that was changed is none.
        Ok(bytes.filter(|bytes| Digest::of(bytes) == digest))
    })
    .await
}

/// Keeps a small blob.
async fn keep(bytes: Vec<u8>, context: &Context) -> Result<(), BaseError> {
    let store = context.store.clone();
    blocking(move || Ok(store.add_blob(&bytes).map(drop)?)).await
}

/// Writes to the lock beside the definition what this run has learnt. What another run has written meanwhile stays.
pub(super) async fn write(context: &Context) -> Result<(), PipelineError> {
    if context.pinning == Pinning::Locked {
        return Ok(());
    }
    let learnt = context.lock().changes(&context.lock_before);
    let path = context.lock_file.clone();
    if learnt.is_empty() {
        return Ok(());
    }
    blocking(move || {
        let mut lock = Lock::read(&path)?;
        for change in &learnt {
            lock.apply(change);
        }
        Ok(lock.write(&path).map(drop)?)
    })
    .await
}
