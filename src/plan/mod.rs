//! Lambda's placement rules: a function, the contract of its base and the base itself become an [`ImagePlan`].
//!
//! The plan says which trees are laid over the base, in which order, and how the image runs. Nothing is written here, and
//! of the user's files only the first bytes of programs are read. All problems of a function are found in one go.

mod dependencies;
mod environment;
mod machine;
mod merge;
mod parts;
mod program;
mod run;
mod stack;
mod wrapper;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use parts::{Part, Parts, code_tree, extension_tree, image_tree, layer_tree};
pub use stack::Stacks;

use crate::event::Event;
use crate::files::FileIndex;
use crate::problem::{DocumentPath, Problem};
use crate::project::{Function, ImagePath, LayerSource, RunConfig};
use crate::runtime::Contract;
use crate::tree::{FileNode, Node, Tree, TreeError, source_of_bytecode};
use merge::{Merged, Owner};

/// What is to be put on a base, and how the image runs.
#[derive(Debug)]
pub struct ImagePlan {
    /// Trees in the order of the image's layers: what changes least comes first.
    pub layers: Vec<LayerPlan>,
    /// How the image runs.
    pub run: RunConfig,
    /// What is worth telling the user.
    pub notes: Vec<Event>,
}

/// One layer of the image to be.
#[derive(Debug, Clone)]
pub struct LayerPlan {
    /// What it holds, such as `layer utils`.
    pub name: String,
    /// Its files.
    pub tree: Arc<Tree>,
    /// The size of its files in bytes.
    pub size: u64,
    /// The sources of the bytecode in it.
    sources: Arc<BTreeSet<ImagePath>>,
}

impl LayerPlan {
    /// The layer of a tree; `name` says what it holds.
    pub(crate) fn new(name: String, tree: Arc<Tree>) -> Self {
        let sources = tree.iter().filter_map(|(path, _)| source_of_bytecode(path)).collect();
        Self { name, size: tree.size(), sources: Arc::new(sources), tree }
    }
}

/// The base that a function stands on.
#[derive(Debug, Clone, Copy)]
pub struct BaseFacts<'a> {
    /// What its config says about running.
    pub run: &'a RunConfig,
    /// What files it has.
    pub index: &'a FileIndex,
}

/// A function that cannot be placed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The definition asks for what cannot work.
    #[error("the definition asks for what cannot work")]
    Problems(Vec<Problem>),
    /// A file could not be looked at.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Places a function on its base. `stacks` keeps for other functions what they have in common with it.
///
/// # Errors
/// With all problems that were found, or when a program cannot be read.
pub fn plan<'a>(
    function: &Function,
    contract: &Contract,
    base: BaseFacts<'a>,
    parts: &Parts,
    stacks: &mut Stacks<'a>,
) -> Result<ImagePlan, PlanError> {
    let stack = stacks.of(function, parts, base.index);
    let mut planner = Planner {
        function,
        contract,
        base,
        at: DocumentPath::keys(&["functions", &function.name]),
        merged: Merged::new(base.index, function.architecture, stack.trees.clone()),
        layers: stack.layers.clone(),
        findings: stack.findings.clone(),
    };
    planner.lay(parts)?;
    planner.check_programs(parts)?;
    let run = planner.run_config()?;
    planner.check_machines(parts);
    let Findings { notes, problems, .. } = planner.findings;
    if problems.is_empty() {
        Ok(ImagePlan { layers: planner.layers, run, notes })
    } else {
        Err(PlanError::Problems(problems))
    }
}

/// Whether a problem goes away when the base has more files than [`BaseFacts::index`] says.
#[must_use]
pub fn may_be_solved_by_base(problem: &Problem) -> bool {
    matches!(problem.code, "missing-wrapper" | "no-bootstrap" | "not-a-program")
}

/// The state of one call of [`plan`].
struct Planner<'a> {
    function: &'a Function,
    contract: &'a Contract,
    base: BaseFacts<'a>,
    at: DocumentPath,
    merged: Merged<'a>,
    layers: Vec<LayerPlan>,
    findings: Findings,
}

