//! Changes the text of a document: adds and removes entries, replaces values, renames keys, and leaves every other byte.
//!
//! ```text
//! changes ──unshare──> a text in which nothing that changes is shared ──block, flow──> ranges with new text
//!         └──────────expected──> the tree that must result ──compared with──> the tree of the new text
//! ```
//!
//! - `change` is what a caller asks for.
//! - `unshare` writes out aliases and merge keys through which a change would reach other values too.
//! - `block` and `flow` know where an entry with its comments, comma and lines begins and ends, by indentation and in brackets.
//! - `render` spells new values in the style of their neighbours, and `copy` moves text to another indentation.
//! - `expected` makes the same changes to the tree. If the new text has another tree, limg reports a bug instead of a text.
//!
//! This part knows no key of any format.

mod block;
mod change;
mod copy;
mod entries;
mod expected;
mod flow;
mod lines;
mod render;
mod text_edits;
mod unshare;

pub(in crate::definition) use change::{Change, NewValue, Position};

use super::Document;
use super::node::Node;
use crate::finding::{Place, Step};
use text_edits::TextEdits;

/// Why a document cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::definition) enum EditError {
    /// The way in which something is written allows no change of it alone.
    #[error("{why}")]
    NotEditable {
        /// Where it is.
        place: Place,
        /// Why: lower case, no full stop.
        why: &'static str,
    },
    /// A mapping has a key twice that changes, or in whose value something changes.
    #[error("duplicate key")]
    DuplicateKey {
        /// The second one.
        place: Place,
    },
    /// The new text does not have the tree that it should have.
    #[error("internal error: the edited text does not have the intended content; please report it")]
    Internal {
        /// The document.
        place: Place,
    },
}

impl EditError {
    fn not_editable(place: &Place, why: &'static str) -> Self {
        Self::NotEditable { place: place.clone(), why }
    }

    /// What cannot be changed.
    pub(in crate::definition) fn place(&self) -> &Place {
        match self {
            Self::NotEditable { place, .. } | Self::DuplicateKey { place } | Self::Internal { place } => {
                place
            }
        }
    }
}

impl Document {
    /// The document after all changes, none of which may be inside of what another one removes. Entries that several changes
    /// add to one mapping come where those of the first one do.
    ///
    /// # Errors
    /// When a place is written in a way that allows no change of it alone, or below a key that is there twice.
    pub(in crate::definition) fn edit(&self, changes: &[Change]) -> Result<Self, EditError> {
        let changes = Change::coalesced(changes);
        changes.iter().flat_map(Change::places).try_for_each(|place| self.check_unique(place))?;
        let unshared = self.unshare(&changes)?;
        let document = unshared.as_ref().unwrap_or(self);
        let mut edits = TextEdits::default();
        let mut tree = document.root.clone();
        for change in &changes {
            document.write(change, &mut edits)?;
        }
        // Places are those before all changes, so keys change last.
        let (renamed, others): (Vec<_>, Vec<_>) =
            changes.iter().partition(|change| matches!(change, Change::RenameKey { .. }));
        for change in others.into_iter().chain(renamed) {
            document.expect(change, &mut tree)?;
        }
        document.edited(edits, |found| *found == tree)
    }

    /// Checks that no key on the way to a place is in its mapping twice: a change would reach one of the two, and readers differ
    /// in which one counts.
    fn check_unique(&self, place: &Place) -> Result<(), EditError> {
        let (mut node, mut at) = (&self.root, self.place());
        for step in place.path().steps() {
            let next = match (step, node.untagged()) {
                (Step::Key(key), Node::Mapping(entries)) => {
                    at = at.key(key);
                    let mut same = entries.iter().rev().filter(|entry| entry.key == *key);
                    let last = same.next();
                    if same.next().is_some() {
                        return Err(EditError::DuplicateKey { place: at.on_key() });
                    }
                    last.map(|entry| &entry.value)
                }
                (Step::Index(index), Node::List(items)) => {
                    at = at.index(*index);
                    items.get(*index)
                }
                _ => None,
            };
            let Some(next) = next else { return Ok(()) };
            node = next;
        }
        Ok(())
    }

    /// The document with a new text, if its tree is as it should be.
    fn edited(&self, edits: TextEdits, is_expected: impl FnOnce(&Node) -> bool) -> Result<Self, EditError> {
        let internal = || EditError::Internal { place: self.place() };
        let text = edits.apply(&self.text).ok_or_else(internal)?;
        let document = Self::parse(&self.file, text).map_err(|_| internal())?;
        if is_expected(&document.root) { Ok(document) } else { Err(internal()) }
    }

    /// Adds the ranges of one change.
    fn write(&self, change: &Change, edits: &mut TextEdits) -> Result<(), EditError> {
        match change {
            Change::Entries { mapping, removed, added, position } => {
                let own = self.own_entries(mapping)?;
                let removed = own.numbers(mapping, removed)?;
                if removed.len() == own.entries.len() && added.is_empty() {
                    return Err(EditError::not_editable(mapping, "nothing would be left of the mapping"));
                }
                if own.is_flow() {
                    self.write_flow(mapping, &own, &removed, added, position, edits)
                } else {
                    self.write_block(mapping, &own, &removed, added, position, edits)
                }
            }
            Change::Value { place, value } => self.write_value(place, value, edits),
            Change::Prepend { list, source } => self.write_items(list, source, edits),
            Change::RenameKey { place, name } => self.write_key(place, name, edits),
            Change::Reword { place, old, new, is_whole } => {
                self.write_words(place, old, new, *is_whole, edits)
            }
        }
    }

    /// Renames a key: its text in the quotes that it has.
    fn write_key(&self, place: &Place, name: &str, edits: &mut TextEdits) -> Result<(), EditError> {
        let not_editable = || EditError::not_editable(place, "the key is written with escapes");
        let key = self.spans(place.path()).and_then(|spans| spans.key).ok_or_else(not_editable)?;
        let Some(Step::Key(old)) = place.path().steps().last() else {
            return Err(not_editable());
        };
        let written = self.text.get(key.clone()).unwrap_or_default();
        let at = written.rfind(old.as_str()).ok_or_else(not_editable)?;
        edits.replace(key.start + at..key.start + at + old.len(), name);
        Ok(())
    }

    /// Replaces a text in a single value: everywhere, or the value as a whole.
    fn write_words(
        &self,
        place: &Place,
        old: &str,
        new: &str,
        is_whole: bool,
        edits: &mut TextEdits,
    ) -> Result<(), EditError> {
        let not_editable = || EditError::not_editable(place, "the text is written with escapes");
        let value = self.spans(place.path()).ok_or_else(not_editable)?.value;
        let written = self.text.get(value.clone()).unwrap_or_default();
        if written.starts_with('*') && is_whole {
            return self.write_value(place, &NewValue::Text(new.to_owned()), edits);
        }
        let found: Vec<_> = if is_whole {
            written.rfind(old).into_iter().collect()
        } else {
            written.match_indices(old).map(|(at, _)| at).collect()
        };
        if found.is_empty() {
            return Err(not_editable());
        }
        for at in found {
            edits.replace(value.start + at..value.start + at + old.len(), new);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
