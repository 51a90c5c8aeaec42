//! Updates the pins of a project: what its references to images and layer versions stand for now.

use std::collections::BTreeSet;

use super::{Context, PipelineError, base, blocking, layer_version, remote_image};
use crate::failure::{Failure as _, FailureKind};
use crate::lock::PinChange;
use crate::project::{
    Architecture, Function, ImageLocation, ImageReference, LayerSource, LayerVersionArn, Project,
};

/// Something that a function uses and that can be pinned.
enum Used {
    Image(ImageReference, Architecture),
    Layer(LayerVersionArn),
}

/// Pins what the bases and layers of these names stand for now, all without names. Names are those of the definition, or
/// what it has under them. An image that is also pinned for other architectures is updated for all of them. The result
/// is what changed.
///
/// # Errors
/// When a name is none, or something cannot be resolved; then nothing is written.
pub async fn update(
    project: &Project,
    names: &[String],
    context: &Context,
) -> Result<Vec<PinChange>, PipelineError> {
    let all: Vec<([String; 2], Used)> = project.functions.iter().flat_map(uses).collect();
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|(own, _)| !own.contains(*name))) {
        let known: BTreeSet<String> = all.into_iter().flat_map(|(own, _)| own).collect();
        return Err(PipelineError::NothingToPin {
            name: unknown.clone(),
            known: known.into_iter().collect(),
        });
    }
    let (mut images, mut layers) = (BTreeSet::new(), BTreeSet::new());
    let (mut to_resolve, mut to_fetch) = (BTreeSet::new(), BTreeSet::new());
    for (own, used) in &all {
        let is_wanted = names.is_empty() || own.iter().any(|own| names.contains(own));
        match used {
            Used::Image(reference, architecture) => {
                images.insert(reference.clone());
                if is_wanted {
                    to_resolve.insert((reference, *architecture));
                }
            }
            Used::Layer(arn) => {
                layers.insert(arn.clone());
                if is_wanted {
                    to_fetch.insert(arn);
                }
            }
        }
    }
    for (reference, architecture) in &to_resolve {
        let failed = |source| PipelineError::Base { base: reference.to_string(), source };
        remote_image::resolve(reference, *architecture, context).await.map_err(failed)?;
    }
    let wanted: BTreeSet<&ImageReference> = to_resolve.iter().map(|(reference, _)| *reference).collect();
    for reference in wanted {
        renew_others(reference, &to_resolve, context).await?;
    }
    for arn in to_fetch {
        layer_version::fetch(arn, context).await?;
    }
    if names.is_empty() {
        context.pins.retain(&images, &layers);
    }
    let pins = context.pins.clone();
    blocking(move || pins.write().map(|()| pins.changes())).await
}

/// Updates the pins of an image for architectures that no function in the definition has, but that it was built for. A
/// pin is removed if the image no longer exists for that architecture.
async fn renew_others(
    reference: &ImageReference,
    resolved: &BTreeSet<(&ImageReference, Architecture)>,
    context: &Context,
) -> Result<(), PipelineError> {
    for architecture in [Architecture::X86_64, Architecture::Arm64] {
        if !context.pins.contain_image(reference, architecture)
            || resolved.contains(&(reference, architecture))
        {
            continue;
        }
        match remote_image::resolve(reference, architecture, context).await {
            Ok(_) => {}
            Err(error) if error.kind() == FailureKind::User => {
                context.pins.unpin_image(reference, architecture);
            }
            Err(source) => return Err(PipelineError::Base { base: reference.to_string(), source }),
        }
    }
    Ok(())
}

/// What a function uses, each with the names that it has.
fn uses(function: &Function) -> Vec<([String; 2], Used)> {
    let mut uses = Vec::new();
    let image = |name: &str, reference: &ImageReference| {
        let names = [name.to_owned(), reference.to_string()];
        (names, Used::Image(reference.clone(), function.architecture))
    };
    if let Ok(ImageLocation::Registry(reference)) = base::location(function) {
        uses.push(image(&function.base.name, &reference));
    }
    for layer in &function.layers {
        match &layer.source {
            LayerSource::Files(_) => {}
            LayerSource::Image(files) => uses.push(image(&layer.name, &files.reference)),
            LayerSource::Version(version) => {
                let arn = version.arn.clone();
                uses.push(([layer.name.clone(), arn.to_string()], Used::Layer(arn)));
            }
        }
    }
    uses
}
