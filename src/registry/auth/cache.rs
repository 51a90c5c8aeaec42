//! What limg remembers about authentication at one registry: its challenge, the user's credential, and tokens.
//!
//! The first request is sent without authentication; the registry's challenge shows what it requires. Requests that need
//! the same credential or token at the same time wait for one look-up. When to use which is decided elsewhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use reqwest::header::HeaderValue;

use super::challenge::Challenge;
use super::token_service::Token;
use crate::registry::credentials::{Credential, CredentialError, CredentialProvider};
use crate::registry::endpoint::Endpoint;
use crate::registry::request::Scopes;
use crate::sync::lock;

/// How long before it expires a credential is looked up again.
const MARGIN: Duration = Duration::from_secs(30);

/// A token, once it has been fetched. It is locked meanwhile.
pub(super) type TokenSlot = Arc<tokio::sync::Mutex<Option<Token>>>;

/// The user's credential as it was last looked up.
struct LookedUp {
    /// The user may have none.
    credential: Option<Arc<Credential>>,
    /// Whether reading works only without it.
    anonymous: bool,
}

/// What a credential is for: a repository by its name at the registry, or none for the whole registry.
type Owner = Option<String>;

/// What limg remembers about one registry.
#[derive(Default)]
pub(super) struct AuthCache {
    challenge: Mutex<Option<Challenge>>,
    /// Locked during a look-up: other requests that need a credential wait.
    credentials: tokio::sync::Mutex<BTreeMap<Owner, LookedUp>>,
    /// By scopes, and whether the token is anonymous.
    tokens: Mutex<BTreeMap<(Scopes, bool), TokenSlot>>,
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

    /// Whether to read from a repository without credentials.
    pub(super) async fn is_anonymous(&self, endpoint: &Endpoint) -> bool {
        let mut credentials = self.credentials.lock().await;
        looked_up(&mut credentials, endpoint).is_some_and(|known| known.anonymous)
    }

    /// Makes all further requests that read with the repository's credential anonymous. Returns whether they were not yet.
    pub(super) async fn set_anonymous(&self, endpoint: &Endpoint) -> bool {
        let mut credentials = self.credentials.lock().await;
        let known = looked_up(&mut credentials, endpoint);
        known.is_some_and(|known| !std::mem::replace(&mut known.anonymous, true))
    }

    /// The user's credential for a repository. It is looked up again when it expires, or when it is the rejected one.
    pub(super) async fn credential(
        &self,
        provider: &dyn CredentialProvider,
        endpoint: &Endpoint,
        rejected: Option<&Credential>,
    ) -> Result<Option<Arc<Credential>>, CredentialError> {
        let mut credentials = self.credentials.lock().await;
        let mut anonymous = false;
        if let Some(known) = looked_up(&mut credentials, endpoint) {
            let own = known.credential.as_deref();
            if !own.is_some_and(|own| expires_soon(own) || rejected == Some(own)) {
                return Ok(known.credential.clone());
            }
            anonymous = known.anonymous;
        }
        let mut for_registry = true;
        let mut credential = None;
        for repository in &endpoint.credentials_of {
            let found = provider.find(repository).await?;
            for_registry &= found.for_registry;
            credential = found.credential.map(Arc::new);
            if credential.is_some() {
                break;
            }
        }
        let owner = (!for_registry).then(|| endpoint.name.clone());
        credentials.insert(owner, LookedUp { credential: credential.clone(), anonymous });
        Ok(credential)
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

/// What is known for a repository: its own credential, or else that of the whole registry.
fn looked_up<'a>(
    credentials: &'a mut BTreeMap<Owner, LookedUp>,
    endpoint: &Endpoint,
) -> Option<&'a mut LookedUp> {
    let own = Some(endpoint.name.clone());
    let owner = if credentials.contains_key(&own) { own } else { None };
    credentials.get_mut(&owner)
}

