//! Terraform: from the JSON of a plan to a [`Project`](crate::project::Project), and from images back to a variable.
//!
//! ```text
//! terraform show -json ──plan──> resources ──functions──> functions with files and layers ──> Project
//! references of images ──image_uris──> limg.auto.tfvars.json
//! ```
//!
//! - `plan` finds the resources with their values, and the configuration; `address` reads what they are called.
//! - `references` follows the configuration where the plan has no value.
//! - `functions`, `layers` and `files` give the resources their meaning.
//! - `words` says how Terraform spells the settings that help asks for.
//!
//! A plan may contain secrets: messages have names, paths and ARNs only, and a variable of a function's environment never
//! becomes part of an image. This part does not run Terraform.

mod address;
mod files;
mod functions;
mod image_uris;
mod layers;
mod plan;
mod references;
mod words;

pub(super) use image_uris::variables_file;

use std::sync::Arc;

use super::document::{Document, Node};
use super::fields::{Findings, name};
use super::{Options, Outcome, shared_images};
use crate::finding::{Code, Finding};
use crate::fs;
use crate::project::Project;
use plan::Plan;

pub(super) use words::VOCABULARY;

/// Whether a document is the JSON of a plan.
pub(super) fn is_plan(root: &Node) -> bool {
    root.entry("format_version").is_some() && root.entry("planned_values").is_some()
}

/// Reads a plan. Its paths are relative to the folder that it is in, since it does not contain where Terraform ran.
pub(super) fn read(document: Document, options: &Options) -> Outcome {
    let mut findings = Findings::new(document.place());
    let root = fs::folder_of(document.file()).to_owned();
    let (mut functions, unbuildable) = functions::read(&Plan::read(&document), &root, options, &mut findings);
    if !options.image_per_function {
        shared_images::share(&mut functions);
    }
    let name = name::project(None, &root, &mut findings);
    if functions.is_empty() && unbuildable.is_empty() {
        let place = findings.at(&["planned_values"]);
        let finding = Finding::error(Code::NoFunctions, place, "the plan has no functions");
        findings.add(finding.help("name the JSON of another plan with `-f FILE`"));
    }
    let (ecr_repository, ecr) = Default::default();
    let project = Project { name, root, functions, ecr_repository, ecr, allowances: Arc::default() };
    let project = (!findings.has_errors()).then_some(project);
    Outcome { project, unbuildable, findings: findings.all, documents: vec![document], nested: Vec::new() }
}

#[cfg(test)]
mod tests;
