//! A request seen through to its answer: let in by the registry, and followed to wherever it is sent on.
//!
//! Secrets go to the registry itself and to the token service that it names, nowhere else. Nothing that merely failed is
//! tried again here.

use std::sync::Arc;
use std::time::Instant;

use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, WWW_AUTHENTICATE,
};
use reqwest::{Method, StatusCode, Url};

use super::address;
use super::challenge::{self, Challenge};
use super::client::Inner;
use super::credentials::{Credential, Identity};
use super::error::{ContentError, RegistryError};
use super::feed::Feed;
use super::login::{Grant, Login, Scopes, Token, basic};
use super::place::Place;
use super::pulse::Pulse;
use super::redirect::{Rules, Trail, same_host, same_origin, shown};
use super::refusal::Refusal;
use super::retry::Transient;
use super::token;
use super::transport::{Answer, Route};
use crate::event::Event;

/// A request to a registry.
pub(super) struct Request<'a> {
    /// What is being done, for messages.
    pub(super) doing: &'a str,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// What is sent along.
    pub(super) feed: Option<&'a Feed>,
    /// What the registry is to allow.
    pub(super) scopes: Scopes,
    /// Whether it ends an upload, so that its answer may take its time.
    pub(super) finishes: bool,
}

impl<'a> Request<'a> {
    /// One without a body.
    pub(super) fn new(doing: &'a str, method: Method, url: Url, scopes: Scopes) -> Self {
        Self { doing, method, url, headers: HeaderMap::new(), feed: None, scopes, finishes: false }
    }
}

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
    /// Whether a newer credential or token may be taken.
    may_have_ended: bool,
    /// Whether the registry's challenge is news.
    is_news: bool,
}

impl Inner {
    /// Sends a request and gives the answer, whatever its status, unless that means that limg is not let in.
    pub(super) async fn send(&self, place: &Place, request: &Request<'_>) -> Result<Answer, RegistryError> {
        let login = self.login(place);
        let reads = !request.scopes.push;
        let mut round = Round::First;
        let mut refused = None;
        loop {
            let anonymous = round == Round::Anonymous || (reads && login.is_anonymous());
            let denial = match self.try_once(place, &login, request, anonymous).await? {
                Ok(answer) => {
                    let works = answer.status().is_success() || answer.status() == StatusCode::NOT_FOUND;
                    if round == Round::Anonymous && works && login.go_anonymous() {
                        self.reporter.report(Event::StaleCredentials { host: place.host.clone() });
                    }
                    return Ok(answer);
                }
                Err(denial) => denial,
            };
            if round == Round::Anonymous {
                return Err(refused.unwrap_or(denial.error));
            }
            let next = match &denial.grant {
                None if denial.credential.is_none() => {
                    let can_answer = denial.is_news
                        && round == Round::First
                        && self.can_answer(place, &login, request, anonymous).await?;
                    can_answer.then_some(Round::Challenged)
                }
                _ if round == Round::Renewed => None,
                _ => self.renew(place, &login, request, anonymous, &denial).await?.then_some(Round::Renewed),
            };
            round = match next {
                Some(round) => round,
                None if reads && denial.credential.is_some() && login.gives_tokens() => {
                    refused = Some(denial.error);
                    Round::Anonymous
                }
                None => return Err(denial.error),
            };
        }
    }

    /// Comes once, with what is known. The inner error is that limg was not let in.
    async fn try_once(
        &self,
        place: &Place,
        login: &Login,
        request: &Request<'_>,
        anonymous: bool,
    ) -> Result<Result<Answer, Denial>, RegistryError> {
        let grant = match self.grant(place, login, request, anonymous).await {
            Ok(grant) => grant,
            Err(error @ RegistryError::Unauthorised { .. }) if !error.passes() => {
                let credential =
                    if anonymous { None } else { self.credential(place, login, request, None).await? };
                return Ok(Err(Denial {
                    error,
                    grant: None,
                    credential,
                    may_have_ended: true,
                    is_news: false,
                }));
            }
            Err(error) => return Err(error),
        };
        let secret = grant.as_ref().map(|grant| (&place.home, &grant.header));
        let answer = self.follow(place, request, secret).await?;
        let status = answer.status();
        let denied = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        // What another host says has nothing to do with who limg is here.
        if !denied || !same_origin(answer.url(), &place.home) {
            return Ok(Ok(answer));
        }
        let is_news = status == StatusCode::UNAUTHORIZED && learn(login, &answer, request)?;
        let is_head = request.method == Method::HEAD;
        let refusal = answer.refusal().await;
        // Amazon ECR says that a password has ended with 403, in words that an answer to HEAD cannot have.
        let may_have_ended = status == StatusCode::UNAUTHORIZED || is_head || refusal.says("expired");
        let credential = grant.as_ref().and_then(|grant| grant.credential.clone());
        let error = unauthorised(place, request, None, credential.as_deref(), refusal);
        Ok(Err(Denial { error, grant, credential, may_have_ended, is_news }))
    }

