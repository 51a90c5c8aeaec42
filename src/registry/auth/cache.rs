//! What limg remembers about authentication at one registry: its challenge, the user's credential, and tokens.
//!
//! The first request is sent without authentication; the registry's challenge shows what it requires. Requests that need
//! the same credential or token at the same time wait for one look-up. When to use which is decided elsewhere.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use reqwest::header::HeaderValue;

use super::challenge::Challenge;
use super::token_service::Token;
use crate::registry::credentials::{Credential, CredentialError, CredentialProvider};
use crate::registry::request::Scopes;
use crate::sync::lock;

/// How long before it expires a credential is looked up again.
const MARGIN: Duration = Duration::from_secs(30);

/// A token, once it has been fetched. It is locked meanwhile.
pub(super) type TokenSlot = Arc<tokio::sync::Mutex<Option<Token>>>;

/// The result of a look-up: the user may have no credential.
struct LookedUp(Option<Arc<Credential>>);

/// What limg remembers about one registry.
#[derive(Default)]
pub(super) struct AuthCache {
    challenge: Mutex<Option<Challenge>>,
    credential: tokio::sync::Mutex<Option<LookedUp>>,
    /// By scopes, and whether the token is anonymous.
    tokens: Mutex<BTreeMap<(Scopes, bool), TokenSlot>>,
    /// Whether reading works only without the stored credentials.
    anonymous: AtomicBool,
}

impl AuthCache {
    /// The registry's last challenge.
    pub(super) fn challenge(&self) -> Option<Challenge> {
        lock(&self.challenge).clone()
    }

    /// Remembers the registry's challenge.
    pub(super) fn set_challenge(&self, challenge: Challenge) {
        *lock(&self.challenge) = Some(challenge);
    }

    /// Whether the registry requires tokens, which may be available without credentials.
    pub(super) fn uses_tokens(&self) -> bool {
        matches!(self.challenge(), Some(Challenge::Bearer { .. }))
    }

    /// Whether to read without credentials.
    pub(super) fn is_anonymous(&self) -> bool {
        self.anonymous.load(Ordering::Relaxed)
    }

    /// Makes all further requests that read anonymous. Returns whether they were not yet.
    pub(super) fn set_anonymous(&self) -> bool {
        !self.anonymous.swap(true, Ordering::Relaxed)
    }

    /// The user's credential for the first of `hosts` that has one. It is looked up again when it expires, or when it is
    /// the rejected one.
    pub(super) async fn credential(
        &self,
        provider: &dyn CredentialProvider,
        hosts: &[String],
        rejected: Option<&Credential>,
    ) -> Result<Option<Arc<Credential>>, CredentialError> {
        let mut looked_up = self.credential.lock().await;
        if let Some(LookedUp(known)) = &*looked_up {
            let is_stale =
                known.as_deref().is_some_and(|known| expires_soon(known) || rejected == Some(known));
            if !is_stale {
                return Ok(known.clone());
            }
        }
        let mut found = None;
        for host in hosts {
            found = provider.find(host).await?;
            if found.is_some() {
                break;
            }
        }
        let found = found.map(Arc::new);
        *looked_up = Some(LookedUp(found.clone()));
        Ok(found)
    }

    /// The slot of the token for some scopes, fetched anonymously or not.
    pub(super) fn token_slot(&self, scopes: &Scopes, anonymous: bool) -> TokenSlot {
        Arc::clone(lock(&self.tokens).entry((scopes.clone(), anonymous)).or_default())
    }

    /// Forgets a rejected token, unless another one has replaced it.
    pub(super) async fn forget_token(&self, scopes: &Scopes, anonymous: bool, header: &HeaderValue) {
        let slot = self.token_slot(scopes, anonymous);
        let mut token = slot.lock().await;
        if token.as_ref().is_some_and(|token| token.header == *header) {
            *token = None;
        }
    }
}

fn expires_soon(credential: &Credential) -> bool {
    credential.expires.is_some_and(|end| end < SystemTime::now() + MARGIN)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Instant;

    use futures_util::future::{BoxFuture, FutureExt as _, ready};

    use super::super::authorization::bearer;
    use super::*;
    use crate::registry::{Identity, Secret};

    /// Has a new password each time it is asked.
    struct ChangingPassword {
        asked: AtomicUsize,
        expires: bool,
    }

    impl CredentialProvider for ChangingPassword {
        fn find<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Option<Credential>, CredentialError>> {
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            let credential = Credential {
                identity: Identity::Password { user: "u".into(), password: Secret::new(number.to_string()) },
                source: host.to_owned(),
                expires: self.expires.then(SystemTime::now),
            };
            ready(Ok((host == "known").then_some(credential))).boxed()
        }
    }

    #[tokio::test]
    async fn a_credential_is_looked_up_once_until_it_expires_or_is_rejected() {
        let hosts = ["unknown".to_owned(), "known".to_owned()];
        let credentials = ChangingPassword { asked: AtomicUsize::new(0), expires: false };
        let cache = AuthCache::default();
        let first = cache.credential(&credentials, &hosts, None).await.unwrap().unwrap();
        let again = cache.credential(&credentials, &hosts, None).await.unwrap().unwrap();
        assert_eq!((first.source.as_str(), credentials.asked.load(Ordering::Relaxed)), ("known", 2));
        assert_eq!(first, again);
        let renewed = cache.credential(&credentials, &hosts, Some(&first)).await.unwrap().unwrap();
        assert_ne!(first, renewed);
        let late = cache.credential(&credentials, &hosts, Some(&first)).await.unwrap().unwrap();
        assert_eq!(late, renewed, "a later request that was rejected with the old one gets the new one");

        let credentials = ChangingPassword { asked: AtomicUsize::new(0), expires: true };
        let cache = AuthCache::default();
        let first = cache.credential(&credentials, &hosts[1..], None).await.unwrap();
        assert_ne!(first, cache.credential(&credentials, &hosts[1..], None).await.unwrap());

        let none = AuthCache::default();
        assert_eq!(none.credential(&credentials, &hosts[..1], None).await.unwrap(), None);
    }

    #[tokio::test]
    async fn only_the_rejected_token_is_forgotten() {
        let (cache, scopes) = (AuthCache::default(), Scopes::pull("a"));
        let header = |text| bearer(text).unwrap();
        let valid_until = Instant::now() + Duration::from_mins(1);
        *cache.token_slot(&scopes, false).lock().await = Some(Token { header: header("new"), valid_until });
        cache.forget_token(&scopes, false, &header("old")).await;
        cache.forget_token(&scopes, true, &header("new")).await;
        assert!(cache.token_slot(&scopes, false).lock().await.is_some());
        cache.forget_token(&scopes, false, &header("new")).await;
        assert!(cache.token_slot(&scopes, false).lock().await.is_none());
    }
}
