//! Reads the sections of a template whose entries loops can make: resources, conditions, outputs.

use std::rc::Rc;

use super::entries::{Entries, Section};
use super::evaluate::{TRANSFORM, transform};
use super::expression::{Expression, StackId};
use super::for_each;
use super::stack::Stacks;
use super::unresolved::{Unresolved, Why};
use crate::definition::document::Node;
use crate::finding::Place;
use crate::text::nearest;

impl<'t> Stacks<'t> {
    /// The resources of a stack. Resources of one `Fn::ForEach` share a node, and differ in what its identifier is bound to.
    pub(in crate::definition) fn resources(&self, stack: StackId) -> Rc<Entries<'t>> {
        self.section(stack, Section::Resources)
    }

    /// The entries of a section. While its own loops are being expanded it has only those that no loop makes.
    pub(super) fn section(&self, stack: StackId, section: Section) -> Rc<Entries<'t>> {
        if let Some(entries) = self.memory.sections.borrow().get(&(stack, section)) {
            return Rc::clone(entries);
        }
        let remember = |entries: Entries<'t>| {
            let entries = Rc::new(entries);
            self.memory.sections.borrow_mut().insert((stack, section), Rc::clone(&entries));
            entries
        };
        let Some(mapping) = self.top_level(stack, section.key()) else { return remember(Entries::default()) };
        let without_loops = remember(self.entries(&mapping, false));
        let has_loops =
            |node: &Node| node.entries().iter().any(|entry| entry.key.starts_with(for_each::PREFIX));
        if mapping.as_written().is_some_and(has_loops) {
            remember(self.entries(&mapping, true))
        } else {
            without_loops
        }
    }

    fn entries(&self, mapping: &Expression<'t>, with_loops: bool) -> Entries<'t> {
        let mut entries = Entries::default();
        for entry in mapping.as_written().into_iter().flat_map(Node::entries) {
            let value = mapping.under_key(&entry.key, &entry.value);
            if entry.key.starts_with(for_each::PREFIX) {
                match with_loops.then(|| self.expand(&entry.key, &value)) {
                    Some(Ok(made)) => made.into_iter().for_each(|(name, value)| entries.push(name, value)),
                    Some(Err(unresolved)) => entries.unresolved.push(unresolved),
                    None => {}
                }
            } else if entry.key == TRANSFORM {
                entries.unresolved.push(Unresolved::new(value.place(), transform(&value)));
            } else {
                entries.push(entry.key.clone(), value);
            }
        }
        entries
    }

    /// Why a section has no entry of this name.
    pub(super) fn unknown(
        &self,
        entries: &Entries<'t>,
        others: &[&str],
        at: &Place,
        kind: &'static str,
        name: &str,
    ) -> Unresolved {
        // A loop or transform that is not expanded may define it.
        if let Some(unresolved) = entries.unresolved.first() {
            return unresolved.clone();
        }
        let known: Vec<&str> = entries.names().chain(others.iter().copied()).collect();
        match self.nearest(at, name, &known) {
            Ok(nearest) => Unresolved::new(at, Why::UnknownName { kind, name: name.to_owned(), nearest }),
            Err(too_much) => too_much,
        }
    }

    /// The name that is nearest to one which is not known.
    pub(super) fn nearest(
        &self,
        at: &Place,
        name: &str,
        known: &[&str],
    ) -> Result<Option<String>, Unresolved> {
        self.memory.pay_for_values(at, known.len())?;
        Ok(nearest(name, known.iter().copied()).map(str::to_owned))
    }
}
