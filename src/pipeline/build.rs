//! Builds images: reads bases and remote layers, plans, makes layers, and assembles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;

use super::base;
use super::built::{Built, BuiltLayer};
use super::context::{Context, blocking};
use super::error::PipelineError;
use super::finished_layers::{Announcement, Announcer, MadeLayer};
use super::layer_bytes::{LayerForm, Origin};
use super::make_layers::{Keys, LayerMaker, MadeLayers};
use super::plan_images::{self, Inputs, Planned, Planning};
use super::remote_cache::RemoteCache;
use super::remote_layers::ReusableLayer;
use super::{builds, bytecode, packages, remote_layers, stale_bytecode};
use crate::build_time::BuildTime;
use crate::engine::emulator;
use crate::event::Event;
use crate::files::{FileIndex, IndexEntry};
use crate::image::{Image, Layer, NewLayer};
use crate::project::{Function, ReferenceTemplate, Repository, RunConfig};
use crate::store::Digest;

/// What a build does beyond what the definition says.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The time of every layer entry and of the image.
    pub time: BuildTime,
    /// Images in registries whose layers are used if the store does not have them.
    pub cache_from: Vec<ReferenceTemplate>,
    /// Labels that every image gets.
    pub labels: BTreeMap<String, String>,
    /// The size of its files, in bytes, from which a new layer is sent to a registry while it is made; none: never.
    pub send_early_from: Option<u64>,
    /// Whether what Lambda would reject is an error.
    pub enforce_rules: bool,
    /// Whether layers of a base that are sent while they are fetched stay in the store.
    pub store_base: bool,
}

impl Options {
    /// Those of a build that does nothing else.
    pub(crate) fn new(time: BuildTime) -> Self {
        Self {
            time,
            cache_from: Vec::new(),
            labels: BTreeMap::new(),
            send_early_from: None,
            store_base: true,
            enforce_rules: true,
        }
    }
}

/// The plans of images, with what identifies their layers.
pub(super) struct KeyedPlans<'a> {
    pub(super) planned: Vec<Planned<'a>>,
    /// The keys of the layers of each function.
    pub(super) keys: Vec<Vec<Digest>>,
    pub(super) reusable: &'a [ReusableLayer],
}

/// The result of one attempt to plan images.
enum Attempt<T> {
    Done(T),
    /// Planning needs all files of the bases of these functions, by position.
    NeedsFullIndexes(BTreeSet<usize>),
}

/// Builds the images of some functions in one form, and announces each layer as soon as it is finished. If the
/// receiver is closed, the build ends.
pub(super) async fn build(
    functions: &[&Function],
    form: LayerForm,
    options: &Options,
    sender: Option<UnboundedSender<Announcement>>,
    context: &Context,
) -> Result<Vec<Built>, PipelineError> {
    let inputs = load_inputs(functions, context).await?;
    let inputs = Inputs { enforce_rules: options.enforce_rules, ..inputs };
    let cache_from = match form {
        LayerForm::Blobs => &options.cache_from[..],
        LayerForm::Tars => &[],
    };
    let mtime = options.time.seconds();
    let (options, own) = (options.clone(), context.clone());
    let make = move |keyed: &KeyedPlans<'_>, cache: &RemoteCache| {
        make_images(keyed, cache, form, &options, sender.as_ref(), &own)
    };
    let built = with_plans(inputs, cache_from, mtime, context, make).await?;
    let pins = context.pins.clone();
    blocking(move || pins.write()).await?;
    context.report_damaged(context.store.removed_blobs());
    Ok(built)
}

/// Plans the images of some functions, and does something with the plans. `mtime` is the time of every layer entry.
pub(super) async fn with_plans<T: Send + 'static>(
    inputs: Inputs,
    cache_from: &[ReferenceTemplate],
    mtime: u64,
    context: &Context,
    work: impl Fn(&KeyedPlans<'_>, &RemoteCache) -> Result<T, PipelineError> + Send + Sync + 'static,
) -> Result<T, PipelineError> {
    let functions: Vec<&Function> = inputs.functions.iter().collect();
    let cache = Arc::new(RemoteCache::read(&functions, cache_from, context).await);
    let mut inputs = inputs;
    let work = Arc::new(work);
    loop {
        let attempt = {
            let (work, cache, context) = (Arc::clone(&work), Arc::clone(&cache), context.clone());
            move || {
                let attempt = match plan_layers(&inputs, mtime, &context)? {
                    Attempt::Done(keyed) => Attempt::Done(work(&keyed, &cache)?),
                    Attempt::NeedsFullIndexes(positions) => Attempt::NeedsFullIndexes(positions),
                };
                Ok::<_, PipelineError>((inputs, attempt))
            }
        };
        let done;
        (inputs, done) = blocking(attempt).await?;
        match done {
            Attempt::Done(result) => return Ok(result),
            // A base with a full index needs none again, so this ends.
            Attempt::NeedsFullIndexes(positions) => {
                base::index_fully(&mut inputs.bases, &positions, context).await?;
            }
        }
    }
}

/// Reads what images are planned from: bases, layers in AWS, packages, and what programs of the project make.
///
/// # Errors
/// When something cannot be read for a reason outside the definition.
pub(super) async fn load_inputs(functions: &[&Function], context: &Context) -> Result<Inputs, PipelineError> {
    let (mut bases, mut findings) = base::load_all(functions, context).await?;
    let (remote_layers, further) = remote_layers::load_all(functions, context).await?;
    findings.extend(further);
    let positions = packages::needing_full_indexes(functions, &bases);
    base::index_fully(&mut bases, &positions, context).await?;
    let (packages, further) = packages::load_all(functions, &bases, context).await?;
    findings.extend(further);
    let (builds, further) = builds::load_all(functions, context).await?;
    findings.extend(further);
    let functions = functions.iter().map(|function| (*function).clone()).collect();
    Ok(Inputs { functions, bases, remote_layers, packages, builds, findings, enforce_rules: true })
}

