//! Images in registries, and the bytes of layers that are known and not on this machine: fetched from a registry or made
//! again from their files when something needs them, and kept.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::try_join_all;

use super::pins::{self, Pinned};
use super::{BaseError, BytesError, Context, blocking};
use crate::event::{Event, LayerEvent, Provenance};
use crate::files::FileIndex;
use crate::image::{self, Compression, Layer, ManifestLayer};
use crate::layer;
use crate::project::{Architecture, ImageReference, Repository};
use crate::registry::RegistryError;
use crate::store::Store;
use crate::text::with_causes;
use crate::tree::Tree;

/// Where the bytes of a layer come from that are not on this machine.
#[derive(Debug, Clone)]
pub enum Origin {
    /// From a registry.
    Registry(Repository),
    /// From the files that the layer was made of.
    Recipe(Arc<Recipe>),
    /// From a registry that has the layer as it would be made of files, or else from these.
    Cache(Repository, Arc<Recipe>),
}

impl Origin {
    /// The repository that has the layer, if it is one.
    pub(super) fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Registry(repository) | Self::Cache(repository, _) => Some(repository),
            Self::Recipe(_) => None,
        }
    }
}

/// What a layer is made of.
#[derive(Debug)]
pub struct Recipe {
    /// What it holds.
    pub(super) name: String,
    pub(super) tree: Arc<Tree>,
    pub(super) base: Arc<FileIndex>,
    pub(super) mtime: u64,
}

impl Recipe {
    /// Makes the layer's bytes again.
    fn make(&self, layer: &Layer, store: &Store) -> Result<LayerEvent, BytesError> {
        let start = Instant::now();
        layer::rebuild(&self.tree, &self.base, self.mtime, &layer.digest, store)
            .map_err(|source| BytesError::Layer { name: self.name.clone(), source })?;
        Ok(LayerEvent {
            name: self.name.clone(),
            files: self.tree.files(),
            size: layer.size,
            provenance: Provenance::Built,
            took: start.elapsed(),
        })
    }
}

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
    for described in image::manifest_layers(&image::parse_manifest(&manifest)?, &config)? {
        layers.push(match described.compression {
            Compression::Gzip => {
                let ManifestLayer { digest, diff_id, size, .. } = described;
                let (store, wanted) = (context.store.clone(), digest.clone());
                let blob = blocking(move || Ok::<_, BaseError>(store.expected_blob(&wanted, size))).await?;
                Layer { digest, diff_id, size, blob }
            }
            Compression::None => compressed(described, reference, context).await?,
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
    blocking(move || Ok(layer::import(&diff_id, &store, || Ok(Box::new(blob.open()?)))?)).await
}

/// Makes sure that the bytes of some layers are on this machine: those that are not come from where it says beside them.
pub(super) async fn bring<'a>(
    layers: impl IntoIterator<Item = (&'a Layer, &'a Origin)>,
    context: &Context,
) -> Result<(), BytesError> {
    let missing = layers.into_iter().filter(|(layer, _)| !layer.blob.is_present());
    let bring = async |(layer, origin): (&Layer, &Origin)| match origin {
        Origin::Registry(repository) => Ok(fetch([(layer, repository)], context).await?),
        Origin::Recipe(recipe) => make(recipe, layer, context).await,
        Origin::Cache(repository, recipe) => match fetch([(layer, repository)], context).await {
            Ok(()) => Ok(()),
            Err(error) => {
                let (image, why, help) = (repository.to_string(), with_causes(&error), error.help());
                context.reporter.report(Event::CacheFailed { image, why, help });
                make(recipe, layer, context).await.map_err(|error| error.of_cache(repository))
            }
        },
    };
    try_join_all(missing.map(bring)).await.map(drop)
}

/// Makes the bytes of a layer from its files.
async fn make(recipe: &Arc<Recipe>, layer: &Layer, context: &Context) -> Result<(), BytesError> {
    let (recipe, layer, store) = (Arc::clone(recipe), layer.clone(), context.store.clone());
    let made = blocking(move || recipe.make(&layer, &store)).await?;
    context.reporter.report(Event::Layer(made));
    Ok(())
}

/// As [`bring`], of layers that all come from repositories.
pub(super) async fn fetch<'a>(
    layers: impl IntoIterator<Item = (&'a Layer, &'a Repository)>,
    context: &Context,
) -> Result<(), RegistryError> {
    let missing = layers.into_iter().filter(|(layer, _)| !layer.blob.is_present());
    let fetch = async |(layer, origin): (&Layer, &Repository)| {
        context.registry.fetch(origin, &layer.digest, layer.size, &context.store).await.map(drop)
    };
    try_join_all(missing.map(fetch)).await.map(drop)
}
