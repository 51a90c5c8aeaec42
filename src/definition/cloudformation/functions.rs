//! The functions of a template.
//!
//! Only what an image needs must have a value. A variable, timeout or memory size that only the deployed stack knows is left
//! to the deployed function.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::assets::Assets;
use super::build_command;
use super::build_graph::Wanted;
use super::build_results::{BuiltSettings, Found};
use super::cdk_helpers;
use super::code::{self, InS3, Location};
use super::context::Context;
use super::intrinsics::{Expression, StackId, Stacks, Unresolved, Value};
use super::lambda_edge;
use super::layers::Layers;
use super::local_build::{Runs, Sources};
use super::properties::Properties;
use crate::definition::fields::configuration::{
    DEFAULT_MEMORY, DEFAULT_TIMEOUT, needs_snapstart_label, wrapper,
};
use crate::definition::fields::{self, Findings};
use crate::definition::{IS_IMAGE, Options, Unbuildable, WhyUnbuildable};
use crate::finding::{Code, Finding, Place};
use crate::fs;
use crate::project::{
    Architecture, Base, Dependencies, Function, FunctionCode, FunctionImage, FunctionPlaces,
};

/// How a type of resource writes a function.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `AWS::Serverless::Function`.
    Serverless,
    /// `AWS::Lambda::Function`.
    Lambda,
}

/// Reads the functions of all stacks: those that can be built, and the others.
pub(super) fn read(
    stacks: &Stacks<'_>,
    ids: &[StackId],
    context: &Context<'_>,
) -> (Vec<Function>, Vec<Unbuildable>) {
    let mut reader = Reader {
        stacks,
        context,
        options: context.options,
        layers: Layers::new(stacks, context),
        at_edge: BTreeSet::new(),
    };
    let (mut functions, mut unbuildable) = (Vec::new(), Vec::new());
    for stack in ids {
        let template = stacks.template(*stack);
        reader.at_edge = match template.as_written() {
            Some(root) => lambda_edge::functions(root, template.place()),
            None => BTreeSet::new(),
        };
        let resources = stacks.resources(*stack);
        for (logical_id, resource) in resources.iter() {
            match reader.resource(*stack, logical_id, resource) {
                None => {}
                Some(Ok(function)) => functions.push(function),
                Some(Err(function)) => unbuildable.push(function),
            }
        }
        // A loop that cannot be expanded may contain functions.
        for unresolved in &resources.unresolved {
            let name = stacks.full_name(*stack, &unresolved.place.path().to_string());
            let why = WhyUnbuildable::Errors(vec![unresolved.finding()]);
            unbuildable.push(Unbuildable { name, place: unresolved.place.clone(), runtime: None, why });
        }
    }
    (functions, unbuildable)
}

/// Takes out the functions whose images would have the name of another's.
pub(super) fn without_clashes(all: Vec<Function>) -> (Vec<Function>, Vec<Unbuildable>) {
    let (mut functions, mut unbuildable) = (Vec::new(), Vec::new());
    let mut names = BTreeMap::new();
    for function in all {
        match names.entry(function.image.name.to_lowercase()) {
            Entry::Vacant(entry) => {
                entry.insert(function.name.clone());
                functions.push(function);
            }
            Entry::Occupied(other) => unbuildable.push(clash(&function, other.get())),
        }
    }
    (functions, unbuildable)
}

fn clash(function: &Function, other: &str) -> Unbuildable {
    let place = function.places.function.clone();
    let message = if function.name.to_lowercase() == other.to_lowercase() {
        format!("`{}` and `{other}` differ only in case", function.name)
    } else {
        format!("the images of `{}` and `{other}` would have the same name", function.name)
    };
    let finding = Finding::error(Code::NameClash, place.clone().on_key(), message);
    let finding = finding.help("rename one of them: image names are in lower case");
    Unbuildable {
        name: function.name.clone(),
        place,
        runtime: Some(function.base.name.clone()),
        why: WhyUnbuildable::Errors(vec![finding]),
    }
}

