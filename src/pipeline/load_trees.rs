//! The trees of functions, each layer and extension loaded once, and all that is wrong with them at once.

use std::collections::BTreeMap;

use super::PipelineError;
use super::error::{full_text, help_of_source, is_inputs};
use super::remote_layers::{AllBrought, Brought};
use crate::plan::{self, Part, Parts};
use crate::problem::{DocumentPath, Problem};
use crate::project::{Architecture, Function, LayerSource};
use crate::tree::TreeError;

/// What is wrong with a definition and the files that it names.
#[derive(Default)]
pub(super) struct Faults {
    problems: Vec<Problem>,
    /// What the definition cannot help, in the order in which it showed; each is among the problems too.
    environments: Vec<PipelineError>,
}

impl Faults {
    /// Notes problems, each once: functions that share a layer share what is wrong with it.
    pub(super) fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
        for problem in problems {
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
    }

    /// Whether all problems are such.
    pub(super) fn are_all(&self, such: impl Fn(&Problem) -> bool) -> bool {
        self.problems.iter().all(such)
    }

    /// Notes that the files of something cannot be taken.
    pub(super) fn source(&mut self, what: String, at: DocumentPath, source: TreeError) {
        let message = format!("failed to take the files of {what}: {}", full_text(&source));
        let help = help_of_source(&source);
        self.problems.push(Problem { help, ..Problem::new("unusable-source", at, message) });
        if !is_inputs(&source) {
            self.environments.push(PipelineError::Source { what, source });
        }
    }

    /// The failure that there is, if any. The environment's is told as such when there is no other: then the definition
    /// may be as good as it is.
    pub(super) fn into_result(self) -> Result<(), PipelineError> {
        if self.problems.len() > self.environments.len() {
            return Err(PipelineError::Problems(self.problems));
        }
        self.environments.into_iter().next().map_or(Ok(()), Err)
    }
}

/// Loads the trees of functions. One that cannot be loaded is noted once.
pub(super) struct Loader<'a> {
    brought: &'a AllBrought,
    layers: BTreeMap<(String, LayerSource, Architecture), Option<Part>>,
    extensions: BTreeMap<String, Option<Part>>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(brought: &'a AllBrought) -> Self {
        Self { brought, layers: BTreeMap::new(), extensions: BTreeMap::new() }
    }

    /// The trees of a function; nothing if any of them cannot be loaded.
    pub(super) fn parts(&mut self, function: &Function, faults: &mut Faults) -> Option<Parts> {
        let mut loaded = |part: Result<Part, TreeError>, what: String, at: DocumentPath| {
            part.map_err(|error| faults.source(what, at, error)).ok()
        };
        let layers: Vec<_> = function
            .layers
            .iter()
            .map(|layer| {
                let key = (layer.name.clone(), layer.source.clone(), function.architecture);
                let load = || {
                    let source = match &layer.source {
                        LayerSource::Files(source) => source,
                        // What is not there has its problem already.
                        elsewhere => match self.brought.get(elsewhere, function.architecture)? {
                            Brought::Zip(source) => source,
                            Brought::Files(part) => return Some(part.clone()),
                        },
                    };
                    let at = DocumentPath::keys(&["layers", &layer.name]);
                    loaded(plan::layer_tree(source), format!("the layer `{}`", layer.name), at)
                };
                self.layers.entry(key).or_insert_with(load).clone()
            })
            .collect();
        let extensions: Vec<_> = function
            .extensions
            .iter()
            .map(|extension| {
                let load = || {
                    let at = DocumentPath::keys(&["extensions", &extension.name]);
                    loaded(plan::extension_tree(extension), format!("the extension `{}`", extension.name), at)
                };
                self.extensions.entry(extension.name.clone()).or_insert_with(load).clone()
            })
            .collect();
        let at = DocumentPath::keys(&["functions", &function.name, "code"]);
        let code = loaded(plan::code_tree(function), format!("the code of `{}`", function.name), at);
        // Only now, so that all of them have been tried.
        Some(Parts {
            layers: layers.into_iter().collect::<Option<_>>()?,
            extensions: extensions.into_iter().collect::<Option<_>>()?,
            code: code?,
        })
    }
}
