//! `limg update`.

use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::args::UpdateArguments;
use super::context::{self, ContextOptions};
use super::error::CommandError;
use super::render::Terminal;
use super::selection;
use super::settings::Settings;
use crate::lock::PinChange;
use crate::pipeline::{self, Pinning};
use crate::store::Digest;

pub(super) async fn run(
    arguments: UpdateArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
    let loaded = selection::load(&arguments.definition, None, settings, terminal)?;
    terminal.warnings(&loaded.warnings);
    let context = ContextOptions::new(Pinning::Renew).open(settings, terminal, &loaded)?;
    let changes = pipeline::update(&loaded.project, &arguments.names, &context)
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
