//! AWS SAM and CloudFormation templates: from documents to a [`Project`](crate::project::Project), or to what is wrong with
//! each function.
//!
//! ```text
//! documents ──nested──> Stacks ──functions──> functions with code and layers ──> Project
//! ```
//!
//! - `intrinsics` evaluates what is written, as far as a value is needed.
//! - `samconfig` and `nested` say which values parameters have, and which templates belong to the definition.
//! - `functions`, `code`, `inline`, `layers` and `properties` give the resources their meaning.
//! - `build_results` finds what the AWS SAM CLI has built, `build_command` says what must be built first.
//! - `rewrite` gives back a template with functions as images.
//! - `words` says how this format spells the settings that help asks for.
//!
//! A variable of a function's environment stays in the function's configuration and never becomes part of an image.

mod build_command;
mod build_results;
mod cdk_helpers;
mod code;
mod functions;
mod inline;
mod intrinsics;
mod layers;
mod nested;
mod properties;
#[cfg_attr(not(test), expect(dead_code, reason = "no command rewrites templates yet"))]
pub(in crate::definition) mod rewrite;
mod samconfig;
mod words;

use std::path::Path;

use super::document::Document;
use super::fields::{Findings, name};
use super::{Options, Outcome, shared_images};
use crate::finding::{Code, Finding};
use crate::project::Project;
use build_results::BuildResults;
use intrinsics::PseudoParameters;
use nested::Templates;
use samconfig::Samconfig;

pub(super) use words::{VOCABULARY, VOCABULARY_UNDER_OPTION};

/// Reads a template and those that it nests.
pub(super) fn read(document: Document, options: &Options) -> Outcome {
    let mut findings = Findings::new(document.place());
    let file = document.file().to_owned();
    let root = file.parent().unwrap_or(Path::new("/")).to_owned();
    let samconfig = Samconfig::read(&root, options.environment_of_samconfig.as_deref(), &mut findings);
    let pseudo = PseudoParameters {
        region: options.region.clone().or_else(|| samconfig.region.clone()),
        account: None,
        stack_name: samconfig.stack_name.clone(),
    };
    let mut parameters = samconfig.parameters.clone();
    parameters.extend(options.parameters.clone());
    let results = BuildResults::read(&file, samconfig.build_folder.as_deref(), options.build_results);
    let mut templates = Templates::new(document, parameters, pseudo);
    let (mut functions, mut unbuildable) =
        templates.read_all(|stacks, ids| functions::read(stacks, ids, &results, options));
    unbuildable.extend(templates.missing());
    if !options.image_per_function {
        shared_images::share(&mut functions);
    }
    let name = name::project(None, &root, &mut findings);
    if functions.is_empty() && unbuildable.is_empty() {
        let finding =
            Finding::error(Code::NoFunctions, findings.at(&["Resources"]), "the template has no functions");
        findings.add(finding.help("add one, or name another template with `-f FILE`"));
    }
    if findings.has_errors() {
        let all = findings.all;
        return Outcome { project: None, unbuildable, findings: all, documents: templates.into_documents() };
    }
    let (ecr_repository, ecr) = Default::default();
    let project = Project { name, root, functions, ecr_repository, ecr };
    Outcome {
        project: Some(project),
        unbuildable,
        findings: findings.all,
        documents: templates.into_documents(),
    }
}

#[cfg(test)]
mod tests;
