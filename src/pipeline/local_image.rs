//! Images whose layers are on this machine: read from any location, or built.

use super::base;
use super::build::{Options, build};
use super::built::Built;
use super::context::Context;
use super::error::{BaseError, PipelineError};
use super::layer_bytes::{self, LayerForm};
use crate::image::{BaseImage, ImageLayer};
use crate::project::{Architecture, Function, ImageLocation};

/// Whether the layers of an image are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parts {
    /// Only its manifest and config are.
    Config,
    /// All of it is.
    All,
}

/// Reads an image. Its layers are fetched if they are needed and in a registry.
///
/// # Errors
/// When it cannot be read.
pub(super) async fn read(
    location: &ImageLocation,
    architecture: Architecture,
    parts: Parts,
    context: &Context,
) -> Result<BaseImage, PipelineError> {
    let read = async {
        let (image, origin) = base::read(location, architecture, context).await?;
        if let Some(origin) = origin.filter(|_| parts == Parts::All) {
            layer_bytes::fetch(image.layers().iter().map(|layer| (layer, &origin)), context).await?;
        }
        Ok(image)
    };
    read.await.map_err(|source| PipelineError::ReadImage { image: location.to_string(), source })
}

/// As [`read`], of the first architecture that there is unless one is given.
///
/// # Errors
/// When it cannot be read.
pub(super) async fn read_any(
    location: &ImageLocation,
    architecture: Option<Architecture>,
    parts: Parts,
    context: &Context,
) -> Result<BaseImage, PipelineError> {
    let read = |architecture| read(location, architecture, parts, context);
    let Some(architecture) = architecture else {
        return match read(Architecture::X86_64).await {
            Err(error) if error.is_other_platform() => read(Architecture::Arm64).await.map_err(|_| error),
            result => result,
        };
    };
    read(architecture).await
}

/// Builds the images of functions in the store. Their layers are made or fetched if they are needed.
///
/// # Errors
/// When one cannot be built.
pub(super) async fn build_all(
    functions: &[&Function],
    parts: Parts,
    options: &Options,
    context: &Context,
) -> Result<Vec<(Built, BaseImage)>, PipelineError> {
    let built = Box::pin(build(functions, LayerForm::Blobs, options, None, context)).await?;
    let mut images = Vec::new();
    for built in built {
        let image = async {
            let image = &built.image;
            if parts == Parts::All {
                built.provide(image.unique_blobs(), context).await?;
            }
            let layers = image.layers().iter().filter_map(ImageLayer::blob).cloned().collect();
            let manifest = &image.manifest()?.bytes;
            Ok::<_, BaseError>(BaseImage::new(manifest, image.config(), layers, image.architecture())?)
        };
        let failed = |source| PipelineError::ReadImage { image: built.name.clone(), source };
        let image = image.await.map_err(failed)?;
        images.push((built, image));
    }
    Ok(images)
}

/// As [`build_all`], of one function.
///
/// # Errors
/// When it cannot be built.
pub(super) async fn build_one(
    function: &Function,
    parts: Parts,
    options: &Options,
    context: &Context,
) -> Result<(Built, BaseImage), PipelineError> {
    let built = build_all(&[function], parts, options, context).await?;
    let lost = || PipelineError::Lost { name: format!("image of {}", function.name) };
    built.into_iter().next().ok_or_else(lost)
}
