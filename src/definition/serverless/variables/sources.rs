//! The sources of variables (Serverless Framework, guides/variables).

use std::path::Path;

use super::files::FileContent;
use super::syntax::{Reference, Source, Variable};
use super::{Cause, Resolved, Resolver, Unresolved, Value};
use crate::definition::document::{DocumentError, Scalar, ScalarKind};
use crate::finding::Place;

/// The stage of a service that does not name one (guides/variables/core).
const STAGE: &str = "dev";

/// The Region of a service that does not name one (providers/aws/guide/serverless.yml).
const REGION: &str = "us-east-1";

/// The suffixes of programs.
const PROGRAMS: &[&str] = &["js", "cjs", "mjs", "ts", "cts", "mts"];

/// A value, or why there is none.
type Found<'a> = Result<Value<'a>, Cause>;

impl Variable {
    /// Its first source without defaults, for messages.
    pub(super) fn name(&self) -> &str {
        match self.sources.first() {
            Some(Source::Reference(reference)) => &reference.text,
            Some(Source::Nested(nested)) => nested.name(),
            Some(Source::Literal(_)) | None => "",
        }
    }
}

impl Cause {
    /// Whether a default of the variable applies.
    pub(super) fn is_missing(&self) -> bool {
        match self {
            Self::Option(_)
            | Self::Parameter(_)
            | Self::Environment(_)
            | Self::Setting { .. }
            | Self::MissingFile(_)
            | Self::MissingInFile { .. } => true,
            Self::Invalid(_)
            | Self::UnreadableFile(_)
            | Self::Program(_)
            | Self::Deployed { .. }
            | Self::NotText { .. }
            | Self::Cycle
            | Self::TooMuch => false,
        }
    }
}

