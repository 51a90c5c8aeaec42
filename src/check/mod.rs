//! Lambda's rules: whether a planned image would work, judged before anything is built.
//!
//! A rule is one function from a [`Subject`] to findings, in a file of its own. To add one, add the file and a line to
//! [`RULES`]. Nothing here decides where a file goes: that is [`crate::plan`]. The first bytes of programs are read; nothing
//! is written.

#![expect(clippy::unnecessary_wraps, reason = "all rules have one signature, and some read files")]

mod binaries;
mod client;
mod conflicts;
mod contents;
mod custom_runtime;
mod dependencies;
mod deprecation;
mod editable_installs;
mod entry_point;
mod extensions;
mod followed_packages;
mod foreign_entry_point;
mod handler;
mod handler_exports;
mod handler_module;
pub(crate) mod image;
mod links;
mod misplaced;
mod missing_packages;
mod programs;
mod scripts;
mod secret_files;
mod size;
mod split_packages;
mod uncompiled;
mod working_directory;
mod wrappers;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;

pub(crate) use self::deprecation::deprecated_runtimes;
pub(crate) use size::of_image as image_too_large;

use crate::files::SourceTree;
use crate::finding::{Code, Finding, Place, Severity};
use crate::plan::{EXTENSIONS, FunctionTrees, ImagePlan};
use crate::project::{self, Function, ImagePath, LayerSource, RunConfig};
use crate::runtime::{Contract, LAYER_ROOT, TASK_ROOT};
use crate::text::first_of;
use crate::tree::TreeError;

/// A rule.
type Rule = fn(&Subject<'_>) -> Result<Vec<Finding>, TreeError>;

/// How many paths or names a message lists as examples.
const NAMED: usize = 3;

/// How many links, packages or secrets a message lists if the user has to change each of them.
const LISTED: usize = 50;

/// The beginnings of the names of packages that AWS's bases for Node.js contain: version 3 of the SDK, and no longer version 2
/// (Lambda developer guide, lambda-nodejs).
const OF_NODE_RUNTIME: &[&str] = &["@aws-sdk/", "@smithy/"];

/// All rules, in the order in which they are applied.
const RULES: &[Rule] = &[
    conflicts::check,
    links::check,
    followed_packages::check,
    editable_installs::check,
    extensions::check,
    contents::check,
    misplaced::check,
    missing_packages::check,
    dependencies::check,
    entry_point::check,
    foreign_entry_point::check,
    client::check,
    handler::check,
    custom_runtime::check,
    uncompiled::check,
    wrappers::check,
    scripts::check,
    binaries::check,
    secret_files::check,
    split_packages::check,
    size::check,
    working_directory::check,
];

/// A planned image, and what it was planned from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The function.
    pub function: &'a Function,
    /// The contract of its base.
    pub contract: &'a Contract,
    /// How the base's config says that it runs.
    pub base: &'a RunConfig,
    /// The size of the base's layers in bytes.
    pub base_size: u64,
    /// Its trees.
    pub trees: &'a FunctionTrees,
    /// The plan.
    pub plan: &'a ImagePlan<'a>,
    /// The name that findings about the code have for it: that of the first of the functions in question that share the image and
    /// the place where the code is named.
    pub code_of: &'a str,
}

/// A source of files of a function.
struct Source<'a> {
    /// Such as ``the layer `utils` ``.
    name: String,
    place: &'a Place,
    /// Where its files are named.
    files_place: &'a Place,
    tree: &'a SourceTree,
    /// Its files on this machine, if it has any.
    files: Option<&'a project::Source>,
    /// Its root in the image.
    root: &'static str,
    is_code: bool,
    /// Whether the definition can leave out some of its files.
    has_exclude: bool,
    /// Whether the definition declares that it works, which no rule then questions.
    is_trusted: bool,
}

impl Source<'_> {
    /// Whether this file of the source is in the image: no later source replaces it.
    fn owns(&self, path: &ImagePath, plan: &ImagePlan<'_>) -> bool {
        plan.merged.owner(path.as_str()).is_some_and(|owner| owner.place == *self.place)
    }
}

