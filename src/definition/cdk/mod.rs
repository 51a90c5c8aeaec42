//! Cloud assemblies of the AWS CDK, `cdk.out`: from a manifest to the stacks that it lists, whose templates
//! [`cloudformation`](super::cloudformation) reads.
//!
//! ```text
//! manifest.json ──manifest──> artifacts ──assembly──> stacks ──cloudformation──> Project
//! ```
//!
//! CDK has bundled what the templates need, so nothing here is built first. The folder is generated: this part reads it, and
//! nothing of the project belongs in it.

mod assembly;
mod manifest;

use std::path::Path;

use super::cloudformation::{self, BuildResults};
use super::document::Document;
use super::fields::Findings;
use super::{Options, Outcome, find};
use crate::finding::{Code, Finding};
use crate::fs;
use assembly::Assembly;

/// Reads all stacks of an assembly.
pub(super) fn read(manifest: Document, options: &Options) -> Outcome {
    let findings = Findings::new(manifest.place());
    let folder = fs::folder_of(manifest.file());
    let folder = find::assembly_around(folder).unwrap_or_else(|| folder.to_owned());
    let root = folder.parent().unwrap_or(Path::new("/"));
    let Assembly { manifests, stacks, unreadable } = Assembly::read(manifest, options);
    let results = BuildResults::none(options.build_results);
    let stacks = stacks.into_iter().map(|stack| stack.read(&results, options)).collect();
    let none =
        Finding::error(Code::NoFunctions, findings.at(&["artifacts"]), "no stack of the app has functions");
    let none = none.help("run `cdk synth` if the app has changed");
    cloudformation::finish(stacks, unreadable, manifests, root, findings, none, options)
}

#[cfg(test)]
mod tests;
