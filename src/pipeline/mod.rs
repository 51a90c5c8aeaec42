//! Runs definition to destination: resolves bases, loads and places trees, makes layers, joins images, delivers them.
//!
//! The only place that joins async and blocking work: whatever reads files or compresses runs on blocking threads, Docker
//! is spoken to on the async runtime. It decides nothing that the modules below it could.

mod base;
mod cache;
mod deliver;
mod error;
mod finished_layers;
mod image_kind;
mod layer_bytes;
#[cfg_attr(not(feature = "aws"), path = "no_layer_version.rs")]
mod layer_version;
mod layers;
mod load_trees;
mod pins;
mod push;
mod remote_layers;
mod update;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::TryFutureExt as _;
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task::JoinError;

pub use deliver::{Delivered, Destination, docker_name};
pub use error::{BaseError, BytesError, DeliverError, PipelineError, PushError};
pub use layer_bytes::{Origin, Recipe};
pub use pins::Pinning;
pub use push::{Amount, Pushed, Target};
pub use update::update;
pub use watch::snapshot;

#[cfg(feature = "aws")]
use crate::aws::Aws;
use crate::build_time::BuildTime;
use crate::check::{self, Subject};
use crate::engine::{DockerHost, Engine, LoadedImage, emulator};
use crate::event::{Event, Provenance, Reporter};
use crate::files::Overwrite;
use crate::finding::{Code, Finding};
use crate::image::{DockerImage, DockerLayer, Image, ImageIdentity, Layer, NewLayer};
use crate::lock::Lock;
use crate::plan::{self, BaseFacts, ImagePlan, Stacks};
use crate::project::{Function, Project, ReferenceTemplate, Repository, RunConfig};
use crate::registry::Client;
use crate::runtime::{self, Contract};
use crate::store::{Digest, Store};
use crate::tree::Adjustment;
use base::LoadedBase;
use cache::Cache;
use finished_layers::{Part, Teller};
use image_kind::Product;
use layers::{Keys, MadeLayer};
use load_trees::{Findings, Loader};
use push::blob_pusher::Courier;
use remote_layers::AllBrought;

/// What a build is to do beyond what the definition says.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the images go.
    pub destinations: Vec<Destination>,
    /// The time of every entry of a layer and of the config.
    pub time: BuildTime,
    /// Images in registries that layers are taken from which the store does not know.
    pub cache_from: Vec<ReferenceTemplate>,
}

/// What a build works with.
#[derive(Clone)]
pub struct Context {
    /// Where blobs are kept.
    pub store: Store,
    /// The Docker Engine, for bases and destinations that are there.
    pub docker: DockerHost,
    /// Registries, for bases and destinations that are there.
    pub registry: Client,
    /// What image references and layer versions stand for; [`build`] adds to it.
    pub lock: Arc<Mutex<Lock>>,
    /// What the lock file said.
    pub lock_before: Arc<Lock>,
    /// The file that the lock is kept in.
    pub lock_file: PathBuf,
    /// What is done about what the lock lacks.
    pub pinning: Pinning,
    /// AWS, for layers by their ARN.
    #[cfg(feature = "aws")]
    pub aws: Aws,
    /// Whether files and layouts are read where their times or names would be trusted. The store is then one that checks.
    pub verify: bool,
    /// Who is told.
    pub reporter: Arc<dyn Reporter>,
    /// Set when the user has had enough: what is being written to a destination is then given up, and removed.
    pub stop: Arc<AtomicBool>,
}

/// A function's image.
#[derive(Debug, Clone)]
pub struct Built<I = Image> {
    /// The function's name.
    pub name: String,
    /// The image, or what is told of it.
    pub image: I,
    /// How it runs.
    pub run: RunConfig,
    /// The base as the definition names it.
    pub base: String,
    /// The digest of the base's config.
    pub base_config: Digest,
    /// Where the bytes of layers come from that need not be on this machine, by their digests.
    pub origins: BTreeMap<Digest, Origin>,
    /// The layers on the base, the lowest first.
    pub layers: Vec<BuiltLayer>,
    /// Whether the image does not start the runtime interface emulator by itself where it does not run in Lambda.
    pub needs_emulator: bool,
}

