//! The stacks of an assembly and of those in it, one for each stage of the app.

use std::path::{Component, Path, PathBuf};

use super::manifest::{self, Artifact, StackArtifact};
use crate::definition::cloudformation::{PseudoParameters, Stack};
use crate::definition::document::{Document, DocumentError};
use crate::definition::find::{self, ASSEMBLY_MANIFEST};
use crate::definition::{Options, Unbuildable, WhyUnbuildable};
use crate::finding::{Code, Finding, Place};
use crate::fs;
use crate::text::with_causes;

/// How many stacks an app may have, and how deep stages may be nested: more than any has.
const STACKS_LIMIT: usize = 1000;
const DEPTH_LIMIT: usize = 16;

/// An assembly with its templates.
pub(super) struct Assembly {
    pub(super) manifests: Vec<Document>,
    pub(super) stacks: Vec<Stack>,
    /// Stacks and stages that cannot be read.
    pub(super) unreadable: Vec<Unbuildable>,
}

impl Assembly {
    /// Reads the templates of all stacks.
    pub(super) fn read(manifest: Document, options: &Options) -> Self {
        let mut assembly = Self { manifests: Vec::new(), stacks: Vec::new(), unreadable: Vec::new() };
        let mut found = Vec::new();
        assembly.collect(manifest, DEPTH_LIMIT, &mut found);
        let is_one_of_several = found.len() > 1;
        for (artifact, file) in found {
            match read(&file, &artifact.place) {
                Ok(document) => assembly.stacks.push(stack(artifact, document, is_one_of_several, options)),
                Err(finding) => assembly.add_unreadable(artifact.name, finding),
            }
        }
        assembly
    }

    /// Finds the stacks of an assembly with the files of their templates.
    fn collect(&mut self, manifest: Document, depth: usize, found: &mut Vec<(StackArtifact, PathBuf)>) {
        let folder = fs::folder_of(manifest.file()).to_owned();
        let artifacts = manifest::artifacts(&manifest);
        self.manifests.push(manifest);
        for artifact in artifacts {
            match artifact {
                Artifact::Stack(artifact) if found.len() < STACKS_LIMIT => {
                    match below(&folder, &artifact.template, &artifact.place) {
                        Ok(file) => found.push((artifact, file)),
                        Err(finding) => self.add_unreadable(artifact.name, finding),
                    }
                }
                Artifact::Assembly { folder: name, place } if depth > 0 => {
                    let file = below(&folder, &name, &place).map(|folder| folder.join(ASSEMBLY_MANIFEST));
                    match file.and_then(|file| read(&file, &place)) {
                        Ok(manifest) => self.collect(manifest, depth - 1, found),
                        Err(finding) => self.add_unreadable(name, finding),
                    }
                }
                Artifact::Stack(StackArtifact { name, place, .. })
                | Artifact::Assembly { folder: name, place } => {
                    let message = format!(
                        "more than {STACKS_LIMIT} stacks, or stages nested more than {DEPTH_LIMIT} levels deep"
                    );
                    let finding = Finding::error(Code::NestedTemplate, place, message);
                    self.add_unreadable(name, finding.help("name the template of one stack with `-f`"));
                    return;
                }
            }
        }
    }

    fn add_unreadable(&mut self, name: String, finding: Finding) {
        let place = finding.place.clone();
        let why = WhyUnbuildable::Errors(vec![finding]);
        self.unreadable.push(Unbuildable { name, place, runtime: None, why });
    }
}

fn stack(artifact: StackArtifact, document: Document, is_one_of_several: bool, options: &Options) -> Stack {
    let StackArtifact { name, stack_name, region, account, mut parameters, .. } = artifact;
    parameters.extend(options.parameters.clone());
    let region = region.or_else(|| options.region.clone());
    let pseudo = PseudoParameters { region, account, stack_name: Some(stack_name) };
    Stack { document, parameters, pseudo, name: is_one_of_several.then_some(name) }
}

/// A path in the folder of an assembly, which CDK never leaves.
fn below(folder: &Path, path: &str, place: &Place) -> Result<PathBuf, Finding> {
    let is_below = Path::new(path).components().all(|component| matches!(component, Component::Normal(_)));
    if path.is_empty() || path.contains('\0') || !is_below {
        let message = "the path leaves the folder of the manifest";
        return Err(Finding::error(Code::NestedTemplate, place.clone(), message).help("run `cdk synth`"));
    }
    Ok(folder.join(path))
}

/// Reads a template or manifest.
fn read(file: &Path, place: &Place) -> Result<Document, Finding> {
    Document::read_at_most(file, find::bytes_at_most(file)).map_err(|error| match error {
        DocumentError::Syntax { language, syntax, .. } => {
            syntax.located(file, language).finding.help("run `cdk synth`")
        }
        error => {
            let message = format!("a file of the app cannot be read: {}", with_causes(&error));
            Finding::error(Code::NestedTemplate, place.clone(), message).help("run `cdk synth`")
        }
    })
}
