//! The fixed places of an image where Lambda looks for what it runs.

use crate::project::ImagePath;
use crate::runtime::{LAYER_ROOT, TASK_ROOT};
use crate::tree::{Tree, TreeError};

/// Where Lambda looks for external extensions: it starts every file directly in it (Lambda developer guide,
/// lambda-extensions).
pub(crate) const EXTENSIONS: &str = "/opt/extensions";

/// Where limg places local wrapper scripts.
pub(super) const WRAPPERS: &str = "/opt/wrappers";

/// The folder of layers on the search path for programs.
pub(crate) const PROGRAMS: &str = "/opt/bin";

/// Where Lambda looks for a custom runtime, in this order (Lambda developer guide, runtimes-custom).
///
/// # Errors
/// Never: the paths are fixed.
pub(crate) fn bootstraps() -> Result<[ImagePath; 2], TreeError> {
    Ok([image_path(&format!("{TASK_ROOT}/bootstrap"))?, image_path(&format!("{LAYER_ROOT}/bootstrap"))?])
}

/// The folder of a layer in which every Python finds packages, and the one in which every Node.js finds `node_modules` (Lambda
/// developer guide, packaging-layers).
pub(crate) fn root_of_packages(are_of_node: bool) -> &'static str {
    if are_of_node { "/opt/nodejs" } else { "/opt/python" }
}

/// The paths of a tree where Lambda starts what it finds as a program, sorted.
///
/// # Errors
/// Never: the paths are fixed.
pub(crate) fn started(tree: &Tree) -> Result<Vec<ImagePath>, TreeError> {
    let directly_in = |folder| tree.below(folder).filter(move |(path, _)| path.folder() == folder);
    let found = directly_in(EXTENSIONS).chain(directly_in(PROGRAMS)).chain(tree.below(WRAPPERS));
    let mut started: Vec<ImagePath> = found.map(|(path, _)| path.clone()).collect();
    started.extend(bootstraps()?.into_iter().filter(|path| tree.get(path).is_some()));
    started.sort();
    Ok(started)
}

/// An image path that is fixed except for a name that the definition has checked.
///
/// # Errors
/// When the name is not one.
pub(crate) fn image_path(path: &str) -> Result<ImagePath, TreeError> {
    path.parse().map_err(|source| TreeError::Path { what: path.to_owned(), source })
}
