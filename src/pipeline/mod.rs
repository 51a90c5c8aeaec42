//! Runs definition to destination: resolves bases, loads and places trees, makes layers, joins images, delivers them.
//!
//! The only place that joins async and blocking work: whatever reads files or compresses runs on blocking threads, Docker
//! is spoken to on the async runtime. It decides nothing that the modules below it could.

mod base;
mod deliver;
mod layers;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinError;

pub use deliver::{Delivered, Destination, docker_name};

use crate::engine::{EngineError, Host, emulator};
use crate::event::Reporter;
use crate::fs::FsError;
use crate::image::{Image, ImageError, NewLayer};
use crate::layer::LayerError;
use crate::layout::LayoutError;
use crate::plan::{self, BaseFacts, ImagePlan, Parts, PlanError};
use crate::problem::Problem;
use crate::project::{Function, Project, RunConfig, Source};
use crate::runtime::{self, Contract};
use crate::store::{Digest, Store};
use crate::tree::{IndexError, SIZE_LIMIT, Tree, TreeError};
use base::LoadedBase;

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
    /// Who is told.
    pub reporter: Arc<dyn Reporter>,
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

/// A build that failed.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A source of files could not be listed or read.
    #[error("failed to take the files of {what}")]
    Source {
        /// Whose, such as `layer utils`.
        what: String,
        /// Why.
        #[source]
        source: TreeError,
    },
    /// The definition asks for what cannot work.
    #[error("the definition asks for what cannot work")]
    Problems(Vec<Problem>),
    /// A base could not be read.
    #[error("failed to read the base image `{base}`")]
    Base {
        /// The base.
        base: String,
        /// Why.
        #[source]
        source: BaseError,
    },
    /// A layer could not be made.
    #[error("failed to make the {name}")]
    Layer {
        /// What it holds.
        name: String,
        /// Why.
        #[source]
        source: LayerError,
    },
    /// The image could not be joined.
    #[error("failed to join the image of `{function}`")]
    Image {
        /// The function.
        function: String,
        /// Why.
        #[source]
        source: ImageError,
    },
    /// The image is larger than Lambda takes.
    #[error("the layers of `{function}` hold {size} bytes, more than the 10 GB that Lambda takes")]
    TooLarge {
        /// The function.
        function: String,
        /// The size of the files in its own layers.
        size: u64,
    },
    /// The image could not be delivered.
    #[error("failed to write the image to `{destination}`")]
    Deliver {
        /// Where to.
        destination: String,
        /// Why.
        #[source]
        source: DeliverError,
    },
    /// A thread of limg's own ended early: a bug.
    #[error("a worker of limg ended unexpectedly")]
    Worker(#[from] JoinError),
}

/// Why a base cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// It lies in a registry.
    #[error("limg cannot read base images from a registry yet")]
    Registry,
    /// The layout or archive cannot be read.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The Docker Engine cannot give it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// One of its layers cannot be listed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// One of its layers is not what the manifest says.
    #[error("the layer {expected} has other bytes than its digest says")]
    Digest {
        /// The digest that it should have.
        expected: Digest,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] FsError),
    /// A thread of limg's own ended early: a bug.
    #[error("a worker of limg ended unexpectedly")]
    Worker(#[from] JoinError),
}

