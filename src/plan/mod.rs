//! Lambda's placement rules: a function, the contract of its base and the base itself become an [`ImagePlan`].
//!
//! The plan says which trees are laid over the base, in which order, and how the image runs. Nothing is written here, and
//! of the user's files only the first bytes of programs are read. All problems of a function are found in one go.

mod dependencies;
mod environment;
mod merge;
mod parts;
mod program;
mod wrapper;

use std::sync::Arc;

pub use parts::{Parts, code_tree, extension_tree, layer_tree};

use crate::event::Event;
use crate::problem::{DocumentPath, Problem};
use crate::project::{Function, ImagePath, RunConfig};
use crate::runtime::{Contract, ENTRY_SCRIPT, LAUNCHER, TASK_ROOT};
use crate::tree::{FileIndex, FileNode, Node, Tree, TreeError};
use environment::Environment;
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

/// Places a function on its base.
///
/// # Errors
/// With all problems that were found, or when a program cannot be read.
pub fn plan(
    function: &Function,
    contract: &Contract,
    base: BaseFacts<'_>,
    parts: &Parts,
) -> Result<ImagePlan, PlanError> {
    let mut planner = Planner {
        function,
        contract,
        base,
        at: DocumentPath::keys(&["functions", &function.name]),
        merged: Merged::new(base.index),
        layers: Vec::new(),
        findings: Findings::default(),
    };
    planner.lay(parts)?;
    planner.check_programs()?;
    let run = planner.run_config()?;
    let Findings { notes, problems } = planner.findings;
    if problems.is_empty() {
        Ok(ImagePlan { layers: planner.layers, run, notes })
    } else {
        Err(PlanError::Problems(problems))
    }
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
#[derive(Default)]
struct Findings {
    notes: Vec<Event>,
    problems: Vec<Problem>,
}

impl Findings {
    /// Notes that a path is taken by something of another kind, once however often it shows.
    fn contradiction(&mut self, owner: &Owner<'_>, what: &str) {
        let message = format!("{} has {what}", owner.name);
        if self.problems.iter().all(|problem| problem.message != message) {
            let problem = Problem::new("file-over-directory", owner.at.clone(), message);
            self.problems.push(problem.help("rename one of them, or exclude it"));
        }
    }
}

/// How an image comes to run the function.
enum Entry {
    /// By the base's own entry script, which takes the handler as its one argument.
    Script {
        /// Whether the bootstrap that it starts runs `AWS_LAMBDA_EXEC_WRAPPER`.
        honours_wrapper: bool,
    },
    /// By limg's launcher as the entry point.
    Launcher(ImagePath),
    /// By the program itself: the base has no shell to run a launcher.
    Program(ImagePath),
    /// By an entry point of the base that limg does not know.
    Foreign(Vec<String>),
}

impl Planner<'_> {
    /// Lays the parts over the base in the order of the image's layers.
    fn lay(&mut self, parts: &Parts) -> Result<(), TreeError> {
        for (layer, tree) in self.function.layers.iter().zip(&parts.layers) {
            let at = DocumentPath::keys(&["layers", &layer.name]);
            self.add(format!("layer {}", layer.name), &at, Arc::clone(tree));
        }
        for (extension, tree) in self.function.extensions.iter().zip(&parts.extensions) {
            let at = DocumentPath::keys(&["extensions", &extension.name]);
            self.add(format!("extension {}", extension.name), &at, Arc::clone(tree));
        }
        if let Some(wrapper) = wrapper::own_tree(self.function)? {
            let at = self.at.key("wrapper");
            self.add(format!("wrapper of {}", self.function.name), &at, Arc::new(wrapper));
        }
        let at = self.at.key("code");
        let mut code = parts.code.as_ref().clone();
        let dependencies = dependencies::split_off(&mut code)?;
        if !dependencies.is_empty() {
            self.add(format!("dependencies of {}", self.function.name), &at, Arc::new(dependencies));
        }
        self.add(format!("code of {}", self.function.name), &at, Arc::new(code));
        Ok(())
    }

    fn add(&mut self, name: String, at: &DocumentPath, tree: Arc<Tree>) {
        if tree.is_empty() {
            return;
        }
        let adjusted = tree.adjustments().iter().cloned();
        self.findings.notes.extend(
            adjusted.map(|adjustment| Event::Adjusted { path: adjustment.path, what: adjustment.what }),
        );
        self.merged.add(&Owner { name: &name, at }, &tree, &mut self.findings);
        self.layers.push(LayerPlan { name, tree });
    }

    /// Adds a program of limg's own.
    fn add_own(&mut self, name: String, path: ImagePath, content: &str) {
        let mut tree = Tree::new();
        tree.insert(path, Node::File(FileNode::of_bytes(content.as_bytes(), true)));
        let at = self.at.clone();
        self.add(name, &at, Arc::new(tree));
    }

    fn check_programs(&mut self) -> Result<(), TreeError> {
        program::check_extensions(&self.merged, &self.at, &mut self.findings.problems)?;
        let node = self.contract.search_paths.contains_key("NODE_PATH");
        program::warn_of_misplaced(&self.merged, &self.at, node, &mut self.findings.notes);
        Ok(())
    }

    /// Environment, entry point, command and working directory.
    fn run_config(&mut self) -> Result<RunConfig, TreeError> {
        let function = self.function;
        let entry = self.entry()?;
        let keeps_contract = matches!(entry, Some(Entry::Script { .. }));
        let mut environment = Environment::new(self.base.run, self.contract, keeps_contract);
        for extension in &function.extensions {
            environment.extend(&extension.environment);
        }
        environment.extend(&function.environment);
        if self.contract.search_paths.contains_key("NODE_PATH")
            && self.merged.is_directory("/opt/node_modules")
        {
            environment.set("NODE_PATH", "/opt/node_modules");
        }

        let wrappers = wrapper::chain(function, &mut environment);
        wrapper::check(&wrappers, &self.merged, &self.at, &mut self.findings.problems);
        let by_variable = matches!(entry, Some(Entry::Script { honours_wrapper: true } | Entry::Launcher(_)));
        let mut entrypoint = Vec::new();
        if by_variable {
            if let Some((path, script)) = wrapper::variable(&wrappers, function) {
                environment.set(wrapper::VARIABLE, path.as_str());
                if let Some(script) = script {
                    self.add_own(format!("wrapper chain of {}", function.name), path, &script);
                }
            }
        } else {
            entrypoint.extend(wrappers.iter().map(|wrapper| wrapper.path.to_string()));
        }
        match entry {
            Some(Entry::Script { .. }) => entrypoint.push(ENTRY_SCRIPT.to_owned()),
            Some(Entry::Launcher(path) | Entry::Program(path)) => entrypoint.push(path.into()),
            Some(Entry::Foreign(words)) => entrypoint.extend(words),
            None => {}
        }
        let own_directory = self.base.run.working_directory.clone().filter(|_| keeps_contract);
        Ok(RunConfig {
            environment: environment.into_variables(),
            entrypoint: Some(entrypoint),
            command: self.command(keeps_contract),
            working_directory: Some(own_directory.unwrap_or_else(|| TASK_ROOT.to_owned())),
        })
    }

    /// The handler as the one argument of the entry point.
    fn command(&mut self, needed: bool) -> Option<Vec<String>> {
        let inherited = || self.base.run.command.clone().filter(|command| needed && command.len() == 1);
        let command = self.function.handler.clone().map(|handler| vec![handler]).or_else(inherited);
        if command.is_none() && needed {
            self.findings.problems.push(
                Problem::new("no-handler", self.at.clone(), "the base's entry script needs a handler")
                    .help("add `handler:`; a custom runtime that does not look at it takes any word"),
            );
        }
        command
    }

    /// Decides how the image runs the function, and adds the launcher where the base needs it.
    fn entry(&mut self) -> Result<Option<Entry>, TreeError> {
        let own = self.base.run.entrypoint.clone();
        let script = own.as_deref().is_some_and(|words| words == [ENTRY_SCRIPT]);
        let Some(launcher) = &self.contract.launcher else {
            if own.is_none() {
                self.findings.problems.push(
                    Problem::new("no-entrypoint", self.at.key("runtime"), format!(
                        "the base `{}` has no entry point, so nothing in it would start the handler",
                        self.function.base.name
                    ))
                    .help(format!(
                        "use a base that keeps the contract of `{}`, or one whose ENTRYPOINT is a runtime interface client",
                        self.contract.id
                    )),
                );
            }
            let honours_wrapper = self.contract.honours_wrapper;
            let entry =
                |words| if script { Entry::Script { honours_wrapper } } else { Entry::Foreign(words) };
            return Ok(own.map(entry));
        };
        if let Some(words) = own.filter(|_| !script) {
            return Ok(Some(Entry::Foreign(words)));
        }
        // A base of the user's own may bring its runtime.
        if script && self.merged.is_file(launcher) {
            return Ok(Some(Entry::Script { honours_wrapper: self.contract.honours_wrapper }));
        }
        let Some(bootstrap) = program::bootstrap(&self.merged, &self.at, &mut self.findings.problems)? else {
            return Ok(None);
        };
        if !script && !self.base.index.has_file("/bin/sh") {
            return Ok(Some(Entry::Program(bootstrap)));
        }
        self.add_own("launcher".to_owned(), launcher.clone(), LAUNCHER);
        // It never changes, so it goes below everything that does.
        self.layers.rotate_right(1);
        Ok(Some(if script {
            Entry::Script { honours_wrapper: true }
        } else {
            Entry::Launcher(launcher.clone())
        }))
    }
}

#[cfg(test)]
mod tests;
