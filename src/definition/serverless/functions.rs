//! The functions of a service: their own settings over those of the provider.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::artifacts::Artifacts;
use super::builders::Builder;
use super::code::{Files, Found, Origin, Wanted};
use super::intrinsics::{Evaluated, Region};
use super::layers::Layers;
use super::package::{Packaging, ServicePackage};
use super::values::{self, Text};
use super::variables::{Resolver, Value, recorded_entry};
use crate::definition::fields::configuration::{needs_snapstart_label, wrapper};
use crate::definition::fields::{self, Findings};
use crate::definition::{IS_IMAGE, Options, Unbuildable, WhyUnbuildable};
use crate::finding::{Code, Finding, Place};
use crate::project::{
    Architecture, Base, Dependencies, Function, FunctionCode, FunctionImage, FunctionPlaces,
};

/// The defaults of Serverless for `timeout`, in seconds, and `memorySize`, in MB (providers/aws/guide/functions).
const DEFAULT_TIMEOUT: u32 = 6;
const DEFAULT_MEMORY: u32 = 1024;

/// What functions are read with.
pub(super) struct Reader<'r, 'a> {
    pub(super) resolver: &'r Resolver<'a>,
    pub(super) options: &'r Options,
    pub(super) region: &'r Region,
    pub(super) package: &'r ServicePackage,
    pub(super) artifacts: &'r Artifacts,
    pub(super) files: &'r Files<'a>,
    pub(super) layers: Layers<'r, 'a>,
    /// The name of the service, as far as it is known.
    pub(super) service: Option<String>,
    /// What makes the packages of all functions.
    pub(super) builder: Option<Builder>,
}

/// Why a function is not read further.
enum Stop {
    LeaveAlone(String),
    /// What is wrong is in the findings.
    Errors,
}