/// Plans the images, and reports what that finds.
fn plan_layers<'a>(
    inputs: &'a Inputs,
    mtime: u64,
    context: &Context,
) -> Result<Attempt<KeyedPlans<'a>>, PipelineError> {
    let mut planned = match plan_images::plan_all(inputs)? {
        Planning::Done { planned, warnings, left_out } => {
            plan_images::report(&planned, warnings, left_out, context);
            planned
        }
        Planning::NeedsFullIndexes(positions) => return Ok(Attempt::NeedsFullIndexes(positions)),
    };
    for warning in bytecode::add(&mut planned, mtime, context)? {
        context.reporter.report(Event::Finding(warning));
    }
    let reusable = &inputs.remote_layers.reusable;
    let keys = keys(&planned, reusable, mtime);
    for warning in stale_bytecode::findings(&planned, &keys, mtime, context)? {
        context.reporter.report(Event::Finding(warning));
    }
    Ok(Attempt::Done(KeyedPlans { planned, keys, reusable }))
}

/// The keys of the layers of each function.
fn keys(planned: &[Planned<'_>], reusable: &[ReusableLayer], mtime: u64) -> Vec<Vec<Digest>> {
    let mut keys = Keys::new(reusable, mtime);
    planned.iter().map(|planned| keys.of(planned)).collect()
}

/// Makes the layers that the store lacks, and assembles the images.
fn make_images(
    KeyedPlans { planned, keys, reusable }: &KeyedPlans<'_>,
    cache: &RemoteCache,
    form: LayerForm,
    options: &Options,
    sender: Option<&UnboundedSender<Announcement>>,
    context: &Context,
) -> Result<Vec<Built>, PipelineError> {
    let mtime = options.time.seconds();
    let announcer = &Announcer::new(sender, keys, options.send_early_from);
    announcer.base_layers(planned.iter().map(|planned| &**planned.base))?;
    let maker = LayerMaker { form, mtime, cache, announcer, context };
    let made = maker.make(planned, keys, reusable)?;
    let join = |(planned, keys): (&Planned<'_>, &Vec<Digest>)| join(planned, keys, &made, form, options);
    planned.iter().zip(keys).map(join).collect()
}

/// Assembles a function's image from its base and the made layers.
pub(super) fn join(
    planned: &Planned<'_>,
    keys: &[Digest],
    made: &MadeLayers,
    form: LayerForm,
    options: &Options,
) -> Result<Built, PipelineError> {
    let function = planned.function;
    let base = planned.base;
    let of_base = |origin: &Repository| {
        let origin = |layer: &Layer| (layer.digest.clone(), Origin::Registry(origin.clone()));
        base.image.layers().iter().map(origin).collect()
    };
    let mut origins: BTreeMap<Digest, Origin> = base.origin.as_ref().map(of_base).unwrap_or_default();
    let mut added = Vec::new();
    let mut layers = Vec::new();
    for (layer_plan, key) in planned.plan.layers.iter().zip(keys) {
        let lost = || PipelineError::Lost { name: layer_plan.name.clone() };
        let MadeLayer { layer, provenance, origin, encoder } = made.get(key).ok_or_else(lost)?.clone();
        if let Some(blob) = layer.blob() {
            origins.entry(blob.digest.clone()).or_insert(origin);
        }
        layers.push(BuiltLayer::new(layer_plan.name.clone(), &layer, provenance));
        added.push(NewLayer { layer, description: layer_plan.name.clone(), encoder });
    }
    let mut run = planned.plan.run.clone();
    run.labels.extend(options.labels.clone());
    let shared = of_image(&run, function);
    let image = Image::assemble(&base.image, &added, &shared, options.time.rfc3339())
        .map_err(|source| PipelineError::Image { function: function.name.clone(), source })?;
    let image = match form {
        LayerForm::Blobs => image,
        // Even if the store happens to have all layers as blobs: the result must not depend on the store.
        LayerForm::Tars => image.without_manifest(),
    };
    Ok(Built {
        name: function.name.clone(),
        image_name: function.image.name.clone(),
        image,
        base: base.name.clone(),
        base_config: base.image.config_digest().clone(),
        origins,
        layers,
        emulator: emulator::in_image(&run, function.architecture, |path| has_program(&base.index, path)),
        has_tmp: has_tmp(&base.index),
        run,
    })
}

/// How the image of a function runs. Its command is that of the first function that uses it.
fn of_image(run: &RunConfig, function: &Function) -> RunConfig {
    let handler = &function.image.handler;
    let command = if function.handler == *handler {
        run.command.clone()
    } else {
        handler.as_ref().map(|handler| vec![handler.clone()])
    };
    RunConfig { command, ..run.clone() }
}

/// Whether a path of a base leads to a program that everyone can run.
fn has_program(base: &FileIndex, path: &str) -> bool {
    let is_program =
        |path| matches!(base.resolve(&path), Some(IndexEntry::File { mode, .. }) if mode & 0o001 != 0);
    path.parse().is_ok_and(is_program)
}

/// Whether a base has a `/tmp` that everyone can write to, as those of Lambda have.
fn has_tmp(base: &FileIndex) -> bool {
    let is_open =
        |entry: &IndexEntry| matches!(entry, IndexEntry::Directory { mode, .. } if mode & 0o002 != 0);
    !base.is_full() || base.get("/tmp").is_some_and(is_open)
}
