//! What a module of Python, Node.js or Ruby exports, as far as its text shows.
//!
//! Each language has a file of its own, which knows how its modules come to have names. Where a text does not show all names
//! for certain, they are unknowable. Nothing here reads a file or knows of handlers.

pub(crate) mod node;
pub(crate) mod python;
pub(crate) mod ruby;
mod syntax;

use std::collections::BTreeSet;

/// The longest text that is parsed, in bytes: more than people write.
pub(crate) const LONGEST: usize = 256 * 1024;

/// What a module exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exports {
    /// It has no names but these.
    Known(Names),
    /// Its text does not show them, or cannot be parsed.
    Unknowable,
}

/// The names of a module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// All that the module may have: a few of them it may lack.
    pub(crate) all: BTreeSet<String>,
    /// Those of them that seem to be functions that the module is made for.
    pub(crate) functions: BTreeSet<String>,
}

impl Names {
    /// Adds a function.
    fn add_function(&mut self, name: &str) {
        self.all.insert(name.to_owned());
        self.functions.insert(name.to_owned());
    }

    /// Adds a value. One that is called a handler counts as a function.
    fn add_value(&mut self, name: &str) {
        if name.to_lowercase().contains("handler") {
            self.add_function(name);
        } else {
            self.all.insert(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
