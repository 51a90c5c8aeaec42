//! Pushes finished images to registries, each byte at most once.
//!
//! Before anything is sent, the registry is asked whether it has the image: an unchanged image costs one request. A
//! blob that several repositories of one registry lack is uploaded to one of them and mounted into the others.
//! The manifest follows when all blobs are there, under its tags, so a tag never points to an incomplete image. Blobs that were
//! pushed during the build (see [`while_building`]) are not asked for again.

pub(super) mod blob_pusher;
mod blob_states;
mod early_uploads;
mod known_places;
mod push_plan;
mod pushed_blobs;
mod send_early;
pub(super) mod while_building;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::{Interval, MissedTickBehavior};

use super::built::Built;
use super::context::Context;
use super::error::PushError;
use crate::event::{Event, Provenance};
use crate::image::{Layer, Manifest};
use crate::project::{EcrHost, Repository};
use crate::store::Digest;
use blob_pusher::{BlobContent, BlobPusher, CONCURRENT_PUSHES};
use blob_states::BlobOutcome;
pub(super) use push_plan::plan;
pub(crate) use push_plan::{Evidence, LayerStep, PlannedLayer, PushChange, PushPlan};

/// The interval between two manifests that are sent to ECR, which accepts ten a second (Amazon ECR service quotas,
/// `PutImage`).
const ECR_MANIFEST_INTERVAL: Duration = Duration::from_millis(110);

/// Where the image of a function is pushed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The repository.
    pub repository: Repository,
    /// The tags that the image gets there.
    pub tags: Vec<String>,
}

/// The result of pushing a function's image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// Where the image is.
    pub target: Target,
    /// The digest of its manifest.
    pub digest: Digest,
    /// Whether the registry already had the image under all its tags, so that nothing was sent.
    pub unchanged: bool,
    /// Blobs that were uploaded.
    pub uploaded: BlobTotal,
    /// Blobs that the registry mounted from another of its repositories.
    pub mounted: BlobTotal,
    /// Blobs that the repository already had.
    pub present: BlobTotal,
}

/// A number of blobs and their total size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BlobTotal {
    /// How many blobs.
    pub blobs: u64,
    /// Their total size in bytes.
    pub bytes: u64,
}

impl std::ops::AddAssign for BlobTotal {
    fn add_assign(&mut self, other: Self) {
        self.blobs += other.blobs;
        self.bytes += other.bytes;
    }
}

/// An image and where it is pushed to.
#[derive(Clone, Copy)]
struct Outgoing<'a> {
    built: &'a Built,
    manifest: &'a Manifest,
    target: &'a Target,
}

/// What the registry has of an image.
struct TargetState<'a> {
    /// Whether it has the image, by its digest.
    has_image: bool,
    /// Whether it lacked layers of the image during the build.
    lacked_layers: bool,
    /// The tags that do not point to the image.
    missing_tags: Vec<&'a str>,
}

/// A blob and the repositories that need it.
struct NeededBlob<'a> {
    content: BlobContent<'a>,
    repositories: BTreeSet<&'a Repository>,
}

