//! Gives the written definition its meaning: a [`Project`], or all that stands in the way of one.
//!
//! Validation does not stop at the first error. The paths in a definition are looked up on disk, so that a slip in a path is
//! found with all others, but only the first bytes of files are read. Rules about the image belong to later stages.

mod base;
mod bundle;
mod checks;
mod ecr;
mod environment;
mod function;
mod handler;
mod install;
mod layer;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use self::base::Bases;
use super::format;
use crate::definition::document::Document;
use crate::definition::fields::source::{self, Written};
use crate::definition::fields::{self, Findings, name};
use crate::finding::{Code, Finding, Place};
use crate::project::{BytecodeMode, Extension, Project};
use crate::runtime::Date;

/// Validates a definition.
pub(super) fn validate(
    definition: &format::Definition,
    document: &Document,
    today: Date,
) -> (Option<Project>, Vec<Finding>) {
    let root = document.file().parent().unwrap_or(Path::new("/"));
    let mut findings = Findings::new(document.place());
    let name = name::project(definition.project.as_deref(), root, &mut findings);
    let bases = Bases::validate(definition.bases.as_ref(), root, today, &mut findings);
    let defaults = format::Function::default();
    let defaults = definition.defaults.as_ref().unwrap_or(&defaults);
    let layers = layer::all(definition.layers.as_ref(), defaults.bytecode, root, &mut findings);
    let extensions = extensions(definition, defaults.bytecode, root, &mut findings);
    let context =
        function::Context { root, defaults, bases: &bases, layers: &layers, extensions: &extensions };
    if let Some(variables) = &context.defaults.environment {
        environment::check(&findings.at(&["defaults", "environment"]), variables, &mut findings);
    }
    if definition.functions.0.is_empty() {
        let finding =
            Finding::error(Code::NoFunctions, findings.at(&["functions"]), "there are no functions");
        findings.add(finding.help("add one: `NAME: { runtime: ..., handler: ..., code: ... }`"));
    }
    let mut used = Used::default();
    let mut functions = Vec::new();
    let names = definition.functions.0.iter().map(|(name, _)| name.as_str());
    let names: Vec<_> = names.map(|name| (name, findings.at(&["functions", name]))).collect();
    name::functions(names, &mut findings);
    for (name, written) in &definition.functions.0 {
        functions.extend(function::validate(name, written, &context, &mut used, &mut findings));
    }
    let (ecr_repository, ecr) = ecr::validate(definition.ecr.as_ref(), &mut findings);
    let allowances = checks::validate(definition.checks.as_deref(), &mut findings);
    for function in &mut functions {
        function.allowances = Arc::clone(&allowances);
    }
    let project = Project { name, root: root.to_owned(), functions, ecr_repository, ecr, allowances };
    if !findings.has_errors() && definition.ecr.is_some() {
        // Otherwise a bad name would be reported twice.
        ecr::check_names(&project, &mut findings);
    }
    if !findings.has_errors() {
        // Otherwise the name may only be misspelt where it is used.
        warn_of_unused(definition, &used, &mut findings);
    }
    let project = (!findings.has_errors()).then_some(project);
    (project, findings.all)
}

/// The names that functions use, found or not.
#[derive(Default)]
struct Used<'a> {
    runtimes: BTreeSet<&'a str>,
    layers: BTreeSet<&'a str>,
    extensions: BTreeSet<&'a str>,
}

/// All extensions by name; `None` for an extension with errors.
fn extensions<'a>(
    definition: &'a format::Definition,
    default: Option<BytecodeMode>,
    root: &Path,
    findings: &mut Findings,
) -> BTreeMap<&'a str, Option<Extension>> {
    let mut extensions = BTreeMap::new();
    for (name, written) in definition.extensions.iter().flat_map(|entries| &entries.0) {
        let at = findings.at(&["extensions", name]);
        name::entry("an extension", name, &at, findings);
        let mut extension = extension(name, written, &at, root, findings);
        if let Some(extension) = &mut extension {
            extension.bytecode = extension.bytecode.or(default);
        }
        extensions.insert(name.as_str(), extension);
    }
    extensions
}

fn extension(
    name: &str,
    written: &format::Extension,
    at: &Place,
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
        let message = format!("the extension `{name}` is empty");
        let finding = Finding::error(Code::EmptyExtension, at.clone().on_key(), message);
        findings.add(finding.help("give it a `path`, an `environment`, a `wrapper` or a `handler_wrapper`"));
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
        let (follow, default_excludes) = (written.follow, written.default_excludes);
        let written = Written { path, path_at, follow, exclude, exclude_at, default_excludes };
        source::read(&written, root, findings)
    });
    // A part with errors makes the whole extension unusable.
    let (source, wrapper) =
        (source.map_or(Some(None), |it| it.map(Some))?, wrapper.map_or(Some(None), |it| it.map(Some))?);
    let handler_wrapper = written.handler_wrapper.as_ref();
    let handler_wrapper = match handler_wrapper {
        Some(written) => Some(handler::wrapper(written, &at.key("handler_wrapper"), findings)?),
        None => None,
    };
    let mut environment = environment::values(variables).collect();
    let variable = fields::environment::take_wrapper(&mut environment, &at.key("environment"), findings);
    Some(Extension {
        name: name.to_owned(),
        place: at.clone(),
        source,
        source_place: at.key("path"),
        bytecode: written.bytecode,
        environment,
        wrapper: wrapper.or(variable),
        handler_wrapper,
    })
}

/// Warns about entries that no function uses: often a line in a list is misspelt or missing.
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
    for (kind, section, names, used, help) in sections {
        for name in names.into_iter().filter(|name| !used.contains(name)) {
            let message = format!("no function uses the {kind} `{name}`");
            let at = findings.at(&[section, name]).on_key();
            findings.add(Finding::warning(Code::Unused, at, message).help(format!("{help}, or remove it")));
        }
    }
}
