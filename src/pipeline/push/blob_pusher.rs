//! Pushes blobs into repositories, each blob at most once to each repository, however often it is requested.
//!
//! The first request of a push runs alone: if the registry is down or refuses access, that is reported once. A blob
//! that several repositories of one registry lack is uploaded to one of them and mounted into the others. This module
//! neither decides which blobs an image needs nor writes manifests or tags.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures_util::future::try_join_all;
use tokio::sync::{Mutex as AsyncMutex, OnceCell, Semaphore};

use super::Target;
use super::blob_states::{BlobOutcome, BlobState, FirstAnswer};
use super::early_uploads::{EarlyUpload, EarlyUploads};
use super::known_places;
use crate::event::Event;
use crate::image::Layer;
use crate::layer;
use crate::pipeline::context::Context;
use crate::pipeline::error::PushError;
use crate::pipeline::finished_layers::BegunLayer;
use crate::pipeline::layer_bytes::{self, Origin};
use crate::project::Repository;
use crate::registry::{MountOutcome, UploadContent, UploadSession};
use crate::store::{Digest, Growth, Store};
use crate::sync::lock;

/// How many blobs are pushed at once. The client limits the requests of these.
pub(super) const CONCURRENT_PUSHES: usize = 32;

/// How many layers are sent while they are fetched: half as many as there usually are connections, since each needs two.
const CONCURRENT_FLOWS: usize = 4;

/// How many layers are sent while they are made, at most. Other requests need connections too.
const CONCURRENT_EARLY_UPLOADS: usize = 4;

/// How many repositories are prepared at once.
const CONCURRENT_PREPARATIONS: usize = 4;

/// From how many other repositories a registry is asked to mount a blob before it is uploaded.
const MOUNT_ATTEMPTS: usize = 2;

/// A blob to push.
#[derive(Clone, Copy)]
pub(super) enum BlobContent<'a> {
    /// A layer, and where to get its bytes if the store does not have them.
    Layer(&'a Layer, Option<&'a Origin>),
    /// A config: its digest and its bytes.
    Config(&'a Digest, &'a [u8]),
}

impl<'a> BlobContent<'a> {
    pub(super) fn digest(self) -> &'a Digest {
        match self {
            Self::Layer(layer, _) => &layer.digest,
            Self::Config(digest, _) => digest,
        }
    }

    /// Repositories of the same registry that contained it in an earlier run.
    fn known_places(self, repository: &Repository, store: &Store) -> Vec<Repository> {
        let Self::Layer(layer, _) = self else { return Vec::new() };
        let names = known_places::of(&layer.digest, layer.size, &repository.host, store);
        names.into_iter().map(|name| Repository { name, ..repository.clone() }).collect()
    }

    /// A repository that contains the blob.
    fn origin(self) -> Option<&'a Repository> {
        match self {
            Self::Layer(_, origin) => origin.and_then(Origin::repository),
            Self::Config(..) => None,
        }
    }
}

/// Pushes the blobs of one run.
pub(in crate::pipeline) struct BlobPusher<'a, F> {
    /// Called once for each repository, before anything is sent to it.
    prepare: F,
    context: &'a Context,
    /// Whether layers that are sent while they are fetched stay in the store.
    keeps_base_layers: bool,
    /// Whether the store knew no layer when the push began.
    makes_first_layers: bool,
    /// Whether a registry has answered yet.
    answered: AsyncMutex<bool>,
    /// What registries have answered when the push began.
    first_answers: Mutex<Vec<FirstAnswer>>,
    blobs: Mutex<BTreeMap<Digest, Arc<BlobState>>>,
    prepared: Mutex<BTreeMap<Repository, Arc<OnceCell<()>>>>,
    preparations: Semaphore,
    pushes: Semaphore,
    flows: Semaphore,
    /// The uploads of layers that began while these were made.
    early_uploads: EarlyUploads,
    /// How many bytes were sent for nothing.
    sent_for_nothing: AtomicU64,
    /// Repositories from which a mount was refused.
    refused_sources: Mutex<BTreeSet<Repository>>,
    /// Registries that denied a look because of the credentials.
    denying_hosts: Mutex<BTreeSet<String>>,
    /// Registries of which the user knows that they do not mount.
    reported_hosts: Mutex<BTreeSet<String>>,
}