/// A layer that limg made.
#[derive(Debug, Clone)]
pub struct BuiltLayer {
    /// What it holds.
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
    fn of(name: String, layer: &DockerLayer, provenance: Provenance) -> Self {
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

impl<I> Built<I> {
    /// The same with something else for the image.
    fn map<J>(self, change: impl FnOnce(I) -> J) -> Built<J> {
        let Self { name, image, run, base, base_config, origins, layers, needs_emulator } = self;
        Built { name, image: change(image), run, base, base_config, origins, layers, needs_emulator }
    }
}

/// Builds the images of some functions of a project, without delivering them.
///
/// # Errors
/// When any of them cannot be built. Layers that were finished stay in the store.
pub async fn build(
    functions: &[&Function],
    options: &Options,
    context: &Context,
) -> Result<Vec<Built>, PipelineError> {
    build_telling(functions, options, None, context).await
}

/// As [`build`], for engines alone: no layer is compressed, and hence none taken from an image in a registry.
///
/// # Errors
/// When any of them cannot be built.
pub async fn build_for_docker(
    functions: &[&Function],
    options: &Options,
    context: &Context,
) -> Result<Vec<Built<DockerImage>>, PipelineError> {
    let options = Options { cache_from: Vec::new(), ..options.clone() };
    build_telling(functions, &options, None, context).await
}

/// Builds images, and tells a listener of the layers as soon as they are there. Where it stops listening, the build is given
/// up.
async fn build_telling<P: Product + Send + 'static>(
    functions: &[&Function],
    options: &Options,
    listener: Option<UnboundedSender<Part>>,
    context: &Context,
) -> Result<Vec<Built<P>>, PipelineError> {
    let (mut bases, mut findings) = base::load_all(functions, context).await?;
    let mut brought = remote_layers::bring_all(functions, context).await?;
    findings.append(&mut brought.findings);
    let (findings, brought) = (Arc::<[Finding]>::from(findings), Arc::new(brought));
    let cache = Arc::new(Cache::read(functions, &options.cache_from, context).await);
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
                make_images(&parts, &options, listener.as_ref(), &context)
            }
        };
        match blocking(work).await? {
            Attempt::Done(built) => {
                pins::write(context).await?;
                tell_damaged(context.store.removed_blobs(), context);
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
    cache: &'a Cache,
}

/// What comes of planning and making.
enum Attempt<P> {
    Done(Vec<Built<P>>),
    /// The bases of these functions, by position, may have what their entry script does not promise.
    Look(BTreeSet<usize>),
}

/// Builds the images of some functions and delivers them to all destinations. Where engines are all of these, the images
/// have no manifests.
///
/// # Errors
/// As [`build`], or when a destination fails.
pub async fn build_and_deliver(
    project: &Project,
    functions: &[&Function],
    options: &Options,
    context: &Context,
) -> Result<Vec<(Built<ImageIdentity>, Vec<Delivered>)>, PipelineError> {
    let destinations = &options.destinations;
    deliver::check(destinations, context).await?;
    let (built, delivered): (Vec<_>, _) = if deliver::are_engines(destinations) {
        let built = build_for_docker(functions, options, context).await?;
        let delivered = deliver::deliver_to_engines(project, &built, destinations, context).await?;
        let identify = |built: Built<DockerImage>| built.map(|image| image.identity().clone());
        (built.into_iter().map(identify).collect(), delivered)
    } else {
        let built = build(functions, options, context).await?;
        let delivered = deliver::deliver(project, built.clone(), destinations, context).await?;
        let identify = |built: Built| built.map(|image| image.identity());
        (built.into_iter().map(identify).collect(), delivered)
    };
    Ok(built.into_iter().zip(delivered).collect())
}

/// Builds the images of some functions and sends them to registries, one target for each function; finished layers are on
/// their way while others are still being made. `ready` is called for each repository that something is going to be sent to,
/// before that.
///
/// # Errors
/// As [`build`], or when a registry fails.
pub async fn build_and_push(
    functions: &[&Function],
    targets: &[Target],
    options: &Options,
    ready: impl AsyncFn(&Repository) -> Result<(), PushError>,
    context: &Context,
) -> Result<Vec<(Built, Pushed)>, PipelineError> {
    let courier = Courier::new(ready, context);
    let (listener, parts) = mpsc::unbounded_channel();
    // On the heap, since a future of all that would be large.
    let work = Box::pin(async {
        let built = build_telling(functions, options, Some(listener), context).await?;
        let pushed = push::push(&built, targets, &courier).await.map_err(PipelineError::Push)?;
        Ok(built.into_iter().zip(pushed).collect())
    });
    let early = push::while_building::send(parts, targets, &courier).map_err(PipelineError::Push);
    // Whichever fails first ends the other: uploads break off, and no further layer is begun.
    tokio::try_join!(work, early).map(|(pushed, ())| pushed)
}

/// Puts a built image into a Docker Engine under a name.
///
/// # Errors
/// When the bytes of its base cannot be fetched, or the engine fails.
pub async fn load(
    engine: &Engine,
    built: &Built<DockerImage>,
    name: &str,
    context: &Context,
) -> Result<LoadedImage, PipelineError> {
    let failed = |source| PipelineError::Deliver { destination: format!("docker-daemon:{name}"), source };
    deliver::load(engine, built, name, context).await.map_err(failed)
}

impl Context {
    /// The lock, for a moment.
    fn lock(&self) -> MutexGuard<'_, Lock> {
        lock(&self.lock)
    }
}

