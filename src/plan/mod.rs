//! Lambda's placement rules: a function, the contract of its base and the base itself become an [`ImagePlan`].
//!
//! The plan says which trees are laid over the base, in which order, and how the image runs. It is a value made of values:
//! no file is read or written here, and nothing is judged. Whether the image would work in Lambda is for [`crate::check`].

mod dependencies;
mod environment;
mod places;
mod run;
mod stack;
mod startup;
mod working_directory;
mod wrapper;

use std::collections::BTreeSet;
use std::sync::Arc;

pub(crate) use places::{EXTENSIONS, PROGRAMS, bootstraps, image_path, root_of_packages, started};
pub(crate) use stack::{Stacks, owned_trees};
pub(crate) use startup::Startup;
pub(crate) use working_directory::WorkingDirectory;
pub(crate) use wrapper::{PlacedWrapper, add_local as add_local_wrapper};

use crate::files::{FileIndex, Merge, Merged, Owner, SourceTree};
use crate::finding::Place;
use crate::project::{BytecodeMode, Function, ImagePath, RunConfig};
use crate::runtime::{Contract, TASK_ROOT};
use crate::shared::Shared;
use crate::tree::{Adjustment, FileNode, Node, Tree, TreeError, source_of_bytecode};

/// What is placed on a base, and how the image runs.
#[derive(Debug)]
pub(crate) struct ImagePlan<'a> {
    /// Trees in the order of the image's layers: what changes least comes first.
    pub layers: Vec<LayerPlan>,
    /// How the image runs.
    pub run: RunConfig,
    /// The directory that the function starts in.
    pub directory: WorkingDirectory,
    /// What starts the function.
    pub startup: Startup<'a>,
    /// The wrapper scripts in the order in which they run.
    pub wrappers: Vec<PlacedWrapper>,
    /// All files: the base's, and the layers over them.
    pub merged: Merged<'a>,
    /// What the layers hide of each other and of the base.
    pub merge: Merge,
    /// Metadata of the user's files that was changed.
    pub adjustments: Vec<Adjustment>,
    /// Patterns of dependencies that no file matches.
    pub idle_patterns: Vec<String>,
}

/// One layer of the planned image.
#[derive(Debug, Clone)]
pub(crate) struct LayerPlan {
    /// What it contains, such as `layer utils`.
    pub name: String,
    /// Where the definition has that.
    pub place: Place,
    /// Its files.
    pub tree: Shared<Tree>,
    /// The size of its files in bytes.
    pub size: u64,
    /// Which of its Python sources limg compiles.
    pub compiled: Compiled,
    /// The sources of the bytecode in it.
    sources: Arc<BTreeSet<ImagePath>>,
}

impl LayerPlan {
    /// The layer of a tree.
    pub(crate) fn new(owner: Owner, tree: Shared<Tree>) -> Self {
        let Owner { name, place } = owner;
        let sources = tree.iter().filter_map(|(path, _)| source_of_bytecode(path)).collect();
        Self { name, place, size: tree.size(), compiled: Compiled::None, sources: Arc::new(sources), tree }
    }

    /// Whether limg compiles all sources of the bytecode in it, so that it does not matter whether that is valid.
    pub(crate) fn is_compiled(&self) -> bool {
        match &self.compiled {
            Compiled::All | Compiled::Installed(None) => true,
            Compiled::Installed(Some(installed)) => self.sources.is_subset(installed),
            Compiled::None | Compiled::Unset => false,
        }
    }

    /// Whether it contains bytecode of Python.
    pub(crate) fn has_bytecode(&self) -> bool {
        !self.sources.is_empty()
    }
}

/// Which Python sources of a layer limg compiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Compiled {
    /// None.
    None,
    /// None, since the definition does not say so.
    Unset,
    /// Those that limg has installed: these, or all.
    Installed(Option<Arc<BTreeSet<ImagePath>>>),
    /// All, since the definition says so.
    All,
}

impl Compiled {
    /// What the definition says, or what holds without that.
    fn of(mode: Option<BytecodeMode>, default: Self) -> Self {
        match mode {
            Some(BytecodeMode::Compile) => Self::All,
            Some(BytecodeMode::Keep | BytecodeMode::Strip) => Self::None,
            None => default,
        }
    }
}

/// The trees of one function. Several functions may share one.
#[derive(Debug, Clone)]
pub(crate) struct FunctionTrees {
    /// One per layer of the function, in its order.
    pub layers: Vec<SourceTree>,
    /// One per extension of the function, in its order; empty for an extension without files.
    pub extensions: Vec<SourceTree>,
    /// The function's own wrapper script, if it is a local file.
    pub wrapper: Option<SourceTree>,
    /// The function's own code.
    pub code: SourceTree,
    /// The paths of the code that installed packages list as theirs.
    pub recorded: Arc<BTreeSet<ImagePath>>,
    /// The paths of the code that limg has installed, if it has installed any.
    pub installed: Option<Arc<BTreeSet<ImagePath>>>,
}

