//! Tells a function's dependencies from its own code, so that an edit of the code leaves their layer as it is.

use std::collections::BTreeSet;

use ignore::Match;
use ignore::gitignore::{Gitignore, Glob};

use crate::event::Event;
use crate::problem::{DocumentPath, Problem};
use crate::project::{Dependencies, Function, ImagePath};
use crate::runtime::TASK_ROOT;
use crate::tree::{Node, Tree, TreeError, compile_patterns, source_of_bytecode};

/// Far more than the list of files of any package.
const RECORD_LIMIT: usize = 16 * 1024 * 1024;

/// Moves dependencies out of the code. Bytecode goes where its source goes, beside which alone it can be told whether it
/// fits.
pub(super) fn split_off(
    code: &mut Tree,
    function: &Function,
    notes: &mut Vec<Event>,
) -> Result<Tree, TreeError> {
    match &function.dependencies {
        Dependencies::Unsplit => Ok(Tree::new()),
        Dependencies::Installed => installed(code),
        Dependencies::Matching(patterns) => matching(code, patterns, function, notes),
    }
}

/// Moves out what lies below a `node_modules`, what a Python package's `RECORD` lists, and the jars of `lib`.
fn installed(code: &mut Tree) -> Result<Tree, TreeError> {
    let recorded = recorded(code)?;
    let jars = format!("{TASK_ROOT}/lib");
    Ok(code.split_off(|path| {
        let names = path.as_str().split('/');
        let is_jar = || {
            path.folder() == jars && path.name().rsplit_once('.').is_some_and(|(_, suffix)| suffix == "jar")
        };
        let listed = source_of_bytecode(path)
            .map_or_else(|| recorded.contains(path), |source| recorded.contains(&source));
        names.into_iter().any(|name| name == "node_modules") || listed || is_jar()
    }))
}

/// Moves out what patterns match, and notes each that matches nothing.
fn matching(
    code: &mut Tree,
    patterns: &[String],
    function: &Function,
    notes: &mut Vec<Event>,
) -> Result<Tree, TreeError> {
    let all = compile_patterns(patterns)?;
    for pattern in patterns {
        let alone = compile_patterns(std::slice::from_ref(pattern))?;
        if !code.iter().any(|(path, node)| !matched(&alone, path, node).is_none()) {
            let at = DocumentPath::keys(&["functions", &function.name, "dependencies"]);
            let message = format!("no file of the code of `{}` matches `{pattern}`", function.name);
            notes.push(Event::Warning(
                Problem::new("idle-pattern", at, message)
                    .help("patterns are relative to the root of the code; remove it, or mend it"),
            ));
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
    Ok(code.split_off(|path| dependencies.contains(path)))
}

/// What patterns say of a path of the code, or of a folder above it.
fn matched<'a>(patterns: &'a Gitignore, path: &ImagePath, node: &Node) -> Match<&'a Glob> {
    match path.as_str().strip_prefix(TASK_ROOT).and_then(|rest| rest.strip_prefix('/')) {
        Some(path) => patterns.matched_path_or_any_parents(path, matches!(node, Node::Directory)),
        None => Match::None,
    }
}

/// All paths that the `RECORD` files of installed Python packages list (Core metadata specifications, "Recording
/// installed projects"), with the folders of their metadata.
fn recorded(code: &Tree) -> Result<BTreeSet<ImagePath>, TreeError> {
    let mut recorded = BTreeSet::new();
    for (path, node) in code.iter() {
        let Node::File(file) = node else { continue };
        if path.name() != "RECORD" {
            continue;
        }
        let Some(metadata) = path.parent() else { continue };
        let Some(site) = metadata.parent().filter(|_| metadata.name().ends_with(".dist-info")) else {
            continue;
        };
        let text = file.content.head(RECORD_LIMIT)?;
        for line in String::from_utf8_lossy(&text).lines() {
            // A path that climbs out of the site's folder, as scripts' do, is none that `join` takes.
            recorded.extend(site.join(first_field(line)).ok().filter(|path| code.get(path).is_some()));
        }
        recorded.insert(path.clone());
        recorded.insert(metadata);
    }
    Ok(recorded)
}

/// The first field of a line of comma-separated values. A name with a quotation mark in it is not worth a parser: it
/// stays with the code.
fn first_field(line: &str) -> &str {
    match line.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => line.split(',').next().unwrap_or_default(),
    }
}
