//! `limg fix`.

use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;

use super::args::{FixArguments, Format};
use super::context::{self, ContextOptions};
use super::destination;
use super::error::CommandError;
use super::interrupt::{CLEANUP_TIMEOUT, Interrupt};
use super::render::Terminal;
use super::settings::Settings;
use crate::definition::{self, Listed};
use crate::pipeline::{self, FixedImage, Pinning};
use crate::project::ImageLocation;
use crate::text::count;

pub(super) async fn run(
    FixArguments { image, output, arch }: FixArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
    interrupt: Interrupt,
) -> Result<ExitCode, CommandError> {
    let location: ImageLocation = image.parse().map_err(CommandError::ImageLocation)?;
    let destination = destination::of_image(&output, &location, &settings.directory)?;
    let location = location.relative_to(&settings.directory);
    // What a reference means now counts, and nothing is pinned.
    let context = ContextOptions::new(Pinning::Renew).open(settings, terminal, PathBuf::new())?;
    let mut interrupt = interrupt.defer();
    let fixed = {
        let mut work = pin!(pipeline::fix(&location, arch, &destination, settings.time.seconds(), &context));
        tokio::select! {
            fixed = &mut work => fixed.map_err(|error| CommandError::Pipeline(Box::new(error)))?,
            () = interrupt.wait() => {
                context.stop.store(true, Ordering::Relaxed);
                // The result does not matter any more, only the cleanup.
                drop(tokio::time::timeout(CLEANUP_TIMEOUT, work).await);
                return Ok(interrupt.report(terminal));
            }
        }
    };
    context::close(context, terminal);
    finish(&FixReport { image, fixed }, terminal)
}

/// What `--format json` prints.
#[derive(Serialize)]
struct FixReport {
    /// The image, as the user named it.
    image: String,
    #[serde(flatten)]
    fixed: FixedImage,
}

/// Prints what was done, and what is left.
fn finish(report: &FixReport, terminal: &Terminal) -> Result<ExitCode, CommandError> {
    let Listed { shown, more_errors, more_warnings } = definition::without_document(&report.fixed.remaining);
    let (errors, warnings): (Vec<_>, Vec<_>) =
        shown.into_iter().partition(|located| located.finding.is_error());
    let errors = Listed { shown: errors, more_errors, more_warnings: 0 };
    terminal.warnings(&Listed { shown: warnings, more_errors: 0, more_warnings });
    let number = errors.errors();
    let failure = (number > 0).then_some(CommandError::Unfit { number, findings: errors });
    match (failure, terminal.format()) {
        // One object has both.
        (Some(failure), Format::Json) => {
            terminal.print_failed_result(report, &failure);
            Ok(ExitCode::from(failure.exit_code()))
        }
        (failure, _) => {
            terminal.print(&terminal.with_findings(report), || {
                if report.fixed.changes.is_empty() {
                    terminal.status("the image needs no change; it was copied");
                }
                lines(&report.fixed)
            });
            failure.map_or(Ok(ExitCode::SUCCESS), Err)
        }
    }
}

/// A line for each change, and one for the image.
fn lines(FixedImage { digest, destination, changes, .. }: &FixedImage) -> Vec<String> {
    let mut lines: Vec<String> = changes
        .iter()
        .map(|change| {
            let layer = change.layer.map(|layer| format!("layer {layer}: ")).unwrap_or_default();
            format!("{layer}{} [{}]", change.message, change.code)
        })
        .collect();
    lines.push(format!("{}  {digest}  {destination}", count(changes.len(), "change")));
    lines
}
