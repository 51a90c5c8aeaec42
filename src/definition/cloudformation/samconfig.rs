//! `samconfig.toml`, or the same in YAML, next to a template: the values that the AWS SAM CLI takes from it (AWS SAM developer guide, AWS SAM CLI
//! configuration file).

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::definition::ParameterOverrides;
use crate::definition::document::Document;
use crate::definition::fields::Findings;
use crate::finding::{Code, Finding, Place};
use crate::fs::{self, TextError};
use crate::text::with_causes;

/// The names of the file. The first that is there counts (AWS SAM CLI, `SamConfig.get_default_file`).
const FILES: [&str; 3] = ["samconfig.toml", "samconfig.yaml", "samconfig.yml"];

/// The largest file that is read, in bytes: many times what any needs.
const SIZE_LIMIT: u64 = 1024 * 1024;

/// The environment that the AWS SAM CLI reads by default.
const DEFAULT_ENVIRONMENT: &str = "default";

/// The commands whose parameters count, the most important one last: `global` is for all of them.
const COMMANDS: [&str; 3] = ["global", "build", "deploy"];

/// What the file says about a template.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Samconfig {
    /// `region`.
    pub(super) region: Option<String>,
    /// `stack_name`.
    pub(super) stack_name: Option<String>,
    /// `build_dir`.
    pub(super) build_folder: Option<String>,
    /// `parameter_overrides`.
    pub(super) parameters: BTreeMap<String, String>,
}

impl Samconfig {
    /// Reads the file in a folder, if there is one, for an environment that the user names or the default one.
    pub(super) fn read(folder: &Path, environment: Option<&str>, findings: &mut Findings) -> Self {
        let files = FILES.map(|name| folder.join(name));
        let file = files.iter().find(|file| fs::metadata(file).is_ok()).unwrap_or(&files[0]);
        let place = Place::document(file);
        let mut failed = |message: String, help: &str| {
            findings.add(Finding::error(Code::Samconfig, place.clone(), message).help(help));
            Self::default()
        };
        let text = match fs::read_text(file, SIZE_LIMIT) {
            Ok(text) => text,
            Err(TextError::Fs(error)) if error.source.kind() == ErrorKind::NotFound => match environment {
                None => return Self::default(),
                Some(name) => {
                    let message = format!("there is no `{}` with the environment `{name}`", FILES[0]);
                    return failed(message, "remove `--config-env`, or create the file");
                }
            },
            Err(error) => return failed(format!("the file cannot be read: {error}"), "correct the file"),
        };
        let environments = match environments(file, text) {
            Ok(environments) => environments,
            Err(why) => return failed(why, "correct the file"),
        };
        let name = environment.unwrap_or(DEFAULT_ENVIRONMENT);
        let Some(section) = environments.get(name) else {
            if environment.is_none() {
                return Self::default();
            }
            let known = environments.iter().filter(|(_, value)| value.is_object());
            let known: Vec<_> = known.map(|(name, _)| name.as_str()).collect();
            let help = format!("use one of {}", known.join(", "));
            return failed(format!("there is no environment `{name}`"), &help);
        };
        match Self::of(section) {
            Ok(samconfig) => samconfig,
            Err(why) => failed(why, "write `parameter_overrides = \"NAME=VALUE\"`"),
        }
    }

    fn of(section: &Value) -> Result<Self, String> {
        let mut samconfig = Self::default();
        for command in COMMANDS {
            let Some(parameters) = section.get(command).and_then(|command| command.get("parameters")) else {
                continue;
            };
            let text = |key: &str| parameters.get(key).and_then(Value::as_str).map(str::to_owned);
            samconfig.region = text("region").or(samconfig.region);
            samconfig.stack_name = text("stack_name").or(samconfig.stack_name);
            samconfig.build_folder = text("build_dir").or(samconfig.build_folder);
            match parameters.get("parameter_overrides") {
                Some(Value::String(overrides)) => samconfig.add(overrides)?,
                Some(Value::Array(list)) => {
                    for overrides in list.iter().filter_map(Value::as_str) {
                        samconfig.add(overrides)?;
                    }
                }
                Some(Value::Object(table)) => {
                    let values =
                        table.iter().filter_map(|(name, value)| Some((name.clone(), scalar(value)?)));
                    samconfig.parameters.extend(values);
                }
                _ => {}
            }
        }
        Ok(samconfig)
    }

    fn add(&mut self, overrides: &str) -> Result<(), String> {
        let ParameterOverrides(values) = ParameterOverrides::of_samconfig(overrides)
            .map_err(|why| format!("`parameter_overrides` is not valid: {why}"))?;
        self.parameters.extend(values);
        Ok(())
    }
}

/// The sections of the file by the names of environments, with its other values; or why there are none.
fn environments(file: &Path, text: String) -> Result<Map<String, Value>, String> {
    let is_toml = file.extension().is_some_and(|extension| extension == "toml");
    if is_toml {
        return toml::from_str(&text)
            .map_err(|error| format!("the file is not valid TOML: {}", toml::de::Error::message(&error)));
    }
    let document = Document::parse(file, text).map_err(|error| with_causes(&error))?;
    Map::deserialize(document.root()).map_err(|error| format!("the file has no environments: {error}"))
}

/// The text of a value that is not a list or table.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Samconfig, String> {
        Samconfig::of(&Value::Object(environments(Path::new(FILES[0]), text.to_owned()).unwrap()))
    }

    #[test]
    fn parameters_of_a_command_override_global_ones() {
        let samconfig = of(r#"
            [global.parameters]
            region = "eu-west-1"
            stack_name = "shop"
            [build.parameters]
            build_dir = "out"
            parameter_overrides = ["A=1", "B=\"two words\""]
            [deploy.parameters]
            region = "us-east-1"
            parameter_overrides = "A=2 C=3"
        "#)
        .unwrap();
        assert_eq!(samconfig.region.as_deref(), Some("us-east-1"));
        assert_eq!(samconfig.stack_name.as_deref(), Some("shop"));
        assert_eq!(samconfig.build_folder.as_deref(), Some("out"));
        let parameters = [("A", "2"), ("B", "two words"), ("C", "3")];
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        assert_eq!(samconfig.parameters, parameters.map(own).into());
        let yaml = "deploy: { parameters: { region: eu-west-1, parameter_overrides: { A: 2, B: [x] } } }";
        let of_yaml = environments(Path::new("samconfig.yaml"), yaml.to_owned()).unwrap();
        let samconfig = Samconfig::of(&Value::Object(of_yaml)).unwrap();
        assert_eq!(
            (samconfig.region.as_deref(), samconfig.parameters),
            (Some("eu-west-1"), [own(("A", "2"))].into())
        );
        assert_eq!(of("").unwrap(), Samconfig::default());
        assert!(of("[deploy.parameters]\nparameter_overrides = \"A\"\n").is_err());
    }
}
