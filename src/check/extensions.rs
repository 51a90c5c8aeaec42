//! Extensions: what Lambda starts from `/opt/extensions`.

use std::collections::BTreeSet;

use super::{Subject, programs};
use crate::finding::{Code, Finding};
use crate::plan::EXTENSIONS;
use crate::project::Extension;
use crate::tree::{Node, Tree, TreeError};

/// How many extensions may register (Lambda developer guide, runtimes-extensions-api).
pub(super) const LIMIT: usize = 10;

/// A file that switches extensions off (aws-lambda-runtime-interface-emulator, extensions/extensions.go).
pub(super) const SWITCH: &str = "/opt/disable-extensions-jwigqn8j";

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let (merged, function) = (&subject.plan.merged, subject.function);
    let mut findings = Vec::new();
    let mut number = 0;
    let paths = merged.children(EXTENSIONS);
    let mut checked = BTreeSet::new();
    for path in &paths {
        let Some(owner) = merged.owner(path.as_str()) else { continue };
        if matches!(merged.get(path), Some(Node::Directory)) {
            continue;
        }
        number += 1;
        // A link to an extension that is checked itself, or to a program that another link leads to, is not reported again.
        let real = merged.real_path(path).unwrap_or_else(|| path.to_string());
        if (real != path.as_str() && paths.contains(real.as_str())) || !checked.insert(real) {
            continue;
        }
        let name = format!("the extension `{path}` of {}", owner.name);
        findings.extend(programs::check(subject, path, &name, &owner.place)?);
    }
    if number > LIMIT {
        let message =
            format!("`{EXTENSIONS}` has {number} files, but Lambda starts at most {LIMIT} extensions");
        findings.push(
            Finding::error(Code::TooManyExtensions, function.places.extensions.clone(), message)
                .help("remove some, or move support files to a folder of their own below `/opt`"),
        );
    }
    if let Some(owner) = merged.owner(SWITCH) {
        let message =
            format!("{} has the file `{SWITCH}`, which keeps Lambda from starting any extension", owner.name);
        findings.push(
            Finding::warning(Code::ExtensionsSwitchedOff, owner.place.clone(), message)
                .about([SWITCH])
                .help("remove the file, unless it is intended"),
        );
    }
    let trees = function.extensions.iter().zip(&subject.trees.extensions);
    findings.extend(trees.filter_map(|(extension, source)| idle(extension, &source.tree)));
    Ok(findings)
}

/// An extension with files of which Lambda starts none.
fn idle(extension: &Extension, tree: &Tree) -> Option<Finding> {
    let starts = tree
        .below(EXTENSIONS)
        .any(|(path, node)| path.folder() == EXTENSIONS && !matches!(node, Node::Directory));
    let is_internal = !extension.environment.is_empty() || extension.wrapper.is_some();
    (extension.source.is_some() && !starts && !is_internal).then(|| {
        let message = format!(
            "the extension `{}` has nothing in `extensions/`, so Lambda would not start any of its files",
            extension.name
        );
        Finding::warning(Code::IdleExtension, extension.source_place.clone(), message)
            .help("put the program into a folder `extensions` at its root, which becomes `/opt`, or name the program itself")
    })
}
