//! Where a repository really is: Docker Hub's own host, mirrors, and whether it is spoken to in TLS.

use std::fmt;

use reqwest::Url;

use super::address;
use super::error::RegistryError;
use super::settings::{Scheme, Settings, is_host};
use crate::project::{DOCKER_HUB, DOCKER_HUB_API, DOCKER_HUB_HOSTS, Repository};

/// A repository and the registry that is asked for it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The host as the user names it.
    pub(super) host: String,
    /// The hosts whose credentials may be used, the first that has some.
    pub(super) credential_hosts: Vec<String>,
    /// The root of the registry that is asked.
    pub(super) home: Url,
    /// The root in plain HTTP, if it is still to be found out what the registry speaks: one on this machine may speak
    /// either.
    plain: Option<Url>,
    /// What the registry that is asked puts before the name of each repository, with a slash, or nothing.
    prefix: String,
    /// The repository's name at the registry that is asked.
    name: String,
    /// The repository as messages name it.
    shown: String,
}

impl Place {
    /// Finds where a repository is.
    pub(super) fn of(repository: &Repository, settings: &Settings) -> Result<Self, RegistryError> {
        let Repository { host, name } = repository;
        let host = if DOCKER_HUB_HOSTS.contains(&host.as_str()) { DOCKER_HUB } else { host };
        let mirror = settings.mirror(host);
        let asked = match mirror {
            Some(mirror) => mirror.host.as_str(),
            None if host == DOCKER_HUB => DOCKER_HUB_API,
            None => host,
        };
        let root = |scheme: Scheme| Url::parse(&format!("{}://{asked}/", scheme.name()));
        let secure = root(Scheme::Https).ok().filter(|_| is_host(asked));
        let secure = secure.ok_or_else(|| RegistryError::Host(host.to_owned()))?;
        // Made anew with the other scheme, since each leaves out its own ordinary port.
        let plain = root(Scheme::Http).map_err(|_| RegistryError::Host(host.to_owned()))?;
        let (is_loopback, is_insecure) = (address::is_loopback(&plain), settings.is_insecure(&plain));
        let (home, plain) = match mirror.and_then(|mirror| mirror.scheme) {
            Some(Scheme::Https) => (secure, None),
            Some(Scheme::Http) if !is_loopback && !is_insecure => {
                let mirror = mirror.map(ToString::to_string).unwrap_or_default();
                return Err(RegistryError::PlainMirror { host: host.to_owned(), mirror });
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
        // What was given to the registry itself is for its mirror too, which the user has named, but not for all to read.
        let own = (mirror.is_none() || !is_insecure).then(|| host.to_owned());
        let credential_hosts = mirror.map(|mirror| mirror.host.clone()).into_iter().chain(own).collect();
        Ok(Self {
            host: host.to_owned(),
            credential_hosts,
            home,
            plain,
            name: format!("{prefix}{name}"),
            prefix,
            shown: format!("{host}/{name}{through}"),
        })
    }

    /// Whether it is still to be found out what the registry speaks.
    pub(super) fn may_be_plain(&self) -> bool {
        self.plain.is_some()
    }

    /// The same in plain HTTP, if the registry may speak it.
    pub(super) fn in_plain_http(mut self) -> Self {
        if let Some(plain) = self.plain.take() {
            self.home = plain;
        }
        self
    }

    /// The address of something in the repository.
    pub(super) fn url(&self, what: &[&str]) -> Url {
        let mut url = self.home.clone();
        // Only an address that cannot be a base has no path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().push("v2").extend(self.name.split('/')).extend(what);
        }
        url
    }

    /// The repository's name at the registry that is asked.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The name there of another repository of the same registry.
    pub(super) fn name_of(&self, other: &str) -> String {
        format!("{}{other}", self.prefix)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(host: &str, name: &str, mirror: Option<(&str, &str)>) -> Result<Place, RegistryError> {
        let settings = Settings {
            mirrors: mirror.into_iter().map(|(host, to)| (host.to_owned(), to.parse().unwrap())).collect(),
            insecure: ["plain.example.com".to_owned()].into(),
            ..Settings::default()
        };
        Place::of(&Repository { host: host.to_owned(), name: name.to_owned() }, &settings)
    }

    #[test]
    fn a_repository_is_found_where_it_is() {
        for (host, mirror, url, credentials) in [
            (
                "registry.example.com",
                None,
                "https://registry.example.com/v2/a/b/x",
                &["registry.example.com"][..],
            ),
            ("r.example.com:5000", None, "https://r.example.com:5000/v2/a/b/x", &["r.example.com:5000"]),
            ("docker.io", None, "https://registry-1.docker.io/v2/a/b/x", &["docker.io"]),
            ("index.docker.io", None, "https://registry-1.docker.io/v2/a/b/x", &["docker.io"]),
            ("plain.example.com", None, "http://plain.example.com/v2/a/b/x", &["plain.example.com"]),
            ("127.0.0.1:5000", None, "https://127.0.0.1:5000/v2/a/b/x", &["127.0.0.1:5000"]),
            (
                "docker.io",
                Some(("docker.io", "m.example.com:1/hub/x")),
                "https://m.example.com:1/v2/hub/x/a/b/x",
                &["m.example.com:1", "docker.io"],
            ),
            (
                "a.example.com",
                Some(("a.example.com", "http://127.0.0.1:5000")),
                "http://127.0.0.1:5000/v2/a/b/x",
                &["127.0.0.1:5000", "a.example.com"],
            ),
            (
                "a.example.com",
                Some(("a.example.com", "http://plain.example.com")),
                "http://plain.example.com/v2/a/b/x",
                // Not what was given to the registry itself: everybody on the way could read it.
                &["plain.example.com"],
            ),
            (
                "b.example.com",
                Some(("a.example.com", "m")),
                "https://b.example.com/v2/a/b/x",
                &["b.example.com"],
            ),
        ] {
            let place = place(host, "a/b", mirror).unwrap();
            assert_eq!(place.url(&["x"]).as_str(), url);
            assert_eq!(place.credential_hosts, credentials, "{host}");
        }
    }

    #[test]
    fn only_this_machine_has_the_choice_of_scheme() {
        for (host, mirror, unknown) in [
            ("127.0.0.1:5000", None, true),
            ("localhost", None, true),
            ("[::1]:5000", None, true),
            ("registry.example.com", None, false),
            ("plain.example.com", None, false),
            ("a.example.com", Some(("a.example.com", "127.0.0.1:5000")), true),
            ("a.example.com", Some(("a.example.com", "https://127.0.0.1:5000")), false),
        ] {
            assert_eq!(place(host, "a", mirror).unwrap().may_be_plain(), unknown, "{host}");
        }
        let plain = |host| place(host, "a", None).unwrap().in_plain_http().home.to_string();
        assert_eq!(plain("127.0.0.1:5000"), "http://127.0.0.1:5000/");
        assert_eq!(plain("localhost"), "http://localhost/");
        assert_eq!(plain("registry.example.com"), "https://registry.example.com/");
    }

    #[test]
    fn a_mirror_in_plain_http_must_be_this_machine_or_named_insecure() {
        let error = place("a.example.com", "a", Some(("a.example.com", "http://m.example.com"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the mirror `http://m.example.com` of `a.example.com` would be spoken to in plain HTTP"
        );
    }

    #[test]
    fn messages_name_the_users_host_and_the_mirror() {
        let place = place("docker.io", "library/python", Some(("docker.io", "m.example.com/hub"))).unwrap();
        assert_eq!(place.to_string(), "docker.io/library/python through its mirror `m.example.com/hub`");
        assert_eq!(place.name_of("library/ruby"), "hub/library/ruby");
    }

    #[test]
    fn a_host_or_name_from_outside_cannot_lead_elsewhere() {
        for host in ["", "a/b", "user@a", "a b", "a?b", "a#b", "a:x"] {
            assert!(matches!(place(host, "a", None), Err(RegistryError::Host(_))), "{host}");
        }
        let place = place("a", "../../x?y#z", None).unwrap();
        assert_eq!(place.url(&["blobs", "..", "b/c"]).as_str(), "https://a/v2/x%3Fy%23z/blobs/b%2Fc");
    }
}