/// What there is to tell of a function.
#[derive(Clone, Default)]
struct Findings {
    notes: Vec<Event>,
    problems: Vec<Problem>,
    /// What Lambda would start and is built for another machine, which has its problem already.
    misbuilt: BTreeSet<ImagePath>,
}

impl Findings {
    /// Notes that a path is taken by something of another kind, once however often it shows.
    fn contradiction(&mut self, owner: &Owner<'_>, what: &str, help: &str) {
        let message = format!("{} has {what}", owner.name);
        if self.problems.iter().all(|problem| problem.message != message) {
            let problem = Problem::new("file-over-directory", owner.at.clone(), message);
            self.problems.push(problem.help(help));
        }
    }
}

impl Planner<'_> {
    /// Lays what is the function's own over its layers and extensions.
    fn lay(&mut self, parts: &Parts) -> Result<(), TreeError> {
        if let Some(wrapper) = wrapper::own_tree(self.function)? {
            let at = self.at.key("wrapper");
            self.add(&format!("wrapper of {}", self.function.name), &at, Arc::new(wrapper));
        }
        let at = self.at.key("code");
        let mut code = parts.code.tree.as_ref().clone();
        let dependencies = dependencies::split_off(&mut code, self.function, &mut self.findings.notes)?;
        if !dependencies.is_empty() {
            self.add(&format!("dependencies of {}", self.function.name), &at, Arc::new(dependencies));
        }
        self.add(&format!("code of {}", self.function.name), &at, Arc::new(code));
        Ok(())
    }

    fn add(&mut self, name: &str, at: &DocumentPath, tree: Arc<Tree>) {
        stack::lay(&mut self.layers, &mut self.merged, &mut self.findings, &Owner { name, at }, tree);
    }

    /// Adds a program of limg's own.
    fn add_own(&mut self, name: &str, path: ImagePath, content: &str) {
        let mut tree = Tree::new();
        tree.insert(path, Node::File(FileNode::of_bytes(content.as_bytes(), true)));
        let at = self.at.clone();
        self.add(name, &at, Arc::new(tree));
    }

    fn check_programs(&mut self, parts: &Parts) -> Result<(), TreeError> {
        program::check_extensions(&self.merged, &self.at, &mut self.findings)?;
        let node = self.contract.search_paths.contains_key("NODE_PATH");
        program::warn_of_misplaced(&self.merged, node, &mut self.findings.notes);
        for (extension, part) in self.function.extensions.iter().zip(&parts.extensions) {
            program::warn_of_idle(extension, &part.tree, &mut self.findings.notes);
        }
        Ok(())
    }

    /// Finds libraries and programs for other machines, tree by tree.
    fn check_machines(&mut self, parts: &Parts) {
        let layers = self.function.layers.iter().zip(&parts.layers).map(|(layer, part)| {
            let has_exclude = matches!(layer.source, LayerSource::Files(_));
            let is_trusted =
                matches!(&layer.source, LayerSource::Version(version) if version.ignore_compatibility);
            let at = DocumentPath::keys(&["layers", &layer.name]);
            let name = format!("the layer `{}`", layer.name);
            machine::Owned { name, at, machines: &part.machines, has_exclude, is_trusted }
        });
        let extensions = self.function.extensions.iter().zip(&parts.extensions).map(|(extension, part)| {
            let at = DocumentPath::keys(&["extensions", &extension.name]);
            let name = format!("the extension `{}`", extension.name);
            machine::Owned { name, at, machines: &part.machines, has_exclude: true, is_trusted: false }
        });
        let code = machine::Owned {
            name: format!("the code of `{}`", self.function.name),
            at: self.at.key("code"),
            machines: &parts.code.machines,
            has_exclude: true,
            is_trusted: false,
        };
        for tree in layers.chain(extensions).chain([code]) {
            machine::check(&tree, self.contract, &self.merged, &mut self.findings);
        }
    }
}

#[cfg(test)]
mod tests;
