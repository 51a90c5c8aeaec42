//! Sends a request and follows its redirects.
//!
//! Secrets go to one origin only. Nothing is authenticated or retried here.

use reqwest::header::{HeaderValue, LOCATION};
use reqwest::{Method, Url};

use super::error::RegistryError;
use super::redirect_rules::{RedirectRules, VisitedUrls};
use super::request::Request;
use super::transport::{Permit, Response, Route, Transport};
use super::url::{is_loopback, same_host, same_origin};

/// Sends requests, one after the other, under one permit and by the rules for one registry.
pub(super) struct FollowRedirects<'a> {
    pub(super) transport: &'a Transport,
    pub(super) rules: RedirectRules<'a>,
    pub(super) permit: Permit,
}

impl FollowRedirects<'_> {
    /// Sends a request and follows its redirects. `secret` is a value of `Authorization` with a URL of the only origin that
    /// receives it.
    pub(super) async fn send(
        &self,
        request: &Request<'_>,
        secret: Option<(&Url, &HeaderValue)>,
    ) -> Result<Response, RegistryError> {
        let redirect_error = |source| RegistryError::redirect(request.action, source);
        let mut visited = VisitedUrls::default();
        let mut url = request.url.clone();
        loop {
            visited.visit(&url).map_err(redirect_error)?;
            let authorization =
                secret.filter(|(origin, _)| same_origin(origin, &url)).map(|(_, value)| value);
            let route = self.route(&url);
            let sent = self.transport.send(&self.permit, route, request, url.clone(), authorization);
            let response = sent.await?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let Some(location) = response.header(&LOCATION) else {
                let why = format!("{} without a Location", response.status());
                return Err(RegistryError::protocol(request.action, why));
            };
            if !matches!(request.method, Method::GET | Method::HEAD) {
                let why = format!("a {} is redirected to another URL", request.method);
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
