//! Sends finished images to registries, each byte at most once.
//!
//! What a registry has is asked for before anything is sent: an image that is there costs one request. A blob that some
//! repositories of one registry lack is sent to one of them and taken over into the others by the registry itself. Manifests
//! follow when all blobs are there, tags when the manifests are, so that nothing half sent ever has a name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::time::{Interval, MissedTickBehavior};

use super::{Built, Context, Origin, PushError, bytes};
use crate::event::Event;
use crate::image::{Image, Layer};
use crate::project::Repository;
use crate::registry::{Mount, Upload};
use crate::store::Digest;

/// How many blobs or images are under way at once. What they do at once is the client's to limit.
const UNDER_WAY: usize = 32;

/// How many repositories are prepared at once.
const PREPARED: usize = 4;

/// The pause between two manifests for a registry that takes ten a second (Amazon ECR service quotas, `PutImage`).
const MANIFEST_PAUSE: Duration = Duration::from_millis(110);

/// From how many other repositories a registry is asked to take a blob over before it is sent.
const MOUNT_TRIES: usize = 2;

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

/// How a blob got into a repository.
#[derive(Clone, Copy)]
enum Way {
    Sent,
    Mounted,
    Present,
}

/// A blob and the repositories that need it.
struct Job<'a> {
    digest: &'a Digest,
    content: Content<'a>,
    repositories: BTreeSet<&'a Repository>,
}

#[derive(Clone, Copy)]
enum Content<'a> {
    /// A layer, and where its bytes come from if they are not here.
    Layer(&'a Layer, Option<&'a Origin>),
    Config(&'a [u8]),
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

/// What is learnt on the way about what registries take over.
#[derive(Default)]
struct Mounts {
    /// Repositories from which the registry did not take a blob over.
    refused: Mutex<BTreeSet<Repository>>,
    /// Hosts of which the user has been told.
    told: Mutex<BTreeSet<String>>,
}

/// Sends images. `ready` is called for each repository that something is going to be sent to, before that.
///
/// # Errors
/// When a registry refuses something, or cannot be reached in spite of several tries. Then no image got a tag that is not
/// there as a whole.
pub(super) async fn push(
    built: &[Built],
    targets: &[Target],
    ready: impl AsyncFn(&Repository) -> Result<(), PushError>,
    context: &Context,
) -> Result<Vec<Pushed>, PushError> {
    let images: Vec<(&Built, &Target)> = built.iter().zip(targets).collect();
    // The first goes alone: where nobody can be reached or let in, it is told once.
    let mut known: Vec<Known<'_>> = Vec::new();
    if let Some((built, target)) = images.first() {
        known.push(look(&built.image, target, context).await?);
    }
    let others = images.iter().skip(1).map(|(built, target)| look(&built.image, target, context));
    known.extend(stream::iter(others).buffered(UNDER_WAY).try_collect::<Vec<_>>().await?);
    let states = || images.iter().zip(&known);
    let absent = || states().filter(|(_, known)| !known.there).map(|(image, _)| image);
    let prepared = absent().map(|(_, target)| ready(&target.repository));
    stream::iter(prepared).buffer_unordered(PREPARED).try_collect::<Vec<()>>().await?;

    let ways = send_blobs(absent(), &holders(states()), context).await?;

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
    Ok(states().map(|((built, target), known)| report(&built.image, target, known, &ways)).collect())
}

/// Asks what the registry knows of an image. Where it has all that is wanted, that is one request a tag.
async fn look<'a>(image: &Image, target: &'a Target, context: &Context) -> Result<Known<'a>, PushError> {
    let Target { repository, tags } = target;
    let has = async |version: &str| -> Result<bool, PushError> {
        Ok(context.registry.manifest_digest(repository, version).await?.as_ref() == Some(image.digest()))
    };
    let tagged = try_join_all(tags.iter().map(|tag| has(tag))).await?;
    // A tag that leads to the image says that it is there, too.
    let there = tagged.contains(&true) || has(image.digest().as_str()).await?;
    let lacking = tags.iter().zip(tagged).filter(|(_, has)| !has).map(|(tag, _)| tag.as_str()).collect();
    Ok(Known { there, lacking })
}

/// Repositories that are known to have a blob, since they have an image with it.
fn holders<'a>(
    states: impl Iterator<Item = (&'a (&'a Built, &'a Target), &'a Known<'a>)>,
) -> BTreeMap<&'a Digest, BTreeSet<&'a Repository>> {
    let mut holders: BTreeMap<&Digest, BTreeSet<&Repository>> = BTreeMap::new();
    for ((built, target), known) in states {
        if known.there {
            for layer in built.image.layers() {
                holders.entry(&layer.digest).or_default().insert(&target.repository);
            }
        }
    }
    holders
}

