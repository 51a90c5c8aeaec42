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
//! - `assets` finds the files of CDK, whose templates name places in S3.
//! - `build_results` finds what the AWS SAM CLI has built, `build_command` says what must be built first, with `uncompiled`
//!   for sources of compiled languages; a `build_need` is the reason.
//! - `names` says what functions are called, `cdk_helpers` which ones CDK has added itself, and `lambda_edge` which
//!   ones run in Lambda@Edge.
//! - `rewrite` gives back a template with functions as images.
//! - `words` says how this format spells the settings that help asks for.
//!
//! A variable of a function's environment stays in the function's configuration and never becomes part of an image.

mod assets;
mod build_command;
mod build_graph;
mod build_need;
mod build_results;
mod cdk_helpers;
mod code;
mod context;
mod functions;
mod image_templates;
mod inline;
mod intrinsics;
mod lambda_edge;
mod layers;
mod local_build;
mod names;
mod nested;
mod output_files;
mod properties;
pub(in crate::definition) mod rewrite;
mod samconfig;
mod uncompiled;
mod words;

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::document::Document;
use super::fields::{Findings, name};
use super::{Options, Outcome, Unbuildable, find, shared_images};
use crate::finding::{Code, Finding};
use crate::fs;
use crate::project::{Function, Project};
use assets::Assets;
use context::Context;
use names::Names;
use nested::Templates;
use samconfig::Samconfig;

pub(super) use build_results::BuildResults;
pub(super) use image_templates::rewrite as rewrite_templates;
pub(crate) use image_templates::{ImageTemplate, TemplateChanges};
pub(super) use intrinsics::PseudoParameters;
pub(super) use nested::NestedTemplate;
pub(super) use words::VOCABULARY;

/// Reads a template and those that it nests.
pub(super) fn read(document: Document, options: &Options) -> Outcome {
    let mut findings = Findings::new(document.place());
    let file = document.file().to_owned();
    let folder = fs::folder_of(&file);
    let samconfig = Samconfig::read(folder, options.environment_of_samconfig.as_deref(), &mut findings);
    let pseudo = PseudoParameters {
        region: options.region.clone().or_else(|| samconfig.region.clone()),
        account: options.account.clone(),
        stack_name: samconfig.stack_name.clone(),
    };
    let mut parameters = samconfig.parameters.clone();
    parameters.extend(options.parameters.clone());
    let results = BuildResults::read(&file, samconfig.build_folder.as_deref(), options.build_results);
    let stack = Stack { document, parameters, pseudo, name: None }.read(&results, options);
    // CDK replaces the folder of a cloud assembly, so nothing of the project belongs there.
    let root = find::assembly_around(folder).and_then(|assembly| assembly.parent().map(Path::to_owned));
    let root = root.unwrap_or_else(|| folder.to_owned());
    let none =
        Finding::error(Code::NoFunctions, findings.at(&["Resources"]), "the template has no functions");
    let none = none.help("add one, or name another template with `-f FILE`");
    finish(vec![stack], Vec::new(), Vec::new(), &root, findings, none, options)
}

/// A stack to be read.
pub(super) struct Stack {
    /// Its template.
    pub(super) document: Document,
    /// The values of the template's parameters.
    pub(super) parameters: BTreeMap<String, String>,
    /// What is known about where it is deployed.
    pub(super) pseudo: PseudoParameters,
    /// Its name, with which those of its functions begin, if its definition has other stacks too.
    pub(super) name: Option<String>,
}

/// What a stack has.
pub(super) struct ReadStack {
    functions: Vec<Function>,
    unbuildable: Vec<Unbuildable>,
    documents: Vec<Document>,
    nested: Vec<NestedTemplate>,
}

impl Stack {
    /// Reads the functions of a stack and those of the stacks that it nests.
    pub(super) fn read(self, results: &BuildResults, options: &Options) -> ReadStack {
        let Self { document, parameters, pseudo, name } = self;
        let assets = Rc::new(Assets::of_template(document.file()));
        let mut templates =
            Templates::new(document, parameters, pseudo, Rc::clone(&assets), options.fetched.clone());
        let (functions, mut unbuildable) = templates.read_all(|stacks, ids| {
            let names = Names::of(stacks, ids[0], name);
            let context = Context { results, assets: &assets, names: &names, options };
            functions::read(stacks, ids, &context)
        });
        unbuildable.extend(templates.missing());
        let (documents, nested) = templates.into_documents();
        ReadStack { functions, unbuildable, documents, nested }
    }
}

/// Makes a project of stacks. `none` is the finding about a definition without functions.
pub(super) fn finish(
    stacks: Vec<ReadStack>,
    mut unbuildable: Vec<Unbuildable>,
    mut documents: Vec<Document>,
    root: &Path,
    mut findings: Findings,
    none: Finding,
    options: &Options,
) -> Outcome {
    let (mut functions, mut nested) = (Vec::new(), Vec::new());
    for stack in stacks {
        functions.extend(stack.functions);
        unbuildable.extend(stack.unbuildable);
        documents.extend(stack.documents);
        nested.extend(stack.nested);
    }
    let (mut functions, clashing) = functions::without_clashes(functions);
    unbuildable.extend(clashing);
    if !options.image_per_function {
        shared_images::share(&mut functions);
    }
    let name = name::project(None, root, &mut findings);
    if functions.is_empty() && unbuildable.is_empty() {
        findings.add(none);
    }
    let (ecr_repository, ecr) = Default::default();
    let project =
        Project { name, root: root.to_owned(), functions, ecr_repository, ecr, allowances: Arc::default() };
    let project = (!findings.has_errors()).then_some(project);
    Outcome { project, unbuildable, findings: findings.all, documents, nested }
}

#[cfg(test)]
mod tests;
