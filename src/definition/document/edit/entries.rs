//! The entries of a mapping as they are written, merge keys included.

use std::ops::Range;

use super::EditError;
use crate::definition::document::Document;
use crate::definition::document::node::Node;
use crate::definition::document::outline::Form;
use crate::finding::Place;

/// The entries that are written in one mapping.
pub(super) struct OwnEntries {
    form: Form,
    pub(super) entries: Vec<Written>,
    /// The range of the mapping without tag and anchor.
    pub(super) range: Range<usize>,
    /// The column of the first key.
    pub(super) indentation: usize,
}

/// One entry.
pub(super) struct Written {
    /// Its key; nothing for a merge key.
    pub(super) key: Option<String>,
    /// The key as it is written.
    pub(super) key_range: Range<usize>,
    /// All of it, from the key to the end of the value.
    pub(super) range: Range<usize>,
}

impl OwnEntries {
    pub(super) fn is_flow(&self) -> bool {
        self.form != Form::Block
    }

    /// The numbers of the entries with these keys.
    pub(super) fn numbers(&self, place: &Place, keys: &[String]) -> Result<Vec<usize>, EditError> {
        let mut numbers = Vec::with_capacity(keys.len());
        for key in keys {
            let mut same =
                self.entries.iter().enumerate().filter(|(_, entry)| entry.key.as_ref() == Some(key));
            match (same.next(), same.next()) {
                (Some((number, _)), None) => numbers.push(number),
                (_, Some(_)) => {
                    return Err(EditError::DuplicateKey { place: place.key(key).on_key() });
                }
                (None, _) => return Err(EditError::Internal { place: place.key(key) }),
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }
}

impl Document {
    /// The entries of the mapping at a place that is not shared.
    pub(super) fn own_entries(&self, place: &Place) -> Result<OwnEntries, EditError> {
        let missing = || EditError::Internal { place: place.clone() };
        let parent = self.mark(place.path()).ok_or_else(missing)?;
        let node = self.value(place.path()).ok_or_else(missing)?;
        let Node::Mapping(tree) = node.untagged() else { return Err(missing()) };
        let form = self.outline.form(parent).ok_or_else(missing)?;
        let content = self.outline.content(parent).ok_or_else(missing)?;
        let opening = self.opening(parent).ok_or_else(missing)?;
        let mut entries = Vec::new();
        let marks: Vec<_> = self.outline.children(parent).collect();
        let mut before = None;
        for pair in marks.chunks_exact(2) {
            let [key, value] = *pair else { return Err(missing()) };
            let start = self.entry_start(parent, before).ok_or_else(missing)?;
            let value_range = self.outline.range(value).ok_or_else(missing)?;
            entries.push(Written {
                key: tree
                    .iter()
                    .find(|entry| !entry.is_merged && entry.mark == key)
                    .map(|entry| entry.key.clone()),
                key_range: self.outline.range(key).ok_or_else(missing)?,
                range: start..value_range.end,
            });
            before = Some(value);
        }
        let range = content..self.outline.range(parent).ok_or_else(missing)?.end;
        Ok(OwnEntries { form, entries, range, indentation: self.column(opening) })
    }

    /// The column of a position, in characters from 0.
    pub(super) fn column(&self, at: usize) -> usize {
        let start =
            self.text.get(..at).and_then(|before| before.rfind(['\r', '\n'])).map_or(0, |end| end + 1);
        let before = self.text.get(start..at).unwrap_or_default();
        before.chars().filter(|next| *next != crate::definition::document::BYTE_ORDER_MARK).count()
    }
}