impl<'a> Subject<'a> {
    /// The layers, extensions and code of the function, in this order.
    fn sources(self) -> impl Iterator<Item = Source<'a>> {
        let Self { function, trees, code_of, .. } = self;
        let layers = function.layers.iter().zip(&trees.layers).map(|(layer, tree)| Source {
            name: format!("the layer `{}`", layer.name),
            place: &layer.place,
            files_place: &layer.source_place,
            tree,
            files: match &layer.source {
                LayerSource::Files(files) => Some(files),
                _ => None,
            },
            root: LAYER_ROOT,
            is_code: false,
            has_exclude: matches!(layer.source, LayerSource::Files(_)),
            is_trusted: matches!(&layer.source, LayerSource::Version(version) if version.ignore_compatibility),
        });
        let extensions = function.extensions.iter().zip(&trees.extensions).map(|(extension, tree)| Source {
            name: format!("the extension `{}`", extension.name),
            place: &extension.place,
            files_place: &extension.source_place,
            tree,
            files: extension.source.as_ref(),
            root: LAYER_ROOT,
            is_code: false,
            has_exclude: true,
            is_trusted: false,
        });
        let code = Source {
            name: format!("the code of `{code_of}`"),
            place: &function.places.code,
            files_place: &function.places.code,
            tree: &trees.code,
            files: function.code.files(),
            root: TASK_ROOT,
            is_code: true,
            has_exclude: true,
            is_trusted: false,
        };
        layers.chain(extensions).chain([code])
    }

    /// Whether Python finds a module in the image: in the code, a layer, or another folder of packages.
    fn has_python_module(self, module: &str, other: Option<&ImagePath>) -> bool {
        let merged = &self.plan.merged;
        let mut folders =
            self.contract.search_path("PYTHONPATH").chain([TASK_ROOT]).chain(other.map(ImagePath::as_str));
        folders.any(|folder| {
            let file = format!("{folder}/{module}.py").parse();
            merged.is_directory(&format!("{folder}/{module}")) || file.is_ok_and(|file| merged.is_file(&file))
        })
    }

    /// The paths at which Lambda starts a program, and those that they lead to. Rules of their own check these programs.
    fn started(self) -> BTreeSet<String> {
        let Self { function, plan, .. } = self;
        let entry = function.base.entrypoint.iter().filter_map(|entry| entry.command.first()?.parse().ok());
        let wrappers = plan.wrappers.iter().map(|wrapper| wrapper.path.clone());
        let bootstrap = plan.startup.bootstrap().cloned();
        let extensions = plan.merged.children(EXTENSIONS);
        let mut started = BTreeSet::new();
        for path in extensions.into_iter().chain(entry).chain(wrappers).chain(bootstrap) {
            started.extend(plan.merged.real_path(&path));
            started.insert(path.into());
        }
        started
    }
}

/// The first of some paths or names, and how many more there are.
fn named(names: &[impl Display]) -> String {
    first_of(NAMED, names.iter().map(|name| format!("`{name}`")))
}

/// A path on this machine as the definition would have it; `.` for the definition's own folder.
fn shown(path: &Path, place: &Place) -> String {
    let folder = place.file().parent().unwrap_or(Path::new(""));
    let shown = path.strip_prefix(folder).unwrap_or(path).display().to_string();
    if shown.is_empty() { ".".to_owned() } else { shown }
}

/// Applies all rules.
///
/// # Errors
/// When a program cannot be read.
pub(crate) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let mut findings = Vec::new();
    for rule in RULES {
        findings.append(&mut rule(subject)?);
    }
    Ok(findings)
}

/// The findings of a user who wants the images nevertheless: only those that no image can be made of stay errors.
#[must_use]
pub(crate) fn as_warnings(findings: Vec<Finding>) -> Vec<Finding> {
    let warning = |finding: Finding| {
        let severity = if finding.code.stops_every_image() { finding.severity } else { Severity::Warning };
        Finding { severity, ..finding }
    };
    findings.into_iter().map(warning).collect()
}

/// Applies the rules for which no file of AWS's bases matters: those contain no packages of functions and no custom runtime.
///
/// # Errors
/// When a list or a module cannot be read.
pub(crate) fn without_base(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let mut findings = missing_packages::check(subject)?;
    let runtime = custom_runtime::check(subject)?;
    findings.extend(runtime.into_iter().filter(|finding| finding.code == Code::NoBootstrap));
    Ok(findings)
}

/// Whether a finding can disappear once it is known which files the function's base really has.
#[must_use]
pub(crate) fn may_be_solved_by_base(function: &Function, finding: &Finding) -> bool {
    match finding.code {
        Code::LinkToSystem | Code::MissingWrapper | Code::NoBootstrap | Code::NotAProgram => true,
        // AWS's own bases contain no handlers.
        Code::HandlerNotFound => function.base.image.is_some(),
        Code::MissingPackages => finding.is_error() && function.base.image.is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
