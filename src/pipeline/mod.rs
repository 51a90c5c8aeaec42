//! Runs definition to destination: resolves bases, loads and places trees, makes layers, joins images, delivers them.
//!
//! The only place that joins async and blocking work: whatever reads files or compresses runs on blocking threads, Docker
//! is spoken to on the async runtime. It decides nothing that the modules below it could.

mod base;
mod deliver;
mod error;
mod finished_layers;
mod layer_bytes;
#[cfg_attr(not(feature = "aws"), path = "no_layer_version.rs")]
mod layer_version;
mod load_trees;
mod make_layers;
mod pins;
mod push;
mod remote_cache;
mod remote_image;
mod remote_layers;
mod snapshot;
mod update;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use futures_util::TryFutureExt as _;
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task::JoinError;

pub use deliver::{Delivered, Destination, docker_name};
pub use error::{BaseError, BytesError, DeliverError, PipelineError, PushError};
pub use layer_bytes::{Origin, Recipe};
pub use pins::{Pinning, Pins};
pub use push::{BlobTotal, Pushed, Target};
pub use snapshot::snapshot;
pub use update::update;

#[cfg(feature = "aws")]
use crate::aws::Aws;
use crate::build_time::BuildTime;
use crate::check::{self, Subject};
use crate::engine::{DockerHost, Engine, LoadedImage, emulator};
use crate::event::{Event, Provenance, Reporter};
use crate::files::Overwrite;
use crate::finding::{Code, Finding};
use crate::image::{Image, ImageLayer, Layer, NewLayer};
use crate::plan::{self, BaseFacts, ImagePlan, Stacks};
use crate::project::{Function, Project, ReferenceTemplate, Repository, RunConfig};
use crate::registry::Client;
use crate::runtime::{self, Contract};
use crate::store::{Digest, Store};
use crate::tree::Adjustment;
use base::LoadedBase;
use finished_layers::{Announcer, FinishedLayer};
use layer_bytes::LayerForm;
use load_trees::{Findings, Loader};
use make_layers::{Keys, LayerMaker, MadeLayer, MadeLayers};
use push::blob_pusher::BlobPusher;
use remote_cache::RemoteCache;
use remote_layers::AllBrought;

/// What a build does beyond what the definition says.
#[derive(Debug, Clone)]
pub struct Options {
    /// The time of every layer entry and of the image.
    pub time: BuildTime,
    /// Images in registries whose layers are used if the store does not have them.
    pub cache_from: Vec<ReferenceTemplate>,
}

/// What commands work with.
#[derive(Clone)]
pub struct Context {
    /// Where blobs are kept.
    pub store: Store,
    /// The Docker Engine, for bases and destinations.
    pub docker: DockerHost,
    /// The client for registries.
    pub registry: Client,
    /// The pins of `limg.lock` and of this run.
    pub pins: Pins,
    /// AWS, for layers by their ARN.
    #[cfg(feature = "aws")]
    pub aws: Aws,
    /// Whether contents are verified instead of trusting times and names. The store must be one that verifies, too.
    pub verify: bool,
    /// Receives events.
    pub reporter: Arc<dyn Reporter>,
    /// Set when the user interrupts: files that are being written to a destination are abandoned and removed.
    pub stop: Arc<AtomicBool>,
}

/// A function's image.
#[derive(Debug, Clone)]
pub struct Built {
    /// The function's name.
    pub name: String,
    /// The image.
    pub image: Image,
    /// How it runs.
    pub run: RunConfig,
    /// The base as the definition names it.
    pub base: String,
    /// The digest of the base's config.
    pub base_config: Digest,
    /// Where to get the bytes of layers that the store does not have, by the digests of their blobs.
    pub origins: BTreeMap<Digest, Origin>,
    /// The layers on the base, the lowest first.
    pub layers: Vec<BuiltLayer>,
    /// Whether the image must be started with the runtime interface emulator outside Lambda.
    pub needs_emulator: bool,
}

