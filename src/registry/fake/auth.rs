//! The authentication of a fake registry: challenges, accounts and tokens.

use std::collections::BTreeMap;

use base64::Engine as _;
use reqwest::Url;

use super::http::{RequestHead, Response};

/// A part of every password, token, signature and session of a fake registry. No log and no error may contain it.
pub(crate) const SECRET: &str = "very-secret";

/// The authentication that a registry requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum AuthScheme {
    #[default]
    None,
    /// A user and a password with every request, as Amazon ECR.
    Basic,
    /// Tokens from its token service.
    Bearer {
        /// Whether anyone gets a token to pull.
        public: bool,
        /// After how many requests a token expires.
        uses: usize,
    },
}

/// A user with a password, or with a refresh token in its place.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
    /// How often the password is accepted.
    pub(crate) uses: usize,
}

/// The accounts and tokens of a registry.
#[derive(Debug, Default)]
pub(crate) struct Auth {
    pub(crate) scheme: AuthScheme,
    pub(crate) accounts: Vec<Account>,
    /// The status with which the token service rejects every account, as a public registry rejects a stale one.
    pub(crate) stale: Option<u16>,
    /// Whether an expired password is rejected with 403 and a message instead of a challenge, as ECR sometimes does.
    pub(crate) reports_expiry: bool,
    tokens: BTreeMap<String, Token>,
}

#[derive(Debug)]
struct Token {
    /// One for each action, in the form `repository:shop/orders:pull`.
    grants: Vec<String>,
    uses: usize,
}

impl Auth {
    /// The error response, unless a request may perform an action in a repository.
    pub(super) fn check(
        &mut self,
        head: &RequestHead,
        host: &str,
        repository: &str,
        action: &str,
    ) -> Option<Response> {
        let authorization = head.header("authorization");
        let (scheme, given) = authorization.and_then(|text| text.split_once(' ')).unwrap_or_default();
        match self.scheme {
            AuthScheme::None => None,
            AuthScheme::Basic if scheme == "Basic" => {
                if self.accepts(given) {
                    return None;
                }
                Some(if self.reports_expiry {
                    let message = "Your authorization token has expired. Reauthenticate and try again.";
                    Response::error(403, "DENIED", message)
                } else {
                    basic_challenge()
                })
            }
            AuthScheme::Basic => Some(basic_challenge()),
            AuthScheme::Bearer { .. } => {
                let scope = format!("repository:{repository}:{action}");
                let token = if scheme == "Bearer" { self.tokens.get_mut(given) } else { None };
                if let Some(token) = token
                    && token.uses > 0
                    && token.grants.contains(&scope)
                {
                    token.uses -= 1;
                    return None;
                }
                // With a comma in quotes, as in the challenges of real registries.
                let actions = if action == "pull" { "pull" } else { "pull,push" };
                let challenge = format!(
                    "Bearer realm=\"http://{host}/token\",service=\"fake\",scope=\"repository:{repository}:{actions}\""
                );
                Some(unauthorized(challenge))
            }
        }
    }

    /// Whether the token of a request permits an action, for the source of a mount. This does not count as a use.
    pub(super) fn covers(&self, head: &RequestHead, repository: &str, action: &str) -> bool {
        let AuthScheme::Bearer { .. } = self.scheme else { return true };
        let given = head.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
        given
            .and_then(|given| self.tokens.get(given))
            .is_some_and(|token| token.grants.contains(&format!("repository:{repository}:{action}")))
    }

    /// The response of the token service, as in the distribution project's "Token Authentication Specification".
    pub(super) fn token(&mut self, head: &RequestHead, body: &[u8]) -> Response {
        let AuthScheme::Bearer { public, uses } = self.scheme else { return Response::new(404) };
        let form = Url::parse(&format!("http://fake/?{}", String::from_utf8_lossy(body))).unwrap();
        let mut fields = head.query.clone();
        fields.extend(form.query_pairs().into_owned());
        let refresh = fields.iter().find(|(name, _)| name == "refresh_token");
        let known = match (refresh, head.header("authorization").and_then(|text| text.strip_prefix("Basic ")))
        {
            (Some((_, token)), _) => self.use_account(|account| account.password == *token),
            (None, Some(given)) => self.accepts(given),
            (None, None) if public => false,
            (None, None) => return unauthorized("Basic realm=\"fake\"".to_owned()),
        };
        let authenticates = head.header("authorization").is_some() || head.method == "POST";
        if authenticates && let Some(status) = self.stale {
            return Response::error(status, "DENIED", "your authorization token has expired");
        }
        if authenticates && !known {
            return Response::error(401, "UNAUTHORIZED", "incorrect username or password");
        }
        let mut grants = Vec::new();
        let scopes = fields.iter().filter(|(name, _)| name == "scope");
        for scope in scopes.flat_map(|(_, scopes)| scopes.split(' ')) {
            let (repository, actions) = scope.rsplit_once(':').unwrap();
            let granted = actions.split(',').filter(|action| known || *action == "pull");
            grants.extend(granted.map(|action| format!("{repository}:{action}")));
        }
        let token = format!("{SECRET}-token-{}", self.tokens.len());
        self.tokens.insert(token.clone(), Token { grants, uses });
        let response = serde_json::json!({ "token": token, "expires_in": 300 });
        Response::new(200).header("content-type", "application/json").body(response.to_string())
    }

    fn accepts(&mut self, basic: &str) -> bool {
        let decoded = base64::prelude::BASE64_STANDARD.decode(basic).unwrap();
        let decoded = String::from_utf8(decoded).unwrap();
        let (user, password) = decoded.split_once(':').unwrap();
        self.use_account(|account| account.user == user && account.password == password)
    }

    /// Uses the first account that fits. Returns whether there is one.
    fn use_account(&mut self, fits: impl Fn(&Account) -> bool) -> bool {
        let found = self.accounts.iter_mut().find(|account| account.uses > 0 && fits(account));
        found.map(|account| account.uses -= 1).is_some()
    }
}

/// The secrets in a request, as written and decoded.
pub(super) fn secrets(head: &RequestHead, body: &[u8]) -> String {
    let sent = head.header("authorization").unwrap_or_default();
    let encoded = sent.strip_prefix("Basic ").unwrap_or_default();
    let decoded = base64::prelude::BASE64_STANDARD.decode(encoded).unwrap();
    format!("bad {sent} {} {}", String::from_utf8(decoded).unwrap(), String::from_utf8_lossy(body))
}

/// As ECR's, with a realm that is not a token service.
fn basic_challenge() -> Response {
    unauthorized("Basic realm=\"https://fake/\",service=\"ecr.amazonaws.com\"".to_owned())
}

fn unauthorized(challenge: String) -> Response {
    Response::error(401, "UNAUTHORIZED", "authentication required").header("www-authenticate", challenge)
}
