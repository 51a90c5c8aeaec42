//! `samconfig.toml` next to a template: the values that the AWS SAM CLI takes from it (AWS SAM developer guide, AWS SAM CLI
//! configuration file).

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use crate::definition::ParameterOverrides;
use crate::definition::fields::Findings;
use crate::finding::{Code, Finding, Place};
use crate::fs::{self, TextError};

/// The name of the file.
const FILE: &str = "samconfig.toml";

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
        let file = folder.join(FILE);
        let place = Place::document(&file);
        let mut failed = |message: String, help: &str| {
            findings.add(Finding::error(Code::Samconfig, place.clone(), message).help(help));
            Self::default()
        };
        let text = match fs::read_text(&file, SIZE_LIMIT) {
            Ok(text) => text,
            Err(TextError::Fs(error)) if error.source.kind() == ErrorKind::NotFound => match environment {
                None => return Self::default(),
                Some(name) => {
                    let message = format!("there is no `{FILE}` with the environment `{name}`");
                    return failed(message, "remove `--config-env`, or create the file");
                }
            },
            Err(error) => return failed(format!("the file cannot be read: {error}"), "correct the file"),
        };
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                let message = toml::de::Error::message(&error).to_owned();
                return failed(format!("the file is not valid TOML: {message}"), "correct the file");
            }
        };
        let name = environment.unwrap_or(DEFAULT_ENVIRONMENT);
        let Some(section) = table.get(name) else {
            if environment.is_none() {
                return Self::default();
            }
            let known: Vec<_> =
                table.iter().filter(|(_, value)| value.is_table()).map(|(name, _)| name.as_str()).collect();
            let help = format!("use one of {}", known.join(", "));
            return failed(format!("there is no environment `{name}`"), &help);
        };
        match Self::of(section) {
            Ok(samconfig) => samconfig,
            Err(why) => failed(why, "write `parameter_overrides = \"NAME=VALUE\"`"),
        }
    }

    fn of(section: &toml::Value) -> Result<Self, String> {
        let mut samconfig = Self::default();
        for command in COMMANDS {
            let Some(parameters) = section.get(command).and_then(|command| command.get("parameters")) else {
                continue;
            };
            let text = |key: &str| parameters.get(key).and_then(toml::Value::as_str).map(str::to_owned);
            samconfig.region = text("region").or(samconfig.region);
            samconfig.stack_name = text("stack_name").or(samconfig.stack_name);
            samconfig.build_folder = text("build_dir").or(samconfig.build_folder);
            match parameters.get("parameter_overrides") {
                Some(toml::Value::String(overrides)) => samconfig.add(overrides)?,
                Some(toml::Value::Array(list)) => {
                    for overrides in list.iter().filter_map(toml::Value::as_str) {
                        samconfig.add(overrides)?;
                    }
                }
                Some(toml::Value::Table(table)) => {
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

/// The text of a value that is not a list or table.
fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(value) => Some(value.to_string()),
        toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Samconfig, String> {
        Samconfig::of(&toml::Value::Table(text.parse().unwrap()))
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
        assert_eq!(of("").unwrap(), Samconfig::default());
        assert!(of("[deploy.parameters]\nparameter_overrides = \"A\"\n").is_err());
    }
}
