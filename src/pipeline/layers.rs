//! Makes the layers of all functions, each once, on all processors.
//!
//! Small layers come first: what is done with a finished one can then begin, and does not wait for a large one. Whoever wants
//! to know is told of each; what becomes of it is not decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::cache::Cache;
use super::finished_layers::Teller;
use super::image_kind::{LayerSource, Product};
use super::remote_layers::Ready;
use super::{Context, Inputs, Origin, PipelineError, Planned, Recipe, lock};
use crate::event::{Event, LayerEvent, Provenance};
use crate::files::FileIndex;
use crate::image::DockerLayer;
use crate::layer;
use crate::plan::LayerPlan;
use crate::store::Digest;

/// From which size of its files, in bytes, a layer counts as large: it then holds as many blocks at once as the compressor
/// takes.
const LARGE: u64 = 8 << 20;

/// How many layers are under way at least, also on one processor: one is read while another is compressed or written.
const AT_LEAST: usize = 2;

/// How many layers are under way at most. More would be slower to read, and take more memory.
const AT_MOST: usize = 16;

/// How many large layers are under way at most.
const LARGE_AT_MOST: usize = 4;

/// Layers by their keys.
pub(super) type Made<L> = BTreeMap<Digest, MadeLayer<L>>;

/// A layer, and where it comes from.
#[derive(Clone)]
pub(super) struct MadeLayer<L> {
    pub(super) layer: L,
    pub(super) provenance: Provenance,
    /// Where its bytes come from if they are not here.
    pub(super) origin: Origin,
    /// What made its blob of its tar, if nothing else had a say in that.
    pub(super) encoder: Option<&'static str>,
}

/// What identifies layers, told once for each tree on each base, however many functions share it.
pub(super) struct Keys<'a> {
    ready: &'a [Ready],
    mtime: u64,
    /// By where tree and base are in memory: whoever is planned holds both.
    known: BTreeMap<(usize, usize), Digest>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(ready: &'a [Ready], mtime: u64) -> Self {
        Self { ready, mtime, known: BTreeMap::new() }
    }

    /// What identifies each layer of a function. A layer of another image has other bytes than the one that limg would
    /// make of the same tree, and hence another key.
    pub(super) fn of(&mut self, planned: &'a Planned<'_>) -> Vec<Digest> {
        let Self { ready, mtime, known } = self;
        let base = &planned.base.index;
        let key = |plan: &LayerPlan| {
            let of_plan = || match as_ready(plan, planned, ready) {
                Some(ready) => Digest::of(format!("ready {}", ready.layer.digest).as_bytes()),
                None => layer::key(&plan.tree, base, *mtime),
            };
            let place = (Arc::as_ptr(&plan.tree).addr(), Arc::as_ptr(base).addr());
            known.entry(place).or_insert_with(of_plan).clone()
        };
        planned.plan.layers.iter().map(key).collect()
    }
}

/// The layer of another image that can stand for a planned one.
fn as_ready<'a>(plan: &LayerPlan, planned: &Planned<'_>, ready: &'a [Ready]) -> Option<&'a Ready> {
    ready.iter().find(|ready| ready.is(&plan.tree, &planned.base.index))
}

/// One layer to make.
struct Job<'a> {
    key: &'a Digest,
    plan: &'a LayerPlan,
    base: &'a Arc<FileIndex>,
}

/// Makes every layer, and tells of each when it is there. After a failure no further one is begun.
pub(super) fn make<P: Product>(
    planned: &[Planned<'_>],
    keys: &[Vec<Digest>],
    inputs: &Inputs<'_>,
    mtime: u64,
    teller: &Teller<'_>,
    context: &Context,
) -> Result<Made<P::Layer>, PipelineError> {
    let mut seen = BTreeSet::new();
    let mut jobs = Vec::new();
    let mut made = Made::new();
    for (planned, keys) in planned.iter().zip(keys) {
        for (plan, key) in planned.plan.layers.iter().zip(keys) {
            if !seen.insert(key) {
                continue;
            }
            if let Some(ready) = as_ready(plan, planned, &inputs.brought.ready) {
                let layer = as_it_is::<P>(ready, plan, context);
                teller.layer(key, &layer)?;
                made.insert(key.clone(), layer);
            } else {
                jobs.push(Job { key, plan, base: &planned.base.index });
            }
        }
    }
    let queue = Mutex::new(in_order(jobs).into_iter().peekable());
    let made = Mutex::new(Ok(made));
    let work = |takes_large: bool| {
        while let Some(job) = next(&queue, &made, takes_large) {
            let result = run::<P>(&job, inputs.cache, mtime, context).and_then(|layer| {
                teller.layer(job.key, &layer)?;
                Ok(layer)
            });
            let mut made = lock(&made);
            match (&mut *made, result) {
                (Ok(layers), Ok(layer)) => drop(layers.insert(job.key.clone(), layer)),
                (Ok(_), Err(error)) => *made = Err(error),
                // The first failure is the one to tell.
                (Err(_), _) => {}
            }
        }
    };
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for number in 0..processors.clamp(AT_LEAST, AT_MOST) {
            scope.spawn(move || work(number < LARGE_AT_MOST));
        }
    });
    made.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The smallest first; those of one size as they come.
