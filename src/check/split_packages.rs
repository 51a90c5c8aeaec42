//! A Python package with an `__init__.py` is in one folder: Python does not look for further modules of it in the other folders of
//! its search path (Python reference, "Namespace packages"; PEP 420).

use std::collections::{BTreeMap, BTreeSet};

use super::{Subject, named};
use crate::finding::{Code, Finding, Place};
use crate::project::ImagePath;
use crate::runtime::{LAYER_ROOT, Language, TASK_ROOT};
use crate::tree::{FileNode, Node, TreeError};

/// How much of an `__init__.py` is read.
const READ: usize = 64 * 1024;

/// What an `__init__.py` contains that lets Python look in other folders too.
const EXTENDS: [&str; 3] = ["extend_path", "declare_namespace", "__path__"];

/// Folders that many packages install by mistake, and that no function imports.
const NEVER_IMPORTED: [&str; 8] =
    ["benchmarks", "bin", "docs", "examples", "include", "scripts", "test", "tests"];

/// The part of a package that is in one folder of the search path.
struct Part<'a> {
    /// The folder of the search path.
    root: &'a str,
    /// Its `__init__.py`, unless that is compiled only.
    initial: Option<Initial<'a>>,
    /// Its modules and packages.
    modules: BTreeSet<&'a str>,
    /// The first source that has files of it.
    source: String,
    place: &'a Place,
}

enum Initial<'a> {
    Source(&'a FileNode),
    Compiled,
}

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    if subject.contract.language() != Some(Language::Python) {
        return Ok(Vec::new());
    }
    let of_layers = subject.contract.search_path("PYTHONPATH").filter(|root| root.starts_with(LAYER_ROOT));
    let roots: Vec<&str> = [TASK_ROOT].into_iter().chain(of_layers).collect();
    let mut findings = Vec::new();
    for (name, parts) in packages(subject, &roots) {
        // Python uses the first part with an `__init__.py`, and all parts if there is none.
        let Some(used) = parts.iter().position(|part| part.initial.is_some()) else { continue };
        let own = &parts[used];
        if extends(own)? {
            continue;
        }
        // Parts that share modules are copies, of which Python uses one as is meant.
        let hidden = parts.iter().enumerate().filter(|(position, part)| {
            *position != used && !part.modules.is_empty() && part.modules.is_disjoint(&own.modules)
        });
        findings.extend(hidden.map(|(_, part)| finding(name, own, part)));
    }
    Ok(findings)
}

/// The packages of the function and its layers by name, each with its parts in the order of the search path.
fn packages<'a>(subject: &Subject<'a>, roots: &[&'a str]) -> BTreeMap<&'a str, Vec<Part<'a>>> {
    let mut found: BTreeMap<&str, BTreeMap<usize, Part<'_>>> = BTreeMap::new();
    for source in subject.sources() {
        for (path, node) in source.tree.tree.iter() {
            let below = |root: &&str| path.as_str().strip_prefix(root)?.strip_prefix('/');
            // A folder of the search path that is in another one comes first.
            let Some((position, rest)) =
                roots.iter().enumerate().find_map(|(position, root)| Some((position, below(root)?)))
            else {
                continue;
            };
            let Some((name, inside)) = rest.split_once('/').filter(|(name, _)| is_package(name)) else {
                continue;
            };
            let Some(module) = module(path, inside) else { continue };
            let part = found.entry(name).or_default().entry(position).or_insert_with(|| Part {
                root: roots[position],
                initial: None,
                modules: BTreeSet::new(),
                source: source.name.clone(),
                place: source.place,
            });
            match node {
                _ if module != "__init__" => {
                    part.modules.insert(module);
                }
                Node::File(file) if path.suffix() == Some("py") => part.initial = Some(Initial::Source(file)),
                _ => {
                    part.initial.get_or_insert(Initial::Compiled);
                }
            }
        }
    }
    let parts = found.into_iter().map(|(name, parts)| (name, parts.into_values().collect::<Vec<_>>()));
    parts.filter(|(_, parts)| parts.len() > 1).collect()
}

fn is_package(name: &str) -> bool {
    !name.contains(['.', '-']) && name != "__pycache__" && !NEVER_IMPORTED.contains(&name)
}

/// The module directly in a package that a file belongs to.
fn module<'a>(path: &'a ImagePath, inside: &'a str) -> Option<&'a str> {
    let is_module = matches!(path.suffix(), Some("py" | "pyc" | "so"));
    let first = inside.split('/').next()?;
    let name = first.split('.').next()?;
    (is_module && first != "__pycache__").then_some(name)
}

/// Whether a part lets Python look for its modules in other folders.
fn extends(part: &Part<'_>) -> Result<bool, TreeError> {
    let Some(Initial::Source(file)) = &part.initial else { return Ok(true) };
    let text = file.content.head(READ)?;
    let text = String::from_utf8_lossy(&text);
    Ok(EXTENDS.iter().any(|word| text.contains(word)))
}

fn finding(name: &str, used: &Part<'_>, hidden: &Part<'_>) -> Finding {
    let modules: Vec<String> = hidden.modules.iter().map(|module| format!("{name}.{module}")).collect();
    let message = format!(
        "{} has {} in `{}`, which Python does not find: it uses the package `{name}` in `{}`",
        hidden.source,
        named(&modules),
        hidden.root,
        used.root
    );
    Finding::warning(Code::SplitPackage, hidden.place.clone(), message)
        .about([format!("{}/{name}", hidden.root)])
        .help(format!(
            "rename one of the two, put all modules of `{name}` into one folder, or remove the `__init__.py` of both"
        ))
}
