//! One request and its answer: connections, TLS, proxies, the budget of connections, and signs of life.
//!
//! Nothing is tried again, authorised or followed here.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Certificate, StatusCode, Url};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::address::{Names, Resolver};
use super::error::{ContentError, RegistryError};
use super::pulse::{Patience, Pulse};
use super::refusal::Refusal;

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How much of an answer that says no is read.
const REFUSAL_LIMIT: u64 = 64 * 1024;

/// Which way a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// As the user's system is set up.
    Open,
    /// The same, and to public addresses only.
    Guarded,
    /// To this machine, past any proxy.
    Loopback,
    /// The same in plain HTTP, or to see whether TLS is spoken there: no certificate is trusted.
    Plain,
}

/// What sends requests.
pub(super) struct Transport {
    open: OnceLock<reqwest::Client>,
    guarded: OnceLock<reqwest::Client>,
    loopback: OnceLock<reqwest::Client>,
    plain: OnceLock<reqwest::Client>,
    certificates: Vec<Certificate>,
    names: Arc<Names>,
    permits: Arc<Semaphore>,
    pub(super) patience: Patience,
}

impl Transport {
    /// Sends at most `connections` requests at once.
    pub(super) fn new(
        certificates: Option<&[u8]>,
        connections: usize,
        names: Arc<Names>,
    ) -> Result<Self, RegistryError> {
        let certificates = match certificates {
            None => Vec::new(),
            Some(pem) => {
                let found = Certificate::from_pem_bundle(pem).map_err(RegistryError::Tls)?;
                if found.is_empty() {
                    return Err(RegistryError::NoCertificate);
                }
                found
            }
        };
        let transport = Self {
            open: OnceLock::new(),
            guarded: OnceLock::new(),
            loopback: OnceLock::new(),
            plain: OnceLock::new(),
            certificates,
            names,
            permits: Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS))),
            patience: Patience::default(),
        };
        if !transport.certificates.is_empty() {
            // Shows at once whether they are any good.
            transport.client(Route::Open)?;
        }
        Ok(transport)
    }

    /// Waits for a place in the budget of connections.
    pub(super) async fn permit(&self) -> Permit {
        // The semaphore is never closed.
        Permit { _place: Arc::clone(&self.permits).acquire_owned().await.ok().map(Arc::new) }
    }

    /// Sends one request in a place of the budget. `pulse` is kept going by its body.
    pub(super) async fn send(
        &self,
        permit: &Permit,
        route: Route,
        doing: &Arc<str>,
        request: reqwest::Request,
        pulse: &Pulse,
    ) -> Result<Answer, RegistryError> {
        let client = self.client(route)?;
        match pulse.watch(client.execute(request)).await {
            Ok(Ok(response)) => Ok(Answer {
                response,
                doing: Arc::clone(doing),
                idle: self.patience.idle,
                _permit: permit.clone(),
            }),
            Ok(Err(error)) => Err(network(doing, error)),
            Err(waited) => Err(RegistryError::Idle { doing: doing.to_string(), waited }),
        }
    }

    /// The client for a route, made when it is first needed: reading the system's certificates takes its time.
    fn client(&self, route: Route) -> Result<&reqwest::Client, RegistryError> {
        let slot = match route {
            Route::Open => &self.open,
            Route::Guarded => &self.guarded,
            Route::Loopback => &self.loopback,
            Route::Plain => &self.plain,
        };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let builder = reqwest::Client::builder()
            .user_agent(concat!("limg/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT)
            .dns_resolver(Resolver { names: Arc::clone(&self.names), guarded: route == Route::Guarded });
        let builder = match route {
            Route::Plain => builder.tls_certs_only([]),
            _ => builder.tls_certs_merge(self.certificates.iter().cloned()),
        };
        let builder = match route {
            Route::Loopback | Route::Plain => builder.no_proxy(),
            Route::Open | Route::Guarded => builder,
        };
        let client = builder.build().map_err(RegistryError::Tls)?;
        Ok(slot.get_or_init(|| client))
    }
}

/// A place in the budget of connections, until all its clones are dropped.
#[derive(Clone)]
pub(super) struct Permit {
    _place: Option<Arc<OwnedSemaphorePermit>>,
}

/// An answer whose body is still to come. It holds its place in the budget of connections until it is dropped.
pub(super) struct Answer {
    response: reqwest::Response,
    doing: Arc<str>,
    idle: Duration,
    _permit: Permit,
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// A header, if it is there and text.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Where it came from.
    pub(super) fn url(&self) -> &Url {
        self.response.url()
    }

    /// The next piece of the body, or none at its end.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, RegistryError> {
        match tokio::time::timeout(self.idle, self.response.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(network(&self.doing, error)),
            Err(_) => Err(RegistryError::Idle { doing: self.doing.to_string(), waited: self.idle }),
        }
    }

    /// The whole body, if it has at most `limit` bytes.
    pub(super) async fn whole(mut self, limit: u64) -> Result<Vec<u8>, RegistryError> {
        let doing = Arc::clone(&self.doing);
        let too_large =
            || RegistryError::Content { doing: doing.to_string(), source: ContentError::TooLarge { limit } };
        if self.response.content_length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(piece) = self.piece().await? {
            if body.len() as u64 + piece.len() as u64 > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// What an answer that says no says.
    pub(super) async fn refusal(mut self) -> Refusal {
        let (status, headers, limit) = (self.status(), self.headers().clone(), self.idle);
        let mut body = Vec::new();
        let read = async {
            while let Ok(Some(piece)) = self.piece().await {
                body.extend_from_slice(&piece);
                if body.len() as u64 > REFUSAL_LIMIT {
                    break;
                }
            }
        };
        // What breaks off, takes too long or is too long was still said.
        drop(tokio::time::timeout(limit, read).await);
        Refusal::new(status, &headers, &body)
    }

    /// Reads a short body that nobody wants, so that the connection can be used again.
    pub(super) async fn discard(self) {
        if self.response.content_length().is_some_and(|length| length <= REFUSAL_LIMIT) {
            drop(self.whole(REFUSAL_LIMIT).await);
        }
    }
}

/// The error of a request that got lost. Its address is left out: it may be a signed one.
fn network(doing: &Arc<str>, error: reqwest::Error) -> RegistryError {
    RegistryError::Network { doing: doing.to_string(), source: error.without_url() }
}

#[cfg(test)]
mod tests {
    use reqwest::Method;

    use super::super::pulse::Patience;
    use super::super::retry::Transient as _;
    use super::*;

    #[tokio::test]
    async fn a_suspect_is_not_reached_at_this_machine() {
        let names = Arc::<Names>::default();
        let transport = Transport::new(None, 1, Arc::clone(&names)).unwrap();
        let url: Url = "https://localhost:1/v2/?secret".parse().unwrap();
        names.suspect(&url);
        let request = reqwest::Request::new(Method::GET, url);
        let (permit, pulse) = (transport.permit().await, Pulse::new(Patience::default()));
        let sent = transport.send(&permit, Route::Guarded, &Arc::from("read a of b"), request, &pulse).await;
        let Err(error) = sent else { panic!("it was reached") };
        assert!(error.reason().contains("`localhost` has no public address"), "{}", error.reason());
        assert!(error.help().unwrap().contains("use a mirror"));
        assert!(!error.is_transient());
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn certificates_are_looked_at_at_once() {
        let with = |pem: &[u8]| Transport::new(Some(pem), 1, Arc::default()).err();
        assert!(matches!(with(b"nothing of the kind"), Some(RegistryError::NoCertificate)));
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let error = with(broken).unwrap();
        assert!(matches!(error, RegistryError::Tls(_)), "{error:?}");
        assert!(error.help().unwrap().contains("--ca-file"));
    }
}
