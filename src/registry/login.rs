//! What limg knows of how to be let in by one registry: its challenge, the user's credentials, the tokens that it has got.
//!
//! All of it is learnt: the first request goes without, and the registry's challenge says what it wants. Credentials and
//! tokens are had once for all who need them at the same time. When to use which is not decided here.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;

use super::challenge::Challenge;
use super::credentials::{Credential, Credentials, CredentialsError, Identity};

/// How long before its end a credential is asked for again.
const EARLY: Duration = Duration::from_secs(30);

/// What a request wants to do (distribution project, token scope documentation).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scopes {
    /// The repository's name at the registry.
    pub(super) repository: String,
    /// Whether it is to be written.
    pub(super) push: bool,
    /// Another repository, that blobs are mounted from.
    pub(super) from: Option<String>,
}

impl Scopes {
    /// To read from a repository.
    pub(super) fn pull(repository: &str) -> Self {
        Self { repository: repository.to_owned(), push: false, from: None }
    }

    /// To write into a repository.
    pub(super) fn push(repository: &str) -> Self {
        Self { repository: repository.to_owned(), push: true, from: None }
    }

    /// As a token service is asked for them.
    pub(super) fn texts(&self) -> Vec<String> {
        let own = format!("repository:{}:{}", self.repository, if self.push { "pull,push" } else { "pull" });
        let from = self.from.as_ref().map(|from| format!("repository:{from}:pull"));
        [own].into_iter().chain(from).collect()
    }
}

/// A token.
#[derive(Clone)]
pub(super) struct Token {
    /// The value of `Authorization`, marked as a secret.
    pub(super) header: HeaderValue,
    /// When it is no longer used.
    pub(super) until: Instant,
}

/// What a request is let in with.
#[derive(Clone)]
pub(super) struct Grant {
    /// The value of `Authorization`, marked as a secret.
    pub(super) header: HeaderValue,
    /// The credential behind it, if there is one.
    pub(super) credential: Option<Arc<Credential>>,
    /// Whether the same credential may lead to a newer one: it is a token.
    pub(super) is_token: bool,
}

/// A place for one token: whoever needs it while it is being fetched waits for it.
pub(super) type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;

/// An answer of the credentials: there need be none.
struct Asked(Option<Arc<Credential>>);

/// What is known of one registry.
#[derive(Default)]
pub(super) struct Login {
    challenge: Mutex<Option<Challenge>>,
    /// What the credentials answered, once they were asked.
    asked: tokio::sync::Mutex<Option<Asked>>,
    tokens: Mutex<BTreeMap<(Scopes, bool), Slot>>,
    /// Whether the stored credentials are of no use for reading, but none are needed.
    anonymous: AtomicBool,
}

impl Login {
    /// What the registry asked for last.
    pub(super) fn challenge(&self) -> Option<Challenge> {
        self.challenge.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of what the registry asks for.
    pub(super) fn learn(&self, challenge: Challenge) {
        *self.challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(challenge);
    }

    /// Whether the registry asks for tokens, which may be had without credentials.
    pub(super) fn gives_tokens(&self) -> bool {
        matches!(self.challenge(), Some(Challenge::Bearer { .. }))
    }

    /// Whether to read without credentials.
    pub(super) fn is_anonymous(&self) -> bool {
        self.anonymous.load(Ordering::Relaxed)
    }

    /// From now on reads without credentials. Says whether that is new.
    pub(super) fn go_anonymous(&self) -> bool {
        !self.anonymous.swap(true, Ordering::Relaxed)
    }

    /// The user's credential for the first of `hosts` that has one. It is asked for again once it has ended, or when it
    /// is the one that was refused.
    pub(super) async fn credential(
        &self,
        credentials: &dyn Credentials,
        hosts: &[String],
        refused: Option<&Credential>,
    ) -> Result<Option<Arc<Credential>>, CredentialsError> {
        let mut asked = self.asked.lock().await;
        if let Some(Asked(known)) = &*asked {
            let is_stale = known.as_deref().is_some_and(|known| has_ended(known) || refused == Some(known));
            if !is_stale {
                return Ok(known.clone());
            }
        }
        let mut found = None;
        for host in hosts {
            found = credentials.find(host).await?;
            if found.is_some() {
                break;
            }
        }
        let found = found.map(Arc::new);
        *asked = Some(Asked(found.clone()));
        Ok(found)
    }

    /// The place for the token of some scopes, got with or without credentials.
    pub(super) fn slot(&self, scopes: &Scopes, anonymous: bool) -> Slot {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tokens.entry((scopes.clone(), anonymous)).or_default())
    }

