//! Authenticates requests, in rounds: with the known credential or token, with an answer to the registry's challenge, with a
//! renewed token or credential, and anonymously.
//!
//! A rejected password is not sent again, since repeated failures may lock an account.

mod authorization;
mod cache;
mod challenge;
mod token_service;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use reqwest::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode, Url};

use super::credentials::{Credential, CredentialProvider, Identity};
use super::endpoint::Endpoint;
use super::error::RegistryError;
use super::error_response::ErrorResponse;
use super::follow_redirects::FollowRedirects;
use super::request::Request;
use super::retry::Transient as _;
use super::transport::Response;
use super::upload_body::UploadBody;
use super::url::{same_origin, without_secrets};
use crate::event::{Event, Reporter};
use crate::sync::lock;
use authorization::{Authorization, basic};
use cache::AuthCache;
use challenge::Challenge;
use token_service::Token;

/// Parses the lines of a text as values of `WWW-Authenticate`.
#[cfg(any(test, fuzzing))]
pub(super) fn fuzz_challenges(text: &str) {
    drop(challenge::choose(text.lines()));
}

/// Authenticates requests to all registries of a client.
pub(super) struct Auth {
    credentials: Arc<dyn CredentialProvider>,
    reporter: Arc<dyn Reporter>,
    /// By the host that the user names and the root URL of the registry that receives the requests.
    caches: Mutex<BTreeMap<(String, String), Arc<AuthCache>>>,
}

impl Auth {
    pub(super) fn new(credentials: Arc<dyn CredentialProvider>, reporter: Arc<dyn Reporter>) -> Self {
        Self { credentials, reporter, caches: Mutex::default() }
    }

    /// Sends a request, authenticated if the registry requires it. Fails if the registry denies access; the caller checks
    /// every other status.
    pub(super) async fn send(
        &self,
        endpoint: &Endpoint,
        redirects: FollowRedirects<'_>,
        request: &Request<'_>,
    ) -> Result<Response, RegistryError> {
        let key = (endpoint.host.clone(), endpoint.root.to_string());
        let cache = Arc::clone(lock(&self.caches).entry(key).or_default());
        Authentication { auth: self, endpoint, redirects, request, cache }.send().await
    }
}

/// The authentication of one request.
struct Authentication<'a> {
    auth: &'a Auth,
    endpoint: &'a Endpoint,
    redirects: FollowRedirects<'a>,
    request: &'a Request<'a>,
    cache: Arc<AuthCache>,
}

/// The rounds of an authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// With the known credential or token, if any.
    First,
    /// With an answer to the registry's challenge.
    Challenged,
    /// With a new token or credential in place of a rejected one.
    Renewed,
    /// Without the user's credentials, because they are rejected.
    Anonymous,
}

/// A registry, or its token service, denied access.
struct Denial {
    error: RegistryError,
    /// What the request was authorised with.
    authorization: Option<Authorization>,
    /// The rejected credential.
    credential: Option<Arc<Credential>>,
    /// Whether the rejected authorisation may have been valid before.
    may_have_expired: bool,
    /// Whether the registry's challenge was unknown before the request.
    has_new_challenge: bool,
}

