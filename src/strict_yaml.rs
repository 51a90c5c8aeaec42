//! A strict reader of small YAML files: it rejects duplicate and unknown keys, and reports the line and the nearest known
//! key.
//!
//! `limg.yaml` has its own reader, which finds all problems at once. This module knows neither files nor their formats.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, Visitor};

use crate::text::{NESTING_AT_MOST, nearest, nesting};

/// Why a text is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct YamlError {
    /// The line, counted from 1.
    pub line: Option<usize>,
    /// The reason, after the path of keys to it: lower case, no full stop.
    pub message: String,
    /// A suggested fix, if there is one.
    pub help: Option<String>,
}

/// Reads a text as one document.
///
/// # Errors
/// When it is not valid YAML, or not a `T`.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    if nesting(text) > NESTING_AT_MOST {
        let message = format!("brackets are nested more than {NESTING_AT_MOST} levels deep");
        return Err(YamlError { line: None, message, help: None });
    }
    serde_yaml::from_str(text).map_err(|error| YamlError::new(&error))
}

/// A value that is parsed from text, such as a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FromText<T>(pub T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for FromText<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Only an error from within the visitor gets a line from the library.
        deserializer.deserialize_str(TextVisitor(|text: &str| text.parse())).map(Self)
    }
}

/// A mapping without duplicate keys. serde's own maps keep the last one silently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UniqueKeys<K, V>(pub BTreeMap<K, V>);

impl<'de, K, V> Deserialize<'de> for UniqueKeys<K, V>
where
    K: FromStr<Err: fmt::Display> + Ord,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueKeysVisitor(PhantomData))
    }
}

struct UniqueKeysVisitor<K, V>(PhantomData<(K, V)>);

impl<'de, K, V> Visitor<'de> for UniqueKeysVisitor<K, V>
where
    K: FromStr<Err: fmt::Display> + Ord,
    V: Deserialize<'de>,
{
    type Value = UniqueKeys<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some(key) = map.next_key_seed(TextVisitor(|text: &str| new_key(text, &entries)))? {
            let value = map.next_value()?;
            entries.insert(key, value);
        }
        Ok(UniqueKeys(entries))
    }
}

/// Parses a key that the mapping does not have yet.
fn new_key<K: FromStr<Err: fmt::Display> + Ord, V>(
    text: &str,
    entries: &BTreeMap<K, V>,
) -> Result<K, String> {
    let key = text.parse().map_err(|error: K::Err| error.to_string())?;
    if entries.contains_key(&key) { Err(format!("duplicate key `{text}`")) } else { Ok(key) }
}

/// Parses text with a function.
struct TextVisitor<F>(F);

impl<'de, T, E: fmt::Display, F: FnOnce(&str) -> Result<T, E>> DeserializeSeed<'de> for TextVisitor<F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T, E: fmt::Display, F: FnOnce(&str) -> Result<T, E>> Visitor<'_> for TextVisitor<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<X: serde::de::Error>(self, text: &str) -> Result<T, X> {
        (self.0)(text).map_err(X::custom)
    }
}

impl YamlError {
    fn new(error: &serde_yaml::Error) -> Self {
        let mut message = error.to_string();
        let line = error.location().map(|place| {
            // The library repeats the place in its message.
            let place_in_text = format!(" at line {} column {}", place.line(), place.column());
            message = message.replacen(&place_in_text, "", 1);
            place.line()
        });
        if let Some((path, key)) = message.split_once("duplicate field ") {
            // serde reports the line of the mapping, not that of the key.
            return Self { line: None, message: format!("{path}duplicate key {key}"), help: None };
        }
        match unknown_key(&message) {
            Some((path, key, known)) => Self {
                line,
                message: format!("{path}unknown key `{key}`"),
                help: Some(match nearest(key, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("use one of `{}`", known.join("`, `")),
                }),
            },
            None => Self { line, message, help: None },
        }
    }
}

/// Splits serde's message about an unknown key into the path, the key, and the known keys: serde offers them in no other
/// form.
fn unknown_key(message: &str) -> Option<(&str, &str, Vec<&str>)> {
    let (path, rest) = message.split_once("unknown field `")?;
    let (key, known) = rest.split_once("`, expected ")?;
    Some((path, key, known.split('`').skip(1).step_by(2).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Garden {
        plants: UniqueKeys<String, Plant>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Plant {
        #[expect(dead_code, reason = "only parsed")]
        height: Option<FromText<u8>>,
        #[expect(dead_code, reason = "only parsed")]
        colour: Option<String>,
    }

    fn error(text: &str) -> (usize, String, String) {
        let YamlError { line, message, help } = parse::<Garden>(text).unwrap_err();
        (line.unwrap_or_default(), message, help.unwrap_or_default())
    }

    #[test]
    fn errors_have_a_line_and_a_suggested_fix() {
        for (text, line, message, help) in [
            (
                "plants:\n  rose:\n    height: 3\n    color: red\n",
                4,
                "plants.rose: unknown key `color`",
                "did you mean `colour`?",
            ),
            (
                "plants:\n  rose:\n    zzz: 3\n",
                3,
                "plants.rose: unknown key `zzz`",
                "use one of `height`, `colour`",
            ),
            ("plants:\n  rose: {}\n  lily: {}\n  rose: {}\n", 4, "plants: duplicate key `rose`", ""),
            ("plants: {}\nplants: {}\n", 0, "duplicate key `plants`", ""),
            (
                "plants:\n  rose:\n    height: tall\n",
                3,
                "plants.rose.height: invalid digit found in string",
                "",
            ),
            ("trees: {}\n", 1, "unknown key `trees`", "use one of `plants`"),
        ] {
            assert_eq!(error(text), (line, message.to_owned(), help.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_valid_document_is_parsed() {
        let garden: Garden = parse("plants:\n  rose: { height: 3 }\n  lily: { height: \"4\" }\n").unwrap();
        assert_eq!(garden.plants.0.len(), 2);
        assert_eq!(parse::<FromText<u8>>("7").unwrap(), FromText(7));
    }
}
