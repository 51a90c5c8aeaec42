//! Brings blobs into repositories, each at most once, whoever asks for it and however often.
//!
//! The first question goes alone: where nobody can be reached or let in, that is told once. A blob that several repositories
//! of one registry lack is sent to one of them, and the registry takes it over into the others. Nothing is decided here about
//! which blobs an image needs, and nothing gets a name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures_util::future::try_join_all;
use tokio::sync::{Mutex as Turn, OnceCell, Semaphore};

use crate::event::Event;
use crate::image::Layer;
use crate::pipeline::{Context, Origin, PushError, layer_bytes, lock};
use crate::project::Repository;
use crate::registry::{MountOutcome, UploadContent};
use crate::store::Digest;

/// How many blobs are on their way at once. What they do at once is the client's to limit.
pub(super) const UNDER_WAY: usize = 32;

/// How many repositories are prepared at once.
const PREPARED: usize = 4;

/// From how many other repositories a registry is asked to take a blob over before it is sent.
const MOUNT_TRIES: usize = 2;

/// How a blob got into a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Sent,
    Mounted,
    Present,
}

/// A blob to bring.
#[derive(Clone, Copy)]
pub(super) enum Content<'a> {
    /// A layer, and where its bytes come from if they are not here.
    Layer(&'a Layer, Option<&'a Origin>),
    /// A config: its digest and its bytes.
    Config(&'a Digest, &'a [u8]),
}

impl<'a> Content<'a> {
    pub(super) fn digest(self) -> &'a Digest {
        match self {
            Self::Layer(layer, _) => &layer.digest,
            Self::Config(digest, _) => digest,
        }
    }

    fn origin(self) -> Option<&'a Repository> {
        match self {
            Self::Layer(_, origin) => origin.and_then(Origin::repository),
            Self::Config(..) => None,
        }
    }
}

/// Brings the blobs of one push.
pub(in crate::pipeline) struct Courier<'a, F> {
    /// Called for each repository before the first thing is sent to it, once.
    ready: F,
    context: &'a Context,
    /// Whether a registry has answered yet.
    answered: Turn<bool>,
    blobs: Mutex<BTreeMap<Digest, Arc<Whereabouts>>>,
    repositories: Mutex<BTreeMap<Repository, Arc<OnceCell<()>>>>,
    preparing: Semaphore,
    under_way: Semaphore,
    /// Repositories from which the registry did not take a blob over.
    refused: Mutex<BTreeSet<Repository>>,
    /// Hosts of which the user has been told that they do not take blobs over.
    told: Mutex<BTreeSet<String>>,
}

/// What is known of a blob.
#[derive(Default)]
struct Whereabouts {
    /// Held while a registry gets it for the first time.
    first: Turn<()>,
    places: Mutex<BTreeMap<Repository, Arc<Place>>>,
}

/// What is known of a blob in a repository.
#[derive(Default)]
struct Place {
    /// Whether it was there.
    asked: OnceCell<bool>,
    /// How it got there, if it was not.
    brought: OnceCell<Way>,
}

impl Place {
    fn way(&self) -> Option<Way> {
        if self.asked.get() == Some(&true) { Some(Way::Present) } else { self.brought.get().copied() }
    }
}

impl Whereabouts {
    fn place(&self, repository: &Repository) -> Arc<Place> {
        Arc::clone(lock(&self.places).entry(repository.clone()).or_default())
    }

    /// The other repositories of the same registry that have it.
    fn holders(&self, beside: &Repository) -> Vec<Repository> {
        let places = lock(&self.places);
        let others =
            places.iter().filter(|(other, _)| other.host == beside.host && other.name != beside.name);
        others.filter(|(_, place)| place.way().is_some()).map(|(other, _)| other.clone()).collect()
    }
}

impl<'a, F: AsyncFn(&Repository) -> Result<(), PushError>> Courier<'a, F> {
    /// `ready` is called for each repository before the first thing is sent to it, once.
    pub(in crate::pipeline) fn new(ready: F, context: &'a Context) -> Self {
        Self {
            ready,
            context,
            answered: Turn::default(),
            blobs: Mutex::default(),
            repositories: Mutex::default(),
            preparing: Semaphore::new(PREPARED),
            under_way: Semaphore::new(UNDER_WAY),
            refused: Mutex::default(),
            told: Mutex::default(),
        }
    }

