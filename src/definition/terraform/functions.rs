//! The functions of a plan.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::files;
use super::layers;
use super::plan::{self, Plan, Resource};
use crate::definition::document::Node;
use crate::definition::fields::configuration::{
    DEFAULT_MEMORY, DEFAULT_TIMEOUT, needs_snapstart_label, wrapper,
};
use crate::definition::fields::{self, Findings};
use crate::definition::{IS_IMAGE, Options, Unbuildable, WhyUnbuildable};
use crate::finding::{Code, Finding};
use crate::project::{
    Architecture, Base, Dependencies, Function, FunctionCode, FunctionImage, FunctionPlaces,
};

/// The resource type of functions.
const FUNCTION: &str = "aws_lambda_function";

/// Reads all functions: those that can be built, and the others. Warnings about the first are added to the findings.
pub(super) fn read(
    plan: &Plan<'_>,
    root: &Path,
    options: &Options,
    all: &mut Findings,
) -> (Vec<Function>, Vec<Unbuildable>) {
    let (mut functions, mut unbuildable) = (Vec::new(), Vec::new());
    let mut names = BTreeMap::new();
    for resource in plan.of_kind(FUNCTION) {
        let mut findings = Findings::new(resource.place.clone());
        let is_image =
            resource.text("package_type") == Some("Image") || resource.value("image_uri").is_some();
        let function = if is_image { None } else { function(plan, resource, root, options, &mut findings) };
        let why = match function {
            _ if is_image => WhyUnbuildable::LeftAlone(IS_IMAGE.to_owned()),
            Some(function) if !findings.has_errors() => {
                match names.insert(function.image.name.to_lowercase(), resource.written) {
                    None => {
                        findings.all.into_iter().for_each(|warning| all.add(warning));
                        functions.push(function);
                        continue;
                    }
                    Some(other) => {
                        let message = format!(
                            "the images of `{}` and `{other}` would have the same name",
                            resource.written
                        );
                        let finding = Finding::error(Code::NameClash, resource.place.clone(), message);
                        WhyUnbuildable::Errors(vec![finding.help("rename one of them")])
                    }
                }
            }
            _ => WhyUnbuildable::Errors(findings.all),
        };
        let runtime = resource.text("runtime").map(str::to_owned);
        unbuildable.push(Unbuildable {
            name: resource.address.name(),
            place: resource.place.clone(),
            runtime,
            why,
        });
    }
    (functions, unbuildable)
}

/// Reads a function. Nothing if it has errors, which are in the findings.
fn function(
    plan: &Plan<'_>,
    resource: &Resource<'_>,
    root: &Path,
    options: &Options,
    findings: &mut Findings,
) -> Option<Function> {
    let name = resource.address.name();
    let base = base(resource, options, findings);
    let handler = handler(resource, base.as_ref(), findings);
    let architecture = architecture(resource, options, findings);
    let layers = layers::of_function(plan, resource, root, findings);
    let what = format!("the code of `{name}`");
    let code = files::of_resource(plan, resource, &what, root, findings);
    let image_name = fields::name::of_image(&name);
    fields::name::image(&name, &image_name, &resource.place, findings);
    let (base, code) = (base?, code?);
    let (configuration, deployed_variables) = variables(resource);
    let place = |key: &str| resource.place_of(key);
    let publishes_snapshots =
        resource.in_block("snap_start", "apply_on").and_then(plan::text) == Some("PublishedVersions");
    let number = |key: &str| resource.text(key).and_then(|text| text.parse().ok());
    Some(Function {
        name,
        places: FunctionPlaces {
            function: resource.place.clone(),
            runtime: place("runtime"),
            handler: place("handler"),
            code: place("filename"),
            dependencies: resource.place.clone(),
            extensions: resource.place.clone(),
        },
        image: FunctionImage { name: image_name, handler: handler.clone() },
        handler,
        architecture,
        code: FunctionCode::Files(code),
        install: None,
        bytecode: None,
        is_complete: false,
        dependencies: Dependencies::Installed,
        layers,
        extensions: Vec::new(),
        wrapper: wrapper(&configuration, &place("environment")),
        handler_wrapper: None,
        snapstart: publishes_snapshots && needs_snapstart_label(&base, options),
        environment: BTreeMap::new(),
        configuration,
        deployed_variables,
        allowances: Arc::default(),
        // Terraform itself installs nothing.
        build_command: None,
        timeout: number("timeout").unwrap_or(DEFAULT_TIMEOUT),
        memory: number("memory_size").unwrap_or(DEFAULT_MEMORY),
        base,
    })
}

fn base(resource: &Resource<'_>, options: &Options, findings: &mut Findings) -> Option<Base> {
    let at = resource.place_of("runtime");
    let Some(runtime) = resource.text("runtime") else {
        let message = format!("the plan has no `runtime` of `{}`", resource.written);
        let finding = Finding::error(Code::MissingKey, at, message);
        findings.add(finding.help("set `runtime` to a runtime id such as `python3.12`"));
        return None;
    };
    fields::runtime::replaceable_base(runtime, "runtime", &at, options, findings)
}

/// The handler, which a custom runtime does not need.
fn handler(resource: &Resource<'_>, base: Option<&Base>, findings: &mut Findings) -> Option<String> {
    let at = resource.place_of("handler");
    if let Some(handler) = resource.text("handler") {
        fields::handler::check(handler, &at, findings);
        return Some(handler.to_owned());
    }
    if base.is_some_and(|base| !fields::runtime::is_provided(&base.contract)) {
        let message = format!("the plan has no `handler` of `{}`", resource.written);
        let finding = Finding::error(Code::MissingKey, at, message);
        findings.add(finding.help("set `handler`, such as `app.handler`"));
    }
    None
}

/// The first architecture of the list: Lambda accepts one.
fn architecture(resource: &Resource<'_>, options: &Options, findings: &mut Findings) -> Architecture {
    let written = plan::items(resource.value("architectures")).first().and_then(plan::text);
    let Some(written) = written.filter(|_| options.architecture.is_none()) else {
        return Architecture::default();
    };
    fields::architecture::read(written, &resource.place_of("architectures"), findings)
}

/// The variables of the function's configuration, and the names of those that only the apply will know.
fn variables(resource: &Resource<'_>) -> (BTreeMap<String, String>, Vec<String>) {
    let known = resource.in_block("environment", "variables").map(Node::entries).unwrap_or_default();
    let known: BTreeMap<_, _> = known
        .iter()
        .filter_map(|entry| Some((entry.key.clone(), plan::text(&entry.value)?.to_owned())))
        // A value with a NUL character cannot be passed on.
        .filter(|(_, value)| !value.contains('\0'))
        .collect();
    let unknown = plan::items(resource.unknown("environment")).first();
    let unknown = unknown.and_then(|block| block.entry("variables")).map(Node::entries).unwrap_or_default();
    let unknown =
        unknown.iter().filter(|entry| plan::is_true(&entry.value) && !known.contains_key(&entry.key));
    let unknown = unknown.map(|entry| entry.key.clone()).collect();
    (known, unknown)
}
