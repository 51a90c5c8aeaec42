//! Entries in brackets: commas, and lines where entries have their own.

use std::ops::Range;

use super::EditError;
use super::change::{NewValue, Position};
use super::entries::OwnEntries;
use super::lines::{line_break, line_start, next_line};
use super::render::Style;
use super::text_edits::TextEdits;
use crate::definition::document::yaml::lexical::gap;
use crate::definition::document::{Document, Language};
use crate::finding::Place;

impl Document {
    /// Removes and adds entries of a mapping in braces.
    pub(super) fn write_flow(
        &self,
        place: &Place,
        own: &OwnEntries,
        removed: &[usize],
        added: &[(String, NewValue)],
        position: &Position,
        edits: &mut TextEdits,
    ) -> Result<(), EditError> {
        let internal = || EditError::Internal { place: place.clone() };
        let style = self.flow_style(own);
        let text = self.render_flow_entries(added, &style)?;
        let replaced = match position {
            Position::FirstRemoved if !added.is_empty() => removed.first().copied(),
            _ => None,
        };
        let is_removed = |number: usize| removed.contains(&number) && replaced != Some(number);
        if let Some(entry) = replaced.and_then(|number| own.entries.get(number)) {
            edits.replace(entry.range.clone(), text.as_str());
        }
        self.remove_flow_entries(own, is_removed, edits);
        match position {
            _ if added.is_empty() || replaced.is_some() => {}
            Position::FirstRemoved => {
                if let Some(first) = own.entries.first() {
                    edits.insert(first.range.start, format!("{text}{}", style.separator()));
                } else {
                    edits.replace(own.range.start + 1..own.range.end.saturating_sub(1), text);
                }
            }
            Position::After(key) => {
                let number = own.numbers(place, std::slice::from_ref(key))?;
                let entry =
                    number.first().and_then(|number| own.entries.get(*number)).ok_or_else(internal)?;
                edits.insert(entry.range.end, format!("{}{text}", style.separator()));
            }
        }
        Ok(())
    }

    fn remove_flow_entries(
        &self,
        own: &OwnEntries,
        is_removed: impl Fn(usize) -> bool,
        edits: &mut TextEdits,
    ) {
        let last_kept = (0..own.entries.len()).rev().find(|number| !is_removed(*number));
        let mut comma_goes = false;
        for (number, entry) in own.entries.iter().enumerate().filter(|(number, _)| is_removed(*number)) {
            let (end, has_comma) = self.after_comma(entry.range.end);
            comma_goes |= last_kept.is_some_and(|kept| kept < number) && !has_comma;
            if let Some(lines) = self.own_lines(&(entry.range.start..end)) {
                edits.remove(lines);
            } else if let Some(next) = own.entries.get(number + 1) {
                edits.remove(entry.range.start..next.range.start);
            } else {
                let before = number.checked_sub(1).and_then(|before| own.entries.get(before));
                let start = before.map_or(entry.range.start, |before| before.range.end);
                edits.remove(start..entry.range.end);
            }
        }
        if comma_goes && let Some(kept) = last_kept.and_then(|kept| own.entries.get(kept)) {
            let (end, has_comma) = self.after_comma(kept.range.end);
            if has_comma {
                edits.remove(end - 1..end);
            }
        }
    }

    /// The position after the comma that follows, and whether there is one.
    fn after_comma(&self, end: usize) -> (usize, bool) {
        let comma = gap(&self.text, end);
        if self.text.as_bytes().get(comma) == Some(&b',') { (comma + 1, true) } else { (end, false) }
    }

    /// The lines of a range if nothing but comments is on them.
    fn own_lines(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let start = line_start(&self.text, range.start);
        let next = next_line(&self.text, range.end);
        let rest = self.text.get(range.end..next)?;
        let is_own = self.text.get(start..range.start)?.trim().is_empty()
            && rest.ends_with('\n')
            && (rest.trim().is_empty() || rest.trim_start().starts_with('#'));
        is_own.then_some(start..next)
    }

    /// How the entries of a mapping are written.
    pub(super) fn flow_style(&self, own: &OwnEntries) -> Style {
        let Some(first) = own.entries.first() else {
            let is_json = Language::of(self.file()) == Language::Json;
            return Style::flow(None, 2, line_break(&self.text), is_json, ": ");
        };
        let key = self.text.get(first.key_range.clone()).unwrap_or_default();
        let opening = self.text.get(own.range.start..first.range.start).unwrap_or_default();
        let after_key = self.text.get(first.key_range.end..).unwrap_or_default();
        let is_quoted = key.starts_with('"');
        let colon =
            if is_quoted && after_key.starts_with(':') && !after_key[1..].starts_with([' ', '\n', '\r']) {
                ":"
            } else {
                ": "
            };
        let has_lines = opening.contains('\n');
        let start = line_start(&self.text, own.range.start);
        let line = self.text.get(start..).unwrap_or_default();
        let outer = line.len() - line.trim_start_matches(' ').len();
        let step = own.indentation.checked_sub(outer).filter(|step| *step > 0).unwrap_or(2);
        let indentation = has_lines.then_some(own.indentation);
        Style::flow(indentation, step, line_break(&self.text), is_quoted, colon)
    }
}
