//! A document as a tree that keeps everything a check needs: order, duplicate keys, tags, the text of numbers.
//!
//! `serde_yaml::Value` does not suffice: it rejects duplicate keys one at a time and turns `1.10` into `1.1`. This module
//! knows no key of any format.

use std::collections::{BTreeSet, HashSet};

use super::outline::MarkId;

/// One value of the document.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::definition) enum Node {
    /// A single value.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping, with merged entries after its own and duplicates kept.
    Mapping(Vec<Entry>),
    /// Any value with a tag of the document's own, such as `!Ref`, and the value under the tag.
    Tagged(String, Box<Node>),
}

/// A single value: its type and its text.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::definition) struct Scalar {
    pub(in crate::definition) kind: ScalarKind,
    pub(in crate::definition) text: String,
}

/// The type of a single value by the YAML 1.2 core schema.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::definition) enum ScalarKind {
    Null,
    Boolean(bool),
    Integer(i128),
    Decimal(f64),
    Text,
}

/// One entry of a mapping.
#[derive(Debug, Clone)]
pub(in crate::definition) struct Entry {
    pub(in crate::definition) key: String,
    pub(in crate::definition) value: Node,
    /// Where the key is written.
    pub(super) mark: MarkId,
    /// Whether it belongs to another mapping, and a merge key adds it to this one.
    pub(super) is_merged: bool,
}

impl Entry {
    /// An entry that is not written anywhere yet.
    pub(super) fn unwritten(key: String, value: Node) -> Self {
        Self { key, value, mark: MarkId::ROOT, is_merged: false }
    }
}

/// One step from a node to one that it contains, borrowed from the document.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way<'a> {
    Key(&'a str),
    Index(usize),
}

/// Entries are equal if key and value are, regardless of where they are written.
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.value == other.value
    }
}

impl Node {
    /// No value.
    pub(super) const NULL: Self = Self::Scalar(Scalar { kind: ScalarKind::Null, text: String::new() });

    /// Whether there is no value.
    pub(in crate::definition) fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(Scalar { kind: ScalarKind::Null, .. }))
    }

    /// The text of a single value; nothing of anything else.
    pub(in crate::definition) fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// The value under a tag, or the node itself.
    pub(in crate::definition) fn untagged(&self) -> &Self {
        match self {
            Self::Tagged(_, value) => value.untagged(),
            other => other,
        }
    }

    /// The entries of a mapping; none of anything else.
    pub(in crate::definition) fn entries(&self) -> &[Entry] {
        match self {
            Self::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key, the last one if a mapping has it twice; nothing of anything else.
    pub(in crate::definition) fn entry(&self, key: &str) -> Option<&Self> {
        self.entries().iter().rfind(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Gives `found` each key that a mapping in this node has had before, with the way to it: what a place is made of, which
    /// most nodes of a document do not need.
    pub(super) fn duplicate_keys<'a>(
        &'a self,
        way: &mut Vec<Way<'a>>,
        found: &mut impl FnMut(&[Way<'a>], &'a str),
    ) {
        match self {
            Self::Scalar(_) => {}
            Self::Tagged(_, value) => value.duplicate_keys(way, found),
            Self::List(items) => {
                for (position, item) in items.iter().enumerate() {
                    way.push(Way::Index(position));
                    item.duplicate_keys(way, found);
                    way.pop();
                }
            }
            Self::Mapping(entries) => {
                let mut keys = HashSet::with_capacity(entries.len());
                for Entry { key, value, .. } in entries {
                    way.push(Way::Key(key));
                    value.duplicate_keys(way, found);
                    way.pop();
                    if !keys.insert(key.as_str()) {
                        found(way, key);
                    }
                }
            }
        }
    }

    /// Replaces each `<<` by the entries of the mappings that it names, after the mapping's own entries and in order, as the
    /// YAML merge key type requires (yaml.org/type/merge.html). A `<<` that names anything else, or a second one, stays.
    pub(super) fn merge(&mut self) {
        match self {
            Self::Scalar(_) => {}
            Self::Tagged(_, value) => value.merge(),
            Self::List(items) => items.iter_mut().for_each(Self::merge),
            Self::Mapping(entries) => {
                for entry in entries.iter_mut() {
                    entry.value.merge();
                }
                let merge_key =
                    entries.iter().position(|entry| entry.key == "<<" && entry.value.can_be_merged());
                if let Some(position) = merge_key {
                    let Entry { value, .. } = entries.remove(position);
                    let mut keys = entries.iter().map(|entry| entry.key.clone()).collect();
                    value.merge_into(entries, &mut keys);
                }
            }
        }
    }

    /// Whether this may stand under `<<`.
    fn can_be_merged(&self) -> bool {
        match self {
            Self::Mapping(_) => true,
            Self::List(items) => items.iter().all(|item| matches!(item, Self::Mapping(_))),
            Self::Scalar(_) | Self::Tagged(..) => false,
        }
    }

    /// Adds the entries of this mapping, or list of mappings, whose keys `target` does not have.
    fn merge_into(self, target: &mut Vec<Entry>, keys: &mut BTreeSet<String>) {
        match self {
            Self::Scalar(_) | Self::Tagged(..) => {}
            Self::List(items) => items.into_iter().for_each(|item| item.merge_into(target, keys)),
            Self::Mapping(entries) => {
                for entry in entries {
                    if keys.insert(entry.key.clone()) {
                        target.push(Entry { is_merged: true, ..entry });
                    }
                }
            }
        }
    }
}
