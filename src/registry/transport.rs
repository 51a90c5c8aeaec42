//! Sends one request: connections, TLS, proxies, and time-outs.
//!
//! Nothing is retried, authorised or redirected here.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, StatusCode, Url};

use super::error::{ContentError, RegistryError};
use super::error_response::ErrorResponse;
use super::proxies::Proxies;
use super::public_hosts::{PublicHosts, Resolver};
use super::request::Request;
use super::sent_secrets::SentSecrets;
use super::settings::ClientSettings;
use super::stall_timeout::{StallLimits, StallTimeout};
use super::upload_body::UploadBody;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of an error response is read.
const ERROR_RESPONSE_LIMIT: u64 = 64 * 1024;

/// How a request reaches its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// As the user's system is configured.
    Any,
    /// The same, but restricted host names resolve to public addresses only.
    PublicOnly,
    /// To this machine, bypassing any proxy.
    Loopback,
    /// The same for plain HTTP, or to find out whether the host uses TLS: no certificate is trusted.
    LoopbackUntrusted,
}

/// Sends requests.
pub(super) struct Transport {
    /// One client for each route, created when it is first needed, since reading the system's certificates takes time.
    clients: [OnceLock<reqwest::Client>; 4],
    certificates: Vec<Certificate>,
    proxies: Proxies,
    pub(super) hosts: Arc<PublicHosts>,
    pub(super) stall_limits: StallLimits,
}

impl Transport {
    /// A transport with the user's settings.
    pub(super) fn new(settings: &ClientSettings) -> Result<Self, RegistryError> {
        let certificates = match &settings.certificates {
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
            clients: Default::default(),
            certificates,
            proxies: settings.proxies.clone(),
            hosts: Arc::default(),
            stall_limits: StallLimits::default(),
        };
        if !transport.certificates.is_empty() {
            // Shows at once whether the certificates are valid.
            transport.client(Route::Any)?;
        }
        Ok(transport)
    }

