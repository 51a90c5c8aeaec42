//! What a registry is told of who is asking, and the trait that finds it.
//!
//! Secrets are kept in a type that never shows them. Nothing here talks to a registry.

use std::fmt;
use std::time::SystemTime;

use futures_util::future::BoxFuture;

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
