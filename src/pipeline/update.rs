//! Pins anew what a project's names stand for.

use std::collections::BTreeSet;

use super::{Context, PipelineError, base, layer_version, pins};
use crate::lock::Change;
use crate::project::{
    Architecture, Function, ImageFiles, ImageLocation, ImageReference, LayerSource, LayerVersionArn, Project,
    VersionSource,
};

/// What a project uses that can be pinned.
#[derive(Default)]
struct Used {
    images: BTreeSet<ImageReference>,
    layers: BTreeSet<LayerVersionArn>,
    /// What has been resolved.
    done: BTreeSet<(ImageReference, Architecture)>,
}

/// Pins what the bases and layers of these names stand for now, all without names. Names are those of the definition, or
/// what it has under them. The result is what moved.
///
/// # Errors
/// When a name is none, or something cannot be resolved; then nothing is written.
pub async fn update(
    project: &Project,
    names: &[String],
    context: &Context,
) -> Result<Vec<Change>, PipelineError> {
    let before = context.lock().clone();
    let mut used = Used::default();
    let mut known = BTreeSet::new();
    for function in &project.functions {
        used.renew(function, names, &mut known, context).await?;
    }
    if let Some(unknown) = names.iter().find(|name| !known.contains(*name)) {
        let known = known.into_iter().collect();
        return Err(PipelineError::NothingToPin { name: unknown.clone(), known });
    }
    context.lock().retain(&used.images, &used.layers);
    pins::write(context).await?;
    let changes = context.lock().changes(&before);
    Ok(changes)
}

impl Used {
    /// Resolves what a function uses, as far as it is named.
    async fn renew(
        &mut self,
        function: &Function,
        names: &[String],
        known: &mut BTreeSet<String>,
        context: &Context,
    ) -> Result<(), PipelineError> {
        let mut is_named = |own: [String; 2]| {
            let is_wanted = names.is_empty() || own.iter().any(|own| names.contains(own));
            known.extend(own);
            is_wanted
        };
        if let Ok(ImageLocation::Registry(reference)) = base::location(function) {
            if is_named([function.base.name.clone(), reference.to_string()]) {
                self.renew_image(&reference, function.architecture, context).await?;
            }
            self.images.insert(reference);
        }
        for layer in &function.layers {
            match &layer.source {
                LayerSource::Files(_) => {}
                LayerSource::Image(ImageFiles { reference, .. }) => {
                    if is_named([layer.name.clone(), reference.to_string()]) {
                        self.renew_image(reference, function.architecture, context).await?;
                    }
                    self.images.insert(reference.clone());
                }
                LayerSource::Version(VersionSource { arn, .. }) => {
                    if is_named([layer.name.clone(), arn.to_string()]) && !self.layers.contains(arn) {
                        layer_version::fetch(arn, context).await?;
                    }
                    self.layers.insert(arn.clone());
                }
            }
        }
        Ok(())
    }

    async fn renew_image(
        &mut self,
        reference: &ImageReference,
        architecture: Architecture,
        context: &Context,
    ) -> Result<(), PipelineError> {
        if self.done.insert((reference.clone(), architecture)) {
            let failed = |source| PipelineError::Base { base: reference.to_string(), source };
            pins::manifest(reference, architecture, context).await.map_err(failed)?;
        }
        Ok(())
    }
}