/// A layer on a base.
#[derive(Debug, Clone)]
pub struct BuiltLayer {
    /// What it contains.
    pub name: String,
    /// The digest of its blob, if it has one.
    pub digest: Option<Digest>,
    /// The digest of its tar.
    pub diff_id: Digest,
    /// The size of its blob in bytes, if it has one.
    pub size: Option<u64>,
    /// Where it comes from.
    pub provenance: Provenance,
}

impl BuiltLayer {
    fn new(name: String, layer: &ImageLayer, provenance: Provenance) -> Self {
        let blob = layer.blob();
        Self {
            name,
            digest: blob.map(|blob| blob.digest.clone()),
            diff_id: layer.diff_id().clone(),
            size: blob.map(|blob| blob.size),
            provenance,
        }
    }
}

/// Builds the images of some functions in one form, and announces each layer as soon as it is finished. If the receiver is
/// closed, the build ends.
async fn build(
    functions: &[&Function],
    form: LayerForm,
    options: &Options,
    listener: Option<UnboundedSender<FinishedLayer>>,
    context: &Context,
) -> Result<Vec<Built>, PipelineError> {
    let (mut bases, mut findings) = base::load_all(functions, context).await?;
    let mut brought = remote_layers::bring_all(functions, context).await?;
    findings.append(&mut brought.findings);
    let (findings, brought) = (Arc::<[Finding]>::from(findings), Arc::new(brought));
    let cache_from = match form {
        LayerForm::Blobs => &options.cache_from[..],
        LayerForm::Tars => &[],
    };
    let cache = Arc::new(RemoteCache::read(functions, cache_from, context).await);
    let functions: Arc<[Function]> = functions.iter().map(|function| (*function).clone()).collect();
    loop {
        let work = {
            let (functions, bases) = (Arc::clone(&functions), bases.clone());
            let (brought, findings) = (Arc::clone(&brought), Arc::clone(&findings));
            let (options, listener, context) = (options.clone(), listener.clone(), context.clone());
            let cache = Arc::clone(&cache);
            move || {
                let (functions, bases, cache) = (&functions, &bases, &cache);
                let parts = Inputs { functions, bases, brought: &brought, findings: &findings, cache };
                make_images(&parts, form, &options, listener.as_ref(), &context)
            }
        };
        match blocking(work).await? {
            Attempt::Done(built) => {
                let pins = context.pins.clone();
                blocking(move || pins.write()).await?;
                report_damaged(context.store.removed_blobs(), context);
                return Ok(built);
            }
            // A base that was looked into promises nothing any more, so that this ends.
            Attempt::Look(doubtful) => base::look_into(&mut bases, &doubtful, context).await?,
        }
    }
}

/// What images are made of.
struct Inputs<'a> {
    functions: &'a [Function],
    /// The base of each function.
    bases: &'a [Option<Arc<LoadedBase>>],
    /// Layers that do not lie on this machine.
    brought: &'a AllBrought,
    /// What is wrong already.
    findings: &'a [Finding],
    /// Layers that other machines have made.
    cache: &'a RemoteCache,
}

/// What comes of planning and making.
enum Attempt {
    Done(Vec<Built>),
    /// The bases of these functions, by position, may have what their entry script does not promise.
    Look(BTreeSet<usize>),
}

/// Builds the images of some functions and delivers them to all destinations. If all of these are Docker Engines, the images
/// have no manifests.
///
/// # Errors
/// When an image cannot be built, or a destination fails. Layers that were finished stay in the store.
pub async fn build_and_deliver(
    project: &Project,
    functions: &[&Function],
    destinations: &[Destination],
    options: &Options,
    context: &Context,
) -> Result<Vec<(Built, Vec<Delivered>)>, PipelineError> {
    deliver::check(destinations, context).await?;
    let form = if deliver::are_engines(destinations) { LayerForm::Tars } else { LayerForm::Blobs };
    let built = build(functions, form, options, None, context).await?;
    let delivered = deliver::deliver(project, &built, destinations, context).await?;
    Ok(built.into_iter().zip(delivered).collect())
}