struct Reader<'s, 't> {
    stacks: &'s Stacks<'t>,
    context: &'s Context<'s>,
    options: &'s Options,
    layers: Layers<'s, 't>,
    /// The logical ids of the current stack's functions that run in Lambda@Edge.
    at_edge: BTreeSet<&'t str>,
}

/// What runs a function's code, and how.
#[derive(Clone, Copy)]
struct HowItRuns<'a> {
    /// The runtime of the image.
    runtime: &'a str,
    /// The runtime that the template names.
    written_runtime: &'a str,
    handler: &'a str,
    architecture: Architecture,
    /// `NODE_OPTIONS` of its configuration.
    node_options: Option<&'a str>,
}

/// What a function is called.
#[derive(Clone, Copy)]
struct FunctionId<'n> {
    /// Its name in limg.
    name: &'n str,
    logical_id: &'n str,
    /// Its logical id with those of the stacks around it, as the AWS SAM CLI has it.
    full_name: &'n str,
}

/// Why a function is not read further.
enum Stop {
    LeaveAlone(String),
    Error(Finding),
}

impl From<Unresolved> for Stop {
    fn from(unresolved: Unresolved) -> Self {
        Self::Error(unresolved.finding())
    }
}

impl<'t> Reader<'_, 't> {
    /// The function that a resource is; nothing for any other resource.
    fn resource(
        &mut self,
        stack: StackId,
        logical_id: &str,
        resource: &Expression<'t>,
    ) -> Option<Result<Function, Unbuildable>> {
        let name = self.context.names.name(self.stacks, stack, logical_id, resource);
        let mut runtime = None;
        let mut findings = Findings::new(resource.place().clone());
        let read = self.kind(resource).and_then(|kind| match kind {
            Some(kind) => {
                let id = FunctionId {
                    name: &name,
                    logical_id,
                    full_name: &self.stacks.full_name(stack, logical_id),
                };
                self.function(id, kind, resource, &mut runtime, &mut findings).map(Some)
            }
            None => Ok(None),
        });
        let why = match read {
            Ok(None) => return None,
            Ok(Some(Some(function))) if !findings.has_errors() => return Some(Ok(function)),
            Ok(Some(_)) => WhyUnbuildable::Errors(findings.all),
            Err(Stop::LeaveAlone(why)) => WhyUnbuildable::LeftAlone(why),
            Err(Stop::Error(finding)) => {
                findings.add(finding);
                WhyUnbuildable::Errors(findings.all)
            }
        };
        Some(Err(Unbuildable { name, place: resource.place().clone(), runtime, why }))
    }

    /// How a resource writes a function, if it is one.
    fn kind(&self, resource: &Expression<'t>) -> Result<Option<Kind>, Stop> {
        let Ok(Some(kind)) = self.stacks.get(resource, "Type") else { return Ok(None) };
        let Ok(Some(kind)) = self.stacks.text(&kind) else { return Ok(None) };
        match kind.text.as_str() {
            "AWS::Serverless::Function" => Ok(Some(Kind::Serverless)),
            "AWS::Lambda::Function" => Ok(Some(Kind::Lambda)),
            // Facts 12.3.
            "AWS::Serverless::WebFunction" => {
                Err(Stop::LeaveAlone("web functions take their code from S3 only".to_owned()))
            }
            _ => Ok(None),
        }
    }

    /// Reads a function. Nothing if it has errors, which are in the findings.
    fn function(
        &mut self,
        id: FunctionId<'_>,
        kind: Kind,
        resource: &Expression<'t>,
        runtime: &mut Option<String>,
        findings: &mut Findings,
    ) -> Result<Option<Function>, Stop> {
        let (stacks, name) = (self.stacks, id.name);
        if let Some(condition) = stacks.get(resource, "Condition").ok().flatten()
            && let Ok(Some(condition)) = stacks.text(&condition)
            && let Ok(false) = stacks.condition(resource.stack(), &condition.text, resource.place())
        {
            let why = format!("its condition `{}` does not hold", condition.text);
            return Err(Stop::LeaveAlone(why));
        }
        let section = (kind == Kind::Serverless).then_some("Function");
        let properties = Properties::of(stacks, resource, section)?;
        let property = if kind == Kind::Serverless { "CodeUri" } else { "Code" };
        let location = match kind {
            _ if let Some(asset) = Assets::of_resource(stacks, resource, property) => {
                Some(Ok(Location::Asset(asset)))
            }
            Kind::Serverless => Some(Location::of_serverless(stacks, &properties)),
            Kind::Lambda => {
                properties.find("Code").and_then(|code| Location::of_value(stacks, code).transpose())
            }
        };
        let is_image = matches!(location, Some(Ok(Location::Image)))
            || properties.text("PackageType").ok().flatten().as_deref() == Some("Image");
        if is_image {
            return Err(Stop::LeaveAlone(IS_IMAGE.to_owned()));
        }
        let written_handler = properties.text("Handler").ok().flatten();
        if !self.options.helper_functions
            && cdk_helpers::contain(stacks, resource, id.full_name, written_handler.as_deref())
        {
            return Err(Stop::LeaveAlone("CDK adds it for its own purposes".to_owned()));
        }
        if let Some(why) = self.why_no_image(id.logical_id, &properties) {
            return Err(Stop::LeaveAlone(why.to_owned()));
        }
        *runtime = properties.text("Runtime").ok().flatten();
        let base = self.base(name, &properties, findings);
        let handler = handler(name, &properties, base.as_ref(), findings);
        let architecture = self.architecture(&properties, findings);
        let layers = self.layers.of_function(properties.both("Layers"), findings);
        let (configuration, deployed_variables) = self.variables(&properties);
        let location = location.transpose().map_err(|unresolved| findings.add(unresolved.finding()));
        // A runtime that Lambda no longer has does not hide what else is wrong.
        let contract = base.as_ref().map(|base| base.contract.clone()).or_else(|| runtime.clone());
        let code = match (location, contract) {
            (Ok(Some(location)), Some(contract)) => {
                let runs = HowItRuns {
                    runtime: &contract,
                    written_runtime: runtime.as_deref().unwrap_or_default(),
                    handler: handler.as_deref().unwrap_or_default(),
                    architecture: self.options.architecture.unwrap_or(architecture),
                    node_options: configuration.get("NODE_OPTIONS").map(String::as_str),
                };
                self.code(id, property, location, runs, resource, findings)
            }
            (Ok(None), _) => {
                let message = format!("the function `{name}` has no `Code`");
                let finding = Finding::error(Code::MissingKey, properties.place("Code"), message);
                findings.add(finding.help("add `Code:` with a path, `ZipFile` or an object in S3"));
                None
            }
            _ => None,
        };
        let image_name = fields::name::of_image(name);
        fields::name::image(name, &image_name, &resource.place().clone().on_key(), findings);
        let (Some(base), Some((code, built))) = (base, code) else { return Ok(None) };
        let handler = built.handler.or(handler);
        // The function's own value would take the place of the image's.
        let node_options = built.node_options.filter(|_| !configuration.contains_key("NODE_OPTIONS"));
        Ok(Some(Function {
            name: name.to_owned(),
            places: places(&properties, property, resource.place()),
            image: FunctionImage { name: image_name, handler: handler.clone() },
            handler,
            architecture,
            code,
            install: None,
            bytecode: None,
            is_complete: built.is_complete,
            dependencies: Dependencies::Installed,
            layers,
            extensions: Vec::new(),
            wrapper: wrapper(&configuration, &properties.place("Environment")),
            handler_wrapper: None,
            snapstart: self.publishes_snapshots(&properties) && needs_snapstart_label(&base, self.options),
            environment: node_options.map(|value| ("NODE_OPTIONS".to_owned(), value)).into_iter().collect(),
            configuration,
            deployed_variables,
            allowances: Arc::default(),
            build_command: self.build_command(resource),
            timeout: number(&properties, "Timeout").unwrap_or(DEFAULT_TIMEOUT),
            memory: number(&properties, "MemorySize").unwrap_or(DEFAULT_MEMORY),
            base,
        }))
    }

    /// Why Lambda runs no image of a function.
    fn why_no_image(&self, logical_id: &str, properties: &Properties<'_, 't>) -> Option<&'static str> {
        if self.at_edge.contains(logical_id) {
            return Some("it runs in Lambda@Edge, which does not support container images");
        }
        let is_managed = properties.find("RuntimeConfig").is_some();
        is_managed.then_some("its runtime is managed by the customer, and its code stays a zip")
    }

    /// The command that installs what the code needs.
    fn build_command(&self, resource: &Expression<'t>) -> Option<String> {
        let skips_build = build_command::skips_build(self.stacks, resource);
        (self.context.results.are_used() && !skips_build).then(|| self.context.build_command(resource))
    }

    fn base(&self, name: &str, properties: &Properties<'_, '_>, findings: &mut Findings) -> Option<Base> {
        let at = properties.place("Runtime");
        let runtime = match properties.text("Runtime") {
            Ok(Some(runtime)) => runtime,
            Ok(None) => {
                let message = format!("the function `{name}` has no `Runtime`");
                let finding = Finding::error(Code::MissingKey, at, message);
                findings.add(finding.help("add `Runtime:` with a runtime id such as `python3.12`"));
                return None;
            }
            Err(unresolved) => {
                findings.add(unresolved.finding());
                return None;
            }
        };
        fields::runtime::replaceable_base(&runtime, "Runtime", &at, self.options, findings)
    }

    /// The first architecture of the list: Lambda accepts one. As CloudFormation, limg takes a single value for a list.
    fn architecture(&self, properties: &Properties<'_, 't>, findings: &mut Findings) -> Architecture {
        let read = || -> Result<Option<String>, Unresolved> {
            let Some(list) = properties.find("Architectures") else { return Ok(None) };
            if let Value::Text(text) = self.stacks.evaluate(list)? {
                return Ok(Some(text.text));
            }
            let Some(first) = self.stacks.list(list)?.and_then(|list| list.into_iter().next()) else {
                return Ok(None);
            };
            Ok(self.stacks.text(&first)?.map(|text| text.text))
        };
        match read() {
            Ok(Some(text)) => fields::architecture::read(&text, &properties.place("Architectures"), findings),
            Err(unresolved) if self.options.architecture.is_none() => {
                findings.add(unresolved.finding());
                Architecture::default()
            }
            Ok(None) | Err(_) => Architecture::default(),
        }
    }

    /// The code of a function, and what its build has set.
    fn code(
        &self,
        id: FunctionId<'_>,
        property: &str,
        location: Location,
        runs: HowItRuns<'_>,
        resource: &Expression<'t>,
        findings: &mut Findings,
    ) -> Option<(FunctionCode, BuiltSettings)> {
        let what = format!("the code of `{}`", id.name);
        let (path, place) = match location {
            Location::Path { path, place } => (path, place),
            other => {
                let is_complete = matches!(&other, Location::Asset(asset) if asset.is_bundled);
                let code = self.code_without_path(&what, property, other, runs.runtime, findings);
                return code.map(|code| (code, BuiltSettings { is_complete, ..BuiltSettings::default() }));
            }
        };
        if !code::may_be_on_this_machine(&what, &place, &self.options.fetched, findings) {
            return None;
        }
        let folder = fs::folder_of(place.file()).join(&path);
        let wanted = Wanted {
            runtime: Some(runs.written_runtime),
            architecture: Some(runs.architecture),
            sources: folder.clone(),
            metadata: build_command::written_metadata(self.stacks, resource),
        };
        let found = self.context.results.find(id.full_name, &place, &wanted);
        if let Found::Fresh(source, settings) = found {
            return Some((FunctionCode::Files(source), settings));
        }
        let is_folder = fs::metadata(&folder).is_ok_and(|metadata| metadata.is_dir());
        let (stacks, context, logical_id) = (self.stacks, self.context, id.logical_id);
        let sources = Sources { stacks, context, resource, logical_id, path: &path, place: &place };
        let runner = Runs { runtime: runs.runtime, handler: runs.handler, node_options: runs.node_options };
        if let Some(built) = is_folder.then(|| sources.of_function(&runner, findings)).flatten() {
            return built.ok().map(|(build, settings)| (FunctionCode::Built(build), settings));
        }
        if self.context.results.are_used()
            && is_folder
            && let Some(need) = build_command::needed_by_function(
                self.stacks,
                resource,
                id.logical_id,
                (runs.runtime, runs.handler),
                &folder,
            )
        {
            let need = if runs.runtime == runs.written_runtime {
                need
            } else {
                build_command::for_replaced_runtime(need, runs.runtime)
            };
            let command = self.context.build_command(resource);
            findings.add(build_command::needed(&what, &need, found.why_stale(), &command, &place));
            return None;
        }
        let code = code::files(&path, &place, runs.runtime, findings)?;
        let is_complete = build_command::skips_build(self.stacks, resource);
        Some((FunctionCode::Files(code), BuiltSettings { is_complete, ..BuiltSettings::default() }))
    }

    /// Code that is not a path next to the template.
    fn code_without_path(
        &self,
        what: &str,
        property: &str,
        location: Location,
        runtime: &str,
        findings: &mut Findings,
    ) -> Option<FunctionCode> {
        match location {
            Location::Inline { text, place } => code::inline(text, runtime, &place, findings),
            Location::Asset(asset) => self.context.assets.files(asset, findings).map(FunctionCode::Files),
            Location::S3 { object, place } => {
                if let Some(asset) = self.context.assets.in_s3(&object.key, &place) {
                    return self.context.assets.files(asset, findings).map(FunctionCode::Files);
                }
                let object = InS3 { what, object: &object, place: &place, property };
                object.files(&self.options.fetched, findings).map(FunctionCode::Files)
            }
            Location::ToBeFilled { place } => {
                findings.add(code::to_be_filled(what, runtime, &place, property));
                None
            }
            Location::Path { .. } | Location::Image => None,
        }
    }

    /// The variables of the function's configuration, and the names of those that only the deployed stack knows.
    fn variables(&self, properties: &Properties<'_, 't>) -> (BTreeMap<String, String>, Vec<String>) {
        let (mut known, mut deployed) = (BTreeMap::new(), Vec::new());
        for (name, value) in properties.merged(["Environment", "Variables"]).unwrap_or_default() {
            match self.stacks.text(&value) {
                // A value with a NUL character cannot be passed on.
                Ok(Some(text)) if !text.text.contains('\0') => {
                    known.insert(name, text.text);
                }
                Ok(_) => {}
                Err(_) => deployed.push(name),
            }
        }
        (known, deployed)
    }

    /// Whether the function publishes snapshots.
    fn publishes_snapshots(&self, properties: &Properties<'_, 't>) -> bool {
        let applies = || -> Option<String> {
            let on = self.stacks.get(properties.find("SnapStart")?, "ApplyOn").ok()??;
            Some(self.stacks.text(&on).ok()??.text)
        };
        applies().as_deref() == Some("PublishedVersions")
    }
}

