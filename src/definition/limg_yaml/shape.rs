//! Checks a document against the JSON Schema of the format, and finds everything that is wrong with its shape at once.
//!
//! serde stops at the first error; this walk does not. It understands the part of JSON Schema that the types of
//! [`super::format`] produce, as a test ensures, and nothing else. It knows no single key of the format.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::expected::Expected;
use super::shape_help as help;
use crate::definition::document::{Document, Entry, Node, Scalar, ScalarKind};
use crate::finding::{Code, Finding, Place, SHOWN_AT_MOST};
use crate::text::nearest;

/// Finds every violation of the schema.
pub(super) fn check(document: &Document, schema: &Value) -> Vec<Finding> {
    let mut walk = Walk { findings: Vec::new() };
    walk.value(&document.place(), document.root(), schema);
    walk.findings
}

/// The key that an unknown one most likely means, preferring keys that are not present yet.
fn nearest_key<'k>(unknown: &str, known: &[&'k str], present: &BTreeSet<&str>) -> Option<&'k str> {
    let lower = unknown.to_lowercase();
    let absent = known.iter().copied().filter(|key| !present.contains(key));
    nearest(&lower, absent).or_else(|| nearest(&lower, known.iter().copied()))
}

/// The name of a value in messages.
fn found(node: &Node) -> &'static str {
    match node {
        Node::List(_) => "a list",
        Node::Mapping(_) => "a mapping",
        Node::Tagged(..) => "a tagged value",
        Node::Scalar(scalar) => match scalar.kind {
            ScalarKind::Null => "no value",
            ScalarKind::Boolean(_) => "a boolean",
            ScalarKind::Integer(_) | ScalarKind::Decimal(_) => "a number",
            ScalarKind::Text => "text",
        },
    }
}

struct Walk {
    findings: Vec<Finding>,
}

impl Walk {
    fn value(&mut self, at: &Place, node: &Node, schema: &Value) {
        let Some((expected, optional)) = Expected::read(schema) else {
            return;
        };
        if let Node::Tagged(tag, _) = node {
            let message = format!("the tag `!{tag}` is not supported here");
            let finding = Finding::error(Code::Tag, at.clone(), message);
            return self
                .findings
                .push(finding.help("remove the tag; limg does not resolve CloudFormation functions"));
        }
        if node.is_null() && optional {
            return;
        }
        match (&expected, node) {
            (
                Expected::Record { properties, required }
                | Expected::TextOrRecord { properties, required }
                | Expected::BooleanTextOrRecord { properties, required },
                Node::Mapping(entries),
            ) => {
                self.record(at, entries, properties, required);
            }
            (Expected::Names(schema), Node::Mapping(entries)) => {
                self.duplicates(at, entries);
                for entry in entries {
                    if entry.key == "<<" {
                        self.merge_key(at);
                    } else {
                        self.value(&at.key(&entry.key), &entry.value, schema);
                    }
                }
            }
            (Expected::List(schema) | Expected::BooleanOrList(schema), Node::List(items)) => {
                for (position, item) in items.iter().enumerate() {
                    self.value(&at.index(position), item, schema);
                }
            }
            (_, Node::Scalar(scalar)) => self.scalar(at, scalar, node, &expected),
            _ => self.wrong_type(at, node, &expected),
        }
    }

    fn scalar(&mut self, at: &Place, scalar: &Scalar, node: &Node, expected: &Expected<'_>) {
        match (expected, scalar.kind) {
            (
                Expected::Text | Expected::TextOrRecord { .. } | Expected::BooleanTextOrRecord { .. },
                ScalarKind::Text,
            )
            | (
                Expected::Boolean | Expected::BooleanOrList(_) | Expected::BooleanTextOrRecord { .. },
                ScalarKind::Boolean(_),
            )
            | (
                Expected::AnyScalar,
                ScalarKind::Text | ScalarKind::Boolean(_) | ScalarKind::Integer(_) | ScalarKind::Decimal(_),
            )
            | (Expected::Example, ScalarKind::Text | ScalarKind::Integer(_) | ScalarKind::Decimal(_)) => {}
            (Expected::Word(words), ScalarKind::Text) => {
                if !words.contains(&scalar.text.as_str()) {
                    let message = format!("unknown value `{}`", scalar.text);
                    let finding = Finding::error(Code::UnknownValue, at.clone(), message);
                    self.findings.push(finding.help(help::for_word(&scalar.text, words)));
                }
            }
            (&Expected::Integer { minimum, maximum }, ScalarKind::Integer(value)) => {
                if !(minimum..=maximum).contains(&value) {
                    let message = format!("{value} is not between {minimum} and {maximum}");
                    self.findings.push(Finding::error(Code::OutOfRange, at.clone(), message));
                }
            }
            _ => self.wrong_type(at, node, expected),
        }
    }

