//! The trees that a function is made of, each at its place, whichever function uses it.

use std::sync::Arc;

use super::machine::{self, Machine};
use super::{program, wrapper};
use crate::project::{Extension, Function, ImagePath, Source, SourceKind};
use crate::runtime::{LAYER_ROOT, TASK_ROOT};
use crate::tree::{Node, Tree, TreeError};

/// One of the trees that a function is made of.
#[derive(Debug, Clone)]
pub struct Part {
    /// The tree.
    pub tree: Arc<Tree>,
    /// What its programs and libraries are built for. Read once, for all functions that share the tree.
    pub(super) machines: Arc<[(ImagePath, Machine)]>,
}

impl Part {
    /// Makes programs executable where Lambda runs what it finds, and looks what they are built for.
    fn new(mut tree: Tree) -> Result<Self, TreeError> {
        program::make_executable(&mut tree)?;
        let machines = machine::list(&tree)?.into();
        Ok(Self { tree: Arc::new(tree), machines })
    }
}

/// The trees of one function. Several functions may share one.
#[derive(Debug, Clone)]
pub struct Parts {
    /// One per layer of the function, in its order.
    pub layers: Vec<Part>,
    /// One per extension of the function, in its order; empty for one that has no files.
    pub extensions: Vec<Part>,
    /// The function's own code.
    pub code: Part,
}

/// The files of a layer that are on this machine: their root is `/opt` (Lambda developer guide, packaging-layers).
///
/// # Errors
/// When they cannot be listed.
pub fn layer_tree(source: &Source) -> Result<Part, TreeError> {
    Part::new(Tree::load(source, &place(LAYER_ROOT)?)?)
}

/// The files of a layer that were taken from another image and stand at their place already.
///
/// # Errors
/// When they cannot be read.
pub fn image_tree(tree: Tree) -> Result<Part, TreeError> {
    Part::new(tree)
}

/// The files of an extension: one executable becomes `/opt/extensions/NAME`; a directory or zip is rooted at `/opt`; a
/// local wrapper script goes to `/opt/wrappers`.
///
/// # Errors
/// When they cannot be listed.
pub fn extension_tree(extension: &Extension) -> Result<Part, TreeError> {
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
    Part::new(tree)
}

/// The function's own code, at the task root, which is always there.
///
/// # Errors
/// When it cannot be listed.
pub fn code_tree(function: &Function) -> Result<Part, TreeError> {
    let root = place(TASK_ROOT)?;
    let mut tree = Tree::load(&function.code, &root)?;
    tree.insert(root, Node::Directory);
    Part::new(tree)
}

/// An image path that is fixed but for a name that the definition has checked.
pub(super) fn place(path: &str) -> Result<ImagePath, TreeError> {
    path.parse().map_err(|source| TreeError::Path { what: path.to_owned(), source })
}
