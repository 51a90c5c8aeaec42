//! How a request is let in by a registry: the order in which limg comes with what it knows, with an answer to the
//! registry's challenge, with something newer, and without the user's credentials.
//!
//! A password that was refused is not sent again: accounts are locked for less.

use std::sync::Arc;
use std::time::Instant;

use reqwest::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode, Url};

use super::challenge::{self, Challenge};
use super::client::{Inner, protocol};
use super::credentials::{Credential, Identity};
use super::error::RegistryError;
use super::exchange::{Exchange, Request};
use super::feed::Feed;
use super::login::{Grant, Login, Token, basic};
use super::place::Place;
use super::redirect::{same_origin, shown};
use super::refusal::Refusal;
use super::retry::Transient as _;
use super::token;
use super::transport::Answer;
use crate::event::Event;

/// How far limg has gone to be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// With what is known.
    First,
    /// With an answer to the registry's challenge.
    Challenged,
    /// With a new token or credential in place of a refused one.
    Renewed,
    /// Without the user's credentials, which are refused.
    Anonymous,
}

/// Why limg was not let in.
struct Denial {
    error: RegistryError,
    /// What limg came with.
    grant: Option<Grant>,
    /// The credential that was refused, by the registry or its token service.
    credential: Option<Arc<Credential>>,
    /// Whether what limg came with may have been good once.
    may_have_ended: bool,
    /// Whether the registry's challenge is news.
    is_news: bool,
}

impl Inner {
    /// Sends a request and gives the answer, whatever its status, unless that means that limg is not let in.
    pub(super) async fn send(&self, place: &Place, request: &Request<'_>) -> Result<Answer, RegistryError> {
        // One for everything that the request takes. It is had first: a token must not end while its request waits.
        let permit = self.transport.permit().await;
        let exchange = Exchange { inner: self, place, permit };
        Admission { exchange, login: self.login(place), request }.send().await
    }
}

/// A request at the door.
struct Admission<'a> {
    exchange: Exchange<'a>,
    login: Arc<Login>,
    request: &'a Request<'a>,
}