    pub(super) fn context(&self) -> &'a Context {
        self.context
    }

    /// Asks a registry something, alone until one has answered.
    pub(super) async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, PushError>>,
    ) -> Result<T, PushError> {
        let mut answered = self.answered.lock().await;
        if *answered {
            drop(answered);
            return question.await;
        }
        let answer = question.await?;
        *answered = true;
        Ok(answer)
    }

    /// Makes sure that something can be sent to a repository.
    pub(super) async fn prepare(&self, repository: &Repository) -> Result<(), PushError> {
        let prepared = Arc::clone(lock(&self.repositories).entry(repository.clone()).or_default());
        let prepare = async || {
            let _turn = self.preparing.acquire().await;
            (self.ready)(repository).await
        };
        prepared.get_or_try_init(prepare).await.copied()
    }

    /// Notes that a repository has a blob, so that nobody need ask.
    pub(super) fn note(&self, digest: &Digest, repository: &Repository) {
        // What was asked and found lacking has been brought meanwhile, or is on its way.
        drop(self.blob(digest).place(repository).asked.set(true));
    }

    /// How a blob got into a repository, if it was brought or asked for.
    pub(super) fn way(&self, digest: &Digest, repository: &Repository) -> Option<Way> {
        lock(&self.blobs).get(digest)?.place(repository).way()
    }

    /// Whether a repository was asked for a blob and lacked it.
    pub(super) fn has_lacked(&self, digest: &Digest, repository: &Repository) -> bool {
        let blob = lock(&self.blobs).get(digest).cloned();
        blob.is_some_and(|blob| blob.place(repository).asked.get() == Some(&false))
    }

    /// Whether a registry is getting a blob for the first time just now.
    pub(super) fn is_on_its_way(&self, digest: &Digest) -> bool {
        self.blob(digest).first.try_lock().is_err()
    }

    /// The repositories that lacked a blob when they were asked for the first time. Each is asked once.
    pub(super) async fn lacking<'r>(
        &self,
        digest: &Digest,
        repositories: impl IntoIterator<Item = &'r Repository>,
    ) -> Result<Vec<&'r Repository>, PushError> {
        let blob = &self.blob(digest);
        let ask = async |repository: &'r Repository| -> Result<_, PushError> {
            let has = async || Ok(self.context.registry.has_blob(repository, digest).await?);
            let place = blob.place(repository);
            let there = *place.asked.get_or_try_init(|| self.ask(has())).await?;
            Ok((!there).then_some(repository))
        };
        let lacking = try_join_all(repositories.into_iter().map(ask)).await?;
        Ok(lacking.into_iter().flatten().collect())
    }

    /// Brings a blob to those of some repositories that lack it.
    pub(super) async fn bring<'r>(
        &self,
        content: Content<'_>,
        repositories: impl IntoIterator<Item = &'r Repository>,
    ) -> Result<(), PushError> {
        // All are asked first: what one of them has the others can take over from it.
        let lacking = self.lacking(content.digest(), repositories).await?;
        let blob = &self.blob(content.digest());
        let bring = async |repository: &'r Repository| {
            let place = blob.place(repository);
            place.brought.get_or_try_init(|| self.bring_to(repository, content, blob)).await.map(drop)
        };
        try_join_all(lacking.into_iter().map(bring)).await.map(drop)
    }

    /// Brings a blob to a repository that lacks it.
    async fn bring_to(
        &self,
        repository: &Repository,
        content: Content<'_>,
        blob: &Whereabouts,
    ) -> Result<Way, PushError> {
        self.prepare(repository).await?;
        // The first gets it alone. Then the others can take it over from there, all at once.
        let first = blob.first.lock().await;
        let holders = blob.holders(repository);
        let _first = holders.is_empty().then_some(first);
        let _turn = self.under_way.acquire().await;
        // On the heap, so that those that wait are small.
        Box::pin(self.transfer(repository, content, &holders)).await
    }

    /// Lets the registry take a blob over from one of the holders, or sends it.
    async fn transfer(
        &self,
        repository: &Repository,
        content: Content<'_>,
        holders: &[Repository],
    ) -> Result<Way, PushError> {
        let Context { registry, reporter, .. } = self.context;
        let digest = content.digest();
        let origin = content.origin().filter(|origin| origin.host == repository.host);
        let sources = holders.iter().chain(origin.filter(|origin| *origin != repository));
        let mut session = None;
        for source in sources.filter(|source| !lock(&self.refused).contains(source)).take(MOUNT_TRIES) {
            match registry.mount(repository, digest, &source.name).await? {
                MountOutcome::Mounted => {
                    reporter.report(Event::Mounted {
                        digest: digest.to_string(),
                        repository: repository.to_string(),
                        from: source.name.clone(),
                    });
                    return Ok(Way::Mounted);
                }
                MountOutcome::Refused(opened) => {
                    self.refuse(source, opened.is_some());
                    session = opened;
                }
            }
            if session.is_some() {
                break;
            }
        }
        let upload = match content {
            Content::Config(_, bytes) => UploadContent::Bytes(bytes),
            Content::Layer(layer, origin) => {
                if let Some(origin) = origin {
                    layer_bytes::bring([(layer, origin)], self.context).await?;
                }
                UploadContent::Blob(&layer.blob)
            }
        };
        registry.upload(repository, digest, upload, session).await?;
        Ok(Way::Sent)
    }

    /// Notes that a registry did not take a blob over. Where it wants to have it sent instead, that is how it does things,
    /// and the user is told once; whatever else it refuses the upload will show.
    fn refuse(&self, source: &Repository, wants_upload: bool) {
        lock(&self.refused).insert(source.clone());
        if wants_upload && lock(&self.told).insert(source.host.clone()) {
            self.context.reporter.report(Event::NotMounted { host: source.host.clone() });
        }
    }

    fn blob(&self, digest: &Digest) -> Arc<Whereabouts> {
        Arc::clone(lock(&self.blobs).entry(digest.clone()).or_default())
    }
}
