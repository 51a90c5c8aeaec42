//! Why a value cannot be resolved, and what settles it.

use std::path::Path;

use crate::finding::{Code, Finding, Help, Place};
use crate::text::excerpt;

/// A value that limg needs and cannot resolve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::definition::serverless) struct Unresolved {
    /// Where the text with the variable is.
    pub(in crate::definition::serverless) place: Place,
    /// Why.
    pub(in crate::definition::serverless) cause: Cause,
}

/// Why a variable has no value that limg knows. A `variable` is its text without `${`, `}` and defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::definition::serverless) enum Cause {
    /// It is not valid: a clause about what is wrong.
    Invalid(String),
    /// An option of the command line is missing.
    Option(String),
    /// There is no parameter of this name for the stage.
    Parameter(String),
    /// An environment variable is not set, or the user withholds the environment.
    Environment(String),
    /// The service has no such value.
    Setting { variable: String },
    /// A file is missing.
    MissingFile(String),
    /// A file has no value at the address.
    MissingInFile { variable: String, file: String },
    /// A file cannot be read: a clause with its path that says why.
    UnreadableFile(String),
    /// A program computes the value.
    Program(String),
    /// Only AWS, or another service, knows the value.
    Deployed { variable: String },
    /// A list, mapping or null in the middle of a text.
    NotText { variable: String },
    /// The value depends on itself.
    Cycle,
    /// Variables lead to each other too often.
    TooMuch,
}

/// What makes limg independent of what only Serverless resolves.
const PACKAGE: &str = "run `serverless package`: its output contains the resolved value";

impl Unresolved {
    /// An error about it.
    pub(in crate::definition::serverless) fn finding(&self) -> Finding {
        let (message, help) = self.cause.words(self.place.file());
        Finding::error(Code::UnresolvedVariable, self.place.clone(), message).help(help)
    }
}

impl Cause {
    fn words(&self, file: &Path) -> (String, Help) {
        let of = |variable: &str| format!("`${{{}}}`", excerpt(variable));
        let default =
            |variable: &str| Help::from(format!("add a default: `${{{}, 'VALUE'}}`", excerpt(variable)));
        match self {
            Self::Invalid(why) => (excerpt(why), "write variables as `${SOURCE:ADDRESS, 'DEFAULT'}`".into()),
            Self::Option(name) => {
                let variable = format!("opt:{name}");
                let message = format!("{} has no value", of(&variable));
                let help = match name.as_str() {
                    "stage" => Help::from("use `--stage STAGE`").or(default(&variable)),
                    "region" => Help::from("use `--region REGION`").or(default(&variable)),
                    _ => default(&variable),
                };
                (message, help)
            }
            Self::Parameter(name) => {
                let message = format!("{} has no value for this stage", of(&format!("param:{name}")));
                (
                    message,
                    Help::from(format!("use `--param {}=VALUE`", excerpt(name))).or("use `--stage STAGE`"),
                )
            }
            Self::Environment(name) => {
                let message = format!("the environment variable `{}` is not set", excerpt(name));
                (message, Help::from("set it").or(default(&format!("env:{name}"))))
            }
            Self::Setting { variable } => {
                let message = format!("{} names nothing in this service", of(variable));
                (message, Help::from("correct the name").or(default(variable)))
            }
            Self::MissingFile(path) => {
                let message = format!("the file `{}` does not exist", excerpt(path));
                (message, Help::from("create it").or("use `--stage STAGE` if the stage names it"))
            }
            Self::MissingInFile { variable, file } => {
                let message = format!("{} names nothing in `{}`", of(variable), excerpt(file));
                (message, Help::from("correct the name").or(default(variable)))
            }
            Self::UnreadableFile(why) => (excerpt(why), "correct the file or its name".into()),
            Self::Program(path) => {
                let message =
                    format!("the value is computed by `{}`, which limg does not run", excerpt(path));
                (message, PACKAGE.into())
            }
            Self::Deployed { variable } => {
                let message = format!("limg cannot resolve {}, which needs another service", of(variable));
                (message, PACKAGE.into())
            }
            Self::NotText { variable } => {
                let message = format!("{} is not a text, and cannot be part of one", of(variable));
                (message, "name a single value".into())
            }
            Self::Cycle => ("the value depends on itself".into(), "remove the circular reference".into()),
            Self::TooMuch => {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let message = "variables lead to each other too often".to_owned();
                (message, format!("simplify the variables in {name}").into())
            }
        }
    }
}
