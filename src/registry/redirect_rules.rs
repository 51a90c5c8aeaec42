//! The rules for URLs that a registry names: for redirects, uploads and its token service.
//!
//! Blobs are often stored elsewhere, behind a content delivery network, and the registry redirects there. limg follows,
//! but only a limited number of times, not from HTTPS to plain HTTP, and not from the public internet to this machine or
//! into a private network.

use std::collections::BTreeSet;

use reqwest::Url;

use super::public_hosts::{PublicHosts, is_public};
use super::settings::ClientSettings;
use super::url::{is_loopback, literal_ip, same_host, without_secrets};

/// How many redirects are followed for one request.
const MAX_REDIRECTS: usize = 10;

/// A URL that a registry named and that limg does not follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// There are too many redirects.
    #[error("the registry redirects more than {MAX_REDIRECTS} times")]
    TooMany,
    /// The redirect leads back to an earlier URL.
    #[error("the registry redirects in a loop through `{0}`")]
    Loop(String),
    /// The URL is malformed, has another scheme, or contains a user or password.
    #[error("the registry sent an invalid URL")]
    InvalidUrl,
    /// The URL leads from HTTPS to plain HTTP.
    #[error("the registry sent a URL with plain HTTP: `{0}`")]
    PlainHttp(String),
    /// The URL leads from the public internet to this machine or into a private network.
    #[error("the registry is public but sent the URL `{0}`, which is not on the public internet")]
    Private(String),
}

impl RedirectError {
    /// The same error with its URL changed.
    pub(super) fn map_url(self, change: impl FnOnce(&str) -> String) -> Self {
        match self {
            Self::Loop(url) => Self::Loop(change(&url)),
            Self::PlainHttp(url) => Self::PlainHttp(change(&url)),
            Self::Private(url) => Self::Private(change(&url)),
            Self::TooMany | Self::InvalidUrl => self,
        }
    }
}

/// The rules for the URLs that one registry names.
pub(super) struct RedirectRules<'a> {
    /// The registry's root URL.
    pub(super) root: &'a Url,
    pub(super) hosts: &'a PublicHosts,
    pub(super) settings: &'a ClientSettings,
}

impl RedirectRules<'_> {
    /// Resolves a `location` in the response from a URL, if limg may follow it.
    pub(super) fn resolve(&self, from: &Url, location: &str) -> Result<Url, RedirectError> {
        let mut to = from.join(location).map_err(|_| RedirectError::InvalidUrl)?;
        to.set_fragment(None);
        self.check(&to)?;
        Ok(to)
    }

    fn check(&self, to: &Url) -> Result<(), RedirectError> {
        // A user and a password in a URL would be sent as credentials.
        if to.host_str().is_none_or(str::is_empty) || !to.username().is_empty() || to.password().is_some() {
            return Err(RedirectError::InvalidUrl);
        }
        if same_host(self.root, to) && self.root.scheme() == to.scheme() {
            return Ok(());
        }
        match to.scheme() {
            "https" => {}
            "http" if self.settings.is_insecure(to) || (is_loopback(to) && is_loopback(self.root)) => {}
            "http" => return Err(RedirectError::PlainHttp(without_secrets(to))),
            _ => return Err(RedirectError::InvalidUrl),
        }
        if self.hosts.contains(self.root)
            && !same_host(self.root, to)
            && (is_loopback(to) || literal_ip(to).is_some_and(|address| !is_public(address)))
        {
            return Err(RedirectError::Private(without_secrets(to)));
        }
        Ok(())
    }
}

/// The URLs that one request has visited.
#[derive(Debug, Default)]
pub(super) struct VisitedUrls(BTreeSet<String>);

