//! Sends a request and follows its redirects, also those of uploads: some registries have another host receive them.
//!
//! Secrets go to one origin only. Nothing is authenticated or retried here.

use reqwest::header::{HeaderValue, LOCATION};
use reqwest::{Method, StatusCode, Url};

use super::error::RegistryError;
use super::redirect_rules::{RedirectError, RedirectRules, VisitedUrls};
use super::request::Request;
use super::sent_secrets::SentSecrets;
use super::transport::{Response, Route, Transport};
use super::url::{is_loopback, same_host, same_origin};

/// Sends requests, one after the other, by the rules for one registry.
pub(super) struct FollowRedirects<'a> {
    pub(super) transport: &'a Transport,
    pub(super) rules: RedirectRules<'a>,
}

impl FollowRedirects<'_> {
    /// Sends a request and follows its redirects. `secret` is a value of `Authorization` with a URL of the only origin that
    /// receives it.
    pub(super) async fn send(
        &self,
        request: &Request<'_>,
        secret: Option<(&Url, &HeaderValue)>,
    ) -> Result<Response, RegistryError> {
        let secrets = SentSecrets::of(secret.map(|(_, value)| value), request.secret);
        let redirect_error = |source: RedirectError| {
            RegistryError::redirect(request.action, source.map_url(|url| secrets.blank(url)))
        };
        let mut visited = VisitedUrls::default();
        let mut url = request.url.clone();
        loop {
            visited.visit(&url).map_err(redirect_error)?;
            let authorization =
                secret.filter(|(origin, _)| same_origin(origin, &url)).map(|(_, value)| value);
            let route = self.route(&url);
            let response = self.transport.send(route, request, url.clone(), authorization).await?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let Some(location) = response.header(&LOCATION) else {
                let why = format!("{} without a Location", response.status());
                return Err(RegistryError::protocol(request.action, why));
            };
            if !may_follow(request, response.status()) {
                let why = format!("{} in response to {}", response.status(), request.method);
                return Err(RegistryError::protocol(request.action, why));
            }
            url = self.rules.resolve(&url, location).map_err(redirect_error)?;
            response.discard().await;
        }
    }

    /// The route to a URL. A host that a public registry names must be public too.
    fn route(&self, url: &Url) -> Route {
        let RedirectRules { root, hosts, .. } = self.rules;
        if is_loopback(url) {
            // Plain HTTP needs no certificates, and reading the system's takes milliseconds.
            if url.scheme() == "http" { Route::LoopbackUntrusted } else { Route::Loopback }
        } else if !same_host(root, url) && hosts.contains(root) {
            hosts.restrict(url);
            Route::PublicOnly
        } else {
            Route::Any
        }
    }
}

/// Whether the same request may be sent to another URL. Only 307 and 308 keep the method and the body of a request that
/// writes (RFC 9110, section 15.4).
fn may_follow(request: &Request<'_>, status: StatusCode) -> bool {
    let reads = matches!(request.method, Method::GET | Method::HEAD);
    let keeps_method = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    request.secret.is_none() && (reads || keeps_method)
}