    /// Forgets a token that was refused, unless another one has taken its place.
    pub(super) async fn forget(&self, scopes: &Scopes, anonymous: bool, header: &HeaderValue) {
        let slot = self.slot(scopes, anonymous);
        let mut token = slot.lock().await;
        if token.as_ref().is_some_and(|token| token.header == *header) {
            *token = None;
        }
    }
}

fn has_ended(credential: &Credential) -> bool {
    credential.expires.is_some_and(|end| end < SystemTime::now() + EARLY)
}

/// `Authorization` with a name and a password (RFC 7617), if the identity is one.
pub(super) fn basic(identity: &Identity) -> Option<HeaderValue> {
    let Identity::Password { user, password } = identity else { return None };
    secret(&format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose()))))
}

/// `Authorization` with a token (RFC 6750), unless it cannot stand in a header.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    secret(&format!("Bearer {token}"))
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::{BoxFuture, FutureExt as _, ready};

    use super::*;
    use crate::registry::Secret;

    /// Gives a new password each time it is asked.
    struct Changing {
        asked: AtomicUsize,
        ends: bool,
    }

    impl Credentials for Changing {
        fn find<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Option<Credential>, CredentialsError>> {
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            let credential = Credential {
                identity: Identity::Password { user: "u".into(), password: Secret::new(number.to_string()) },
                source: host.to_owned(),
                expires: self.ends.then(SystemTime::now),
            };
            ready(Ok((host == "known").then_some(credential))).boxed()
        }
    }

    #[tokio::test]
    async fn credentials_are_asked_for_once_until_they_end_or_are_refused() {
        let hosts = ["unknown".to_owned(), "known".to_owned()];
        let credentials = Changing { asked: AtomicUsize::new(0), ends: false };
        let login = Login::default();
        let first = login.credential(&credentials, &hosts, None).await.unwrap().unwrap();
        let again = login.credential(&credentials, &hosts, None).await.unwrap().unwrap();
        assert_eq!((first.source.as_str(), credentials.asked.load(Ordering::Relaxed)), ("known", 2));
        assert_eq!(first, again);
        let renewed = login.credential(&credentials, &hosts, Some(&first)).await.unwrap().unwrap();
        assert_ne!(first, renewed);
        let late = login.credential(&credentials, &hosts, Some(&first)).await.unwrap().unwrap();
        assert_eq!(late, renewed, "whoever was refused with the old one gets the new one");

        let credentials = Changing { asked: AtomicUsize::new(0), ends: true };
        let login = Login::default();
        let first = login.credential(&credentials, &hosts[1..], None).await.unwrap();
        assert_ne!(first, login.credential(&credentials, &hosts[1..], None).await.unwrap());

        let none = Login::default();
        assert_eq!(none.credential(&credentials, &hosts[..1], None).await.unwrap(), None);
    }

    #[tokio::test]
    async fn only_the_token_that_was_refused_is_forgotten() {
        let (login, scopes) = (Login::default(), Scopes::pull("a"));
        let header = |text| bearer(text).unwrap();
        let until = Instant::now() + Duration::from_mins(1);
        *login.slot(&scopes, false).lock().await = Some(Token { header: header("new"), until });
        login.forget(&scopes, false, &header("old")).await;
        login.forget(&scopes, true, &header("new")).await;
        assert!(login.slot(&scopes, false).lock().await.is_some());
        login.forget(&scopes, false, &header("new")).await;
        assert!(login.slot(&scopes, false).lock().await.is_none());
    }

    #[test]
    fn scopes_are_written_as_token_services_read_them() {
        let mut scopes = Scopes::pull("a/b");
        assert_eq!(scopes.texts(), ["repository:a/b:pull"]);
        scopes = Scopes { from: Some("c".to_owned()), ..Scopes::push("a/b") };
        assert_eq!(scopes.texts(), ["repository:a/b:pull,push", "repository:c:pull"]);
    }

    #[test]
    fn secrets_in_headers_are_not_shown() {
        let password = Identity::Password { user: "u".into(), password: Secret::new("hunter2") };
        let header = basic(&password).unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic dTpodW50ZXIy");
        assert_eq!(format!("{header:?}"), "Sensitive");
        assert_eq!(basic(&Identity::Token(Secret::new("x"))), None);
        assert_eq!(bearer("a\nb"), None);
    }
}
