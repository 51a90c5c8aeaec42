//! Runs the stages from definition to destination: reads bases, loads and places trees, makes layers, assembles
//! images, and delivers or pushes them.
//!
//! This is the only room that joins async and blocking work: everything that reads files or compresses runs on blocking
//! threads; registries and Docker are used from the async runtime. It makes no decision that a room below can make.

mod base;
mod base_packages;
mod base_programs;
mod base_python;
mod build;
mod builds;
mod built;
mod bytecode;
mod check;
mod compare;
mod context;
mod deliver;
mod dockerfile;
mod error;
mod finished_layers;
mod fix;
mod inspect;
mod judge;
mod layer_bytes;
mod layer_version;
mod load_trees;
mod local_image;
mod make_layers;
mod packages;
mod pins;
mod plan_images;
mod push;
mod remote_cache;
mod remote_image;
mod remote_layers;
mod report;
mod snapshot;
mod source_trees;
mod stale_bytecode;
mod survey;
mod update;

use futures_util::TryFutureExt as _;
use tokio::sync::{mpsc, oneshot};

pub(crate) use base_programs::BasePrograms;
pub(crate) use build::Options;
pub(crate) use built::Built;
pub(crate) use check::{check_functions, check_image};
pub(crate) use compare::{compare, compare_function};
pub(crate) use context::Context;
pub(crate) use deliver::{Delivered, Destination, docker_name};
pub(crate) use dockerfile::{WrittenContext, dockerfile};
pub(crate) use error::{PipelineError, PushError};
pub(crate) use fix::{FixedImage, fix};
pub(crate) use inspect::{Subject, inspect};
pub(crate) use judge::{Judgement, judge};
pub(crate) use pins::{Pinning, Pins};
pub(crate) use push::{BlobTotal, Evidence, LayerStep, PlannedLayer, PushChange, PushPlan, Pushed, Target};
pub(crate) use report::{report_functions, report_image};
pub(crate) use snapshot::snapshot;
pub(crate) use update::update;

use crate::engine::{Engine, LoadedImage};
use crate::project::{Function, Project, Repository};
use build::build;
use built::Images;
use layer_bytes::LayerForm;
use push::blob_pusher::BlobPusher;

/// Builds the images of some functions and delivers them to all destinations. If all of these are Docker Engines, the
/// images have no manifests.
///
/// # Errors
/// When an image cannot be built, or a destination fails. Layers that were finished stay in the store.
pub(crate) async fn build_and_deliver(
    project: &Project,
    functions: &[&Function],
    destinations: &[Destination],
    options: &Options,
    context: &Context,
) -> Result<Vec<(Built, Vec<Delivered>)>, PipelineError> {
    deliver::check(destinations, context).await?;
    let form = if deliver::are_engines(destinations) { LayerForm::Tars } else { LayerForm::Blobs };
    let built = build(functions, form, options, None, context).await?;
    let images = Images::of(&built);
    let unique = images.unique(&built);
    let delivered = deliver::deliver(project, &unique, destinations, context).await?;
    let delivered = images.for_each(&delivered);
    Ok(built.into_iter().zip(delivered).collect())
}

/// Builds the images of some functions and pushes them to registries, one target for each function. Finished layers are
/// pushed while others are still being made. `prepare` is called for each repository before anything is sent to it.
///
/// # Errors
/// When an image cannot be built, or a registry fails.
pub(crate) async fn build_and_push(
    functions: &[&Function],
    targets: &[Target],
    options: &Options,
    prepare: impl AsyncFn(&Repository) -> Result<(), PushError>,
    context: &Context,
) -> Result<Vec<(Built, Pushed)>, PipelineError> {
    let pusher = BlobPusher::new(prepare, context).keeping_base_layers(options.store_base);
    let (sender, announced) = mpsc::unbounded_channel();
    let (all_known, are_all_known) = oneshot::channel();
    // On the heap, because the future would be large.
    let work = Box::pin(async {
        let built = build(functions, LayerForm::Blobs, options, Some(sender), context).await?;
        let images = Images::of(&built);
        let (unique, targets) = (images.unique(&built), images.unique(targets));
        // Uploads that have begun are not to begin again. If the sender is gone, so is this build.
        drop(are_all_known.await);
        let results = push::push(&unique, &targets, &pusher).await.map_err(PipelineError::Push)?;
        Ok(built.into_iter().zip(images.for_each(&results)).collect())
    });
    let early = async {
        pusher.connect(targets).await?;
        push::while_building::push_while_building(announced, all_known, targets, &pusher).await
    };
    // The first failure ends both: uploads are abandoned, and no further layer is started.
    tokio::try_join!(work, early.map_err(PipelineError::Push)).map(|(pushed, ())| pushed)
}

/// Finds out what [`build_and_push`] would do. Nothing is made or sent. The names of the functions are in the results.
///
/// # Errors
/// When an image cannot be planned as defined, or a registry cannot be asked.
pub(crate) async fn plan_push(
    functions: &[&Function],
    targets: &[Target],
    evidence: &Evidence,
    options: &Options,
    context: &Context,
) -> Result<Vec<(String, PushPlan)>, PipelineError> {
    let surveyed = survey::survey(functions, options, context).await?;
    let images = Images::of_names(surveyed.iter().map(|surveyed| surveyed.image_name.as_str()));
    let (unique, targets) = (images.unique(&Vec::from_iter(&surveyed)), images.unique(targets));
    let evidence = match evidence {
        Evidence::Registry => Evidence::Registry,
        Evidence::LastPush(last) => Evidence::LastPush(images.unique(last)),
    };
    let plans = push::plan(&unique, &targets, &evidence, context).await.map_err(PipelineError::PlanPush)?;
    let names = functions.iter().map(|function| function.name.clone());
    Ok(names.zip(images.for_each(&plans)).collect())
}

/// Builds the images of some functions for a Docker Engine alone: no layer is compressed.
///
/// # Errors
/// When an image cannot be built.
pub(crate) async fn build_for_engine(
    functions: &[&Function],
    options: &Options,
    context: &Context,
) -> Result<Vec<Built>, PipelineError> {
    build(functions, LayerForm::Tars, options, None, context).await
}

/// Loads a built image into a Docker Engine under a name.
///
/// # Errors
/// When layers of its base cannot be fetched, or the engine fails.
pub(crate) async fn load(
    engine: &Engine,
    built: &Built,
    name: &str,
    context: &Context,
) -> Result<LoadedImage, PipelineError> {
    let failed = |source| PipelineError::Deliver { destination: format!("docker-daemon:{name}"), source };
    deliver::load(engine, built, name, context).await.map_err(failed)
}
