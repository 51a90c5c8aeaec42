//! Whole services: what of them can be built, and what is wrong with the rest.

mod code;
mod findings;
mod layers;
mod never_panics;
mod settings;
mod state;
mod state_references;

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::fixture::folder_with;
use super::{VOCABULARY, read};
use crate::definition::document::{Document, Documents};
use crate::definition::{BuildResults, Options, Outcome, WhyUnbuildable};
use crate::project::{Function, Layer, LayerSource, SourceKind};

/// The start of a zip archive.
const ZIP: &str = "PK\u{3}\u{4}rest";

/// A folder with a service and other files; those in `.serverless` are the newest.
pub(super) fn project(definition: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = folder_with(&[files, &[("serverless.yml", definition)]].concat());
    for (name, _) in files.iter().filter(|(name, _)| name.starts_with(".serverless/")) {
        age(&folder.path().join(name), -60);
    }
    folder
}

/// Makes a file so many seconds old; a negative age is a time to come.
pub(super) fn age(path: &Path, seconds: i64) {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let now = SystemTime::now();
    let time = if seconds < 0 { now + distance } else { now - distance };
    std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// Reads the service in a folder.
pub(super) fn outcome(folder: &Path, options: &Options) -> Outcome {
    read(Document::read(&folder.join("serverless.yml")).unwrap(), options)
}

/// The functions that can be built of a service in which nothing is wrong.
pub(super) fn functions(folder: &Path, options: &Options) -> Vec<Function> {
    let outcome = outcome(folder, options);
    assert_eq!(messages(&outcome), [""; 0]);
    outcome.project.unwrap().functions
}

/// The one function of a service in which nothing is wrong.
pub(super) fn function(definition: &str, files: &[(&str, &str)]) -> Function {
    let folder = project(definition, files);
    let functions = functions(folder.path(), &Options::of_tests());
    assert_eq!(functions.len(), 1);
    functions.into_iter().next().unwrap()
}

/// What is wrong, with lines and help.
pub(super) fn messages(outcome: &Outcome) -> Vec<String> {
    let files = || outcome.documents.iter().map(|document| document.file().to_owned());
    let documents: Vec<_> = files().map(|file| Document::read_at_most(&file, 1 << 20).unwrap()).collect();
    let documents = Documents(documents);
    let of_functions = outcome.unbuildable.iter().flat_map(|function| match &function.why {
        WhyUnbuildable::Errors(errors) => errors.clone(),
        WhyUnbuildable::LeftAlone(_) | WhyUnbuildable::Remote(_) => Vec::new(),
    });
    let all: Vec<_> = outcome.findings.iter().cloned().chain(of_functions).collect();
    let folder = outcome.documents[0].file().parent().unwrap().display().to_string() + "/";
    let located = documents.locate(&all, &VOCABULARY).shown;
    located
        .iter()
        .map(|it| {
            let line = it.position.map_or(0, |position| position.line);
            let help = it.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
            format!("{line}: {}{help}", it.finding.message).replace(&folder, "")
        })
        .collect()
}

/// What is left alone, and why.
pub(super) fn left_alone(outcome: &Outcome) -> Vec<String> {
    outcome.unbuildable.iter().filter_map(crate::definition::Unbuildable::reason_to_leave).collect()
}

/// Where the code of a function is: below the folder, and whether it is a folder.
pub(super) fn code(function: &Function, folder: &Path) -> String {
    let source = function.code.files().unwrap();
    let path = source.path.strip_prefix(folder).unwrap().display().to_string();
    format!("{path}{}", if source.kind == SourceKind::Directory { "/" } else { "" })
}

/// The layers of a function.
pub(super) fn layers(function: &Function) -> Vec<String> {
    let shown = |layer: &Layer| match &layer.source {
        LayerSource::Files(source) => {
            format!("{} {}", layer.name, source.path.file_name().unwrap().to_string_lossy())
        }
        LayerSource::Version(version) => format!("{} {}", layer.name, version.arn.region()),
        LayerSource::Image(_) | LayerSource::Packages(_) | LayerSource::Built(_) => {
            panic!("a service names none of these")
        }
    };
    function.layers.iter().map(shown).collect()
}

/// With the results of `serverless package` or without.
pub(super) fn with_results(build_results: BuildResults) -> Options {
    Options { build_results, ..Options::of_tests() }
}
