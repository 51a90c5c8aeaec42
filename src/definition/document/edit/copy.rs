//! Copies the text of a value to another place: at another indentation, and without the anchors in it, which must not be
//! defined twice.

use std::ops::Range;

use super::EditError;
use super::change::NewValue;
use super::lines::{line_break, line_end, line_start};
use super::render::Style;
use super::text_edits::TextEdits;
use crate::definition::document::Document;
use crate::definition::document::node::{Node, Scalar, ScalarKind};
use crate::definition::document::outline::{Form, MarkId};
use crate::definition::document::spans::Spans;
use crate::finding::Place;

impl Document {
    /// The value of an entry with what is between its key's colon and it, for a key at this indentation.
    pub(super) fn copy_to_block(&self, source: &Place, indentation: usize) -> Result<String, EditError> {
        let internal = || EditError::Internal { place: source.clone() };
        let Spans { key, value, is_flow, indentation: own, .. } =
            self.spans(source.path()).ok_or_else(internal)?;
        let mark = self.mark(source.path()).ok_or_else(internal)?;
        if is_flow {
            return Ok(format!(" {}", on_one_line(&self.without_anchors(value, mark).ok_or_else(internal)?)));
        }
        let colon = key.ok_or_else(internal)?.end;
        let between = self.text.get(colon..value.start).ok_or_else(internal)?;
        let at = between.find(':').ok_or_else(internal)?;
        let text = self.without_anchors(colon + at + 1..value.end, mark).ok_or_else(internal)?;
        Ok(moved(text.trim_end_matches(' '), own, indentation))
    }

    /// The value of an entry for a mapping in braces.
    pub(super) fn copy_to_flow(&self, source: &Place, style: &Style) -> Result<String, EditError> {
        let internal = || EditError::Internal { place: source.clone() };
        let Spans { value, is_flow, indentation: own, .. } =
            self.spans(source.path()).ok_or_else(internal)?;
        let mark = self.mark(source.path()).ok_or_else(internal)?;
        match self.value(source.path()).ok_or_else(internal)? {
            Node::Scalar(Scalar { kind: ScalarKind::Text, text }) if !is_flow => {
                return self.render_flow_value(&NewValue::Text(text.clone()), style);
            }
            node if !is_flow => {
                let is_block = matches!(node.untagged(), Node::List(_) | Node::Mapping(_))
                    && self.outline.form(mark) == Some(Form::Block);
                let written = self.text.get(value.clone()).unwrap_or_default();
                if is_block
                    || written.contains(['\n', '"', '\'']) && matches!(node.untagged(), Node::Scalar(_))
                {
                    let why = "it is to be copied into braces, where indentation has no meaning";
                    return Err(EditError::not_editable(source, why));
                }
            }
            _ => {}
        }
        let text = self.without_anchors(value, mark).ok_or_else(internal)?;
        Ok(match style.indentation {
            Some(to) => moved(&text, own, to),
            None => on_one_line(&text),
        })
    }

    /// The text of a range without the anchors of a value and of what is in it.
    pub(super) fn without_anchors(&self, range: Range<usize>, mark: MarkId) -> Option<String> {
        let mut edits = TextEdits::default();
        for inner in self.outline.within(mark) {
            let start = self.outline.range(inner)?.start;
            let content = self.outline.content(inner)?;
            let properties = self.text.get(start..content)?;
            let mut at = 0;
            while let Some(found) = properties.get(at..).and_then(|rest| rest.find('&')) {
                let anchor = at + found;
                let rest = properties.get(anchor..)?;
                let name = rest.find([' ', '\t', '\r', '\n']).unwrap_or(rest.len());
                let space = usize::from(rest.get(name..).is_some_and(|rest| rest.starts_with(' ')));
                let end = anchor + name + space;
                let before = properties.get(..anchor)?;
                let is_anchor = before.is_empty() || before.ends_with([' ', '\n', '\r', '\t']);
                if is_anchor && range.start <= start + anchor {
                    let ends_line = space == 0 && self.text.get(..start + anchor)?.ends_with(' ');
                    let space_before = usize::from(ends_line && range.start < start + anchor);
                    edits.remove(start + anchor - space_before..start + end);
                }
                at = end;
            }
        }
        let prefix = self.text.get(..range.end)?;
        edits.apply(prefix)?.get(range.start..).map(str::to_owned)
    }

