//! JSON: from a text to a [`Node`], and from a path in it to a line.
//!
//! YAML readers accept most JSON, but not all of it: surrogate pairs in escapes, for one.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::node::{Entry, Node, Scalar, ScalarKind};
use super::{Position, Syntax};

/// How deep values may be nested. Each level is read once more for its values, so the limit bounds the work too.
const DEPTH_LIMIT: usize = 32;

/// Reads a text as one document.
pub(super) fn parse(text: &str) -> Result<Node, Syntax> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| syntax(&error))?;
    read(raw, DEPTH_LIMIT).map_err(|error| match error {
        Fault::Json(error) => syntax(&error),
        Fault::TooDeep => Syntax::too_deep(DEPTH_LIMIT),
    })
}

/// The position in the text of the value that the steps lead to, or of its key.
pub(super) fn locate(text: &str, steps: &[usize], on_key: bool) -> Option<Position> {
    let mut value: &RawValue = serde_json::from_str(text).ok()?;
    let mut key = None;
    for step in steps {
        (key, value) = match kind(value) {
            Kind::Object => {
                let Members(members) = serde_json::from_str(value.get()).ok()?;
                let (_, member) = members.get(*step)?;
                // The key is the first string after the member before it.
                let before =
                    step.checked_sub(1).map_or(offset(text, value) + 1, |last| end(text, members[last].1));
                let quote = text.get(before..offset(text, member))?.find('"')?;
                (Some(before + quote), *member)
            }
            Kind::Array => (None, *serde_json::from_str::<Vec<&RawValue>>(value.get()).ok()?.get(*step)?),
            _ => return None,
        };
    }
    let at = key.filter(|_| on_key).unwrap_or_else(|| offset(text, value));
    let before = text.get(..at)?;
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Some(Position {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    })
}

/// Where a value begins in the text that it borrows from, in bytes.
fn offset(text: &str, value: &RawValue) -> usize {
    value.get().as_ptr().addr() - text.as_ptr().addr()
}

/// Where a value ends in the text that it borrows from, in bytes.
fn end(text: &str, value: &RawValue) -> usize {
    offset(text, value) + value.get().len()
}

enum Fault {
    Json(serde_json::Error),
    TooDeep,
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

fn syntax(error: &serde_json::Error) -> Syntax {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let message =
        message.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&message).to_owned();
    Syntax { position: Some(Position { line, column }), message, help: None }
}

/// What a value is, by its first character (RFC 8259, section 3).
enum Kind {
    Object,
    Array,
    Text,
    Boolean(bool),
    Null,
    Number,
}

fn kind(raw: &RawValue) -> Kind {
    match raw.get().as_bytes().first() {
        Some(b'{') => Kind::Object,
        Some(b'[') => Kind::Array,
        Some(b'"') => Kind::Text,
        Some(b't') => Kind::Boolean(true),
        Some(b'f') => Kind::Boolean(false),
        Some(b'n') => Kind::Null,
        _ => Kind::Number,
    }
}

fn read(raw: &RawValue, depth: usize) -> Result<Node, Fault> {
    let deeper = depth.checked_sub(1).ok_or(Fault::TooDeep);
    let text = raw.get();
    let scalar = |kind, text: &str| Node::Scalar(Scalar { kind, text: text.to_owned() });
    Ok(match kind(raw) {
        Kind::Object => {
            let (Members(members), depth) = (serde_json::from_str(text)?, deeper?);
            let entries = members.into_iter().enumerate().map(|(position, (key, value))| {
                Ok(Entry { key, value: read(value, depth)?, steps: vec![position] })
            });
            Node::Mapping(entries.collect::<Result<_, Fault>>()?)
        }
        Kind::Array => {
            let (items, depth) = (serde_json::from_str::<Vec<&RawValue>>(text)?, deeper?);
            Node::List(items.into_iter().map(|item| read(item, depth)).collect::<Result<_, _>>()?)
        }
        Kind::Text => scalar(ScalarKind::Text, &serde_json::from_str::<String>(text)?),
        Kind::Boolean(value) => scalar(ScalarKind::Boolean(value), text),
        Kind::Null => Node::NULL,
        Kind::Number => match text.parse() {
            Ok(number) => scalar(ScalarKind::Integer(number), text),
            Err(_) => scalar(ScalarKind::Decimal(serde_json::from_str(text)?), text),
        },
    })
}

/// The members of an object in order, duplicates included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}
