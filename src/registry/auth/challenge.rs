//! Challenges: the authentication that a registry requires, as it declares it in `WWW-Authenticate`.
//!
//! The grammar is that of RFC 9110, section 11.6.1: several challenges in one header or in several, names of schemes and
//! parameters in any case, values as tokens or as quoted strings that may contain commas. Unknown schemes are skipped. Only
//! text is parsed here; nothing is sent or decided.

/// One challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A user and a password with every request (RFC 7617).
    Basic,
    /// A token from a token service (distribution project, token authentication specification).
    Bearer {
        /// The URL of the token service.
        realm: String,
        /// The name of the registry at the token service.
        service: Option<String>,
    },
}

/// The challenge that limg answers, from all headers of a response. It prefers a token to a password with every request.
pub(super) fn choose<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Challenge> {
    let found: Vec<Challenge> = headers.into_iter().flat_map(parse).collect();
    let bearer = found.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
    bearer.or(found.first()).cloned()
}

/// The challenges in one header that limg supports.
fn parse(header: &str) -> Vec<Challenge> {
    let mut scanner = Scanner { rest: header };
    let mut challenges: Vec<(String, Vec<(String, String)>)> = Vec::new();
    while let Some(word) = scanner.word() {
        if scanner.take('=') {
            let value = scanner.value();
            if let Some((_, parameters)) = challenges.last_mut() {
                parameters.push((word.to_ascii_lowercase(), value));
            }
        } else {
            challenges.push((word.to_ascii_lowercase(), Vec::new()));
        }
    }
    challenges.into_iter().filter_map(|(scheme, parameters)| supported(&scheme, parameters)).collect()
}

fn supported(scheme: &str, parameters: Vec<(String, String)>) -> Option<Challenge> {
    match scheme {
        "basic" => Some(Challenge::Basic),
        "bearer" => {
            let (mut realm, mut service) = (None, None);
            for (name, value) in parameters {
                match name.as_str() {
                    "realm" => realm = Some(value),
                    "service" => service = Some(value),
                    _ => {}
                }
            }
            Some(Challenge::Bearer { realm: realm?, service })
        }
        _ => None,
    }
}

struct Scanner<'a> {
    rest: &'a str,
}

impl Scanner<'_> {
    /// The next token. Everything before it is skipped.
    fn word(&mut self) -> Option<String> {
        let start = self.rest.find(is_token)?;
        self.rest = &self.rest[start..];
        Some(self.token())
    }

    /// The token at this position; it may be empty.
    fn token(&mut self) -> String {
        let end = self.rest.find(|c| !is_token(c)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        token.to_owned()
    }

    /// Skips `wanted` and the blanks around it. Returns whether it is at this position.
    fn take(&mut self, wanted: char) -> bool {
        let Some(rest) = self.rest.trim_start_matches(is_blank).strip_prefix(wanted) else { return false };
        self.rest = rest.trim_start_matches(is_blank);
        true
    }

    fn value(&mut self) -> String {
        let Some(quoted) = self.rest.strip_prefix('"') else { return self.token() };
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &quoted[at + 1..];
                    return value;
                }
                '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                _ => value.push(character),
            }
        }
        // A quoted string that is not closed extends to the end.
        self.rest = "";
        value
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

/// Whether a character is valid in a token (RFC 9110, section 5.6.2).
fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) }
    }

    #[test]
    fn challenges_of_known_registries_are_read() {
        for (header, expected) in [
            (
                "Basic realm=\"https://1.dkr.ecr.eu-west-1.amazonaws.com/\",service=\"ecr.amazonaws.com\"",
                Challenge::Basic,
            ),
            ("basic", Challenge::Basic),
            (
                "Bearer realm=\"https://public.ecr.aws/token/\",service=\"public.ecr.aws\",scope=\"aws\"",
                bearer("https://public.ecr.aws/token/", Some("public.ecr.aws")),
            ),
            (
                "BEARER Realm = \"https://a/t?x=1,2\" , scope=\"repository:a:pull,push\", service=b",
                bearer("https://a/t?x=1,2", Some("b")),
            ),
            (r#"Bearer realm="https://a/\"q\"",service="a \\ b""#, bearer("https://a/\"q\"", Some("a \\ b"))),
            ("Basic realm=\"x\", Bearer realm=\"https://a\"", bearer("https://a", None)),
            ("Negotiate YWJj/+==, Bearer realm=\"https://a\"", bearer("https://a", None)),
            ("Bearer realm=\"https://a", bearer("https://a", None)),
        ] {
            assert_eq!(choose([header]), Some(expected), "{header}");
        }
    }

    #[test]
    fn unsupported_challenges_are_skipped() {
        for header in ["", "Negotiate", "Bearer", "Bearer service=\"a\"", "realm=\"https://a\"", "\"", ",,="]
        {
            assert_eq!(choose([header]), None, "{header}");
        }
        assert_eq!(choose(["Negotiate", "Basic realm=\"x\""]), Some(Challenge::Basic));
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(header in "\\PC*") {
            drop(parse(&header));
        }

        #[test]
        fn a_quoted_realm_is_read_back(realm in "[ -~]*", before in "(Negotiate a=b, |NTLM, )?") {
            let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
            let header = format!("{before}Bearer service=s,realm=\"{quoted}\"");
            prop_assert_eq!(choose([header.as_str()]), Some(bearer(&realm, Some("s"))));
        }
    }
}
