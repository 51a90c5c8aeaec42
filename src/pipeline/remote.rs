//! Layers that are not files of this machine: versions of layers of Lambda, and files of other images. They are brought
//! here, checked, before they become trees.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bytes::{self, RemoteImage};
use super::error::full_text;
use super::{BaseError, Context, PipelineError, blocking};
use crate::image::Layer as ImageLayer;
use crate::layer::{self, Extracted};
use crate::plan;
use crate::problem::{DocumentPath, Problem};
use crate::project::{
    Architecture, Function, ImageFiles, Layer, LayerSource, LayerVersionArn, Repository, Source, SourceKind,
};
use crate::tree::Tree;

/// A layer that was brought here.
#[derive(Clone)]
pub(super) enum Brought {
    /// A zip in the store.
    Zip(Source),
    /// Files of an image, and the layer there that already is these files and no others.
    Files { tree: Arc<Tree>, ready: Option<Ready> },
}

/// A layer of another image that can be used as it is.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) layer: ImageLayer,
    /// Where it lies.
    pub(super) origin: Repository,
}

/// What was brought, by source and architecture.
pub(super) type AllBrought = BTreeMap<(LayerSource, Architecture), Brought>;

/// Brings the layers of functions that lie elsewhere. Those with problems are not among them.
///
/// # Errors
/// When a layer cannot be had although the definition is right.
pub(super) async fn bring_all(
    functions: &[&Function],
    context: &Context,
) -> Result<(AllBrought, Vec<Problem>), PipelineError> {
    let (mut brought, mut problems) = (AllBrought::new(), Vec::new());
    let mut seen = std::collections::BTreeSet::new();
    for function in functions {
        for layer in &function.layers {
            let key = (layer.source.clone(), function.architecture);
            let found = match &layer.source {
                LayerSource::Files(_) => continue,
                _ if !seen.insert((layer.name.clone(), key.clone())) => continue,
                LayerSource::Version(arn) => version(layer, arn, context).await?,
                LayerSource::Image(files) => files_of(layer, files, function.architecture, context).await?,
            };
            match found {
                Ok(found) => drop(brought.insert(key, found)),
                Err(problem) => problems.push(problem),
            }
        }
    }
    Ok((brought, problems))
}

/// The files of an image.
async fn files_of(
    layer: &Layer,
    files: &ImageFiles,
    architecture: Architecture,
    context: &Context,
) -> Result<Result<Brought, Problem>, PipelineError> {
    match extract(files, architecture, context).await {
        Ok(brought) => Ok(Ok(brought)),
        Err(error) if error.is_definitions() => {
            let at = DocumentPath::keys(&["layers", &layer.name, "image"]);
            let message = format!("failed to take `{}` of `{}`: {}", files.path, files.reference, full_text(&error));
            Ok(Err(Problem { help: error.help(), ..Problem::new("unusable-source", at, message) }))
        }
        Err(source) => Err(PipelineError::Base { base: files.reference.to_string(), source }),
    }
}

async fn extract(
    files: &ImageFiles,
    architecture: Architecture,
    context: &Context,
) -> Result<Brought, BaseError> {
    let ImageFiles { reference, path, to } = files.clone();
    let origin = reference.repository().clone();
    let RemoteImage { layers, .. } = bytes::remote_image(&reference, architecture, context).await?;
    let known = {
        let (layers, path, to, store) = (layers.clone(), path.clone(), to.clone(), context.store.clone());
        blocking(move || Ok::<_, BaseError>(layer::extracted(&layers, &path, &to, &store)))
    };
    let extracted = match known.await? {
        Some(extracted) => extracted,
        None => {
            bytes::bring(layers.iter().map(|layer| (layer, &origin)), context).await?;
            let store = context.store.clone();
            blocking(move || Ok::<_, BaseError>(layer::extract(&layers, &path, &to, &store)?)).await?
        }
    };
    let Extracted { tree, ready } = extracted;
    let prepared = plan::image_tree(tree).map_err(BaseError::Tree)?;
    // A file that had to be made executable is not as it is in the image.
    let ready = ready.filter(|_| prepared.adjustments().is_empty()).map(|layer| Ready { layer, origin });
    Ok(Brought::Files { tree: Arc::new(prepared), ready })
}
