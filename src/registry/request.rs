//! A request to a registry or its token service, before it is authorised.

use reqwest::header::HeaderMap;
use reqwest::{Method, Url};

use super::upload_body::UploadBody;

/// A request to a registry or its token service.
pub(super) struct Request<'a> {
    /// The operation that it belongs to, for messages.
    pub(super) action: &'a str,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<&'a UploadBody>,
    /// The permissions that it requires.
    pub(super) scopes: Scopes,
    /// A secret in the body. It does not follow redirects.
    pub(super) secret: Option<&'a str>,
    /// The size in bytes of an upload that it completes.
    pub(super) completes: Option<u64>,
}

impl<'a> Request<'a> {
    /// A request without headers and body.
    pub(super) fn new(action: &'a str, method: Method, url: Url, scopes: Scopes) -> Self {
        Self {
            action,
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            scopes,
            secret: None,
            completes: None,
        }
    }
}

/// Permissions on repositories (distribution project, token scope documentation).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scopes {
    /// The repository's name at the registry.
    pub(super) repository: String,
    /// Whether the request writes to it.
    pub(super) push: bool,
    /// Another repository, from which a blob is mounted.
    pub(super) mount_from: Option<String>,
}

impl Scopes {
    /// Permission to read from a repository.
    pub(super) fn pull(repository: &str) -> Self {
        Self { repository: repository.to_owned(), push: false, mount_from: None }
    }

    /// Permission to write to a repository.
    pub(super) fn push(repository: &str) -> Self {
        Self { repository: repository.to_owned(), push: true, mount_from: None }
    }

    /// The scopes as a token service expects them.
    pub(super) fn to_texts(&self) -> Vec<String> {
        let own = format!("repository:{}:{}", self.repository, if self.push { "pull,push" } else { "pull" });
        let from = self.mount_from.as_ref().map(|from| format!("repository:{from}:pull"));
        [own].into_iter().chain(from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_as_token_services_read_them() {
        let mut scopes = Scopes::pull("a/b");
        assert_eq!(scopes.to_texts(), ["repository:a/b:pull"]);
        scopes = Scopes { mount_from: Some("c".to_owned()), ..Scopes::push("a/b") };
        assert_eq!(scopes.to_texts(), ["repository:a/b:pull,push", "repository:c:pull"]);
    }
}
