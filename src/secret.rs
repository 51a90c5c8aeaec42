//! Guesses which environment variables hold a secret, so that limg can warn and never shows one.
//!
//! Everyone who can pull an image can read its environment, so secrets do not belong there. The guess errs towards silence:
//! a name such as `SECRET_ARN` or `TOKEN_URL` refers to a secret instead of holding one, which is right.

/// Last words of names whose value is a secret.
const SECRET_WORDS: &[&str] =
    &["SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "TOKEN", "CREDENTIAL", "CREDENTIALS", "APIKEY"];
/// Last two words of names whose value is a secret.
const SECRET_PAIRS: &[[&str; 2]] = &[
    ["API", "KEY"],
    ["ACCESS", "KEY"],
    ["SECRET", "KEY"],
    ["PRIVATE", "KEY"],
    ["SIGNING", "KEY"],
    ["ENCRYPTION", "KEY"],
];
/// How the keys of well-known services begin: AWS, GitHub, GitLab, Slack, Stripe, Google, npm.
const SECRET_BEGINNINGS: &[&str] = &[
    "AKIA",
    "ASIA",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "sk_live_",
    "rk_live_",
    "AIza",
    "npm_",
];
/// How a value begins that refers to a secret instead of being one.
const REFERENCE_BEGINNINGS: &[&str] =
    &["arn:", "http://", "https://", "/", "{{resolve:", "ssm:", "secretsmanager:"];

/// Whether a variable most likely holds a secret.
#[must_use]
pub(crate) fn looks_secret(name: &str, value: &str) -> bool {
    looks_secret_by_value(value) || (looks_secret_by_name(name) && is_opaque(value))
}

/// A command or another text with `***` in place of the words that most likely are secrets, and of the values of variables that
/// most likely hold one, such as in `TOKEN=abc run`.
#[must_use]
pub(crate) fn without_secrets(text: &str) -> String {
    let shown = |word: &str| match word.split_once('=') {
        Some((name, value)) if looks_secret(name, value) => format!("{name}=***"),
        None if looks_secret("", word) => "***".to_owned(),
        _ => word.to_owned(),
    };
    text.split(' ').map(shown).collect::<Vec<_>>().join(" ")
}

fn looks_secret_by_name(name: &str) -> bool {
    let words = words(name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [.., before, last] => SECRET_WORDS.contains(&last) || SECRET_PAIRS.contains(&[before, last]),
        [last] => SECRET_WORDS.contains(&last),
        [] => false,
    }
}

/// The words of `DB_PASSWORD` and of `dbPassword`, in upper case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower_case = false;
    for letter in name.chars() {
        if letter == '_' || (letter.is_ascii_uppercase() && after_lower_case) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (letter != '_', words.last_mut()) {
            word.push(letter.to_ascii_uppercase());
        }
        after_lower_case = letter.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn looks_secret_by_value(value: &str) -> bool {
    let begins = SECRET_BEGINNINGS.iter().any(|beginning| value.starts_with(beginning));
    let key = begins && value.len() >= 20 && !value.contains(char::is_whitespace);
    let web_token = value.starts_with("eyJ") && value.matches('.').count() == 2;
    let private_key = value.contains("-----BEGIN ") && value.contains("PRIVATE KEY-----");
    key || web_token || private_key || has_password_in_url(value)
}

/// Whether this is a URL such as `postgres://user:password@host/`.
fn has_password_in_url(value: &str) -> bool {
    value.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split('/').next().unwrap_or_default();
        authority
            .rsplit_once('@')
            .and_then(|(user, _)| user.split_once(':'))
            .is_some_and(|(_, word)| !word.is_empty())
    })
}

/// Whether a value under a secret's name may be the secret, and not a switch, a number or a reference.
fn is_opaque(value: &str) -> bool {
    !value.is_empty()
        && !matches!(value, "true" | "false")
        && value.parse::<f64>().is_err()
        && !REFERENCE_BEGINNINGS.iter().any(|beginning| value.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_commands_are_replaced() {
        for (text, shown) in [
            ("RUN |1 API_TOKEN=abc /bin/sh -c make", "RUN |1 API_TOKEN=*** /bin/sh -c make"),
            ("login ghp_0123456789abcdef0123  x", "login ***  x"),
            ("curl --url=https://a:b@c/", "curl --url=***"),
            ("app.handler STAGE=dev", "app.handler STAGE=dev"),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
    }

    #[test]
    fn secrets_are_distinguished_from_references_to_them() {
        for (name, value) in [
            ("DB_PASSWORD", "hunter2"),
            ("dbPassword", "hunter2"),
            ("GITHUB_TOKEN", "x"),
            ("STRIPE_API_KEY", "abc"),
            ("SOME_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("DATABASE_URL", "postgres://shop:hunter2@db.example.com/shop"),
            ("CERT", "-----BEGIN RSA PRIVATE KEY-----\nabc"),
            ("SESSION", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"),
        ] {
            assert!(looks_secret(name, value), "{name}");
        }
        for (name, value) in [
            ("SECRET_ARN", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db"),
            ("DB_PASSWORD", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db"),
            ("DB_PASSWORD", "/shop/db/password"),
            ("DB_PASSWORD", ""),
            ("TOKEN_URL", "https://example.com/token"),
            ("REQUIRE_TOKEN", "true"),
            ("MAX_TOKEN", "4096"),
            ("TABLE_KEY", "id"),
            ("DATABASE_URL", "postgres://db.example.com/shop"),
            ("STAGE", "dev"),
        ] {
            assert!(!looks_secret(name, value), "{name}={value}");
        }
    }
}
