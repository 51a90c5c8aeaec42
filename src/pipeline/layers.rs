//! Makes the layers of all functions, each once, on all processors.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
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

/// What identifies each layer of a function. A layer of another image has other bytes than the one that limg would make
/// of the same tree, and hence another key.
pub(super) fn keys(planned: &Planned<'_>, ready: &[Ready], mtime: u64) -> Vec<Digest> {
    let key = |plan: &LayerPlan| match as_ready(plan, planned, ready) {
        Some(ready) => Digest::of(format!("ready {}", ready.layer.digest).as_bytes()),
        None => layer::key(&plan.tree, &planned.base.index, mtime),
    };
    planned.plan.layers.iter().map(key).collect()
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
    let name = &job.plan.name;
    let failed = |source| PipelineError::Layer { name: name.clone(), source };
    let (tree, store) = (&job.plan.tree, &context.store);
    if context.verify && layer::forget_stale(tree, job.base, mtime, job.key, store).map_err(failed)? {
        context.reporter.report(Event::Stale { name: name.clone() });
    }
    let stored = layer::build(tree, job.base, mtime, job.key, store).map_err(failed)?;
    context.reporter.report(Event::Layer(LayerEvent {
        name: name.clone(),
        files: tree.files(),
        size: stored.layer.size,
        reused: stored.reused,
        took: start.elapsed(),
    }));
    Ok(stored)
}
