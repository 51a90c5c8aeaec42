//! Separates a function's dependencies from its own code, so that an edit of the code does not change their layer.

use std::collections::BTreeSet;

use ignore::Match;
use ignore::gitignore::{Gitignore, Glob};

use crate::project::{Dependencies, Function, ImagePath};
use crate::runtime::TASK_ROOT;
use crate::tree::{Node, Tree, TreeError, compile_patterns, source_of_bytecode};

/// Moves dependencies out of the code; `recorded` are the paths that installed packages list as theirs. Bytecode goes
/// where its source goes: only next to it can be checked whether the two fit. Gives the dependencies, and the patterns that
/// match nothing.
pub(super) fn split_off(
    code: &mut Tree,
    function: &Function,
    recorded: &BTreeSet<ImagePath>,
) -> Result<(Tree, Vec<String>), TreeError> {
    match &function.dependencies {
        Dependencies::Unsplit => Ok((Tree::new(), Vec::new())),
        Dependencies::Installed => Ok((installed(code, recorded), Vec::new())),
        Dependencies::Matching(patterns) => matching(code, patterns),
    }
}

/// Moves out what is below a `node_modules`, what Python packages list, and the jars of `lib`.
fn installed(code: &mut Tree, recorded: &BTreeSet<ImagePath>) -> Tree {
    let jars = format!("{TASK_ROOT}/lib");
    code.split_off(|path| {
        let names = path.as_str().split('/');
        let is_jar = || path.folder() == jars && path.suffix() == Some("jar");
        let listed = source_of_bytecode(path)
            .map_or_else(|| recorded.contains(path), |source| recorded.contains(&source));
        names.into_iter().any(|name| name == "node_modules") || listed || is_jar()
    })
}

/// Moves out what patterns match, and gives the patterns that match nothing.
fn matching(code: &mut Tree, patterns: &[String]) -> Result<(Tree, Vec<String>), TreeError> {
    let all = compile_patterns(patterns)?;
    let mut idle = Vec::new();
    for pattern in patterns {
        let alone = compile_patterns(std::slice::from_ref(pattern))?;
        if !code.iter().any(|(path, node)| !matched(&alone, path, node).is_none()) {
            idle.push(pattern.clone());
        }
    }
    let is_dependency = |(path, node): (&ImagePath, &Node)| {
        let source = source_of_bytecode(path).and_then(|source| Some((code.get(&source)?, source)));
        let matched = match &source {
            Some((node, source)) => matched(&all, source, node),
            None => matched(&all, path, node),
        };
        matched.is_ignore().then(|| path.clone())
    };
    let dependencies: BTreeSet<ImagePath> = code.iter().filter_map(is_dependency).collect();
    Ok((code.split_off(|path| dependencies.contains(path)), idle))
}

/// How patterns match a path of the code, or a folder above it.
fn matched<'a>(patterns: &'a Gitignore, path: &ImagePath, node: &Node) -> Match<&'a Glob> {
    match path.as_str().strip_prefix(TASK_ROOT).and_then(|rest| rest.strip_prefix('/')) {
        Some(path) => patterns.matched_path_or_any_parents(path, matches!(node, Node::Directory)),
        None => Match::None,
    }
}
