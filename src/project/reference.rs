//! References to images in registries.
//!
//! The grammar is that of the OCI distribution specification and of Docker's short names (`python:3.12` is
//! `docker.io/library/python:3.12`). The parser of `oci-spec` is not used because compiling its regular expression
//! takes longer than the rest of an unchanged build; a test compares the two parsers.

use std::fmt;
use std::str::FromStr;

use crate::text::without_user_information;

/// The longest name of a repository in bytes.
const LONGEST_NAME: usize = 255;

/// The longest tag in bytes.
const LONGEST_TAG: usize = 128;

/// Docker Hub's host in references; the registry of references without a host.
pub const DOCKER_HUB: &str = "docker.io";

/// An older host of Docker Hub that references may still contain.
const DOCKER_HUB_INDEX: &str = "index.docker.io";

/// The host that answers requests to Docker Hub.
pub const DOCKER_HUB_API: &str = "registry-1.docker.io";

/// Every host that means Docker Hub.
pub const DOCKER_HUB_HOSTS: [&str; 3] = [DOCKER_HUB, DOCKER_HUB_INDEX, DOCKER_HUB_API];

/// A repository of a registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    /// The registry's host and, if it is not the default, its port: `registry.example.com:5000`.
    pub host: String,
    /// The repository's name, with slashes between its words.
    pub name: String,
}

/// An image in a registry, by tag, digest or both. With both, the digest decides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageReference {
    /// As the user wrote it: for messages, and as a key in lock files.
    text: String,
    repository: Repository,
    tag: Option<String>,
    digest: Option<String>,
}

/// Why a text is not an [`ImageReference`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid image reference")]
pub struct ImageReferenceError {
    text: String,
    #[source]
    source: InvalidReference,
}

impl ImageReferenceError {
    /// The same error about another text.
    pub(super) fn about(self, text: &str) -> Self {
        Self { text: without_user_information(text).into_owned(), ..self }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum InvalidReference {
    #[error("it does not have the form [HOST/]NAME[:TAG][@DIGEST] with a name in lower case")]
    Form,
    #[error("the digest is not a sha256, sha384 or sha512 digest of the right length")]
    Digest,
    #[error("the name is longer than {LONGEST_NAME} characters")]
    NameTooLong,
}

impl ImageReference {
    /// The repository.
    #[must_use]
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// What to request from the registry: the digest, else the tag, else `latest`.
    #[must_use]
    pub fn version(&self) -> &str {
        self.digest().or(self.tag.as_deref()).unwrap_or("latest")
    }

    /// The digest, if the reference has one: `sha256:…` or of another algorithm.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }
}

impl FromStr for ImageReference {
    type Err = ImageReferenceError;

    fn from_str(text: &str) -> Result<Self, ImageReferenceError> {
        parse(text).map_err(|source| ImageReferenceError {
            text: without_user_information(text).into_owned(),
            source,
        })
    }
}

fn parse(text: &str) -> Result<ImageReference, InvalidReference> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    // A colon before the last slash belongs to a port.
    let (name, tag) = match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (rest, None),
    };
    let (first, path) = match name.split_once('/') {
        Some((first, path)) => (Some(first), path),
        None => (None, name),
    };
    let is_path = |path: &str| path.split('/').all(is_path_component);
    let is_name = match first {
        Some(host) if is_host(host) => is_path(path),
        _ => is_path(name),
    };
    if !is_name || !tag.is_none_or(is_tag) {
        return Err(InvalidReference::Form);
    }
    digest.map_or(Ok(()), check_digest)?;
    // Docker's rule for whether the first component is a host or part of the name.
    let (host, path) = match first {
        Some(host) if host.contains(['.', ':']) || host == "localhost" => (host, path),
        _ => (DOCKER_HUB, name),
    };
    let host = if host == DOCKER_HUB_INDEX { DOCKER_HUB } else { host };
    let path =
        if host == DOCKER_HUB && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
    if path.len() > LONGEST_NAME {
        return Err(InvalidReference::NameTooLong);
    }
    Ok(ImageReference {
        text: text.to_owned(),
        repository: Repository { host: host.to_owned(), name: path },
        tag: tag.map(str::to_owned),
        digest: digest.map(str::to_owned),
    })
}

/// Whether a text is a host, with or without a port.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let is_label = |label: &str| {
        let is_word = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_word && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    host.split('.').all(is_label) && port.is_none_or(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text is a component of a repository's name: words with `.`, `_`, `__` or any number of `-` between them.
fn is_path_component(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut separators = text.split(|character: char| u8::try_from(character).is_ok_and(is_word));
    let is_separator =
        |text: &str| matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-');
    let (first, last) = (text.bytes().next(), text.bytes().next_back());
    first.is_some_and(is_word) && last.is_some_and(is_word) && separators.all(is_separator)
}

/// Whether a text is a valid tag (OCI distribution specification, "Pulling manifests").
#[must_use]
pub fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= LONGEST_TAG
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

fn check_digest(text: &str) -> Result<(), InvalidReference> {
    let (algorithm, hex) = text.split_once(':').ok_or(InvalidReference::Form)?;
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return Err(InvalidReference::Digest),
    };
    let is_hex = hex.len() == length && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex { Ok(()) } else { Err(InvalidReference::Digest) }
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
    use oci_spec::distribution::Reference;
    use proptest::prelude::*;

    use super::*;

    /// Texts that resemble references.
    fn text() -> impl Strategy<Value = String> {
        let host = "([a-zA-Z0-9.-]{0,8}|localhost|docker\\.io|index\\.docker\\.io|a\\.b)(:[0-9]{0,3})?/|";
        let name = "[a-z0-9]{1,3}([a-zA-Z0-9._/-]{0,8}[a-z0-9])?|[a-z._/-]{0,6}|[a-z]{240,260}";
        let tag = "(:[a-zA-Z0-9_.-]{0,6}|:[a-z]{126,130}|)";
        let digest = "(@sha(256|384|512|1):([0-9a-fA-F]{31,33}|[0-9a-f]{64}|[0-9a-g]{96}|[0-9a-f]{128})|@[a-z:]{0,4}|)";
        (host, name, tag, digest).prop_map(|(host, name, tag, digest)| [host, name, tag, digest].concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn the_parser_accepts_what_oci_spec_accepts(text in text()) {
            let expected = text.parse::<Reference>();
            let found = text.parse::<ImageReference>();
            prop_assert_eq!(found.is_ok(), expected.is_ok(), "{}: {:?}, {:?}", text, found, expected);
            if let (Ok(found), Ok(expected)) = (found, expected) {
                prop_assert_eq!(found.repository.host.as_str(), expected.registry());
                prop_assert_eq!(found.repository.name.as_str(), expected.repository());
                prop_assert_eq!(found.digest(), expected.digest());
                prop_assert_eq!(found.tag.as_deref().or(found.digest.is_none().then_some("latest")), expected.tag());
            }
        }
    }

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
    fn invalid_references_are_rejected() {
        for text in
            ["", "Shop/Orders", "a b", "a:", "a@sha256:12", "a/../b", "https://a/b", "a::b", "/a", "a/"]
        {
            assert!(text.parse::<ImageReference>().is_err(), "{text}");
        }
    }
}