/// The handler, which a custom runtime does not need.
fn handler(
    name: &str,
    properties: &Properties<'_, '_>,
    base: Option<&Base>,
    findings: &mut Findings,
) -> Option<String> {
    let at = properties.place("Handler");
    match properties.text("Handler") {
        Ok(Some(handler)) => {
            fields::handler::check(&handler, &at, findings);
            Some(handler)
        }
        Ok(None) => {
            if base.is_some_and(|base| !fields::runtime::is_provided(&base.contract)) {
                let message = format!("the function `{name}` has no `Handler`");
                let finding = Finding::error(Code::MissingKey, at, message);
                findings.add(finding.help("add `Handler:`, such as `app.handler`"));
            }
            None
        }
        Err(unresolved) => {
            findings.add(unresolved.finding());
            None
        }
    }
}

/// A number that is not part of the image.
fn number(properties: &Properties<'_, '_>, key: &str) -> Option<u32> {
    properties.text(key).ok()??.parse().ok()
}

/// Where a function of a place is defined, and its code by a property.
fn places(properties: &Properties<'_, '_>, code: &str, own: &Place) -> FunctionPlaces {
    FunctionPlaces {
        function: own.clone(),
        runtime: properties.place("Runtime"),
        handler: properties.place("Handler"),
        code: properties.place(code),
        dependencies: own.clone(),
        extensions: own.clone(),
    }
}
