//! Values of keys by their types. What has another type, or cannot be resolved, is reported and counts as missing.

use super::variables::{Resolver, Value};
use crate::definition::document::{Scalar, ScalarKind};
use crate::definition::fields::Findings;
use crate::finding::{Code, Finding, Place};

/// A text and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) place: Place,
}

/// The value of a key; nothing, and a finding, if it cannot be resolved.
pub(super) fn get<'a>(
    resolver: &Resolver<'a>,
    owner: &Value<'a>,
    key: &str,
    findings: &mut Findings,
) -> Option<Value<'a>> {
    resolver.get(owner, key).unwrap_or_else(|unresolved| {
        findings.add(unresolved.finding());
        None
    })
}

/// The text under a key.
pub(super) fn text(
    resolver: &Resolver<'_>,
    owner: &Value<'_>,
    key: &str,
    findings: &mut Findings,
) -> Option<Text> {
    as_text(&get(resolver, owner, key, findings)?, key, findings)
}

/// A text, or a finding that it is none.
fn as_text(value: &Value<'_>, key: &str, findings: &mut Findings) -> Option<Text> {
    let text = value.text().map(|text| Text { text: text.to_owned(), place: value.place().clone() });
    if text.is_none() {
        let message = format!("`{key}` must be a text");
        findings.add(Finding::error(Code::WrongType, value.place().clone(), message));
    }
    text
}

/// The texts of a list under a key.
pub(super) fn texts(
    resolver: &Resolver<'_>,
    owner: &Value<'_>,
    key: &str,
    findings: &mut Findings,
) -> Vec<Text> {
    let Some(list) = get(resolver, owner, key, findings) else { return Vec::new() };
    let Some(items) = list.items() else {
        let message = format!("`{key}` must be a list of patterns");
        findings.add(Finding::error(Code::WrongType, list.place().clone(), message));
        return Vec::new();
    };
    let mut texts = Vec::new();
    for item in items {
        match resolver.resolve(&item) {
            Ok(item) => texts.extend(as_text(&item, key, findings)),
            Err(unresolved) => findings.add(unresolved.finding()),
        }
    }
    texts
}

/// The switch under a key.
pub(super) fn boolean(
    resolver: &Resolver<'_>,
    owner: &Value<'_>,
    key: &str,
    findings: &mut Findings,
) -> Option<bool> {
    let value = get(resolver, owner, key, findings)?;
    match value.scalar() {
        Some(Scalar { kind: ScalarKind::Boolean(boolean), .. }) => Some(*boolean),
        // What a variable of the environment or the command line resulted in.
        Some(Scalar { text, .. }) if text == "true" => Some(true),
        Some(Scalar { text, .. }) if text == "false" => Some(false),
        _ => {
            let message = format!("`{key}` must be `true` or `false`");
            findings.add(Finding::error(Code::WrongType, value.place().clone(), message));
            None
        }
    }
}
