//! The entries of a section of a template.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::expression::Expression;
use super::unresolved::Unresolved;

/// A section of a template that may contain `Fn::ForEach`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    Resources,
    Conditions,
    Outputs,
}

/// The entries of a section, loops expanded, in the order of the document.
#[derive(Debug, Default)]
pub(in crate::definition) struct Entries<'t> {
    in_order: Vec<(String, Expression<'t>)>,
    positions: BTreeMap<String, usize>,
    /// Why there may be more entries: loops that cannot be expanded, and transforms.
    pub(in crate::definition) unresolved: Vec<Unresolved>,
}

impl<'t> Entries<'t> {
    /// The names and values.
    pub(in crate::definition) fn iter(&self) -> impl Iterator<Item = &(String, Expression<'t>)> {
        self.in_order.iter()
    }

    /// The value of a name; the last one if the document has it twice.
    pub(in crate::definition) fn get(&self, name: &str) -> Option<&Expression<'t>> {
        self.in_order.get(*self.positions.get(name)?).map(|(_, value)| value)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.positions.keys().map(String::as_str)
    }

    /// Whether a name begins with one of these, or is one.
    pub(super) fn has_beginning_of(&self, name: &str) -> bool {
        let beginnings = name.char_indices().map(|(end, _)| &name[..end]);
        beginnings.chain([name]).any(|beginning| self.positions.contains_key(beginning))
    }

    pub(super) fn push(&mut self, name: String, value: Expression<'t>) {
        match self.positions.entry(name) {
            Entry::Occupied(known) => {
                if let Some((_, earlier)) = self.in_order.get_mut(*known.get()) {
                    *earlier = value;
                }
            }
            Entry::Vacant(new) => {
                self.in_order.push((new.key().clone(), value));
                new.insert(self.in_order.len() - 1);
            }
        }
    }
}

impl Section {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Resources => "Resources",
            Self::Conditions => "Conditions",
            Self::Outputs => "Outputs",
        }
    }
}
