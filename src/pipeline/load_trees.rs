//! Loads the trees of functions, each layer and extension once, and collects everything that is wrong with them.

use std::collections::{BTreeMap, BTreeSet};

use super::PipelineError;
use super::error::{help_of_source, is_inputs};
use super::remote_layers::{AllBrought, Brought};
use crate::files::{self, SourceTree};
use crate::finding::{Code, Finding, Place};
use crate::plan::{self, FunctionTrees};
use crate::project::{
    Architecture, Dependencies, Extension, Function, ImagePath, LayerSource, Source, SourceKind,
};
use crate::runtime::{LAYER_ROOT, TASK_ROOT};
use crate::text::with_causes;
use crate::tree::{Node, Tree, TreeError};

/// The findings about a definition and the files that it names.
#[derive(Default)]
pub(super) struct Findings {
    all: Vec<Finding>,
    /// Failures of the environment, in the order in which they occurred; each is among the findings too.
    failures: Vec<PipelineError>,
}

impl Findings {
    /// Adds findings, each once: functions that share a layer share what is wrong with it.
    pub(super) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            if !self.all.contains(&finding) {
                self.all.push(finding);
            }
        }
    }

    /// Whether a condition holds for all errors.
    pub(super) fn are_all_errors(&self, condition: impl Fn(&Finding) -> bool) -> bool {
        self.all.iter().filter(|finding| finding.is_error()).all(condition)
    }

    /// Adds that the files of something cannot be read.
    pub(super) fn source(&mut self, what: String, place: &Place, source: TreeError) {
        let message = format!("failed to read the files of {what}: {}", with_causes(&source));
        let help = help_of_source(&source);
        self.all.push(Finding { help, ..Finding::error(Code::UnusableSource, place.clone(), message) });
        if !is_inputs(&source) {
            self.failures.push(PipelineError::Source { what, source });
        }
    }

    /// The warnings, or the failure that there is. A failure of the environment is reported as such when there is no other
    /// error: the definition may be fine.
    pub(super) fn into_result(self) -> Result<Vec<Finding>, PipelineError> {
        let errors = self.all.iter().filter(|finding| finding.is_error()).count();
        if errors > self.failures.len() {
            return Err(PipelineError::Findings(self.all));
        }
        self.failures.into_iter().next().map_or(Ok(self.all), Err)
    }
}

/// Loads the trees of functions. A tree that cannot be loaded is reported once.
pub(super) struct Loader<'a> {
    brought: &'a AllBrought,
    layers: BTreeMap<(String, LayerSource, Architecture), Option<SourceTree>>,
    extensions: BTreeMap<String, Option<SourceTree>>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(brought: &'a AllBrought) -> Self {
        Self { brought, layers: BTreeMap::new(), extensions: BTreeMap::new() }
    }

    /// The trees of a function; nothing if any of them cannot be loaded.
    pub(super) fn trees(&mut self, function: &Function, findings: &mut Findings) -> Option<FunctionTrees> {
        let layers: Vec<_> = function
            .layers
            .iter()
            .map(|layer| {
                let key = (layer.name.clone(), layer.source.clone(), function.architecture);
                let load = || {
                    let source = match &layer.source {
                        LayerSource::Files(source) => source,
                        // A layer that could not be fetched has been reported.
                        elsewhere => match self.brought.get(elsewhere, function.architecture)? {
                            Brought::Zip(source) => source,
                            Brought::Files(tree) => return Some(tree.clone()),
                        },
                    };
                    let failed =
                        |error| findings.source(format!("the layer `{}`", layer.name), &layer.place, error);
                    layer_tree(source).map_err(failed).ok()
                };
                self.layers.entry(key).or_insert_with(load).clone()
            })
            .collect();
        let extensions: Vec<_> = function
            .extensions
            .iter()
            .map(|extension| {
                let load = || {
                    let what = format!("the extension `{}`", extension.name);
                    extension_tree(extension)
                        .map_err(|error| findings.source(what, &extension.place, error))
                        .ok()
                };
                self.extensions.entry(extension.name.clone()).or_insert_with(load).clone()
            })
            .collect();
        let what = || format!("the code of `{}`", function.name);
        let code = code_tree(function);
        let code = code.map_err(|error| findings.source(what(), &function.places.code, error)).ok();
        let wrapper = wrapper_tree(function);
        let what = || format!("the function `{}`", function.name);
        let wrapper = wrapper.map_err(|error| findings.source(what(), &function.places.function, error)).ok();
        // Only now, after all of them have been tried.
        let (code, recorded) = code?;
        Some(FunctionTrees {
            layers: layers.into_iter().collect::<Option<_>>()?,
            extensions: extensions.into_iter().collect::<Option<_>>()?,
            wrapper: wrapper?,
            code,
            recorded,
        })
    }
}

/// Reads a tree whose files are at their places in the image.
pub(super) fn placed_tree(tree: Tree) -> Result<SourceTree, TreeError> {
    let started = plan::started(&tree)?;
    SourceTree::read(tree, &started)
}

/// The files of a layer: their root is `/opt` (Lambda developer guide, packaging-layers).
fn layer_tree(source: &Source) -> Result<SourceTree, TreeError> {
    placed_tree(Tree::load(source, &plan::image_path(LAYER_ROOT)?)?)
}

/// The files of an extension: one executable becomes `/opt/extensions/NAME`; a directory or zip is rooted at `/opt`; a
/// local wrapper script goes to `/opt/wrappers`.
fn extension_tree(extension: &Extension) -> Result<SourceTree, TreeError> {
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
    placed_tree(tree)
}

/// The function's own code, at the task root, which always exists; and the paths that installed packages list.
fn code_tree(function: &Function) -> Result<(SourceTree, BTreeSet<ImagePath>), TreeError> {
    let root = plan::image_path(TASK_ROOT)?;
    let mut tree = Tree::load(&function.code, &root)?;
    tree.insert(root, Node::Directory);
    let recorded = match function.dependencies {
        Dependencies::Installed => files::recorded(&tree)?,
        Dependencies::Unsplit | Dependencies::Matching(_) => BTreeSet::new(),
    };
    Ok((placed_tree(tree)?, recorded))
}

/// The function's own wrapper script, if it is a local file.
fn wrapper_tree(function: &Function) -> Result<Option<SourceTree>, TreeError> {
    let mut tree = Tree::new();
    plan::add_local_wrapper(&mut tree, function.wrapper.as_ref())?;
    if tree.is_empty() { Ok(None) } else { placed_tree(tree).map(Some) }
}