impl Admission<'_> {
    async fn send(&self) -> Result<Answer, RegistryError> {
        let reads = !self.request.scopes.push;
        let mut round = Round::First;
        let mut refused = None;
        loop {
            let anonymous = round == Round::Anonymous || (reads && self.login.is_anonymous());
            let denial = match self.try_once(anonymous).await? {
                Ok(answer) => {
                    if round == Round::Anonymous {
                        self.needs_no_credentials(&answer);
                    }
                    return Ok(answer);
                }
                Err(denial) => denial,
            };
            let next = match round {
                Round::Anonymous => return Err(refused.unwrap_or(denial.error)),
                Round::First if denial.is_bare() => {
                    (denial.is_news && self.can_answer(anonymous).await?).then_some(Round::Challenged)
                }
                Round::First | Round::Challenged => {
                    self.renew(anonymous, &denial).await?.then_some(Round::Renewed)
                }
                Round::Renewed => None,
            };
            round = match next {
                Some(round) => round,
                None if reads && denial.credential.is_some() && self.login.gives_tokens() => {
                    refused = Some(denial.error);
                    Round::Anonymous
                }
                None => return Err(denial.error),
            };
        }
    }

    /// Takes note that the user's credentials are of no use, if an answer that came without them shows it.
    fn needs_no_credentials(&self, answer: &Answer) {
        let works = answer.status().is_success() || answer.status() == StatusCode::NOT_FOUND;
        if works && self.login.go_anonymous() {
            let host = self.exchange.place.host.clone();
            self.exchange.inner.reporter.report(Event::StaleCredentials { host });
        }
    }

    /// Comes once, with what is known. The inner error is that limg was not let in.
    async fn try_once(&self, anonymous: bool) -> Result<Result<Answer, Denial>, RegistryError> {
        // Others may learn it meanwhile; news is what this request did not know when it set out.
        let known = self.login.challenge();
        let grant = match self.grant(anonymous).await {
            Ok(grant) => grant,
            Err(error @ RegistryError::Unauthorised { .. }) if !error.is_transient() => {
                let credential = self.credential(anonymous, None).await?;
                let denial = Denial { error, grant: None, credential, may_have_ended: true, is_news: false };
                return Ok(Err(denial));
            }
            Err(error) => return Err(error),
        };
        let home = &self.exchange.place.home;
        let secret = grant.as_ref().map(|grant| (home, &grant.header));
        let answer = self.exchange.follow(self.request, secret).await?;
        let status = answer.status();
        let denied = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        // What another host says has nothing to do with who limg is here.
        if !denied || !same_origin(answer.url(), home) {
            return Ok(Ok(answer));
        }
        if status == StatusCode::UNAUTHORIZED {
            self.learn(&answer)?;
        }
        let refusal = answer.refusal().await;
        // Amazon ECR says that a password has ended with 403, in words that an answer to HEAD cannot have.
        let may_have_ended = status == StatusCode::UNAUTHORIZED
            || self.request.method == Method::HEAD
            || refusal.says("expired");
        let credential = grant.as_ref().and_then(|grant| grant.credential.clone());
        let error = self.unauthorised(None, credential.as_deref(), refusal);
        let is_news = self.login.challenge() != known;
        Ok(Err(Denial { error, grant, credential, may_have_ended, is_news }))
    }

    /// Takes note of the challenge in an answer, if there is one.
    fn learn(&self, answer: &Answer) -> Result<(), RegistryError> {
        let headers = answer.headers().get_all(WWW_AUTHENTICATE);
        let headers: Vec<_> = headers.iter().filter_map(|value| value.to_str().ok()).collect();
        match challenge::choose(headers.iter().copied()) {
            Some(challenge) => self.login.learn(challenge),
            None if headers.is_empty() => {}
            None => return Err(RegistryError::Challenge { doing: self.request.doing.to_owned() }),
        }
        Ok(())
    }

    /// Whether there is anything to answer the registry's challenge with. A token may be had by anybody.
    async fn can_answer(&self, anonymous: bool) -> Result<bool, RegistryError> {
        if self.login.gives_tokens() {
            return Ok(true);
        }
        let credential = self.credential(anonymous, None).await?;
        Ok(credential.is_some_and(|credential| matches!(credential.identity, Identity::Password { .. })))
    }

    /// Replaces what was refused. Says whether there is anything new to come with.
    async fn renew(&self, anonymous: bool, denial: &Denial) -> Result<bool, RegistryError> {
        if !denial.may_have_ended {
            return Ok(false);
        }
        if let Some(grant) = &denial.grant {
            self.login.forget(&self.request.scopes, anonymous, &grant.header).await;
        }
        let refused = denial.credential.as_deref();
        let now = self.credential(anonymous, refused).await?;
        let was_token = denial.grant.as_ref().is_some_and(|grant| grant.is_token);
        Ok(was_token || denial.is_news || now.as_deref() != refused)
    }

    /// The user's credential, if it is to be used; another one than the one that was refused, if there is.
    async fn credential(
        &self,
        anonymous: bool,
        refused: Option<&Credential>,
    ) -> Result<Option<Arc<Credential>>, RegistryError> {
        if anonymous {
            return Ok(None);
        }
        let Exchange { inner, place, .. } = &self.exchange;
        let found = self.login.credential(&*inner.credentials, &place.credential_hosts, refused).await;
        found.map_err(|source| RegistryError::Credentials { doing: self.request.doing.to_owned(), source })
    }

    /// What the registry's challenge, if one is known, is answered with.
    async fn grant(&self, anonymous: bool) -> Result<Option<Grant>, RegistryError> {
        let Some(challenge) = self.login.challenge() else { return Ok(None) };
        let credential = self.credential(anonymous, None).await?;
        let Challenge::Bearer { realm, service } = challenge else {
            let header = credential.as_ref().and_then(|credential| basic(&credential.identity));
            return Ok(header.map(|header| Grant { header, credential, is_token: false }));
        };
        let slot = self.login.slot(&self.request.scopes, anonymous);
        // Held while the token is fetched, so that the others who need it wait for it.
        let mut slot = slot.lock().await;
        let kept = slot.as_ref().filter(|token| token.until > Instant::now());
        let header = if let Some(token) = kept {
            token.header.clone()
        } else {
            let token = self.token(&realm, service.as_deref(), credential.as_deref()).await?;
            slot.insert(token).header.clone()
        };
        Ok(Some(Grant { header, credential, is_token: true }))
    }

    /// Asks a token service for a token.
    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        credential: Option<&Credential>,
    ) -> Result<Token, RegistryError> {
        let Exchange { inner, place, .. } = &self.exchange;
        let doing = self.request.doing;
        let realm = inner.rules(place, |rules| rules.follow(&place.home, realm));
        let realm = realm.map_err(|source| RegistryError::Redirect { doing: doing.to_owned(), source })?;
        let exchanged = match credential.map(|credential| &credential.identity) {
            Some(Identity::Token(refresh)) => self.exchange_token(&realm, service, refresh.expose()).await?,
            _ => None,
        };
        let answer = if let Some(answer) = exchanged {
            answer
        } else {
            let url = token::get_url(&realm, service, &self.request.scopes);
            let header = credential.and_then(|credential| basic(&credential.identity));
            let secret = header.as_ref().map(|header| (&realm, header));
            self.exchange.follow(&self.token_request(Method::GET, url), secret).await?
        };
        if !answer.status().is_success() {
            let refusal = answer.refusal().await;
            return Err(self.unauthorised(Some(&realm), credential, refusal));
        }
        let headers = answer.headers().clone();
        let body = answer.whole(token::ANSWER_LIMIT).await?;
        let token = token::read(&headers, &body, Instant::now());
        token.ok_or_else(|| protocol(doing, format!("there is no token in the answer of {}", shown(&realm))))
    }

    /// Exchanges a refresh token for one for the request. No answer means that the service may know only the other way.
    async fn exchange_token(
        &self,
        realm: &Url,
        service: Option<&str>,
        refresh_token: &str,
    ) -> Result<Option<Answer>, RegistryError> {
        let form = token::refresh_form(refresh_token, service, &self.request.scopes);
        let feed = Feed::of_bytes(form.into());
        let mut request = Request { feed: Some(&feed), ..self.token_request(Method::POST, realm.clone()) };
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers.insert(CONTENT_TYPE, form_type);
        let answer = self.exchange.follow(&request, None).await?;
        let unknown = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED].contains(&answer.status());
        Ok((!unknown).then_some(answer))
    }

    fn token_request(&self, method: Method, url: Url) -> Request<'_> {
        Request::new(self.request.doing, method, url, self.request.scopes.clone())
    }

    fn unauthorised(
        &self,
        realm: Option<&Url>,
        credential: Option<&Credential>,
        refusal: Refusal,
    ) -> RegistryError {
        RegistryError::Unauthorised {
            doing: self.request.doing.to_owned(),
            host: self.exchange.place.host.clone(),
            realm: realm.map(shown),
            credential: credential.map(|credential| credential.source.clone()),
            refusal: Box::new(refusal),
        }
    }
}

impl Denial {
    /// Whether limg came with nothing.
    fn is_bare(&self) -> bool {
        self.grant.is_none() && self.credential.is_none()
    }
}
