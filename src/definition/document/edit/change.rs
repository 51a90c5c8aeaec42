//! What a caller wants changed.

use crate::finding::Place;

/// One change of a document. Places are those of the document before all changes.
#[derive(Debug, Clone)]
pub(in crate::definition) enum Change {
    /// Entries of one mapping.
    Entries {
        /// The mapping.
        mapping: Place,
        /// The keys of entries that go; each must be there.
        removed: Vec<String>,
        /// The entries that come, in order.
        added: Vec<(String, NewValue)>,
        /// Where they come.
        position: Position,
    },
    /// A value, replaced by another one on the same line.
    Value {
        /// The value.
        place: Place,
        /// The new one.
        value: NewValue,
    },
    /// Copies of all items of a list before the items of another list.
    Prepend {
        /// The list that gets them.
        list: Place,
        /// The list that they are copied from.
        source: Place,
    },
    /// Another name for a key.
    RenameKey {
        /// The entry.
        place: Place,
        /// Its new key, of letters and digits.
        name: String,
    },
    /// A text in a single value, replaced by another one.
    Reword {
        /// The value.
        place: Place,
        /// The text.
        old: String,
        /// What replaces it, which must be as plain as the old one is.
        new: String,
        /// Whether it is the whole value; otherwise it is replaced wherever the value has it.
        is_whole: bool,
    },
}

impl Change {
    /// The places that it names.
    pub(super) fn places(&self) -> Vec<&Place> {
        match self {
            Self::Entries { mapping: place, .. }
            | Self::RenameKey { place, .. }
            | Self::Reword { place, .. }
            | Self::Value { place, value: NewValue::Text(_) | NewValue::Texts(_) | NewValue::Map(_) } => {
                vec![place]
            }
            Self::Value { place, value: NewValue::Copy(source) } | Self::Prepend { list: place, source } => {
                vec![place, source]
            }
        }
    }

    /// The same changes with one for each mapping.
    pub(super) fn coalesced(changes: &[Self]) -> Vec<Self> {
        let mut result: Vec<Self> = Vec::with_capacity(changes.len());
        for change in changes {
            let Self::Entries { mapping, removed, added, position } = change else {
                result.push(change.clone());
                continue;
            };
            let same = result.iter_mut().find_map(|other| match other {
                Self::Entries { mapping: other, removed, added, position } if other == mapping => {
                    Some((removed, added, position))
                }
                _ => None,
            });
            match same {
                Some((all_removed, all_added, first_position)) => {
                    all_removed.extend(removed.iter().cloned());
                    if all_added.is_empty() {
                        first_position.clone_from(position);
                    }
                    all_added.extend(added.iter().cloned());
                }
                None => result.push(change.clone()),
            }
        }
        result
    }
}

/// Where new entries of a mapping come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::definition) enum Position {
    /// In place of the first entry that is removed, or before all entries if none is.
    FirstRemoved,
    /// After the entry with this key.
    After(String),
}

/// A value that the document does not have yet.
#[derive(Debug, Clone)]
pub(in crate::definition) enum NewValue {
    /// A text.
    Text(String),
    /// A list of texts, written in brackets.
    Texts(Vec<String>),
    /// A mapping with at least one entry.
    Map(Vec<(String, NewValue)>),
    /// A copy of the text of an entry's value elsewhere in the document.
    Copy(Place),
}
