//! Functions: the keys of each, completed from the defaults.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::super::format;
use super::base::Bases;
use super::{Used, bundle, environment, handler, install};
use crate::definition::fields::configuration::{DEFAULT_MEMORY, DEFAULT_TIMEOUT};
use crate::definition::fields::source::{self, Written};
use crate::definition::fields::{self, Findings, package_list};
use crate::finding::{Code, Finding, Place};
use crate::project::{
    Build, BuildMethod, BytecodeMode, Dependencies, Extension, Function, FunctionCode, FunctionImage,
    FunctionPlaces, HandlerWrapper, Install, Layer, LayerSource, LayerVersionArn, Source, SourceKind,
    VersionSource, Wrapper,
};
use crate::runtime::Language;
use crate::text::nearest;

/// The longest `Timeout` that Lambda takes in every account and Region, in seconds (facts 12.1).
const TIMEOUT_EVERYWHERE: u32 = 900;
/// The largest `MemorySize` that Lambda takes in every account and Region, in MB (facts 12.1).
const MEMORY_EVERYWHERE: u32 = 10_240;

/// What functions are validated against.
pub(super) struct Context<'a> {
    pub(super) root: &'a Path,
    pub(super) defaults: &'a format::Function,
    pub(super) bases: &'a Bases<'a>,
    pub(super) layers: &'a BTreeMap<&'a str, Option<Layer>>,
    pub(super) extensions: &'a BTreeMap<&'a str, Option<Extension>>,
}

/// Validates one function. `None` if it has errors, which are reported.
pub(super) fn validate<'a>(
    name: &str,
    own: &'a format::Function,
    context: &Context<'a>,
    used: &mut Used<'a>,
    findings: &mut Findings,
) -> Option<Function> {
    let settings = Settings { name, own, defaults: context.defaults, at: findings.at(&["functions", name]) };
    let base = settings.runtime(context, used, findings);
    let handler = settings.handler(base.as_ref().map(|base| base.contract.as_str()), findings);
    let code = settings.code(context.root, findings);
    let dependencies = settings.dependencies(findings);
    let contract = base.as_ref().map(|base| base.contract.as_str());
    let install = settings.install(context.root, code.as_ref(), contract, findings);
    let bytecode = settings.bytecode(contract, findings);
    let (code, install, handler, source_maps) = settings.bundle(code, install, handler, contract, findings);
    let layers = settings.layers(context, used, findings);
    let extensions = settings.extensions(context, used, findings);
    let wrapper = settings.wrapper(context.root, findings);
    let handler_wrapper = settings.handler_wrapper(findings);
    let mut environment = settings.environment(findings);
    if source_maps {
        fields::bundle::read_source_maps(&mut environment);
    }
    fields::environment::check_size(
        name,
        settings.at.key("environment").on_key(),
        extensions.iter().map(|extension| &extension.environment).chain([&environment]),
        findings,
    );
    let (_, place) = settings.pick(
        "environment",
        |from| from.environment.as_ref().filter(|variables| environment::sets_wrapper(variables)),
        findings,
    );
    let variable = fields::environment::take_wrapper(&mut environment, &place, findings);
    let wrapper = wrapper.or(variable);
    let function = Function {
        name: name.to_owned(),
        places: settings.places(findings),
        base: base?,
        image: FunctionImage { name: name.to_owned(), handler: handler.clone() },
        handler,
        architecture: settings
            .pick("architecture", |from| from.architecture.as_ref(), findings)
            .0
            .copied()
            .unwrap_or_default(),
        code: code?,
        install,
        bytecode,
        is_complete: false,
        dependencies: dependencies?,
        layers,
        extensions,
        wrapper,
        handler_wrapper,
        snapstart: settings
            .pick("snapstart", |from| from.snapstart.as_ref(), findings)
            .0
            .copied()
            .unwrap_or_default(),
        environment,
        configuration: BTreeMap::new(),
        deployed_variables: Vec::new(),
        allowances: Arc::default(),
        build_command: None,
        timeout: settings
            .limit("timeout", |from| from.timeout.as_ref(), TIMEOUT_EVERYWHERE, findings)
            .unwrap_or(DEFAULT_TIMEOUT),
        memory: settings
            .limit("memory", |from| from.memory.as_ref(), MEMORY_EVERYWHERE, findings)
            .unwrap_or(DEFAULT_MEMORY),
    };
    handler::check_redirect(&function, findings);
    Some(function)
}

