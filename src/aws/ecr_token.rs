//! Authorization tokens of Amazon ECR.

use std::time::{Duration, SystemTime};

use aws_sdk_ecr::types::AuthorizationData;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::registry::Secret;

/// How long a token is valid (ECR user guide, Private registry authentication).
const LIFETIME: Duration = Duration::from_hours(12);

/// How much of its lifetime a token must have left to be used: a push may take as long.
const MARGIN: Duration = Duration::from_mins(30);

/// A token for the private registries of a region: of the account that asked, and of those that grant it access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcrToken {
    /// The user name: `AWS`.
    pub user: String,
    /// The token itself.
    pub password: Secret,
    /// When it expires.
    pub expires: SystemTime,
    /// The registry host of the account that asked.
    pub host: String,
}

impl EcrToken {
    /// Decodes the API's answer: base64 of `AWS:TOKEN`, and the registry's URL (ECR API reference,
    /// `AuthorizationData`).
    pub(super) fn decode(data: &AuthorizationData, now: SystemTime) -> Option<Self> {
        let text = String::from_utf8(STANDARD.decode(data.authorization_token()?).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        let endpoint = data.proxy_endpoint()?;
        let host = endpoint.split_once("://").map_or(endpoint, |(_, host)| host).trim_end_matches('/');
        let expires = data.expires_at().and_then(|expires| SystemTime::try_from(*expires).ok());
        // A new token that has already expired means that this machine's clock is wrong.
        let expires = expires.filter(|expires| *expires > now);
        Some(Self {
            user: user.to_owned(),
            password: Secret::new(password),
            expires: expires.unwrap_or(now + LIFETIME),
            host: host.to_owned(),
        })
    }

    /// Whether it is valid for long enough.
    pub(super) fn is_fresh(&self, now: SystemTime) -> bool {
        self.expires > now + MARGIN
    }
}
