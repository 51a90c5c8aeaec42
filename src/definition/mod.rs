//! From the files of a definition to a [`Project`], or to everything that is wrong with it at once, each with its line.
//!
//! ```text
//! text ──document──> nodes with places ──limg_yaml──> Project
//! ```
//!
//! - `find` knows the names of definitions, and `format` which format a document has.
//! - `document` reads files into nodes and finds the line of a finding when it is shown. It knows no format.
//! - `limg_yaml` knows one format: its keys, their meaning, and its words. Each other format is a folder next to it that
//!   yields the same [`Project`].
//! - `cloudformation` evaluates the intrinsic functions of CloudFormation templates.
//! - `cdk` finds the templates of a cloud assembly, which `cloudformation` then reads.
//! - `serverless` reads services of the Serverless Framework.
//! - `terraform` reads plans of Terraform.
//! - `fetched` holds what a command has fetched from AWS for the definition.
//! - `shared_images` decides which functions share an image.
//! - `migrate` writes the `limg.yaml` that stands for a definition of another tool.
//! - `fields` has what all formats have in common: what a handler, a runtime or a path may be.
//!
//! This room reads the definition and looks at the paths in it. It takes no clock, no environment and no network, and
//! prints nothing.

mod cdk;
mod cloudformation;
mod document;
mod error;
mod fetched;
mod fields;
mod find;
mod foreign;
mod format;
mod freshness;
mod image_templates;
mod limg_yaml;
mod loaded;
mod migrate;
mod options;
mod parameter_overrides;
mod replacements;
mod serverless;
mod shared_images;
mod terraform;
mod unbuildable;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::cloudformation::NestedTemplate;
pub(crate) use self::cloudformation::{ImageTemplate, TemplateChanges};
pub(crate) use self::document::{DocumentError, Listed, Located, Position};
pub(crate) use self::error::DefinitionError;
pub(crate) use self::fetched::Fetched;
pub(crate) use self::fields::environment::{VariableError, check_variable};
pub(crate) use self::find::{NAMES, find};
pub(crate) use self::limg_yaml::{Starter, starter};
pub(crate) use self::loaded::{Loaded, Sources};
pub(crate) use self::migrate::{MigratedCode, Migration, MigrationError};
pub(crate) use self::options::{BuildResults, Options};
pub(crate) use self::parameter_overrides::ParameterOverrides;
use self::unbuildable::IS_IMAGE;
pub(crate) use self::unbuildable::{Unbuildable, WhyUnbuildable};
use crate::finding::{Finding, Setting};
use crate::fs::FsError;
use crate::project::Project;
use document::{Document, Documents};
use format::Format;

/// What a format reads from a document.
struct Outcome {
    /// The project with the functions that can be built, unless a finding stops all of them.
    project: Option<Project>,
    /// The other functions.
    unbuildable: Vec<Unbuildable>,
    /// What is wrong with, or worth knowing about, the definition and the functions that can be built.
    findings: Vec<Finding>,
    /// The documents that the definition consists of, the first one first.
    documents: Vec<Document>,
    /// Where the templates among them name each other.
    nested: Vec<NestedTemplate>,
}

/// Reads the definition in a file or folder.
///
/// # Errors
/// When it cannot be read, is not valid YAML or JSON, is not a definition, or has an error that stops all functions.
pub(crate) fn load(file: &Path, options: &Options) -> Result<Loaded, DefinitionError> {
    let file = std::path::absolute(file).map_err(FsError::because("find", file))?;
    let file = find::in_folder(file);
    let document = match read_document(&file) {
        Ok(document) => document,
        Err(error @ (DocumentError::Fs(_) | DocumentError::IsDirectory { .. })) => return Err(error.into()),
        Err(error) => return Err(not_a_document(file, error)),
    };
    let format = Format::of(document.root(), document.file());
    let recognised = foreign::recognise(&file, Some(document.root()));
    let Outcome { project, unbuildable, mut findings, documents, nested } = match format {
        Format::LimgYaml => limg_yaml::read(document, options),
        Format::CloudFormation => cloudformation::read(document, options),
        Format::Serverless => serverless::read(document, options),
        Format::CdkAssembly => cdk::read(document, options),
        Format::TerraformPlan => terraform::read(document, options),
    };
    if let (None, Some(foreign), Format::LimgYaml) = (&project, recognised, format) {
        return Err(DefinitionError::Foreign { file, foreign });
    }
    // A limg.yaml with one is wrong.
    if format != Format::LimgYaml {
        findings.extend(documents.iter().flat_map(Document::duplicate_keys));
    }
    let words = format.vocabulary().under(options.architecture);
    let allowances = project.as_ref().map(|project| Arc::clone(&project.allowances)).unwrap_or_default();
    let sources = Sources::new(Documents(documents), words, allowances);
    let located = sources.locate(&findings);
    match project.map(|project| replacements::apply(project, options)) {
        Some(Err(errors)) => Err(DefinitionError::Findings { file, findings: sources.locate(&errors) }),
        Some(Ok(project)) => {
            let lock_file = format.lock_file(&file, &project.root);
            let (warnings, sources) = (located, Arc::new(sources));
            Ok(Loaded { project, unbuildable, warnings, findings, file, lock_file, format, sources, nested })
        }
        None => Err(DefinitionError::Findings { file, findings: located }),
    }
}

/// Reads a document. What Serverless records has a whole template in it.
fn read_document(file: &Path) -> Result<Document, DocumentError> {
    let is_state = file.ends_with(serverless::STATE);
    let at_most = if is_state { serverless::STATE_AT_MOST } else { find::bytes_at_most(file) };
    Document::read_at_most(file, at_most)
}

/// The error about a file that cannot be parsed.
fn not_a_document(file: PathBuf, error: DocumentError) -> DefinitionError {
    match (foreign::recognise(&file, None), error) {
        (Some(foreign), _) => DefinitionError::Foreign { file, foreign },
        (None, DocumentError::Syntax { language, syntax, .. }) => {
            let findings = Listed { shown: vec![syntax.located(&file, language)], ..Listed::default() };
            DefinitionError::Findings { findings, file }
        }
        (None, error) => error.into(),
    }
}

/// How `limg.yaml` spells a setting that help asks for, where no definition has been read.
#[must_use]
pub(crate) fn words(setting: Setting) -> Option<String> {
    limg_yaml::VOCABULARY.setting(setting)
}

/// Words the help of findings about something else than a definition, such as an image.
#[must_use]
pub(crate) fn without_document(findings: &[Finding]) -> Listed {
    document::Documents(Vec::new()).locate(findings, &limg_yaml::VOCABULARY)
}

/// The JSON Schema of `limg.yaml`, for editors.
#[must_use]
pub(crate) fn schema() -> serde_json::Value {
    limg_yaml::schema()
}

#[cfg(test)]
mod tests;