/// A function's own keys over the defaults.
struct Settings<'a, 'n> {
    name: &'n str,
    own: &'a format::Function,
    defaults: &'a format::Function,
    at: Place,
}

impl<'a> Settings<'a, '_> {
    /// The value of a key, and its place: the function's own value wins. Without a value, the place is in the function.
    fn pick<T: ?Sized>(
        &self,
        key: &str,
        read: impl Fn(&'a format::Function) -> Option<&'a T>,
        findings: &Findings,
    ) -> (Option<&'a T>, Place) {
        match (read(self.own), read(self.defaults)) {
            (None, Some(default)) => (Some(default), findings.at(&["defaults", key])),
            (own, _) => (own, self.at.key(key)),
        }
    }

    fn places(&self, findings: &Findings) -> FunctionPlaces {
        FunctionPlaces {
            function: self.at.clone(),
            runtime: self.pick("runtime", |from| from.runtime.as_ref(), findings).1,
            handler: self.pick("handler", |from| from.handler.as_ref(), findings).1,
            code: self.pick("code", |from| from.code.as_ref(), findings).1,
            dependencies: self.pick("dependencies", |from| from.dependencies.as_ref(), findings).1,
            extensions: self.pick("extensions", |from| from.extensions.as_ref(), findings).1,
        }
    }

    /// A number; warns if it is above what every account and Region accepts.
    fn limit(
        &self,
        key: &str,
        read: impl Fn(&'a format::Function) -> Option<&'a u32>,
        everywhere: u32,
        findings: &mut Findings,
    ) -> Option<u32> {
        let (value, at) = self.pick(key, read, findings);
        let value = *value?;
        if value > everywhere {
            let message = format!("not every AWS account and Region accepts a `{key}` above {everywhere}");
            let help = format!("use at most {everywhere}, or check the quotas of your account");
            findings.add(Finding::warning(Code::HighLimit, at, message).help(help));
        }
        Some(value)
    }

    fn missing(&self, key: &str, help: &str, findings: &mut Findings) {
        let message = format!("the function `{}` has no `{key}`", self.name);
        findings.add(Finding::error(Code::MissingKey, self.at.key(key), message).help(help));
    }

    fn runtime(
        &self,
        context: &Context<'a>,
        used: &mut Used<'a>,
        findings: &mut Findings,
    ) -> Option<crate::project::Base> {
        let (runtime, at) = self.pick("runtime", |from| from.runtime.as_deref(), findings);
        let Some(runtime) = runtime else {
            self.missing(
                "runtime",
                "add `runtime:` with a runtime id such as `python3.12`, here or in `defaults`",
                findings,
            );
            return None;
        };
        used.runtimes.insert(runtime);
        context.bases.find(runtime, &at, findings)
    }

    fn handler(&self, contract: Option<&str>, findings: &mut Findings) -> Option<String> {
        let (handler, at) = self.pick("handler", |from| from.handler.as_deref(), findings);
        let Some(handler) = handler else {
            // Whether an unknown runtime needs a handler is not known.
            if contract.is_some_and(|contract| !fields::runtime::is_provided(contract)) {
                self.missing("handler", "add `handler:`, such as `app.handler`", findings);
            }
            return None;
        };
        fields::handler::check(handler, &at, findings);
        Some(handler.to_owned())
    }

    fn code(&self, root: &Path, findings: &mut Findings) -> Option<Source> {
        let (code, path_at) = self.pick("code", |from| from.code.as_deref(), findings);
        let (exclude, exclude_at) = self.pick("exclude", |from| from.exclude.as_deref(), findings);
        let (follow, _) = self.pick("follow", |from| from.follow.as_ref(), findings);
        let follow = follow.copied();
        let (default_excludes, _) =
            self.pick("default_excludes", |from| from.default_excludes.as_ref(), findings);
        let default_excludes = default_excludes.copied();
        let Some(path) = code else {
            self.missing("code", "add `code:` with a directory, a .zip or one file", findings);
            return None;
        };
        let exclude = exclude.unwrap_or_default();
        let written = Written { path, path_at, follow, exclude, exclude_at, default_excludes };
        source::read(&written, root, findings)
    }

    fn dependencies(&self, findings: &mut Findings) -> Option<Dependencies> {
        let (written, at) = self.pick("dependencies", |from| from.dependencies.as_ref(), findings);
        match written {
            None | Some(format::Dependencies::Automatic(true)) => Some(Dependencies::Installed),
            Some(format::Dependencies::Automatic(false)) => Some(Dependencies::Unsplit),
            Some(format::Dependencies::Patterns(patterns)) => {
                let are_good = source::check_patterns(patterns, &at, findings);
                are_good.then(|| Dependencies::Matching(patterns.clone()))
            }
        }
    }

    fn install(
        &self,
        root: &Path,
        code: Option<&Source>,
        contract: Option<&str>,
        findings: &mut Findings,
    ) -> Option<Install> {
        let (written, at) = self.pick("install", |from| from.install.as_ref(), findings);
        let folder = code.filter(|code| code.kind == SourceKind::Directory).map(|code| code.path.as_path());
        let list = install::list(written?, &at, root, folder, contract, findings)?;
        Some(Install { list, place: at })
    }

    /// What becomes of bytecode, in functions of Python.
    fn bytecode(&self, contract: Option<&str>, findings: &mut Findings) -> Option<BytecodeMode> {
        let (mode, at) = self.pick("bytecode", |from| from.bytecode.as_ref(), findings);
        let contract = contract.filter(|contract| Language::of(contract) != Some(Language::Python));
        if let (Some(contract), Some(_)) = (contract, self.own.bytecode) {
            let message = format!("`bytecode` applies only to Python, and the runtime is {contract}");
            findings.add(Finding::error(Code::MisplacedKey, at.on_key(), message).help("remove it"));
        }
        mode.copied()
    }

    /// The code, the packages and the handler, and whether the code has source maps: if it is bundled, the packages are those of
    /// the bundle.
    fn bundle(
        &self,
        code: Option<Source>,
        install: Option<Install>,
        handler: Option<String>,
        contract: Option<&str>,
        findings: &mut Findings,
    ) -> (Option<FunctionCode>, Option<Install>, Option<String>, bool) {
        let (written, at) = self.pick("bundle", |from| from.bundle.as_ref(), findings);
        let (Some(written), Some(source)) = (written, &code) else {
            return (code.map(FunctionCode::Files), install, handler, false);
        };
        let (of_install, _) = self.pick("install", |from| from.install.as_ref(), findings);
        let found = || package_list::find(&source.path, contract);
        let packages = match (&install, of_install) {
            (Some(install), _) => Some(install.list.clone()),
            (None, Some(_)) => None,
            (None, None) => found(),
        };
        let Some(bundle) = bundle::read(written, &at, handler.as_deref(), packages, findings) else {
            return (code.map(FunctionCode::Files), install, handler, false);
        };
        bundle::check_code(source, &at, findings);
        if contract.is_some_and(|contract| Language::of(contract) != Some(Language::Node)) {
            let finding = Finding::error(
                Code::MisplacedKey,
                at.on_key(),
                "`bundle` applies only to runtimes of Node.js",
            );
            findings.add(finding.help("remove it"));
        }
        let handler = handler.map(|handler| fields::bundle::handler_in(&bundle, &handler));
        let source_maps = fields::bundle::has_source_maps(&bundle);
        let build = Build { source: source.clone(), method: BuildMethod::Esbuild(bundle) };
        (Some(FunctionCode::Built(build)), None, handler, source_maps)
    }

    fn layers(&self, context: &Context<'a>, used: &mut Used<'a>, findings: &mut Findings) -> Vec<Layer> {
        let (names, at) = self.pick("layers", |from| from.layers.as_deref(), findings);
        let names = names.unwrap_or_default();
        check_twice("layer", names, &at, findings);
        used.layers.extend(names.iter().map(String::as_str));
        let mut layers = Vec::new();
        let mut versions = BTreeMap::new();
        for (position, name) in names.iter().enumerate() {
            if let Some(layer) = context.layers.get(name.as_str()) {
                if let Some(Layer { source: LayerSource::Version(VersionSource { arn, .. }), .. }) = layer {
                    check_versions(name, arn, &mut versions, &at.index(position), findings);
                }
                layers.extend(layer.clone());
                continue;
            }
            let finding =
                Finding::error(Code::UnknownLayer, at.index(position), format!("unknown layer `{name}`"));
            let help = if context.extensions.contains_key(name.as_str()) {
                format!("list it under `extensions`: `{name}` is an extension")
            } else {
                unknown_help("layers", name, context.layers.keys().copied(), findings)
            };
            findings.add(finding.help(help));
        }
        layers
    }

    fn extensions(
        &self,
        context: &Context<'a>,
        used: &mut Used<'a>,
        findings: &mut Findings,
    ) -> Vec<Extension> {
        let (names, at) = self.pick("extensions", |from| from.extensions.as_deref(), findings);
        let names = names.unwrap_or_default();
        check_twice("extension", names, &at, findings);
        used.extensions.extend(names.iter().map(String::as_str));
        let mut extensions = Vec::new();
        for (position, name) in names.iter().enumerate() {
            if let Some(extension) = context.extensions.get(name.as_str()) {
                extensions.extend(extension.clone());
                continue;
            }
            let message = format!("unknown extension `{name}`");
            let finding = Finding::error(Code::UnknownExtension, at.index(position), message);
            let help = if context.layers.contains_key(name.as_str()) {
                format!("list it under `layers`: `{name}` is a layer")
            } else {
                unknown_help("extensions", name, context.extensions.keys().copied(), findings)
            };
            findings.add(finding.help(help));
        }
        extensions
    }

    fn wrapper(&self, root: &Path, findings: &mut Findings) -> Option<Wrapper> {
        let (wrapper, at) = self.pick("wrapper", |from| from.wrapper.as_deref(), findings);
        source::wrapper(wrapper?, &at, root, findings)
    }

    fn handler_wrapper(&self, findings: &mut Findings) -> Option<HandlerWrapper> {
        let (wrapper, at) = self.pick("handler_wrapper", |from| from.handler_wrapper.as_ref(), findings);
        handler::wrapper(wrapper?, &at, findings)
    }

    /// The variables of the defaults under the function's own.
    fn environment(&self, findings: &mut Findings) -> BTreeMap<String, String> {
        let own_at = self.at.key("environment");
        let mut merged = BTreeMap::new();
        let layers = [
            (self.defaults.environment.as_ref(), findings.at(&["defaults", "environment"])),
            (self.own.environment.as_ref(), own_at.clone()),
        ];
        for (variables, at) in layers {
            let Some(variables) = variables else {
                continue;
            };
            merged.extend(environment::values(variables));
            let wrapper = self.pick("wrapper", |from| from.wrapper.as_deref(), findings).0;
            if wrapper.is_some() && environment::sets_wrapper(variables) {
                environment::two_wrappers(&at, "there is a `wrapper` too", findings);
            }
        }
        if let Some(variables) = &self.own.environment {
            environment::check(&own_at, variables, findings);
        }
        merged
    }
}

/// Reports names that a list contains more than once.
fn check_twice(kind: &str, names: &[String], at: &Place, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for (position, name) in names.iter().enumerate() {
        if !seen.insert(name) {
            let message = format!("the {kind} `{name}` is listed twice");
            let finding = Finding::error(Code::ListedTwice, at.index(position), message);
            findings.add(finding.help("remove one of them"));
        }
    }
}

/// Reports a second version of a layer. Lambda rejects such a function (the response of
/// `CreateFunction`: "Two different versions of the same layer are not allowed to be referenced in the same function").
fn check_versions<'a>(
    name: &'a str,
    arn: &'a LayerVersionArn,
    versions: &mut BTreeMap<String, (&'a str, &'a LayerVersionArn)>,
    at: &Place,
    findings: &mut Findings,
) {
    let (other, other_arn) = *versions.entry(arn.layer()).or_insert((name, arn));
    if other_arn != arn {
        let message = format!(
            "`{name}` and `{other}` are versions {} and {} of the same layer",
            arn.version(),
            other_arn.version()
        );
        let finding = Finding::error(Code::TwoVersions, at.clone(), message);
        findings
            .add(finding.help("remove one of them: Lambda rejects a function with two versions of a layer"));
    }
}

/// The help for a name that `section` does not define.
fn unknown_help<'a>(
    section: &str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
    findings: &Findings,
) -> String {
    if name.starts_with("arn:") && section == "layers" {
        return "define it under `layers` as `NAME: { arn: ... }`, and list the name here".to_owned();
    }
    match nearest(name, known.filter(|_| !findings.are_enough())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("define it under `{section}` as `NAME: {{ path: ... }}`"),
    }
}