/// Brings every blob of the images to their repositories. The result says how each got there.
async fn send_blobs<'a>(
    images: impl Iterator<Item = &'a (&'a Built, &'a Target)>,
    holders: &BTreeMap<&Digest, BTreeSet<&Repository>>,
    context: &Context,
) -> Result<BTreeMap<(Digest, Repository), Way>, PushError> {
    let mut jobs: BTreeMap<&Digest, Job<'_>> = BTreeMap::new();
    for (built, target) in images {
        let image = &built.image;
        let layers = image
            .layers()
            .iter()
            .map(|layer| (&layer.digest, Content::Layer(layer, built.origins.get(&layer.digest))));
        let config = (image.config_digest(), Content::Config(image.config()));
        for (digest, content) in layers.chain([config]) {
            let new = || Job { digest, content, repositories: BTreeSet::new() };
            jobs.entry(digest).or_insert_with(new).repositories.insert(&target.repository);
        }
    }
    let mounts = Mounts::default();
    let send = |job: Job<'a>| {
        let mounts = &mounts;
        let holders = holders.get(job.digest);
        async move { send_blob(&job, holders, mounts, context).await }
    };
    let ways: Vec<_> =
        stream::iter(jobs.into_values()).map(send).buffer_unordered(UNDER_WAY).try_collect().await?;
    Ok(ways.into_iter().flatten().collect())
}

/// Brings one blob to the repositories that need it.
async fn send_blob(
    job: &Job<'_>,
    holders: Option<&BTreeSet<&Repository>>,
    mounts: &Mounts,
    context: &Context,
) -> Result<Vec<((Digest, Repository), Way)>, PushError> {
    let repositories: Vec<&Repository> = job.repositories.iter().copied().collect();
    let has = repositories.iter().map(|repository| context.registry.has_blob(repository, job.digest));
    let present = try_join_all(has).await?;
    let (having, lacking): (Vec<_>, Vec<_>) =
        repositories.into_iter().zip(present).partition(|(_, present)| *present);
    let origin = match job.content {
        Content::Layer(_, origin) => origin.and_then(Origin::repository),
        Content::Config(_) => None,
    };
    let mut sources: Vec<&Repository> = having.iter().map(|(repository, _)| *repository).collect();
    sources.extend(origin.into_iter().chain(holders.into_iter().flatten().copied()));

    let entry = |repository: &Repository, way| ((job.digest.clone(), repository.clone()), way);
    let mut ways: Vec<_> = having.iter().map(|(repository, _)| entry(repository, Way::Present)).collect();
    let mut lacking = lacking.into_iter().map(|(repository, _)| repository);
    // The others can then take it over from the first.
    if let Some(first) = lacking.next() {
        ways.push(entry(first, bring_to(first, job, &sources, mounts, context).await?));
        sources.insert(0, first);
    }
    let rest = lacking.map(async |repository| -> Result<_, PushError> {
        Ok(entry(repository, bring_to(repository, job, &sources, mounts, context).await?))
    });
    ways.extend(try_join_all(rest).await?);
    Ok(ways)
}

/// Brings one blob to one repository that lacks it.
async fn bring_to(
    repository: &Repository,
    job: &Job<'_>,
    sources: &[&Repository],
    mounts: &Mounts,
    context: &Context,
) -> Result<Way, PushError> {
    let mut session = None;
    let same_host = sources.iter().filter(|source| source.host == repository.host && **source != repository);
    for source in same_host.filter(|source| !mounts.is_refused(source)).take(MOUNT_TRIES) {
        match context.registry.mount(repository, job.digest, &source.name).await? {
            Mount::Mounted => {
                context.reporter.report(Event::Mounted {
                    digest: job.digest.to_string(),
                    repository: repository.to_string(),
                    from: source.name.clone(),
                });
                return Ok(Way::Mounted);
            }
            Mount::Refused(opened) => {
                mounts.refuse(source, opened.is_some(), context);
                session = opened;
            }
        }
        if session.is_some() {
            break;
        }
    }
    match job.content {
        Content::Config(bytes) => {
            context.registry.upload(repository, job.digest, Upload::Bytes(bytes), session).await?;
        }
        Content::Layer(layer, origin) => {
            if let Some(origin) = origin {
                bytes::bring([(layer, origin)], context).await?;
            }
            context.registry.upload(repository, job.digest, Upload::Blob(&layer.blob), session).await?;
        }
    }
    Ok(Way::Sent)
}

impl Mounts {
    fn is_refused(&self, source: &Repository) -> bool {
        super::lock(&self.refused).contains(source)
    }

    /// Notes that a registry did not take a blob over. Where it wants to have it sent instead, that is how it does things,
    /// and the user is told once; whatever else it refuses the upload will show.
    fn refuse(&self, source: &Repository, wants_upload: bool, context: &Context) {
        super::lock(&self.refused).insert(source.clone());
        if wants_upload && super::lock(&self.told).insert(source.host.clone()) {
            context.reporter.report(Event::NotMounted { host: source.host.clone() });
        }
    }
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
        let media_type = image.family().manifest();
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
        if !is_ecr(&repository.host) {
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

#[cfg(feature = "aws")]
fn is_ecr(host: &str) -> bool {
    crate::aws::EcrHost::parse(host).is_some()
}

#[cfg(not(feature = "aws"))]
fn is_ecr(_: &str) -> bool {
    false
}

fn report(
    image: &Image,
    target: &Target,
    known: &Known<'_>,
    ways: &BTreeMap<(Digest, Repository), Way>,
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
        match ways.get(&(digest.clone(), target.repository.clone())) {
            Some(Way::Sent) => pushed.sent.add(size),
            Some(Way::Mounted) => pushed.mounted.add(size),
            Some(Way::Present) | None => pushed.present.add(size),
        }
    }
    pushed
}

#[cfg(test)]
mod tests;
