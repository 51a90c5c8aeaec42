//! Images in registries, and the bytes of layers that are still there: fetched when something needs them, and kept.

use futures_util::future::try_join_all;

use super::pins::{self, Pinned};
use super::{BaseError, Context, blocking};
use crate::event::Event;
use crate::image::{self, Compression, DescribedLayer, Layer};
use crate::layer;
use crate::project::{Architecture, ImageReference, Repository};
use crate::registry::RegistryError;

/// An image of a registry.
pub(super) struct RemoteImage {
    pub(super) manifest: Vec<u8>,
    pub(super) config: Vec<u8>,
    /// Its layers in gzip, the lowest first. Their bytes may still be in the registry.
    pub(super) layers: Vec<Layer>,
}

/// Reads manifest and config of an image in a registry. A layer that is not in gzip is fetched and compressed, since it
/// has no digest before.
pub(super) async fn remote_image(
    reference: &ImageReference,
    architecture: Architecture,
    context: &Context,
) -> Result<RemoteImage, BaseError> {
    let Pinned { manifest, config } = pins::image(reference, architecture, context).await?;
    let mut layers = Vec::new();
    for described in image::described_layers(&image::manifest(&manifest)?, &config)? {
        layers.push(match described.compression {
            Compression::Gzip => {
                let DescribedLayer { digest, diff_id, size, .. } = described;
                let blob = context.store.place(&digest, size);
                Layer { digest, diff_id, size, blob }
            }
            Compression::None => compressed(described, reference, context).await?,
        });
    }
    Ok(RemoteImage { manifest, config, layers })
}

/// A layer that is a plain tar, in gzip.
async fn compressed(
    described: DescribedLayer,
    reference: &ImageReference,
    context: &Context,
) -> Result<Layer, BaseError> {
    let DescribedLayer { digest, diff_id, size, .. } = described;
    let store = context.store.clone();
    if let Some(found) = layer::imported(&diff_id, &store) {
        return Ok(found.into());
    }
    let blob = context.registry.fetch(reference.repository(), &digest, size, &store).await?;
    context.reporter.report(Event::BaseImport { base: reference.to_string() });
    blocking(move || Ok(layer::import(&diff_id, &store, || Ok(Box::new(blob.open()?)))?.into())).await
}

/// Makes sure that the bytes of some layers are on this machine: those that are not come from the repository beside them.
pub(super) async fn bring<'a>(
    layers: impl IntoIterator<Item = (&'a Layer, &'a Repository)>,
    context: &Context,
) -> Result<(), RegistryError> {
    let missing = layers.into_iter().filter(|(layer, _)| !layer.blob.is_here());
    let fetch = async |(layer, origin): (&Layer, &Repository)| {
        context.registry.fetch(origin, &layer.digest, layer.size, &context.store).await.map(drop)
    };
    try_join_all(missing.map(fetch)).await.map(drop)
}
