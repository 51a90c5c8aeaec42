//! `limg check`.

use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::args::{CheckArguments, Denied, Format};
use super::context::{self, ContextOptions};
use super::error::CommandError;
use super::render::Terminal;
use super::selection;
use super::settings::Settings;
use crate::definition::{self, Listed, Located};
use crate::finding::{Allowance, Code, Finding};
use crate::pipeline::{self, PipelineError};
use crate::project::{Function, Project};
use crate::text::{count, first_of};

/// How many functions and images are named at the end.
const LISTED: usize = 10;

pub(super) async fn run(
    arguments: CheckArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
    let is_image = |target: &&String| target.contains([':', '/']);
    let (images, functions): (Vec<_>, Vec<_>) = arguments.targets.iter().partition(is_image);
    let functions: Vec<String> = functions.into_iter().cloned().collect();
    let mut checked = Vec::new();
    let mut errors = Listed::default();
    if images.is_empty() || !functions.is_empty() {
        let (names, found) = of_functions(&functions, &arguments, settings, terminal).await?;
        checked.extend(names);
        report(found, &mut errors, terminal);
    }
    for image in images {
        report(of_image(image, &arguments, settings, terminal).await?, &mut errors, terminal);
        checked.push(image.clone());
    }
    finish(checked, &errors, arguments.deny, settings, terminal)
}

/// Checks functions of the definition, and returns their names.
async fn of_functions(
    names: &[String],
    CheckArguments { common, .. }: &CheckArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<(Vec<String>, Listed), CommandError> {
    let (loaded, objects) = selection::load(common.reading(names), settings, terminal).await?;
    let functions = selection::functions(&loaded, names, settings, terminal)?;
    let options = ContextOptions::of_build(common, objects);
    let context = options.open(settings, terminal, loaded.lock_file.clone())?;
    let references: Vec<&Function> = functions.iter().collect();
    let found = match Box::pin(pipeline::check_functions(&references, &context)).await {
        Ok(found) | Err(PipelineError::Findings(found)) => found,
        Err(error) => return Err(CommandError::pipeline(error, &loaded)),
    };
    context::close(context, terminal);
    let found = loaded.sources.locate(&found);
    report_allowances(&loaded.project, names.is_empty(), terminal);
    let names = functions.into_iter().map(|function| function.name).collect();
    Ok((names, found))
}

/// Says what the definition allows, and warns of entries that allow nothing if all functions were checked.
fn report_allowances(project: &Project, is_all: bool, terminal: &Terminal) {
    for Allowance { code, reason, .. } in project.allowances.iter().filter(|it| it.is_used()) {
        terminal.status(&format!("allowed: {code}, because: {reason}"));
    }
    for Allowance { code, place, .. } in project.allowances.iter().filter(|it| is_all && !it.is_used()) {
        let message = format!("there are no findings `{code}` that this entry allows");
        terminal.finding(
            Finding::warning(Code::IdleAllowance, place.clone(), message)
                .help("remove it, or correct its code or path"),
        );
    }
}

/// Checks an image that exists.
async fn of_image(
    image: &str,
    CheckArguments { common, .. }: &CheckArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<Listed, CommandError> {
    let (location, context) = context::of_image(image, common.verify, settings, terminal)?;
    let found: Vec<Finding> =
        Box::pin(pipeline::check_image(&location, common.arch, settings.today, &context))
            .await
            .map_err(|error| CommandError::Pipeline(Box::new(error)))?;
    context::close(context, terminal);
    Ok(definition::without_document(&found))
}

/// Reports the warnings, and keeps the errors for the end.
fn report(found: Listed, errors: &mut Listed, terminal: &Terminal) {
    let Listed { shown, more_errors, more_warnings } = found;
    let (own, warnings): (Vec<Located>, Vec<Located>) =
        shown.into_iter().partition(|located| located.finding.is_error());
    terminal.warnings(&Listed { shown: warnings, more_errors: 0, more_warnings });
    errors.shown.extend(own);
    errors.more_errors += more_errors;
}

/// What `--format json` prints if there are no errors.
#[derive(Serialize)]
struct CheckReport {
    /// The functions and images that were checked.
    checked: Vec<String>,
}

fn finish(
    checked: Vec<String>,
    errors: &Listed,
    deny: Option<Denied>,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<ExitCode, CommandError> {
    let warnings = terminal.number_of_warnings();
    let failure = if errors.errors() > 0 {
        Some(CommandError::Unfit { number: errors.errors(), findings: errors.clone() })
    } else if deny == Some(Denied::Warnings) && warnings > 0 {
        Some(CommandError::DeniedWarnings { number: warnings })
    } else {
        None
    };
    match (terminal.format(), failure) {
        (Format::Sarif | Format::Github | Format::Junit, failure) => {
            terminal.print_check(&checked, &errors.shown, &settings.directory);
            let code = failure.map_or(0, |failure| failure.exit_code());
            Ok(ExitCode::from(code))
        }
        (_, Some(failure)) => Err(failure),
        (_, None) => {
            let report = CheckReport { checked };
            terminal.print(&terminal.with_findings(&report), || {
                let subjects = first_of(LISTED, report.checked.iter());
                [format!("checked {subjects}: no errors, {}", count(warnings, "warning"))]
            });
            Ok(ExitCode::SUCCESS)
        }
    }
}
