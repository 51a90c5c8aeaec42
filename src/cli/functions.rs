//! `limg functions`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::args::{FunctionsArguments, Reading};
use super::error::CommandError;
use super::render::{Align, Terminal, table};
use super::selection;
use super::settings::Settings;
use crate::definition::{Loaded, Located, Unbuildable, WhyUnbuildable};
use crate::finding::{Finding, Place};
use crate::pipeline::{self, Judgement, Pinning};
use crate::project::{Build, Function, FunctionCode};

pub(super) async fn run(
    arguments: &FunctionsArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
    let reading = Reading::all(&arguments.definition, Pinning::Add);
    // A list pins nothing.
    let (loaded, _objects) = selection::load(reading, settings, terminal).await?;
    terminal.warnings(&loaded.warnings);
    let judgements = pipeline::judge(&loaded.project.functions);
    let built = loaded.project.functions.iter().zip(&judgements);
    let built = built.map(|(function, judgement)| FunctionReport::of(function, judgement, &loaded));
    let others = loaded.unbuildable.iter().map(|function| FunctionReport::of_unbuildable(function, &loaded));
    let functions: BTreeMap<_, _> = built.chain(others).collect();
    let report = FunctionsReport { functions };
    terminal.print(&terminal.with_findings(&report), || lines(&report.functions));
    Ok(ExitCode::SUCCESS)
}

/// What `--format json` prints.
#[derive(Serialize)]
struct FunctionsReport<'a> {
    functions: BTreeMap<&'a str, FunctionReport<'a>>,
}

/// A function in JSON.
#[derive(Serialize)]
struct FunctionReport<'a> {
    runtime: Option<&'a str>,
    handler: Option<&'a str>,
    architecture: Option<&'static str>,
    /// The path of the code, or the names of files whose content is in the definition.
    code: Option<String>,
    /// Not known if the function cannot be read.
    layers: Option<Vec<&'a str>>,
    /// The name of the image, which several functions may share.
    image: Option<&'a str>,
    file: String,
    line: Option<usize>,
    can_be_built: bool,
    /// Why it cannot be built, or may fail if no layer in AWS and no base of its own has what is missing.
    reasons: Vec<Reason>,
    /// Whether limg leaves it alone, as it is not for limg to build.
    left_alone: bool,
}

/// One of the reasons why a function cannot be built.
#[derive(Serialize)]
struct Reason {
    file: String,
    line: Option<usize>,
    message: String,
    help: Option<String>,
    /// The stable name of the finding; none for a function that limg leaves alone.
    code: Option<&'static str>,
}

impl Reason {
    fn of(findings: &[Finding], loaded: &Loaded) -> Vec<Self> {
        let shown = loaded.sources.locate(findings).shown;
        let reason = |Located { finding, position, help, .. }: Located| Self {
            file: finding.place.file().display().to_string(),
            line: position.map(|position| position.line),
            message: finding.message,
            help,
            code: Some(finding.code.name()),
        };
        shown.into_iter().map(reason).collect()
    }

    /// The lines of the table.
    fn lines(&self, kind: &str) -> Vec<String> {
        let Self { file, line, message, help, code } = self;
        let Some(code) = code else { return vec![format!("  {kind}: {message}")] };
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        let mut lines = vec![format!("  {kind}: {message} [{code}]"), format!("    at {file}{line}")];
        lines.extend(help.iter().map(|help| format!("    help: {help}")));
        lines
    }
}

impl<'a> FunctionReport<'a> {
    fn of(function: &'a Function, judgement: &Judgement, loaded: &Loaded) -> (&'a str, Self) {
        let code = match &function.code {
            FunctionCode::Files(source) | FunctionCode::Built(Build { source, .. }) => {
                let path = source.path.strip_prefix(&loaded.project.root).unwrap_or(&source.path);
                let is_root = path.as_os_str().is_empty();
                if is_root { ".".to_owned() } else { path.display().to_string() }
            }
            FunctionCode::Inline(files) => {
                let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
                format!("inline {}", names.join(", "))
            }
        };
        let report = Self {
            runtime: Some(&function.base.name),
            handler: function.handler.as_deref(),
            architecture: Some(function.architecture.name()),
            code: Some(code),
            layers: Some(function.layers.iter().map(|layer| layer.name.as_str()).collect()),
            image: Some(&function.image.name),
            file: function.places.function.file().display().to_string(),
            line: line(&function.places.function, loaded),
            can_be_built: judgement.errors.is_empty() || judgement.may_be_elsewhere,
            reasons: Reason::of(&judgement.errors, loaded),
            left_alone: false,
        };
        (&function.name, report)
    }

    fn of_unbuildable(function: &'a Unbuildable, loaded: &Loaded) -> (&'a str, Self) {
        let reasons = match &function.why {
            WhyUnbuildable::LeftAlone(_) | WhyUnbuildable::Remote(_) => {
                let message = function.why_left_alone().unwrap_or_default();
                let file = function.place.file().display().to_string();
                vec![Reason { file, line: line(&function.place, loaded), message, help: None, code: None }]
            }
            WhyUnbuildable::Errors(findings) => Reason::of(findings, loaded),
        };
        let report = Self {
            runtime: function.runtime.as_deref(),
            handler: None,
            architecture: None,
            code: None,
            layers: None,
            image: None,
            file: function.place.file().display().to_string(),
            line: line(&function.place, loaded),
            can_be_built: false,
            reasons,
            left_alone: !matches!(function.why, WhyUnbuildable::Errors(_)),
        };
        (&function.name, report)
    }
}

/// The line of a place.
fn line(place: &Place, loaded: &Loaded) -> Option<usize> {
    loaded.sources.position(place).map(|position| position.line)
}

/// The table: one line for each function, and below it why it cannot be built.
fn lines(functions: &BTreeMap<&str, FunctionReport<'_>>) -> Vec<String> {
    let header = ["FUNCTION", "RUNTIME", "CODE", "LAYERS", "IMAGE"].map(str::to_owned);
    let row = |(name, report): (&&str, &FunctionReport<'_>)| {
        let or_none = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned();
        let layers = report.layers.as_ref().map(|layers| layers.join(", "));
        [
            (*name).to_owned(),
            or_none(report.runtime),
            or_none(report.code.as_deref()),
            or_none(layers.as_deref()),
            or_none(report.image),
        ]
    };
    let rows = [header].into_iter().chain(functions.iter().map(row)).collect();
    let mut rows = table([Align::Left; 5], rows).into_iter();
    let mut lines: Vec<_> = rows.by_ref().take(1).collect();
    for (row, report) in rows.zip(functions.values()) {
        lines.push(row);
        let kind = match report {
            FunctionReport { left_alone: true, .. } => "left alone",
            FunctionReport { can_be_built: true, .. } => "may fail",
            _ => "cannot be built",
        };
        lines.extend(report.reasons.iter().flat_map(|reason| reason.lines(kind)));
    }
    lines
}
