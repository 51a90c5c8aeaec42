//! Gives the written definition its meaning: a [`Project`], or all that stands in the way of one.
//!
//! Nothing stops at the first problem. What a definition names is looked at on disk, so that a slip in a path is found
//! with all others, but nothing is read except the first bytes of files. Rules of placement belong to the plan, and
//! what an image holds is for later stages to say.

mod base;
mod ecr;
mod environment;
mod function;
mod handler;
mod layer;
mod name;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use self::base::Bases;
pub use self::environment::{VariableError, check_variable};
use self::source::Written;
use super::codes;
use super::format;
use crate::problem::{DocumentPath, Problem};
use crate::project::{Extension, Project};

/// What a definition comes to.
pub(super) struct Validated {
    /// The project, when there is no problem.
    pub(super) project: Option<Project>,
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// What is worth a second look.
    pub(super) warnings: Vec<Problem>,
}

/// Validates a definition that lies in the folder `root`, against the ids of known runtimes.
pub(super) fn validate(definition: &format::Definition, root: &Path, runtimes: &[&str]) -> Validated {
    let mut findings = Findings::default();
    let name = name::project(definition.project.as_deref(), root, &mut findings);
    let bases = Bases::validate(definition.bases.as_ref(), root, runtimes, &mut findings);
    let layers = layer::all(definition.layers.as_ref(), root, &mut findings);
    let extensions = extensions(definition, root, &mut findings);
    let defaults = format::Function::default();
    let context = function::Context {
        root,
        defaults: definition.defaults.as_ref().unwrap_or(&defaults),
        bases: &bases,
        layers: &layers,
        extensions: &extensions,
    };
    if let Some(variables) = &context.defaults.environment {
        environment::check(&DocumentPath::keys(&["defaults", "environment"]), variables, &mut findings);
    }
    if definition.functions.0.is_empty() {
        let message = "there is no function";
        let problem = Problem::new(codes::NO_FUNCTIONS, DocumentPath::keys(&["functions"]), message);
        findings.problem(problem.help("add one: `NAME: { runtime: ..., handler: ..., code: ... }`"));
    }
    let mut used = Used::default();
    let mut functions = Vec::new();
    name::functions(&definition.functions, &mut findings);
    for (name, written) in &definition.functions.0 {
        functions.extend(function::validate(name, written, &context, &mut used, &mut findings));
    }
    let (ecr_repository, ecr) = ecr::validate(definition.ecr.as_ref(), &mut findings);
    let project = Project { name, root: root.to_owned(), functions, ecr_repository, ecr };
    if findings.problems.is_empty() && definition.ecr.is_some() {
        // Otherwise a name that is bad in itself would be told of twice.
        ecr::check_names(&project, &mut findings);
    }
    if findings.problems.is_empty() {
        // Otherwise it may only be the name where it is used that is misspelt.
        warn_of_unused(definition, &used, &mut findings);
    }
    let Findings { problems, warnings, .. } = findings;
    Validated { project: problems.is_empty().then_some(project), problems, warnings }
}

/// The problems and warnings so far.
#[derive(Default)]
struct Findings {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    seen: BTreeSet<(DocumentPath, &'static str, String)>,
}

impl Findings {
    /// Adds a problem, once: what stands in `defaults` is met again in each function.
    fn problem(&mut self, problem: Problem) {
        if self.seen.insert((problem.at.clone(), problem.code, problem.message.clone())) {
            self.problems.push(problem);
        }
    }

    /// Adds a warning, once.
    fn warning(&mut self, warning: Problem) {
        if self.seen.insert((warning.at.clone(), warning.code, warning.message.clone())) {
            self.warnings.push(warning);
        }
    }
}

/// The names that functions use, found or not.
#[derive(Default)]
struct Used<'a> {
    runtimes: BTreeSet<&'a str>,
    layers: BTreeSet<&'a str>,
    extensions: BTreeSet<&'a str>,
}

