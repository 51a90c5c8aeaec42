//! Compares two images, wherever they are.

use super::context::{Context, blocking};
use super::error::{BaseError, PipelineError};
use super::local_image::{self, Parts};
use crate::compare::{self, Comparison};
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
    let read = |location| local_image::read(location, architecture, Parts::All, context);
    let (one, other) = tokio::try_join!(read(before), read(after))?;
    let compared = blocking(move || Ok::<_, BaseError>(compare::compare(&one, &other)?)).await;
    compared.map_err(|source| PipelineError::ReadImage { image: format!("{before}` or `{after}"), source })
}
