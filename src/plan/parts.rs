//! The trees that a function is made of, each at its place, whichever function uses it.

use std::sync::Arc;

use super::{program, wrapper};
use crate::project::{Extension, Function, ImagePath, Source, SourceKind};
use crate::runtime::{LAYER_ROOT, TASK_ROOT};
use crate::tree::{Node, Tree, TreeError};

/// The trees of one function. Several functions may share one.
#[derive(Debug, Clone)]
pub struct Parts {
    /// One per layer of the function, in its order.
    pub layers: Vec<Arc<Tree>>,
    /// One per extension of the function, in its order; empty for one that has no files.
    pub extensions: Vec<Arc<Tree>>,
    /// The function's own code.
    pub code: Arc<Tree>,
}

/// The files of a layer that are on this machine: their root is `/opt` (Lambda developer guide, packaging-layers).
///
/// # Errors
/// When they cannot be listed.
pub fn layer_tree(source: &Source) -> Result<Tree, TreeError> {
    let mut tree = Tree::load(source, &place(LAYER_ROOT)?)?;
    program::make_executable(&mut tree)?;
    Ok(tree)
}

/// The files of a layer that were taken from another image and stand at their place already.
///
/// # Errors
/// When they cannot be read.
pub fn image_tree(mut tree: Tree) -> Result<Tree, TreeError> {
    program::make_executable(&mut tree)?;
    Ok(tree)
}

/// The files of an extension: one executable becomes `/opt/extensions/NAME`; a directory or zip is rooted at `/opt`; a
/// local wrapper script goes to `/opt/wrappers`.
///
/// # Errors
/// When they cannot be listed.
pub fn extension_tree(extension: &Extension) -> Result<Tree, TreeError> {
    let root = place(LAYER_ROOT)?;
    let mut tree = match &extension.source {
        Some(source) if source.kind == SourceKind::File => {
            let mut tree = Tree::new();
            tree.add_file(&source.path, place(&format!("{}/{}", program::EXTENSIONS, extension.name))?)?;
            tree
        }
        Some(source) => Tree::load(source, &root)?,
        None => Tree::new(),
    };
    wrapper::add_local(&mut tree, extension.wrapper.as_ref())?;
    program::make_executable(&mut tree)?;
    Ok(tree)
}

/// The function's own code, at the task root, which is always there.
///
/// # Errors
/// When it cannot be listed.
pub fn code_tree(function: &Function) -> Result<Tree, TreeError> {
    let root = place(TASK_ROOT)?;
    let mut tree = Tree::load(&function.code, &root)?;
    tree.insert(root, Node::Directory);
    program::make_executable(&mut tree)?;
    Ok(tree)
}

/// An image path that is fixed but for a name that the definition has checked.
pub(super) fn place(path: &str) -> Result<ImagePath, TreeError> {
    path.parse().map_err(|source| TreeError::Path { what: path.to_owned(), source })
}
