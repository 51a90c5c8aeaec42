//! JSON: from a text to a [`Node`] and the marks of everything in it.
//!
//! YAML readers accept most JSON, but not all of it: surrogate pairs in escapes, for one. `serde_json` decides what is JSON;
//! the reader here only walks through a text that it has accepted, once.

use serde::de::IgnoredAny;

use super::node::{Entry, Node, Scalar, ScalarKind};
use super::outline::{Form, MarkId, Outline};
use super::{BYTE_ORDER_MARK, Position, Syntax};
use crate::text::NESTING_AT_MOST;

/// Reads a text as one document.
pub(super) fn parse(text: &str) -> Result<(Node, Outline), Syntax> {
    let json = text.trim_start_matches(BYTE_ORDER_MARK);
    if let Err(error) = serde_json::from_str::<IgnoredAny>(json) {
        return Err(syntax(&error, json));
    }
    let mut reader = Reader { text, at: text.len() - json.len(), outline: Outline::default() };
    let (root, _) = reader.value(NESTING_AT_MOST)?;
    Ok((root, reader.outline))
}

fn syntax(error: &serde_json::Error, text: &str) -> Syntax {
    let (line, bytes) = (error.line(), error.column());
    let message = error.to_string();
    let message = message.strip_suffix(&format!(" at line {line} column {bytes}")).unwrap_or(&message);
    let before =
        text.lines().nth(line.saturating_sub(1)).and_then(|line| line.get(..bytes.saturating_sub(1)));
    let column = before.map_or(bytes, |before| before.chars().count() + 1);
    let position = Some(Position { line, column });
    if message == "recursion limit exceeded" {
        return Syntax { position, ..Syntax::too_deep(NESTING_AT_MOST) };
    }
    Syntax { position, message: message.to_owned(), help: None }
}

/// Walks through a valid text. What is missing anyway is read as nothing.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    outline: Outline,
}

impl Reader<'_> {
    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
        self.text.as_bytes().get(self.at).copied()
    }

    /// Goes past a byte if it is the next one.
    fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn value(&mut self, depth: usize) -> Result<(Node, MarkId), Syntax> {
        match self.peek() {
            Some(bracket @ (b'{' | b'[')) => {
                let start = self.at;
                let Some(depth) = depth.checked_sub(1) else {
                    let position = Some(Position::of(self.text, start));
                    return Err(Syntax { position, ..Syntax::too_deep(NESTING_AT_MOST) });
                };
                self.at += 1;
                let mark = self.outline.begin(start, start, Form::Flow);
                let node = if bracket == b'{' {
                    Node::Mapping(self.members(depth)?)
                } else {
                    Node::List(self.items(depth)?)
                };
                self.outline.end(mark, self.at);
                Ok((node, mark))
            }
            Some(b'"') => {
                let (text, mark) = self.string()?;
                Ok((Node::Scalar(Scalar { kind: ScalarKind::Text, text }), mark))
            }
            _ => self.literal(),
        }
    }

    /// The members of an object in order, duplicates included.
    fn members(&mut self, depth: usize) -> Result<Vec<Entry>, Syntax> {
        let mut members = Vec::new();
        while self.peek().is_some() && !self.skip(b'}') {
            let (key, mark) = self.string()?;
            self.skip(b':');
            let (value, _) = self.value(depth)?;
            members.push(Entry { key, value, mark, is_merged: false });
            self.skip(b',');
        }
        Ok(members)
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Node>, Syntax> {
        let mut items = Vec::new();
        while self.peek().is_some() && !self.skip(b']') {
            items.push(self.value(depth)?.0);
            self.skip(b',');
        }
        Ok(items)
    }

    fn string(&mut self) -> Result<(String, MarkId), Syntax> {
        self.peek();
        let start = self.at;
        let mut is_escaped = false;
        let inside = self.text.as_bytes().get(start + 1..).unwrap_or_default();
        let length = inside.iter().position(|byte| {
            let is_end = *byte == b'"' && !is_escaped;
            is_escaped = *byte == b'\\' && !is_escaped;
            is_end
        });
        self.at = length.map_or(self.text.len(), |length| start + length + 2);
        Ok((self.decode(start)?, self.scalar(start)))
    }

    /// The mark of the text from `start` to here.
    fn scalar(&mut self, start: usize) -> MarkId {
        let mark = self.outline.begin(start, start, Form::Scalar);
        self.outline.end(mark, self.at);
        mark
    }

    /// Reads the text from `start` to here as one string or number.
    fn decode<T: serde::de::DeserializeOwned>(&self, start: usize) -> Result<T, Syntax> {
        let written = self.text.get(start..self.at).unwrap_or_default();
        // Only what the check of the whole text does not look at fails: surrogates without their other half, and numbers
        // that are too large.
        serde_json::from_str(written).map_err(|error| Syntax {
            position: Some(Position::of(self.text, start)),
            ..syntax(&error, written)
        })
    }

    /// `true`, `false`, `null` or a number.
    fn literal(&mut self) -> Result<(Node, MarkId), Syntax> {
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        let is_end = |next: char| matches!(next, ',' | ']' | '}') || next.is_ascii_whitespace();
        let text = rest.split(is_end).next().unwrap_or_default();
        self.at += text.len();
        let kind = match text {
            "true" => ScalarKind::Boolean(true),
            "false" => ScalarKind::Boolean(false),
            "null" => ScalarKind::Null,
            number => match number.parse() {
                Ok(number) => ScalarKind::Integer(number),
                Err(_) => ScalarKind::Decimal(self.decode(start)?),
            },
        };
        let mark = self.scalar(start);
        let text = if kind == ScalarKind::Null { "" } else { text };
        Ok((Node::Scalar(Scalar { kind, text: text.to_owned() }), mark))
    }
}
