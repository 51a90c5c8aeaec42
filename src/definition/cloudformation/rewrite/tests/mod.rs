//! Templates before and after.
//!
//! `templates/` has whole templates, each with what it becomes. The end-to-end tests run cfn-lint and AWS's own transform on
//! the results.

mod generated;
mod notes;
mod tables;
mod whole;

use std::path::Path;

use super::{ImageFunction, RewriteOptions, Rewritten, rewrite};
use crate::definition::document::Document;
use crate::finding::Finding;

const URI: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop@sha256:\
                   5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

fn document(file: &str, text: &str) -> Document {
    Document::parse(Path::new(file), text.to_owned()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Functions that became images; one with a command is written `Id=handler`.
fn images(written: &[&str]) -> Vec<ImageFunction> {
    let image = |written: &&str| {
        let (id, command) = written.split_once('=').unwrap_or((written, ""));
        ImageFunction {
            logical_id: id.to_owned(),
            image_uri: URI.to_owned(),
            command: (!command.is_empty()).then(|| vec![command.to_owned()]),
        }
    };
    written.iter().map(image).collect()
}

fn rewritten(
    file: &str,
    text: &str,
    functions: &[&str],
    options: &RewriteOptions,
) -> Result<Rewritten, Vec<Finding>> {
    rewrite(&document(file, text), &images(functions), options)
}

/// The new text, or the errors.
fn text_of(file: &str, text: &str, functions: &[&str], options: &RewriteOptions) -> String {
    rewritten(file, text, functions, options).map_or_else(|errors| shown(&errors), |rewritten| rewritten.text)
}

/// Findings as `path: message [code]; help`.
fn shown(findings: &[Finding]) -> String {
    let show = |finding: &Finding| {
        let help = finding.help.as_ref().and_then(|help| help.render(|_| None));
        let help = help.map_or(String::new(), |help| format!("; {help}"));
        format!("{}: {} [{}]{help}", finding.place.path(), finding.message, finding.code)
    };
    findings.iter().map(show).collect::<Vec<_>>().join("\n")
}
