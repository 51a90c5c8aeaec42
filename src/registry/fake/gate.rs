//! Who may do what in the fake registry: its challenges, its accounts and its tokens.

use std::collections::BTreeMap;

use base64::Engine as _;
use reqwest::Url;

use super::SECRET;
use super::http::{Answer, Head};

/// How a registry wants to be told who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Scheme {
    /// It lets everybody do everything.
    #[default]
    Open,
    /// Name and password with every request, as Amazon ECR does.
    Basic,
    /// Tokens of its token service.
    Bearer {
        /// Whether it gives everybody a token to pull with.
        public: bool,
        /// With how many requests a token ends.
        uses: usize,
    },
}

/// Somebody with a password, or with a refresh token in its place.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
    /// How often the password is taken.
    pub(crate) uses: usize,
}

/// The accounts and tokens of a registry.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    pub(crate) scheme: Scheme,
    pub(crate) accounts: Vec<Account>,
    /// The status with which the token service refuses every account, as that of a public registry does a stale one.
    pub(crate) stale: Option<u16>,
    /// Whether an ended password is refused with 403 and a message instead of a challenge, as ECR sometimes does.
    pub(crate) tells_expiry: bool,
    tokens: BTreeMap<String, Token>,
}

#[derive(Debug)]
struct Token {
    /// Such as `repository:shop/orders:pull`, one for each action.
    grants: Vec<String>,
    uses: usize,
}

impl Gate {
    /// Whether a request may do this in this repository, or the refusal.
    pub(super) fn check(
        &mut self,
        head: &Head,
        host: &str,
        repository: &str,
        action: &str,
    ) -> Option<Answer> {
        let authorization = head.header("authorization");
        let (scheme, given) = authorization.and_then(|text| text.split_once(' ')).unwrap_or_default();
        match self.scheme {
            Scheme::Open => None,
            Scheme::Basic if scheme == "Basic" => {
                if self.account(given) {
                    return None;
                }
                Some(if self.tells_expiry {
                    let message = "Your authorization token has expired. Reauthenticate and try again.";
                    Answer::refusal(403, "DENIED", message)
                } else {
                    basic_challenge()
                })
            }
            Scheme::Basic => Some(basic_challenge()),
            Scheme::Bearer { .. } => {
                let scope = format!("repository:{repository}:{action}");
                let token = if scheme == "Bearer" { self.tokens.get_mut(given) } else { None };
                if let Some(token) = token
                    && token.uses > 0
                    && token.grants.contains(&scope)
                {
                    token.uses -= 1;
                    return None;
                }
                // A comma in quotes, as real ones have it.
                let actions = if action == "pull" { "pull" } else { "pull,push" };
                let challenge = format!(
                    "Bearer realm=\"http://{host}/token\",service=\"fake\",scope=\"repository:{repository}:{actions}\""
                );
                Some(unauthorized(challenge))
            }
        }
    }

    /// Whether a token covers this, for a mount's source. It costs no use.
    pub(super) fn covers(&self, head: &Head, repository: &str, action: &str) -> bool {
        let Scheme::Bearer { .. } = self.scheme else { return true };
        let given = head.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
        given
            .and_then(|given| self.tokens.get(given))
            .is_some_and(|token| token.grants.contains(&format!("repository:{repository}:{action}")))
    }

    /// The answer of the token service, as the distribution project's "Token Authentication Specification" has it.
    pub(super) fn token(&mut self, head: &Head, body: &[u8]) -> Answer {
        let Scheme::Bearer { public, uses } = self.scheme else { return Answer::new(404) };
        let form = Url::parse(&format!("http://fake/?{}", String::from_utf8_lossy(body))).unwrap();
        let mut fields = head.query.clone();
        fields.extend(form.query_pairs().into_owned());
        let refresh = fields.iter().find(|(name, _)| name == "refresh_token");
        let known = match (refresh, head.header("authorization").and_then(|text| text.strip_prefix("Basic ")))
        {
            (Some((_, token)), _) => self.take(|account| account.password == *token),
            (None, Some(given)) => self.account(given),
            (None, None) if public => false,
            (None, None) => return unauthorized("Basic realm=\"fake\"".to_owned()),
        };
        let asked = head.header("authorization").is_some() || head.method == "POST";
        if asked && let Some(status) = self.stale {
            return Answer::refusal(status, "DENIED", "your authorization token has expired");
        }
        if asked && !known {
            return Answer::refusal(401, "UNAUTHORIZED", "incorrect username or password");
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
        let answer = serde_json::json!({ "token": token, "expires_in": 300 });
        Answer::new(200).header("content-type", "application/json").body(answer.to_string())
    }

    fn account(&mut self, basic: &str) -> bool {
        let decoded = base64::prelude::BASE64_STANDARD.decode(basic).unwrap();
        let decoded = String::from_utf8(decoded).unwrap();
        let (user, password) = decoded.split_once(':').unwrap();
        self.take(|account| account.user == user && account.password == password)
    }

    /// Uses an account up by one.
    fn take(&mut self, fits: impl Fn(&Account) -> bool) -> bool {
        let found = self.accounts.iter_mut().find(|account| account.uses > 0 && fits(account));
        found.map(|account| account.uses -= 1).is_some()
    }
}

/// ECR's: it has a realm, but nothing is to be asked for there.
fn basic_challenge() -> Answer {
    unauthorized("Basic realm=\"https://fake/\",service=\"ecr.amazonaws.com\"".to_owned())
}

fn unauthorized(challenge: String) -> Answer {
    Answer::refusal(401, "UNAUTHORIZED", "authentication required").header("www-authenticate", challenge)
}
