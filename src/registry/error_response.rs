//! Error responses of registries and token services.
//!
//! Their forms are those of the OCI distribution specification ("Error Codes"), of OAuth 2.0, and of services in use. Users
//! see what they contain, so it is shortened and made safe for a terminal here, and secrets that it repeats are blanked.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

use super::http_date;
use super::sent_secrets::SentSecrets;
use crate::text::excerpt;

/// How many errors of one response are kept.
const MAX_ERRORS: usize = 5;

/// A response with a status that reports a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorResponse {
    /// The HTTP status.
    pub status: u16,
    /// The errors in its body.
    pub errors: Vec<ErrorInfo>,
    /// How long the registry asks limg to wait.
    pub retry_after: Option<Duration>,
}

/// One error of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorInfo {
    /// The code, such as `NAME_UNKNOWN`; it may be empty.
    pub code: String,
    /// The message; it may be empty.
    pub message: String,
}

impl ErrorResponse {
    /// Reads the errors in a response.
    pub(super) fn new(status: StatusCode, headers: &HeaderMap, body: &[u8], secrets: &SentSecrets) -> Self {
        Self { status: status.as_u16(), errors: errors(body, secrets), retry_after: retry_after(headers) }
    }

    /// The code of the first error that has one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.errors.iter().map(|error| error.code.as_str()).find(|code| !code.is_empty())
    }

    /// Whether a code or message contains a text, in any case. `text` is in lower case.
    pub(super) fn mentions(&self, text: &str) -> bool {
        self.errors.iter().any(|error| {
            error.code.to_ascii_lowercase().contains(text)
                || error.message.to_ascii_lowercase().contains(text)
        })
    }

    /// Whether the same request may succeed a little later (RFC 9110, section 15; RFC 6585).
    pub(super) fn is_transient(&self) -> bool {
        match self.status {
            501 | 505 => false,
            408 | 425 | 429 | 500.. => true,
            // Some registries report a rate limit with another status. Docker's registry briefly does not know a blob while
            // another client writes it again; a manifest is only sent when the registry has confirmed all its blobs.
            _ => self.code() == Some("TOOMANYREQUESTS") || self.has_code("MANIFEST_BLOB_UNKNOWN"),
        }
    }

    fn has_code(&self, code: &str) -> bool {
        self.errors.iter().any(|error| error.code == code)
    }
}

impl fmt::Display for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        let reason = StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        if let Some(reason) = reason {
            write!(f, " {reason}")?;
        }
        for ErrorInfo { code, message } in &self.errors {
            for text in [code, message] {
                if !text.is_empty() {
                    write!(f, ": {text}")?;
                }
            }
        }
        Ok(())
    }
}

/// The errors in the body of a response.
fn errors(body: &[u8], secrets: &SentSecrets) -> Vec<ErrorInfo> {
    let Ok(json) = serde_json::from_slice::<Value>(body) else { return plain(body, secrets) };
    let text = |value: &Value, key: &str| {
        excerpt(&secrets.blank(value.get(key).and_then(Value::as_str).unwrap_or_default()))
    };
    let list = json.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut found: Vec<_> = list
        .iter()
        .take(MAX_ERRORS)
        .map(|error| ErrorInfo { code: text(error, "code"), message: text(error, "message") })
        .collect();
    if found.is_empty() {
        let first = |keys: &[&str]| keys.iter().map(|key| text(&json, key)).find(|text| !text.is_empty());
        found.push(ErrorInfo {
            code: first(&["error", "code", "__type"]).unwrap_or_default(),
            message: first(&["error_description", "message", "Message", "details"]).unwrap_or_default(),
        });
    }
    found.retain(|error| !error.code.is_empty() || !error.message.is_empty());
    found
}

/// The first line of a body that is not JSON, unless it is a page for a browser.
fn plain(body: &[u8], secrets: &SentSecrets) -> Vec<ErrorInfo> {
    let text = String::from_utf8_lossy(body);
    let line = text.trim().lines().next().unwrap_or_default();
    if line.is_empty() || line.starts_with('<') {
        return Vec::new();
    }
    vec![ErrorInfo { code: String::new(), message: excerpt(&secrets.blank(line)) }]
}

/// The wait that a response asks for (RFC 9110, section 10.2.3), in seconds or as a date. A date is compared with the
/// server's own clock if the response shows it.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date::parse(value)?;
    let now = http_date::of(headers).unwrap_or_else(jiff::Timestamp::now);
    Some(until.duration_since(now).try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use reqwest::header::DATE;

    use super::*;

    fn response(status: u16, body: &str) -> ErrorResponse {
        let (status, secrets) = (StatusCode::from_u16(status).unwrap(), SentSecrets::default());
        ErrorResponse::new(status, &HeaderMap::new(), body.as_bytes(), &secrets)
    }

    #[test]
    fn errors_of_every_form_are_shown() {
        for (body, shown) in [
            (
                r#"{"errors":[{"code":"NAME_UNKNOWN","message":"no such repository","detail":{"name":"a"}}]}"#,
                "404 Not Found: NAME_UNKNOWN: no such repository",
            ),
            (r#"{"errors":[{"code":"A"},{"message":"b"}]}"#, "404 Not Found: A: b"),
            (
                r#"{"error":"invalid_grant","error_description":"expired"}"#,
                "404 Not Found: invalid_grant: expired",
            ),
            (
                r#"{"details":"incorrect username or password"}"#,
                "404 Not Found: incorrect username or password",
            ),
            ("not found\nat all", "404 Not Found: not found"),
            ("<html><body>x</body></html>", "404 Not Found"),
            (r#"{"errors":[]}"#, "404 Not Found"),
            (r#"{"errors":{"code":1}}"#, "404 Not Found"),
            ("[1]", "404 Not Found"),
            ("", "404 Not Found"),
        ] {
            assert_eq!(response(404, body).to_string(), shown, "{body}");
        }
        assert_eq!(response(599, "").to_string(), "599");
    }

    #[test]
    fn errors_are_safe_for_a_terminal() {
        let shown =
            response(400, r#"{"errors":[{"code":"A","message":"\u001b[2Jx\r\n\u202ey"}]}"#).to_string();
        assert_eq!(shown, r"400 Bad Request: A: \u{1b}[2Jx\r\n\u{202e}y");
        assert_eq!(response(400, &"x".repeat(10_000)).to_string().chars().count(), 400 + 118);
    }

    #[test]
    fn a_wait_is_in_seconds_or_a_date() {
        let wait = |value: &'static str, now: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            if let Some(now) = now {
                headers.insert(DATE, now.parse().unwrap());
            }
            retry_after(&headers)
        };
        let now = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(wait("7", None), Some(Duration::from_secs(7)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:07 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:07 GMT", now), Some(Duration::ZERO));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:07 GMT", None), Some(Duration::ZERO));
        for unreadable in ["", "soon", "-1", "99999999999999999999999"] {
            assert_eq!(wait(unreadable, now), None, "{unreadable}");
        }
    }

    #[test]
    fn the_status_shows_whether_a_failure_is_transient() {
        for status in [408, 425, 429, 500, 502, 503, 504, 522, 599] {
            assert!(response(status, "").is_transient(), "{status}");
        }
        for status in [400, 401, 403, 404, 405, 409, 412, 413, 416, 501, 505] {
            assert!(!response(status, "").is_transient(), "{status}");
        }
        assert!(
            response(400, r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"Rate exceeded"}]}"#)
                .is_transient()
        );
    }
}
