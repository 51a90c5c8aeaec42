//! `limg diff`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::args::DiffArguments;
use super::context::{self, ContextOptions};
use super::error::CommandError;
use super::render::Terminal;
use super::settings::Settings;
use crate::compare::{Change, Comparison, LayerState};
use crate::files::FileState;
use crate::pipeline::{self, Pinning};
use crate::units::size;

/// How many files are listed, unless all are wanted.
const LISTED: usize = 40;

pub(super) async fn run(
    arguments: DiffArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
    let DiffArguments { before, after, arch } = arguments;
    // What a reference means now counts, and nothing is pinned.
    let context = ContextOptions::new(Pinning::Renew).open(settings, terminal, PathBuf::new())?;
    let comparison = Box::pin(pipeline::compare([&before, &after], arch, &context)).await;
    let comparison = comparison.map_err(|error| CommandError::Pipeline(Box::new(error)))?;
    context::close(context, terminal);
    terminal.print(&terminal.with_findings(&comparison), || {
        if comparison.is_empty() {
            terminal.status("the images are the same");
        }
        lines(&comparison, terminal.is_verbose())
    });
    Ok(ExitCode::SUCCESS)
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