impl<'a> Reader<'_, 'a> {
    /// Reads all functions: those that can be built, and the others. Warnings about the first are added to the findings.
    pub(super) fn read(&self, findings: &mut Findings) -> (Vec<Function>, Vec<Unbuildable>) {
        let (mut functions, mut unbuildable) = (Vec::new(), Vec::new());
        let mut names = BTreeMap::new();
        for (name, written) in self.entries(&mut unbuildable, findings) {
            let mut own = Findings::new(written.place().clone());
            let mut runtime = None;
            let read = self.function(name, &written, &mut runtime, &mut own);
            let why = match read {
                Ok(None) => continue,
                Ok(Some(function)) if !own.has_errors() => {
                    match names.insert(function.image.name.to_lowercase(), function.name.clone()) {
                        None => {
                            own.all.into_iter().for_each(|warning| findings.add(warning));
                            functions.push(function);
                            continue;
                        }
                        Some(other) => WhyUnbuildable::Errors(vec![clash(name, &other, written.place())]),
                    }
                }
                Ok(Some(_)) | Err(Stop::Errors) => WhyUnbuildable::Errors(own.all),
                Err(Stop::LeaveAlone(why)) => WhyUnbuildable::LeftAlone(why),
            };
            let place = written.place().clone();
            unbuildable.push(Unbuildable { name: name.to_owned(), place, runtime, why });
        }
        (functions, unbuildable)
    }

    /// The functions by name. `functions` is a mapping, or a list of mappings.
    fn entries(
        &self,
        unbuildable: &mut Vec<Unbuildable>,
        findings: &mut Findings,
    ) -> Vec<(&'a str, Value<'a>)> {
        let Some(functions) = values::get(self.resolver, &self.resolver.root(), "functions", findings) else {
            if !findings.has_errors() {
                let place = self.resolver.root().place().key("functions");
                let finding = Finding::error(Code::NoFunctions, place, "there are no functions");
                findings.add(finding.help("add one: `NAME: { handler: ..., runtime: ... }`"));
            }
            return Vec::new();
        };
        let mut entries = Vec::new();
        let mut add = |value: &Value<'a>, findings: &mut Findings| match value.entries() {
            Some(own) => entries.extend(own),
            None => findings.add(not_a_mapping("functions", value.place())),
        };
        let Some(items) = functions.items() else {
            add(&functions, findings);
            return entries;
        };
        for item in items {
            match self.resolver.resolve(&item) {
                Ok(item) if item.is_null() => {}
                Ok(item) => add(&item, findings),
                Err(unresolved) => {
                    let (name, place) = (item.place().path().to_string(), item.place().clone());
                    let why = WhyUnbuildable::Errors(vec![unresolved.finding()]);
                    unbuildable.push(Unbuildable { name, place, runtime: None, why });
                }
            }
        }
        entries
    }

    /// Reads a function; nothing if it is removed by an empty value. An error may also be in the findings.
    fn function(
        &self,
        name: &str,
        written: &Value<'a>,
        runtime: &mut Option<String>,
        findings: &mut Findings,
    ) -> Result<Option<Function>, Stop> {
        let resolved = self.resolver.resolve(written).map_err(|unresolved| {
            findings.add(unresolved.finding());
            Stop::Errors
        })?;
        if resolved.is_null() {
            return Ok(None);
        }
        if !resolved.is_mapping() {
            findings.add(not_a_mapping(name, resolved.place()));
            return Err(Stop::Errors);
        }
        // Which image it is, or whether limg could know it, makes no difference.
        if !matches!(self.resolver.get(&resolved, "image"), Ok(None)) {
            return Err(Stop::LeaveAlone(IS_IMAGE.to_owned()));
        }
        let packaging = Packaging::read(self.resolver, &resolved, findings);
        if packaging.is_disabled && packaging.artifact.is_none() {
            return Err(Stop::LeaveAlone("`package.disable` is set for it".to_owned()));
        }
        let found = self.code(name, &resolved, &packaging, findings);
        let settings = self.settings(name, resolved, found.as_ref());
        *runtime = settings
            .own_or_provider("runtime", &mut Findings::new(written.place().clone()))
            .map(|it| it.text);
        let base = self.base(&settings, findings);
        let handler = settings.handler(base.as_ref(), findings);
        let architecture = self.architecture(&settings, findings);
        let layers = settings.layers(findings).map(|list| self.layers.of_list(&list, findings));
        fields::name::image(name, name, &written.place().clone().on_key(), findings);
        let (Some(base), Some(Found { source, .. })) = (base, found) else { return Err(Stop::Errors) };
        let (configuration, deployed_variables) = self.variables(&settings, findings);
        let environment = settings.place("environment");
        Ok(Some(Function {
            name: name.to_owned(),
            places: FunctionPlaces {
                function: written.place().clone(),
                runtime: settings.place("runtime"),
                handler: settings.place("handler"),
                code: written.place().clone(),
                dependencies: written.place().clone(),
                extensions: written.place().clone(),
            },
            image: FunctionImage { name: name.to_owned(), handler: handler.clone() },
            handler,
            architecture,
            code: FunctionCode::Files(source),
            install: None,
            bytecode: None,
            is_complete: false,
            dependencies: Dependencies::Installed,
            layers: layers.unwrap_or_default(),
            extensions: Vec::new(),
            wrapper: wrapper(&configuration, &environment),
            handler_wrapper: None,
            snapstart: settings.is_on("snapStart") && needs_snapstart_label(&base, self.options),
            environment: BTreeMap::new(),
            configuration,
            deployed_variables,
            allowances: Arc::default(),
            // Serverless itself installs nothing, and what a plugin has left out of a fresh package stays out.
            build_command: None,
            timeout: settings.number("timeout").unwrap_or(DEFAULT_TIMEOUT),
            memory: settings.number("memorySize").unwrap_or(DEFAULT_MEMORY),
            base,
        }))
    }

    /// The files of a function.
    fn code(
        &self,
        name: &str,
        function: &Value<'a>,
        packaging: &Packaging,
        findings: &mut Findings,
    ) -> Option<Found> {
        let package = self.artifacts.of_function(name, packaging, self.package, self.service.as_deref());
        let settings = self.settings(name, function.clone(), None);
        // What is wrong with them is reported where they are read.
        let mut silent = Findings::new(function.place().clone());
        let mut text = |key| settings.own_or_provider(key, &mut silent).map(|it| it.text).unwrap_or_default();
        let (handler, runtime) = (text("handler"), text("runtime"));
        let of_function = || Builder::of_function(self.resolver, function, &handler, &runtime, findings);
        let builder = self.builder.clone().or_else(of_function);
        let mut of_filter = Findings::new(function.place().clone());
        let wanted = Wanted {
            what: format!("the code of `{name}`"),
            place: function.place().clone(),
            runtime,
            builder: builder.as_ref(),
            folder: Some("."),
            filter: self.package.filter_of_function(packaging, &mut of_filter),
            of_filter: of_filter.all,
        };
        self.files.find(package, &wanted, findings)
    }

    /// The settings of a function: as written, or as they were recorded for the package that it uses. Plugins change them.
    fn settings(&self, name: &'a str, written: Value<'a>, found: Option<&Found>) -> Settings<'_, 'a> {
        let is_recorded =
            found.is_some_and(|found| found.origin == Origin::Package) && self.files.has_packages_of_stage();
        let recorded = || recorded_entry(self.resolver.documents(), "functions", name, written.place());
        let own = is_recorded.then(recorded).flatten();
        let provider = self.resolver.get(&self.resolver.root(), "provider").ok().flatten();
        Settings { resolver: self.resolver, name, own: own.unwrap_or(written), provider }
    }

    fn base(&self, settings: &Settings<'_, 'a>, findings: &mut Findings) -> Option<Base> {
        let errors = findings.all.len();
        let Some(Text { text: runtime, place }) = settings.own_or_provider("runtime", findings) else {
            if findings.all.len() == errors {
                let message = format!("the function `{}` has no `runtime`", settings.name);
                let finding = Finding::error(Code::MissingKey, settings.place("runtime"), message);
                findings.add(finding.help(
                    "add `runtime:` with a runtime id such as `python3.12` to the function or to `provider`: the default \
                     depends on the version of Serverless",
                ));
            }
            return None;
        };
        fields::runtime::replaceable_base(&runtime, "runtime", &place, self.options, findings)
    }

    fn architecture(&self, settings: &Settings<'_, 'a>, findings: &mut Findings) -> Architecture {
        if self.options.architecture.is_some() {
            return Architecture::default();
        }
        let Some(Text { text, place }) = settings.own_or_provider("architecture", findings) else {
            return Architecture::default();
        };
        fields::architecture::read(&text, &place, findings)
    }

    /// The variables of the function's configuration, and the names of those that only the deployed stack knows.
    fn variables(
        &self,
        settings: &Settings<'_, 'a>,
        findings: &mut Findings,
    ) -> (BTreeMap<String, String>, Vec<String>) {
        let (mut known, mut deployed): (BTreeMap<String, String>, Vec<String>) = Default::default();
        for owner in settings.provider.iter().chain([&settings.own]) {
            let environment = match self.resolver.get(owner, "environment") {
                Ok(environment) => environment,
                Err(unresolved) => {
                    findings.add(as_warning(unresolved.finding()));
                    continue;
                }
            };
            for (name, value) in environment.as_ref().and_then(Value::entries).into_iter().flatten() {
                deployed.retain(|other| other != name);
                known.remove(name);
                let is_removed = self.resolver.resolve(&value).is_ok_and(|value| value.is_null());
                match self.region.evaluate(self.resolver, &value) {
                    _ if is_removed => {}
                    // A value with a NUL character cannot be passed on.
                    Evaluated::Text(text) if !text.contains('\0') => {
                        known.insert(name.to_owned(), text);
                    }
                    Evaluated::Text(_) => {}
                    Evaluated::Resource(_) | Evaluated::Deployed => deployed.push(name.to_owned()),
                }
            }
        }
        (known, deployed)
    }
}

