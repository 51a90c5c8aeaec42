//! Sends finished images to registries, each byte at most once.
//!
//! What a registry has is asked for before anything is sent: an image that is there costs one request. A blob that some
//! repositories of one registry lack is sent to one of them and taken over into the others by the registry itself. Manifests
//! follow when all blobs are there, tags when the manifests are, so that nothing half sent ever has a name. What went early
//! (see [`while_building`]) is not asked for again.

pub(super) mod blob_pusher;
pub(super) mod while_building;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::{Interval, MissedTickBehavior};

use super::{Built, Context, PushError};
use crate::event::Event;
use crate::image::Image;
use crate::project::{EcrHost, Repository};
use crate::store::Digest;
use blob_pusher::{Content, Courier, UNDER_WAY, Way};

/// The pause between two manifests for a registry that takes ten a second (Amazon ECR service quotas, `PutImage`).
const MANIFEST_PAUSE: Duration = Duration::from_millis(110);

/// Where the image of a function is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The repository.
    pub repository: Repository,
    /// The tags that the image gets there.
    pub tags: Vec<String>,
}

/// What became of a function's image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Where it is.
    pub target: Target,
    /// Whether the registry had the image under all its tags, so that nothing was sent.
    pub unchanged: bool,
    /// Blobs that were sent.
    pub sent: Amount,
    /// Blobs that the registry took over from another of its repositories.
    pub mounted: Amount,
    /// Blobs that the repository had.
    pub present: Amount,
}

/// A number of blobs and their size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub blobs: u64,
    /// Their size in bytes, all together.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.blobs += 1;
        self.bytes += bytes;
    }
}

impl std::ops::AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.blobs += other.blobs;
        self.bytes += other.bytes;
    }
}

/// What is known of an image at its target.
struct Known<'a> {
    /// Whether it is there.
    there: bool,
    /// The tags that do not lead to it.
    lacking: Vec<&'a str>,
}

impl Known<'_> {
    /// Whether the registry has all that is wanted.
    fn is_all(&self) -> bool {
        self.there && self.lacking.is_empty()
    }
}

/// A blob and the repositories that need it.
struct Job<'a> {
    content: Content<'a>,
    repositories: BTreeSet<&'a Repository>,
}

/// Sends images.
///
/// # Errors
/// When a registry refuses something, or cannot be reached in spite of several tries. Then no image got a tag that is not
/// there as a whole.
pub(super) async fn push<F: AsyncFn(&Repository) -> Result<(), PushError>>(
    built: &[Built],
    targets: &[Target],
    courier: &Courier<'_, F>,
) -> Result<Vec<Pushed>, PushError> {
    let context = courier.context();
    let images: Vec<(&Built, &Target)> = built.iter().zip(targets).collect();
    let looks = images.iter().map(|(built, target)| look(&built.image, target, courier));
    let known: Vec<Known<'_>> = stream::iter(looks).buffered(UNDER_WAY).try_collect().await?;
    let states = || images.iter().zip(&known);
    let absent = || states().filter(|(_, known)| !known.there).map(|(image, _)| image);
    try_join_all(absent().map(|(_, target)| courier.prepare(&target.repository))).await?;

    // What is there can be taken over from there.
    for ((built, target), _) in states().filter(|(_, known)| known.there) {
        built.image.layers().iter().for_each(|layer| courier.note(&layer.digest, &target.repository));
    }
    let blobs = jobs(absent(), courier).into_iter().map(|job| courier.bring(job.content, job.repositories));
    stream::iter(blobs).buffer_unordered(UNDER_WAY).try_collect::<()>().await?;

    let pause = Pause::default();
    let manifests =
        states().map(|((built, target), known)| send_manifest(&built.image, target, known, &pause, context));
    // All are tried, so that it is known of each what became of it.
    let sent: Vec<_> = stream::iter(manifests).buffered(UNDER_WAY).collect().await;
    if sent.iter().any(Result::is_err) {
        for ((built, target), _) in images.iter().zip(&sent).filter(|(_, sent)| sent.is_ok()) {
            let (repository, digest) = (target.repository.to_string(), built.image.digest().to_string());
            context.reporter.report(Event::Pushed { repository, digest });
        }
    }
    sent.into_iter().collect::<Result<Vec<()>, _>>()?;
    Ok(states().map(|((built, target), known)| report(&built.image, target, known, courier)).collect())
}

