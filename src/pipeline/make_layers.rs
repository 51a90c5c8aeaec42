//! Makes the layers of all functions, each once, on all processors.
//!
//! Small layers come first: what is done with a finished one can then begin, and does not wait for a large one. Each
//! finished layer is announced; what is done with it is not decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::context::Context;
use super::error::PipelineError;
use super::finished_layers::{Announcer, MadeLayer};
use super::layer_bytes::{self, LayerForm, Origin};
use super::plan_images::Planned;
use super::remote_cache::RemoteCache;
use super::remote_layers::ReusableLayer;
use crate::event::{Event, LayerEvent, Provenance};
use crate::files::FileIndex;
use crate::layer::{self, Recipe};
use crate::plan::LayerPlan;
use crate::shared::{Shared, SharedId};
use crate::store::Digest;
use crate::sync::{into_inner, lock};

/// The size of its files, in bytes, from which a layer counts as large: it then has as many blocks in memory at once
/// as the compressor uses.
const LARGE: u64 = 8 << 20;

/// The minimum number of workers, also on one processor: one reads while another compresses or writes.
const MIN_WORKERS: usize = 2;

/// The maximum number of workers. More would slow down reading, and take more memory.
const MAX_WORKERS: usize = 16;

/// How many workers make large layers.
const MAX_LARGE_WORKERS: usize = 4;

/// Layers by their keys.
pub(super) type MadeLayers = BTreeMap<Digest, MadeLayer>;

/// The keys that identify layers, computed once for each tree on each base, however many functions share it.
pub(super) struct Keys<'a> {
    reusable: &'a [ReusableLayer],
    mtime: u64,
    known: BTreeMap<(SharedId, SharedId), Digest>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(reusable: &'a [ReusableLayer], mtime: u64) -> Self {
        Self { reusable, mtime, known: BTreeMap::new() }
    }

    /// The keys of a function's layers. A layer that is reused from another image has other bytes than the one that
    /// limg would make of the same tree, and hence another key.
    pub(super) fn of(&mut self, planned: &'a Planned<'_>) -> Vec<Digest> {
        let Self { reusable, mtime, known } = self;
        let base = &planned.base.index;
        let key = |plan: &LayerPlan| {
            let new_key = || match find_reusable(plan, planned, reusable) {
                Some(found) => Digest::of(format!("ready {}", found.layer.digest).as_bytes()),
                None => layer::key(&plan.tree, base, *mtime),
            };
            known.entry((plan.tree.id(), base.id())).or_insert_with(new_key).clone()
        };
        planned.plan.layers.iter().map(key).collect()
    }
}

/// The layer of another image that can be reused for a planned one.
fn find_reusable<'a>(
    plan: &LayerPlan,
    planned: &Planned<'_>,
    reusable: &'a [ReusableLayer],
) -> Option<&'a ReusableLayer> {
    reusable.iter().find(|layer| layer.replaces(&plan.tree, &planned.base.index))
}

/// How layers are made.
pub(super) struct LayerMaker<'a> {
    pub(super) form: LayerForm,
    pub(super) mtime: u64,
    pub(super) cache: &'a RemoteCache,
    pub(super) announcer: &'a Announcer<'a>,
    pub(super) context: &'a Context,
}

/// One layer to make.
struct Job<'a> {
    key: &'a Digest,
    plan: &'a LayerPlan,
    base: &'a Shared<FileIndex>,
}

