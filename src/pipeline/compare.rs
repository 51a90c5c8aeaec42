//! Compares images, wherever they are, and functions with the images that they were pushed as.

use std::path::PathBuf;

use super::build::Options;
use super::context::{Context, blocking};
use super::error::{BaseError, PipelineError};
use super::local_image::{self, Parts};
use super::pins::{Pinning, Pins};
use crate::compare::{self, Comparison};
use crate::image::BaseImage;
use crate::project::{Architecture, Function, ImageLocation};

/// Finds what differs between two images. Their layers are fetched if they are in registries.
///
/// # Errors
/// When an image cannot be read.
pub(crate) async fn compare(
    [before, after]: [&ImageLocation; 2],
    architecture: Architecture,
    context: &Context,
) -> Result<Comparison, PipelineError> {
    let read = |location| local_image::read(location, architecture, Parts::All, context);
    let (one, other) = tokio::try_join!(read(before), read(after))?;
    compare_both(one, other, format!("{before}` or `{after}")).await
}

/// Finds what differs between an image and the one that a function would have now, which is built in the store.
///
/// # Errors
/// When the image cannot be read, or the function's cannot be built.
pub(crate) async fn compare_function(
    function: &Function,
    before: &ImageLocation,
    options: &Options,
    context: &Context,
) -> Result<Comparison, PipelineError> {
    let (_, after) = local_image::build_one(function, Parts::All, options, context).await?;
    // The other image is none of the definition's: it is neither pinned nor has to be.
    let unpinned = Context { pins: Pins::read(PathBuf::new(), Pinning::Renew)?, ..context.clone() };
    let image = local_image::read_any(before, None, Parts::All, &unpinned).await?;
    compare_both(image, after, format!("{before}` or that of `{}", function.name)).await
}

/// Compares images whose layers are on this machine. `names` is for the error if one is damaged.
async fn compare_both(
    before: BaseImage,
    after: BaseImage,
    names: String,
) -> Result<Comparison, PipelineError> {
    let compared = blocking(move || Ok::<_, BaseError>(compare::compare(&before, &after)?)).await;
    compared.map_err(|source| PipelineError::ReadImage { image: names, source })
}
