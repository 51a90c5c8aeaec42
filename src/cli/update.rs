//! `limg update`.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::args::{Reading, UpdateArguments};
use super::context::{self, ContextOptions};
use super::error::CommandError;
use super::render::Terminal;
use super::selection;
use super::settings::Settings;
use crate::finding::S3Object;
use crate::lock::PinChange;
use crate::pipeline::{self, Pinning};
use crate::store::Digest;

pub(super) async fn run(
    arguments: UpdateArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
    let UpdateArguments { names, definition } = arguments;
    let renews_all = names.is_empty();
    let pinning = if renews_all { Pinning::Renew } else { Pinning::Add };
    let (loaded, objects) = selection::load(Reading::all(&definition, pinning), settings, terminal).await?;
    terminal.warnings(&loaded.warnings);
    let used: BTreeSet<S3Object> = objects.keys().cloned().collect();
    let options = ContextOptions { objects, ..ContextOptions::new(Pinning::Renew) };
    let context = options.open(settings, terminal, loaded.lock_file.clone())?;
    // Without `--fetch` nothing shows which objects are in use.
    if renews_all && definition.fetch {
        context.pins.retain_objects(|object| used.contains(object));
    }
    let changes = pipeline::update(&loaded.project, &names, &context)
        .await
        .map_err(|error| CommandError::pipeline(error, &loaded))?;
    context::close(context, terminal);
    let report = UpdateReport { changes: changes.iter().map(ChangeReport::of).collect() };
    terminal.print(&terminal.with_findings(&report), || {
        if changes.is_empty() {
            terminal.status("nothing has changed");
        }
        changes.iter().map(line)
    });
    Ok(ExitCode::SUCCESS)
}

/// What `--format json` prints.
#[derive(Serialize)]
struct UpdateReport<'a> {
    changes: Vec<ChangeReport<'a>>,
}

/// A change in JSON.
#[derive(Serialize)]
struct ChangeReport<'a> {
    pin: String,
    before: Option<&'a str>,
    after: Option<&'a str>,
}

impl<'a> ChangeReport<'a> {
    fn of(change: &'a PinChange) -> Self {
        let PinChange { pin, before, after } = change;
        Self {
            pin: pin.to_string(),
            before: before.as_ref().map(Digest::as_str),
            after: after.as_ref().map(Digest::as_str),
        }
    }
}

fn line(PinChange { pin, before, after }: &PinChange) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!("{pin}  {before} -> {after}"),
        (None, Some(after)) => format!("{pin}  {after}"),
        (_, None) => format!("{pin}  is no longer used"),
    }
}
