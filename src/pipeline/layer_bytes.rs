//! The bytes of layers: made of files, or, when something needs bytes that the store lacks, fetched from a registry or
//! made again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use super::context::{Context, blocking};
use super::error::BytesError;
use crate::event::{Activity, Event, LayerEvent, Progress, Provenance};
use crate::failure::Failure as _;
use crate::image::{ImageLayer, Layer};
use crate::layer::{self, LayerError, OnProgress, Recipe, TarLayer};
use crate::project::Repository;
use crate::registry::RegistryError;
use crate::store::{Growth, Store};
use crate::text::with_causes;

/// How long making a layer may take before its progress is reported.
const PROGRESS_DELAY: Duration = Duration::from_millis(500);

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

/// Begins to report how much of a layer has been packed.
fn packing(recipe: &Recipe, context: &Context) -> Progress {
    let activity = Activity::Pack { layer: recipe.name.clone() };
    Progress::begin_after(PROGRESS_DELAY, Arc::clone(&context.reporter), activity, recipe.tree.size())
}

/// Finds a layer in the store.
pub(super) fn find(recipe: &Arc<Recipe>, form: LayerForm, store: &Store) -> Option<ImageLayer> {
    match form {
        LayerForm::Blobs => layer::find(&recipe.key, store).map(ImageLayer::from),
        LayerForm::Tars => TarLayer::find(recipe, store).map(ImageLayer::Tar).or_else(|| {
            // A blob in the store can be sent too, and none of the files has to be read for it.
            layer::find(&recipe.key, store).filter(|layer| layer.blob.is_present()).map(ImageLayer::from)
        }),
    }
}

/// Makes a layer. What there is of its blob is shown in `growth`.
pub(super) fn make(
    recipe: &Arc<Recipe>,
    form: LayerForm,
    growth: Option<Arc<Growth>>,
    context: &Context,
) -> Result<ImageLayer, LayerError> {
    // Its total is the size of all files.
    let progress = packing(recipe, context);
    let progress: OnProgress<'_> = &|bytes| progress.at(bytes);
    match form {
        LayerForm::Blobs => layer::build(recipe, &context.store, growth, progress).map(ImageLayer::from),
        LayerForm::Tars => TarLayer::read(recipe, &context.store, progress).map(ImageLayer::Tar),
    }
}

/// A layer as a plain tar. Its files are read unless the store has recorded the tar.
pub(super) fn tar(recipe: &Arc<Recipe>, context: &Context) -> Result<TarLayer, LayerError> {
    if let Some(known) = TarLayer::find(recipe, &context.store) {
        return Ok(known);
    }
    let progress = packing(recipe, context);
    TarLayer::read(recipe, &context.store, &|bytes| progress.at(bytes))
}

/// Reads all files of a recorded layer, and forgets it if they give another one now, although their sizes and times are
/// the same. Returns whether it did.
pub(super) fn forget_stale(recipe: &Recipe, context: &Context) -> Result<bool, LayerError> {
    let progress = packing(recipe, context);
    layer::forget_stale(recipe, &context.store, &|bytes| progress.at(bytes))
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

/// Makes the blob of a layer again that the store has recorded but no longer contains.
async fn rebuild(recipe: &Arc<Recipe>, layer: &Layer, context: &Context) -> Result<(), BytesError> {
    let (recipe, layer, context) = (Arc::clone(recipe), layer.clone(), context.clone());
    let rebuild = move || {
        let (start, progress) = (Instant::now(), packing(&recipe, &context));
        layer::rebuild(&recipe, &layer.digest, &context.store, &|bytes| progress.at(bytes))
            .map_err(|source| BytesError::Layer { name: recipe.name.clone(), source })?;
        drop(progress);
        context.reporter.report(Event::Layer(LayerEvent {
            name: recipe.name.clone(),
            digest: Some(layer.digest.to_string()),
            files: recipe.tree.files(),
            size: layer.size,
            provenance: Provenance::Built,
            took: start.elapsed(),
        }));
        Ok(())
    };
    blocking(rebuild).await
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
