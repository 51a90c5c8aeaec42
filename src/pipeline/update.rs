//! Renews the pins of a project's bases and layers.

use std::collections::BTreeSet;

use super::context::{Context, blocking};
use super::error::PipelineError;
use super::{base, layer_version, packages, remote_image};
use crate::failure::{Failure as _, FailureKind};
use crate::lock::PinChange;
use crate::project::{
    Architecture, Function, ImageLocation, ImageReference, LayerSource, LayerVersionArn, Project,
};

/// Something that a function uses and that is pinned.
enum Pinnable {
    Image(ImageReference, Architecture),
    LayerVersion(LayerVersionArn),
}

/// Resolves bases and layers again and pins them to the result: those with the given names, or all if there are none.
/// A name is that of a base or layer in the definition, or the reference or ARN that it stands for. An image is
/// pinned again for all architectures that it was pinned for. Returns the pins that changed.
///
/// # Errors
/// When a name stands for nothing that is pinned, or something cannot be resolved. Then nothing is written.
pub(crate) async fn update(
    project: &Project,
    names: &[String],
    context: &Context,
) -> Result<Vec<PinChange>, PipelineError> {
    let all: Vec<([String; 2], Pinnable)> = project.functions.iter().flat_map(uses).collect();
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|(own, _)| !own.contains(*name))) {
        let known: BTreeSet<String> = all.into_iter().flat_map(|(own, _)| own).collect();
        return Err(PipelineError::NothingToPin {
            name: unknown.clone(),
            known: known.into_iter().collect(),
        });
    }
    let (mut images, mut layers) = (BTreeSet::new(), BTreeSet::new());
    let (mut to_resolve, mut to_fetch) = (BTreeSet::new(), BTreeSet::new());
    for (own, pinnable) in &all {
        let is_wanted = names.is_empty() || own.iter().any(|own| names.contains(own));
        match pinnable {
            Pinnable::Image(reference, architecture) => {
                images.insert(reference.clone());
                if is_wanted {
                    to_resolve.insert((reference, *architecture));
                }
            }
            Pinnable::LayerVersion(arn) => {
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
    let lists = packages::update(&project.functions, names, context).await?;
    if names.is_empty() {
        context.pins.retain(&images, &layers);
        context.pins.retain_packages(&lists);
    }
    let pins = context.pins.clone();
    blocking(move || pins.write().map(|()| pins.changes())).await
}

/// Pins an image again for the other architectures that it was pinned for: functions were built for them with
/// `--arch`. If the image no longer exists for one, that pin is removed.
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

/// The images and layer versions that a function uses, each with its names.
fn uses(function: &Function) -> Vec<([String; 2], Pinnable)> {
    let mut uses = Vec::new();
    let image = |name: &str, reference: &ImageReference| {
        let names = [name.to_owned(), reference.to_string()];
        (names, Pinnable::Image(reference.clone(), function.architecture))
    };
    if let Ok(ImageLocation::Registry(reference)) = base::location(function) {
        uses.push(image(&function.base.name, &reference));
    }
    for layer in &function.layers {
        match &layer.source {
            LayerSource::Files(_) | LayerSource::Packages(_) | LayerSource::Built(_) => {}
            LayerSource::Image(files) => uses.push(image(&layer.name, &files.reference)),
            LayerSource::Version(version) => {
                let arn = version.arn.clone();
                uses.push(([layer.name.clone(), arn.to_string()], Pinnable::LayerVersion(arn)));
            }
        }
    }
    uses
}