impl<'a> Resolver<'a> {
    /// What a reference names, or why there is nothing.
    pub(super) fn reference(&self, reference: &Reference, place: &Place) -> Resolved<Found<'a>> {
        let address = self.joined(&reference.address, place)?;
        match (reference.kind.as_str(), address.as_str()) {
            ("self", _) => {
                let value = self.walk(&self.root(), steps(&address))?;
                let missing = || Cause::Setting { variable: format!("self:{address}") };
                Ok(value.ok_or_else(missing))
            }
            ("opt", _) => {
                let value = match address.as_str() {
                    "stage" => self.inputs.stage,
                    "region" => self.inputs.region,
                    _ => None,
                };
                self.outer(value, place, Cause::Option(address))
            }
            ("env", _) => {
                let value = self.inputs.environment.get(&address).map(String::as_str);
                self.outer(value, place, Cause::Environment(address))
            }
            ("sls", "stage") => self.stage(place).map(Ok),
            ("param", _) => self.parameter(&address, place),
            ("file", _) => self.file(reference, &address, place),
            ("aws", "region") => self.region(place).map(Ok),
            ("aws", "accountId") if self.inputs.account.is_some() => {
                self.outer(self.inputs.account, place, Cause::Option(address))
            }
            ("strToBool", _) => self.boolean(reference, place).map(Ok),
            _ => {
                let cause = Cause::Deployed { variable: reference.text.clone() };
                Err(Unresolved { place: place.clone(), cause })
            }
        }
    }

    /// A text from outside of the service, in which there may be variables.
    fn outer(&self, text: Option<&str>, place: &Place, missing: Cause) -> Resolved<Found<'a>> {
        text.map_or(Ok(Err(missing)), |text| self.resolve_text(text, place).map(Ok))
    }

    /// The stage: the option, or what the provider names.
    pub(in crate::definition::serverless) fn stage(&self, place: &Place) -> Resolved<Value<'a>> {
        self.of_provider(self.inputs.stage, "stage", STAGE, place)
    }

    /// The Region: the option, or what the provider names.
    pub(in crate::definition::serverless) fn region(&self, place: &Place) -> Resolved<Value<'a>> {
        self.of_provider(self.inputs.region, "region", REGION, place)
    }

    fn of_provider(
        &self,
        option: Option<&str>,
        key: &str,
        default: &str,
        place: &Place,
    ) -> Resolved<Value<'a>> {
        if let Some(option) = option.filter(|option| !option.is_empty()) {
            return Ok(Value::of_text(option, place));
        }
        let value = self.walk(&self.root(), ["provider", key])?;
        let value = value.filter(|value| value.text().is_some_and(|text| !text.is_empty()));
        Ok(value.unwrap_or_else(|| Value::of_text(default, place)))
    }

    /// The stage or Region for `${self:provider.stage}` and `${self:provider.region}` that name nothing: versions 1 and 2 set
    /// both keys by themselves, and version 3 rejects the service.
    pub(super) fn provider_default(&self, variable: &Variable, place: &Place) -> Resolved<Option<Value<'a>>> {
        let named = |text: &str| {
            variable.sources.iter().any(|source| matches!(source, Source::Reference(it) if it.text == text))
        };
        if named("self:provider.stage") {
            return self.stage(place).map(Some);
        }
        if named("self:provider.region") {
            return self.region(place).map(Some);
        }
        Ok(None)
    }

    /// A parameter: of the command line, else of the stage, else of all stages (guides/parameters).
    fn parameter(&self, name: &str, place: &Place) -> Resolved<Found<'a>> {
        let missing = Cause::Parameter(name.to_owned());
        if let Some(value) = self.inputs.parameters.get(name) {
            return self.outer(Some(value), place, missing);
        }
        let stage = self.stage(place)?;
        let stage = stage.text().unwrap_or(STAGE);
        for stage in [stage, "default"] {
            for path in [["stages", stage, "params", name].as_slice(), &["params", stage, name]] {
                if let Some(value) = self.walk(&self.root(), path.iter().copied())? {
                    return Ok(Ok(value));
                }
            }
        }
        Ok(Err(missing))
    }

    /// A file, or a value in it.
    fn file(&self, reference: &Reference, address: &str, place: &Place) -> Resolved<Found<'a>> {
        let unresolved = |cause| Unresolved { place: place.clone(), cause };
        let Some(name) = reference.parameters.first() else {
            let why = format!("`${{{}}}` names no file", reference.text);
            return Err(unresolved(Cause::Invalid(why)));
        };
        let name = self.joined(name, place)?;
        if name.starts_with(['/', '\\', '~']) || Path::new(&name).is_absolute() {
            let why =
                format!("`{name}` is an absolute path; limg reads files by their path from the service");
            return Err(unresolved(Cause::UnreadableFile(why)));
        }
        let path = self.documents.path_of(&name);
        let suffix = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if PROGRAMS.contains(&suffix.as_str()) {
            return Err(unresolved(Cause::Program(name)));
        }
        let outcome = self.documents.open(&path).ok_or_else(|| unresolved(Cause::TooMuch))?;
        match outcome {
            Ok(None) => Ok(Err(Cause::MissingFile(name))),
            Ok(Some(FileContent::Text(text))) if address.is_empty() => self.resolve_text(text, place).map(Ok),
            Ok(Some(FileContent::Text(_))) => {
                Ok(Err(Cause::MissingInFile { variable: reference.text.clone(), file: name }))
            }
            Ok(Some(FileContent::Document(document))) => {
                let root = Value::node(document.root(), document.place());
                let value = self.walk(&root, steps(address))?;
                let variable = format!("file({name}):{address}");
                Ok(value.ok_or(Cause::MissingInFile { variable, file: name }))
            }
            Err(error) => Err(unresolved(Cause::UnreadableFile(match error {
                DocumentError::Fs(error) => format!("{error}: {}", error.source),
                error => error.to_string(),
            }))),
        }
    }

    /// `strToBool(TEXT)`.
    fn boolean(&self, reference: &Reference, place: &Place) -> Resolved<Value<'a>> {
        let text = reference.parameters.first().map(|text| self.joined(text, place)).transpose()?;
        let boolean = match text.unwrap_or_default().to_lowercase().as_str() {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => {
                let why = "`strToBool` converts `true`, `false`, `1` and `0` only".to_owned();
                return Err(Unresolved { place: place.clone(), cause: Cause::Invalid(why) });
            }
        };
        let scalar = Scalar { kind: ScalarKind::Boolean(boolean), text: boolean.to_string() };
        Ok(Value::computed(scalar, place.clone()))
    }
}

/// The steps of an address such as `a.b.0` or, in version 4, `a.b[0]`; none of an empty one.
fn steps(address: &str) -> impl Iterator<Item = &str> {
    let is_index = |step: &&str| step.ends_with(']') && step.contains('[');
    let split = move |step| match Some(step).filter(is_index).and_then(|step: &str| step.split_once('[')) {
        Some((name, index)) => [name, index.trim_end_matches(']')],
        None => [step, ""],
    };
    address.split('.').flat_map(split).filter(|step| !step.is_empty())
}
