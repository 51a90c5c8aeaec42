//! Pushes finished layers while the build still makes others.
//!
//! For a new layer the registry is asked at once whether it has the blob. A repository that lacks it cannot contain
//! the function's image, and all finished layers of the image are pushed to it. For other functions nothing is asked
//! here: once the image is complete, one request for its digest may show that nothing has to be pushed. No manifest
//! or tag is written here.
//!
//! A large layer is sent while it is made. Its digest is not known yet, so that nothing can be asked; if the registry turns out
//! to have it, the upload is cancelled.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use super::Target;
use super::blob_pusher::{BlobContent, BlobPusher};
use super::early_uploads::EarlyUpload;
use super::known_places::LARGE;
use crate::pipeline::error::PushError;
use crate::pipeline::finished_layers::{Announcement, FinishedLayer};
use crate::project::Repository;

/// How many repositories of other functions are asked for a large layer before it is sent: it could be mounted from there.
const ASKED_OTHERS: usize = 4;

/// Something to do for a layer.
enum Task {
    /// Find out which repositories lack it.
    Find(Arc<FinishedLayer>),
    /// Push it to the repositories of these functions.
    Push(Arc<FinishedLayer>, BTreeSet<usize>),
    /// Send a layer that is being made.
    SendEarly(EarlyUpload),
}

/// Pushes finished layers to the repositories that certainly need them, until the build ends and all are pushed. Says in
/// `all_known` when the build has announced its last layer.
///
/// # Errors
/// When a registry refuses something, or cannot be reached after several attempts.
pub(in crate::pipeline) async fn push_while_building<F: AsyncFn(&Repository) -> Result<(), PushError>>(
    mut announced: UnboundedReceiver<Announcement>,
    all_known: oneshot::Sender<()>,
    targets: &[Target],
    pusher: &BlobPusher<'_, F>,
) -> Result<(), PushError> {
    let mut tasks = FuturesUnordered::new();
    let start = |tasks: &FuturesUnordered<_>, task| tasks.push(run(task, targets, pusher));
    let push = |tasks: &FuturesUnordered<_>, layer: &Arc<FinishedLayer>, functions: BTreeSet<usize>| {
        if !functions.is_empty() {
            start(tasks, Task::Push(Arc::clone(layer), functions));
        }
    };
    // Layers that the repositories may already contain.
    let mut reused: Vec<Arc<FinishedLayer>> = Vec::new();
    // The functions whose repositories do not contain their images.
    let mut absent = BTreeSet::new();
    let mut all_known = Some(all_known);
    loop {
        tokio::select! {
            announcement = announced.recv(), if all_known.is_some() => match announcement {
                Some(Announcement::Begun(layer)) => {
                    let target = layer.functions.first().and_then(|first| targets.get(*first));
                    let upload = target.and_then(|target| pusher.early_upload(layer, target));
                    if let Some(upload) = upload {
                        start(&tasks, Task::SendEarly(upload));
                    }
                }
                Some(Announcement::Finished(layer)) => {
                    let layer = Arc::new(layer);
                    if layer.is_new {
                        start(&tasks, Task::Find(layer));
                    } else {
                        push(&tasks, &layer, &layer.functions & &absent);
                        reused.push(layer);
                    }
                }
                // The receiver is gone if the build has failed.
                None => drop(all_known.take().map(|all_known| all_known.send(()))),
            },
            Some(found) = tasks.next() => {
                let Some((layer, functions)) = found? else { continue };
                let newly_absent = &functions - &absent;
                for layer in &reused {
                    push(&tasks, layer, &layer.functions & &newly_absent);
                }
                absent.extend(newly_absent);
                push(&tasks, &layer, functions);
            }
            else => return Ok(()),
        }
    }
}

/// Runs a task. [`Task::Find`] returns the functions whose repositories lack the layer.
async fn run<F: AsyncFn(&Repository) -> Result<(), PushError>>(
    task: Task,
    targets: &[Target],
    pusher: &BlobPusher<'_, F>,
) -> Result<Option<(Arc<FinishedLayer>, BTreeSet<usize>)>, PushError> {
    let repository = |position: &usize| targets.get(*position).map(|target| &target.repository);
    let repositories =
        |functions: &BTreeSet<usize>| functions.iter().filter_map(repository).collect::<BTreeSet<_>>();
    match task {
        Task::Find(layer) => {
            let asked = repositories(&layer.functions);
            let missing = pusher.missing_from(&layer.layer.digest, asked).await?;
            let lacks = |position: &usize| repository(position).is_some_and(|it| missing.contains(&it));
            let functions = layer.functions.iter().copied().filter(lacks).collect();
            Ok(Some((layer, functions)))
        }
        Task::Push(layer, functions) => {
            if layer.layer.size >= LARGE {
                let others = layer.functions.difference(&functions).filter_map(repository);
                pusher.missing_from(&layer.layer.digest, others.take(ASKED_OTHERS)).await?;
            }
            let content = BlobContent::Layer(&layer.layer, layer.origin.as_ref());
            pusher.push(content, repositories(&functions)).await?;
            Ok(None)
        }
        Task::SendEarly(upload) => {
            // On the heap, to keep the futures that wait small.
            Box::pin(pusher.send_early(upload)).await;
            Ok(None)
        }
    }
}
