//! Reports Python's bytecode that does not fit its source, which Python compiles again at every cold start.

use std::collections::BTreeSet;

use super::context::Context;
use super::error::PipelineError;
use super::plan_images::Planned;
use crate::finding::{Code, Finding};
use crate::layer;
use crate::plan::LayerPlan;
use crate::project::LayerSource;
use crate::store::Digest;
use crate::text::count;

/// One warning for each layer with such bytecode. `keyed` has the keys of the layers of each function.
pub(super) fn findings(
    planned: &[Planned<'_>],
    keyed: &[Vec<Digest>],
    mtime: u64,
    context: &Context,
) -> Result<Vec<Finding>, PipelineError> {
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for (planned, keys) in planned.iter().zip(keyed) {
        for (plan, key) in planned.plan.layers.iter().zip(keys) {
            if plan.is_compiled() || !plan.has_bytecode() || is_published(plan, planned) || !seen.insert(key)
            {
                continue;
            }
            let failed = |source| PipelineError::Layer { name: plan.name.clone(), source };
            let stale = layer::stale_bytecode(&plan.tree, mtime, key, &context.store).map_err(failed)?;
            findings.extend(stale.first.map(|first| {
                let message = format!(
                    "{} has {} whose recorded time or size is not that of the source, such as `{first}`: Python compiles \
                     the source again at every cold start",
                    plan.name,
                    count(stale.files, "bytecode file"),
                );
                Finding::warning(Code::StaleBytecode, plan.place.clone(), message).help(
                    "copy files with their times (`cp -a`, `rsync -a`), or compile them again with \
                     `python3 -m compileall -f --invalidation-mode unchecked-hash DIR`, which does not depend on times",
                )
            }));
        }
    }
    Ok(findings)
}

/// Whether a layer comes from others, who alone could compile it again.
fn is_published(plan: &LayerPlan, planned: &Planned<'_>) -> bool {
    let is_files = |source: &LayerSource| matches!(source, LayerSource::Files(_));
    planned.function.layers.iter().any(|layer| layer.place == plan.place && !is_files(&layer.source))
}