    /// Replaces the value at a place.
    pub(super) fn write_value(
        &self,
        place: &Place,
        value: &super::NewValue,
        edits: &mut TextEdits,
    ) -> Result<(), EditError> {
        let internal = || EditError::Internal { place: place.clone() };
        let Spans { key, value: range, lead, is_flow, indentation, .. } =
            self.spans(place.path()).ok_or_else(internal)?;
        if is_flow {
            let style = match place.parent() {
                Some(parent) => self.flow_style(&self.own_entries(&parent)?),
                None => return Err(internal()),
            };
            let new = self.render_flow_value(value, &style)?;
            edits.replace(range, format!("{lead}{new}"));
            return Ok(());
        }
        match value {
            super::NewValue::Map(entries) => {
                let inner = self.block_style(indentation).inner();
                let new = self.render_block_entries(entries, &inner)?;
                let end = line_end(&self.text, range.end);
                let before = self.text.get(..range.start).unwrap_or_default().trim_end_matches(' ').len();
                let is_last = self.text.get(range.end..end).is_some_and(|rest| rest.trim().is_empty());
                edits.remove(if is_last { before } else { range.start }..range.end);
                edits.insert(end, format!("{}{}{new}", line_break(&self.text), inner.pad()));
            }
            other => {
                let new = self
                    .render_flow_value(other, &Style::flow(None, 2, line_break(&self.text), false, ": "))?;
                let colon = key.map_or(range.start, |key| key.end);
                let between = self.text.get(colon..range.start).unwrap_or_default();
                match between.find(':').filter(|_| between.contains('\n')) {
                    Some(at) => edits.replace(colon + at + 1..range.end, format!(" {new}")),
                    None => edits.replace(range, format!("{lead}{new}")),
                }
            }
        }
        Ok(())
    }

    /// Copies the items of a list before those of another one.
    pub(super) fn write_items(
        &self,
        list: &Place,
        source: &Place,
        edits: &mut TextEdits,
    ) -> Result<(), EditError> {
        let internal = || EditError::Internal { place: list.clone() };
        let (mark, from) =
            (self.mark(list.path()).ok_or_else(internal)?, self.mark(source.path()).ok_or_else(internal)?);
        let items: Vec<_> = self.outline.children(from).collect();
        let is_flow = self.outline.form(mark) != Some(Form::Block);
        let is_from_flow = self.outline.form(from) != Some(Form::Block);
        let opening = self.opening(mark).ok_or_else(internal)?;
        let is_empty = self.outline.children(mark).next().is_none();
        let mut written = Vec::with_capacity(items.len());
        for item in items {
            let range = self.outline.range(item).ok_or_else(internal)?;
            let mut text = self.without_anchors(range.clone(), item).ok_or_else(internal)?;
            if is_from_flow {
                text = on_one_line(&text);
            } else if is_flow && (text.contains(['\n', '#']) || self.outline.form(item) == Some(Form::Block))
            {
                let why = "it is to be copied into brackets, where indentation has no meaning";
                return Err(EditError::not_editable(source, why));
            } else {
                text = moved(&text, self.column(range.start), self.column(opening) + 2);
            }
            written.push(text);
        }
        let line_break = line_break(&self.text);
        if is_flow {
            let start = line_start(&self.text, opening);
            let is_on_own_line = self.text.get(start..opening).is_some_and(|before| before.trim().is_empty());
            let separator = if is_on_own_line {
                format!(",{line_break}{}", " ".repeat(self.column(opening)))
            } else {
                ", ".to_owned()
            };
            let end = if is_empty { "" } else { separator.as_str() };
            edits.insert(opening, format!("{}{end}", written.join(&separator)));
        } else {
            let pad = " ".repeat(self.column(opening));
            let lines: Vec<_> = written.iter().map(|item| format!("- {item}{line_break}{pad}")).collect();
            edits.insert(opening, lines.concat());
        }
        Ok(())
    }
}

/// A text whose lines after the first one are moved from one column to another.
pub(super) fn moved(text: &str, from: usize, to: usize) -> String {
    let mut lines = text.split('\n');
    let mut result = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        result.push('\n');
        if line.trim().is_empty() {
            result.push_str(line);
        } else if to >= from {
            result.push_str(&" ".repeat(to - from));
            result.push_str(line);
        } else {
            let spaces = line.len() - line.trim_start_matches(' ').len();
            result.push_str(line.get(spaces.min(from - to)..).unwrap_or_default());
        }
    }
    result
}

/// A text in brackets whose line breaks are spaces, unless it has comments.
fn on_one_line(text: &str) -> String {
    if !text.contains('\n') || text.contains('#') {
        return text.to_owned();
    }
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
