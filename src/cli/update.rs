//! `limg update`.

use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::args::{Format, UpdateArguments};
use super::failure::Failure;
use super::render::Terminal;
use super::settings::Settings;
use super::access::Access;
use super::load;
use crate::lock::Change;
use crate::pipeline::{self, Pinning};

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
    match settings.format {
        Format::Json => terminal.json(&changes.iter().map(ChangeReport::of).collect::<Vec<_>>()),
        Format::Human => {
            for change in &changes {
                terminal.result_visibly(&change.to_string());
            }
            if changes.is_empty() {
                terminal.status("nothing has moved");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