/// Builds the images of some functions and pushes them to registries, one target for each function. Finished layers are
/// pushed while others are still being made. `prepare` is called for each repository before anything is sent to it.
///
/// # Errors
/// When an image cannot be built, or a registry fails.
pub async fn build_and_push(
    functions: &[&Function],
    targets: &[Target],
    options: &Options,
    prepare: impl AsyncFn(&Repository) -> Result<(), PushError>,
    context: &Context,
) -> Result<Vec<(Built, Pushed)>, PipelineError> {
    let pusher = BlobPusher::new(prepare, context);
    let (sender, finished) = mpsc::unbounded_channel();
    // On the heap, because the future would be large.
    let work = Box::pin(async {
        let built = build(functions, LayerForm::Blobs, options, Some(sender), context).await?;
        let results = push::push(&built, targets, &pusher).await.map_err(PipelineError::Push)?;
        Ok(built.into_iter().zip(results).collect())
    });
    let early = push::while_building::push_while_building(finished, targets, &pusher);
    // The first failure ends both: uploads are abandoned, and no further layer is started.
    tokio::try_join!(work, early.map_err(PipelineError::Push)).map(|(pushed, ())| pushed)
}

/// Builds the images of some functions for a Docker Engine alone: no layer is compressed.
///
/// # Errors
/// When an image cannot be built.
pub async fn build_for_engine(
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
pub async fn load(
    engine: &Engine,
    built: &Built,
    name: &str,
    context: &Context,
) -> Result<LoadedImage, PipelineError> {
    let failed = |source| PipelineError::Deliver { destination: format!("docker-daemon:{name}"), source };
    deliver::load(engine, built, name, context).await.map_err(failed)
}

/// Reports blobs that were removed because they were damaged.
fn report_damaged(digests: Vec<Digest>, context: &Context) {
    for digest in digests {
        context.reporter.report(Event::Damaged { digest: digest.to_string() });
    }
}

/// Runs blocking work beside the async runtime.
async fn blocking<T: Send + 'static, E: From<JoinError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    tokio::task::spawn_blocking(work).await?
}

/// A function, placed.
struct Planned<'a> {
    function: &'a Function,
    base: &'a Arc<LoadedBase>,
    plan: ImagePlan<'a>,
}