impl LayerMaker<'_> {
    /// Makes every layer, and announces each when it is finished. After a failure no further layer is started.
    pub(super) fn make(
        &self,
        planned: &[Planned<'_>],
        keys: &[Vec<Digest>],
        reusable: &[ReusableLayer],
    ) -> Result<MadeLayers, PipelineError> {
        let mut seen = BTreeSet::new();
        let mut jobs = Vec::new();
        let mut made = MadeLayers::new();
        for (planned, keys) in planned.iter().zip(keys) {
            for (plan, key) in planned.plan.layers.iter().zip(keys) {
                if !seen.insert(key) {
                    continue;
                }
                if let Some(layer) = find_reusable(plan, planned, reusable) {
                    made.insert(key.clone(), self.finish(key, reuse(layer), plan, Duration::ZERO)?);
                } else {
                    jobs.push(Job { key, plan, base: &planned.base.index });
                }
            }
        }
        let queue = Mutex::new(smallest_first(jobs).into_iter().peekable());
        let made = Mutex::new(Ok(made));
        let work = |takes_large: bool| {
            while let Some(job) = next(&queue, &made, takes_large) {
                let result = self.run(&job);
                let mut made = lock(&made);
                match (&mut *made, result) {
                    (Ok(layers), Ok(layer)) => drop(layers.insert(job.key.clone(), layer)),
                    (Ok(_), Err(error)) => *made = Err(error),
                    // The first failure is reported.
                    (Err(_), _) => {}
                }
            }
        };
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            for number in 0..processors.clamp(MIN_WORKERS, MAX_WORKERS) {
                scope.spawn(move || work(number < MAX_LARGE_WORKERS));
            }
        });
        let made = into_inner(made)?;
        let count = |provenance| made.values().filter(|layer| layer.provenance == provenance).count();
        self.context.reporter.report(Event::LayersFinished {
            reused: count(Provenance::Reused),
            cached: count(Provenance::Cached),
        });
        Ok(made)
    }

    fn run(&self, job: &Job<'_>) -> Result<MadeLayer, PipelineError> {
        let start = Instant::now();
        let Job { key, plan, .. } = *job;
        let Self { mtime, context, .. } = *self;
        let made = match find(job, self.form, mtime, self.cache, context)? {
            Found::Layer(made) => made,
            Found::Recipe(recipe) => {
                let growth = self.announcer.begin(key, &plan.name, plan.size)?;
                let layer = layer_bytes::make(&recipe, self.form, growth, context)
                    .map_err(|source| PipelineError::Layer { name: plan.name.clone(), source })?;
                let encoder = layer::encoder(&recipe.tree);
                MadeLayer { layer, provenance: Provenance::Built, origin: Origin::Files(recipe), encoder }
            }
        };
        self.finish(key, made, plan, start.elapsed())
    }

    /// Reports and announces a finished layer.
    fn finish(
        &self,
        key: &Digest,
        made: MadeLayer,
        plan: &LayerPlan,
        took: Duration,
    ) -> Result<MadeLayer, PipelineError> {
        self.context.reporter.report(Event::Layer(LayerEvent {
            name: plan.name.clone(),
            digest: made.layer.blob().map(|blob| blob.digest.to_string()),
            files: plan.tree.files(),
            size: made.layer.size(),
            provenance: made.provenance,
            took,
        }));
        self.announcer.layer(key, &made)?;
        Ok(made)
    }
}

/// The layers that exist already, in the store or in a registry. The others are not made.
///
/// # Errors
/// When the files of a layer cannot be read.
pub(super) fn existing(
    planned: &[Planned<'_>],
    keys: &[Vec<Digest>],
    reusable: &[ReusableLayer],
    mtime: u64,
    cache: &RemoteCache,
    context: &Context,
) -> Result<MadeLayers, PipelineError> {
    let mut existing = MadeLayers::new();
    let mut seen = BTreeSet::new();
    for (planned, keys) in planned.iter().zip(keys) {
        for (plan, key) in planned.plan.layers.iter().zip(keys) {
            if !seen.insert(key) {
                continue;
            }
            let job = Job { key, plan, base: &planned.base.index };
            let found = match find_reusable(plan, planned, reusable) {
                Some(layer) => Found::Layer(reuse(layer)),
                None => find(&job, LayerForm::Blobs, mtime, cache, context)?,
            };
            if let Found::Layer(layer) = found {
                existing.insert(key.clone(), layer);
            }
        }
    }
    Ok(existing)
}

/// A layer that exists, or what it can be made of.
enum Found {
    Layer(MadeLayer),
    Recipe(Arc<Recipe>),
}

/// Finds a layer in the store or the cache.
fn find(
    job: &Job<'_>,
    form: LayerForm,
    mtime: u64,
    cache: &RemoteCache,
    context: &Context,
) -> Result<Found, PipelineError> {
    let Job { key, plan, base } = *job;
    let LayerPlan { name, tree, .. } = plan;
    let failed = |source| PipelineError::Layer { name: name.clone(), source };
    let (tree, base) = (tree.clone(), base.clone());
    let recipe = Arc::new(Recipe { name: name.clone(), key: key.clone(), tree, base, mtime });
    if context.verify && layer_bytes::forget_stale(&recipe, context).map_err(failed)? {
        context.reporter.report(Event::Stale { name: name.clone() });
    }
    let encoder = layer::encoder(&recipe.tree);
    let cached = cache.find(&recipe, context).map_err(failed)?;
    let (layer, provenance, origin) = if let Some((layer, repository)) = cached {
        (layer.into(), Provenance::Cached, Origin::Cache(repository.clone(), recipe))
    } else if let Some(layer) = layer_bytes::find(&recipe, form, &context.store) {
        (layer, Provenance::Reused, Origin::Files(recipe))
    } else {
        return Ok(Found::Recipe(recipe));
    };
    Ok(Found::Layer(MadeLayer { layer, provenance, origin, encoder }))
}

/// A layer of another image.
fn reuse(reusable: &ReusableLayer) -> MadeLayer {
    let (layer, origin) = (reusable.layer.clone().into(), Origin::Registry(reusable.origin.clone()));
    // The encoder is not known.
    MadeLayer { layer, provenance: Provenance::Reused, origin, encoder: None }
}

/// Sorts jobs by size; those of one size keep their order.
fn smallest_first(mut jobs: Vec<Job<'_>>) -> Vec<Job<'_>> {
    jobs.sort_by_key(|job| job.plan.size);
    jobs
}

/// The next layer to make. A worker that takes no large layers stops once all small ones have been started.
fn next<'a>(
    queue: &Mutex<Peekable<impl Iterator<Item = Job<'a>>>>,
    made: &Mutex<Result<MadeLayers, PipelineError>>,
    takes_large: bool,
) -> Option<Job<'a>> {
    if lock(made).is_err() {
        return None;
    }
    lock(queue).next_if(|job| takes_large || job.plan.size < LARGE)
}