/// Finds what the registry knows of an image. Where it has all that is wanted, that is one request a tag; where it lacked a
/// layer of it just now, nothing more is asked.
async fn look<'a, F: AsyncFn(&Repository) -> Result<(), PushError>>(
    image: &Image,
    target: &'a Target,
    courier: &Courier<'_, F>,
) -> Result<Known<'a>, PushError> {
    let Target { repository, tags } = target;
    let lacks_layers = || image.layers().iter().any(|layer| courier.has_lacked(&layer.digest, repository));
    let has = async |version: &str| -> Result<bool, PushError> {
        let found = courier.context().registry.manifest_digest(repository, version).await?;
        Ok(found.as_ref() == Some(image.digest()))
    };
    let ask = async {
        let tagged = try_join_all(tags.iter().map(|tag| has(tag))).await?;
        // A tag that leads to the image says that it is there, too.
        let there = tagged.contains(&true) || !lacks_layers() && has(image.digest().as_str()).await?;
        Ok((tagged, there))
    };
    let (tagged, there) =
        if lacks_layers() { (vec![false; tags.len()], false) } else { courier.ask(ask).await? };
    let lacking = tags.iter().zip(tagged).filter(|(_, has)| !has).map(|(tag, _)| tag.as_str()).collect();
    Ok(Known { there, lacking })
}

/// The blobs of some images.
fn jobs<'a, F: AsyncFn(&Repository) -> Result<(), PushError>>(
    images: impl Iterator<Item = &'a (&'a Built, &'a Target)>,
    courier: &Courier<'_, F>,
) -> Vec<Job<'a>> {
    let mut jobs: BTreeMap<&Digest, Job<'_>> = BTreeMap::new();
    for (built, target) in images {
        let image = &built.image;
        let layer = |layer| Content::Layer(layer, built.origins.get(&layer.digest));
        let config = Content::Config(image.config_digest(), image.config());
        for content in image.layers().iter().map(layer).chain([config]) {
            let new = || Job { content, repositories: BTreeSet::new() };
            jobs.entry(content.digest()).or_insert_with(new).repositories.insert(&target.repository);
        }
    }
    let mut jobs: Vec<_> = jobs.into_values().collect();
    // What nobody sends yet does not wait behind what went early.
    jobs.sort_by_key(|job| courier.is_on_its_way(job.content.digest()));
    jobs
}

/// Sends the manifest under its digest, and then gives it the tags that it lacks. One that it has is not given again: it may
/// be immutable.
async fn send_manifest(
    image: &Image,
    target: &Target,
    known: &Known<'_>,
    pause: &Pause,
    context: &Context,
) -> Result<(), PushError> {
    let repository = &target.repository;
    let put = async |version: &str| -> Result<(), PushError> {
        pause.take(repository).await;
        let media_type = image.media_types().manifest();
        Ok(context.registry.put_manifest(repository, version, media_type, image.manifest()).await?)
    };
    if !known.there {
        put(image.digest().as_str()).await?;
    }
    for tag in &known.lacking {
        put(tag).await.map_err(|error| error.of_tag(repository, tag))?;
    }
    Ok(())
}

/// Keeps to the rate at which Amazon ECR takes manifests.
#[derive(Default)]
struct Pause {
    next: tokio::sync::Mutex<Option<Interval>>,
}

impl Pause {
    async fn take(&self, repository: &Repository) {
        if EcrHost::parse(&repository.host).is_none() {
            return;
        }
        let mut next = self.next.lock().await;
        let interval = next.get_or_insert_with(|| {
            let mut interval = tokio::time::interval(MANIFEST_PAUSE);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        interval.tick().await;
    }
}

fn report<F: AsyncFn(&Repository) -> Result<(), PushError>>(
    image: &Image,
    target: &Target,
    known: &Known<'_>,
    courier: &Courier<'_, F>,
) -> Pushed {
    let mut pushed = Pushed {
        target: target.clone(),
        unchanged: known.is_all(),
        sent: Amount::default(),
        mounted: Amount::default(),
        present: Amount::default(),
    };
    let layers = image.unique_layers().into_iter().map(|layer| (&layer.digest, layer.size));
    for (digest, size) in layers.chain([(image.config_digest(), image.config().len() as u64)]) {
        match courier.way(digest, &target.repository) {
            Some(Way::Sent) => pushed.sent.add(size),
            Some(Way::Mounted) => pushed.mounted.add(size),
            Some(Way::Present) | None => pushed.present.add(size),
        }
    }
    pushed
}

#[cfg(test)]
mod tests;