/// Pushes images.
///
/// # Errors
/// When a registry refuses something, or cannot be reached after several attempts. Then every tag that was written
/// points to a complete image.
pub(super) async fn push<'a, F: AsyncFn(&Repository) -> Result<(), PushError>>(
    built: &'a [Built],
    targets: &'a [Target],
    pusher: &BlobPusher<'_, F>,
) -> Result<Vec<Pushed>, PushError> {
    let context = pusher.context();
    let outgoing = |(built, target): (&'a Built, &'a Target)| {
        Ok(Outgoing { built, manifest: built.image.manifest()?, target })
    };
    let images: Vec<_> = built.iter().zip(targets).map(outgoing).collect::<Result<_, PushError>>()?;
    let states = images.iter().map(|image| target_state(*image, pusher));
    let at_once = context.registry.small_operations();
    let states: Vec<_> = stream::iter(states).buffered(at_once).try_collect().await?;
    let all = || images.iter().copied().zip(&states);
    let absent = || all().filter(|(_, state)| !state.has_image).map(|(image, _)| image);
    try_join_all(absent().map(|image| pusher.prepare(&image.target.repository))).await?;

    // Blobs can be mounted from repositories that have the whole image.
    for (image, _) in all().filter(|(_, state)| state.has_image) {
        for blob in image.built.image.unique_blobs() {
            pusher.set_present(&blob.digest, &image.target.repository);
        }
    }
    // The config names all layers, so a repository that lacked one has no use for it yet.
    for (image, _) in all().filter(|(_, state)| state.lacked_layers) {
        pusher.set_missing(image.built.image.config_digest(), &image.target.repository);
    }
    let blobs = needed_blobs(absent(), pusher);
    let blobs = blobs.into_iter().map(|blob| pusher.push(blob.content, blob.repositories));
    stream::iter(blobs).buffer_unordered(CONCURRENT_PUSHES).try_collect::<()>().await?;

    let pace = EcrPace::default();
    let manifests = all().map(|(image, state)| push_manifest(image, state, &pace, context));
    // A failure does not stop the others: the user learns of each image whether it was pushed.
    let results: Vec<_> = stream::iter(manifests).buffered(CONCURRENT_PUSHES).collect().await;
    if results.iter().any(Result::is_err) {
        for (image, _) in images.iter().zip(&results).filter(|(_, result)| result.is_ok()) {
            let repository = image.target.repository.to_string();
            context.reporter.report(Event::Pushed { repository, digest: image.manifest.digest.to_string() });
        }
    }
    results.into_iter().collect::<Result<Vec<()>, _>>()?;
    for (image, _) in all().filter(|(_, state)| !state.has_image) {
        pushed_blobs::remember(&image.manifest.digest, image.built, &context.store);
    }
    pusher.report_sent_for_nothing();
    Ok(all().map(|(image, state)| pushed(image, state, pusher)).collect())
}

/// Asks the registry what it has of an image. If it has the image under all its tags, that takes one request a tag;
/// if it lacked one of its layers during the build, it takes none.
async fn target_state<'a, F: AsyncFn(&Repository) -> Result<(), PushError>>(
    Outgoing { built, manifest, target }: Outgoing<'a>,
    pusher: &BlobPusher<'_, F>,
) -> Result<TargetState<'a>, PushError> {
    let Target { repository, tags } = target;
    let has = async |version: &str| -> Result<bool, PushError> {
        Ok(pusher.manifest_digest(repository, version).await?.as_ref() == Some(&manifest.digest))
    };
    // New layers are asked for during the build; the answers are worth waiting for.
    let new = built.layers.iter().filter(|layer| layer.provenance == Provenance::Built);
    let new = new.filter_map(|layer| layer.digest.as_ref());
    try_join_all(new.map(|digest| pusher.missing_from(digest, [repository]))).await?;
    let blobs = built.image.unique_blobs();
    let lacked_layers = blobs.iter().any(|blob| pusher.was_missing(&blob.digest, repository));
    let ask = async || {
        let tagged = try_join_all(tags.iter().map(|tag| has(tag))).await?;
        // A tag that points to the image shows that the image is there.
        let has_image = tagged.contains(&true) || has(manifest.digest.as_str()).await?;
        Ok::<_, PushError>((tagged, has_image))
    };
    let (tagged, has_image) = if lacked_layers { (vec![false; tags.len()], false) } else { ask().await? };
    let missing = tags.iter().zip(tagged).filter(|(_, tagged)| !tagged);
    let missing_tags = missing.map(|(tag, _)| tag.as_str()).collect();
    Ok(TargetState { has_image, lacked_layers, missing_tags })
}

