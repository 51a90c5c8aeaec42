//! `limg.yaml`: from a document to a [`Project`], or to everything that is wrong with it at once.
//!
//! ```text
//! document ──shape──> well-formed document ──format──> as written ──validate──> Project
//! ```
//!
//! - `format` is the one description of the keys; the JSON Schema for editors is made from it.
//! - `shape` compares the document with that schema, so that a user sees every slip, not only serde's first error.
//! - `validate` gives the keys their meaning and looks at what they name on disk.
//! - `words` says how this format spells the settings that help asks for.
//!
//! What this format calls its keys does not leave this folder, except for `migrate`, which writes it.

mod bundle;
mod entries;
mod expected;
mod format;
mod shape;
mod shape_help;
mod starter;
mod validate;
mod words;

use serde::Deserialize as _;

use super::document::Document;
use super::{Options, Outcome};
use crate::finding::{Code, Finding};
use crate::project::Project;
use crate::runtime::Date;

pub(super) use bundle::{ENTRY_POINTS, key_of};
pub(super) use format::schema;
pub(crate) use starter::{Starter, starter};
pub(super) use words::VOCABULARY;

/// Reads a document.
pub(super) fn read(document: Document, options: &Options) -> Outcome {
    let (project, findings) = project(&document, options.today);
    Outcome { project, unbuildable: Vec::new(), findings, documents: vec![document], nested: Vec::new() }
}

/// The project of a document, if no finding is an error. The day decides which runtimes help suggests.
fn project(document: &Document, today: Date) -> (Option<Project>, Vec<Finding>) {
    let failed = |findings| (None, findings);
    if document.root().is_null() {
        let finding = Finding::error(Code::EmptyDefinition, document.place(), "the definition is empty");
        let help = "add a function under `functions:`, or run `limg init` in an empty folder for an example";
        return failed(vec![finding.help(help)]);
    }
    let findings = shape::check(document, &schema());
    if !findings.is_empty() {
        return failed(findings);
    }
    match format::Definition::deserialize(document.root()) {
        Ok(definition) => validate::validate(&definition, document, today),
        // The schema accepts it and the types do not: the two disagree, and the user must still see it.
        Err(error) => failed(vec![Finding::error(Code::WrongType, document.place(), error.to_string())]),
    }
}

#[cfg(test)]
mod tests;
