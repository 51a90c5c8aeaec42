//! The HTTP client for AWS: reqwest, which treats proxies and additional CA certificates as it does for registries.
//!
//! The SDK retries and signs. Redirects are not followed, since no AWS API sends any.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use bytes::Bytes;
use reqwest::{Client, Method, Url};

use super::AwsError;
use crate::registry::Proxies;
use crate::response_body;

/// How long connecting to a service may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long connecting to an address of this machine or its host may take. Often nothing listens there: that is how the
/// SDK finds out that it does not run in AWS.
const LOCAL_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a whole request may take, unless the SDK sets a limit.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The longest response that is read, in bytes. The APIs send one page of JSON or XML at most.
const RESPONSE_LIMIT: u64 = 8 << 20;

/// Clients for AWS's services and for the credential services of a machine or container.
#[derive(Clone)]
pub(super) struct HttpClients {
    services: Client,
    local: Client,
}

impl HttpClients {
    /// Clients that trust the system's CA certificates and those of `certificates` (PEM), and use `proxies`.
    ///
    /// # Errors
    /// When the certificates cannot be parsed.
    pub(super) fn new(certificates: Option<&[u8]>, proxies: &Proxies) -> Result<Self, AwsError> {
        let mut additional = Vec::new();
        if let Some(pem) = certificates {
            additional = reqwest::Certificate::from_pem_bundle(pem).map_err(AwsError::Certificates)?;
            if additional.is_empty() {
                return Err(AwsError::NoCertificate);
            }
        }
        let base = || {
            Client::builder()
                .user_agent(concat!("limg/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
        };
        let services = base().connect_timeout(CONNECT_TIMEOUT).tls_certs_merge(additional);
        let services = proxies.apply(services);
        // A local address means another machine at the proxy.
        let local = base().connect_timeout(LOCAL_CONNECT_TIMEOUT).no_proxy();
        let build = |builder: reqwest::ClientBuilder| builder.build().map_err(AwsError::Certificates);
        Ok(Self { services: build(services)?, local: build(local)? })
    }

    /// The client for a URL.
    pub(super) fn client(&self, url: &Url) -> &Client {
        if is_local(url) { &self.local } else { &self.services }
    }
}

impl fmt::Debug for HttpClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpClients")
    }
}

impl HttpClient for HttpClients {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let timeout = settings.read_timeout().unwrap_or(TIMEOUT);
        SharedHttpConnector::new(Connector { http: self.clone(), timeout })
    }
}

/// Whether a URL leads, without encryption, to an address of this machine or its link: the credential services of
/// EC2, ECS and EKS do.
fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    url.scheme() == "http" && (host == "localhost" || host.parse::<IpAddr>().is_ok())
}

#[derive(Debug)]
struct Connector {
    http: HttpClients,
    timeout: Duration,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (http, timeout) = (self.http.clone(), self.timeout);
        HttpConnectorFuture::new(async move { send(&http, timeout, request).await })
    }
}

async fn send(
    http: &HttpClients,
    timeout: Duration,
    request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let url = Url::parse(request.uri()).map_err(|error| ConnectorError::user(error.into()))?;
    let method = Method::from_bytes(request.method().as_bytes())
        .map_err(|error| ConnectorError::user(error.into()))?;
    let body = request.body().bytes().map(Bytes::copy_from_slice);
    let body = body.ok_or_else(|| ConnectorError::user("a streamed body".into()))?;
    let mut outgoing = http.client(&url).request(method, url).timeout(timeout).body(body);
    for (name, value) in request.headers() {
        outgoing = outgoing.header(name, value);
    }
    let mut incoming = outgoing.send().await.map_err(failure)?;
    let status = incoming.status().as_u16();
    let headers = std::mem::take(incoming.headers_mut());
    let body = response_body::read(&mut incoming, RESPONSE_LIMIT).await.map_err(failure)?;
    let body = body.ok_or_else(|| ConnectorError::other("the response is too long".into(), None))?;
    let status = status.try_into().map_err(|error| ConnectorError::other(Box::new(error), None))?;
    let mut response = HttpResponse::new(status, body.into());
    for (name, value) in &headers {
        // The SDK reads no header that is not text.
        if let Ok(value) = value.to_str() {
            response.headers_mut().append(name.as_str().to_owned(), value.to_owned());
        }
    }
    Ok(response)
}

fn failure(error: reqwest::Error) -> ConnectorError {
    let (timed_out, never_connected) = (error.is_timeout(), error.is_connect());
    // Query strings may hold secrets.
    let error = error.without_url();
    let failure =
        if timed_out { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) };
    if never_connected { failure.never_connected() } else { failure }
}
