//! Credentials for registries, and the trait that finds them.
//!
//! Secrets are kept in a type that never shows them. Nothing here contacts a registry.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::{BoxFuture, FutureExt as _};

use crate::finding::Help;
use crate::project::Repository;

/// A text that is never shown: `Debug` hides it, and `Display` is not implemented.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
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
    /// A user name and a password, or a token used as a password.
    Password {
        /// The user name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A refresh token for the registry's token service (OAuth 2.0; `identitytoken` in Docker's configuration).
    Token(Secret),
}

/// An identity with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The identity.
    pub identity: Identity,
    /// Where it was found, in a form that the user recognises: a file's path or a helper's name.
    pub source: String,
    /// When it expires, if that is known.
    pub expires: Option<SystemTime>,
}

/// Configured credentials could not be obtained.
#[derive(Debug, thiserror::Error)]
#[error("failed to find credentials for `{host}`")]
pub struct CredentialError {
    /// The registry's host.
    pub host: String,
    /// What the user can do about it.
    pub help: Option<Help>,
    /// Why it failed. It never contains a secret.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The result of a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCredential {
    /// The credential, or none for anonymous access.
    pub credential: Option<Credential>,
    /// Whether all repositories of the registry have the same, so that one look-up is enough.
    pub for_registry: bool,
}

/// Finds credentials.
pub trait CredentialProvider: Send + Sync {
    /// The credential for a repository. Its host is the registry's with its port, if it has one.
    ///
    /// # Errors
    /// When a helper or service that should have the credential fails.
    fn find<'a>(
        &'a self,
        repository: &'a Repository,
    ) -> BoxFuture<'a, Result<FoundCredential, CredentialError>>;
}

/// Several providers, asked one after the other.
///
/// The first one that has a credential, or fails, decides: limg must not silently use another identity than the one that
/// the user has configured.
#[derive(Clone)]
pub struct CredentialChain(
    /// The providers in order.
    pub Vec<Arc<dyn CredentialProvider>>,
);

impl CredentialProvider for CredentialChain {
    fn find<'a>(
        &'a self,
        repository: &'a Repository,
    ) -> BoxFuture<'a, Result<FoundCredential, CredentialError>> {
        async move {
            let mut for_registry = true;
            for provider in &self.0 {
                let found = provider.find(repository).await?;
                for_registry &= found.for_registry;
                if found.credential.is_some() {
                    return Ok(FoundCredential { for_registry, ..found });
                }
            }
            Ok(FoundCredential { credential: None, for_registry })
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has a credential for one registry, and fails for another.
    struct OneRegistry(&'static str, &'static str);

    impl CredentialProvider for OneRegistry {
        fn find<'a>(
            &'a self,
            repository: &'a Repository,
        ) -> BoxFuture<'a, Result<FoundCredential, CredentialError>> {
            let source = self.0.to_owned();
            let identity = Identity::Token(Secret::new("t"));
            let found = match repository.host.as_str() {
                "broken.org" => Err(CredentialError { host: source, help: None, source: "broken".into() }),
                host => {
                    let credential =
                        (host == self.1).then_some(Credential { identity, source, expires: None });
                    Ok(FoundCredential { credential, for_registry: self.0 != "second" })
                }
            };
            std::future::ready(found).boxed()
        }
    }

    #[tokio::test]
    async fn the_first_provider_that_has_a_credential_decides() {
        let chain = CredentialChain(vec![
            Arc::new(OneRegistry("first", "a.org")),
            Arc::new(OneRegistry("second", "a.org")),
            Arc::new(OneRegistry("third", "b.org")),
        ]);
        let repository = |host: &str| Repository { host: host.to_owned(), name: "shop/orders".to_owned() };
        for (host, source, for_registry) in
            [("a.org", Some("first"), true), ("b.org", Some("third"), false), ("c.org", None, false)]
        {
            let found = chain.find(&repository(host)).await.unwrap();
            assert_eq!(found.credential.map(|found| found.source).as_deref(), source, "{host}");
            assert_eq!(
                found.for_registry, for_registry,
                "{host}: whether every provider that was asked says so"
            );
        }
        assert_eq!(chain.find(&repository("broken.org")).await.unwrap_err().host, "first");
    }
}
