//! Packages of a `requirements.txt`, and modules that the code imports although nothing contains them.
//!
//! A list may name more than a function needs: a package counts as missing only if the handler's module imports it, itself or
//! through other modules of the code. The name of a module may differ from that of its package, so a module that nothing explains
//! may be of any package that is listed and not installed.

mod imports;
mod installed;
mod standard_library;
mod unlisted;

use std::collections::BTreeSet;
use std::path::PathBuf;

use self::imports::Imports;
use self::installed::{Installed, resembling};
use super::requirements::{self, Environment};
use super::{Source, Subject, finding, is_of_tool, named, shown, text};
use crate::finding::{Code, Finding, Help, Setting};
use crate::project::{ImagePath, SourceKind};
use crate::runtime::TASK_ROOT;
use crate::tree::TreeError;

/// Packages that AWS's bases contain, as dependencies of boto3 and of the runtime interface client; and those that install
/// others and are not needed at run time.
const GIVEN: &[&str] = &[
    "awslambdaric",
    "boto3",
    "botocore",
    "jmespath",
    "pip",
    "python-dateutil",
    "s3transfer",
    "setuptools",
    "simplejson",
    "six",
    "snapshot-restore-py",
    "urllib3",
    "wheel",
];

/// The name of the list.
const LIST: &str = "requirements.txt";

/// A list of packages in a folder of a source.
struct List<'a> {
    source: Source<'a>,
    folder: String,
    /// The packages that are not installed.
    missing: Vec<String>,
    /// Whether these are all that it lists.
    is_all: bool,
}

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let mut findings = Vec::new();
    let Some(code) = subject.sources().find(|source| source.is_code) else { return Ok(findings) };
    let imports = Imports::of(subject, &code)?;
    let installed = Installed::of(subject, &imports);
    let has_archive = || code.tree.tree.below(TASK_ROOT).any(|(path, _)| path.suffix() == Some("zip"));
    if imports.changes_search && has_archive() {
        // The modules of an archive are not known.
        return Ok(findings);
    }
    let lists = lists(subject, &installed)?;
    let unexplained: BTreeSet<&str> =
        imports.modules.iter().map(String::as_str).filter(|module| !installed.explains(module)).collect();
    let is_imported = |name: &String| unexplained.iter().any(|module| resembles(name, module));
    let is_listed =
        |module: &str| lists.iter().flat_map(|list| &list.missing).any(|name| resembles(name, module));
    // Any package may have these.
    let is_open = imports.may_be_more
        || unexplained.iter().any(|module| !is_listed(module) && !standard_library::is_of_python_2(module));
    let mut has_open = false;
    for List { source, folder, missing, is_all } in &lists {
        let is_kept =
            |name: &&String| is_open || is_imported(name) || (!source.is_code && !unexplained.is_empty());
        let missing: Vec<_> = missing.iter().filter(is_kept).collect();
        if missing.is_empty() {
            continue;
        }
        let is_certain = missing.iter().all(|name| is_imported(name));
        has_open |= !is_certain;
        // Elsewhere a guess would often be wrong; here there is a tool that would have installed them.
        let has_tool = subject.function.build_command.is_some();
        let is_likely = (has_tool || installed.has_metadata() || *is_all) && !installed.is_layer_unknown;
        if (is_certain || is_likely) && !installed.is_base_unknown {
            findings.push(of_source(subject, source, folder, &missing));
        } else if has_tool {
            let Finding { place, message, .. } = of_source(subject, source, folder, &missing);
            let help = "check whether the layers that limg cannot judge contain them";
            findings.push(Finding::warning(Code::MissingPackages, place, message).help(help));
        }
    }
    let is_absent = |module: &str| {
        let is_removed = standard_library::is_of_python_2(module);
        unexplained.contains(module) && !is_listed(module) && (is_removed || !has_open)
    };
    if !installed.is_base_unknown && !imports.changes_search {
        findings.extend(unlisted::findings(subject, &code, &imports, &is_absent));
    }
    Ok(findings)
}