    /// Whether there is anything to answer the registry's challenge with. A token may be had by anybody.
    async fn can_answer(
        &self,
        place: &Place,
        login: &Login,
        request: &Request<'_>,
        anonymous: bool,
    ) -> Result<bool, RegistryError> {
        if login.gives_tokens() {
            return Ok(true);
        }
        let credential = if anonymous { None } else { self.credential(place, login, request, None).await? };
        Ok(credential.is_some_and(|credential| matches!(credential.identity, Identity::Password { .. })))
    }

    /// Replaces what was refused. Says whether there is anything new to come with.
    async fn renew(
        &self,
        place: &Place,
        login: &Login,
        request: &Request<'_>,
        anonymous: bool,
        denial: &Denial,
    ) -> Result<bool, RegistryError> {
        if !denial.may_have_ended {
            return Ok(false);
        }
        if let Some(grant) = &denial.grant {
            login.forget(&request.scopes, anonymous, &grant.header).await;
        }
        let refused = denial.credential.as_deref();
        let now = if anonymous { None } else { self.credential(place, login, request, refused).await? };
        let kept = denial.grant.as_ref().is_some_and(|grant| grant.kept);
        Ok(kept || denial.is_news || now.as_deref() != refused)
    }

    async fn credential(
        &self,
        place: &Place,
        login: &Login,
        request: &Request<'_>,
        refused: Option<&Credential>,
    ) -> Result<Option<Arc<Credential>>, RegistryError> {
        let found = login.credential(&*self.credentials, &place.credential_hosts, refused).await;
        found.map_err(|source| RegistryError::Credentials { doing: request.doing.to_owned(), source })
    }

    /// What the registry's challenge, if one is known, is answered with.
    async fn grant(
        &self,
        place: &Place,
        login: &Login,
        request: &Request<'_>,
        anonymous: bool,
    ) -> Result<Option<Grant>, RegistryError> {
        let Some(challenge) = login.challenge() else { return Ok(None) };
        let credential = if anonymous { None } else { self.credential(place, login, request, None).await? };
        let Challenge::Bearer { realm, service } = challenge else {
            let header = credential.as_ref().and_then(|credential| basic(&credential.identity));
            return Ok(header.map(|header| Grant { header, credential, kept: false }));
        };
        let slot = login.slot(&request.scopes, anonymous);
        // Held while the token is fetched, so that the others who need it wait for it. None of them has a place in the
        // budget of connections meanwhile.
        let mut slot = slot.lock().await;
        if let Some(token) = slot.as_ref().filter(|token| token.until > Instant::now()) {
            return Ok(Some(Grant { header: token.header.clone(), credential, kept: true }));
        }
        let token = self.token(place, request, &realm, service.as_deref(), credential.as_deref()).await?;
        let header = token.header.clone();
        *slot = Some(token);
        Ok(Some(Grant { header, credential, kept: false }))
    }

    /// Asks a token service for a token.
    async fn token(
        &self,
        place: &Place,
        request: &Request<'_>,
        realm: &str,
        service: Option<&str>,
        credential: Option<&Credential>,
    ) -> Result<Token, RegistryError> {
        let redirected = |source| RegistryError::Redirect { doing: request.doing.to_owned(), source };
        let realm = self.rules(place, |rules| rules.follow(&place.home, realm)).map_err(redirected)?;
        let mut answer = None;
        if let Some(Credential { identity: Identity::Token(refresh_token), .. }) = credential {
            let form = token::refresh_form(refresh_token.expose(), service, &request.scopes);
            let feed = Feed::of_bytes(form.into());
            let mut asked =
                Request { feed: Some(&feed), ..token_request(request, Method::POST, realm.clone()) };
            asked.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            let posted = self.follow(place, &asked, None).await?;
            // A service may know only the other way.
            if !matches!(posted.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
                answer = Some(posted);
            }
        }
        let answer = if let Some(answer) = answer {
            answer
        } else {
            let url = token::get_url(&realm, service, &request.scopes);
            let header = credential.and_then(|credential| basic(&credential.identity));
            let secret = header.as_ref().map(|header| (&realm, header));
            self.follow(place, &token_request(request, Method::GET, url), secret).await?
        };
        if !answer.status().is_success() {
            let refusal = answer.refusal().await;
            return Err(unauthorised(place, request, Some(&realm), credential, refusal));
        }
        let headers = answer.headers().clone();
        let body = answer.whole(token::ANSWER_LIMIT).await?;
        token::read(&headers, &body, Instant::now()).ok_or_else(|| RegistryError::Content {
            doing: request.doing.to_owned(),
            source: ContentError::Protocol(format!("there is no token in the answer of {}", shown(&realm))),
        })
    }

