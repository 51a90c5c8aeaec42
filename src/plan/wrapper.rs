//! Wrapper scripts: programs that get the runtime's command line and end by executing it (Lambda developer guide,
//! runtimes-modify).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::merge::Merged;
use super::parts::place;
use super::{Findings, program};
use crate::problem::{DocumentPath, Problem};
use crate::project::{Function, ImagePath, RunConfig, Wrapper};
use crate::tree::{Tree, TreeError};

/// The variable that names the wrapper.
pub(super) const VARIABLE: &str = "AWS_LAMBDA_EXEC_WRAPPER";

/// Where wrapper scripts of this machine are placed: everything in it is meant to be run.
pub(super) const FOLDER: &str = "/opt/wrappers";

/// A wrapper in the image, and where the definition names it.
pub(super) struct Placed<'a> {
    pub(super) path: ImagePath,
    /// The file of this machine that was placed there.
    file: Option<&'a Path>,
    pub(super) at: DocumentPath,
}

/// Adds a wrapper script of this machine to the tree of what it belongs to.
pub(super) fn add_local(tree: &mut Tree, wrapper: Option<&Wrapper>) -> Result<(), TreeError> {
    match wrapper {
        Some(Wrapper::Local(file)) => tree.add_file(file, local_path(file)?),
        Some(Wrapper::InImage(_)) | None => Ok(()),
    }
}

/// The function's own wrapper script as a tree, if it is a file of this machine.
pub(super) fn own_tree(function: &Function) -> Result<Option<Tree>, TreeError> {
    let mut tree = Tree::new();
    add_local(&mut tree, function.wrapper.as_ref())?;
    program::make_executable(&mut tree)?;
    Ok(Some(tree).filter(|tree| !tree.is_empty()))
}

fn local_path(file: &Path) -> Result<ImagePath, TreeError> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    place(&format!("{FOLDER}/{name}"))
}

/// All wrappers of a function in the order in which they run: the base's, those of the extensions in their order, the
/// function's own. Each may be named by the key `wrapper` or by the variable.
pub(super) fn chain<'a>(
    function: &'a Function,
    base: &'a RunConfig,
    findings: &mut Findings,
) -> Result<Vec<Placed<'a>>, TreeError> {
    let base: BTreeMap<String, String> = base.environment.iter().cloned().collect();
    let own = DocumentPath::keys(&["functions", &function.name]);
    let mut wrappers = Vec::new();
    named(&base, &own.key("runtime"), &mut wrappers, findings);
    for extension in &function.extensions {
        let at = DocumentPath::keys(&["extensions", &extension.name]);
        named(&extension.environment, &at.key("environment").key(VARIABLE), &mut wrappers, findings);
        wrappers.extend(placed(extension.wrapper.as_ref(), at.key("wrapper"))?);
    }
    named(&function.environment, &own.key("environment").key(VARIABLE), &mut wrappers, findings);
    wrappers.extend(placed(function.wrapper.as_ref(), own.key("wrapper"))?);
    // One that an extension and the function both name is one: what it changes must not be changed again.
    let mut seen = BTreeSet::new();
    wrappers.retain(|wrapper| seen.insert((wrapper.path.clone(), wrapper.file)));
    Ok(wrappers)
}

/// The wrapper that the variable names.
fn named(
    variables: &BTreeMap<String, String>,
    at: &DocumentPath,
    wrappers: &mut Vec<Placed<'_>>,
    findings: &mut Findings,
) {
    let Some(value) = variables.get(VARIABLE).filter(|value| !value.is_empty()) else { return };
    match value.parse() {
        Ok(path) => wrappers.push(Placed { path, file: None, at: at.clone() }),
        Err(error) => {
            let problem = Problem::new(
                "bad-wrapper",
                at.clone(),
                format!("`{VARIABLE}` is no path of the image: {error}"),
            );
            findings.problems.push(problem.help("write the absolute path of a program in the image"));
        }
    }
}

fn placed(wrapper: Option<&Wrapper>, at: DocumentPath) -> Result<Option<Placed<'_>>, TreeError> {
    Ok(match wrapper {
        None => None,
        Some(Wrapper::InImage(path)) => Some(Placed { path: path.clone(), file: None, at }),
        Some(Wrapper::Local(file)) => {
            Some(Placed { path: local_path(file)?, file: Some(file.as_path()), at })
        }
    })
}

/// Finds wrappers that could not be started, for which the runtime ends with exit code 127 or 126, and such as take each
/// other's place.
pub(super) fn check(
    wrappers: &[Placed<'_>],
    merged: &Merged<'_>,
    findings: &mut Findings,
) -> Result<(), TreeError> {
    for (position, wrapper) in wrappers.iter().enumerate() {
        let path = &wrapper.path;
        let collides = |other: &Placed<'_>| other.path == *path && other.file != wrapper.file;
        if wrapper.file.is_some() && wrappers[..position].iter().any(collides) {
            let message = format!("two wrappers would stand at `{path}`");
            let problem = Problem::new("wrapper-collision", wrapper.at.clone(), message);
            findings.problems.push(problem.help("give one of the files another name"));
        } else if merged.resolve(path).is_none() {
            let message = format!("the wrapper `{path}` is not in the image");
            findings.problems.push(Problem::new("missing-wrapper", wrapper.at.clone(), message).help(
                "a layer, an extension, the code or the base must bring it; a path without a leading `/` names a file of \
                 this machine, which limg then places",
            ));
        } else {
            program::check(merged, path, &format!("the wrapper `{path}`"), &wrapper.at, findings)?;
        }
    }
    Ok(())
}

/// What the variable is to be for a chain of wrappers, and the script that it needs if there are several: the variable
/// can name but one, so a script runs the first and gives it the others as the start of its command.
pub(super) fn variable(
    wrappers: &[Placed<'_>],
    function: &Function,
) -> Result<Option<(ImagePath, Option<String>)>, TreeError> {
    Ok(match wrappers {
        [] => None,
        [one] => Some((one.path.clone(), None)),
        several => {
            let quoted: Vec<_> = several
                .iter()
                .map(|wrapper| format!("'{}'", wrapper.path.as_str().replace('\'', r"'\''")))
                .collect();
            let script = format!("#!/bin/sh\nexec {} \"$@\"\n", quoted.join(" "));
            Some((place(&format!("{FOLDER}/{}.chain", function.name))?, Some(script)))
        }
    })
}