fn make_images(
    inputs: &Inputs<'_>,
    form: LayerForm,
    options: &Options,
    listener: Option<&UnboundedSender<FinishedLayer>>,
    context: &Context,
) -> Result<Attempt, PipelineError> {
    let planned = match plan_all(inputs)? {
        Planning::Done { planned, warnings } => {
            report(&planned, warnings, context);
            planned
        }
        Planning::Look(doubtful) => return Ok(Attempt::Look(doubtful)),
    };
    let mtime = options.time.seconds();
    let ready = &inputs.brought.ready;
    let mut keys = Keys::new(ready, mtime);
    let keyed: Vec<Vec<Digest>> = planned.iter().map(|planned| keys.of(planned)).collect();
    let announcer = &Announcer::new(listener, &keyed);
    announcer.base_layers(&planned)?;
    let maker = LayerMaker { form, mtime, cache: inputs.cache, announcer, context };
    let made = maker.make(&planned, &keyed, ready)?;
    let join = |(planned, keys): (&Planned<'_>, &Vec<Digest>)| join(planned, keys, &made, form, options);
    Ok(Attempt::Done(planned.iter().zip(&keyed).map(join).collect::<Result<_, _>>()?))
}

enum Planning<'a> {
    Done { planned: Vec<Planned<'a>>, warnings: Vec<Finding> },
    Look(BTreeSet<usize>),
}

/// Reports what planning found, once for functions that share a layer.
fn report(planned: &[Planned<'_>], warnings: Vec<Finding>, context: &Context) {
    let plans = || planned.iter().map(|planned| &planned.plan);
    let mut seen = BTreeSet::new();
    for overwrite in plans().flat_map(|plan| &plan.merge.overwrites).filter(|it| seen.insert(*it)) {
        let Overwrite { path, winner, loser } = overwrite.clone();
        context.reporter.report(Event::Overwritten { path, winner, loser });
    }
    let mut seen = BTreeSet::new();
    for adjustment in plans().flat_map(|plan| &plan.adjustments).filter(|it| seen.insert(*it)) {
        let Adjustment { path, what } = adjustment.clone();
        context.reporter.report(Event::Adjusted { path, what });
    }
    for warning in warnings {
        context.reporter.report(Event::Finding(warning));
    }
}

/// Loads each source once, places every function that has a base, and checks the result, collecting all findings.
fn plan_all<'a>(inputs: &Inputs<'a>) -> Result<Planning<'a>, PipelineError> {
    let Inputs { functions, bases, brought, findings: known, cache: _ } = inputs;
    let mut findings = Findings::default();
    findings.extend(known.iter().cloned());
    let mut loader = Loader::new(brought);
    let mut stacks = Stacks::default();
    let mut planned = Vec::new();
    let mut doubtful = BTreeSet::new();
    for (position, (function, base)) in functions.iter().zip(bases.iter()).enumerate() {
        let trees = loader.trees(function, &mut findings);
        let (Some(trees), Some(base)) = (trees, base) else { continue };
        let contract = match contract(function) {
            Ok(contract) => contract,
            Err(finding) => {
                findings.extend([finding]);
                continue;
            }
        };
        let facts = BaseFacts { run: &base.run, index: &base.index };
        let checked = plan::plan(function, contract, facts, &trees, &mut stacks).and_then(|plan| {
            let (base_size, base) = (base.size, &base.run);
            let found =
                check::check(&Subject { function, contract, base, base_size, trees: &trees, plan: &plan })?;
            Ok((plan, found))
        });
        match checked {
            Ok((plan, found)) => {
                if !base.index.is_full() && found.iter().any(check::may_be_solved_by_base) {
                    doubtful.insert(position);
                }
                findings.extend(found);
                planned.push(Planned { function, base, plan });
            }
            Err(source) => {
                findings.source(
                    format!("the function `{}`", function.name),
                    &function.places.function,
                    source,
                );
            }
        }
    }
    // What no base can solve is reported without fetching one.
    if !doubtful.is_empty() && findings.are_all_errors(check::may_be_solved_by_base) {
        return Ok(Planning::Look(doubtful));
    }
    let warnings = findings.into_result()?;
    Ok(Planning::Done { planned, warnings })
}

/// The contract that the function's base keeps.
fn contract(function: &Function) -> Result<&'static Contract, Finding> {
    runtime::contract(&function.base.contract).ok_or_else(|| {
        let message = format!("`{}` is not a runtime id", function.base.contract);
        Finding::error(Code::UnknownRuntime, function.places.runtime.clone(), message)
    })
}

/// Assembles a function's image from its base and the made layers.
fn join(
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
    let run = &planned.plan.run;
    let image = Image::assemble(&base.image, &added, run, options.time.rfc3339())
        .map_err(|source| PipelineError::Image { function: function.name.clone(), source })?;
    let image = match form {
        LayerForm::Blobs => image,
        // Even if the store happens to have all layers as blobs: the result must not depend on the store.
        LayerForm::Tars => image.without_manifest(),
    };
    Ok(Built {
        name: function.name.clone(),
        image,
        run: run.clone(),
        base: base.name.clone(),
        base_config: base.image.config_digest().clone(),
        origins,
        layers,
        needs_emulator: emulator::is_needed(run, |path| base.index.has_file(path)),
    })
}