/// A function's own settings over those of the provider.
struct Settings<'r, 'a> {
    resolver: &'r Resolver<'a>,
    name: &'r str,
    own: Value<'a>,
    provider: Option<Value<'a>>,
}

impl<'a> Settings<'_, 'a> {
    /// Where a setting is, or would be.
    fn place(&self, key: &str) -> Place {
        let of =
            |owner: &Value<'a>| owner.entries()?.find(|(own, _)| *own == key).map(|_| owner.place().key(key));
        of(&self.own).or_else(|| of(self.provider.as_ref()?)).unwrap_or_else(|| self.own.place().key(key))
    }

    fn own_or_provider(&self, key: &str, findings: &mut Findings) -> Option<Text> {
        let before = findings.all.len();
        let own = values::text(self.resolver, &self.own, key, findings);
        if own.is_some() || findings.all.len() > before {
            return own;
        }
        values::text(self.resolver, self.provider.as_ref()?, key, findings)
    }

    fn handler(&self, base: Option<&Base>, findings: &mut Findings) -> Option<String> {
        let before = findings.all.len();
        let Some(Text { text, place }) = values::text(self.resolver, &self.own, "handler", findings) else {
            if findings.all.len() == before
                && base.is_some_and(|base| !fields::runtime::is_provided(&base.contract))
            {
                let message = format!("the function `{}` has no `handler`", self.name);
                let finding = Finding::error(Code::MissingKey, self.own.place().key("handler"), message);
                findings.add(finding.help("add `handler:`, such as `app.handler`"));
            }
            return None;
        };
        fields::handler::check(&text, &place, findings);
        Some(text)
    }

    /// The list of layers: the function's own replaces that of the provider.
    fn layers(&self, findings: &mut Findings) -> Option<Value<'a>> {
        let before = findings.all.len();
        let own = values::get(self.resolver, &self.own, "layers", findings);
        if own.is_some() || findings.all.len() > before {
            return own;
        }
        values::get(self.resolver, self.provider.as_ref()?, "layers", findings)
    }

    /// A number that is not part of the image.
    fn number(&self, key: &str) -> Option<u32> {
        let of = |owner: &Value<'a>| self.resolver.get(owner, key).ok()??.text()?.parse().ok();
        of(&self.own).or_else(|| of(self.provider.as_ref()?)).filter(|number| *number > 0)
    }

    /// Whether a switch of the function itself is on.
    fn is_on(&self, key: &str) -> bool {
        let value = self.resolver.get(&self.own, key).ok().flatten();
        value.is_some_and(|value| value.text() == Some("true"))
    }
}

fn not_a_mapping(name: &str, place: &Place) -> Finding {
    Finding::error(Code::WrongType, place.clone(), format!("`{name}` must be a mapping"))
}

/// A finding about what is not part of the image.
fn as_warning(finding: Finding) -> Finding {
    Finding { severity: crate::finding::Severity::Warning, ..finding }
}

fn clash(name: &str, other: &str, place: &Place) -> Finding {
    let message = if name == other {
        format!("there are two functions with the name `{name}`")
    } else {
        format!("`{name}` and `{other}` differ only in case")
    };
    Finding::error(Code::NameClash, place.clone().on_key(), message)
        .help("rename one of them: image names are in lower case")
}
