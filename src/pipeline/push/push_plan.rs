//! What a push would send, found out before it: nothing is made, sent or written here.
//!
//! Whether a registry mounts a blob is only known when it is asked to, so a mount is what limg would try.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::blob_pusher::{BlobContent, BlobPusher};
use super::{BlobTotal, Target, known_places, pushed_blobs};
use crate::image::Layer;
use crate::pipeline::context::Context;
use crate::pipeline::error::PushError;
use crate::pipeline::survey::{Surveyed, SurveyedLayer};
use crate::project::Repository;
use crate::store::Digest;

/// Where to find out what registries have.
#[derive(Debug)]
pub(crate) enum Evidence {
    /// The registries are asked.
    Registry,
    /// No registry is asked: the image that was last pushed to each target, by its digest, and what the store knows.
    LastPush(Vec<Option<Digest>>),
}

/// What a push of a function's image would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PushPlan {
    /// Where the image would be pushed to.
    pub target: Target,
    /// The digest of its manifest, if all its layers exist.
    pub digest: Option<Digest>,
    /// What would change.
    pub change: PushChange,
    /// The layers that are not in the repository, the lowest first.
    pub layers: Vec<PlannedLayer>,
    /// Blobs that would be uploaded, without those that are still to be made.
    pub upload: BlobTotal,
    /// Blobs that limg would try to mount from another repository.
    pub mount: BlobTotal,
    /// Blobs that the repository has.
    pub present: BlobTotal,
    /// Layers that are still to be made, with the size of their files.
    pub build: BlobTotal,
}

/// How much of an image would change in its repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushChange {
    /// Nothing.
    Unchanged,
    /// The repository has the image, and its tags would move.
    Tags,
    /// The repository has all layers, but not the config or the manifest.
    Configuration,
    /// Layers.
    Layers,
}

/// A layer that a push would make, upload or mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedLayer {
    /// What it contains.
    pub name: String,
    /// The digest of its blob, if that exists.
    pub digest: Option<Digest>,
    /// Its size in bytes: that of its files if it is still to be made.
    pub bytes: u64,
    /// What would be done.
    pub step: LayerStep,
}

/// What a push would do with a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LayerStep {
    /// Make it, and upload it unless the repository turns out to have it.
    Build,
    /// Upload it.
    Upload,
    /// Mount it from another repository.
    Mount,
}

/// What is known about an image in its repository.
struct State {
    has_image: bool,
    has_tags: bool,
}

/// Plans the pushes of some images, each to its target.
///
/// # Errors
/// When a registry cannot be asked.
pub(in crate::pipeline) async fn plan(
    images: &[&Surveyed],
    targets: &[Target],
    evidence: &Evidence,
    context: &Context,
) -> Result<Vec<PushPlan>, PushError> {
    // Nothing is sent, so no repository is prepared.
    let pusher = &BlobPusher::new(async |_: &Repository| Ok(()), context);
    let pairs: Vec<_> = images.iter().copied().zip(targets).collect();
    let states: Vec<State> = match evidence {
        Evidence::Registry => {
            let states = pairs.iter().map(|(image, target)| ask(image, target, pusher));
            stream::iter(states).buffered(context.registry.small_operations()).try_collect().await?
        }
        Evidence::LastPush(last) => {
            let states = pairs.iter().zip(last);
            states.map(|((image, target), last)| recall(image, target, last.as_ref(), pusher)).collect()
        }
    };
    // A blob that several repositories lack is uploaded to the first of them.
    let mut uploaded = BTreeSet::new();
    let plans = pairs.iter().zip(&states);
    Ok(plans.map(|((image, target), state)| plan_one(image, target, state, pusher, &mut uploaded)).collect())
}

/// Asks the registry what it has of an image. An unchanged one takes one request a tag.
async fn ask<F: AsyncFn(&Repository) -> Result<(), PushError>>(
    image: &Surveyed,
    target: &Target,
    pusher: &BlobPusher<'_, F>,
) -> Result<State, PushError> {
    let Target { repository, tags } = target;
    let (mut has_image, mut has_tags) = (false, false);
    if let Some(digest) = image.built.as_ref().and_then(|built| built.image.digest()) {
        let has = async |version: &str| -> Result<bool, PushError> {
            Ok(pusher.manifest_digest(repository, version).await?.as_ref() == Some(digest))
        };
        let tagged = try_join_all(tags.iter().map(|tag| has(tag))).await?;
        has_tags = tagged.iter().all(|tagged| *tagged);
        has_image = tagged.contains(&true) || has(digest.as_str()).await?;
    }
    if !has_image {
        try_join_all(blobs(image).map(|layer| pusher.missing_from(&layer.digest, [repository]))).await?;
        if let Some(built) = &image.built {
            pusher.missing_from(built.image.config_digest(), [repository]).await?;
        }
    }
    remember(image, target, has_image, pusher);
    Ok(State { has_image, has_tags })
}

