//! Where the requests for a repository go: Docker Hub's API, mirrors, and HTTPS or plain HTTP.

use std::fmt;

use reqwest::Url;

use super::error::RegistryError;
use super::settings::{ClientSettings, Scheme, is_host};
use super::url::is_loopback;
use crate::project::{DOCKER_HUB, DOCKER_HUB_API, DOCKER_HUB_HOSTS, Repository};

/// A repository at the registry that receives the requests for it.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    /// The host as the user names it.
    pub(super) host: String,
    /// The repository as its registry and its mirror name it: the first one that has credentials decides.
    pub(super) credentials_of: Vec<Repository>,
    /// The root URL of the registry that receives the requests.
    pub(super) root: Url,
    /// The root URL for plain HTTP, while it is unknown whether the registry uses TLS: on this machine it may or may not.
    plain_root: Option<Url>,
    /// The prefix of every repository's name at that registry, with a slash at its end; it may be empty.
    prefix: String,
    /// The repository's name at that registry.
    pub(super) name: String,
    /// The repository as messages name it.
    shown: String,
}

impl Endpoint {
    /// The endpoint of a repository.
    pub(super) fn of(repository: &Repository, settings: &ClientSettings) -> Result<Self, RegistryError> {
        let Repository { host, name } = repository;
        let host = if DOCKER_HUB_HOSTS.contains(&host.as_str()) { DOCKER_HUB } else { host };
        let mirror = settings.mirror(host);
        let contacted = match mirror {
            Some(mirror) => mirror.host.as_str(),
            None if host == DOCKER_HUB => DOCKER_HUB_API,
            None => host,
        };
        // Each scheme has its own root, since a URL omits the default port of its scheme.
        let root = |scheme: Scheme| {
            let url = Url::parse(&format!("{}://{contacted}/", scheme.name())).ok();
            url.filter(|_| is_host(contacted)).ok_or_else(|| RegistryError::InvalidHost(host.to_owned()))
        };
        let (secure, plain) = (root(Scheme::Https)?, root(Scheme::Http)?);
        let (is_loopback, is_insecure) = (is_loopback(&plain), settings.is_insecure(&plain));
        let (root, plain_root) = match mirror.and_then(|mirror| mirror.scheme) {
            Some(Scheme::Https) => (secure, None),
            Some(Scheme::Http) if !is_loopback && !is_insecure => {
                let mirror = mirror.map(ToString::to_string).unwrap_or_default();
                return Err(RegistryError::PlainHttpMirror { host: host.to_owned(), mirror });
            }
            Some(Scheme::Http) => (plain, None),
            None if is_insecure => (plain, None),
            None => (secure, is_loopback.then_some(plain)),
        };
        let prefix = match mirror {
            Some(mirror) if !mirror.prefix.is_empty() => format!("{}/", mirror.prefix),
            _ => String::new(),
        };
        let through = mirror.map(|mirror| format!(" through its mirror `{mirror}`")).unwrap_or_default();
        // The registry's own credentials may be sent to its mirror, which the user chose, but not for all to read.
        let own = (mirror.is_none() || !is_insecure)
            .then(|| Repository { host: host.to_owned(), name: name.to_owned() });
        let at_mirror =
            mirror.map(|mirror| Repository { host: mirror.host.clone(), name: format!("{prefix}{name}") });
        let credentials_of = at_mirror.into_iter().chain(own).collect();
        Ok(Self {
            host: host.to_owned(),
            credentials_of,
            root,
            plain_root,
            name: format!("{prefix}{name}"),
            prefix,
            shown: format!("{host}/{name}{through}"),
        })
    }

    /// Whether it is unknown if the registry uses TLS.
    pub(super) fn may_use_plain_http(&self) -> bool {
        self.plain_root.is_some()
    }

    /// The same endpoint with plain HTTP, if the registry may use that.
    pub(super) fn with_plain_http(mut self) -> Self {
        if let Some(root) = self.plain_root.take() {
            self.root = root;
        }
        self
    }

