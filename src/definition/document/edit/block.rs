//! Entries by indentation: which lines belong to one, and where new lines come.
//!
//! A removed entry takes a comment at the end of its line with it, and the comment lines directly above it, at its own
//! indentation, unless they head a group that stays: comments at the beginning of a mapping or after a blank line, with an
//! entry that stays directly below the removed ones.

use std::ops::Range;

use super::EditError;
use super::change::{NewValue, Position};
use super::entries::OwnEntries;
use super::lines::{is_blank, line, line_break, line_end, line_start, next_line, previous_line};
use super::render::Style;
use super::text_edits::TextEdits;
use crate::definition::document::Document;
use crate::definition::document::outline::Form;
use crate::finding::Place;

impl Document {
    /// Removes and adds entries of a mapping by indentation.
    pub(super) fn write_block(
        &self,
        place: &Place,
        own: &OwnEntries,
        removed: &[usize],
        added: &[(String, NewValue)],
        position: &Position,
        edits: &mut TextEdits,
    ) -> Result<(), EditError> {
        let first = removed.first().copied();
        let style = self.block_style(own.indentation);
        let lines = if added.is_empty() { String::new() } else { self.render_block_entries(added, &style)? };
        let replaced = match position {
            Position::FirstRemoved => first,
            Position::After(_) => None,
        };
        for number in removed {
            let new = if replaced == Some(*number) { lines.as_str() } else { "" };
            self.remove_block_entry(place, own, removed, *number, new, edits)?;
        }
        match position {
            _ if added.is_empty() => {}
            Position::FirstRemoved if first.is_some() => {}
            Position::FirstRemoved => {
                let Some(entry) = own.entries.first() else {
                    return Err(EditError::Internal { place: place.clone() });
                };
                let end_of_line = line_break(self.text());
                if self.begins_line(entry.range.start) {
                    let at = line_start(self.text(), entry.range.start);
                    let at = self.comments_above(own, at).map_or(at, |comments| comments.start);
                    edits.insert(at, format!("{}{lines}{end_of_line}", style.pad()));
                } else {
                    edits.insert(entry.range.start, format!("{lines}{end_of_line}{}", style.pad()));
                }
            }
            Position::After(key) => {
                let number = own.numbers(place, std::slice::from_ref(key))?;
                let Some(entry) = number.first().and_then(|number| own.entries.get(*number)) else {
                    return Err(EditError::Internal { place: place.clone() });
                };
                let at = line_end(self.text(), entry.range.end);
                edits.insert(at, format!("{}{}{lines}", line_break(self.text()), style.pad()));
            }
        }
        Ok(())
    }

    /// How entries are written that come to this column.
    pub(super) fn block_style(&self, indentation: usize) -> Style {
        Style::block(indentation, self.step(), line_break(self.text()))
    }

    /// By how much the document indents: what the first mapping in a mapping has.
    fn step(&self) -> usize {
        let root = crate::definition::document::outline::MarkId::ROOT;
        let columns = |parent| {
            self.opening(parent)
                .filter(|_| self.outline.form(parent) != Some(Form::Scalar))
                .map(|at| self.column(at))
        };
        let inner =
            self.outline.children(root).filter(|child| self.outline.form(*child) == Some(Form::Block));
        let steps = inner.filter_map(|child| Some(columns(child)?.saturating_sub(columns(root)?)));
        steps.into_iter().find(|step| *step > 0).unwrap_or(2)
    }

    /// Whether only spaces are before a position on its line.
    pub(super) fn begins_line(&self, at: usize) -> bool {
        let start = line_start(&self.text, at);
        self.text.get(start..at).is_some_and(|before| {
            before
                .trim_start_matches(crate::definition::document::BYTE_ORDER_MARK)
                .trim_matches(' ')
                .is_empty()
        })
    }

    fn remove_block_entry(
        &self,
        place: &Place,
        own: &OwnEntries,
        removed: &[usize],
        number: usize,
        new: &str,
        edits: &mut TextEdits,
    ) -> Result<(), EditError> {
        let internal = || EditError::Internal { place: place.clone() };
        let entry = own.entries.get(number).ok_or_else(internal)?;
        let text = self.text();
        if !self.begins_line(entry.range.start) {
            if new.is_empty() {
                let kept = (number..own.entries.len()).find(|number| !removed.contains(number));
                let next = kept.and_then(|kept| own.entries.get(kept)).ok_or_else(internal)?;
                edits.remove(entry.range.start..next.range.start);
            } else {
                edits.replace(entry.range.clone(), new);
            }
            return Ok(());
        }
        let start = line_start(text, entry.range.start);
        let mut range = start..next_line(text, entry.range.end);
        if let Some(comments) = self
            .comments_above(own, start)
            .filter(|above| !above.is_heading || !self.is_followed_by_kept(own, removed, number))
        {
            range.start = comments.start;
        }
        if new.is_empty() {
            edits.remove(self.with_blank_lines(range));
        } else {
            let pad = " ".repeat(own.indentation);
            let mark = if start == 0 && text.starts_with(crate::definition::document::BYTE_ORDER_MARK) {
                crate::definition::document::BYTE_ORDER_MARK.to_string()
            } else {
                String::new()
            };
            let end = line_end(text, entry.range.end).max(entry.range.end);
            edits.replace(range.start..end, format!("{mark}{pad}{new}"));
        }
        Ok(())
    }

    /// What is removed between two blank lines takes those after it.
    fn with_blank_lines(&self, mut range: Range<usize>) -> Range<usize> {
        let text = self.text();
        let before = previous_line(text, range.start);
        if before.is_some_and(|start| is_blank(line(text, start))) {
            while line(text, range.end).is_some_and(|line| line.trim().is_empty()) {
                range.end = next_line(text, range.end);
            }
        }
        range
    }

    /// Whether an entry that stays is on the line below the removed entries that begin with this one.
    fn is_followed_by_kept(&self, own: &OwnEntries, removed: &[usize], number: usize) -> bool {
        let mut last = number;
        loop {
            let Some((entry, next)) = own.entries.get(last).zip(own.entries.get(last + 1)) else {
                return false;
            };
            let below = next_line(self.text(), entry.range.end);
            if line_start(self.text(), next.range.start) != below {
                return false;
            }
            if !removed.contains(&(last + 1)) {
                return true;
            }
            last += 1;
        }
    }

    /// The comment lines directly above the line that begins here, if they are at the entries' own indentation.
    fn comments_above(&self, own: &OwnEntries, start: usize) -> Option<Comments> {
        let text = self.text();
        let mut first = start;
        let is_comment = |line: &str| {
            let indentation = line.len() - line.trim_start_matches(' ').len();
            indentation == own.indentation && line[indentation..].starts_with('#')
        };
        while let Some(above) = previous_line(text, first)
            && line(text, above).is_some_and(is_comment)
        {
            first = above;
        }
        let above = previous_line(text, first);
        let is_first = own.entries.first().is_some_and(|entry| first <= entry.range.start);
        let is_heading = is_first || is_blank(above.and_then(|start| line(text, start)));
        (first != start).then_some(Comments { start: first, is_heading })
    }
}

/// The comment lines above an entry.
struct Comments {
    start: usize,
    /// Whether they may be about several entries.
    is_heading: bool,
}
