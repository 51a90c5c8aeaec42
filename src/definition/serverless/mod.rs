//! Serverless Framework services: from `serverless.yml`, `serverless.yaml`, `serverless.json` or the state that
//! `serverless package` records to a [`Project`], or to what is wrong with each function.
//!
//! ```text
//! document ──variables──> values ──functions──> functions with code and layers ──> Project
//! ```
//!
//! - [`variables`] replaces `${…}`, but only in the values that are read, and [`values`] reads them by their types.
//! - [`functions`] and [`layers`] give the settings their meaning, [`intrinsics`] the functions of CloudFormation in them.
//! - [`code`] decides between a package and the sources. For that, [`artifacts`] finds the packages that `serverless package`
//!   has written, [`builders`] what makes packages other than the files themselves, and [`package`] which files belong to a
//!   package.
//! - [`words`] says how this format spells the settings that help asks for.
//!
//! It runs no code of a service: a value that a program computes, or that only AWS knows, is reported by its name. A variable
//! of a function's environment stays in the function's configuration and never becomes part of an image.

mod artifacts;
mod builders;
mod code;
#[cfg(test)]
mod fixture;
mod functions;
mod intrinsics;
mod layers;
mod package;
mod recorded_state;
#[cfg(test)]
mod tests;
mod values;
mod variables;
mod words;

use std::path::Path;
use std::sync::Arc;

use super::document::Document;
use super::fields::{Findings, name};
use super::{BuildResults, Options, Outcome, Unbuildable, shared_images};
use crate::finding::{Code, Finding};
use crate::project::Project;
use artifacts::Artifacts;
use builders::Builder;
use code::Files;
use functions::Reader;
use intrinsics::Region;
use layers::Layers;
use package::ServicePackage;
use variables::{Inputs, Resolver, ServiceDocuments, Value};

pub(super) use artifacts::{STATE, STATE_AT_MOST};
pub(super) use recorded_state::is_state;
pub(super) use words::VOCABULARY;

/// The names of definitions that are not programs (`resolve-path.js`), in the order in which they are looked for.
pub(super) const FILE_NAMES: [&str; 3] = ["serverless.yml", "serverless.yaml", "serverless.json"];

/// Whether a file has the name of a definition.
pub(super) fn is_file_name(file: &Path) -> bool {
    file.file_name().is_some_and(|name| FILE_NAMES.iter().any(|known| name == *known))
}

/// Reads a service.
pub(super) fn read(document: Document, options: &Options) -> Outcome {
    let documents = recorded_state::documents(document, options);
    let mut findings = Findings::new(documents.definition().place());
    let mut unbuildable = Vec::new();
    let project = project(&documents, options, &mut unbuildable, &mut findings);
    let project = project.filter(|_| !findings.has_errors());
    let (documents, nested) = (documents.into_documents(), Vec::new());
    Outcome { project, unbuildable, findings: findings.all, documents, nested }
}

fn project(
    documents: &ServiceDocuments,
    options: &Options,
    unbuildable: &mut Vec<Unbuildable>,
    findings: &mut Findings,
) -> Option<Project> {
    let inputs = Inputs::of(options);
    let resolver = Resolver::new(documents, inputs);
    check_provider(&resolver, findings)?;
    if documents.is_state() && options.build_results == BuildResults::Never {
        let place = resolver.root().place().clone();
        let message = "the state of Serverless does not contain which sources belong to a package";
        findings.add(Finding::error(Code::MissingBuild, place, message).help("omit `--source`"));
        return None;
    }
    let stage = resolver.stage(resolver.root().place()).map_err(|it| findings.add(it.finding())).ok()?;
    let definition = documents.definition().file();
    let definition_name = definition.file_name().unwrap_or_default().to_string_lossy();
    let package = ServicePackage::read(&resolver, &definition_name, findings);
    let artifacts = if documents.is_state() {
        Artifacts::of_state(documents.folder(), definition)
    } else {
        Artifacts::open(documents.folder(), &package)
    };
    let programs = recorded_state::programs(documents);
    let files = Files::new(documents, options.build_results, stage.text(), &artifacts, programs);
    if !files.has_packages_of_stage() {
        documents.ignore_recorded();
    }
    let region = Region::of_service(&resolver);
    let service = service_name(&resolver);
    let builder = if documents.is_state() {
        Some(recorded_state::builder(documents))
    } else {
        Builder::of_service(&resolver, findings)
    };
    let layers = Layers::new(&resolver, &region, &package, &artifacts, &files);
    let reader = Reader {
        resolver: &resolver,
        options,
        region: &region,
        package: &package,
        artifacts: &artifacts,
        files: &files,
        layers,
        service: service.clone(),
        builder,
    };
    let (mut functions, others) = reader.read(findings);
    unbuildable.extend(others);
    if !options.image_per_function {
        shared_images::share(&mut functions);
    }
    let root = documents.folder().to_owned();
    let named = service.map_or_else(|| root.clone(), Into::into);
    let name = name::project(None, &named, findings);
    let (ecr_repository, ecr) = Default::default();
    Some(Project { name, root, functions, ecr_repository, ecr, allowances: Arc::default() })
}

/// The name of the service: a text, or in version 1 also a mapping with one.
fn service_name(resolver: &Resolver<'_>) -> Option<String> {
    let service = resolver.get(&resolver.root(), "service").ok()??;
    let name = if service.is_mapping() { resolver.get(&service, "name").ok()?? } else { service };
    name.text().map(str::to_owned)
}

/// Whether the service is for AWS; reports it otherwise.
fn check_provider(resolver: &Resolver<'_>, findings: &mut Findings) -> Option<()> {
    let provider = values::get(resolver, &resolver.root(), "provider", findings);
    let is_missing = provider.is_none();
    let name = match provider {
        Some(provider) if provider.is_mapping() => values::get(resolver, &provider, "name", findings),
        provider => provider,
    };
    if findings.has_errors() {
        return None;
    }
    match name.as_ref().and_then(Value::text) {
        Some("aws") => Some(()),
        Some(other) => {
            let message =
                format!("this service is for `{other}`, and limg builds functions for AWS Lambda only");
            let place =
                name.map_or_else(|| resolver.root().place().key("provider"), |name| name.place().clone());
            findings.add(Finding::error(Code::UnknownValue, place, message));
            None
        }
        None if is_missing => {
            let place = resolver.root().place().key("provider");
            let finding = Finding::error(Code::MissingKey, place, "the service has no `provider`");
            findings.add(finding.help("add `provider: { name: aws, runtime: ... }`"));
            None
        }
        None => {
            let place = resolver.root().place().key("provider");
            let finding = Finding::error(Code::MissingKey, place, "the provider has no `name`");
            findings.add(finding.help("add `name: aws`"));
            None
        }
    }
}

impl<'a> Inputs<'a> {
    fn of(options: &'a Options) -> Self {
        Self {
            stage: options.stage.as_deref(),
            region: options.region_of_option.as_deref(),
            account: None,
            parameters: &options.service_parameters,
            environment: &options.environment,
        }
    }
}
