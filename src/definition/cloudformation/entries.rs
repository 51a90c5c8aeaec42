//! The entries of a section of a template.

use std::collections::BTreeMap;

use super::expression::Expression;
use super::unresolved::{Unresolved, Why};
use crate::finding::Place;
use crate::text::nearest;

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

    /// The value of a name; the first one if the document has it twice.
    pub(in crate::definition) fn get(&self, name: &str) -> Option<&Expression<'t>> {
        self.in_order.get(*self.positions.get(name)?).map(|(_, value)| value)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.positions.keys().map(String::as_str)
    }

    /// Why a section has no entry of this name.
    pub(super) fn unknown(
        &self,
        others: &[String],
        at: &Place,
        kind: &'static str,
        name: &str,
    ) -> Unresolved {
        // A loop or transform that is not expanded may define it.
        if let Some(unresolved) = self.unresolved.first() {
            return unresolved.clone();
        }
        let known = self.names().chain(others.iter().map(String::as_str));
        let nearest = nearest(name, known).map(str::to_owned);
        Unresolved::new(at, Why::UnknownName { kind, name: name.to_owned(), nearest })
    }

    pub(super) fn push(&mut self, name: String, value: Expression<'t>) {
        self.positions.entry(name.clone()).or_insert(self.in_order.len());
        self.in_order.push((name, value));
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
