//! Gathers what the report shows of images: what is in them, how they start, and what is wrong with them.

use super::base;
use super::build::Options;
use super::check::{check_each, check_image};
use super::context::{Context, blocking};
use super::error::{BaseError, PipelineError};
use super::local_image::{self, Parts};
use crate::finding::Finding;
use crate::image::BaseImage;
use crate::inspect::WholeImage;
use crate::project::{Architecture, Function, ImageLocation, RunConfig};
use crate::report::{ImageIdentity, ImageReport};
use crate::runtime::Date;

/// An image, and what is wrong with it or worth knowing about it.
pub(crate) type Reported = (ImageReport, Vec<Finding>);

/// Builds the images of functions and reports them. What Lambda would reject is not an error here: the report shows it.
///
/// # Errors
/// When an image cannot be built or read.
pub(crate) async fn report_functions(
    functions: &[&Function],
    options: &Options,
    context: &Context,
) -> Result<Vec<Reported>, PipelineError> {
    let options = Options { enforce_rules: false, ..options.clone() };
    let findings = check_each(functions, context).await?;
    let built = local_image::build_all(functions, Parts::All, &options, context).await?;
    let mut reported = Vec::new();
    for ((built, image), findings) in built.into_iter().zip(findings) {
        let base = Some(built.base.clone());
        reported.push((report(built.name, base, image, built.run, context).await?, findings));
    }
    Ok(reported)
}

/// Reports an image. Its layers are fetched if it is in a registry. Without an architecture, the image may have any. The day decides
/// which runtimes are deprecated.
///
/// # Errors
/// When the image cannot be read.
pub(crate) async fn report_image(
    location: &ImageLocation,
    architecture: Option<Architecture>,
    name: String,
    today: Date,
    context: &Context,
) -> Result<Reported, PipelineError> {
    let findings = check_image(location, architecture, today, context).await?;
    let image = local_image::read_any(location, architecture, Parts::All, context).await?;
    let run = image.run_config();
    Ok((report(name, None, image, run, context).await?, findings))
}

async fn report(
    name: String,
    base: Option<String>,
    image: BaseImage,
    run: RunConfig,
    context: &Context,
) -> Result<ImageReport, PipelineError> {
    let identity = ImageIdentity {
        name: name.clone(),
        base,
        digest: image.digest().cloned(),
        config_digest: image.config_digest().clone(),
        architecture: image.architecture(),
    };
    let store = context.store.clone();
    let read = blocking(move || {
        let files = base::contents(&image, &store)?;
        let whole = WholeImage::read(&image, &files)?;
        Ok::<_, BaseError>(ImageReport::new(identity, whole, &run, &files))
    });
    read.await.map_err(|source| PipelineError::ReadImage { image: name, source })
}
