//! `limg plan`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::args::PlanCommand;
use super::context;
use super::error::CommandError;
use super::push::{self, PushJob};
use super::render::{AmountReport, Terminal};
use super::settings::Settings;
use crate::pipeline::{
    self, BlobTotal, Context, Evidence, LayerStep, PlannedLayer, PushChange, PushPlan, Target,
};
use crate::project::Function;
use crate::store::Digest;
use crate::text::count;
use crate::units::size;

/// The exit code if a push would change something.
const CHANGES: u8 = 4;

pub(super) async fn run(
    command: PlanCommand,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
    match command {
        PlanCommand::Registry(arguments) => {
            let offline = arguments.evidence.offline;
            let (job, targets, context) =
                push::registry_job(&arguments.push, offline, settings, terminal).await?;
            plan(&job, &targets, offline, context, terminal).await
        }
        #[cfg(feature = "aws")]
        PlanCommand::Ecr(arguments) => {
            let offline = arguments.evidence.offline;
            let (job, targets, context, _) =
                push::ecr_job(&arguments.push, offline, settings, terminal).await?;
            plan(&job, &targets, offline, context, terminal).await
        }
    }
}

/// Plans the push of the functions of this machine. `targets` are those of all functions.
async fn plan(
    job: &PushJob<'_>,
    targets: &[Target],
    offline: bool,
    context: Context,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
    let (functions, targets) = job.of_this_machine(targets);
    let functions: Vec<&Function> = functions.iter().collect();
    let evidence =
        if offline { Evidence::LastPush(job.last_pushed(&functions, &targets)?) } else { Evidence::Registry };
    let plans = pipeline::plan_push(&functions, &targets, &evidence, job.options(), &context).await;
    let plans = plans.map_err(|error| job.failure(error))?;
    context::close(context, terminal);
    let changed = plans.iter().filter(|(_, plan)| plan.change != PushChange::Unchanged).count();
    terminal.print(&terminal.with_findings(&Report::of(&plans)), || {
        terminal.status(&summary(changed, plans.len()));
        plans.iter().flat_map(|(name, plan)| lines(name, plan)).collect::<Vec<_>>()
    });
    Ok(if changed == 0 { ExitCode::SUCCESS } else { ExitCode::from(CHANGES) })
}

fn summary(changed: usize, all: usize) -> String {
    if changed == 0 {
        format!("a push would change nothing: {}", count(all, "image"))
    } else {
        format!("a push would change {changed} of {}", count(all, "image"))
    }
}

fn lines(name: &str, plan: &PushPlan) -> Vec<String> {
    let PushPlan { target, change, layers, upload, mount, present, build, .. } = plan;
    let what = match change {
        PushChange::Unchanged => "unchanged",
        PushChange::Tags => "tags only",
        PushChange::Configuration => "configuration only",
        PushChange::Layers => "layers",
    };
    let amounts = [("upload", upload), ("mount", mount), ("already present", present)];
    let amounts = amounts.into_iter().filter(|(_, amount)| amount.blobs > 0);
    let mut amounts: Vec<_> = amounts
        .map(|(verb, BlobTotal { blobs, bytes })| {
            format!("{verb} {} ({})", count(*blobs, "blob"), size(*bytes))
        })
        .collect();
    if build.blobs > 0 {
        amounts.insert(0, format!("build {} ({} of files)", count(build.blobs, "layer"), size(build.bytes)));
    }
    let amounts =
        if matches!(change, PushChange::Unchanged | PushChange::Tags) { Vec::new() } else { amounts };
    let more = if amounts.is_empty() { String::new() } else { format!(": {}", amounts.join(", ")) };
    let mut lines = vec![format!("{name}  {}  {what}{more}", target.repository)];
    lines.extend(layers.iter().map(|PlannedLayer { name, bytes, step, .. }| match step {
        LayerStep::Build => format!("  build   {name}  {} of files", size(*bytes)),
        LayerStep::Upload => format!("  upload  {name}  {}", size(*bytes)),
        LayerStep::Mount => format!("  mount   {name}  {}", size(*bytes)),
    }));
    lines
}

/// What `--format json` prints.
#[derive(Serialize)]
struct Report<'a> {
    functions: BTreeMap<&'a str, FunctionReport<'a>>,
}

#[derive(Serialize)]
struct FunctionReport<'a> {
    repository: String,
    tags: &'a [String],
    /// `null` as long as a layer is still to be built.
    digest: Option<&'a Digest>,
    change: &'static str,
    layers: Vec<LayerReport<'a>>,
    upload: AmountReport,
    mount: AmountReport,
    present: AmountReport,
    /// Layers that are still to be built. The bytes are those of their files.
    build: AmountReport,
}

#[derive(Serialize)]
struct LayerReport<'a> {
    name: &'a str,
    digest: Option<&'a Digest>,
    bytes: u64,
    step: &'static str,
}

impl<'a> Report<'a> {
    fn of(plans: &'a [(String, PushPlan)]) -> Self {
        let layer = |layer: &'a PlannedLayer| LayerReport {
            name: &layer.name,
            digest: layer.digest.as_ref(),
            bytes: layer.bytes,
            step: match layer.step {
                LayerStep::Build => "build",
                LayerStep::Upload => "upload",
                LayerStep::Mount => "mount",
            },
        };
        let function = |(name, plan): &'a (String, PushPlan)| {
            let report = FunctionReport {
                repository: plan.target.repository.to_string(),
                tags: &plan.target.tags,
                digest: plan.digest.as_ref(),
                change: match plan.change {
                    PushChange::Unchanged => "unchanged",
                    PushChange::Tags => "tags",
                    PushChange::Configuration => "configuration",
                    PushChange::Layers => "layers",
                },
                layers: plan.layers.iter().map(layer).collect(),
                upload: plan.upload.into(),
                mount: plan.mount.into(),
                present: plan.present.into(),
                build: plan.build.into(),
            };
            (name.as_str(), report)
        };
        Self { functions: plans.iter().map(function).collect() }
    }
}
