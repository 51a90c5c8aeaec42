//! Finds what can be judged of functions without their bases and without the network.

use super::load_trees::{Findings, Loader};
use super::remote_layers::RemoteLayers;
use crate::check;
use crate::files::FileIndex;
use crate::finding::Finding;
use crate::plan::{self, BaseFacts, Stacks};
use crate::project::{Function, Layer, LayerSource, RunConfig};
use crate::runtime::{self, AWS_ENTRYPOINT};
use crate::shared::Shared;

/// The errors that building each function is certain to have, in the order of the functions: files that cannot be read, and
/// packages that are missing. Of a function with a base of its own, or with a layer that is not on this machine, nothing is
/// certain.
pub(crate) fn certain_errors(functions: &[Function]) -> Vec<Vec<Finding>> {
    let remote_layers = RemoteLayers::default();
    let mut judge = Judge {
        loader: Loader::new(&remote_layers),
        stacks: Stacks::default(),
        base: RunConfig { entrypoint: Some(vec![AWS_ENTRYPOINT.to_owned()]), ..RunConfig::default() },
        index: Shared::new(FileIndex::default()),
        unreadable: Vec::new(),
    };
    let is_local = |layer: &Layer| matches!(layer.source, LayerSource::Files(_));
    let is_known =
        |function: &Function| function.base.image.is_none() && function.layers.iter().all(is_local);
    let errors =
        functions.iter().map(|function| if is_known(function) { judge.errors(function) } else { Vec::new() });
    errors.collect()
}

struct Judge<'a> {
    loader: Loader<'a>,
    stacks: Stacks,
    /// What is known of all of AWS's bases. None of their files decides about packages.
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
            check::missing_packages(&check::Subject {
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
