//! `limg update`.

use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::access::{self, Access};
use super::args::{Format, UpdateArguments};
use super::failure::Failure;
use super::load;
use super::render::Terminal;
use super::settings::Settings;
use crate::lock::PinChange;
use crate::pipeline::{self, Pinning};
use crate::store::Digest;

pub(super) async fn run(
    arguments: UpdateArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, Failure> {
    let loaded = load(settings, terminal)?;
    let context = Access::new(Pinning::Renew).context(settings, terminal, &loaded)?;
    let changes = pipeline::update(&loaded.project, &arguments.names, &context)
        .await
        .map_err(|error| Failure::pipeline(error, &loaded))?;
    access::close(context, terminal);
    match settings.format {
        Format::Json => terminal.json(&changes.iter().map(ChangeReport::of).collect::<Vec<_>>()),
        Format::Human => {
            for change in &changes {
                terminal.result_visibly(&text(change));
            }
            if changes.is_empty() {
                terminal.status("nothing has moved");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What `--format json` prints of a change.
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

/// A change as people read it.
fn text(PinChange { pin, before, after }: &PinChange) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!("{pin}  {before} -> {after}"),
        (None, Some(after)) => format!("{pin}  {after}"),
        (_, None) => format!("{pin}  is not used any more"),
    }
}
