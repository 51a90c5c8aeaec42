//! Plans the images of all functions: loads their trees, places them on their bases, and checks the results.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::base::{self, LoadedBase};
use super::builds::Builds;
use super::context::Context;
use super::error::PipelineError;
use super::load_trees::{Findings, Loader};
use super::packages::Packages;
use super::remote_layers::RemoteLayers;
use crate::check::{self, Subject};
use crate::event::Event;
use crate::files::Overwrite;
use crate::finding::Finding;
use crate::plan::{self, BaseFacts, ImagePlan, Stacks};
use crate::project::Function;
use crate::tree::Adjustment;

/// Everything that images are planned from.
pub(super) struct Inputs {
    pub(super) functions: Vec<Function>,
    /// The base of each function, if it can be used.
    pub(super) bases: Vec<Option<Arc<LoadedBase>>>,
    pub(super) remote_layers: RemoteLayers,
    /// The packages that limg installs.
    pub(super) packages: Packages,
    /// What programs of the project have made.
    pub(super) builds: Builds,
    /// The findings so far.
    pub(super) findings: Vec<Finding>,
    /// Whether what Lambda would reject is an error.
    pub(super) enforce_rules: bool,
}

/// A function with the plan of its image.
pub(super) struct Planned<'a> {
    pub(super) function: &'a Function,
    pub(super) base: &'a Arc<LoadedBase>,
    pub(super) plan: ImagePlan<'a>,
}

/// The paths that are left out by default, by their owners.
pub(super) type LeftOutPaths = BTreeMap<String, Vec<String>>;

/// The result of planning.
pub(super) enum Planning<'a> {
    Done {
        planned: Vec<Planned<'a>>,
        warnings: Vec<Finding>,
        left_out: LeftOutPaths,
    },
    /// The findings can only be decided with all files of the bases of these functions, by position.
    NeedsFullIndexes(BTreeSet<usize>),
}

/// Loads each source once, places every function that has a base, and checks the result, collecting all findings.
pub(super) fn plan_all(inputs: &Inputs) -> Result<Planning<'_>, PipelineError> {
    let Inputs { functions, bases, remote_layers, packages, builds, findings: known, enforce_rules } = inputs;
    let mut findings = Findings::default();
    findings.extend(known.iter().cloned());
    let mut loader = Loader::new(remote_layers, packages, builds);
    let mut stacks = Stacks::default();
    let mut planned = Vec::new();
    let mut code_of = BTreeMap::new();
    let (mut undecided, mut left_out) = (BTreeSet::new(), LeftOutPaths::new());
    // The findings that the files of a base may solve.
    let (mut open, mut certain) = (BTreeSet::new(), BTreeSet::new());
    for (position, (function, base)) in functions.iter().zip(bases.iter()).enumerate() {
        // Functions whose code is named at one place get one finding, and others one each.
        let code = (&function.image.name, &function.places.code);
        let code_of = *code_of.entry(code).or_insert(function.name.as_str());
        let trees = loader.trees(function, &mut findings);
        let (Some(trees), Some(base)) = (trees, base) else { continue };
        for (owner, tree) in plan::owned_trees(function, &trees) {
            let paths = &tree.left_out().by_default;
            if !paths.is_empty() {
                left_out.insert(owner.name, paths.clone());
            }
        }
        let contract = match base::contract(function) {
            Ok(contract) => contract,
            Err(finding) => {
                findings.extend([finding]);
                continue;
            }
        };
        let facts = BaseFacts { run: &base.run, index: &base.index };
        let checked = plan::plan(function, contract, facts, &trees, &mut stacks).and_then(|plan| {
            let (base_size, base) = (base.size, &base.run);
            let found = check::check(&Subject {
                function,
                contract,
                base,
                base_size,
                trees: &trees,
                plan: &plan,
                code_of,
            })?;
            let found = function.without_allowed(found);
            Ok((plan, if *enforce_rules { found } else { check::as_warnings(found) }))
        });
        match checked {
            Ok((plan, found)) => {
                let is_open = |finding: &&Finding| check::may_be_solved_by_base(function, finding);
                let of_base: Vec<_> = found.iter().filter(is_open).cloned().collect();
                if base.index.is_full() {
                    certain.extend(of_base);
                } else if !of_base.is_empty() {
                    undecided.insert(position);
                    open.extend(of_base);
                }
                findings.extend(found);
                planned.push(Planned { function, base, plan });
            }
            Err(source) => {
                findings.source(
                    format!("the function `{}`", function.name),
                    &function.places.function,
                    source,
                );
            }
        }
    }
    // What no base can solve is reported without fetching one.
    if !undecided.is_empty() && findings.are_all_errors(|finding| open.contains(finding)) {
        return Ok(Planning::NeedsFullIndexes(undecided));
    }
    // Whether the others are true is not known as long as the bases are unread.
    findings.retain(|finding| !open.contains(finding) || certain.contains(finding));
    let warnings = findings.into_result()?;
    Ok(Planning::Done { planned, warnings, left_out })
}

/// Reports what planning found, once for functions that share a layer.
pub(super) fn report(
    planned: &[Planned<'_>],
    warnings: Vec<Finding>,
    left_out: LeftOutPaths,
    context: &Context,
) {
    if !left_out.is_empty() {
        context.reporter.report(Event::LeftOut { owners: left_out.into_iter().collect() });
    }
    let plans = || planned.iter().map(|planned| &planned.plan);
    let mut seen = BTreeSet::new();
    for overwrite in plans().flat_map(|plan| &plan.merge.overwrites).filter(|it| seen.insert(*it)) {
        let Overwrite { path, winner, loser } = overwrite.clone();
        context.reporter.report(Event::Overwritten { path, winner, loser });
    }
    let mut seen = BTreeSet::new();
    for adjustment in plans().flat_map(|plan| &plan.adjustments).filter(|it| seen.insert(*it)) {
        let Adjustment { path, what } = adjustment.clone();
        context.reporter.report(Event::Adjusted { path, what });
    }
    for warning in warnings {
        context.reporter.report(Event::Finding(warning));
    }
}
