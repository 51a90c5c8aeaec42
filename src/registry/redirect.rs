//! Where a registry may send limg on to.
//!
//! Blobs often lie elsewhere, in a store of objects behind a content network, and a registry says where. That is followed,
//! but not without end, not out of TLS, and not from the public internet to this machine or a private network. What goes
//! along with a request is not decided here.

use std::collections::BTreeSet;

use reqwest::Url;

use super::address::{self, Names};
use crate::text::excerpt;

/// How many redirects are followed for one request.
const LIMIT: usize = 10;

/// An address that a registry names, for a redirect, an upload or its token service, and that limg does not go to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// There are too many.
    #[error("the registry redirects more than {LIMIT} times")]
    TooMany,
    /// It leads back to where it came from.
    #[error("the registry redirects in a circle, over `{0}`")]
    Loop(String),
    /// It is no address, one of another protocol, or one with a name and a password.
    #[error("the registry names an address that cannot be used")]
    NoAddress,
    /// It leads out of TLS.
    #[error("the registry names an address in plain HTTP: `{0}`")]
    Plain(String),
    /// It leads from the public internet to this machine or a private network.
    #[error("the registry is public and names `{0}`, which is not on the public internet")]
    Private(String),
}

/// The rules for one registry.
pub(super) struct Rules<'a> {
    /// An address of the registry as the user configured it.
    pub(super) home: &'a Url,
    /// What is known of names.
    pub(super) names: &'a Names,
    /// Whether the user lets a host be spoken to in plain HTTP.
    pub(super) is_insecure: &'a dyn Fn(&Url) -> bool,
}

impl Rules<'_> {
    /// The address that `location` means for an answer from `from`, if limg may go there.
    pub(super) fn follow(&self, from: &Url, location: &str) -> Result<Url, RedirectError> {
        let mut to = from.join(location).map_err(|_| RedirectError::NoAddress)?;
        to.set_fragment(None);
        self.check(&to)?;
        Ok(to)
    }

    /// Whether limg may go to an address that the registry named.
    pub(super) fn check(&self, to: &Url) -> Result<(), RedirectError> {
        // A name and a password in an address would be sent as such.
        if to.host_str().is_none_or(str::is_empty) || !to.username().is_empty() || to.password().is_some() {
            return Err(RedirectError::NoAddress);
        }
        if same_host(self.home, to) && self.home.scheme() == to.scheme() {
            return Ok(());
        }
        match to.scheme() {
            "https" => {}
            "http"
                if (self.is_insecure)(to)
                    || (address::is_loopback(to) && address::is_loopback(self.home)) => {}
            "http" => return Err(RedirectError::Plain(shown(to))),
            _ => return Err(RedirectError::NoAddress),
        }
        if self.names.is_public(self.home)
            && !same_host(self.home, to)
            && (address::is_loopback(to)
                || address::literal(to).is_some_and(|literal| !address::is_public(literal)))
        {
            return Err(RedirectError::Private(shown(to)));
        }
        Ok(())
    }
}

/// The addresses that one request has been to.
#[derive(Debug, Default)]
pub(super) struct Trail(BTreeSet<String>);

impl Trail {
    /// Takes note of an address before it is asked.
    pub(super) fn visit(&mut self, url: &Url) -> Result<(), RedirectError> {
        if self.0.len() > LIMIT {
            return Err(RedirectError::TooMany);
        }
        if self.0.insert(url.as_str().to_owned()) { Ok(()) } else { Err(RedirectError::Loop(shown(url))) }
    }
}

/// Whether two addresses have the same scheme, host and port: only then does one get what is secret of the other.
pub(super) fn same_origin(left: &Url, right: &Url) -> bool {
    left.scheme() == right.scheme()
        && left.host_str() == right.host_str()
        && left.port_or_known_default() == right.port_or_known_default()
}

/// Whether two addresses have the same host.
pub(super) fn same_host(left: &Url, right: &Url) -> bool {
    left.host_str() == right.host_str()
}

/// An address as messages show it: without name and password, and without its query, which holds the signature of an
/// address that is signed.
pub(super) fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    excerpt(&format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn follow(home: &str, location: &str) -> Result<String, RedirectError> {
        let (home, names) = (url(home), Names::default());
        let rules = Rules {
            home: &home,
            names: &names,
            is_insecure: &|url| url.host_str() == Some("plain.example.com"),
        };
        rules.follow(&home, location).map(String::from)
    }

    const PUBLIC: &str = "https://registry.example.com/v2/a/blobs/b";
    const LOCAL: &str = "http://127.0.0.1:5000/v2/a/blobs/b";

    #[test]
    fn a_redirect_may_lead_to_where_a_blob_lies() {
        for (home, location, expected) in [
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
            assert_eq!(follow(home, location).unwrap(), expected, "{location}");
        }
    }

    #[test]
    fn a_redirect_must_not_lead_elsewhere() {
        for (home, location, expected) in [
            (PUBLIC, "http://cdn.example.com/x?s", RedirectError::Plain("http://cdn.example.com/x".into())),
            (
                PUBLIC,
                "http://registry.example.com/x",
                RedirectError::Plain("http://registry.example.com/x".into()),
            ),
            (LOCAL, "http://cdn.example.com/x", RedirectError::Plain("http://cdn.example.com/x".into())),
            (PUBLIC, "http://127.0.0.1/x", RedirectError::Plain("http://127.0.0.1/x".into())),
            (PUBLIC, "https://127.0.0.1/x", RedirectError::Private("https://127.0.0.1/x".into())),
            (PUBLIC, "https://localhost/x", RedirectError::Private("https://localhost/x".into())),
            (
                PUBLIC,
                "https://169.254.169.254/x?k",
                RedirectError::Private("https://169.254.169.254/x".into()),
            ),
            (PUBLIC, "https://[::ffff:10.0.0.1]/", RedirectError::Private("https://[::ffff:a00:1]/".into())),
            (PUBLIC, "https://0xA9FEA9FE/", RedirectError::Private("https://169.254.169.254/".into())),
            (PUBLIC, "https://user:word@cdn.example.com/", RedirectError::NoAddress),
            (PUBLIC, "ftp://cdn.example.com/", RedirectError::NoAddress),
            (PUBLIC, "file:///etc/passwd", RedirectError::NoAddress),
            (PUBLIC, "https://", RedirectError::NoAddress),
        ] {
            assert_eq!(follow(home, location).unwrap_err(), expected, "{location}");
        }
    }

    #[test]
    fn redirects_come_to_an_end() {
        let mut trail = Trail::default();
        for step in 0..=LIMIT {
            trail.visit(&url(&format!("https://a/{step}"))).unwrap();
        }
        assert_eq!(trail.visit(&url("https://a/x")), Err(RedirectError::TooMany));
        let mut trail = Trail::default();
        trail.visit(&url("https://a/1?secret")).unwrap();
        trail.visit(&url("https://a/2")).unwrap();
        assert_eq!(trail.visit(&url("https://a/1?secret")), Err(RedirectError::Loop("https://a/1".into())));
    }

    #[test]
    fn secrets_are_for_the_same_origin_alone() {
        for (other, same) in [
            ("https://a/x", true),
            ("https://a:443/", true),
            ("https://A/", true),
            ("http://a/", false),
            ("https://a:444/", false),
            ("https://b/", false),
            ("https://a.b/", false),
        ] {
            assert_eq!(same_origin(&url("https://a/"), &url(other)), same, "{other}");
        }
    }
}