impl VisitedUrls {
    /// Records a URL before the request goes there.
    pub(super) fn visit(&mut self, url: &Url) -> Result<(), RedirectError> {
        if self.0.len() > MAX_REDIRECTS {
            return Err(RedirectError::TooMany);
        }
        if self.0.insert(url.as_str().to_owned()) {
            Ok(())
        } else {
            Err(RedirectError::Loop(without_secrets(url)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn resolve(root: &str, location: &str) -> Result<String, RedirectError> {
        let insecure = ["plain.example.com".to_owned()].into();
        let settings = ClientSettings { insecure, ..ClientSettings::default() };
        let (root, hosts) = (url(root), PublicHosts::default());
        let rules = RedirectRules { root: &root, hosts: &hosts, settings: &settings };
        rules.resolve(&root, location).map(String::from)
    }

    const PUBLIC: &str = "https://registry.example.com/v2/a/blobs/b";
    const LOCAL: &str = "http://127.0.0.1:5000/v2/a/blobs/b";

    #[test]
    fn a_redirect_may_lead_to_another_host() {
        for (root, location, expected) in [
            (PUBLIC, "/x?y#z", "https://registry.example.com/x?y"),
            (PUBLIC, "c", "https://registry.example.com/v2/a/blobs/c"),
            (PUBLIC, "//cdn.example.com/x", "https://cdn.example.com/x"),
            (PUBLIC, "https://1.1.1.1/x", "https://1.1.1.1/x"),
            (PUBLIC, "http://plain.example.com/x", "http://plain.example.com/x"),
            (LOCAL, "/x", "http://127.0.0.1:5000/x"),
            (LOCAL, "http://127.0.0.1:6000/x", "http://127.0.0.1:6000/x"),
            (LOCAL, "https://10.0.0.1/x", "https://10.0.0.1/x"),
            ("https://10.0.0.1/", "https://10.0.0.2/x", "https://10.0.0.2/x"),
            ("http://plain.example.com/", "/x", "http://plain.example.com/x"),
        ] {
            assert_eq!(resolve(root, location).unwrap(), expected, "{location}");
        }
    }

    #[test]
    fn a_redirect_may_not_leave_tls_or_the_public_internet() {
        for (root, location, expected) in [
            (
                PUBLIC,
                "http://cdn.example.com/x?s",
                RedirectError::PlainHttp("http://cdn.example.com/x".into()),
            ),
            (
                PUBLIC,
                "http://registry.example.com/x",
                RedirectError::PlainHttp("http://registry.example.com/x".into()),
            ),
            (LOCAL, "http://cdn.example.com/x", RedirectError::PlainHttp("http://cdn.example.com/x".into())),
            (PUBLIC, "http://127.0.0.1/x", RedirectError::PlainHttp("http://127.0.0.1/x".into())),
            (PUBLIC, "https://127.0.0.1/x", RedirectError::Private("https://127.0.0.1/x".into())),
            (PUBLIC, "https://localhost/x", RedirectError::Private("https://localhost/x".into())),
            (
                PUBLIC,
                "https://169.254.169.254/x?k",
                RedirectError::Private("https://169.254.169.254/x".into()),
            ),
            (PUBLIC, "https://[::ffff:10.0.0.1]/", RedirectError::Private("https://[::ffff:a00:1]/".into())),
            (PUBLIC, "https://0xA9FEA9FE/", RedirectError::Private("https://169.254.169.254/".into())),
            (PUBLIC, "https://user:word@cdn.example.com/", RedirectError::InvalidUrl),
            (PUBLIC, "ftp://cdn.example.com/", RedirectError::InvalidUrl),
            (PUBLIC, "file:///etc/passwd", RedirectError::InvalidUrl),
            (PUBLIC, "https://", RedirectError::InvalidUrl),
        ] {
            assert_eq!(resolve(root, location).unwrap_err(), expected, "{location}");
        }
    }

    #[test]
    fn redirects_are_limited_and_may_not_loop() {
        let mut visited = VisitedUrls::default();
        for step in 0..=MAX_REDIRECTS {
            visited.visit(&url(&format!("https://a/{step}"))).unwrap();
        }
        assert_eq!(visited.visit(&url("https://a/x")), Err(RedirectError::TooMany));
        let mut visited = VisitedUrls::default();
        visited.visit(&url("https://a/1?secret")).unwrap();
        visited.visit(&url("https://a/2")).unwrap();
        assert_eq!(visited.visit(&url("https://a/1?secret")), Err(RedirectError::Loop("https://a/1".into())));
    }
}
