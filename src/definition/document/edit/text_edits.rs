//! Ranges of a text with what replaces them.

use std::ops::Range;

/// Replacements that are applied together. They may share ends; only removals may overlap.
#[derive(Debug, Default)]
pub(super) struct TextEdits(Vec<(Range<usize>, String)>);

impl TextEdits {
    /// Replaces a range. The same replacement of the same range twice is one.
    pub(super) fn replace(&mut self, range: Range<usize>, text: impl Into<String>) {
        let edit = (range, text.into());
        if edit.0.is_empty() || !self.0.contains(&edit) {
            self.0.push(edit);
        }
    }

    /// Removes a range.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        self.replace(range, "");
    }

    /// Adds a text at a position.
    pub(super) fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.replace(at..at, text);
    }

    /// The new text; nothing if replacements overlap.
    pub(super) fn apply(mut self, text: &str) -> Option<String> {
        self.0.sort_by_key(|(range, _)| (range.start, range.end));
        let mut result = String::with_capacity(text.len());
        let mut at = 0;
        let mut is_removal = true;
        for (range, new) in self.0 {
            if range.start < at && !(is_removal && new.is_empty()) {
                return None;
            }
            is_removal = new.is_empty();
            if at < range.start {
                result.push_str(text.get(at..range.start)?);
            }
            result.push_str(&new);
            at = at.max(range.end);
        }
        result.push_str(text.get(at..)?);
        Some(result)
    }
}
