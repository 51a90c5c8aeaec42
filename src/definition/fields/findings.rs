//! What was found so far in a definition.

use std::collections::HashSet;

use crate::finding::{Finding, Place, SHOWN_AT_MOST};

/// The findings so far, each once: what functions share is checked again for each.
pub(in crate::definition) struct Findings {
    document: Place,
    pub(in crate::definition) all: Vec<Finding>,
    known: HashSet<Finding>,
}

impl Findings {
    pub(in crate::definition) fn new(document: Place) -> Self {
        Self { document, all: Vec::new(), known: HashSet::new() }
    }

    /// The value in the document that these keys lead to.
    pub(in crate::definition) fn at(&self, keys: &[&str]) -> Place {
        self.document.keys(keys)
    }

    pub(in crate::definition) fn add(&mut self, finding: Finding) {
        if self.known.insert(finding.clone()) {
            self.all.push(finding);
        }
    }

    /// Whether no further finding is shown, so that a guess at what the user meant is in vain.
    pub(in crate::definition) fn are_enough(&self) -> bool {
        self.all.len() >= SHOWN_AT_MOST
    }

    pub(in crate::definition) fn has_errors(&self) -> bool {
        self.all.iter().any(Finding::is_error)
    }
}
