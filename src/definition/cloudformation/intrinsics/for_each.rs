//! `Fn::ForEach`: a loop that makes one copy of a mapping's entries for each value of a collection (CloudFormation template
//! reference, `Fn::ForEach`).

use std::collections::BTreeSet;

use super::expression::Expression;
use super::function::Function;
use super::stack::Stacks;
use super::unresolved::{Unresolved, Why};
use crate::definition::document::Node;

/// How the key of a loop begins. The loop's own name follows, which is only there to be unique.
pub(in crate::definition::cloudformation) const PREFIX: &str = "Fn::ForEach::";

/// How deep CloudFormation lets loops be nested.
const LOOPS_AT_MOST: usize = 5;

/// Keys with their values, in the order of the document.
type Made<'t> = Vec<(String, Expression<'t>)>;

impl<'t> Stacks<'t> {
    /// The entries that a loop makes. `key` is its key and `value` what is under it.
    pub(super) fn expand(&self, key: &str, value: &Expression<'t>) -> Result<Made<'t>, Unresolved> {
        let mut made = Vec::new();
        self.expand_into(key, value, &mut made)?;
        let mut keys = BTreeSet::new();
        match made.iter().find(|(key, _)| !keys.insert(key.as_str())) {
            Some((twice, at)) => Err(Unresolved::new(at.place(), Why::KeyTwice { key: twice.clone() })),
            None => Ok(made),
        }
    }

    fn expand_into(&self, key: &str, value: &Expression<'t>, made: &mut Made<'t>) -> Result<(), Unresolved> {
        if value.loops() >= LOOPS_AT_MOST {
            return Err(Unresolved::new(value.place(), Why::TooManyLoops { at_most: LOOPS_AT_MOST }));
        }
        let malformed = || {
            let why = Why::Arguments { function: Function::ForEach, written: key.to_owned() };
            Unresolved::new(value.place(), why)
        };
        let Some(Node::List(parts)) = value.as_written() else { return Err(malformed()) };
        let [identifier, collection, fragment] = &parts[..] else { return Err(malformed()) };
        let identifier = value.at_index(0, identifier).literal().ok_or_else(malformed)?.text;
        let fragment_at = value.at_index(2, fragment);
        let Node::Mapping(entries) = fragment else { return Err(malformed()) };
        let Some(collection) = self.list(&value.at_index(1, collection))? else { return Err(malformed()) };
        for item in &collection {
            let item = self.needed_text(item)?;
            let round = fragment_at.bind(&identifier, &item);
            for entry in entries {
                self.memory.pay_for_values(round.place(), 1)?;
                let value = round.under_key(&entry.key, &entry.value);
                if entry.key.starts_with(PREFIX) {
                    self.expand_into(&entry.key, &value, made)?;
                } else {
                    made.push((round.substitute_identifiers(&entry.key).into_owned(), value));
                }
            }
        }
        Ok(())
    }
}