    /// The URL of something in the repository.
    pub(super) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.root.clone();
        // Only a URL that cannot be a base lacks a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().push("v2").extend(self.name.split('/')).extend(segments);
        }
        url
    }

    /// The name at that registry of another repository.
    pub(super) fn name_of(&self, other: &str) -> String {
        format!("{}{other}", self.prefix)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(host: &str, name: &str, mirror: Option<(&str, &str)>) -> Result<Endpoint, RegistryError> {
        let settings = ClientSettings {
            mirrors: mirror.into_iter().map(|(host, to)| (host.to_owned(), to.parse().unwrap())).collect(),
            insecure: ["plain.example.com".to_owned()].into(),
            ..ClientSettings::default()
        };
        Endpoint::of(&Repository { host: host.to_owned(), name: name.to_owned() }, &settings)
    }

    #[test]
    fn the_endpoint_of_a_repository_follows_from_its_host_and_mirror() {
        for (host, mirror, url, credentials) in [
            (
                "registry.example.com",
                None,
                "https://registry.example.com/v2/a/b/x",
                &["registry.example.com/a/b"][..],
            ),
            ("r.example.com:5000", None, "https://r.example.com:5000/v2/a/b/x", &["r.example.com:5000/a/b"]),
            ("docker.io", None, "https://registry-1.docker.io/v2/a/b/x", &["docker.io/a/b"]),
            ("index.docker.io", None, "https://registry-1.docker.io/v2/a/b/x", &["docker.io/a/b"]),
            ("plain.example.com", None, "http://plain.example.com/v2/a/b/x", &["plain.example.com/a/b"]),
            ("127.0.0.1:5000", None, "https://127.0.0.1:5000/v2/a/b/x", &["127.0.0.1:5000/a/b"]),
            (
                "docker.io",
                Some(("docker.io", "m.example.com:1/hub/x")),
                "https://m.example.com:1/v2/hub/x/a/b/x",
                &["m.example.com:1/hub/x/a/b", "docker.io/a/b"],
            ),
            (
                "a.example.com",
                Some(("a.example.com", "http://127.0.0.1:5000")),
                "http://127.0.0.1:5000/v2/a/b/x",
                &["127.0.0.1:5000/a/b", "a.example.com/a/b"],
            ),
            (
                "a.example.com",
                Some(("a.example.com", "http://plain.example.com")),
                "http://plain.example.com/v2/a/b/x",
                // Not the credentials of the registry itself, which anyone on the way could read.
                &["plain.example.com/a/b"],
            ),
            (
                "b.example.com",
                Some(("a.example.com", "m")),
                "https://b.example.com/v2/a/b/x",
                &["b.example.com/a/b"],
            ),
        ] {
            let endpoint = endpoint(host, "a/b", mirror).unwrap();
            assert_eq!(endpoint.url(&["x"]).as_str(), url);
            let shown: Vec<_> = endpoint.credentials_of.iter().map(ToString::to_string).collect();
            assert_eq!(shown, credentials, "{host}");
        }
    }

    #[test]
    fn only_registries_on_this_machine_may_use_either_scheme() {
        for (host, mirror, unknown) in [
            ("127.0.0.1:5000", None, true),
            ("localhost", None, true),
            ("[::1]:5000", None, true),
            ("registry.example.com", None, false),
            ("plain.example.com", None, false),
            ("a.example.com", Some(("a.example.com", "127.0.0.1:5000")), true),
            ("a.example.com", Some(("a.example.com", "https://127.0.0.1:5000")), false),
        ] {
            assert_eq!(endpoint(host, "a", mirror).unwrap().may_use_plain_http(), unknown, "{host}");
        }
        let plain = |host| endpoint(host, "a", None).unwrap().with_plain_http().root.to_string();
        assert_eq!(plain("127.0.0.1:5000"), "http://127.0.0.1:5000/");
        assert_eq!(plain("localhost"), "http://localhost/");
        assert_eq!(plain("registry.example.com"), "https://registry.example.com/");
    }

    #[test]
    fn a_mirror_with_plain_http_must_be_on_this_machine_or_insecure() {
        let error =
            endpoint("a.example.com", "a", Some(("a.example.com", "http://m.example.com"))).unwrap_err();
        assert_eq!(error.to_string(), "the mirror `http://m.example.com` of `a.example.com` uses plain HTTP");
    }

    #[test]
    fn messages_name_the_host_of_the_user_and_the_mirror() {
        let endpoint =
            endpoint("docker.io", "library/python", Some(("docker.io", "m.example.com/hub"))).unwrap();
        assert_eq!(endpoint.to_string(), "docker.io/library/python through its mirror `m.example.com/hub`");
        assert_eq!(endpoint.name_of("library/ruby"), "hub/library/ruby");
    }

    #[test]
    fn a_host_or_name_cannot_lead_to_another_url() {
        for host in ["", "a/b", "user@a", "a b", "a?b", "a#b", "a:x"] {
            assert!(matches!(endpoint(host, "a", None), Err(RegistryError::InvalidHost(_))), "{host}");
        }
        let endpoint = endpoint("a", "../../x?y#z", None).unwrap();
        assert_eq!(endpoint.url(&["blobs", "..", "b/c"]).as_str(), "https://a/v2/x%3Fy%23z/blobs/b%2Fc");
    }
}
