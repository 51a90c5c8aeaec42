//! What layers are made of, and the bytes of layers that the store lacks: fetched from a registry, or made again from
//! their files, when something needs them.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::try_join_all;

use super::context::{Context, blocking};
use super::error::BytesError;
use crate::event::{Event, LayerEvent, Provenance};
use crate::failure::Failure as _;
use crate::files::FileIndex;
use crate::image::{ImageLayer, Layer};
use crate::layer::{self, LayerError, TarLayer};
use crate::project::Repository;
use crate::registry::RegistryError;
use crate::shared::Shared;
use crate::store::{Digest, Store};
use crate::text::with_causes;
use crate::tree::Tree;

/// Where to get the bytes of a layer that the store lacks.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// From a registry.
    Registry(Repository),
    /// From the files that it is made of.
    Files(Arc<Recipe>),
    /// From a registry that has the same layer, or else from the files.
    Cache(Repository, Arc<Recipe>),
}

impl Origin {
    /// The repository that contains the layer, if there is one.
    pub(super) fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Registry(repository) | Self::Cache(repository, _) => Some(repository),
            Self::Files(_) => None,
        }
    }
}

/// The form in which a build makes its layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LayerForm {
    /// Compressed blobs, for every destination.
    Blobs,
    /// Plain tars, for Docker Engines only (decision 018).
    Tars,
}

/// Everything that a layer is made of.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// What the layer contains.
    pub(super) name: String,
    pub(super) key: Digest,
    pub(super) tree: Shared<Tree>,
    pub(super) base: Shared<FileIndex>,
    pub(super) mtime: u64,
}

impl Recipe {
    /// Makes the layer, or finds it in the store. Also returns whether it was found.
    pub(super) fn make(&self, form: LayerForm, store: &Store) -> Result<(ImageLayer, bool), LayerError> {
        let Self { name: _, key, tree, base, mtime } = self;
        match form {
            LayerForm::Blobs => {
                let (layer, found) = layer::build(tree, base, *mtime, key, store)?;
                Ok((layer.into(), found))
            }
            LayerForm::Tars => {
                if let Some(tar) = TarLayer::find(tree, base, *mtime, key, store) {
                    return Ok((ImageLayer::Tar(tar), true));
                }
                // A blob in the store can be sent too, and none of the files has to be read for it.
                if let Some(built) = layer::find(key, store).filter(|layer| layer.blob.is_present()) {
                    return Ok((built.into(), true));
                }
                Ok((ImageLayer::Tar(TarLayer::read(tree, base, *mtime, key, store)?), false))
            }
        }
    }

    /// The layer as a plain tar. Its files are read unless the store has recorded the tar.
    pub(super) fn tar(&self, store: &Store) -> Result<TarLayer, LayerError> {
        let Self { name: _, key, tree, base, mtime } = self;
        match TarLayer::find(tree, base, *mtime, key, store) {
            Some(known) => Ok(known),
            None => TarLayer::read(tree, base, *mtime, key, store),
        }
    }

    /// Makes the blob of a layer again that the store has recorded but no longer contains.
    fn rebuild(&self, layer: &Layer, store: &Store) -> Result<LayerEvent, BytesError> {
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

/// Makes sure that the store has the bytes of some layers. Those that it lacks come from their origins.
pub(super) async fn provide<'a>(
    layers: impl IntoIterator<Item = (&'a Layer, &'a Origin)>,
    context: &Context,
) -> Result<(), BytesError> {
    let missing = layers.into_iter().filter(|(layer, _)| !layer.blob.is_present());
    let provide = async |(layer, origin): (&Layer, &Origin)| match origin {
        Origin::Registry(repository) => Ok(fetch([(layer, repository)], context).await?),
        Origin::Files(recipe) => rebuild(recipe, layer, context).await,
        Origin::Cache(repository, recipe) => match fetch([(layer, repository)], context).await {
            Ok(()) => Ok(()),
            Err(error) => {
                let (image, why, help) = (repository.to_string(), with_causes(&error), error.help());
                context.reporter.report(Event::CacheFailed { image, why, help });
                rebuild(recipe, layer, context).await.map_err(|error| error.of_cache(repository))
            }
        },
    };
    try_join_all(missing.map(provide)).await.map(drop)
}

/// Makes a layer again from its files.
async fn rebuild(recipe: &Arc<Recipe>, layer: &Layer, context: &Context) -> Result<(), BytesError> {
    let (recipe, layer, store) = (Arc::clone(recipe), layer.clone(), context.store.clone());
    let made = blocking(move || recipe.rebuild(&layer, &store)).await?;
    context.reporter.report(Event::Layer(made));
    Ok(())
}

/// As [`provide`], for layers that all come from repositories.
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
