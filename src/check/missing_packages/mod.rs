//! Packages that the code or a layer lists as its dependencies and that are not installed: the function fails at its first
//! import.
//!
//! A list may name more than a function needs, and a bundler may have put packages into the code. So a package counts as
//! missing only if its metadata, for Python, its folder and an import, for Node.js, or its folder, for Ruby, show that.

mod node;
mod python;
pub(super) mod requirements;
mod ruby;

use super::{Source, Subject, named, shown};
use crate::finding::{Code, Finding, Help};
use crate::runtime::Language;
use crate::tree::{Node, TreeError};

/// How much of a list or a module is read.
const READ: usize = 1024 * 1024;

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    match subject.contract.language() {
        Some(Language::Python) => python::check(subject),
        Some(Language::Node) => node::check(subject),
        Some(Language::Ruby) => ruby::check(subject),
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

/// The command of the project's build tool, if it is this tool.
fn is_of_tool<'s>(subject: &Subject<'s>, tool: &str) -> Option<&'s str> {
    subject.function.build_command.as_deref().filter(|command| command.starts_with(tool))
}

/// The finding about packages that the project's build tool would have installed, or else `help` says how.
fn finding(subject: &Subject<'_>, source: &Source<'_>, message: String, help: impl Into<Help>) -> Finding {
    match &subject.function.build_command {
        Some(command) if source.is_code => severe(subject, source, message, format!("run `{command}`")),
        _ => severe(subject, source, message, help),
    }
}

/// An error if the project has a tool that installs packages: its result would have them. Elsewhere packages may be missing
/// on purpose.
fn severe(subject: &Subject<'_>, source: &Source<'_>, message: String, help: impl Into<Help>) -> Finding {
    let place = source.files_place.clone();
    if subject.function.build_command.is_some() {
        let help = help.into().or("use `--source` to build without them");
        Finding::error(Code::MissingPackages, place, message).help(help)
    } else {
        Finding::warning(Code::MissingPackages, place, message).help(help)
    }
}
