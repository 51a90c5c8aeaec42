//! `limg dockerfile`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::args::DockerfileArguments;
use super::context::{self, ContextOptions};
use super::error::CommandError;
use super::render::Terminal;
use super::selection;
use super::settings::Settings;
use crate::fs;
use crate::pipeline::{self, Options, WrittenContext};

pub(super) async fn run(
    arguments: DockerfileArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
    let DockerfileArguments { function, output, common } = arguments;
    let folder = settings.directory.join(&output);
    check(&folder)?;
    let names: Vec<String> = function.iter().cloned().collect();
    let (loaded, objects) = selection::load(common.reading(&names), settings, terminal).await?;
    let function = selection::one_function(&loaded, function, settings, terminal)?;
    let context =
        ContextOptions::of_build(&common, objects).open(settings, terminal, loaded.lock_file.clone())?;
    let options = Options::new(settings.time.clone());
    let written = pipeline::dockerfile(&function, folder.clone(), &options, &context).await;
    let written = written.map_err(|error| CommandError::pipeline(error, &loaded))?;
    context::close(context, terminal);
    terminal.summarize_overwrites();
    let report = DockerfileReport::of(&folder, &written);
    terminal.print(&terminal.with_findings(&report), || vec![report.dockerfile.clone()]);
    if written.needs_base {
        terminal.status(&format!(
            "the base {} is not in a registry: load it into Docker, and build with `--build-arg BASE=NAME`",
            written.base
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks the folder before anything is built for it.
fn check(folder: &Path) -> Result<(), CommandError> {
    match fs::metadata(folder) {
        Ok(metadata) if !metadata.is_dir() => Err(CommandError::NotAFolder { path: folder.to_owned() }),
        Ok(_) if !fs::is_empty_folder(folder)? => Err(CommandError::NotEmpty { path: folder.to_owned() }),
        _ => Ok(()),
    }
}

/// What `--format json` prints.
#[derive(Serialize)]
struct DockerfileReport<'a> {
    /// The path of the Dockerfile.
    dockerfile: String,
    /// The base as the definition names it.
    base: &'a str,
    /// Whether Docker needs the argument `BASE` for it.
    needs_base: bool,
    /// The layers, the lowest first.
    layers: Vec<LayerReport<'a>>,
}

#[derive(Serialize)]
struct LayerReport<'a> {
    name: &'a str,
    /// The folder in that of the Dockerfile.
    folder: &'a str,
}

impl<'a> DockerfileReport<'a> {
    fn of(folder: &Path, written: &'a WrittenContext) -> Self {
        let layers = written.layers.iter().map(|(name, folder)| LayerReport { name, folder });
        Self {
            dockerfile: folder.join("Dockerfile").display().to_string(),
            base: &written.base,
            needs_base: written.needs_base,
            layers: layers.collect(),
        }
    }
}