fn in_order(mut jobs: Vec<Job<'_>>) -> Vec<Job<'_>> {
    jobs.sort_by_key(|job| job.plan.size);
    jobs
}

/// A layer of another image, used as it is.
fn as_it_is<P: Product>(ready: &Ready, plan: &LayerPlan, context: &Context) -> MadeLayer<P::Layer> {
    let origin = Origin::Registry(ready.origin.clone());
    let (layer, provenance) = (ready.layer.clone().into(), Provenance::Reused);
    // Whoever made it is not known.
    let made = MadeLayer { layer, provenance, origin, encoder: None };
    tell(&made, plan, Duration::ZERO, context);
    made
}

/// Says that a layer is there.
fn tell<L: Clone + Into<DockerLayer>>(
    made: &MadeLayer<L>,
    plan: &LayerPlan,
    took: Duration,
    context: &Context,
) {
    context.reporter.report(Event::Layer(LayerEvent {
        name: plan.name.clone(),
        files: plan.tree.files(),
        size: made.layer.clone().into().size(),
        provenance: made.provenance,
        took,
    }));
}

/// The next layer to make. Who takes no large one is done when all small ones are begun.
fn next<'a, L>(
    queue: &Mutex<Peekable<impl Iterator<Item = Job<'a>>>>,
    made: &Mutex<Result<Made<L>, PipelineError>>,
    takes_large: bool,
) -> Option<Job<'a>> {
    if lock(made).is_err() {
        return None;
    }
    lock(queue).next_if(|job| takes_large || job.plan.size < LARGE)
}

fn run<P: Product>(
    job: &Job<'_>,
    cache: &Cache,
    mtime: u64,
    context: &Context,
) -> Result<MadeLayer<P::Layer>, PipelineError> {
    let start = Instant::now();
    let source = LayerSource { key: job.key, tree: &job.plan.tree, base: job.base, mtime };
    let name = &job.plan.name;
    let failed = |source| PipelineError::Layer { name: name.clone(), source };
    let (tree, store) = (&job.plan.tree, &context.store);
    if context.verify && layer::forget_stale(tree, job.base, mtime, job.key, store).map_err(failed)? {
        context.reporter.report(Event::Stale { name: name.clone() });
    }
    let recipe = Recipe { name: name.clone(), tree: Arc::clone(tree), base: Arc::clone(job.base), mtime };
    let recipe = Arc::new(recipe);
    let found = cache.find(&source, store).map_err(failed)?;
    let (layer, provenance, origin) = if let Some((layer, repository)) = found {
        (layer.into(), Provenance::Cached, Origin::Cache(repository.clone(), recipe))
    } else {
        let (layer, reused) = P::layer(&source, store).map_err(failed)?;
        let provenance = if reused { Provenance::Reused } else { Provenance::Built };
        (layer, provenance, Origin::Recipe(recipe))
    };
    let made = MadeLayer { layer, provenance, origin, encoder: layer::encoder(tree) };
    tell(&made, job.plan, start.elapsed(), context);
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::super::base::LoadedBase;
    use super::super::remote_layers::AllBrought;
    use super::super::{Planning, plan_all};
    use super::*;
    use crate::image::{BaseImage, Layer};
    use crate::project::{Architecture, RunConfig};
    use crate::tree::Tree;

    #[test]
    fn a_layer_that_functions_share_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        };
        write("layer/bootstrap", "#!/bin/sh\n");
        write("a/app", "a");
        write("b/app", "b");
        write(
            "limg.yaml",
            "bases: { empty: { image: scratch, contract: provided.al2023 } }\n\
             layers: { shared: { path: layer } }\n\
             defaults: { runtime: empty, layers: [shared] }\n\
             functions: { a: { code: a }, b: { code: b } }\n",
        );
        let runtimes = ["provided.al2023"];
        let project = crate::definition::load(&folder.path().join("limg.yaml"), &runtimes).unwrap().project;
        let base = Arc::new(LoadedBase {
            name: "scratch".to_owned(),
            image: BaseImage::scratch(Architecture::X86_64),
            run: RunConfig::default(),
            index: Arc::new(FileIndex::default()),
            size: 0,
            origin: None,
        });
        let bases = [Some(Arc::clone(&base)), Some(base)];
        let brought = AllBrought::default();
        let (functions, cache) = (&project.functions, &Cache::default());
        let inputs = Inputs { functions, bases: &bases, brought: &brought, findings: &[], cache };
        let Ok(Planning::Done { planned, .. }) = plan_all(&inputs) else { panic!("it can be planned") };

        let mut keys = Keys::new(&[], 0);
        let keyed: Vec<_> = planned.iter().map(|planned| keys.of(planned)).collect();
        assert_eq!(keyed[0][0], keyed[1][0]);
        assert_ne!(keyed[0].last(), keyed[1].last());
        let layers: usize = keyed.iter().map(Vec::len).sum();
        assert_eq!(keys.known.len(), layers - 1, "the shared layer was looked at for one function alone");
    }

    #[test]
    fn small_layers_come_first_and_large_ones_are_not_for_all() {
        let plans = [LARGE, 2, LARGE + 1, 1].map(|size| {
            let mut plan = LayerPlan::new("any".to_owned(), Arc::new(Tree::new()));
            plan.size = size;
            plan
        });
        let (key, base) = (Digest::of(b""), Arc::new(FileIndex::default()));
        let jobs = plans.each_ref().map(|plan| Job { key: &key, plan, base: &base });
        let queue = Mutex::new(in_order(jobs.into()).into_iter().peekable());
        let made = Mutex::new(Ok(Made::<Layer>::new()));
        let taken = |takes_large| next(&queue, &made, takes_large).map(|job| job.plan.size);
        assert_eq!([false, true, false].map(taken), [Some(1), Some(2), None]);
        assert_eq!([true, true, true].map(taken), [Some(LARGE), Some(LARGE + 1), None]);
    }
}
