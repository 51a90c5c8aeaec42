//! Finds what can be judged of functions without their bases and without the network.

use super::builds::Builds;
use super::load_trees::{Findings, Loader};
use super::packages::Packages;
use super::remote_layers::RemoteLayers;
use crate::check;
use crate::files::FileIndex;
use crate::finding::Finding;
use crate::plan::{self, BaseFacts, Stacks};
use crate::project::{Function, FunctionCode, Layer, LayerSource, RunConfig};
use crate::runtime::{self, AWS_ENTRYPOINT};
use crate::shared::Shared;

/// What is wrong with a function as far as its own files tell.
pub(crate) struct Judgement {
    /// Files that cannot be read, packages that are missing, and a custom runtime that is.
    pub(crate) errors: Vec<Finding>,
    /// Whether a base of its own, or a layer that is not on this machine, may have what is missing.
    pub(crate) may_be_elsewhere: bool,
}

/// Judges functions, in their order.
pub(crate) fn judge(functions: &[Function]) -> Vec<Judgement> {
    let (remote_layers, packages) = (RemoteLayers::default(), Packages::default());
    let builds = Builds::default();
    let mut judge = Judge {
        loader: Loader::new(&remote_layers, &packages, &builds),
        stacks: Stacks::default(),
        base: RunConfig { entrypoint: Some(vec![AWS_ENTRYPOINT.to_owned()]), ..RunConfig::default() },
        index: Shared::new(FileIndex::default()),
        unreadable: Vec::new(),
    };
    let is_local = |layer: &Layer| matches!(layer.source, LayerSource::Files(_));
    let installs = |function: &Function| {
        let is_installed =
            |layer: &Layer| matches!(layer.source, LayerSource::Packages(_) | LayerSource::Built(_));
        function.install.is_some()
            || matches!(function.code, FunctionCode::Built(_))
            || function.layers.iter().any(is_installed)
    };
    let judgement = |function: &Function| {
        // What is missing now will be there.
        if installs(function) {
            return Judgement { errors: Vec::new(), may_be_elsewhere: false };
        }
        let may_be_elsewhere = function.base.image.is_some() || !function.layers.iter().all(is_local);
        let mut local = function.clone();
        local.layers.retain(is_local);
        Judgement { errors: judge.errors(&local), may_be_elsewhere }
    };
    functions.iter().map(judgement).collect()
}

struct Judge<'a> {
    loader: Loader<'a>,
    stacks: Stacks,
    /// What is known of all of AWS's bases. None of their files decides about packages and custom runtimes.
    base: RunConfig,
    index: Shared<FileIndex>,
    /// The findings about trees that other functions may share.
    unreadable: Vec<Finding>,
}

impl Judge<'_> {
    fn errors(&mut self, function: &Function) -> Vec<Finding> {
        let mut findings = Findings::default();
        let Some(trees) = self.loader.trees(function, &mut findings) else {
            self.unreadable.extend(findings.into_all());
            return self.unreadable.clone();
        };
        let Some(contract) = runtime::contract(&function.base.contract) else { return Vec::new() };
        let facts = BaseFacts { run: &self.base, index: &self.index };
        let checked = plan::plan(function, contract, facts, &trees, &mut self.stacks).and_then(|plan| {
            check::without_base(&check::Subject {
                function,
                contract,
                base: &self.base,
                base_size: 0,
                trees: &trees,
                plan: &plan,
                code_of: &function.name,
            })
        });
        match checked {
            Ok(found) => found.into_iter().filter(Finding::is_error).collect(),
            Err(error) => {
                findings.source(
                    format!("the function `{}`", function.name),
                    &function.places.function,
                    error,
                );
                findings.into_all()
            }
        }
    }
}
