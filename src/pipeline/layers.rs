//! Makes the layers of all functions, each once, on all processors.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::remote::Ready;
use super::{Context, PipelineError, Planned, lock};
use crate::event::{Event, LayerEvent};
use crate::image;
use crate::layer::{self, LayerBlob, StoredLayer};
use crate::plan::LayerPlan;
use crate::store::Digest;
use crate::tree::FileIndex;

/// Layers by their keys.
pub(super) type Made = BTreeMap<Digest, StoredLayer>;

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
            let place = (Arc::as_ptr(&plan.tree).addr(), std::ptr::from_ref(base).addr());
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
    base: &'a FileIndex,
}

/// Makes every layer. After a failure no further one is begun.
pub(super) fn make(
    planned: &[Planned<'_>],
    keys: &[Vec<Digest>],
    ready: &[Ready],
    mtime: u64,
    context: &Context,
) -> Result<Made, PipelineError> {
    let mut jobs: BTreeMap<&Digest, Job<'_>> = BTreeMap::new();
    let mut order = Vec::new();
    let mut made = Made::new();
    for (planned, keys) in planned.iter().zip(keys) {
        for (plan, key) in planned.plan.layers.iter().zip(keys) {
            if let Some(ready) = as_ready(plan, planned, ready) {
                made.entry(key.clone()).or_insert_with(|| as_it_is(ready, plan, context));
                continue;
            }
            jobs.entry(key).or_insert_with(|| {
                order.push(key);
                Job { key, plan, base: &planned.base.index }
            });
        }
    }
    let queue = Mutex::new(order.into_iter().filter_map(|key| jobs.remove(key)));
    let made = Mutex::new(Ok(made));
    let work = || {
        while let Some(job) = next(&queue, &made) {
            let result = run(&job, mtime, context);
            let mut made = lock(&made);
            match (&mut *made, result) {
                (Ok(layers), Ok(layer)) => drop(layers.insert(job.key.clone(), layer)),
                (Ok(_), Err(error)) => *made = Err(error),
                // The first failure is the one to tell.
                (Err(_), _) => {}
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    made.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// A layer of another image, used as it is.
fn as_it_is(ready: &Ready, plan: &LayerPlan, context: &Context) -> StoredLayer {
    let image::Layer { digest, diff_id, size, blob } = ready.layer.clone();
    context.reporter.report(Event::Layer(LayerEvent {
        name: plan.name.clone(),
        files: plan.tree.files(),
        size,
        reused: true,
        took: Duration::ZERO,
    }));
    StoredLayer { layer: LayerBlob { digest, diff_id, size }, blob, reused: true }
}

fn next<'a>(
    queue: &Mutex<impl Iterator<Item = Job<'a>>>,
    made: &Mutex<Result<Made, PipelineError>>,
) -> Option<Job<'a>> {
    if lock(made).is_err() { None } else { lock(queue).next() }
}

fn run(job: &Job<'_>, mtime: u64, context: &Context) -> Result<StoredLayer, PipelineError> {
    let start = Instant::now();
    let stored = layer::build(&job.plan.tree, job.base, mtime, job.key, &context.store)
        .map_err(|source| PipelineError::Layer { name: job.plan.name.clone(), source })?;
    context.reporter.report(Event::Layer(LayerEvent {
        name: job.plan.name.clone(),
        files: job.plan.tree.files(),
        size: stored.layer.size,
        reused: stored.reused,
        took: start.elapsed(),
    }));
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::super::base::LoadedBase;
    use super::super::remote::AllBrought;
    use super::super::{Inputs, Planning, plan_all};
    use super::*;
    use crate::image::BaseImage;
    use crate::project::{Architecture, RunConfig};

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
            index: FileIndex::default(),
            size: 0,
            origin: None,
            promised: false,
        });
        let bases = [Some(Arc::clone(&base)), Some(base)];
        let brought = AllBrought::default();
        let inputs =
            Inputs { functions: &project.functions, bases: &bases, brought: &brought, problems: &[] };
        let Ok(Planning::Done(planned)) = plan_all(&inputs) else { panic!("it can be planned") };

        let mut keys = Keys::new(&[], 0);
        let keyed: Vec<_> = planned.iter().map(|planned| keys.of(planned)).collect();
        assert_eq!(keyed[0][0], keyed[1][0]);
        assert_ne!(keyed[0].last(), keyed[1].last());
        let layers: usize = keyed.iter().map(Vec::len).sum();
        assert_eq!(keys.known.len(), layers - 1, "the shared layer was looked at for one function alone");
    }
}