fn expires_soon(credential: &Credential) -> bool {
    credential.expires.is_some_and(|end| end < SystemTime::now() + MARGIN)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    use futures_util::future::{BoxFuture, FutureExt as _, ready};

    use super::super::authorization::bearer;
    use super::*;
    use crate::project::Repository;
    use crate::registry::{ClientSettings, FoundCredential, Identity, Secret};

    /// Has a new password each time it is asked.
    #[derive(Default)]
    struct ChangingPassword {
        asked: AtomicUsize,
        expires: bool,
        /// Whether each repository has its own.
        by_repository: bool,
    }

    impl ChangingPassword {
        fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }
    }

    impl CredentialProvider for ChangingPassword {
        fn find<'a>(
            &'a self,
            repository: &'a Repository,
        ) -> BoxFuture<'a, Result<FoundCredential, CredentialError>> {
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            let credential = Credential {
                identity: Identity::Password { user: "u".into(), password: Secret::new(number.to_string()) },
                source: repository.to_string(),
                expires: self.expires.then(SystemTime::now),
            };
            let credential = (repository.host == "known").then_some(credential);
            ready(Ok(FoundCredential { credential, for_registry: !self.by_repository })).boxed()
        }
    }

    /// The endpoint of a repository. The registry `known` has the mirror `unknown`.
    fn endpoint(host: &str, name: &str) -> Endpoint {
        let settings = ClientSettings {
            mirrors: [("known".to_owned(), "unknown".parse().unwrap())].into(),
            ..ClientSettings::default()
        };
        Endpoint::of(&Repository { host: host.to_owned(), name: name.to_owned() }, &settings).unwrap()
    }

    #[tokio::test]
    async fn a_credential_is_looked_up_once_until_it_expires_or_is_rejected() {
        // The mirror has no credentials, so those of the registry itself are used.
        let (orders, billing) = (endpoint("known", "shop/orders"), endpoint("known", "shop/billing"));
        let credentials = ChangingPassword::default();
        let cache = AuthCache::default();
        let first = cache.credential(&credentials, &orders, None).await.unwrap().unwrap();
        let again = cache.credential(&credentials, &billing, None).await.unwrap().unwrap();
        assert_eq!((first.source.as_str(), credentials.asked()), ("known/shop/orders", 2));
        assert_eq!(first, again);
        let renewed = cache.credential(&credentials, &orders, Some(&first)).await.unwrap().unwrap();
        assert_ne!(first, renewed);
        let late = cache.credential(&credentials, &billing, Some(&first)).await.unwrap().unwrap();
        assert_eq!(late, renewed, "a later request that was rejected with the old one gets the new one");

        let credentials = ChangingPassword { expires: true, ..ChangingPassword::default() };
        let cache = AuthCache::default();
        let first = cache.credential(&credentials, &orders, None).await.unwrap();
        assert_ne!(first, cache.credential(&credentials, &orders, None).await.unwrap());

        let none = AuthCache::default();
        let unknown = endpoint("elsewhere", "shop/orders");
        assert_eq!(none.credential(&credentials, &unknown, None).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_repository_does_not_get_the_credential_of_another_namespace() {
        let credentials = ChangingPassword { by_repository: true, ..ChangingPassword::default() };
        let cache = AuthCache::default();
        let (orders, billing) = (endpoint("known", "shop/orders"), endpoint("known", "bank/billing"));
        for _ in 0..2 {
            for (endpoint, source) in [(&orders, "known/shop/orders"), (&billing, "known/bank/billing")] {
                let found = cache.credential(&credentials, endpoint, None).await.unwrap().unwrap();
                assert_eq!(found.source, source);
            }
        }
        assert_eq!(credentials.asked(), 4, "both the registry and its mirror, once for each repository");
        assert!(cache.set_anonymous(&orders).await);
        assert!(!cache.set_anonymous(&orders).await);
        assert!(cache.is_anonymous(&orders).await);
        assert!(!cache.is_anonymous(&billing).await, "only the credential of the other one is useless");
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
