//! A request sent to a registry and followed to wherever it is sent on.
//!
//! What is secret goes to one origin and nowhere else. Who is let in is not decided here, and nothing that failed is tried
//! again.

use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, Url};

use super::address;
use super::client::{Inner, protocol};
use super::error::RegistryError;
use super::feed::Feed;
use super::login::Scopes;
use super::place::Place;
use super::pulse::Pulse;
use super::redirect::{Rules, Trail, same_host, same_origin};
use super::transport::{Answer, Permit, Route};

/// A request to a registry or its token service.
pub(super) struct Request<'a> {
    /// What is being done, for messages.
    pub(super) doing: &'a str,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// What is sent along.
    pub(super) feed: Option<&'a Feed>,
    /// What the registry is to allow.
    pub(super) scopes: Scopes,
    /// Whether it ends an upload, so that its answer may take its time.
    pub(super) finishes: bool,
}

impl<'a> Request<'a> {
    /// One without a body.
    pub(super) fn new(doing: &'a str, method: Method, url: Url, scopes: Scopes) -> Self {
        Self { doing, method, url, headers: HeaderMap::new(), feed: None, scopes, finishes: false }
    }
}

/// What all requests for one thing share: the registry that names addresses, and one place in the budget of connections.
pub(super) struct Exchange<'a> {
    pub(super) inner: &'a Inner,
    pub(super) place: &'a Place,
    pub(super) permit: Permit,
}

impl Exchange<'_> {
    /// Sends a request to its address and on to wherever it is redirected. `secret` is a value of `Authorization`, and an
    /// address of the one origin that gets it.
    pub(super) async fn follow(
        &self,
        request: &Request<'_>,
        secret: Option<(&Url, &HeaderValue)>,
    ) -> Result<Answer, RegistryError> {
        let redirected = |source| RegistryError::Redirect { doing: request.doing.to_owned(), source };
        let mut trail = Trail::default();
        let mut url = request.url.clone();
        loop {
            trail.visit(&url).map_err(redirected)?;
            let authorization =
                secret.filter(|(origin, _)| same_origin(origin, &url)).map(|(_, value)| value);
            let answer = self.send(request, url.clone(), authorization).await?;
            if !answer.status().is_redirection() {
                return Ok(answer);
            }
            let Some(location) = answer.header(&LOCATION) else {
                return Err(protocol(request.doing, format!("{} without a Location", answer.status())));
            };
            if !matches!(request.method, Method::GET | Method::HEAD) {
                let why = format!("a {} is redirected to another address", request.method);
                return Err(protocol(request.doing, why));
            }
            url = self.inner.rules(self.place, |rules| rules.follow(&url, location)).map_err(redirected)?;
            answer.discard().await;
        }
    }

    async fn send(
        &self,
        request: &Request<'_>,
        url: Url,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, RegistryError> {
        let pulse = Arc::new(Pulse::new(self.inner.transport.patience));
        if request.finishes {
            pulse.answer_is_due();
        }
        let route = self.route(&url);
        let mut http = reqwest::Request::new(request.method.clone(), url);
        http.headers_mut().clone_from(&request.headers);
        if let Some(authorization) = authorization {
            http.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        if let Some(feed) = request.feed {
            http.headers_mut().insert(CONTENT_LENGTH, feed.size().into());
            *http.body_mut() = Some(feed.body(&pulse));
        }
        let doing = Arc::from(request.doing);
        let answer = self.inner.transport.send(&self.permit, route, &doing, http, &pulse).await;
        match request.feed.and_then(Feed::fault) {
            Some(fault) => Err(fault.into()),
            None => answer,
        }
    }

    /// The way to an address: what a public registry names must be public too.
    fn route(&self, url: &Url) -> Route {
        let (home, names) = (&self.place.home, &self.inner.names);
        if address::is_loopback(url) {
            // What is not encrypted needs no certificates, and reading the system's takes milliseconds.
            if url.scheme() == "http" { Route::Plain } else { Route::Loopback }
        } else if !same_host(home, url) && names.is_public(home) {
            names.suspect(url);
            Route::Guarded
        } else {
            Route::Open
        }
    }
}

impl Inner {
    /// Applies the rules for what a registry names.
    pub(super) fn rules<T>(&self, place: &Place, apply: impl FnOnce(&Rules<'_>) -> T) -> T {
        let is_insecure = |url: &Url| self.settings.is_insecure(url);
        apply(&Rules { home: &place.home, names: &self.names, is_insecure: &is_insecure })
    }
}