#[cfg(test)]
mod tests {
    use super::super::base::LoadedBase;
    use super::super::builds::Builds;
    use super::super::packages::Packages;
    use super::super::plan_images::{Inputs, Planning, plan_all};
    use super::super::remote_layers::RemoteLayers;
    use super::*;
    use crate::files::Owner;
    use crate::finding::Place;
    use crate::image::BaseImage;
    use crate::project::{Architecture, RunConfig};
    use crate::tree::Tree;

    #[test]
    fn a_layer_that_functions_share_gets_one_key() {
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
        let definition = folder.path().join("limg.yaml");
        let project =
            crate::definition::load(&definition, &crate::definition::Options::of_tests()).unwrap().project;
        let base = Arc::new(LoadedBase {
            name: "scratch".to_owned(),
            image: BaseImage::scratch(Architecture::X86_64),
            run: RunConfig::default(),
            index: Shared::new(FileIndex::default()),
            size: 0,
            origin: None,
        });
        let inputs = Inputs {
            functions: project.functions,
            bases: vec![Some(Arc::clone(&base)), Some(base)],
            remote_layers: RemoteLayers::default(),
            packages: Packages::default(),
            builds: Builds::default(),
            findings: Vec::new(),
            enforce_rules: true,
        };
        let Ok(Planning::Done { planned, .. }) = plan_all(&inputs) else { panic!("it can be planned") };

        let mut keys = Keys::new(&[], 0);
        let keyed: Vec<_> = planned.iter().map(|planned| keys.of(planned)).collect();
        assert_eq!(keyed[0][0], keyed[1][0]);
        assert_ne!(keyed[0].last(), keyed[1].last());
        let layers: usize = keyed.iter().map(Vec::len).sum();
        assert_eq!(keys.known.len(), layers - 1, "the key of the shared layer was computed once");
    }

    #[test]
    fn small_layers_come_first_and_not_every_worker_takes_large_ones() {
        let owner = Owner { name: "any".to_owned(), place: Place::document("limg.yaml".as_ref()) };
        let plans = [LARGE, 2, LARGE + 1, 1].map(|size| {
            let mut plan = LayerPlan::new(owner.clone(), Shared::new(Tree::new()));
            plan.size = size;
            plan
        });
        let (key, base) = (Digest::of(b""), Shared::new(FileIndex::default()));
        let jobs = plans.each_ref().map(|plan| Job { key: &key, plan, base: &base });
        let queue = Mutex::new(smallest_first(jobs.into()).into_iter().peekable());
        let made = Mutex::new(Ok(MadeLayers::new()));
        let taken = |takes_large| next(&queue, &made, takes_large).map(|job| job.plan.size);
        assert_eq!([false, true, false].map(taken), [Some(1), Some(2), None]);
        assert_eq!([true, true, true].map(taken), [Some(LARGE), Some(LARGE + 1), None]);
    }
}