/// Finds out the same from what is known of earlier pushes.
fn recall<F: AsyncFn(&Repository) -> Result<(), PushError>>(
    image: &Surveyed,
    target: &Target,
    last: Option<&Digest>,
    pusher: &BlobPusher<'_, F>,
) -> State {
    let (repository, store) = (&target.repository, &pusher.context().store);
    let has_image = last.is_some() && last == image.built.as_ref().and_then(|built| built.image.digest());
    let in_last = last.map(|digest| pushed_blobs::of(digest, store)).unwrap_or_default();
    let has = |digest: &Digest, size: u64| {
        let places = || known_places::of(digest, size, &repository.host, store);
        in_last.contains(digest) || places().contains(&repository.name)
    };
    let layers = blobs(image).map(|layer| (&layer.digest, layer.size));
    let config = image.built.as_ref().map(|built| (built.image.config_digest(), 0));
    for (digest, size) in layers.chain(config) {
        if has(digest, size) {
            pusher.set_present(digest, repository);
        } else {
            pusher.set_missing(digest, repository);
        }
    }
    remember(image, target, has_image, pusher);
    State { has_image, has_tags: has_image }
}

/// A repository that has an image has all its blobs.
fn remember<F: AsyncFn(&Repository) -> Result<(), PushError>>(
    image: &Surveyed,
    target: &Target,
    has_image: bool,
    pusher: &BlobPusher<'_, F>,
) {
    if has_image {
        blobs(image).for_each(|layer| pusher.set_present(&layer.digest, &target.repository));
    }
}

fn blobs(image: &Surveyed) -> impl Iterator<Item = &Layer> {
    image.layers.iter().filter_map(|layer| Some(&layer.blob.as_ref()?.0))
}

fn plan_one<'a, F: AsyncFn(&Repository) -> Result<(), PushError>>(
    image: &'a Surveyed,
    target: &'a Target,
    state: &State,
    pusher: &BlobPusher<'_, F>,
    uploaded: &mut BTreeSet<(&'a Digest, &'a str)>,
) -> PushPlan {
    let repository = &target.repository;
    let mut plan = PushPlan {
        target: target.clone(),
        digest: image.built.as_ref().and_then(|built| built.image.digest()).cloned(),
        change: PushChange::Unchanged,
        layers: Vec::new(),
        upload: BlobTotal::default(),
        mount: BlobTotal::default(),
        present: BlobTotal::default(),
        build: BlobTotal::default(),
    };
    // What is done with a blob; none if the repository has it.
    let mut step = |content: BlobContent<'a>| {
        let digest = content.digest();
        if state.has_image || pusher.is_present(digest, repository) {
            None
        } else if !uploaded.insert((digest, &repository.host)) || pusher.can_mount(repository, content) {
            Some(LayerStep::Mount)
        } else {
            Some(LayerStep::Upload)
        }
    };
    let mut seen = BTreeSet::new();
    for SurveyedLayer { name, blob, files } in &image.layers {
        let (step, digest, bytes) = match blob {
            None => (Some(LayerStep::Build), None, *files),
            Some((layer, _)) if !seen.insert(&layer.digest) => continue,
            Some((layer, origin)) => {
                let step = step(BlobContent::Layer(layer, origin.as_ref()));
                (step, Some(layer.digest.clone()), layer.size)
            }
        };
        plan.count(step, bytes);
        plan.layers.extend(step.map(|step| PlannedLayer { name: name.clone(), digest, bytes, step }));
    }
    if let Some(built) = &image.built {
        let config = BlobContent::Config(built.image.config_digest(), built.image.config());
        plan.count(step(config), built.image.config().len() as u64);
    }
    plan.change = match state {
        State { has_image: true, has_tags: true } => PushChange::Unchanged,
        State { has_image: true, has_tags: false } => PushChange::Tags,
        State { has_image: false, .. } if plan.layers.is_empty() => PushChange::Configuration,
        State { has_image: false, .. } => PushChange::Layers,
    };
    plan
}

impl PushPlan {
    /// Counts a blob.
    fn count(&mut self, step: Option<LayerStep>, bytes: u64) {
        let total = match step {
            None => &mut self.present,
            Some(LayerStep::Build) => &mut self.build,
            Some(LayerStep::Upload) => &mut self.upload,
            Some(LayerStep::Mount) => &mut self.mount,
        };
        *total += BlobTotal { blobs: 1, bytes };
    }
}
