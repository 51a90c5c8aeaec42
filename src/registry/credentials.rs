//! What a registry is told of who is asking, and the trait that finds it.
//!
//! Secrets are kept in a type that never shows them. Nothing here talks to a registry.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::{BoxFuture, FutureExt as _};

/// A text that is never shown: `Debug` hides it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text into custody.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How limg identifies itself to a registry or to its token service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A user's name and password, or what takes a password's place.
    Password {
        /// The user's name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A refresh token for the registry's token service (OAuth 2.0; `identitytoken` in Docker's configuration).
    Token(Secret),
}

/// An identity for one registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Who asks.
    pub identity: Identity,
    /// Where it was found, as a user would know it: a file's path or a helper's name.
    pub source: String,
    /// When it ends, if that is known; then it must be asked for again.
    pub expires: Option<SystemTime>,
}

/// Credentials that cannot be had although something says that there are some.
#[derive(Debug, thiserror::Error)]
#[error("failed to find credentials for `{host}`")]
pub struct CredentialsError {
    /// The registry's host.
    pub host: String,
    /// How to mend it.
    pub help: Option<String>,
    /// Why. It never holds a secret.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Finds credentials.
pub trait Credentials: Send + Sync {
    /// The credential for a registry's host (with its port, if it has one), or none, which means anonymously.
    ///
    /// # Errors
    /// When a helper or service that is to know them fails.
    fn find<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Option<Credential>, CredentialsError>>;
}

/// Several ways to find credentials, asked one after the other.
///
/// The first that knows the registry answers, and so does the first that fails: what a user has set up is not to be
/// replaced silently by another identity.
#[derive(Clone)]
pub struct Chain(
    /// Whom to ask, in this order.
    pub Vec<Arc<dyn Credentials>>,
);

impl Credentials for Chain {
    fn find<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Option<Credential>, CredentialsError>> {
        async move {
            for credentials in &self.0 {
                if let Some(credential) = credentials.find(host).await? {
                    return Ok(Some(credential));
                }
            }
            Ok(None)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Knows one registry, and fails at another.
    struct Known(&'static str, &'static str);

    impl Credentials for Known {
        fn find<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Option<Credential>, CredentialsError>> {
            let source = self.0.to_owned();
            let identity = Identity::Token(Secret::new("t"));
            let found = match host {
                "broken.org" => Err(CredentialsError { host: source, help: None, source: "broken".into() }),
                host => Ok((host == self.1).then_some(Credential { identity, source, expires: None })),
            };
            std::future::ready(found).boxed()
        }
    }

    #[tokio::test]
    async fn the_first_that_knows_a_registry_answers() {
        let chain = Chain(vec![
            Arc::new(Known("first", "a.org")),
            Arc::new(Known("second", "a.org")),
            Arc::new(Known("third", "b.org")),
        ]);
        for (host, source) in [("a.org", Some("first")), ("b.org", Some("third")), ("c.org", None)] {
            let found = chain.find(host).await.unwrap().map(|found| found.source);
            assert_eq!(found.as_deref(), source, "{host}");
        }
        assert_eq!(chain.find("broken.org").await.unwrap_err().host, "first");
    }
}
