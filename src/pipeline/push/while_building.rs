//! Sends layers to registries while others are still being made.
//!
//! A layer that had to be made is asked for at once. A repository that lacks it cannot have the function's image, and gets
//! whatever is there of it. Of other functions nothing is asked here: when the digest of the whole image is known, one
//! question may show that nothing is needed. Nothing gets a name here.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::UnboundedReceiver;

use super::Target;
use super::blob_pusher::{Content, Courier};
use crate::pipeline::PushError;
use crate::pipeline::finished_layers::Part;
use crate::project::Repository;

/// Something to do for a layer.
enum Task {
    /// Ask who lacks it.
    Ask(Arc<Part>),
    /// Bring it to these functions' repositories.
    Bring(Arc<Part>, BTreeSet<usize>),
}

/// Brings layers to the repositories that need them for certain, until the build has told of the last one and all are there.
///
/// # Errors
/// When a registry refuses something, or cannot be reached in spite of several tries.
pub(in crate::pipeline) async fn send<F: AsyncFn(&Repository) -> Result<(), PushError>>(
    mut parts: UnboundedReceiver<Part>,
    targets: &[Target],
    courier: &Courier<'_, F>,
) -> Result<(), PushError> {
    let mut tasks = FuturesUnordered::new();
    let start = |tasks: &FuturesUnordered<_>, task| tasks.push(run(task, targets, courier));
    let bring = |tasks: &FuturesUnordered<_>, part: &Arc<Part>, functions: BTreeSet<usize>| {
        if !functions.is_empty() {
            start(tasks, Task::Bring(Arc::clone(part), functions));
        }
    };
    // Layers that need not be sent as far as is known.
    let mut kept: Vec<Arc<Part>> = Vec::new();
    // The functions whose images are not in their repositories.
    let mut absent = BTreeSet::new();
    loop {
        tokio::select! {
            Some(part) = parts.recv() => {
                let part = Arc::new(part);
                if part.is_new {
                    start(&tasks, Task::Ask(part));
                } else {
                    bring(&tasks, &part, &part.functions & &absent);
                    kept.push(part);
                }
            }
            Some(answer) = tasks.next() => {
                let Some((part, functions)) = answer? else { continue };
                let found = &functions - &absent;
                for kept in &kept {
                    bring(&tasks, kept, &kept.functions & &found);
                }
                absent.extend(found);
                bring(&tasks, &part, functions);
            }
            else => return Ok(()),
        }
    }
}

/// Does a task. The answer to a question is the functions whose repositories lack the layer.
async fn run<F: AsyncFn(&Repository) -> Result<(), PushError>>(
    task: Task,
    targets: &[Target],
    courier: &Courier<'_, F>,
) -> Result<Option<(Arc<Part>, BTreeSet<usize>)>, PushError> {
    let repositories = |functions: &BTreeSet<usize>| -> BTreeSet<&Repository> {
        functions
            .iter()
            .filter_map(|position| targets.get(*position))
            .map(|target| &target.repository)
            .collect()
    };
    match task {
        Task::Ask(part) => {
            let asked = repositories(&part.functions);
            let lacking: BTreeSet<_> =
                courier.lacking(&part.layer.digest, asked).await?.into_iter().collect();
            let lacks = |position: &usize| {
                targets.get(*position).is_some_and(|target| lacking.contains(&target.repository))
            };
            let functions = part.functions.iter().copied().filter(lacks).collect();
            Ok(Some((part, functions)))
        }
        Task::Bring(part, functions) => {
            let content = Content::Layer(&part.layer, part.origin.as_ref());
            courier.bring(content, repositories(&functions)).await?;
            Ok(None)
        }
    }
}
