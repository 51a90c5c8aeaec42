//! Finds what is in an image, wherever it is, or in that of a function.

use super::build::Options;
use super::context::{Context, blocking};
use super::error::{BaseError, PipelineError};
use super::local_image::{self, Parts};
use crate::inspect::{self, Inspection, View};
use crate::project::{Architecture, Function, ImageLocation};

/// Whose image is inspected.
#[derive(Debug)]
pub(crate) enum Subject<'a> {
    /// That of a function, which is built for it, with these options.
    Function(&'a Function, Options),
    /// The one at a location, for this architecture, or for the first one that there is.
    Image(&'a ImageLocation, Option<Architecture>),
}

/// Finds what a view shows of an image. Its layers are fetched if they are needed.
///
/// # Errors
/// When the image cannot be built or read.
pub(crate) async fn inspect(
    subject: Subject<'_>,
    view: View,
    context: &Context,
) -> Result<Inspection, PipelineError> {
    let parts = if view.needs_layers() { Parts::All } else { Parts::Config };
    let (name, image) = match subject {
        Subject::Function(function, options) => {
            let (built, image) = local_image::build_one(function, parts, &options, context).await?;
            (built.name, image)
        }
        Subject::Image(location, architecture) => {
            (location.to_string(), local_image::read_any(location, architecture, parts, context).await?)
        }
    };
    let inspected = blocking(move || Ok::<_, BaseError>(inspect::inspect(&image, &view)?)).await;
    inspected.map_err(|source| PipelineError::ReadImage { image: name, source })
}
