//! What images consist of, as far as that is known without making a layer.
//!
//! Nothing is compressed, and nothing is written but records of the store.

use super::build::{self, KeyedPlans, Options};
use super::built::Built;
use super::context::Context;
use super::error::PipelineError;
use super::layer_bytes::{LayerForm, Origin};
use super::make_layers;
use super::plan_images::Planned;
use super::remote_cache::RemoteCache;
use crate::image::Layer;
use crate::project::Function;
use crate::store::Digest;

/// The image of a function, as far as it is known.
#[derive(Debug)]
pub(super) struct Surveyed {
    /// The image's name, which functions that share it have in common.
    pub(super) image_name: String,
    /// The image, if all its layers exist.
    pub(super) built: Option<Built>,
    /// The layers, the lowest first, with those of the base.
    pub(super) layers: Vec<SurveyedLayer>,
}

/// A layer of an image.
#[derive(Debug)]
pub(super) struct SurveyedLayer {
    /// What it contains.
    pub(super) name: String,
    /// The blob, and where its bytes come from; none if it is still to be made.
    pub(super) blob: Option<(Layer, Option<Origin>)>,
    /// The size of its files in bytes, which are not compressed; 0 for a layer of the base.
    pub(super) files: u64,
}

/// Finds out what the images of some functions consist of.
///
/// # Errors
/// When an image cannot be planned as defined, or a base cannot be read.
pub(super) async fn survey(
    functions: &[&Function],
    options: &Options,
    context: &Context,
) -> Result<Vec<Surveyed>, PipelineError> {
    let (own, mtime) = (options.clone(), options.time.seconds());
    let work = {
        let context = context.clone();
        move |plans: &KeyedPlans<'_>, cache: &RemoteCache| survey_plans(plans, cache, &own, &context)
    };
    let inputs = build::load_inputs(functions, context).await?;
    build::with_plans(inputs, &options.cache_from, mtime, context, work).await
}

fn survey_plans(
    KeyedPlans { planned, keys, reusable }: &KeyedPlans<'_>,
    cache: &RemoteCache,
    options: &Options,
    context: &Context,
) -> Result<Vec<Surveyed>, PipelineError> {
    let existing = make_layers::existing(planned, keys, reusable, options.time.seconds(), cache, context)?;
    let survey = |(planned, keys): (&Planned<'_>, &Vec<Digest>)| {
        let is_known = keys.iter().all(|key| existing.contains_key(key));
        let join = || build::join(planned, keys, &existing, LayerForm::Blobs, options);
        let built = is_known.then(join).transpose()?;
        let base = planned.base.image.layers().iter().zip(1..).map(|(layer, number)| SurveyedLayer {
            name: format!("base layer {number}"),
            blob: Some((layer.clone(), planned.base.origin.clone().map(Origin::Registry))),
            files: 0,
        });
        let added = planned.plan.layers.iter().zip(keys).map(|(plan, key)| {
            let made = existing.get(key);
            let blob = made.and_then(|made| Some((made.layer.blob()?.clone(), Some(made.origin.clone()))));
            SurveyedLayer { name: plan.name.clone(), blob, files: plan.size }
        });
        let image_name = planned.function.image.name.clone();
        Ok(Surveyed { image_name, built, layers: base.chain(added).collect() })
    };
    planned.iter().zip(keys).map(survey).collect()
}
