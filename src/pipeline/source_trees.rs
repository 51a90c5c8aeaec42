//! Loads the trees of layers, extensions, code and wrapper scripts, each to its place in the image.

use std::collections::BTreeSet;

use crate::files::{self, SourceTree};
use crate::plan;
use crate::project::{
    Dependencies, Extension, Function, FunctionCode, ImagePath, InlineFile, Source, SourceKind,
};
use crate::runtime::{LAYER_ROOT, TASK_ROOT};
use crate::tree::{FileNode, Node, Tree, TreeError};

/// Reads a tree whose files are at their places in the image.
pub(super) fn read(tree: Tree) -> Result<SourceTree, TreeError> {
    let started = plan::started(&tree)?;
    SourceTree::read(tree, &started)
}

/// The files of a layer: their root is `/opt` (Lambda developer guide, packaging-layers).
pub(super) fn of_layer(source: &Source) -> Result<SourceTree, TreeError> {
    read(Tree::load(source, &plan::image_path(LAYER_ROOT)?)?)
}

/// The files of an extension: one executable becomes `/opt/extensions/NAME`; a directory or zip is rooted at `/opt`; a
/// local wrapper script goes to `/opt/wrappers`.
pub(super) fn of_extension(extension: &Extension) -> Result<SourceTree, TreeError> {
    let mut tree = match &extension.source {
        Some(source) if source.kind == SourceKind::File => {
            let mut tree = Tree::new();
            let path = plan::image_path(&format!("{}/{}", plan::EXTENSIONS, extension.name))?;
            tree.add_file(&source.path, path)?;
            tree
        }
        Some(source) => Tree::load(source, &plan::image_path(LAYER_ROOT)?)?,
        None => Tree::new(),
    };
    plan::add_local_wrapper(&mut tree, extension.wrapper.as_ref())?;
    read(tree)
}

/// The function's own code over the packages that are installed for it, at the task root, which always exists; and the paths
/// that installed packages list.
pub(super) fn of_code(
    function: &Function,
    packages: Option<&Tree>,
) -> Result<(SourceTree, BTreeSet<ImagePath>), TreeError> {
    let root = plan::image_path(TASK_ROOT)?;
    let mut tree = match &function.code {
        FunctionCode::Files(source) => Tree::load(source, &root)?,
        FunctionCode::Inline(files) => inline(files, &root)?,
    };
    for (path, node) in packages.into_iter().flat_map(Tree::iter) {
        if tree.get(path).is_none() {
            tree.insert(path.clone(), node.clone());
        }
    }
    tree.insert(root, Node::Directory);
    let recorded = match function.dependencies {
        Dependencies::Installed => files::recorded(&tree)?,
        Dependencies::Unsplit | Dependencies::Matching(_) => BTreeSet::new(),
    };
    Ok((read(tree)?, recorded))
}

/// Files whose content is in the definition.
fn inline(files: &[InlineFile], root: &ImagePath) -> Result<Tree, TreeError> {
    let mut tree = Tree::new();
    for InlineFile { name, content } in files {
        let file = FileNode::of_bytes(content.as_bytes(), false);
        tree.insert(plan::image_path(&format!("{root}/{name}"))?, Node::File(file));
    }
    Ok(tree)
}

/// The function's own wrapper script, if it is a local file.
pub(super) fn of_wrapper(function: &Function) -> Result<Option<SourceTree>, TreeError> {
    let mut tree = Tree::new();
    plan::add_local_wrapper(&mut tree, function.wrapper.as_ref())?;
    if tree.is_empty() { Ok(None) } else { read(tree).map(Some) }
}