    fn record(&mut self, at: &Place, entries: &[Entry], properties: &Map<String, Value>, required: &[&str]) {
        self.duplicates(at, entries);
        let known: Vec<&str> = properties.keys().map(String::as_str).collect();
        let present: BTreeSet<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
        let mut meant = BTreeSet::new();
        for entry in entries {
            if let Some(schema) = properties.get(&entry.key) {
                self.value(&at.key(&entry.key), &entry.value, schema);
            } else if entry.key == "<<" {
                self.merge_key(at);
            } else {
                let is_shown = self.findings.len() < SHOWN_AT_MOST;
                let near = is_shown.then(|| nearest_key(&entry.key, &known, &present)).flatten();
                meant.extend(near);
                let message = format!("unknown key `{}`", entry.key);
                let finding = Finding::error(Code::UnknownKey, at.key(&entry.key).on_key(), message);
                self.findings.push(finding.help(help::for_key(near, &known)));
            }
        }
        for key in required {
            // A misspelt key is one slip, not two.
            if !present.contains(key) && !meant.contains(key) {
                let message = format!("missing key `{key}`");
                let finding = Finding::error(Code::MissingKey, at.key(key), message);
                self.findings.push(finding.help(help::for_missing(at, key)));
            }
        }
    }

    fn duplicates(&mut self, at: &Place, entries: &[Entry]) {
        let mut seen = BTreeSet::new();
        for entry in entries.iter().filter(|entry| entry.key != "<<") {
            if !seen.insert(&entry.key) {
                let message = format!("duplicate key `{}`", entry.key);
                let finding = Finding::error(Code::DuplicateKey, at.key(&entry.key).on_key(), message);
                self.findings.push(finding.help("remove one of them"));
            }
        }
    }

    fn merge_key(&mut self, at: &Place) {
        let message = "`<<` must name a mapping or a list of mappings, and only once";
        let finding = Finding::error(Code::MergeKey, at.key("<<").on_key(), message);
        self.findings.push(finding.help("write `<<: *name`, or `<<: [*first, *second]` for several"));
    }

    fn wrong_type(&mut self, at: &Place, node: &Node, expected: &Expected<'_>) {
        let (code, message) = if node.is_null() {
            (Code::EmptyValue, format!("missing value: expected {}", expected.name()))
        } else {
            (Code::WrongType, format!("expected {}, found {}", expected.name(), found(node)))
        };
        let finding = Finding::error(code, at.clone(), message);
        self.findings.push(finding.optional_help(help::for_type(node, expected).map(Into::into)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A schema that the walk does not understand would silently go unchecked.
    #[test]
    fn the_walk_understands_every_part_of_the_schema() {
        fn understand(schema: &Value, path: &str) -> usize {
            let (expected, _) = Expected::read(schema).unwrap_or_else(|| panic!("{path}: {schema}"));
            1 + match expected {
                Expected::Record { properties, .. }
                | Expected::TextOrRecord { properties, .. }
                | Expected::BooleanTextOrRecord { properties, .. } => {
                    assert_eq!(schema["additionalProperties"], false, "{path}");
                    properties.iter().map(|(key, schema)| understand(schema, &format!("{path}.{key}"))).sum()
                }
                Expected::Names(schema) | Expected::List(schema) | Expected::BooleanOrList(schema) => {
                    understand(schema, &format!("{path}.*"))
                }
                _ => 0,
            }
        }
        assert!(understand(&super::super::format::schema(), "") > 40);
    }
}
