//! The client for registries, and what its operations share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::auth::Auth;
use super::credentials::CredentialProvider;
use super::endpoint::Endpoint;
use super::error::RegistryError;
use super::follow_redirects::FollowRedirects;
use super::network_error::is_certificate_error;
use super::redirect_rules::RedirectRules;
use super::request::{Request, Scopes};
use super::retry::{Attempts, Backoff};
use super::settings::ClientSettings;
use super::transport::{Response, Route, Transport};
use crate::event::{Activity, Progress, Reporter};
use crate::project::Repository;
use crate::store::Digest;
use crate::sync::lock;

/// How long a registry on this machine may take to show whether it uses TLS.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long all attempts to write a manifest may take together. A manifest is small, and the push has to end.
const MANIFEST_LIMIT: Duration = Duration::from_mins(5);

/// The statuses that report the success of a request that writes.
pub(super) const WRITTEN: [StatusCode; 4] =
    [StatusCode::OK, StatusCode::CREATED, StatusCode::ACCEPTED, StatusCode::NO_CONTENT];

/// A client for registries (OCI distribution specification).
///
/// Clones share connections, tokens and the limits on concurrent operations.
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
}

/// What the clones of a client share.
pub(super) struct Inner {
    settings: ClientSettings,
    reporter: Arc<dyn Reporter>,
    transport: Transport,
    auth: Auth,
    backoff: Backoff,
    /// Limits how many transfers run at once. Each sends one request at a time.
    transfers: Semaphore,
    /// The same for operations that transfer next to nothing.
    small_operations: Semaphore,
    /// How long all attempts to write a manifest may take together.
    pub(super) manifest_limit: Duration,
    /// Whether a registry on this machine uses TLS, by its root URL.
    uses_tls: Mutex<BTreeMap<String, Arc<OnceCell<bool>>>>,
    /// Whether a registry accepts the content of a blob in the request that starts its upload, by its root URL.
    pub(super) accepts_content_in_post: Mutex<BTreeMap<String, bool>>,
    /// One lock for each blob, held while it is fetched.
    fetch_locks: Mutex<BTreeMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

impl Client {
    /// Creates a client. It asks `credentials` when a registry requires authentication, and reports transfers and retries
    /// to `reporter`.
    ///
    /// # Errors
    /// When the certificates in the settings cannot be parsed.
    pub fn new(
        settings: ClientSettings,
        credentials: Arc<dyn CredentialProvider>,
        reporter: Arc<dyn Reporter>,
    ) -> Result<Self, RegistryError> {
        let transport = Transport::new(&settings)?;
        let limit = |operations: usize| Semaphore::new(operations.clamp(1, Semaphore::MAX_PERMITS));
        let inner = Inner {
            auth: Auth::new(credentials, Arc::clone(&reporter)),
            transfers: limit(settings.connections),
            small_operations: limit(settings.small_operations()),
            settings,
            reporter,
            transport,
            backoff: Backoff::default(),
            manifest_limit: MANIFEST_LIMIT,
            uses_tls: Mutex::default(),
            accepts_content_in_post: Mutex::default(),
            fetch_locks: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// How many transfers run at once.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.inner.settings.connections
    }

    /// How many operations run at once that transfer next to nothing.
    #[must_use]
    pub fn small_operations(&self) -> usize {
        self.inner.settings.small_operations()
    }

    /// The same client, with short time-outs for stalled requests.
    #[cfg(test)]
    pub(crate) fn with_short_timeouts(self) -> Self {
        use super::stall_timeout::StallLimits;
        let mut inner = Arc::into_inner(self.inner).unwrap();
        inner.transport.stall_limits =
            StallLimits { transfer: Duration::from_secs(1), bytes_per_second: 16 * 1024 * 1024 };
        inner.manifest_limit = Duration::from_secs(2);
        Self { inner: Arc::new(inner) }
    }

    /// The same client, with short waits between attempts.
    #[cfg(test)]
    pub(crate) fn with_short_waits(self) -> Self {
        let mut inner = Arc::into_inner(self.inner).unwrap();
        inner.backoff.base = Duration::from_millis(1);
        Self { inner: Arc::new(inner) }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Inner {
    /// Finds the endpoint of a repository, and whether it uses TLS.
    pub(super) async fn endpoint(&self, repository: &Repository) -> Result<Endpoint, RegistryError> {
        if self.settings.offline {
            return Err(RegistryError::Offline { repository: repository.to_string() });
        }
        let endpoint = Endpoint::of(repository, &self.settings)?;
        if !endpoint.may_use_plain_http() {
            return Ok(endpoint);
        }
        let cell = Arc::clone(lock(&self.uses_tls).entry(endpoint.root.to_string()).or_default());
        let uses_tls = *cell.get_or_init(|| self.uses_tls(&endpoint)).await;
        Ok(if uses_tls { endpoint } else { endpoint.with_plain_http() })
    }

    /// Whether a registry on this machine uses TLS. A certificate that is not trusted shows that it does.
    async fn uses_tls(&self, endpoint: &Endpoint) -> bool {
        // The one path that every registry has (OCI distribution specification, Determining Support).
        let mut url = endpoint.root.clone();
        url.set_path("/v2/");
        let request = Request::new("find TLS", Method::GET, url.clone(), Scopes::pull(&endpoint.name));
        let sent = self.transport.send(Route::LoopbackUntrusted, &request, url, None);
        match timeout(PROBE_TIMEOUT, sent).await {
            Ok(Ok(_)) => true,
            Ok(Err(RegistryError::Network { source, .. })) => is_certificate_error(&source),
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// The lock to hold while a blob is fetched.
    pub(super) fn fetch_lock(&self, digest: &Digest) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(lock(&self.fetch_locks).entry(digest.clone()).or_default())
    }

    /// Starts the attempts at a transfer once another one may run. An operation must not start a second one meanwhile.
    ///
    /// Others wait until it has succeeded or failed for good. If they ran between its attempts, a push of many blobs to a
    /// registry that no longer responds would take the time of all attempts at all blobs, and not that of one blob.
    pub(super) async fn attempts<'a>(&'a self, action: &'a str) -> Attempts<'a> {
        let permit = self.permit().await;
        Attempts::new(self.backoff, &*self.reporter, action).with_permit(permit)
    }

    /// As [`attempts`](Self::attempts), at an operation that transfers next to nothing. It does not wait for transfers.
    pub(super) async fn small_attempts<'a>(&'a self, action: &'a str) -> Attempts<'a> {
        // The semaphore is never closed.
        let permit = self.small_operations.acquire().await.ok();
        Attempts::new(self.backoff, &*self.reporter, action).with_permit(permit)
    }

    /// Permission for as many further transfers as may run now, up to `most`.
    pub(super) fn further_permits(&self, most: usize) -> Vec<SemaphorePermit<'_>> {
        std::iter::from_fn(|| self.transfers.try_acquire().ok()).take(most).collect()
    }

    /// How many requests fetch a large blob at once, if as many may run.
    pub(super) fn requests_per_blob(&self) -> usize {
        self.settings.requests_per_blob.max(1)
    }

    /// Waits until another transfer may run.
    pub(super) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.transfers.acquire().await.ok()
    }

    /// Begins to report a transfer of `size` bytes, if that is known.
    pub(super) fn progress(&self, activity: Activity, size: impl Into<Option<u64>>) -> Progress {
        Progress::begin(Arc::clone(&self.reporter), activity, size)
    }

    /// The rules for the URLs that a registry names.
    pub(super) fn redirect_rules<'a>(&'a self, endpoint: &'a Endpoint) -> RedirectRules<'a> {
        RedirectRules { root: &endpoint.root, hosts: &self.transport.hosts, settings: &self.settings }
    }

    /// Sends a request, authenticated if the registry requires it, and accepts only some statuses.
    pub(super) async fn send(
        &self,
        endpoint: &Endpoint,
        request: &Request<'_>,
        accepted: &[StatusCode],
    ) -> Result<Response, RegistryError> {
        let rules = self.redirect_rules(endpoint);
        let redirects = FollowRedirects { transport: &self.transport, rules };
        let response = self.auth.send(endpoint, redirects, request).await?;
        if accepted.contains(&response.status()) {
            return Ok(response);
        }
        Err(RegistryError::rejected(request.action, response.into_error().await))
    }
}
