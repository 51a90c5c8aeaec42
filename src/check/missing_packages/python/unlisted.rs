//! Modules that the handler's module imports for certain, and that neither the image nor any list has.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::super::{Source, Subject, named, shown};
use super::imports::Imports;
use super::{LIST, pip_options, standard_library, version};
use crate::check::handler;
use crate::finding::{Code, Finding, Help};
use crate::project::{FunctionCode, ImagePath, SourceKind};
use crate::runtime::TASK_ROOT;

/// Modules that AWS's bases may have: AWS documents the SDK for durable functions as a part of newer runtimes (Lambda developer
/// guide, durable-supported-runtimes), and botocore uses the other if it is there.
const MAYBE_GIVEN: &[&str] = &["aws_durable_execution_sdk_python", "awscrt"];

/// The warnings about absent modules. A wrapper, another entry point, or a package that is installed in editable mode may
/// provide modules in ways that limg does not know.
pub(super) fn findings(
    subject: &Subject<'_>,
    code: &Source<'_>,
    imports: &Imports,
    is_absent: &dyn Fn(&str) -> bool,
) -> Vec<Finding> {
    let is_editable = |source: Source<'_>| {
        let python = &source.tree.python;
        !python.editable.is_empty() || !python.listed_folders.is_empty()
    };
    let is_clear = subject.plan.wrappers.is_empty()
        && subject.function.base.entrypoint.is_none()
        && handler::calls_handlers(subject)
        && !subject.sources().any(is_editable);
    if !is_clear {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (file, modules) in &imports.certain {
        // By the version that removed them.
        let mut absent: BTreeMap<Option<String>, Vec<&str>> = BTreeMap::new();
        let modules = modules.iter().map(String::as_str);
        for module in modules.filter(|module| is_absent(module) && !MAYBE_GIVEN.contains(module)) {
            let removed = standard_library::removed_in(module, version(subject));
            absent.entry(removed).or_default().push(module);
        }
        findings.extend(
            absent.iter().map(|(removed, modules)| finding(subject, code, file, removed.as_deref(), modules)),
        );
    }
    findings
}

fn finding(
    subject: &Subject<'_>,
    code: &Source<'_>,
    file: &ImagePath,
    removed: Option<&str>,
    modules: &[&str],
) -> Finding {
    let name = match &subject.function.code {
        FunctionCode::Inline(_) => format!("the inline code of `{}`", subject.function.name),
        FunctionCode::Files(_) | FunctionCode::Built(_) => {
            let file = file.as_str().get(TASK_ROOT.len() + 1..).unwrap_or_default();
            format!("`{file}` in {}", code.name)
        }
    };
    let message = format!("{name} imports {}, which neither the code nor a layer contains", named(modules));
    let help = match removed {
        Some(version) => {
            format!("change the code: {version} removed {} from the standard library", named(modules)).into()
        }
        None => help(subject, code),
    };
    Finding::warning(Code::MissingPackages, code.files_place.clone(), message).help(help)
}

/// How the code gets a module of a package.
fn help(subject: &Subject<'_>, code: &Source<'_>) -> Help {
    let layer = "add a layer that contains it";
    let files = code.files.filter(|files| files.kind == SourceKind::Directory);
    if let FunctionCode::Inline(_) = &subject.function.code {
        return layer.into();
    }
    let own = match (&subject.function.build_command, files) {
        (Some(command), _) => format!("add its package to `{LIST}` and run `{command}`"),
        (None, Some(files)) => {
            let path: PathBuf = files.path.components().collect();
            let options = pip_options(subject, &shown(&path, code.place));
            format!("install what is missing with `pip install PACKAGE {options}`")
        }
        (None, None) => "add its package to the archive".to_owned(),
    };
    Help::from(own).or(layer)
}