/// The blobs of some images, each once.
fn needed_blobs<'a, F: AsyncFn(&Repository) -> Result<(), PushError>>(
    images: impl Iterator<Item = Outgoing<'a>>,
    pusher: &BlobPusher<'_, F>,
) -> Vec<NeededBlob<'a>> {
    let mut blobs: BTreeMap<&Digest, NeededBlob<'_>> = BTreeMap::new();
    for Outgoing { built, target, .. } in images {
        let image = &built.image;
        let layer = |layer: &'a Layer| BlobContent::Layer(layer, built.origins.get(&layer.digest));
        let config = BlobContent::Config(image.config_digest(), image.config());
        for content in image.unique_blobs().into_iter().map(layer).chain([config]) {
            let new = || NeededBlob { content, repositories: BTreeSet::new() };
            blobs.entry(content.digest()).or_insert_with(new).repositories.insert(&target.repository);
        }
    }
    let mut blobs: Vec<_> = blobs.into_values().collect();
    // Blobs that are not being pushed yet do not wait behind those that are.
    blobs.sort_by_key(|blob| pusher.is_in_first_push(blob.content.digest()));
    blobs
}

/// Sends the manifest under the tags that do not point to it, or under its digest if there are none. A tag that does is not
/// written again: it may be immutable.
async fn push_manifest(
    Outgoing { manifest, target, .. }: Outgoing<'_>,
    state: &TargetState<'_>,
    pace: &EcrPace,
    context: &Context,
) -> Result<(), PushError> {
    let (repository, Manifest { media_types, bytes, digest }) = (&target.repository, manifest);
    let put = async |version: &str| -> Result<(), PushError> {
        pace.wait(repository).await;
        Ok(context.registry.put_manifest(repository, version, media_types.manifest(), bytes).await?)
    };
    let is_absent = !state.has_image;
    if is_absent && state.missing_tags.is_empty() {
        put(digest.as_str()).await?;
    }
    for tag in &state.missing_tags {
        if let Err(error) = put(tag).await {
            let error = error.of_tag(repository, tag);
            // The image can be used by its digest.
            if is_absent && matches!(error, PushError::ImmutableTag { .. }) {
                put(digest.as_str()).await?;
            }
            return Err(error);
        }
    }
    Ok(())
}

/// Keeps to the rate at which Amazon ECR accepts manifests.
#[derive(Default)]
struct EcrPace {
    interval: tokio::sync::Mutex<Option<Interval>>,
}

impl EcrPace {
    async fn wait(&self, repository: &Repository) {
        if EcrHost::parse(&repository.host).is_none() {
            return;
        }
        let mut interval = self.interval.lock().await;
        let interval = interval.get_or_insert_with(|| {
            let mut interval = tokio::time::interval(ECR_MANIFEST_INTERVAL);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        interval.tick().await;
    }
}

fn pushed<F: AsyncFn(&Repository) -> Result<(), PushError>>(
    Outgoing { built, manifest, target }: Outgoing<'_>,
    state: &TargetState<'_>,
    pusher: &BlobPusher<'_, F>,
) -> Pushed {
    let image = &built.image;
    let mut result = Pushed {
        target: target.clone(),
        digest: manifest.digest.clone(),
        unchanged: state.has_image && state.missing_tags.is_empty(),
        uploaded: BlobTotal::default(),
        mounted: BlobTotal::default(),
        present: BlobTotal::default(),
    };
    let layers = image.unique_blobs().into_iter().map(|layer| (&layer.digest, layer.size));
    for (digest, bytes) in layers.chain([(image.config_digest(), image.config().len() as u64)]) {
        let total = match pusher.outcome(digest, &target.repository) {
            Some(BlobOutcome::Uploaded) => &mut result.uploaded,
            Some(BlobOutcome::Mounted) => &mut result.mounted,
            Some(BlobOutcome::Present) | None => &mut result.present,
        };
        *total += BlobTotal { blobs: 1, bytes };
    }
    result
}

#[cfg(test)]
mod tests;
