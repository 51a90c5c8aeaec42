//! Names of images in registries.
//!
//! The grammar is that of the OCI distribution specification and of Docker's short names (`python:3.12` is
//! `docker.io/library/python:3.12`), read by `oci-spec`.

use std::fmt;
use std::str::FromStr;

use oci_spec::distribution::{ParseError, Reference};

/// A repository of a registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    /// The registry's host and, if it is not the ordinary one, its port: `registry.example.com:5000`.
    pub host: String,
    /// The repository's name, with slashes between its words.
    pub name: String,
}

/// An image in a registry, by tag, by digest or by both. Then the digest counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageReference {
    /// As the user wrote it, which is how it is shown and what a lock file has it under.
    text: String,
    repository: Repository,
    tag: Option<String>,
    digest: Option<String>,
}

/// Why a text is not an [`ImageReference`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no reference to an image in a registry")]
pub struct ImageReferenceError {
    text: String,
    #[source]
    source: ParseError,
}

impl ImageReference {
    /// The repository.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// What the registry is asked for: the digest, else the tag, else `latest`.
    #[must_use]
    pub fn version(&self) -> &str {
        self.digest().or(self.tag.as_deref()).unwrap_or("latest")
    }

    /// The digest, `sha256:…` or of another algorithm, if the reference has one.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }
}

impl FromStr for ImageReference {
    type Err = ImageReferenceError;

    fn from_str(text: &str) -> Result<Self, ImageReferenceError> {
        let parsed: Reference =
            text.parse().map_err(|source| ImageReferenceError { text: text.to_owned(), source })?;
        Ok(Self {
            text: text.to_owned(),
            repository: Repository {
                host: parsed.registry().to_owned(),
                name: parsed.repository().to_owned(),
            },
            tag: parsed.tag().map(str::to_owned),
            digest: parsed.digest().map(str::to_owned),
        })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_name_host_repository_and_version() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, host, name, version) in [
            ("python", "docker.io", "library/python", "latest"),
            ("python:3.12", "docker.io", "library/python", "3.12"),
            ("grafana/agent:v1", "docker.io", "grafana/agent", "v1"),
            ("docker.io/library/python:3", "docker.io", "library/python", "3"),
            ("public.ecr.aws/lambda/python:3.12", "public.ecr.aws", "lambda/python", "3.12"),
            ("127.0.0.1:5000/a/b/c", "127.0.0.1:5000", "a/b/c", "latest"),
            ("localhost/a:1", "localhost", "a", "1"),
            (&format!("localhost:5000/a@{digest}"), "localhost:5000", "a", &digest),
            (&format!("quay.io/a:1.0@{digest}"), "quay.io", "a", &digest),
        ] {
            let reference: ImageReference = text.parse().unwrap();
            let Repository { host: own_host, name: own_name } = reference.repository();
            assert_eq!(
                (own_host.as_str(), own_name.as_str(), reference.version()),
                (host, name, version),
                "{text}"
            );
            assert_eq!(reference.to_string(), text);
        }
    }

    #[test]
    fn what_no_registry_takes_is_refused() {
        for text in
            ["", "Shop/Orders", "a b", "a:", "a@sha256:12", "a/../b", "https://a/b", "a::b", "/a", "a/"]
        {
            assert!(text.parse::<ImageReference>().is_err(), "{text}");
        }
    }
}
