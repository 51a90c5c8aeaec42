//! The user's settings for registries: mirrors, plain HTTP, trusted certificates, proxies, and the number of connections.
//!
//! Values only: nothing here reads a file or contacts a registry.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use reqwest::Url;

use super::proxies::Proxies;

/// The user's settings for registries.
#[derive(Debug, Clone, Default)]
pub struct ClientSettings {
    /// The mirrors, by the host that they stand in for, as references name it, with its port if it has one.
    pub mirrors: BTreeMap<String, Mirror>,
    /// Mirrors from environment variables; they take precedence. The key is the host as the variable's name contains it:
    /// in upper case, with `_` in place of everything but letters and digits.
    pub environment_mirrors: BTreeMap<String, Mirror>,
    /// Hosts, with or without a port, for which plain HTTP is allowed although they are not this machine.
    pub insecure: BTreeSet<String>,
    /// Certificates in PEM that are trusted in addition to the system's. The system's are those in the file that
    /// `SSL_CERT_FILE` names, if that is set.
    pub certificates: Option<Vec<u8>>,
    /// The proxies of the environment.
    pub proxies: Proxies,
    /// Whether no registry may be contacted.
    pub offline: bool,
    /// How many transfers may run at once, at least 1. Each sends one request at a time.
    pub connections: usize,
    /// How many requests may fetch a large blob at once; 0 and 1 stand for one request.
    pub requests_per_blob: usize,
}

/// How many operations that transfer next to nothing may run at once for each transfer. They wait for round trips, and take hardly
/// any of the line's rate.
const SMALL_OPERATIONS: usize = 8;

impl ClientSettings {
    /// How many operations that transfer next to nothing may run at once. Without parallel transfers, one.
    pub(super) fn small_operations(&self) -> usize {
        match self.connections {
            0 | 1 => 1,
            several => several * SMALL_OPERATIONS,
        }
    }

    /// The mirror of a host.
    pub(super) fn mirror(&self, host: &str) -> Option<&Mirror> {
        let capital = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let variable: String = host.chars().map(capital).collect();
        self.environment_mirrors.get(&variable).or_else(|| self.mirrors.get(&host.to_lowercase()))
    }

    /// Whether the user allows plain HTTP to the host of a URL.
    pub(super) fn is_insecure(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        self.insecure.contains(host)
            || url.port().is_some_and(|port| self.insecure.contains(&format!("{host}:{port}")))
    }
}

/// A registry that is asked in place of another one: `[https://|http://]HOST[:PORT][/PREFIX]`.
///
/// The prefix is put in front of every repository's name, as pull-through caches expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The scheme, if the user names one.
    pub(super) scheme: Option<Scheme>,
    /// The host, with its port if the user names one.
    pub(super) host: String,
    /// The prefix of repository names, without a slash at either end; it may be empty.
    pub(super) prefix: String,
}

/// The scheme of a registry's URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Https,
    Http,
}

impl Scheme {
    /// The scheme as a URL contains it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

/// A text that is not a [`Mirror`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a registry address of the form [https://|http://]HOST[:PORT][/PREFIX]")]
pub struct MirrorError(String);

impl FromStr for Mirror {
    type Err = MirrorError;

    fn from_str(text: &str) -> Result<Self, MirrorError> {
        let (scheme, rest) = match text.split_once("://") {
            None => (None, text),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Some(Scheme::Https), rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Some(Scheme::Http), rest),
            // What precedes `://` may be a user and a password, which the error must not show.
            Some(_) => return Err(MirrorError("…".to_owned())),
        };
        let (host, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        let prefix_is_plain = prefix.is_empty()
            || prefix.split('/').all(|word| {
                let mut bytes = word.bytes();
                bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
                    && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            });
        if is_host(host) && prefix_is_plain {
            Ok(Self { scheme, host: host.to_ascii_lowercase(), prefix: prefix.to_owned() })
        } else if text.contains('@') {
            Err(MirrorError("…".to_owned()))
        } else {
            Err(MirrorError(text.to_owned()))
        }
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = self.scheme {
            write!(f, "{}://", scheme.name())?;
        }
        f.write_str(&self.host)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

/// Whether a text is `HOST[:PORT]` and nothing else.
pub(super) fn is_host(text: &str) -> bool {
    if text.is_empty() || text.contains(['/', '\\', '?', '#', '@']) || text.contains(char::is_whitespace) {
        return false;
    }
    Url::parse(&format!("https://{text}/")).is_ok_and(|url| url.host_str().is_some() && url.path() == "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_from_the_environment_precede_those_of_the_configuration() {
        let mirror = |text: &str| text.parse::<Mirror>().unwrap();
        let settings = ClientSettings {
            mirrors: [("docker.io", "near/hub"), ("localhost:5000", "file")]
                .map(|(host, text)| (host.to_owned(), mirror(text)))
                .into(),
            environment_mirrors: [("LOCALHOST_5000".to_owned(), mirror("variable"))].into(),
            ..ClientSettings::default()
        };
        assert_eq!(settings.mirror("localhost:5000"), Some(&mirror("variable")));
        assert_eq!(settings.mirror("Docker.io"), Some(&mirror("near/hub")));
        assert_eq!(settings.mirror("quay.io"), None);
    }

    #[test]
    fn mirrors_have_a_scheme_a_host_and_a_prefix() {
        for (text, scheme, host, prefix) in [
            ("mirror.example.com", None, "mirror.example.com", ""),
            ("Mirror.example.com:5000/", None, "mirror.example.com:5000", ""),
            ("http://127.0.0.1:5000", Some(Scheme::Http), "127.0.0.1:5000", ""),
            ("https://[::1]:5000/a", Some(Scheme::Https), "[::1]:5000", "a"),
            (
                "HTTPS://1.dkr.ecr.eu-west-1.amazonaws.com/ecr-public/x",
                Some(Scheme::Https),
                "1.dkr.ecr.eu-west-1.amazonaws.com",
                "ecr-public/x",
            ),
        ] {
            let mirror: Mirror = text.parse().unwrap();
            assert_eq!(
                (mirror.scheme, mirror.host.as_str(), mirror.prefix.as_str()),
                (scheme, host, prefix),
                "{text}"
            );
            assert_eq!(mirror.to_string().parse::<Mirror>().unwrap(), mirror);
        }
    }

    #[test]
    fn invalid_mirrors_are_rejected() {
        for text in
            ["", "/a", "https://", "ftp://a", "a b", "a:b", "a/../b", "a//b", "a?x", "a/b#c", "a:99999"]
        {
            assert!(text.parse::<Mirror>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_error_about_a_mirror_does_not_show_a_password() {
        for text in ["https://user:hunter2@a", "user:hunter2@a", "hunter2://a"] {
            let error = text.parse::<Mirror>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_insecure_host_may_be_named_with_or_without_its_port() {
        let settings = ClientSettings {
            insecure: ["a".to_owned(), "b:5000".to_owned()].into(),
            ..ClientSettings::default()
        };
        for (url, insecure) in [
            ("http://a/", true),
            ("http://a:1/", true),
            ("http://b:5000/", true),
            ("http://b/", false),
            ("http://c/", false),
        ] {
            assert_eq!(settings.is_insecure(&url.parse().unwrap()), insecure, "{url}");
        }
    }
}