    /// Sends a request to its address and on to wherever it is redirected. `secret` is a value of `Authorization`, and an
    /// address of the one origin that gets it.
    async fn follow(
        &self,
        place: &Place,
        request: &Request<'_>,
        secret: Option<(&Url, &HeaderValue)>,
    ) -> Result<Answer, RegistryError> {
        let redirected = |source| RegistryError::Redirect { doing: request.doing.to_owned(), source };
        let mut trail = Trail::default();
        let mut url = request.url.clone();
        loop {
            trail.visit(&url).map_err(redirected)?;
            let authorization =
                secret.filter(|(origin, _)| same_origin(origin, &url)).map(|(_, value)| value);
            let answer = self.send_to(place, request, url.clone(), authorization).await?;
            if !answer.status().is_redirection() {
                return Ok(answer);
            }
            let location = answer.header(&LOCATION).ok_or_else(|| RegistryError::Content {
                doing: request.doing.to_owned(),
                source: ContentError::Protocol(format!("{} without a Location", answer.status())),
            })?;
            if !matches!(request.method, Method::GET | Method::HEAD) {
                let why = format!("a {} is redirected to another address", request.method);
                let source = ContentError::Protocol(why);
                return Err(RegistryError::Content { doing: request.doing.to_owned(), source });
            }
            let next = self.rules(place, |rules| rules.follow(&url, location)).map_err(redirected)?;
            answer.discard().await;
            url = next;
        }
    }

    async fn send_to(
        &self,
        place: &Place,
        request: &Request<'_>,
        url: Url,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, RegistryError> {
        let pulse = Arc::new(Pulse::new(self.transport.patience));
        if request.finishes {
            pulse.answer_is_due();
        }
        let route = self.route(&place.home, &url);
        let mut http = reqwest::Request::new(request.method.clone(), url);
        http.headers_mut().clone_from(&request.headers);
        if let Some(authorization) = authorization {
            http.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        if let Some(feed) = request.feed {
            http.headers_mut().insert(CONTENT_LENGTH, feed.size().into());
            *http.body_mut() = Some(feed.body(&pulse));
        }
        let answer = self.transport.send(route, &Arc::from(request.doing), http, &pulse).await;
        match request.feed.and_then(Feed::fault) {
            Some(fault) => Err(fault.into()),
            None => answer,
        }
    }

    /// The way to an address: what a public registry names must be public too.
    fn route(&self, home: &Url, url: &Url) -> Route {
        if address::is_loopback(url) {
            Route::Loopback
        } else if !same_host(home, url) && self.names.is_public(home) {
            self.names.suspect(url);
            Route::Guarded
        } else {
            Route::Open
        }
    }

    /// Applies the rules for what a registry names.
    pub(super) fn rules<T>(&self, place: &Place, apply: impl FnOnce(&Rules<'_>) -> T) -> T {
        let is_insecure = |url: &Url| self.settings.is_insecure(url);
        apply(&Rules { home: &place.home, names: &self.names, is_insecure: &is_insecure })
    }
}

/// Takes note of the challenge in an answer. Says whether it is another than the one that was known.
fn learn(login: &Login, answer: &Answer, request: &Request<'_>) -> Result<bool, RegistryError> {
    let headers = answer.headers().get_all(WWW_AUTHENTICATE);
    let headers: Vec<_> = headers.iter().filter_map(|value| value.to_str().ok()).collect();
    let Some(challenge) = challenge::choose(headers.iter().copied()) else {
        return if headers.is_empty() {
            Ok(false)
        } else {
            Err(RegistryError::Challenge { doing: request.doing.to_owned() })
        };
    };
    let is_news = login.challenge().as_ref() != Some(&challenge);
    login.learn(challenge);
    Ok(is_news)
}

fn token_request<'a>(request: &Request<'a>, method: Method, url: Url) -> Request<'a> {
    Request::new(request.doing, method, url, request.scopes.clone())
}

fn unauthorised(
    place: &Place,
    request: &Request<'_>,
    realm: Option<&Url>,
    credential: Option<&Credential>,
    refusal: Refusal,
) -> RegistryError {
    RegistryError::Unauthorised {
        doing: request.doing.to_owned(),
        host: place.host.clone(),
        realm: realm.map(shown),
        credential: credential.map(|credential| credential.source.clone()),
        refusal: Box::new(refusal),
    }
}
