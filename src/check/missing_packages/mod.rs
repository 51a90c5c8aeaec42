//! Packages that the code lists as its dependencies and that are not installed: the function fails at its first import.
//!
//! A list may name more than a function needs, and a bundler may have put packages into the code. So a package counts as
//! missing only if its metadata, for Python, or its folder and an import, for Node.js, show that.

mod node;
mod python;
mod requirements;

use super::{Source, Subject, named, shown};
use crate::finding::{Code, Finding, Place};
use crate::runtime::Language;
use crate::tree::{Node, TreeError};

/// How much of a list or a module is read.
const READ: usize = 1024 * 1024;

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    match subject.contract.language() {
        Some(Language::Python) => python::check(subject),
        Some(Language::Node) => node::check(subject),
        _ => Ok(Vec::new()),
    }
}

/// The text of a file of a source, if it has one at this path in the image.
fn text(source: &Source<'_>, path: &str) -> Result<Option<String>, TreeError> {
    let Ok(path) = path.parse() else { return Ok(None) };
    match source.tree.tree.get(&path) {
        Some(Node::File(file)) => Ok(Some(String::from_utf8_lossy(&file.content.head(READ)?).into_owned())),
        _ => Ok(None),
    }
}

/// An error if the project has a tool that installs packages: its result would have them. Elsewhere packages may be missing
/// on purpose.
fn finding(subject: &Subject<'_>, place: &Place, message: String, help: String) -> Finding {
    match &subject.function.build_command {
        Some(command) => Finding::error(Code::MissingPackages, place.clone(), message)
            .help(format!("run `{command}`, or use `--source` to build without them")),
        None => Finding::warning(Code::MissingPackages, place.clone(), message).help(help),
    }
}