/// All extensions by name; none in place of one that has problems of its own.
fn extensions<'a>(
    definition: &'a format::Definition,
    root: &Path,
    findings: &mut Findings,
) -> BTreeMap<&'a str, Option<Extension>> {
    let mut extensions = BTreeMap::new();
    for (name, written) in definition.extensions.iter().flat_map(|entries| &entries.0) {
        let at = DocumentPath::keys(&["extensions", name]);
        name::entry("an extension", name, &at, findings);
        extensions.insert(name.as_str(), extension(name, written, &at, root, findings));
    }
    extensions
}

fn extension(
    name: &str,
    written: &format::Extension,
    at: &DocumentPath,
    root: &Path,
    findings: &mut Findings,
) -> Option<Extension> {
    let empty = format::Entries::default();
    let variables = written.environment.as_ref().unwrap_or(&empty);
    if written.path.is_none()
        && variables.0.is_empty()
        && written.wrapper.is_none()
        && written.handler_wrapper.is_none()
    {
        let message = format!("the extension `{name}` brings nothing");
        let problem = Problem::new(codes::EMPTY_EXTENSION, at.clone().on_key(), message);
        findings
            .problem(problem.help("give it a `path`, an `environment`, a `wrapper` or a `handler_wrapper`"));
        return None;
    }
    environment::check(&at.key("environment"), variables, findings);
    let wrapper =
        written.wrapper.as_deref().map(|text| source::wrapper(text, &at.key("wrapper"), root, findings));
    let is_doubled = written.wrapper.is_some() && environment::sets_wrapper(variables);
    if is_doubled {
        environment::two_wrappers(&at.key("environment"), "this extension has a `wrapper` too", findings);
    }
    let source = written.path.as_deref().map(|path| {
        let exclude = written.exclude.as_deref().unwrap_or_default();
        let (path_at, exclude_at) = (at.key("path"), at.key("exclude"));
        source::read(&Written { path, path_at, follow: written.follow, exclude, exclude_at }, root, findings)
    });
    // A part that is there but has problems makes the whole unusable.
    let (source, wrapper) =
        (source.map_or(Some(None), |it| it.map(Some))?, wrapper.map_or(Some(None), |it| it.map(Some))?);
    let handler_wrapper = written.handler_wrapper.as_ref();
    let handler_wrapper = match handler_wrapper {
        Some(written) => Some(handler::wrapper(written, &at.key("handler_wrapper"), findings)?),
        None => None,
    };
    let environment = environment::values(variables).collect();
    Some(Extension { name: name.to_owned(), source, environment, wrapper, handler_wrapper })
}

/// Warns of each entry that no function uses: often a misspelt or forgotten line in a list.
fn warn_of_unused(definition: &format::Definition, used: &Used<'_>, findings: &mut Findings) {
    fn names<T>(entries: Option<&format::Entries<T>>) -> Vec<&str> {
        entries.into_iter().flat_map(|entries| &entries.0).map(|(name, _)| name.as_str()).collect()
    }
    let sections = [
        (
            "base",
            "bases",
            names(definition.bases.as_ref()),
            &used.runtimes,
            "name it as a function's `runtime`",
        ),
        (
            "layer",
            "layers",
            names(definition.layers.as_ref()),
            &used.layers,
            "list it in a function's `layers`",
        ),
        (
            "extension",
            "extensions",
            names(definition.extensions.as_ref()),
            &used.extensions,
            "list it in a function's `extensions`",
        ),
    ];
    for (kind, section, names, used, mend) in sections {
        for name in names.into_iter().filter(|name| !used.contains(name)) {
            let message = format!("no function uses the {kind} `{name}`");
            let at = DocumentPath::keys(&[section, name]).on_key();
            findings.warning(Problem::new(codes::UNUSED, at, message).help(format!("{mend}, or remove it")));
        }
    }
}
