//! Values of the `Authorization` header. They are marked as secrets; `Debug` hides them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;

use crate::registry::credentials::{Credential, Identity};

/// What authorises a request.
#[derive(Clone)]
pub(super) struct Authorization {
    /// The value of the header.
    pub(super) header: HeaderValue,
    /// The credential behind it, unless it is anonymous.
    pub(super) credential: Option<Arc<Credential>>,
    /// Whether it is a token. The same credential may then lead to a newer one.
    pub(super) is_token: bool,
}

/// The header for a user and a password (RFC 7617), if the identity is one.
pub(super) fn basic(identity: &Identity) -> Option<HeaderValue> {
    let Identity::Password { user, password } = identity else { return None };
    secret(&format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose()))))
}

/// The header for a token (RFC 6750), if the token is valid in a header.
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
    use super::*;
    use crate::registry::Secret;

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
