//! Challenges: how a registry says in `WWW-Authenticate` who must ask, and where.
//!
//! The grammar is that of RFC 9110, section 11.6.1: several challenges in one header or in several, scheme and parameter
//! names in any case, values as tokens or quoted strings that may hold commas. Schemes that limg does not know are passed
//! over. Only texts are taken apart here; nothing is asked or decided.

/// One challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Name and password with every request (RFC 7617).
    Basic,
    /// A token, to be had from a service (distribution project, token authentication specification).
    Bearer {
        /// The address of the token service.
        realm: String,
        /// What the service calls the registry.
        service: Option<String>,
    },
}

/// The challenge of an answer that limg can meet. A token is preferred to a password with every request.
pub(super) fn choose<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Challenge> {
    let found: Vec<Challenge> = headers.into_iter().flat_map(parse).collect();
    let bearer = found.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
    bearer.or(found.first()).cloned()
}

/// The challenges in one header that limg knows.
fn parse(header: &str) -> Vec<Challenge> {
    let mut scanner = Scanner { rest: header };
    let mut raw: Vec<(String, Vec<(String, String)>)> = Vec::new();
    while let Some(word) = scanner.word() {
        if scanner.take('=') {
            let value = scanner.value();
            if let Some((_, parameters)) = raw.last_mut() {
                parameters.push((word.to_ascii_lowercase(), value));
            }
        } else {
            raw.push((word.to_ascii_lowercase(), Vec::new()));
        }
    }
    raw.into_iter().filter_map(|(scheme, parameters)| known(&scheme, parameters)).collect()
}

fn known(scheme: &str, parameters: Vec<(String, String)>) -> Option<Challenge> {
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
    /// The next token, whatever stands before it passed over.
    fn word(&mut self) -> Option<String> {
        let start = self.rest.find(is_token)?;
        self.rest = &self.rest[start..];
        Some(self.token())
    }

    /// The token that stands here; it may be empty.
    fn token(&mut self) -> String {
        let end = self.rest.find(|c| !is_token(c)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        token.to_owned()
    }

    /// Passes over `wanted` and the blanks round it, if it stands here.
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
        // A string without an end goes on to the end.
        self.rest = "";
        value
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

/// Whether a character may stand in a token (RFC 9110, section 5.6.2).
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
    fn what_limg_cannot_meet_is_passed_over() {
        for header in ["", "Negotiate", "Bearer", "Bearer service=\"a\"", "realm=\"https://a\"", "\"", ",,="]
        {
            assert_eq!(choose([header]), None, "{header}");
        }
        assert_eq!(choose(["Negotiate", "Basic realm=\"x\""]), Some(Challenge::Basic));
    }

    proptest! {
        #[test]
        fn any_header_is_survived(header in "\\PC*") {
            drop(parse(&header));
        }

        #[test]
        fn a_quoted_realm_comes_back(realm in "[ -~]*", before in "(Negotiate a=b, |NTLM, )?") {
            let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
            let header = format!("{before}Bearer service=s,realm=\"{quoted}\"");
            prop_assert_eq!(choose([header.as_str()]), Some(bearer(&realm, Some("s"))));
        }
    }
}
