//! The client of all registries: what its requests have in common.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use tokio::sync::OnceCell;

use super::address::Names;
use super::credentials::Credentials;
use super::error::{ContentError, RegistryError, is_about_certificates};
use super::exchange::Request;
use super::login::Login;
use super::place::Place;
use super::pulse::{Patience, Pulse};
use super::retry::{Attempts, Backoff};
use super::settings::Settings;
use super::transport::{Answer, Route, Transport};
use crate::event::Reporter;
use crate::project::Repository;
use crate::store::Digest;

/// How long a registry on this machine may take to show whether it speaks TLS.
const PROBE: Duration = Duration::from_secs(3);

/// A client of registries (OCI distribution specification).
///
/// Clones share connections, tokens and the budget of connections.
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
}

/// What clones of a client share.
pub(super) struct Inner {
    pub(super) settings: Settings,
    pub(super) credentials: Arc<dyn Credentials>,
    pub(super) reporter: Arc<dyn Reporter>,
    pub(super) transport: Transport,
    pub(super) names: Arc<Names>,
    pub(super) backoff: Backoff,
    /// What is known of how to be let in, by the user's host and the registry that is asked for it.
    logins: Mutex<BTreeMap<(String, String), Arc<Login>>>,
    /// Whether a registry on this machine speaks TLS, by its address.
    speaks_tls: Mutex<BTreeMap<String, Arc<OnceCell<bool>>>>,
    /// The blobs that are being fetched.
    fetching: Mutex<BTreeMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

impl Client {
    /// Makes a client. It asks `credentials` when a registry wants to know who asks, and reports transfers and retries to
    /// `reporter`.
    ///
    /// # Errors
    /// When the certificates of the settings cannot be read.
    pub fn new(
        settings: Settings,
        credentials: Arc<dyn Credentials>,
        reporter: Arc<dyn Reporter>,
    ) -> Result<Self, RegistryError> {
        let names = Arc::<Names>::default();
        let transport =
            Transport::new(settings.certificates.as_deref(), settings.connections, Arc::clone(&names))?;
        let inner = Inner {
            settings,
            credentials,
            reporter,
            transport,
            names,
            backoff: Backoff::default(),
            logins: Mutex::default(),
            speaks_tls: Mutex::default(),
            fetching: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The same client, which gives up soon on what does not move.
    #[cfg(test)]
    pub(crate) fn impatient(self) -> Self {
        let mut inner = Arc::into_inner(self.inner).unwrap();
        inner.transport.patience = Patience { idle: Duration::from_secs(1), answer: Duration::from_secs(2) };
        Self { inner: Arc::new(inner) }
    }

    /// The same client, which hardly waits before it tries again.
    #[cfg(test)]
    pub(crate) fn hasty(self) -> Self {
        let mut inner = Arc::into_inner(self.inner).unwrap();
        inner.backoff.base = Duration::from_millis(1);
        Self { inner: Arc::new(inner) }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

impl Inner {
    /// Finds where a repository is and how it is spoken to.
    pub(super) async fn place(&self, repository: &Repository) -> Result<Place, RegistryError> {
        let place = Place::of(repository, &self.settings)?;
        if !place.may_be_plain() {
            return Ok(place);
        }
        let cell = {
            let mut known = self.speaks_tls.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(place.home.to_string()).or_default())
        };
        let secure = *cell.get_or_init(|| self.speaks_tls(&place)).await;
        Ok(if secure { place } else { place.in_plain_http() })
    }

    /// Whether a registry on this machine speaks TLS. One whose certificate is not trusted does.
    async fn speaks_tls(&self, place: &Place) -> bool {
        let pulse = Pulse::new(Patience { idle: PROBE, answer: PROBE });
        // The one path that every registry has (OCI distribution specification, Determining Support).
        let mut url = place.home.clone();
        url.set_path("/v2/");
        let request = reqwest::Request::new(Method::GET, url);
        let permit = self.transport.permit().await;
        match self.transport.send(&permit, Route::Plain, &Arc::from("find TLS"), request, &pulse).await {
            Ok(_) => true,
            Err(RegistryError::Network { source, .. }) => is_about_certificates(&source),
            Err(_) => false,
        }
    }

    /// What is known of how to be let in.
    pub(super) fn login(&self, place: &Place) -> Arc<Login> {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(logins.entry((place.host.clone(), place.home.to_string())).or_default())
    }

    /// What is held while a blob is fetched.
    pub(super) fn fetching(&self, digest: &Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(fetching.entry(digest.clone()).or_default())
    }

    /// Starts the attempts at something.
    pub(super) fn attempts<'a>(&'a self, doing: &'a str) -> Attempts<'a> {
        Attempts::new(self.backoff, &*self.reporter, doing)
    }

    /// Sends a request and takes its answer only with one of these statuses.
    pub(super) async fn ask(
        &self,
        place: &Place,
        request: &Request<'_>,
        good: &[StatusCode],
    ) -> Result<Answer, RegistryError> {
        let answer = self.send(place, request).await?;
        if good.contains(&answer.status()) {
            return Ok(answer);
        }
        let refusal = Box::new(answer.refusal().await);
        Err(RegistryError::Refused { doing: request.doing.to_owned(), refusal })
    }
}

/// An error of something that a registry sent.
pub(super) fn content(doing: &str, source: ContentError) -> RegistryError {
    RegistryError::Content { doing: doing.to_owned(), source }
}

/// An error of an answer that breaks the protocol.
pub(super) fn protocol(doing: &str, why: impl Into<String>) -> RegistryError {
    content(doing, ContentError::Protocol(why.into()))
}