/// Tells of blobs that were removed.
fn tell_damaged(digests: Vec<Digest>, context: &Context) {
    for digest in digests {
        context.reporter.report(Event::Damaged { digest: digest.to_string() });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

fn make_images<P: Product>(
    inputs: &Inputs<'_>,
    options: &Options,
    listener: Option<&UnboundedSender<Part>>,
    context: &Context,
) -> Result<Attempt<P>, PipelineError> {
    let planned = match plan_all(inputs)? {
        Planning::Done { planned, warnings } => {
            report(&planned, warnings, context);
            planned
        }
        Planning::Look(doubtful) => return Ok(Attempt::Look(doubtful)),
    };
    let mut keys = Keys::new(&inputs.brought.ready, options.time.seconds());
    let keyed: Vec<Vec<Digest>> = planned.iter().map(|planned| keys.of(planned)).collect();
    let teller = Teller::new(listener, &keyed);
    teller.bases(&planned)?;
    let made = layers::make::<P>(&planned, &keyed, inputs, options.time.seconds(), &teller, context)?;
    let join = |(planned, keys): (&Planned<'_>, &Vec<Digest>)| join(planned, keys, &made, options);
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

/// Joins a function's base and made layers.
fn join<P: Product>(
    planned: &Planned<'_>,
    keys: &[Digest],
    made: &layers::Made<P::Layer>,
    options: &Options,
) -> Result<Built<P>, PipelineError> {
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
        let description = layer_plan.name.clone();
        added.push(NewLayer { layer: layer.clone(), description, encoder });
        let layer = layer.into();
        if let Some(blob) = layer.blob() {
            origins.entry(blob.digest.clone()).or_insert(origin);
        }
        layers.push(BuiltLayer::of(layer_plan.name.clone(), &layer, provenance));
    }
    let run = &planned.plan.run;
    let image = P::assemble(&planned.base.image, &added, run, options.time.rfc3339())
        .map_err(|source| PipelineError::Image { function: function.name.clone(), source })?;
    Ok(Built {
        name: function.name.clone(),
        image,
        run: run.clone(),
        base: planned.base.name.clone(),
        base_config: planned.base.image.config_digest().clone(),
        origins,
        layers,
        needs_emulator: emulator::is_needed(run, |path| planned.base.index.has_file(path)),
    })
}
