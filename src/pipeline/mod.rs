//! Runs definition to destination: resolves bases, loads and places trees, makes layers, joins images, delivers them.
//!
//! The only place that joins async and blocking work: whatever reads files or compresses runs on blocking threads, Docker
//! is spoken to on the async runtime. It decides nothing that the modules below it could.

mod base;
mod deliver;
mod error;
mod layers;
mod sources;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::task::JoinError;

pub use deliver::{Delivered, Destination, docker_name};
pub use error::{BaseError, DeliverError, PipelineError};

use crate::engine::{Host, emulator};
use crate::event::Reporter;
use crate::image::{Image, NewLayer};
use crate::plan::{self, BaseFacts, ImagePlan, PlanError};
use crate::problem::{DocumentPath, Problem};
use crate::project::{Function, Project, RunConfig};
use crate::registry;
use crate::runtime::{self, Contract};
use crate::store::{Digest, Store};
use crate::tree::SIZE_LIMIT;
use base::LoadedBase;
use sources::{Faults, Loader};

/// What a build is to do beyond what the definition says.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the images go.
    pub destinations: Vec<Destination>,
    /// The time of every entry of a layer, in seconds since 1970.
    pub mtime: u64,
    /// The same time in RFC 3339, for the config.
    pub created: String,
}

/// What a build works with.
#[derive(Clone)]
pub struct Context {
    /// Where blobs are kept.
    pub store: Store,
    /// The Docker Engine, for bases and destinations that are there.
    pub docker: Host,
    /// How registries are reached.
    pub registries: registry::Settings,
    /// Who is told.
    pub reporter: Arc<dyn Reporter>,
    /// Set when the user has had enough: what is being written to a destination is then given up, and removed.
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
    /// The digest of its blob.
    pub digest: Digest,
    /// The digest of its tar.
    pub diff_id: Digest,
    /// The size of its blob in bytes.
    pub size: u64,
    /// Whether it was there before.
    pub reused: bool,
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
    let mut faults = Faults::default();
    let bases = base::load_all(functions, context, &mut faults).await?;
    let functions: Vec<Function> = functions.iter().map(|function| (*function).clone()).collect();
    let (options, context) = (options.clone(), context.clone());
    blocking(move || make_images(&functions, &bases, faults, &options, &context)).await
}

/// Builds the images of some functions and delivers them to all destinations.
///
/// # Errors
/// As [`build`], or when a destination fails.
pub async fn build_and_deliver(
    project: &Project,
    functions: &[&Function],
    options: &Options,
    context: &Context,
) -> Result<Vec<(Built, Vec<Delivered>)>, PipelineError> {
    deliver::check(&options.destinations, context).await?;
    let built = build(functions, options, context).await?;
    let delivered = deliver::deliver(project, built.clone(), &options.destinations, context).await?;
    Ok(built.into_iter().zip(delivered).collect())
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
    base: &'a LoadedBase,
    plan: ImagePlan,
}

fn make_images(
    functions: &[Function],
    bases: &[Option<Arc<LoadedBase>>],
    faults: Faults,
    options: &Options,
    context: &Context,
) -> Result<Vec<Built>, PipelineError> {
    let planned = plan_all(functions, bases, faults)?;
    // Functions that share a layer share what is worth telling of it.
    let mut told = BTreeSet::new();
    for note in planned.iter().flat_map(|planned| &planned.plan.notes) {
        if told.insert(format!("{note:?}")) {
            context.reporter.report(note.clone());
        }
    }
    let keyed: Vec<Vec<Digest>> =
        planned.iter().map(|planned| layers::keys(planned, options.mtime)).collect();
    let made = layers::make(&planned, &keyed, options.mtime, context)?;
    let join = |(planned, keys): (&Planned<'_>, &Vec<Digest>)| join(planned, keys, &made, options);
    planned.iter().zip(&keyed).map(join).collect()
}

/// Loads each source once and places every function that has a base, collecting all that is wrong.
fn plan_all<'a>(
    functions: &'a [Function],
    bases: &'a [Option<Arc<LoadedBase>>],
    mut faults: Faults,
) -> Result<Vec<Planned<'a>>, PipelineError> {
    let mut loader = Loader::default();
    let mut planned = Vec::new();
    for (function, base) in functions.iter().zip(bases) {
        let parts = loader.parts(function, &mut faults);
        let (Some(parts), Some(base)) = (parts, base) else { continue };
        let facts = BaseFacts { run: &base.run, index: &base.index };
        match contract(function).map(|contract| plan::plan(function, contract, facts, &parts)) {
            Ok(Ok(plan)) => {
                faults.extend(too_large(function, base, &plan));
                planned.push(Planned { function, base, plan });
            }
            Ok(Err(PlanError::Problems(found))) => faults.extend(found),
            Ok(Err(PlanError::Tree(source))) => {
                let at = DocumentPath::keys(&["functions", &function.name]);
                faults.source(format!("the function `{}`", function.name), at, source);
            }
            Err(problem) => faults.extend([problem]),
        }
    }
    faults.into_result()?;
    Ok(planned)
}

/// Refuses what would be too large before any of it is written.
fn too_large(function: &Function, base: &LoadedBase, plan: &ImagePlan) -> Option<Problem> {
    let own = plan.layers.iter().map(|layer| layer.tree.size()).fold(0, u64::saturating_add);
    let size = own.saturating_add(base.size);
    (size > SIZE_LIMIT).then(|| {
        let message = format!(
            "the image of `{}` would hold {size} bytes, {} of them its base's, more than the 10 GB that Lambda takes",
            function.name, base.size
        );
        Problem::new("image-too-large", DocumentPath::keys(&["functions", &function.name]), message)
            .help("`exclude` what the function does not need, or fetch it from S3 when it starts")
    })
}

/// What the function's base keeps to.
fn contract(function: &Function) -> Result<&'static Contract, Problem> {
    runtime::contract(&function.base.contract).ok_or_else(|| {
        let at = DocumentPath::keys(&["functions", &function.name, "runtime"]);
        Problem::new("unknown-runtime", at, format!("`{}` is no runtime id", function.base.contract))
    })
}

/// Joins a function's base and made layers.
fn join(
    planned: &Planned<'_>,
    keys: &[Digest],
    made: &layers::Made,
    options: &Options,
) -> Result<Built, PipelineError> {
    let function = planned.function;
    let mut added = Vec::new();
    let mut layers = Vec::new();
    for (layer_plan, key) in planned.plan.layers.iter().zip(keys) {
        let lost = || PipelineError::Lost { name: layer_plan.name.clone() };
        let stored = made.get(key).ok_or_else(lost)?;
        layers.push(BuiltLayer {
            name: layer_plan.name.clone(),
            digest: stored.layer.digest.clone(),
            diff_id: stored.layer.diff_id.clone(),
            size: stored.layer.size,
            reused: stored.reused,
        });
        added.push(NewLayer { layer: stored.clone().into(), description: layer_plan.name.clone() });
    }
    let run = &planned.plan.run;
    let image = Image::assemble(&planned.base.image, &added, run, &options.created)
        .map_err(|source| PipelineError::Image { function: function.name.clone(), source })?;
    Ok(Built {
        name: function.name.clone(),
        image,
        run: run.clone(),
        base: planned.base.name.clone(),
        base_config: planned.base.image.config_digest().clone(),
        layers,
        needs_emulator: emulator::is_needed(run, |path| planned.base.index.has_file(path)),
    })
}
