//! Secrets that a request contains. A server may repeat them in its response, from where they must not get into a message.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::HeaderValue;

/// How many bytes of a long secret must be repeated together to be blanked. Servers shorten what they repeat.
const PART: usize = 12;

/// A user name of this length may be a token.
const TOKEN_LENGTH: usize = 20;

/// The secrets in a request. Not `Debug`, so that nothing shows them.
#[derive(Default)]
pub(super) struct SentSecrets(Vec<String>);

impl SentSecrets {
    /// Those of a value of `Authorization`, also in its decoded form, and of a body.
    pub(super) fn of(authorization: Option<&HeaderValue>, body: Option<&str>) -> Self {
        let sent = authorization.and_then(|value| value.to_str().ok());
        let sent = sent.map(|value| value.split_once(' ').map_or(value, |(_, secret)| secret));
        let decoded = sent.and_then(|sent| String::from_utf8(STANDARD.decode(sent).ok()?).ok());
        let (user, password) = decoded.as_deref().and_then(|it| it.split_once(':')).unwrap_or_default();
        let user = Some(user).filter(|user| user.len() >= TOKEN_LENGTH);
        let all =
            sent.map(|sent| sent.trim_end_matches('=')).into_iter().chain(user).chain([password]).chain(body);
        let all = all.filter(|secret| !secret.is_empty());
        Self(all.flat_map(|secret| [secret.to_owned(), encoded(secret)]).collect())
    }

    /// A text with an ellipsis in place of each secret, or of each larger part of one.
    pub(super) fn blank(&self, text: &str) -> String {
        let mut is_secret = vec![false; text.len()];
        for secret in &self.0 {
            let length = if secret.len() > PART { PART } else { secret.len() };
            let parts: BTreeSet<&[u8]> = secret.as_bytes().windows(length).collect();
            for (start, part) in text.as_bytes().windows(length).enumerate() {
                if parts.contains(part) {
                    is_secret[start..start + length].fill(true);
                }
            }
        }
        let mut blanked = String::with_capacity(text.len());
        for (at, character) in text.char_indices() {
            if !is_secret[at..at + character.len_utf8()].contains(&true) {
                blanked.push(character);
            } else if !blanked.ends_with('…') {
                blanked.push('…');
            }
        }
        blanked
    }
}

/// A text as the query of a URL contains it.
fn encoded(text: &str) -> String {
    let Ok(mut form) = Url::parse("form:") else { return String::new() };
    form.query_pairs_mut().append_key_only(text);
    form.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blank(authorization: &str, text: &str) -> String {
        SentSecrets::of(Some(&HeaderValue::from_str(authorization).unwrap()), None).blank(text)
    }

    #[test]
    fn a_repeated_secret_is_blanked_in_every_form() {
        let basic = format!("Basic {}", STANDARD.encode("me:p@ss wörd:1234"));
        for (text, expected) in [
            (format!("bad header `{basic}`"), "bad header `Basic …`"),
            ("user me has not p@ss wörd:1234!".to_owned(), "user me has not …!"),
            ("?password=p%40ss+w%C3%B6rd%3A1234".to_owned(), "?password=…"),
            ("me:p@ss wörd:1234".to_owned(), "me:…"),
            (format!("{}...", &basic[..24]), "Basic …..."),
            ("no secret, ö, pass".to_owned(), "no secret, ö, pass"),
            (String::new(), ""),
        ] {
            assert_eq!(blank(&basic, &text), expected, "{text}");
        }
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl";
        assert_eq!(blank(&format!("Bearer {token}"), &format!("expired: {token}.")), "expired: ….");
        assert_eq!(blank(&format!("Bearer {token}"), "expired: eyJzdWIiOiJtZSJ9"), "expired: …");
        assert_eq!(blank("Basic eDp5", "x y"), "x …", "even a password of one letter");
        let user = format!("Basic {}", STANDARD.encode(format!("{token}:x-oauth-basic")));
        assert_eq!(blank(&user, &format!("{token} is unknown")), "… is unknown");
    }

    #[test]
    fn a_secret_in_a_body_is_blanked() {
        let secrets = SentSecrets::of(None, Some("refresh/token"));
        assert_eq!(secrets.blank("unknown: refresh/token, refresh%2Ftoken"), "unknown: …, …");
        assert_eq!(SentSecrets::of(None, None).blank("x"), "x");
    }
}
