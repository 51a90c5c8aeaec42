//! Reads the sections of a template whose entries loops can make: resources, conditions, outputs.

use std::rc::Rc;

use super::entries::{Entries, Section};
use super::evaluate::transform;
use super::expression::StackId;
use super::for_each;
use super::stack::Stacks;
use super::unresolved::Unresolved;
use crate::definition::document::Node;

impl<'t> Stacks<'t> {
    /// The resources of a stack. Resources of one `Fn::ForEach` share a node, and differ in what its identifier is bound to.
    pub(in crate::definition) fn resources(&self, stack: StackId) -> Rc<Entries<'t>> {
        self.section(stack, Section::Resources)
    }

    /// The entries of a section. While its own loops are being expanded it has only those that no loop makes.
    pub(super) fn section(&self, stack: StackId, section: Section) -> Rc<Entries<'t>> {
        match self.memory.sections.borrow().get(&(stack, section)) {
            Some(Some(entries)) => return Rc::clone(entries),
            Some(None) => return Rc::new(self.entries(stack, section, false)),
            None => {}
        }
        self.memory.sections.borrow_mut().insert((stack, section), None);
        let entries = Rc::new(self.entries(stack, section, true));
        self.memory.sections.borrow_mut().insert((stack, section), Some(Rc::clone(&entries)));
        entries
    }

    fn entries(&self, stack: StackId, section: Section, with_loops: bool) -> Entries<'t> {
        let mut entries = Entries::default();
        let Some(mapping) = self.top_level(stack, section.key()) else { return entries };
        for entry in mapping.as_written().into_iter().flat_map(Node::entries) {
            let value = mapping.under_key(&entry.key, &entry.value);
            if entry.key.starts_with(for_each::PREFIX) {
                match with_loops.then(|| self.expand(&entry.key, &value)) {
                    Some(Ok(made)) => made.into_iter().for_each(|(name, value)| entries.push(name, value)),
                    Some(Err(unresolved)) => entries.unresolved.push(unresolved),
                    None => {}
                }
            } else if entry.key == "Fn::Transform" {
                entries.unresolved.push(Unresolved::new(value.place(), transform(&value)));
            } else {
                entries.push(entry.key.clone(), value);
            }
        }
        entries
    }
}