/// The lists of the code and of layers with packages that are not installed.
fn lists<'a>(subject: &Subject<'a>, installed: &Installed<'_>) -> Result<Vec<List<'a>>, TreeError> {
    let mut lists = Vec::new();
    for number in 0..subject.sources().count() {
        for below in ["", "/python"] {
            let Some(source) = subject.sources().nth(number) else { continue };
            if !source.has_exclude || (source.is_code && !below.is_empty()) {
                continue;
            }
            let folder = format!("{}{below}", source.root);
            let Some(list) = text(&source, &format!("{folder}/{LIST}"))? else { continue };
            let listed = listed(&list, subject, &source, &folder);
            let missing: Vec<_> = listed.iter().filter(|name| installed.lacks(name)).cloned().collect();
            let is_all = missing.len() == listed.len();
            if !missing.is_empty() {
                lists.push(List { source, folder, missing, is_all });
            }
        }
    }
    Ok(lists)
}

/// Whether a module may be of a package by their names: they are alike, or the package is of the module's namespace, as
/// `google-cloud-storage` is of `google`.
fn resembles(package: &str, module: &str) -> bool {
    let module = module.to_lowercase();
    resembling(package).contains(&module) || package.replace('-', "_").starts_with(&format!("{module}_"))
}

/// The version of Python, such as (3, 12).
fn version(subject: &Subject<'_>) -> (u32, u32) {
    let numbers = subject.contract.id.trim_start_matches("python");
    let mut numbers = numbers.split('.').map(|number| number.parse().unwrap_or_default());
    (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
}

/// The packages that a list in a folder requires, and those of the lists that it includes, without those that are given.
fn listed(list: &str, subject: &Subject<'_>, source: &Source<'_>, folder: &str) -> Vec<String> {
    let environment = Environment { python: version(subject), architecture: subject.function.architecture };
    let mut names = requirements::names(list, environment, &mut |file| {
        let path = folder.parse::<ImagePath>().ok()?.join(file).ok()?;
        text(source, path.as_str()).ok().flatten()
    });
    names.retain(|name| !GIVEN.contains(&name.as_str()));
    names
}

/// The options with which pip installs packages for the function into a folder.
fn pip_options(subject: &Subject<'_>, folder: &str) -> String {
    let (major, minor) = version(subject);
    let machine = subject.function.architecture.linux_name();
    format!(
        "-t {folder} --platform manylinux2014_{machine} --python-version {major}.{minor} --only-binary=:all:"
    )
}

fn of_source(subject: &Subject<'_>, source: &Source<'_>, folder: &str, missing: &[&String]) -> Finding {
    let message = format!(
        "`{LIST}` of {} lists {}, which neither the code nor a layer contains",
        source.name,
        named(missing)
    );
    let path = source.files.map_or_else(PathBuf::new, |files| files.path.clone());
    let is_directory = source.files.is_some_and(|files| files.kind == SourceKind::Directory);
    let below = folder[source.root.len()..].trim_start_matches('/');
    let (list, target) = if is_directory {
        let target = if source.is_code { path.clone() } else { path.join("python") };
        (shown(&path.join(below).join(LIST), source.place), shown(&target, source.place))
    } else {
        (LIST.to_owned(), "DIR".to_owned())
    };
    let command = format!("pip install -r {list} {}", pip_options(subject, &target));
    let help = if is_directory {
        format!("install them with `{command}`")
    } else {
        format!("install them with `{command}` into the folder that the archive is created from")
    };
    let help = Help::from(help);
    let help = if source.is_code { help.or(Setting::InstallRequirements) } else { help };
    let help = match is_of_tool(subject, "sam build") {
        Some(command) if !source.is_code && folder == source.root => help.or(format!(
            "add `BuildMethod: {}` to the layer's `Metadata` and run `{command}`",
            subject.contract.id
        )),
        _ => help,
    };
    finding(subject, source, message, help)
}