    /// Sends a request to a URL, which may be another one than the request's own after a redirect.
    pub(super) async fn send(
        &self,
        route: Route,
        request: &Request<'_>,
        url: Url,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response, RegistryError> {
        let stall_timeout = Arc::new(StallTimeout::start(self.stall_limits));
        if let Some(uploaded) = request.completes {
            stall_timeout.expect_response(uploaded);
        }
        let mut http = reqwest::Request::new(request.method.clone(), url);
        http.headers_mut().clone_from(&request.headers);
        if let Some(authorization) = authorization {
            http.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        if let Some(body) = request.body {
            // Without a size, the body is sent in chunks (RFC 9112, section 7.1).
            http.headers_mut().extend(body.size().map(|size| (CONTENT_LENGTH, size.into())));
            *http.body_mut() = Some(body.stream(&stall_timeout));
        }
        let sent = stall_timeout.watch(self.client(route)?.execute(http)).await;
        if let Some(error) = request.body.and_then(UploadBody::take_read_error) {
            return Err(error.into());
        }
        match sent {
            Ok(Ok(http)) => Ok(Response {
                http,
                action: Arc::from(request.action),
                stall_limit: self.stall_limits.transfer,
                secrets: SentSecrets::of(authorization, request.secret),
            }),
            Ok(Err(error)) => Err(network_error(request.action, error)),
            Err(limit) => Err(RegistryError::Stalled { action: request.action.to_owned(), limit }),
        }
    }

    fn client(&self, route: Route) -> Result<&reqwest::Client, RegistryError> {
        let client = &self.clients[route as usize];
        if let Some(client) = client.get() {
            return Ok(client);
        }
        let public_only = route == Route::PublicOnly;
        let builder = reqwest::Client::builder()
            .user_agent(concat!("limg/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .dns_resolver(Resolver { hosts: Arc::clone(&self.hosts), public_only });
        let builder = match route {
            Route::LoopbackUntrusted => builder.tls_certs_only([]),
            _ => builder.tls_certs_merge(self.certificates.iter().cloned()),
        };
        let builder = match route {
            Route::Loopback | Route::LoopbackUntrusted => builder.no_proxy(),
            Route::Any | Route::PublicOnly => self.proxies.apply(builder),
        };
        let built = builder.build().map_err(RegistryError::Tls)?;
        Ok(client.get_or_init(|| built))
    }
}

/// A response whose body has not been read yet.
pub(super) struct Response {
    http: reqwest::Response,
    action: Arc<str>,
    stall_limit: Duration,
    secrets: SentSecrets,
}

impl Response {
    pub(super) fn status(&self) -> StatusCode {
        self.http.status()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.http.headers()
    }

    /// A header that is valid text.
    pub(super) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.http.headers().get(name)?.to_str().ok()
    }

    /// The URL that the request went to.
    pub(super) fn url(&self) -> &Url {
        self.http.url()
    }

    /// The secrets in its request.
    pub(super) fn secrets(&self) -> &SentSecrets {
        &self.secrets
    }

    /// The next piece of the body, or none at its end.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, RegistryError> {
        match tokio::time::timeout(self.stall_limit, self.http.chunk()).await {
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(network_error(&self.action, error)),
            Err(_) => {
                Err(RegistryError::Stalled { action: self.action.to_string(), limit: self.stall_limit })
            }
        }
    }

    /// The whole body, of at most `limit` bytes.
    pub(super) async fn body(mut self, limit: u64) -> Result<Vec<u8>, RegistryError> {
        let action = Arc::clone(&self.action);
        let too_large = || RegistryError::content(&action, ContentError::TooLarge { limit });
        if self.http.content_length().is_some_and(|length| length > limit) {
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

    /// The errors in the body of an error response.
    pub(super) async fn into_error(mut self) -> ErrorResponse {
        let (status, headers, limit) = (self.status(), self.headers().clone(), self.stall_limit);
        let mut body = Vec::new();
        let read = async {
            while let Ok(Some(piece)) = self.piece().await {
                body.extend_from_slice(&piece);
                if body.len() as u64 > ERROR_RESPONSE_LIMIT {
                    break;
                }
            }
        };
        // A body that is cut off, takes too long or is too long still counts as far as it was read.
        drop(tokio::time::timeout(limit, read).await);
        ErrorResponse::new(status, &headers, &body, &self.secrets)
    }

    /// Reads a short body that is not needed, so that the connection can be reused.
    pub(super) async fn discard(self) {
        if self.http.content_length().is_some_and(|length| length <= ERROR_RESPONSE_LIMIT) {
            drop(self.body(ERROR_RESPONSE_LIMIT).await);
        }
    }
}

/// The error of a failed connection, without the URL, which may be a signed one.
fn network_error(action: &str, error: reqwest::Error) -> RegistryError {
    RegistryError::Network { action: action.to_owned(), source: error.without_url() }
}

#[cfg(test)]
mod tests {
    use reqwest::Method;

    use super::super::request::Scopes;
    use super::super::retry::Transient as _;
    use super::*;
    use crate::failure::help_text;

    #[tokio::test]
    async fn a_restricted_name_does_not_lead_to_this_machine() {
        let transport = Transport::new(&ClientSettings::default()).unwrap();
        let url: Url = "https://localhost:1/v2/?secret".parse().unwrap();
        transport.hosts.restrict(&url);
        let request = Request::new("read a of b", Method::GET, url.clone(), Scopes::pull("b"));
        let sent = transport.send(Route::PublicOnly, &request, url, None).await;
        let Err(error) = sent else { panic!("the host was reached") };
        assert!(error.reason().contains("`localhost`, which has no public address"), "{}", error.reason());
        assert!(help_text(&error).contains("use a mirror"));
        assert!(!error.is_transient());
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn certificates_are_checked_at_once() {
        let with = |pem: &[u8]| {
            let certificates = Some(pem.to_owned());
            Transport::new(&ClientSettings { certificates, ..ClientSettings::default() }).err()
        };
        assert!(matches!(with(b"not a certificate"), Some(RegistryError::NoCertificate)));
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let error = with(broken).unwrap();
        assert!(matches!(error, RegistryError::Tls(_)), "{error:?}");
        assert!(help_text(&error).contains("--ca-file"));
    }
}