impl<'a, F: AsyncFn(&Repository) -> Result<(), PushError>> BlobPusher<'a, F> {
    /// `prepare` is called once for each repository, before anything is sent to it.
    pub(in crate::pipeline) fn new(prepare: F, context: &'a Context) -> Self {
        Self {
            prepare,
            context,
            keeps_base_layers: true,
            makes_first_layers: !layer::has_made_any(&context.store),
            answered: AsyncMutex::default(),
            first_answers: Mutex::default(),
            blobs: Mutex::default(),
            prepared: Mutex::default(),
            preparations: Semaphore::new(CONCURRENT_PREPARATIONS),
            pushes: Semaphore::new(CONCURRENT_PUSHES),
            flows: Semaphore::new(CONCURRENT_FLOWS),
            early_uploads: EarlyUploads::default(),
            sent_for_nothing: AtomicU64::default(),
            refused_sources: Mutex::default(),
            denying_hosts: Mutex::default(),
            reported_hosts: Mutex::default(),
        }
    }

    /// The same, which keeps layers that are sent while they are fetched in the store, or does not.
    pub(in crate::pipeline) fn keeping_base_layers(self, keeps_base_layers: bool) -> Self {
        Self { keeps_base_layers, ..self }
    }

    pub(super) fn context(&self) -> &'a Context {
        self.context
    }

    /// Asks a registry whether it has something, alone until a registry has answered. If it does not let limg look, the
    /// answer is none: limg pushes nevertheless, which shows whether the user may.
    pub(super) async fn look<T>(
        &self,
        repository: &Repository,
        request: impl Future<Output = Result<T, PushError>>,
    ) -> Result<Option<T>, PushError> {
        let look = async {
            if lock(&self.denying_hosts).contains(&repository.host) {
                return Ok(None);
            }
            match request.await {
                Err(PushError::Registry(error)) if error.denies_look() => {
                    // The password is not sent again and again: repeated failures may lock an account.
                    if error.denies_credentials() {
                        lock(&self.denying_hosts).insert(repository.host.clone());
                    }
                    Ok(None)
                }
                answer => answer.map(Some),
            }
        };
        self.ask(look, Option::is_some).await
    }

    /// Runs a request, alone until a registry has answered one.
    async fn ask<T>(
        &self,
        request: impl Future<Output = Result<T, PushError>>,
        is_answer: impl FnOnce(&T) -> bool,
    ) -> Result<T, PushError> {
        let mut answered = self.answered.lock().await;
        if *answered {
            drop(answered);
            return request.await;
        }
        let result = request.await?;
        *answered = is_answer(&result);
        Ok(result)
    }

    /// Asks each registry for the tag of one target while there is nothing to send yet: the connection is open then, and a
    /// registry that is down is reported at once.
    ///
    /// # Errors
    /// When one cannot be reached after several attempts.
    pub(in crate::pipeline) async fn connect(&self, targets: &[Target]) -> Result<(), PushError> {
        let by_host: BTreeMap<_, _> =
            targets.iter().map(|target| (&target.repository.host, target)).collect();
        for Target { repository, tags } in by_host.into_values() {
            if let Some(tag) = tags.first() {
                let digest = self.manifest_digest(repository, tag).await?;
                let (repository, tag, at) = (repository.clone(), tag.clone(), Instant::now());
                lock(&self.first_answers).push(FirstAnswer { repository, tag, digest, at });
            }
        }
        Ok(())
    }

    /// The digest of the manifest under a tag or digest of a repository; none if there is none, or the registry does not say.
    pub(super) async fn manifest_digest(
        &self,
        repository: &Repository,
        version: &str,
    ) -> Result<Option<Digest>, PushError> {
        if let Some(answer) =
            lock(&self.first_answers).iter().find(|answer| answer.is_to(repository, version))
        {
            return Ok(answer.digest.clone());
        }
        // On the heap, to keep the futures that wait small.
        let registry = &self.context.registry;
        let request = Box::pin(async { Ok(registry.manifest_digest(repository, version).await?) });
        Ok(self.look(repository, request).await?.flatten())
    }

    /// Makes sure that a repository can receive blobs.
    pub(super) async fn prepare(&self, repository: &Repository) -> Result<(), PushError> {
        let prepared = Arc::clone(lock(&self.prepared).entry(repository.clone()).or_default());
        let prepare = async || {
            let _permit = self.preparations.acquire().await;
            (self.prepare)(repository).await
        };
        prepared.get_or_try_init(prepare).await.copied()
    }

    /// Records that a repository contains a blob, which saves the request.
    pub(super) fn set_present(&self, digest: &Digest, repository: &Repository) {
        let copy = self.blob(digest).copy(repository);
        copy.is_in_image.store(true, Ordering::Relaxed);
        // If the registry has said otherwise, or has yet to answer, the blob has been pushed since then or will be found.
        drop(copy.present.set(true));
    }

    /// Records that a repository lacks a blob, which saves the request.
    pub(super) fn set_missing(&self, digest: &Digest, repository: &Repository) {
        // If the registry has said otherwise, that holds.
        drop(self.blob(digest).copy(repository).present.set(false));
    }

    /// Records that a blob was sent to a repository while it was made.
    pub(super) fn set_sent_early(&self, digest: &Digest, repository: &Repository) {
        self.blob(digest).copy(repository).sent_early.store(true, Ordering::Relaxed);
    }

    /// How a blob got into a repository, if it is known to be there.
    pub(super) fn outcome(&self, digest: &Digest, repository: &Repository) -> Option<BlobOutcome> {
        lock(&self.blobs).get(digest)?.copy(repository).outcome()
    }

    /// Whether a repository lacked a blob when the registry was asked.
    pub(super) fn was_missing(&self, digest: &Digest, repository: &Repository) -> bool {
        let blob = lock(&self.blobs).get(digest).cloned();
        blob.is_some_and(|blob| blob.copy(repository).present.get() == Some(&false))
    }

    /// Whether a repository had a blob when the registry was asked.
    pub(super) fn is_present(&self, digest: &Digest, repository: &Repository) -> bool {
        self.outcome(digest, repository) == Some(BlobOutcome::Present)
    }

    /// The upload of a layer that is being made; none if there are as many as there may be.
    pub(super) fn early_upload(&self, layer: BegunLayer, target: &Target) -> Option<EarlyUpload> {
        let at_most = CONCURRENT_EARLY_UPLOADS.min(self.context.registry.connections() / 2);
        self.early_uploads.begin(layer, target, at_most)
    }

    /// Whether the store knew no layer when the push began.
    pub(super) fn makes_first_layers(&self) -> bool {
        self.makes_first_layers
    }

    /// Counts bytes that were sent for nothing.
    pub(super) fn sent_for_nothing(&self, bytes: u64) {
        self.sent_for_nothing.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Reports how much was sent for nothing, if anything was.
    pub(super) fn report_sent_for_nothing(&self) {
        let bytes = self.sent_for_nothing.load(Ordering::Relaxed);
        if bytes > 0 {
            self.context.reporter.report(Event::SentForNothing { bytes });
        }
    }

    /// Whether a blob is being pushed to the first repository of a registry.
    pub(super) fn is_in_first_push(&self, digest: &Digest) -> bool {
        self.blob(digest).first_push.try_lock().is_err()
    }

    /// The repositories that lacked a blob when the registry was asked, which happens once for each.
    pub(super) async fn missing_from<'r>(
        &self,
        digest: &Digest,
        repositories: impl IntoIterator<Item = &'r Repository>,
    ) -> Result<Vec<&'r Repository>, PushError> {
        let blob = &self.blob(digest);
        let ask = async |repository: &'r Repository| -> Result<_, PushError> {
            // On the heap, to keep the futures that wait small.
            let has = || Box::pin(async { Ok(self.context.registry.has_blob(repository, digest).await?) });
            let copy = blob.copy(repository);
            let look = async || Ok::<_, PushError>(self.look(repository, has()).await?.unwrap_or(false));
            let present = *copy.present.get_or_try_init(look).await?;
            Ok((!present).then_some(repository))
        };
        let missing = try_join_all(repositories.into_iter().map(ask)).await?;
        Ok(missing.into_iter().flatten().collect())
    }

    /// Pushes a blob to those of some repositories that lack it.
    pub(super) async fn push<'r>(
        &self,
        content: BlobContent<'_>,
        repositories: impl IntoIterator<Item = &'r Repository>,
    ) -> Result<(), PushError> {
        // All are asked before anything is sent: the blob can be mounted from one that contains it.
        let repositories: Vec<_> = repositories.into_iter().collect();
        let missing = self.missing_from(content.digest(), repositories.iter().copied()).await?;
        let blob = &self.blob(content.digest());
        let remember = |repository: &Repository| {
            if let BlobContent::Layer(layer, _) = content {
                known_places::remember(&layer.digest, layer.size, repository, &self.context.store);
            }
        };
        repositories.iter().filter(|repository| !missing.contains(repository)).for_each(|it| remember(it));
        let push = async |repository: &'r Repository| {
            let copy = blob.copy(repository);
            copy.pushed.get_or_try_init(|| self.push_to(repository, content, blob)).await?;
            remember(repository);
            Ok::<_, PushError>(())
        };
        try_join_all(missing.into_iter().map(push)).await.map(drop)
    }

    /// Pushes a blob to a repository that lacks it.
    async fn push_to(
        &self,
        repository: &Repository,
        content: BlobContent<'_>,
        blob: &BlobState,
    ) -> Result<BlobOutcome, PushError> {
        self.prepare(repository).await?;
        if let Some(upload) = self.early_uploads.find(content.digest(), &repository.host) {
            upload.ended().await;
        }
        if blob.copy(repository).outcome() == Some(BlobOutcome::Uploaded) {
            return Ok(BlobOutcome::Uploaded);
        }
        // The first repository gets it alone. The others can then mount it from there, all at once.
        let first = blob.first_push.lock().await;
        let sources = blob.other_copies(repository);
        let _first = sources.is_empty().then_some(first);
        let _permit = self.pushes.acquire().await;
        self.ask(Box::pin(self.mount_or_upload(repository, content, &sources)), |_| true).await
    }

    /// The repositories that a blob may be mounted from: `others`, its origin, and those of earlier runs.
    fn mount_sources(
        &self,
        repository: &Repository,
        content: BlobContent<'_>,
        others: &[Repository],
    ) -> Vec<Repository> {
        let origin = content.origin().filter(|origin| origin.host == repository.host);
        let sources = others.iter().chain(origin).cloned();
        let sources = sources.chain(content.known_places(repository, &self.context.store));
        sources
            .filter(|source| source != repository && !lock(&self.refused_sources).contains(source))
            .collect()
    }

    /// Whether a repository may mount a blob that it lacks, as far as is known.
    pub(super) fn can_mount(&self, repository: &Repository, content: BlobContent<'_>) -> bool {
        let others = self.blob(content.digest()).other_copies(repository);
        !self.mount_sources(repository, content, &others).is_empty()
    }

    /// Mounts a blob from one of `sources` or from its origin, or else uploads it.
    async fn mount_or_upload(
        &self,
        repository: &Repository,
        content: BlobContent<'_>,
        sources: &[Repository],
    ) -> Result<BlobOutcome, PushError> {
        let Context { registry, reporter, .. } = self.context;
        let digest = content.digest();
        let sources = self.mount_sources(repository, content, sources);
        let mut session = None;
        for source in sources.iter().take(MOUNT_ATTEMPTS) {
            match registry.mount(repository, digest, &source.name).await? {
                MountOutcome::Mounted => {
                    reporter.report(Event::Mounted {
                        digest: digest.to_string(),
                        repository: repository.to_string(),
                        from: source.name.clone(),
                    });
                    return Ok(BlobOutcome::Mounted);
                }
                MountOutcome::Refused(opened) => {
                    self.record_refusal(source, opened.is_some());
                    session = opened;
                }
            }
            if session.is_some() {
                break;
            }
        }
        let upload = match content {
            BlobContent::Config(_, bytes) => UploadContent::Bytes(bytes),
            BlobContent::Layer(layer, Some(Origin::Registry(from))) if !layer.blob.is_present() => {
                self.flow(layer, from, repository, session).await?;
                return Ok(BlobOutcome::Uploaded);
            }
            BlobContent::Layer(layer, origin) => {
                if let Some(origin) = origin {
                    layer_bytes::provide([(layer, origin)], self.context).await?;
                }
                UploadContent::Blob(&layer.blob)
            }
        };
        registry.upload(repository, digest, upload, session).await?;
        Ok(BlobOutcome::Uploaded)
    }

    /// Sends a layer to a repository while it is fetched from another one.
    async fn flow(
        &self,
        layer: &Layer,
        from: &Repository,
        to: &Repository,
        session: Option<UploadSession>,
    ) -> Result<(), PushError> {
        let Context { registry, store, .. } = self.context;
        let _permit = self.flows.acquire().await;
        let (growth, growing) = Growth::new(Some(layer.size));
        let fetch =
            registry.fetch_growing(from, &layer.digest, layer.size, store, growth, self.keeps_base_layers);
        let send = async {
            // Each of both needs one of the connections: the fetch, on which the upload waits, gets it first.
            growing.begun().await;
            registry.upload(to, &layer.digest, UploadContent::Growing(&growing), session).await
        };
        tokio::try_join!(fetch, send)?;
        Ok(())
    }

    /// Records that a registry did not mount from `source`. If it opened an upload session instead, it does not
    /// support such mounts, and the user learns that once; any other reason shows in the upload.
    fn record_refusal(&self, source: &Repository, opened_session: bool) {
        lock(&self.refused_sources).insert(source.clone());
        if opened_session && lock(&self.reported_hosts).insert(source.host.clone()) {
            self.context.reporter.report(Event::NotMounted { host: source.host.clone() });
        }
    }

    fn blob(&self, digest: &Digest) -> Arc<BlobState> {
        Arc::clone(lock(&self.blobs).entry(digest.clone()).or_default())
    }
}
