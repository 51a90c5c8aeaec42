//! Writes a Dockerfile that makes the image of a function, and its context.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::base;
use super::build::Options;
use super::context::{Context, blocking};
use super::error::PipelineError;
use super::local_image::{self, Parts};
use crate::dockerfile::{self, ContextLayer, Dockerfile, From};
use crate::image::BaseImage;
use crate::project::{Function, ImageLocation};

/// A context that was written.
#[derive(Debug)]
pub(crate) struct WrittenContext {
    /// Whether the base is an argument of the Dockerfile.
    pub needs_base: bool,
    /// The base as the definition names it.
    pub base: String,
    /// What each layer contains, and its folder in the context.
    pub layers: Vec<(String, String)>,
}

/// Sets a flag when the command ends, also when it is interrupted.
struct StopAtTheEnd(Arc<AtomicBool>);

impl Drop for StopAtTheEnd {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Builds the image of a function in the store, and writes the Dockerfile that makes the same one into a folder, which must be
/// empty or new.
///
/// # Errors
/// When the image cannot be built, or the folder cannot be written.
pub(crate) async fn dockerfile(
    function: &Function,
    folder: PathBuf,
    options: &Options,
    context: &Context,
) -> Result<WrittenContext, PipelineError> {
    let (built, image) = local_image::build_one(function, Parts::All, options, context).await?;
    let location = base::location(function).map_err(|finding| PipelineError::Findings(vec![finding]))?;
    let failed = |source| PipelineError::Base { base: location.to_string(), source };
    // As the build read it: its tag is pinned now.
    let (base, _) = base::read(&location, function.architecture, context).await.map_err(failed)?;
    let from = from(&location, &base);
    let names = built.layers.iter().map(|layer| layer.name.clone());
    let added = image.layers().iter().skip(base.layers().len()).cloned();
    let layers = ContextLayer::all(names.zip(added));
    let failed = |source| PipelineError::Dockerfile { function: function.name.clone(), source };
    let dockerfile = Dockerfile::new(&function.name, &from, &layers, &base, &image).map_err(failed)?;
    let written = WrittenContext {
        needs_base: matches!(from, From::Location(..)),
        base: built.base,
        layers: layers.iter().map(|layer| (layer.name.clone(), layer.folder.clone())).collect(),
    };
    let stop = StopAtTheEnd(Arc::default());
    let (stopped, name) = (Arc::clone(&stop.0), function.name.clone());
    blocking(move || {
        dockerfile::write(&folder, &layers, &dockerfile, &stopped)
            .map_err(|source| PipelineError::Dockerfile { function: name, source })
    })
    .await?;
    Ok(written)
}

/// How a Dockerfile names a base.
fn from(location: &ImageLocation, base: &BaseImage) -> From {
    match (location, base.digest()) {
        (ImageLocation::Scratch, _) => From::Reference("scratch".to_owned()),
        (ImageLocation::Registry(reference), Some(digest)) => {
            From::Reference(format!("{}@{digest}", reference.repository()))
        }
        (_, digest) => From::Location(location.to_string(), digest.map(ToString::to_string)),
    }
}
