//! The protocol of token services (distribution project, "Token Authentication Specification" and "Token Authentication
//! with OAuth 2").
//!
//! Requests are composed and responses are read here; neither are they sent nor tokens kept.

use std::time::{Duration, Instant};

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::authorization::bearer;
use crate::registry::http_date;
use crate::registry::request::Scopes;

/// The largest response of a token service. Tokens have a few kilobytes.
pub(super) const MAX_RESPONSE: u64 = 1024 * 1024;

/// The lifetime of a token whose response does not declare one.
const DEFAULT_LIFETIME: Duration = Duration::from_mins(1);

/// How long before its expiry a token is replaced, since clocks differ and requests take time; a quarter of its lifetime
/// at most.
const MARGIN: Duration = Duration::from_secs(15);

/// The longest lifetime. A token that declares a longer one is fetched again after this.
const MAX_LIFETIME: Duration = Duration::from_hours(24);

/// A token.
#[derive(Clone)]
pub(super) struct Token {
    /// The value of `Authorization`, marked as a secret.
    pub(super) header: HeaderValue,
    pub(super) valid_until: Instant,
}

/// The URL from which a token for some scopes is fetched.
pub(super) fn token_url(realm: &Url, service: Option<&str>, scopes: &Scopes) -> Url {
    let mut url = realm.clone();
    {
        let mut query = url.query_pairs_mut();
        if let Some(service) = service {
            query.append_pair("service", service);
        }
        for scope in scopes.to_texts() {
            query.append_pair("scope", &scope);
        }
    }
    url
}

/// The form that exchanges a refresh token for a token for some scopes.
pub(super) fn refresh_form(refresh_token: &str, service: Option<&str>, scopes: &Scopes) -> String {
    // The query of a URL has the encoding of a form.
    let Ok(mut form) = Url::parse("form:") else { return String::new() };
    form.query_pairs_mut()
        .append_pair("grant_type", "refresh_token")
        .append_pair("service", service.unwrap_or_default())
        .append_pair("client_id", "limg")
        .append_pair("scope", &scopes.to_texts().join(" "))
        .append_pair("refresh_token", refresh_token);
    form.query().unwrap_or_default().to_owned()
}

/// The token in a response, if there is one.
pub(super) fn read_token(headers: &HeaderMap, body: &[u8], now: Instant) -> Option<Token> {
    let response: Value = serde_json::from_slice(body).ok()?;
    let text = |key: &str| response.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let header = bearer(text("token").or_else(|| text("access_token"))?)?;
    let seconds = response.get("expires_in").and_then(Value::as_f64);
    let seconds = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let lifetime = seconds.filter(|seconds| !seconds.is_zero()).unwrap_or(DEFAULT_LIFETIME).min(MAX_LIFETIME);
    // A service may return a token that it issued earlier. Only the service's own clock shows its age.
    let age = || {
        let issued: jiff::Timestamp = text("issued_at")?.parse().ok()?;
        Duration::try_from(http_date::of(headers)?.duration_since(issued)).ok()
    };
    let left = lifetime.saturating_sub(age().unwrap_or_default());
    Some(Token { header, valid_until: now + left.saturating_sub(MARGIN.min(lifetime / 4)) })
}

#[cfg(test)]
mod tests {
    use reqwest::header::DATE;

    use super::*;

    #[test]
    fn requests_name_every_scope() {
        let scopes = Scopes { mount_from: Some("c".to_owned()), ..Scopes::push("a/b") };
        let realm = "https://auth.example.com/token?account=1".parse().unwrap();
        assert_eq!(
            token_url(&realm, Some("registry & co"), &scopes).as_str(),
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
    fn missing_fields_of_a_response_have_defaults() {
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
            let token = read_token(&headers, body.as_bytes(), now).unwrap();
            assert_eq!(token.header.to_str().unwrap(), header, "{body}");
            assert_eq!((token.valid_until - now).as_secs(), seconds, "{body}");
        }
    }

    #[test]
    fn a_response_may_lack_a_token() {
        for body in ["", "{}", "[]", "null", r#"{"token":7}"#, r#"{"token":"a\nb"}"#] {
            assert!(read_token(&HeaderMap::new(), body.as_bytes(), Instant::now()).is_none(), "{body}");
        }
    }
}
