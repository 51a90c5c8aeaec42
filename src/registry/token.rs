//! Tokens from a registry's token service (distribution project, "Token Authentication Specification" and "Token
//! Authentication with OAuth 2").
//!
//! Only what is asked and how an answer is read is known here; who sends it, and how long a token is kept, is not.

use std::time::{Duration, Instant};

use reqwest::Url;
use reqwest::header::{DATE, HeaderMap};
use serde_json::Value;

use super::login::{Scopes, Token, bearer};
use super::refusal::date;

/// How large the answer of a token service may be. Tokens themselves have some kilobytes.
pub(super) const ANSWER_LIMIT: u64 = 1024 * 1024;

/// How long a token lasts that does not say so.
const LIFETIME: Duration = Duration::from_mins(1);

/// A token is not used in the last part of its life, since clocks differ and requests take time: a quarter, or this long.
const MARGIN: Duration = Duration::from_secs(15);

/// Longer than any token lasts: what is said to last longer is asked for again after this.
const LONGEST: Duration = Duration::from_hours(24);

/// The address at which a token for some scopes is asked for.
pub(super) fn get_url(realm: &Url, service: Option<&str>, scopes: &Scopes) -> Url {
    let mut url = realm.clone();
    {
        let mut query = url.query_pairs_mut();
        if let Some(service) = service {
            query.append_pair("service", service);
        }
        for scope in scopes.texts() {
            query.append_pair("scope", &scope);
        }
    }
    url
}

/// The form with which a refresh token is exchanged for one for some scopes.
pub(super) fn refresh_form(refresh_token: &str, service: Option<&str>, scopes: &Scopes) -> String {
    // The query of an address is written as a form is.
    let Ok(mut form) = Url::parse("form:") else { return String::new() };
    form.query_pairs_mut()
        .append_pair("grant_type", "refresh_token")
        .append_pair("service", service.unwrap_or_default())
        .append_pair("client_id", "limg")
        .append_pair("scope", &scopes.texts().join(" "))
        .append_pair("refresh_token", refresh_token);
    form.query().unwrap_or_default().to_owned()
}

/// The token in an answer, if there is one.
pub(super) fn read(headers: &HeaderMap, body: &[u8], now: Instant) -> Option<Token> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let text = |key: &str| answer.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let header = bearer(text("token").or_else(|| text("access_token"))?)?;
    let seconds = answer.get("expires_in").and_then(Value::as_f64);
    let seconds = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let lifetime = seconds.filter(|seconds| !seconds.is_zero()).unwrap_or(LIFETIME).min(LONGEST);
    // A service may hand out a token that it made before. How old that is shows by the service's own clock alone.
    let age = || {
        let issued: jiff::Timestamp = text("issued_at")?.parse().ok()?;
        let sent = date(headers.get(DATE)?.to_str().ok()?)?;
        Duration::try_from(sent.duration_since(issued)).ok()
    };
    let left = lifetime.saturating_sub(age().unwrap_or_default());
    Some(Token { header, until: now + left.saturating_sub(MARGIN.min(lifetime / 4)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_asked_for_with_every_scope() {
        let scopes = Scopes { from: Some("c".to_owned()), ..Scopes::push("a/b") };
        let realm = "https://auth.example.com/token?account=1".parse().unwrap();
        assert_eq!(
            get_url(&realm, Some("registry & co"), &scopes).as_str(),
            "https://auth.example.com/token?account=1&service=registry+%26+co\
             &scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=repository%3Ac%3Apull"
        );
        assert_eq!(
            refresh_form("s/=", None, &scopes),
            "grant_type=refresh_token&service=&client_id=limg\
             &scope=repository%3Aa%2Fb%3Apull%2Cpush+repository%3Ac%3Apull&refresh_token=s%2F%3D"
        );
    }

    #[test]
    fn answers_are_read_with_what_they_leave_out() {
        let now = Instant::now();
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        for (body, header, seconds) in [
            (r#"{"token":"a"}"#, "Bearer a", 45),
            (r#"{"access_token":"b","expires_in":300}"#, "Bearer b", 285),
            (r#"{"token":"a","access_token":"b","expires_in":20.0}"#, "Bearer a", 15),
            (r#"{"token":"a","expires_in":300,"issued_at":"1994-11-06T08:48:37Z"}"#, "Bearer a", 225),
            (r#"{"token":"a","expires_in":300,"issued_at":"1994-11-06T08:40:00Z"}"#, "Bearer a", 0),
            (r#"{"token":"a","expires_in":300,"issued_at":"1994-11-06T09:00:00Z"}"#, "Bearer a", 285),
            (r#"{"token":"a","expires_in":"soon","issued_at":7}"#, "Bearer a", 45),
            (r#"{"token":"a","expires_in":-1}"#, "Bearer a", 45),
            (r#"{"token":"a","expires_in":1e9}"#, "Bearer a", 86_385),
            (r#"{"token":"","access_token":"b"}"#, "Bearer b", 45),
        ] {
            let token = read(&headers, body.as_bytes(), now).unwrap();
            assert_eq!(token.header.to_str().unwrap(), header, "{body}");
            assert_eq!((token.until - now).as_secs(), seconds, "{body}");
        }
    }

    #[test]
    fn an_answer_without_a_token_is_none() {
        for body in ["", "{}", "[]", "null", r#"{"token":7}"#, r#"{"token":"a\nb"}"#] {
            assert!(read(&HeaderMap::new(), body.as_bytes(), Instant::now()).is_none(), "{body}");
        }
    }
}