impl Authentication<'_> {
    async fn send(&self) -> Result<Response, RegistryError> {
        let reads = !self.request.scopes.push;
        let mut round = Round::First;
        let mut rejected_credentials = None;
        loop {
            let anonymous =
                round == Round::Anonymous || (reads && self.cache.is_anonymous(self.endpoint).await);
            let denial = match self.send_once(anonymous).await? {
                Ok(response) => {
                    if round == Round::Anonymous {
                        self.remember_anonymous_access(&response).await;
                    }
                    return Ok(response);
                }
                Err(denial) => denial,
            };
            let next = match round {
                Round::Anonymous => return Err(rejected_credentials.unwrap_or(denial.error)),
                Round::First if denial.authorization.is_none() && denial.credential.is_none() => {
                    let can_answer = denial.has_new_challenge && self.can_answer_challenge(anonymous).await?;
                    can_answer.then_some(Round::Challenged)
                }
                Round::First | Round::Challenged => {
                    self.renew(anonymous, &denial).await?.then_some(Round::Renewed)
                }
                Round::Renewed => None,
            };
            round = match next {
                Some(round) => round,
                None if reads && denial.credential.is_some() && self.cache.uses_tokens() => {
                    rejected_credentials = Some(denial.error);
                    Round::Anonymous
                }
                None => return Err(denial.error),
            };
        }
    }

    /// Remembers that the user's credentials are useless, if the response to an anonymous request shows it.
    async fn remember_anonymous_access(&self, response: &Response) {
        let works = response.status().is_success() || response.status() == StatusCode::NOT_FOUND;
        if works && self.cache.set_anonymous(self.endpoint).await {
            self.auth.reporter.report(Event::StaleCredentials { host: self.endpoint.host.clone() });
        }
    }

    /// Sends the request once. The inner error reports that access was denied.
    async fn send_once(&self, anonymous: bool) -> Result<Result<Response, Denial>, RegistryError> {
        // Other requests may learn the challenge meanwhile; it is new if this request did not know it when it started.
        let known_challenge = self.cache.challenge();
        let authorization = match self.authorization(anonymous).await {
            Ok(authorization) => authorization,
            Err(error @ RegistryError::Unauthorised { .. }) if !error.is_transient() => {
                return Ok(Err(Denial {
                    error,
                    authorization: None,
                    credential: self.credential(anonymous, None).await?,
                    may_have_expired: true,
                    has_new_challenge: false,
                }));
            }
            Err(error) => return Err(error),
        };
        let root = &self.endpoint.root;
        let secret = authorization.as_ref().map(|authorization| (root, &authorization.header));
        let response = self.redirects.send(self.request, secret).await?;
        let status = response.status();
        let denied = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        // What another host answers is not about the user's identity at this one.
        if !denied || !same_origin(response.url(), root) {
            return Ok(Ok(response));
        }
        if status == StatusCode::UNAUTHORIZED {
            self.learn_challenge(&response)?;
        }
        let error_response = response.into_error().await;
        // Amazon ECR reports an expired password with 403 and a message, which a response to HEAD cannot contain.
        let may_have_expired = status == StatusCode::UNAUTHORIZED
            || self.request.method == Method::HEAD
            || error_response.mentions("expired");
        let credential = authorization.as_ref().and_then(|authorization| authorization.credential.clone());
        let error = self.unauthorised(None, credential.as_deref(), error_response);
        let has_new_challenge = self.cache.challenge() != known_challenge;
        Ok(Err(Denial { error, authorization, credential, may_have_expired, has_new_challenge }))
    }

    /// Remembers the challenge in a response.
    fn learn_challenge(&self, response: &Response) -> Result<(), RegistryError> {
        let headers = response.headers().get_all(WWW_AUTHENTICATE);
        let headers: Vec<_> = headers.iter().filter_map(|value| value.to_str().ok()).collect();
        match challenge::choose(headers.iter().copied()) {
            Some(challenge) => self.cache.set_challenge(challenge),
            None if headers.is_empty() => {}
            None => {
                return Err(RegistryError::UnsupportedChallenge { action: self.request.action.to_owned() });
            }
        }
        Ok(())
    }

    /// Whether limg can answer the registry's challenge. A token service may give tokens to everyone.
    async fn can_answer_challenge(&self, anonymous: bool) -> Result<bool, RegistryError> {
        if self.cache.uses_tokens() {
            return Ok(true);
        }
        let credential = self.credential(anonymous, None).await?;
        Ok(credential.is_some_and(|credential| matches!(credential.identity, Identity::Password { .. })))
    }

    /// Replaces what was rejected. Returns whether there is anything new to try.
    async fn renew(&self, anonymous: bool, denial: &Denial) -> Result<bool, RegistryError> {
        if !denial.may_have_expired {
            return Ok(false);
        }
        if let Some(authorization) = &denial.authorization {
            self.cache.forget_token(&self.request.scopes, anonymous, &authorization.header).await;
        }
        let rejected = denial.credential.as_deref();
        let current = self.credential(anonymous, rejected).await?;
        let was_token = denial.authorization.as_ref().is_some_and(|authorization| authorization.is_token);
        Ok(was_token || denial.has_new_challenge || current.as_deref() != rejected)
    }

    /// The user's credential, unless the request is anonymous. A rejected one is looked up again.
    async fn credential(
        &self,
        anonymous: bool,
        rejected: Option<&Credential>,
    ) -> Result<Option<Arc<Credential>>, RegistryError> {
        if anonymous {
            return Ok(None);
        }
        let found = self.cache.credential(&*self.auth.credentials, self.endpoint, rejected).await;
        found.map_err(|source| RegistryError::Credentials { action: self.request.action.to_owned(), source })
    }

    /// The answer to the registry's challenge, if one is known.
    async fn authorization(&self, anonymous: bool) -> Result<Option<Authorization>, RegistryError> {
        let Some(challenge) = self.cache.challenge() else { return Ok(None) };
        let credential = self.credential(anonymous, None).await?;
        let Challenge::Bearer { realm, service } = challenge else {
            let header = credential.as_ref().and_then(|credential| basic(&credential.identity));
            return Ok(header.map(|header| Authorization { header, credential, is_token: false }));
        };
        let slot = self.cache.token_slot(&self.request.scopes, anonymous);
        // Locked while the token is fetched: other requests that need it wait.
        let mut slot = slot.lock().await;
        let valid = slot.as_ref().filter(|token| token.valid_until > Instant::now());
        let header = if let Some(token) = valid {
            token.header.clone()
        } else {
            let token = self.fetch_token(&realm, service.as_deref(), credential.as_deref()).await?;
            slot.insert(token).header.clone()
        };
        Ok(Some(Authorization { header, credential, is_token: true }))
    }

    /// Fetches a token from a token service.
    async fn fetch_token(
        &self,
        realm: &str,
        service: Option<&str>,
        credential: Option<&Credential>,
    ) -> Result<Token, RegistryError> {
        let action = self.request.action;
        let realm = self.redirects.rules.resolve(&self.endpoint.root, realm);
        let realm = realm.map_err(|source| RegistryError::redirect(action, source))?;
        let exchanged = match credential.map(|credential| &credential.identity) {
            Some(Identity::Token(refresh)) => {
                self.exchange_refresh_token(&realm, service, refresh.expose()).await?
            }
            _ => None,
        };
        let response = if let Some(response) = exchanged {
            response
        } else {
            let url = token_service::token_url(&realm, service, &self.request.scopes);
            let header = credential.and_then(|credential| basic(&credential.identity));
            let secret = header.as_ref().map(|header| (&realm, header));
            self.redirects.send(&self.token_request(Method::GET, url), secret).await?
        };
        if !response.status().is_success() {
            let error_response = response.into_error().await;
            return Err(self.unauthorised(Some(&realm), credential, error_response));
        }
        let headers = response.headers().clone();
        let body = response.body(token_service::MAX_RESPONSE).await?;
        token_service::read_token(&headers, &body, Instant::now()).ok_or_else(|| {
            let why = format!("the response of {} does not contain a token", without_secrets(&realm));
            RegistryError::protocol(action, why)
        })
    }

    /// Exchanges a refresh token for a token. Returns no response if the service may not support this.
    async fn exchange_refresh_token(
        &self,
        realm: &Url,
        service: Option<&str>,
        refresh_token: &str,
    ) -> Result<Option<Response>, RegistryError> {
        let form = token_service::refresh_form(refresh_token, service, &self.request.scopes);
        let body = UploadBody::from_bytes(form.into());
        let mut request = Request {
            body: Some(&body),
            secret: Some(refresh_token),
            ..self.token_request(Method::POST, realm.clone())
        };
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers.insert(CONTENT_TYPE, form_type);
        let response = self.redirects.send(&request, None).await?;
        let unsupported =
            [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED].contains(&response.status());
        Ok((!unsupported).then_some(response))
    }

    fn token_request(&self, method: Method, url: Url) -> Request<'_> {
        Request::new(self.request.action, method, url, self.request.scopes.clone())
    }

    fn unauthorised(
        &self,
        token_service: Option<&Url>,
        credential: Option<&Credential>,
        response: ErrorResponse,
    ) -> RegistryError {
        RegistryError::Unauthorised {
            action: self.request.action.to_owned(),
            host: self.endpoint.host.clone(),
            token_service: token_service.map(without_secrets),
            credential: credential.map(|credential| credential.source.clone()),
            response: Box::new(response),
        }
    }
}
