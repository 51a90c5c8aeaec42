//! Compares two images, wherever they are.

use super::base;
use super::context::{Context, blocking};
use super::error::{BaseError, PipelineError};
use super::layer_bytes;
use crate::compare::{self, Comparison};
use crate::image::BaseImage;
use crate::project::{Architecture, ImageLocation};

/// Finds what differs between two images. Their layers are fetched if they are in registries.
///
/// # Errors
/// When an image cannot be read.
pub(crate) async fn compare(
    [before, after]: [&ImageLocation; 2],
    architecture: Architecture,
    context: &Context,
) -> Result<Comparison, PipelineError> {
    let read = async |location: &ImageLocation| {
        let failed = |source| PipelineError::Compare { image: location.to_string(), source };
        read(location, architecture, context).await.map_err(failed)
    };
    let (one, other) = tokio::try_join!(read(before), read(after))?;
    let compared = blocking(move || Ok::<_, BaseError>(compare::compare(&one, &other)?)).await;
    compared.map_err(|source| PipelineError::Compare { image: format!("{before}` or `{after}"), source })
}

/// An image with all of its layers on this machine.
async fn read(
    location: &ImageLocation,
    architecture: Architecture,
    context: &Context,
) -> Result<BaseImage, BaseError> {
    let (image, origin) = base::read(location, architecture, context).await?;
    if let Some(origin) = origin {
        layer_bytes::fetch(image.layers().iter().map(|layer| (layer, &origin)), context).await?;
    }
    Ok(image)
}