/// The base of a function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BaseFacts<'a> {
    /// How its config says that it runs.
    pub run: &'a RunConfig,
    /// The files that it has.
    pub index: &'a Shared<FileIndex>,
}

/// Places a function on its base. `stacks` keeps what other functions have in common with it.
///
/// # Errors
/// When a name cannot be part of an image path, or a pattern cannot be read; the definition rules both out.
pub(crate) fn plan<'a>(
    function: &Function,
    contract: &'a Contract,
    base: BaseFacts<'a>,
    trees: &FunctionTrees,
    stacks: &mut Stacks,
) -> Result<ImagePlan<'a>, TreeError> {
    let stack = stacks.of(function, trees, base.index);
    let mut planner = Planner {
        function,
        contract,
        base,
        merged: Merged::new(base.index, stack.trees.clone()),
        layers: stack.layers.clone(),
        merge: stack.merge.clone(),
        adjustments: stack.adjustments.clone(),
    };
    let idle_patterns = planner.lay(trees)?;
    let startup = planner.startup()?;
    let wrappers = wrapper::chain(function, base.run)?;
    // Clients and programs start in the task root, where they look for modules.
    let inherited =
        base.run.working_directory.as_deref().filter(|_| matches!(startup, Startup::Script { .. }));
    let directory = WorkingDirectory::choose(inherited, &planner.merged);
    let run = planner.run_config(&startup, &wrappers, &directory)?;
    let Planner { merged, layers, merge, adjustments, .. } = planner;
    Ok(ImagePlan { layers, run, directory, startup, wrappers, merged, merge, adjustments, idle_patterns })
}

/// The state of one call of [`plan`].
struct Planner<'f, 'a> {
    function: &'f Function,
    contract: &'a Contract,
    base: BaseFacts<'a>,
    merged: Merged<'a>,
    layers: Vec<LayerPlan>,
    merge: Merge,
    adjustments: Vec<Adjustment>,
}

impl Planner<'_, '_> {
    /// Lays what belongs to the function alone over its layers and extensions. Gives the patterns of dependencies that match
    /// nothing.
    fn lay(&mut self, trees: &FunctionTrees) -> Result<Vec<String>, TreeError> {
        let Function { image, places, .. } = self.function;
        // Images of several functions have layers in common only if these have the same names.
        let name = &image.name;
        if let Some(wrapper) = &trees.wrapper {
            let place = self.function.wrapper.as_ref().map_or(&places.function, |wrapper| &wrapper.place);
            self.add(format!("wrapper of {name}"), place, wrapper.tree.clone(), Compiled::None);
        }
        let mut code = Tree::clone(&trees.code.tree);
        let installed = trees.installed.as_deref();
        let (dependencies, idle) =
            dependencies::split_off(&mut code, self.function, &trees.recorded, installed)?;
        let installed = trees.installed.clone().map(Some);
        let compiled =
            Compiled::of(self.function.bytecode, installed.map_or(Compiled::Unset, Compiled::Installed));
        for (package, tree) in dependencies::by_size(dependencies, TASK_ROOT) {
            let what = package.map_or("dependencies".to_owned(), |package| format!("dependency {package}"));
            self.add(format!("{what} of {name}"), &places.code, Shared::new(tree), compiled.clone());
        }
        self.add(stack::code_name(self.function), &places.code, Shared::new(code), compiled);
        Ok(idle)
    }

    fn add(&mut self, name: String, place: &Place, tree: Shared<Tree>, compiled: Compiled) {
        let owner = Owner { name, place: place.clone() };
        self.adjustments.extend(tree.adjustments().iter().cloned());
        let mut laid = LayerPlan::new(owner, tree);
        laid.compiled = compiled;
        stack::lay(&mut self.layers, &mut self.merged, &mut self.merge, laid);
    }

    /// Adds a program of limg's own.
    fn add_own(&mut self, name: String, path: ImagePath, content: &str) {
        let mut tree = Tree::new();
        tree.insert(path, Node::File(FileNode::of_bytes(content.as_bytes(), true)));
        self.add(name, &self.function.places.function, Shared::new(tree), Compiled::None);
    }

    /// Adds a program of limg's own below everything else: it never changes.
    fn add_lowest(&mut self, name: &str, path: ImagePath, content: &str) {
        self.add_own(name.to_owned(), path, content);
        self.layers.rotate_right(1);
    }
}

#[cfg(test)]
pub(crate) mod tests;
