//! `limg report`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::args::{Format, ReportArguments};
use super::context::{self, ContextOptions};
use super::error::CommandError;
use super::pushed::PushedImages;
use super::render::Terminal;
use super::selection;
use super::settings::Settings;
use crate::check;
use crate::definition::{self, Listed, Located};
use crate::fs;
use crate::pipeline::{self, Options};
use crate::project::{Function, ImageLocation};
use crate::report::{self, ImageReport, ReportedFinding, ReportedFindings};
use crate::text::count;

/// What stands for standard output.
const STANDARD_OUTPUT: &str = "-";

pub(super) async fn run(
    arguments: ReportArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
    let is_printed = arguments.output == Path::new(STANDARD_OUTPUT);
    if is_printed && terminal.format() == Format::Json {
        return Err(CommandError::TwoResults);
    }
    let is_image = |target: &&String| target.contains([':', '/']);
    let (images, functions): (Vec<_>, Vec<_>) = arguments.targets.iter().partition(is_image);
    let functions: Vec<String> = functions.into_iter().cloned().collect();
    let (mut project, mut reports) = (None, Vec::new());
    if images.is_empty() || !functions.is_empty() {
        let (name, found) = of_functions(&functions, &arguments, settings, terminal).await?;
        project = Some(name);
        reports.extend(found);
    }
    for image in images {
        reports.push(of_image(image, &arguments, settings, terminal).await?);
    }
    let page = report::page(project.as_deref(), &reports);
    if is_printed {
        terminal.print_bytes(page.as_bytes());
        return Ok(ExitCode::SUCCESS);
    }
    let file = settings.directory.join(&arguments.output);
    fs::write_atomically(&file, page.as_bytes())?;
    let summary = Summary::of(&file, &reports);
    terminal.print(&terminal.with_findings(&summary), || vec![summary.report.clone()]);
    terminal.status(&format!("wrote a report of {}", count(reports.len(), "image")));
    Ok(ExitCode::SUCCESS)
}

/// Builds and reports functions of the definition. Also returns the name of the project.
async fn of_functions(
    names: &[String],
    ReportArguments { common, .. }: &ReportArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<(String, Vec<ImageReport>), CommandError> {
    let (loaded, objects) = selection::load(common.reading(names), settings, terminal).await?;
    let functions = selection::functions(&loaded, names, settings, terminal)?;
    let options = ContextOptions::of_build(common, objects);
    let context = options.open(settings, terminal, loaded.lock_file.clone())?;
    let references: Vec<&Function> = functions.iter().collect();
    let build = Options::new(settings.time.clone());
    let reported = Box::pin(pipeline::report_functions(&references, &build, &context)).await;
    let reported = reported.map_err(|error| CommandError::pipeline(error, &loaded))?;
    context::close(context, terminal);
    terminal.summarize_overwrites();
    let pushed = PushedImages::read(&loaded.project)?;
    let root = &loaded.project.root;
    let reports = reported.into_iter().zip(&functions).map(|((mut report, mut findings), function)| {
        report.pushed_layers = pushed.layers(&function.name).cloned();
        let function = std::slice::from_ref(function);
        findings.extend(loaded.findings.iter().cloned());
        findings.extend(check::deprecated_runtimes(function, settings.today));
        let findings = loaded.about(function, &findings);
        report.base = report.base.map(|base| relative_base(&base, root));
        report.findings = in_words(loaded.sources.locate(&findings), root);
        report
    });
    Ok((loaded.project.name.clone(), reports.collect()))
}

/// Reports an image that exists.
async fn of_image(
    image: &str,
    ReportArguments { common, .. }: &ReportArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ImageReport, CommandError> {
    let (location, context) = context::of_image(image, common.verify, settings, terminal)?;
    let (name, today) = (image.to_owned(), settings.today);
    let report = Box::pin(pipeline::report_image(&location, common.arch, name, today, &context)).await;
    let (mut report, findings) = report.map_err(|error| CommandError::Pipeline(Box::new(error)))?;
    context::close(context, terminal);
    report.findings = in_words(definition::without_document(&findings), &settings.directory);
    // The place is the image itself.
    report.findings.shown.iter_mut().for_each(|finding| finding.place = None);
    Ok(report)
}

/// Findings as the report shows them, with paths that are relative to the project's folder.
fn in_words(findings: Listed, root: &Path) -> ReportedFindings {
    let in_words = |Located { finding, position, help, .. }: Located| {
        let file = without_root(&finding.place.file().display().to_string(), root);
        let place = position.map_or(file.clone(), |position| format!("{file}:{}", position.line));
        ReportedFinding {
            is_error: finding.is_error(),
            code: finding.code.to_string(),
            message: without_root(&finding.message, root),
            place: Some(place),
            help: help.map(|help| without_root(&help, root)),
        }
    };
    let errors = findings.errors();
    let warnings = findings.shown.iter().filter(|located| !located.finding.is_error()).count();
    let warnings = warnings + findings.more_warnings;
    ReportedFindings { shown: findings.shown.into_iter().map(in_words).collect(), errors, warnings }
}

/// The location of a base, with a path that leads from a folder to it.
fn relative_base(base: &str, folder: &Path) -> String {
    match base.parse::<ImageLocation>() {
        Ok(location) => location.map_path(|path| fs::relative(folder, &path)).to_string(),
        Err(_) => base.to_owned(),
    }
}

/// A text in which paths below a folder are relative: two machines write the same report.
fn without_root(text: &str, root: &Path) -> String {
    text.replace(&format!("{}/", root.display()), "")
}

/// What `--format json` prints.
#[derive(Serialize)]
struct Summary<'a> {
    /// The path of the page.
    report: String,
    /// The images in it.
    images: Vec<ImageSummary<'a>>,
}

#[derive(Serialize)]
struct ImageSummary<'a> {
    /// The function or the image, as the user named it.
    name: &'a str,
    digest: Option<&'a str>,
    /// The size of its blobs in bytes.
    size: u64,
    /// The size of its tars in bytes.
    uncompressed_size: u64,
    errors: usize,
    warnings: usize,
}

impl<'a> Summary<'a> {
    fn of(file: &Path, images: &'a [ImageReport]) -> Self {
        let image = |image: &'a ImageReport| {
            let ReportedFindings { errors, warnings, .. } = image.findings;
            ImageSummary {
                name: &image.name,
                digest: image.digest.as_ref().map(crate::store::Digest::as_str),
                size: image.layers.total.size,
                uncompressed_size: image.layers.total.uncompressed_size,
                errors,
                warnings,
            }
        };
        Self { report: file.display().to_string(), images: images.iter().map(image).collect() }
    }
}
