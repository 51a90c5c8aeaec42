//! From a path in a document to the bytes of its text: for the line of a finding, and for rewriting one value and nothing
//! else.
//!
//! This module only computes ranges. It knows no format, and writes nothing.

use std::ops::Range;

use super::Document;
use super::node::Node;
use super::outline::{Form, MarkId};
use super::yaml::lexical::gap;
use crate::finding::{DocumentPath, Step};

/// Where an entry of a mapping or an item of a list is written: ranges of bytes in [`Document::text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::definition) struct Spans {
    /// The key, with its quotes. Nothing for an item of a list and for the whole document.
    pub(in crate::definition) key: Option<Range<usize>>,
    /// The value, with its tag and anchor, without a comment after it. An alias is its own value: `*name`. An absent value is
    /// an empty range at the place where one may be written.
    pub(in crate::definition) value: Range<usize>,
    /// All of it: from the key, the `?` in front of it, or the `-` of an item, to the end of the value. Items in brackets
    /// begin with their value. Commas, comments and line breaks around it are not in it.
    pub(in crate::definition) entry: Range<usize>,
    /// What must stand between the text before an absent value and a value that replaces it: `" "` after `key:`. Empty if
    /// there is a value.
    pub(in crate::definition) lead: String,
    /// The indentation of the mapping or list around it: the column of its first key or `-`, in characters from 0.
    pub(in crate::definition) indentation: usize,
    /// Whether it is in brackets or braces, as in JSON, where indentation means nothing and commas separate entries.
    pub(in crate::definition) is_flow: bool,
    /// Whether the path leads through an alias or a merge key, so that it is written elsewhere. It must not be edited there:
    /// that would change other values too.
    pub(in crate::definition) is_shared: bool,
    /// Whether an alias elsewhere names the value or one around it, so that an edit changes what the alias stands for too.
    pub(in crate::definition) is_repeated: bool,
}

/// Where a path ends, as far as the document has it.
struct Target<'d> {
    node: &'d Node,
    /// The last key, if the last step is one.
    key: Option<MarkId>,
    value: MarkId,
    is_shared: bool,
    is_complete: bool,
}

impl Document {
    /// Where the value at a path is written. Nothing if the document has no such value.
    ///
    /// Of duplicate keys, the last one counts.
    pub(in crate::definition) fn spans(&self, path: &DocumentPath) -> Option<Spans> {
        let Target { key, value, is_shared, is_complete, .. } = self.target(path);
        let text = self.text.as_str();
        let value_range = self.outline.range(value).filter(|_| is_complete)?;
        let Some((parent, before)) = self.outline.container(key.unwrap_or(value)) else {
            return Some(Spans {
                key: None,
                entry: value_range.clone(),
                lead: Self::lead(None, &value_range, 0),
                value: value_range,
                indentation: 0,
                is_flow: false,
                is_shared,
                is_repeated: self.outline.is_repeated(value),
            });
        };
        let key = match key {
            Some(key) => Some(self.outline.range(key)?),
            None => None,
        };
        let is_flow = self.outline.form(parent)? != Form::Block;
        let opening = self.opening(parent)?;
        let start = self.entry_start(parent, before)?;
        let line_start = text.get(..opening)?.rfind(['\r', '\n']).map_or(0, |end| end + 1);
        let indentation = text.get(line_start..opening)?.chars().count();
        Some(Spans {
            lead: Self::lead(
                key.as_ref().filter(|_| !is_flow).map(|_| indentation),
                &value_range,
                key.as_ref().map_or(0, |key| key.end),
            ),
            entry: start..value_range.end,
            key,
            value: value_range,
            indentation,
            is_flow,
            is_shared,
            is_repeated: self.outline.is_repeated(value),
        })
    }

    /// The byte that a path leads to, for a person who looks for it.
    ///
    /// A path that the text does not have, such as a missing key, leads to the nearest key above it, and one through an alias
    /// or a merge key to where the anchor is.
    pub(super) fn nearest(&self, path: &DocumentPath) -> usize {
        let Target { node, key, value, is_complete, .. } = self.target(path);
        // An absent value has no position; its key has one.
        let on_key = !is_complete || path.is_on_key() || node.is_null();
        let mark = key.filter(|_| on_key).unwrap_or_else(|| self.outline.resolve(value));
        // A text of comments alone has no marks.
        self.outline.range(mark).map_or(0, |range| range.start)
    }

    fn target(&self, path: &DocumentPath) -> Target<'_> {
        let mut target =
            Target { node: &self.root, key: None, value: MarkId::ROOT, is_shared: false, is_complete: true };
        for step in path.steps() {
            let parent = self.outline.resolve(target.value);
            target.is_shared |= parent != target.value;
            let next = match (step, target.node.untagged()) {
                (Step::Key(key), Node::Mapping(entries)) => {
                    entries.iter().rfind(|entry| entry.key == *key).map(|entry| {
                        target.is_shared |= entry.is_merged;
                        (&entry.value, Some(entry.mark), entry.mark.value_of_key())
                    })
                }
                (Step::Index(index), Node::List(items)) => items
                    .get(*index)
                    .zip(self.outline.children(parent).nth(*index))
                    .map(|(item, mark)| (item, None, mark)),
                _ => None,
            };
            let Some((node, key, value)) = next else {
                target.is_complete = false;
                return target;
            };
            (target.node, target.key, target.value) = (node, key, value);
        }
        target
    }

    /// The value at a path. Nothing if the document has no such value.
    pub(in crate::definition) fn value(&self, path: &DocumentPath) -> Option<&Node> {
        let target = self.target(path);
        target.is_complete.then_some(target.node)
    }

    /// The mark of the value at a path, not followed if it is an alias.
    pub(super) fn mark(&self, path: &DocumentPath) -> Option<MarkId> {
        let target = self.target(path);
        target.is_complete.then_some(target.value)
    }

    /// Where an entry or item begins that follows another one in a list or mapping, or is its first one.
    pub(super) fn entry_start(&self, parent: MarkId, before: Option<MarkId>) -> Option<usize> {
        let start = match before {
            Some(before) => gap(&self.text, self.outline.range(before)?.end),
            None => self.opening(parent)?,
        };
        let is_flow = self.outline.form(parent)? != Form::Block;
        Some(match self.text.as_bytes().get(start) {
            Some(b',') if is_flow => gap(&self.text, start + 1),
            _ => start,
        })
    }

    /// Where the first entry of a list or mapping begins.
    pub(super) fn opening(&self, parent: MarkId) -> Option<usize> {
        let content = self.outline.content(parent)?;
        let is_bracket = self.outline.form(parent)? == Form::Flow;
        Some(if is_bracket { gap(&self.text, content + 1) } else { content })
    }

    /// What a new value needs before it in place of an absent one. A key without a colon needs that too, in block style on
    /// a line of its own.
    fn lead(block_indentation: Option<usize>, value: &Range<usize>, key_end: usize) -> String {
        if !value.is_empty() || value.start == 0 {
            String::new()
        } else if value.start != key_end {
            " ".to_owned()
        } else {
            block_indentation.map_or_else(|| ": ".to_owned(), |spaces| format!("\n{}: ", " ".repeat(spaces)))
        }
    }
}
