//! Which manifest an image reference stands for: what `limg.lock` has pinned, else what its registry answers, which is
//! then pinned.

use super::{BaseError, Context, PipelineError, blocking};
use crate::image;
use crate::lock::Lock;
use crate::project::{Architecture, ImageReference};
use crate::registry::Manifest;
use crate::store::{Blob, Digest};

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

/// The bytes of the manifest of the image that a reference stands for. They are kept, so that a pinned image is not asked
/// for again.
pub(super) async fn manifest(
    reference: &ImageReference,
    architecture: Architecture,
    context: &Context,
) -> Result<Vec<u8>, BaseError> {
    let pinned = match context.pinning {
        Pinning::Renew => None,
        Pinning::Add | Pinning::Locked => context.lock().image(reference, architecture).cloned(),
    };
    let repository = reference.repository();
    let manifest = match pinned {
        Some(digest) => match kept(&digest, context).await? {
            Some(bytes) => return Ok(bytes),
            None => context.registry.manifest(repository, &digest).await.map_err(|source| {
                let gone = source.is_not_found();
                if gone {
                    BaseError::PinGone { reference: reference.to_string(), digest, source: Box::new(source) }
                } else {
                    source.into()
                }
            })?,
        },
        None if context.pinning == Pinning::Locked => {
            return Err(BaseError::NotPinned { name: reference.to_string(), architecture });
        }
        None => context.registry.resolve(repository, reference.version(), architecture).await?,
    };
    let Manifest { digest, bytes, .. } = manifest;
    // What is no image is not worth a pin.
    image::manifest(&bytes)?;
    keep(bytes.clone(), context).await?;
    context.lock().pin_image(reference, architecture, digest);
    Ok(bytes)
}

/// A small blob that the store has.
pub(super) async fn kept(digest: &Digest, context: &Context) -> Result<Option<Vec<u8>>, BaseError> {
    let (store, digest) = (context.store.clone(), digest.clone());
    blocking(move || {
        let bytes = store.blob(&digest).map(|blob| blob.read()).transpose()?;
        // A file of that name that was changed is none.
        Ok(bytes.filter(|bytes| Digest::of(bytes) == digest))
    })
    .await
}

/// Keeps a small blob.
pub(super) async fn keep(bytes: Vec<u8>, context: &Context) -> Result<Blob, BaseError> {
    let store = context.store.clone();
    blocking(move || Ok(store.keep_blob(&bytes)?)).await
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
