//! `limg diff`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::args::{CommonBuildArguments, DiffArguments};
use super::context::{self, ContextOptions};
use super::error::CommandError;
use super::pushed::PushedImages;
use super::render::Terminal;
use super::selection;
use super::settings::Settings;
use crate::compare::{Change, Comparison, LayerState};
use crate::files::FileState;
use crate::pipeline::{self, Options, Pinning};
use crate::project::{Architecture, ImageLocation};
use crate::units::size;

/// How many files are listed, unless all are wanted.
const LISTED: usize = 40;

pub(super) async fn run(
    DiffArguments { before, after, common }: DiffArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
    let comparison = match after {
        Some(after) => of_images(&before, &after, &common, settings, terminal).await?,
        None => of_function(before, &common, settings, terminal).await?,
    };
    terminal.print(&terminal.with_findings(&comparison), || {
        if comparison.is_empty() {
            terminal.status("the images are the same");
        }
        lines(&comparison, terminal.is_verbose())
    });
    Ok(ExitCode::SUCCESS)
}

/// Compares two images.
async fn of_images(
    before: &str,
    after: &str,
    common: &CommonBuildArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<Comparison, CommandError> {
    let location = |text: &str| text.parse::<ImageLocation>().map_err(CommandError::ImageLocation);
    let locations = [&location(before)?, &location(after)?];
    // What a reference means now counts, and nothing is pinned.
    let context = ContextOptions::new(Pinning::Renew).open(settings, terminal, PathBuf::new())?;
    let architecture = common.arch.unwrap_or(Architecture::X86_64);
    let comparison = Box::pin(pipeline::compare(locations, architecture, &context)).await;
    let comparison = comparison.map_err(|error| CommandError::Pipeline(Box::new(error)))?;
    context::close(context, terminal);
    Ok(comparison)
}

/// Compares the image of a function that was pushed last with the one that it would have now.
async fn of_function(
    name: String,
    common: &CommonBuildArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<Comparison, CommandError> {
    let names = [name.clone()];
    let (loaded, objects) = selection::load(common.reading(&names), settings, terminal).await?;
    let function = selection::one_function(&loaded, Some(name), settings, terminal)?;
    let pushed = PushedImages::read(&loaded.project)?;
    let pushed = pushed
        .get(&function.name)
        .ok_or_else(|| CommandError::NeverPushed { function: function.name.clone() })?;
    let before = pushed
        .parse()
        .map_err(|source| CommandError::PushedImage { image: pushed.to_owned(), source: Box::new(source) })?;
    let context =
        ContextOptions::of_build(common, objects).open(settings, terminal, loaded.lock_file.clone())?;
    let options = Options::new(settings.time.clone());
    let comparison = Box::pin(pipeline::compare_function(&function, &before, &options, &context)).await;
    let comparison = comparison.map_err(|error| CommandError::pipeline(error, &loaded))?;
    context::close(context, terminal);
    Ok(comparison)
}

fn lines(comparison: &Comparison, all: bool) -> Vec<String> {
    let Comparison { layers, packages, files, settings, size: sizes } = comparison;
    let mut lines = Vec::new();
    section("layers", layers, |LayerState { size: bytes, .. }| size(*bytes), &mut lines);
    section("packages", packages, String::clone, &mut lines);
    let listed = if all { files.len() } else { files.len().min(LISTED) };
    section("files", &files[..listed], FileState::to_string, &mut lines);
    if listed < files.len() {
        lines.push(format!("  and {} more, which `--verbose` lists", files.len() - listed));
    }
    section("settings", settings, String::clone, &mut lines);
    if !comparison.is_empty() {
        lines.push(format!("size      {} -> {}", size(sizes.before), size(sizes.after)));
    }
    lines
}

/// The lines of a kind of change, below a heading.
fn section<T>(heading: &str, changes: &[Change<T>], show: impl Fn(&T) -> String, lines: &mut Vec<String>) {
    if !changes.is_empty() {
        lines.push(heading.to_owned());
    }
    for Change { name, before, after } in changes {
        lines.push(match (before.as_ref().map(&show), after.as_ref().map(&show)) {
            (Some(before), Some(after)) if before == after => format!("  ~ {name}  {after}"),
            (Some(before), Some(after)) => format!("  ~ {name}  {before} -> {after}"),
            (Some(before), None) => format!("  - {name}  {before}"),
            (None, after) => format!("  + {name}  {}", after.unwrap_or_default()),
        });
    }
}
