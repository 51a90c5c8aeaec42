//! The help that [`super::shape`] gives: how a user would write what was probably meant.
//!
//! Nothing here decides whether something is wrong.

use serde_json::Value;

use super::expected::Expected;
use crate::definition::document::{Node, Scalar, ScalarKind};
use crate::finding::Place;
use crate::text::nearest;

/// Words that other tools use for Lambda's own: Docker and Go, GNU, Node.js.
const OTHER_WORDS: &[(&str, &str)] =
    &[("amd64", "x86_64"), ("x64", "x86_64"), ("aarch64", "arm64"), ("arm", "arm64")];

/// For a word that is not among `words`.
pub(super) fn for_word(found: &str, words: &[&str]) -> String {
    let found = found.rsplit('/').next().unwrap_or(found).to_lowercase();
    let other = OTHER_WORDS.iter().find(|(other, word)| *other == found && words.contains(word));
    let same = words.iter().copied().find(|word| word.eq_ignore_ascii_case(&found));
    let near = || nearest(&found, words.iter().copied());
    match other.map(|(_, word)| *word).or(same).or_else(near) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("use one of {}", list(words)),
    }
}

/// For a key that is not known; `near` is what it most likely means.
pub(super) fn for_key(near: Option<&str>, known: &[&str]) -> String {
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("use one of {}", list(known)),
    }
}

/// For a required key that is not there.
pub(super) fn for_missing(at: &Place, key: &str) -> String {
    if at.path().steps().is_empty() {
        format!("add `{key}:` with one entry for each function")
    } else {
        format!("add `{key}: ...`")
    }
}

/// For a value of the wrong type.
pub(super) fn for_type(node: &Node, expected: &Expected<'_>) -> Option<String> {
    let text = match node {
        Node::Scalar(Scalar { kind, text }) if *kind != ScalarKind::Null => Some(text.as_str()),
        _ => None,
    };
    Some(match (expected, text, node) {
        (Expected::Text | Expected::Example | Expected::TextOrRecord { .. }, Some(text), _) => {
            format!("put it in quotes: `\"{}\"`", one_line(text))
        }
        (Expected::Text | Expected::Example, None, _) => "write a single text".into(),
        (Expected::Boolean, ..) => "write `true` or `false`".into(),
        (Expected::Integer { minimum, maximum }, ..) => {
            format!("write a whole number from {minimum} to {maximum}, without quotes or unit")
        }
        (Expected::List(items), Some(text), _) => format!("write a list: `[{}]`", in_brackets(text, items)),
        (Expected::BooleanOrList(items), Some(text), _) => {
            format!("write `true`, `false` or a list: `[{}]`", in_brackets(text, items))
        }
        (Expected::BooleanOrList(_), None, _) => "write `true`, `false` or a list".into(),
        (Expected::List(_), None, Node::Mapping(_)) => "write a list of names: `[first, second]`".into(),
        (Expected::Record { properties, required }, Some(text), _)
            if required.len() == 1 || properties.contains_key("path") =>
        {
            let is_arn = text.starts_with("arn:") && properties.contains_key("arn");
            let key = required.first().copied().unwrap_or(if is_arn { "arn" } else { "path" });
            format!("write `{{ {key}: {} }}`", in_brackets(text, &properties[key]))
        }
        (Expected::BooleanTextOrRecord { .. }, Some(_), _) => "write `true`, or the path of a list".into(),
        (
            Expected::Record { properties, .. }
            | Expected::TextOrRecord { properties, .. }
            | Expected::BooleanTextOrRecord { properties, .. },
            ..,
        ) => {
            let keys: Vec<&str> = properties.keys().map(String::as_str).collect();
            format!("write its keys on the lines below, indented; the keys are {}", list(&keys))
        }
        (Expected::Names(_), _, Node::List(_)) => {
            "write each entry under its name: `NAME: ...`, without `-`".into()
        }
        (Expected::Names(_), ..) => "write `NAME: ...` on the lines below, indented, one on each line".into(),
        (Expected::AnyScalar, _, Node::Scalar(_)) => "write `\"\"` for an empty value".into(),
        (Expected::AnyScalar, ..) => "write text, a number or a boolean".into(),
        (Expected::Word(words), ..) => format!("write one of {}", list(words)),
        (Expected::List(_), ..) => return None,
    })
}

/// The words in backticks, with commas between.
pub(super) fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// A value between brackets or braces, in quotes if YAML would otherwise read something other than the `schema` requires.
fn in_brackets(text: &str, schema: &Value) -> String {
    let line = one_line(text);
    if line != text {
        return line;
    }
    let takes_any = matches!(Expected::read(schema), Some((Expected::AnyScalar, _)));
    let needs_no_quotes = match serde_yaml::from_str::<Vec<Value>>(&format!("[{text}]")).as_deref() {
        Ok([Value::String(read)]) => read == text,
        Ok([Value::Number(_) | Value::Bool(_)]) => takes_any,
        _ => false,
    };
    // Every JSON string is a YAML string too.
    if needs_no_quotes { line } else { Value::from(text).to_string() }
}

/// A value short enough to stand in a help.
fn one_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() > 60 || line.len() < text.len() { "...".into() } else { line.to_owned() }
}
