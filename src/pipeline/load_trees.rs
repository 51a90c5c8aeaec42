//! Loads the trees of functions, each layer and extension once, and collects everything that is wrong with them.

use std::collections::BTreeMap;

use super::builds::Builds;
use super::error::PipelineError;
use super::packages::Packages;
use super::remote_layers::{RemoteLayer, RemoteLayers};
use super::source_trees::{self, CodeTree};
use crate::failure::{Failure as _, FailureKind};
use crate::files::SourceTree;
use crate::finding::{Code, Finding, Place};
use crate::plan::FunctionTrees;
use crate::project::{Architecture, Build, BuildMethod, BytecodeMode, Function, FunctionCode, LayerSource};
use crate::text::with_causes;
use crate::tree::{Tree, TreeError};

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

    /// Keeps the findings for which a condition holds.
    pub(super) fn retain(&mut self, condition: impl Fn(&Finding) -> bool) {
        self.all.retain(condition);
    }

    /// All of them.
    pub(super) fn into_all(self) -> Vec<Finding> {
        self.all
    }

    /// Adds that the files of something cannot be read.
    pub(super) fn source(&mut self, what: String, place: &Place, source: TreeError) {
        let message = format!("failed to read the files of {what}: {}", with_causes(&source));
        let finding = Finding::error(Code::UnusableSource, place.clone(), message);
        self.all.push(finding.optional_help(source.help()));
        if source.kind() != FailureKind::User {
            self.failures.push(PipelineError::Source { what, source });
        }
    }

    /// The warnings, or the failure that there is. A failure of the environment is reported as such when there is no
    /// other error: the definition may be fine.
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
    remote_layers: &'a RemoteLayers,
    packages: &'a Packages,
    builds: &'a Builds,
    layers: BTreeMap<(String, LayerSource, Architecture), Option<SourceTree>>,
    extensions: BTreeMap<String, Option<SourceTree>>,
    /// The code of images, by the names of these, as several functions may share one.
    codes: BTreeMap<String, Option<CodeTree>>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(remote_layers: &'a RemoteLayers, packages: &'a Packages, builds: &'a Builds) -> Self {
        Self {
            remote_layers,
            packages,
            builds,
            layers: BTreeMap::new(),
            extensions: BTreeMap::new(),
            codes: BTreeMap::new(),
        }
    }

    /// The trees of a function; none if any of them cannot be loaded.
    pub(super) fn trees(&mut self, function: &Function, findings: &mut Findings) -> Option<FunctionTrees> {
        let layers: Vec<_> = function
            .layers
            .iter()
            .map(|layer| {
                let key = (layer.name.clone(), layer.source.clone(), function.architecture);
                let load = || {
                    let failed =
                        |error| findings.source(format!("the layer `{}`", layer.name), &layer.place, error);
                    let source = match &layer.source {
                        LayerSource::Files(source) => source,
                        LayerSource::Built(Build { source, method: BuildMethod::Packages(packages) }) => {
                            let installed = match &packages.list {
                                Some(list) => Some(&**self.packages.of_layer(list, function)?),
                                None => None,
                            };
                            return source_trees::of_layer_with_packages(
                                source,
                                packages,
                                installed,
                                layer.bytecode,
                            )
                            .map_err(failed)
                            .ok();
                        }
                        LayerSource::Built(build) => {
                            let tree = Tree::clone(self.builds.of_layer(build, function)?);
                            return source_trees::with_mode(tree, layer.bytecode).ok();
                        }
                        LayerSource::Packages(list) => {
                            let tree = Tree::clone(self.packages.of_layer(list, function)?);
                            return source_trees::with_mode(tree, layer.bytecode).ok();
                        }
                        // There is a finding already about a layer that could not be fetched.
                        remote => match self.remote_layers.get(remote, function.architecture)? {
                            RemoteLayer::Zip(source) => source,
                            RemoteLayer::Files(source) if layer.bytecode == Some(BytecodeMode::Strip) => {
                                let tree = Tree::clone(&source.tree);
                                return source_trees::with_mode(tree, layer.bytecode).ok();
                            }
                            RemoteLayer::Files(source) => return Some(source.clone()),
                        },
                    };
                    source_trees::of_layer(source, layer.bytecode).map_err(failed).ok()
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
                    source_trees::of_extension(extension)
                        .map_err(|error| findings.source(what, &extension.place, error))
                        .ok()
                };
                self.extensions.entry(extension.name.clone()).or_insert_with(load).clone()
            })
            .collect();
        let image = &function.image.name;
        let load = || {
            let what = format!("the code of `{}`", function.name);
            let packages = match (&function.install, self.packages.of_code(function)) {
                (Some(_), None) => return None,
                (_, packages) => packages,
            };
            let built = match &function.code {
                FunctionCode::Built(build) => Some(&**self.builds.of_code(build, function)?),
                FunctionCode::Files(_) | FunctionCode::Inline(_) => None,
            };
            source_trees::of_code(function, built, packages.map(|tree| &**tree))
                .map_err(|error| findings.source(what, &function.places.code, error))
                .ok()
        };
        let code = self.codes.entry(image.clone()).or_insert_with(load).clone();
        let wrapper = source_trees::of_wrapper(function);
        let what = || format!("the function `{}`", function.name);
        let wrapper = wrapper.map_err(|error| findings.source(what(), &function.places.function, error)).ok();
        // Only here, after all of them have been tried.
        let CodeTree { tree: code, recorded, installed } = code?;
        Some(FunctionTrees {
            layers: layers.into_iter().collect::<Option<_>>()?,
            extensions: extensions.into_iter().collect::<Option<_>>()?,
            wrapper: wrapper?,
            code,
            recorded,
            installed,
        })
    }
}