/// Why an image cannot be delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The layout or archive cannot be written.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The Docker Engine does not take it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The file cannot be written.
    #[error(transparent)]
    Fs(#[from] FsError),
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
    let bases = base::load_all(functions, context).await?;
    let functions: Vec<Function> = functions.iter().map(|function| (*function).clone()).collect();
    let (options, context) = (options.clone(), context.clone());
    blocking(move || make_images(&functions, &bases, &options, &context)).await
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
    bases: &[Arc<LoadedBase>],
    options: &Options,
    context: &Context,
) -> Result<Vec<Built>, PipelineError> {
    let planned = plan_all(functions, bases)?;
    for note in planned.iter().flat_map(|planned| &planned.plan.notes) {
        context.reporter.report(note.clone());
    }
    let keyed: Vec<Vec<Digest>> =
        planned.iter().map(|planned| layers::keys(planned, options.mtime)).collect();
    let made = layers::make(&planned, &keyed, options.mtime, context)?;
    let join = |(planned, keys): (&Planned<'_>, &Vec<Digest>)| join(planned, keys, &made, options);
    planned.iter().zip(&keyed).map(join).collect()
}

/// Loads each source once and places every function, collecting all problems.
fn plan_all<'a>(
    functions: &'a [Function],
    bases: &'a [Arc<LoadedBase>],
) -> Result<Vec<Planned<'a>>, PipelineError> {
    let mut loader = Loader::default();
    let (mut planned, mut problems) = (Vec::new(), Vec::new());
    for (function, base) in functions.iter().zip(bases) {
        let parts = loader.parts(function)?;
        let facts = BaseFacts { run: &base.run, index: &base.index };
        match plan::plan(function, contract(function)?, facts, &parts) {
            Ok(plan) => planned.push(sized(Planned { function, base, plan })?),
            Err(PlanError::Problems(found)) => problems.extend(found),
            Err(PlanError::Tree(source)) => {
                return Err(PipelineError::Source {
                    what: format!("the function `{}`", function.name),
                    source,
                });
            }
        }
    }
    if problems.is_empty() { Ok(planned) } else { Err(PipelineError::Problems(problems)) }
}

/// Refuses what would be too large before any of it is written.
fn sized(planned: Planned<'_>) -> Result<Planned<'_>, PipelineError> {
    let size = planned.plan.layers.iter().map(|layer| layer.tree.size()).fold(0, u64::saturating_add);
    if size > SIZE_LIMIT {
        return Err(PipelineError::TooLarge { function: planned.function.name.clone(), size });
    }
    Ok(planned)
}

fn contract(function: &Function) -> Result<&'static Contract, PipelineError> {
    runtime::contract(&function.base.contract).ok_or_else(|| {
        let at = crate::problem::DocumentPath::keys(&["functions", &function.name, "runtime"]);
        let message = format!("`{}` is no runtime id", function.base.contract);
        PipelineError::Problems(vec![Problem::new("unknown-runtime", at, message)])
    })
}

/// Loads the trees of functions, each layer and extension once.
#[derive(Default)]
struct Loader {
    layers: BTreeMap<(String, Source), Arc<Tree>>,
    extensions: BTreeMap<String, Arc<Tree>>,
}

impl Loader {
    fn parts(&mut self, function: &Function) -> Result<Parts, PipelineError> {
        let failed = |what: String| move |source| PipelineError::Source { what, source };
        let mut parts = Parts {
            layers: Vec::new(),
            extensions: Vec::new(),
            code: Arc::new(
                plan::code_tree(function).map_err(failed(format!("the code of `{}`", function.name)))?,
            ),
        };
        for layer in &function.layers {
            let key = (layer.name.clone(), layer.source.clone());
            let tree = match self.layers.get(&key) {
                Some(tree) => Arc::clone(tree),
                None => {
                    Arc::new(plan::layer_tree(layer).map_err(failed(format!("the layer `{}`", layer.name)))?)
                }
            };
            parts.layers.push(Arc::clone(&tree));
            self.layers.insert(key, tree);
        }
        for extension in &function.extensions {
            let tree = match self.extensions.get(&extension.name) {
                Some(tree) => Arc::clone(tree),
                None => Arc::new(
                    plan::extension_tree(extension)
                        .map_err(failed(format!("the extension `{}`", extension.name)))?,
                ),
            };
            parts.extensions.push(Arc::clone(&tree));
            self.extensions.insert(extension.name.clone(), tree);
        }
        Ok(parts)
    }
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
        let Some(stored) = made.get(key) else { continue };
        layers.push(BuiltLayer {
            name: layer_plan.name.clone(),
            digest: stored.layer.digest.clone(),
            diff_id: stored.layer.diff_id.clone(),
            size: stored.layer.size,
            reused: stored.reused,
        });
        added.push(NewLayer {
            layer: crate::image::Layer {
                digest: stored.layer.digest.clone(),
                diff_id: stored.layer.diff_id.clone(),
                size: stored.layer.size,
                blob: stored.blob.clone(),
            },
            description: layer_plan.name.clone(),
        });
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
