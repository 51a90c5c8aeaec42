//! Wrapper scripts: programs that get the runtime's command line and end by executing it (Lambda developer guide,
//! runtimes-modify).

use std::path::Path;

use super::environment::Environment;
use super::merge::{Found, Merged};
use super::parts::place;
use crate::problem::{DocumentPath, Problem};
use crate::project::{Function, ImagePath, Wrapper};
use crate::tree::{Node, Tree, TreeError};

/// The variable that names the wrapper.
pub(super) const VARIABLE: &str = "AWS_LAMBDA_EXEC_WRAPPER";

/// Where wrapper scripts of this machine are placed.
pub(super) const FOLDER: &str = "/opt/wrappers";

/// A wrapper in the image, and where the definition names it.
pub(super) struct Placed<'a> {
    pub(super) path: ImagePath,
    /// The file of this machine that was placed there.
    file: Option<&'a Path>,
    at: Option<DocumentPath>,
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
    super::program::make_executable(&mut tree)?;
    Ok(Some(tree).filter(|tree| !tree.is_empty()))
}

fn local_path(file: &Path) -> Result<ImagePath, TreeError> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    place(&format!("{FOLDER}/{name}"))
}

/// All wrappers of a function in the order in which they run: one that a variable names, those of the extensions in
/// their order, the function's own.
pub(super) fn chain<'a>(function: &'a Function, environment: &mut Environment<'_>) -> Vec<Placed<'a>> {
    let named = environment.take(VARIABLE).and_then(|path| path.parse().ok()).map(|path| Placed {
        path,
        file: None,
        at: None,
    });
    let of_extensions = function.extensions.iter().map(|extension| {
        (DocumentPath::keys(&["extensions", &extension.name, "wrapper"]), extension.wrapper.as_ref())
    });
    let own = (DocumentPath::keys(&["functions", &function.name, "wrapper"]), function.wrapper.as_ref());
    let defined = of_extensions.chain([own]).filter_map(|(at, wrapper)| {
        let (path, file) = match wrapper? {
            Wrapper::InImage(path) => (path.clone(), None),
            Wrapper::Local(file) => (local_path(file).ok()?, Some(file.as_path())),
        };
        Some(Placed { path, file, at: Some(at) })
    });
    named.into_iter().chain(defined).collect()
}

/// Finds wrappers that the runtime would refuse with exit code 127 (missing) or 126 (not executable), and such as take
/// each other's place.
pub(super) fn check(
    wrappers: &[Placed<'_>],
    merged: &Merged<'_>,
    at: &DocumentPath,
    problems: &mut Vec<Problem>,
) {
    for (position, wrapper) in wrappers.iter().enumerate() {
        let at = wrapper.at.clone().unwrap_or_else(|| at.clone());
        let path = &wrapper.path;
        let collides = |other: &Placed<'_>| other.path == *path && other.file != wrapper.file;
        if wrapper.file.is_some() && wrappers[..position].iter().any(collides) {
            let message = format!("two wrappers would stand at `{path}`");
            problems.push(
                Problem::new("wrapper-collision", at, message).help("give one of the files another name"),
            );
            continue;
        }
        let executable = match merged.resolve(path) {
            Some(Found::File(file)) => file.executable,
            Some(Found::BaseFile(mode)) => mode & 0o111 != 0,
            Some(Found::Directory) | None => {
                let message = format!("the wrapper `{path}` is not in the image");
                problems.push(Problem::new("missing-wrapper", at, message).help(
                    "a layer, an extension, the code or the base must bring it; a path without a leading `/` names a \
                     file of this machine, which limg then places",
                ));
                continue;
            }
        };
        if !executable {
            let message = format!("the wrapper `{path}` is not executable");
            problems.push(
                Problem::new("wrapper-not-executable", at, message)
                    .help("give it a first line such as `#!/bin/sh`, and `chmod +x` it"),
            );
        }
    }
}

/// The value of the variable for a chain of wrappers, and the script that it needs if there are several: the variable
/// can name but one, so a script runs the first and gives it the others as the start of its command.
pub(super) fn variable(wrappers: &[Placed<'_>], function: &Function) -> Option<(ImagePath, Option<String>)> {
    match wrappers {
        [] => None,
        [one] => Some((one.path.clone(), None)),
        several => {
            let quoted: Vec<_> = several
                .iter()
                .map(|wrapper| format!("'{}'", wrapper.path.as_str().replace('\'', r"'\''")))
                .collect();
            let script = format!("#!/bin/sh\nexec {} \"$@\"\n", quoted.join(" "));
            // The function's name keeps it apart from the user's own files in that folder.
            let path = format!("{FOLDER}/{}.chain", function.name).parse().ok()?;
            Some((path, Some(script)))
        }
    }
}

/// Whether a path lies in the folder of wrappers, where everything is meant to be run.
pub(super) fn is_wrapper(path: &ImagePath, node: &Node) -> bool {
    matches!(node, Node::File(_)) && path.is_below(FOLDER)
}
