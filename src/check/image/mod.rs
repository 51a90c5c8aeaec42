//! Rules about a finished image, of limg or of another tool: what Lambda would refuse, and what would not start in it.
//!
//! A rule is one function from an [`ImageSubject`] to findings, in a file of its own. To add one, add the file and a line to
//! [`RULES`]. Files of the system are the business of the image's maker: rules look at the code, at layers, and at what Lambda
//! starts. Nothing here reads a file or knows where the image is.

mod access;
mod archives;
mod arguments;
mod copies;
mod correctable;
mod deprecation;
mod entry_point;
mod environment;
mod extensions;
mod form;
mod handler;
mod libraries;
mod programs;
mod python_packages;
mod runtime;
mod secret_files;
mod size;
mod working_directory;
mod wrapper;

use crate::files::{DeadEnd, ImageFiles, IndexEntry, Step, trace};
use crate::finding::{Finding, Place};
use crate::project::{Architecture, ImagePath, RunConfig};
use crate::runtime::{AWS_ENTRYPOINT, Contract, LAYER_ROOT, TASK_ROOT};

pub(crate) use correctable::{LayerCorrections, correctable};
pub(crate) use deprecation::deprecated_runtime;
pub(crate) use form::ImageForm;
pub(crate) use handler::files_of_handler;

/// A rule.
type Rule = fn(&ImageSubject<'_>) -> Vec<Finding>;

/// All rules, in the order in which they are applied.
const RULES: &[Rule] = &[
    form::check,
    size::check,
    archives::check,
    entry_point::check,
    arguments::check,
    working_directory::check,
    wrapper::check,
    extensions::check,
    handler::check,
    environment::check,
    access::check,
    libraries::check,
    python_packages::check,
    secret_files::check,
    copies::check,
];

/// An image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImageSubject<'a> {
    /// The image itself, for findings.
    pub place: &'a Place,
    /// Its architecture.
    pub architecture: Architecture,
    /// How its config says that it runs.
    pub run: &'a RunConfig,
    /// Its files.
    pub files: &'a ImageFiles,
    /// What its manifest says. Nothing for an image that is only planned.
    pub form: Option<&'a ImageForm>,
}

/// What a path leads to when every link is followed.
struct Target {
    /// The path at the end.
    path: String,
    is_directory: bool,
    mode: u32,
}

impl<'a> ImageSubject<'a> {
    /// The contract of the runtime that the image has, as far as its files show.
    fn contract(self) -> Option<&'static Contract> {
        runtime::of(self.files)
    }

    /// Where a path leads.
    fn resolve(self, path: &str) -> Result<Target, DeadEnd> {
        let Ok(path) = path.parse::<ImagePath>() else { return Err(DeadEnd::At(path.to_owned())) };
        let target = |path: &str, mode, is_directory| Target { path: path.to_owned(), is_directory, mode };
        trace(&path, |path| {
            Some(match self.files.index.get(path)? {
                IndexEntry::Directory { mode, .. } => Step::Directory(target(path, *mode, true)),
                IndexEntry::File { mode, .. } => Step::Other(target(path, *mode, false)),
                IndexEntry::Symlink { target, .. } => Step::Link(target),
                IndexEntry::Other { .. } => return None,
            })
        })
    }

    /// Whether a path leads to a file.
    fn is_file(self, path: &str) -> bool {
        self.resolve(path).is_ok_and(|target| !target.is_directory)
    }

    /// The value of a variable of the image.
    fn variable(self, name: &str) -> Option<&'a str> {
        self.run.environment.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The program that Lambda starts.
    fn program(self) -> Option<&'a str> {
        let first = |words: &'a Option<Vec<String>>| words.as_ref()?.first().map(String::as_str);
        first(&self.run.entrypoint).or_else(|| first(&self.run.command))
    }

    /// Whether Lambda's entry script starts the function: it takes the handler as its one argument.
    fn has_entry_script(self) -> bool {
        self.run.entrypoint.as_ref().is_some_and(|words| words.iter().any(|word| word == AWS_ENTRYPOINT))
    }
}

/// Whether a path belongs to the function or its layers, and not to the system.
fn is_of_function(path: &ImagePath) -> bool {
    path.is_below(TASK_ROOT) || path.is_below(LAYER_ROOT)
}

/// Applies all rules.
#[must_use]
pub(crate) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    RULES.iter().flat_map(|rule| rule(subject)).collect()
}

/// Applies the rules that a definition does not answer: what the contents of libraries, packages and copies say about the base.
#[must_use]
pub(crate) fn check_planned(subject: &ImageSubject<'_>) -> Vec<Finding> {
    [libraries::check, python_packages::check, copies::check]
        .iter()
        .flat_map(|rule: &Rule| rule(subject))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;
