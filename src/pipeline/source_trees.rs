//! Loads the trees of layers, extensions, code and wrapper scripts, each to its place in the image.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::files::{self, SourceTree};
use crate::plan;
use crate::project::{
    BytecodeMode, Dependencies, Extension, Function, FunctionCode, ImagePath, InlineFile, LayerPackages,
    Source, SourceKind,
};
use crate::runtime::{LAYER_ROOT, TASK_ROOT};
use crate::tree::{FileNode, Node, Tree, TreeError};

/// The pattern of the folder of packages at the root of a source.
const NODE_MODULES: &str = "/node_modules";

/// Reads a tree whose files are at their places in the image.
pub(super) fn read(tree: Tree) -> Result<SourceTree, TreeError> {
    let started = plan::started(&tree)?;
    SourceTree::read(tree, &started)
}

/// A tree that is loaded already, in this mode.
pub(super) fn with_mode(mut tree: Tree, mode: Option<BytecodeMode>) -> Result<SourceTree, TreeError> {
    strip(&mut tree, mode);
    read(tree)
}

fn strip(tree: &mut Tree, mode: Option<BytecodeMode>) {
    if mode == Some(BytecodeMode::Strip) {
        tree.strip_bytecode();
    }
}

/// The files of a layer: their root is `/opt` (Lambda developer guide, packaging-layers).
pub(super) fn of_layer(source: &Source, mode: Option<BytecodeMode>) -> Result<SourceTree, TreeError> {
    with_mode(Tree::load(source, &plan::image_path(LAYER_ROOT)?)?, mode)
}

/// The sources of a layer over the packages that are installed for it, in the folder where the language looks for them.
pub(super) fn of_layer_with_packages(
    source: &Source,
    packages: &LayerPackages,
    installed: Option<&Tree>,
    mode: Option<BytecodeMode>,
) -> Result<SourceTree, TreeError> {
    let mut source = source.clone();
    source.exclude.extend(packages.are_of_node.then(|| NODE_MODULES.to_owned()));
    let root = plan::root_of_packages(packages.are_of_node);
    let mut tree = Tree::load(&source, &plan::image_path(root)?)?;
    if let Some(installed) = installed {
        tree.add_missing(installed);
    }
    with_mode(tree, mode)
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
    with_mode(tree, extension.bytecode)
}

/// A function's code.
#[derive(Clone)]
pub(super) struct CodeTree {
    pub(super) tree: SourceTree,
    /// The paths that installed packages list.
    pub(super) recorded: Arc<BTreeSet<ImagePath>>,
    /// The paths that limg has installed, if it has installed any.
    pub(super) installed: Option<Arc<BTreeSet<ImagePath>>>,
}

/// The function's own code over the packages that are installed for it, at the task root, which always exists. `built` is what
/// was made from its sources.
pub(super) fn of_code(
    function: &Function,
    built: Option<&Tree>,
    packages: Option<&Tree>,
) -> Result<CodeTree, TreeError> {
    let root = plan::image_path(TASK_ROOT)?;
    let mut tree = match &function.code {
        FunctionCode::Files(source) => {
            let mut source = source.clone();
            let is_of_node = function.install.as_ref().is_some_and(|install| install.list.kind.is_of_node());
            // What the user has installed there is for the machine that builds.
            source.exclude.extend(is_of_node.then(|| NODE_MODULES.to_owned()));
            Tree::load(&source, &root)?
        }
        FunctionCode::Inline(files) => inline(files, &root)?,
        FunctionCode::Built(_) => built.cloned().unwrap_or_default(),
    };
    let mut recorded = match function.dependencies {
        Dependencies::Installed => files::recorded(&tree)?,
        Dependencies::Unsplit | Dependencies::Matching(_) => BTreeSet::new(),
    };
    let installed = packages.map(|packages| {
        let mut added = tree.add_missing(packages);
        // The members of a workspace change as often as the code.
        for member in packages.followed_packages() {
            added.retain(|path| !path.is_below(member.as_str()));
        }
        // They need not be read to know what they list.
        recorded.extend(added.iter().cloned());
        Arc::new(added)
    });
    tree.insert(root, Node::Directory);
    strip(&mut tree, function.bytecode);
    Ok(CodeTree { tree: read(tree)?, recorded: Arc::new(recorded), installed })
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
