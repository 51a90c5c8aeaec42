//! Small YAML files other than the definition, read strictly: a key stands once, and an unknown one is told of with the
//! nearest that is known.
//!
//! The definition has a reader of its own, which finds all problems at once. This module knows no file and no format.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, Visitor};

use crate::text::nearest;

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// The line, counted from 1.
    pub line: Option<usize>,
    /// What is wrong, with the keys that lead there: lower case, no full stop.
    pub message: String,
    /// How to mend it, where that can be guessed.
    pub help: Option<String>,
}

/// Reads a text as one document.
///
/// # Errors
/// When it is not YAML, or not a `T`.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    serde_yaml::from_str(text).map_err(|error| YamlError::of(&error))
}

/// A value that is written as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromText<T>(pub T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for FromText<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Parsing within the visitor lets the library add the line to an error.
        deserializer.deserialize_str(TextVisitor(|text: &str| text.parse())).map(Self)
    }
}

/// A mapping in which no key stands twice. serde's own maps take the last one in silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKeys<K, V>(pub BTreeMap<K, V>);

impl<'de, K, V> Deserialize<'de> for UniqueKeys<K, V>
where
    K: FromStr<Err: fmt::Display> + Ord,
    V: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UniqueVisitor(PhantomData))
    }
}

struct UniqueVisitor<K, V>(PhantomData<(K, V)>);

impl<'de, K, V> Visitor<'de> for UniqueVisitor<K, V>
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

/// Reads a key that a mapping does not have yet.
fn new_key<K: FromStr<Err: fmt::Display> + Ord, V>(
    text: &str,
    entries: &BTreeMap<K, V>,
) -> Result<K, String> {
    let key = text.parse().map_err(|error: K::Err| error.to_string())?;
    if entries.contains_key(&key) { Err(format!("the key `{text}` stands here twice")) } else { Ok(key) }
}

/// Reads a text by a function.
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
    fn of(error: &serde_yaml::Error) -> Self {
        let mut message = error.to_string();
        let line = error.location().map(|place| {
            // The library repeats the place in its text; a reader has it already.
            let place_in_text = format!(" at line {} column {}", place.line(), place.column());
            message = message.replacen(&place_in_text, "", 1);
            place.line()
        });
        if let Some((path, key)) = message.split_once("duplicate field ") {
            // serde tells it of the mapping, whose line is not that of the key.
            return Self {
                line: None,
                message: format!("{path}the key {key} stands here twice"),
                help: None,
            };
        }
        match unknown_key(&message) {
            Some((path, key, known)) => Self {
                line,
                message: format!("{path}unknown key `{key}`"),
                help: Some(match nearest(key, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are `{}`", known.join("`, `")),
                }),
            },
            None => Self { line, message, help: None },
        }
    }
}

/// Takes serde's words about an unknown key apart: the path before it, the key, and what is known. serde gives no other way
/// to these.
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
        #[expect(dead_code, reason = "only its form is tested")]
        height: Option<FromText<u8>>,
        #[expect(dead_code, reason = "only its form is tested")]
        colour: Option<String>,
    }

    fn fault(text: &str) -> (usize, String, String) {
        let YamlError { line, message, help } = parse::<Garden>(text).unwrap_err();
        (line.unwrap_or_default(), message, help.unwrap_or_default())
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_mend() {
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
                "known are `height`, `colour`",
            ),
            (
                "plants:\n  rose: {}\n  lily: {}\n  rose: {}\n",
                4,
                "plants: the key `rose` stands here twice",
                "",
            ),
            ("plants: {}\nplants: {}\n", 0, "the key `plants` stands here twice", ""),
            (
                "plants:\n  rose:\n    height: tall\n",
                3,
                "plants.rose.height: invalid digit found in string",
                "",
            ),
            ("trees: {}\n", 1, "unknown key `trees`", "known are `plants`"),
        ] {
            assert_eq!(fault(text), (line, message.to_owned(), help.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_document_that_is_right_is_taken() {
        let garden: Garden = parse("plants:\n  rose: { height: 3 }\n  lily: { height: \"4\" }\n").unwrap();
        assert_eq!(garden.plants.0.len(), 2);
        assert_eq!(parse::<FromText<u8>>("7").unwrap(), FromText(7));
    }
}
