//! `limg inspect`.

mod lines;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::args::{CommonBuildArguments, Format, InspectArguments};
use super::context::{self, ContextOptions};
use super::error::CommandError;
use super::render::Terminal;
use super::selection;
use super::settings::Settings;
use crate::definition::DefinitionError;
use crate::inspect::{Found, Inspection, View};
use crate::pipeline::{self, Options, Pinning, Subject};
use crate::project::ImageLocation;

pub(super) async fn run(
    arguments: InspectArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
    let InspectArguments { image, view, common } = arguments;
    let view = view.view();
    let report = if let Some(name) = image.as_deref().filter(|name| !may_be_function(name, settings)) {
        of_image(name, view, &common, settings, terminal).await?
    } else {
        of_function(image, view, &common, settings, terminal).await?
    };
    if let Found::Path(found) = &report.inspection.found
        && found.is_empty()
    {
        return Err(CommandError::NotInImage { image: report.image, path: found.path.clone() });
    }
    match &report.inspection.found {
        // A config is JSON in itself.
        Found::Config { config } if terminal.format() != Format::Json => terminal.print_json(config),
        _ => terminal.print(&terminal.with_findings(&report), || lines::of(&report)),
    }
    Ok(ExitCode::SUCCESS)
}

/// What `--format json` prints.
#[derive(Serialize)]
struct InspectReport {
    /// The function or the image, as the user named it.
    image: String,
    #[serde(flatten)]
    inspection: Inspection,
}

/// Whether a name is that of a function, given that it exists: no other name has a colon, a slash or an at sign, and
/// functions are in definitions.
fn may_be_function(name: &str, settings: &Settings) -> bool {
    let is_word = !name.contains([':', '/', '@']) && name != "scratch";
    is_word
        && !matches!(
            selection::find(settings),
            Err(CommandError::Definition(DefinitionError::NotFound { .. }))
        )
}

async fn of_function(
    name: Option<String>,
    view: View,
    common: &CommonBuildArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<InspectReport, CommandError> {
    let names: Vec<String> = name.iter().cloned().collect();
    let (loaded, objects) = selection::load(common.reading(&names), settings, terminal).await?;
    let function = selection::one_function(&loaded, name, settings, terminal)?;
    let context =
        ContextOptions::of_build(common, objects).open(settings, terminal, loaded.lock_file.clone())?;
    let subject = Subject::Function(&function, Options::new(settings.time.clone()));
    let inspection = pipeline::inspect(subject, view, &context).await;
    let inspection = inspection.map_err(|error| CommandError::pipeline(error, &loaded))?;
    context::close(context, terminal);
    Ok(InspectReport { image: function.name, inspection })
}

async fn of_image(
    name: &str,
    view: View,
    common: &CommonBuildArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<InspectReport, CommandError> {
    let location: ImageLocation = name.parse().map_err(CommandError::ImageLocation)?;
    // What a reference means now counts, and nothing is pinned.
    let context = ContextOptions::new(Pinning::Renew).open(settings, terminal, PathBuf::new())?;
    let subject = Subject::Image(&location, common.arch);
    let inspection = pipeline::inspect(subject, view, &context).await;
    let inspection = inspection.map_err(|error| CommandError::Pipeline(Box::new(error)))?;
    context::close(context, terminal);
    Ok(InspectReport { image: name.to_owned(), inspection })
}
