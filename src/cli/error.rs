//! Why a command fails: the one place that knows exit codes.

use std::io;
use std::path::PathBuf;

use super::config_yaml::ConfigurationError;
use super::explain_error::ExplainError;
use super::fetch_error::FetchError;
use super::units::SizeError;
#[cfg(feature = "aws")]
use crate::aws::AwsError;
use crate::definition::{DefinitionError, Listed, Loaded, MigrationError, VariableError};
use crate::engine::EngineError;
use crate::engine::emulator::EmulatorError;
use crate::failure::{Failure, FailureKind};
use crate::finding::Help;
use crate::fs::{FsError, TextError};
use crate::lock::LockError;
use crate::pipeline::PipelineError;
use crate::project::ImageLocationError;
#[cfg(feature = "aws")]
use crate::project::RepositoryTemplateError;
use crate::registry::RegistryError;
use crate::runtime;
use crate::sample_event;
use crate::text::{count, first_of, nearest};

/// The failure of a command.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error("the images of `{}` cannot be built as defined", file.display())]
    Findings { file: PathBuf, findings: Listed },
    #[error("limg has found {} that Lambda would reject or fail on", count(*number, "mistake"))]
    Unfit { number: usize, findings: Listed },
    #[error("there are {}, which `--deny warnings` treats as errors", count(*number, "warning"))]
    DeniedWarnings { number: usize },
    #[error("`{image}` is not the location of an image")]
    ImageArgument {
        image: String,
        #[source]
        source: Box<ImageLocationError>,
    },
    #[error(transparent)]
    Pipeline(Box<PipelineError>),
    #[error(transparent)]
    Engine(EngineError),
    #[error(transparent)]
    Emulator(EmulatorError),
    #[error(transparent)]
    Fs(#[from] FsError),
    #[error("the definition has several functions, and this command needs one")]
    WhichFunction { known: Vec<String> },
    #[error("`{event}` is neither a file nor JSON")]
    EventArgument {
        event: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("the event in `{name}` is not JSON")]
    EventContent {
        name: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("unknown sample event `{0}`")]
    UnknownEvent(String),
    #[error(transparent)]
    Explain(#[from] ExplainError),
    #[error("standard input can only be one of the events")]
    SeveralStandardInputs,
    #[error("{error}")]
    Variable { name: String, error: VariableError },
    #[error("`{name}` is not set in limg's own environment")]
    UnsetVariable { name: String },
    #[error("limg sets `{name}` itself, for the emulator")]
    EmulatorVariable { name: String },
    #[error("`--env` requires NAME=VALUE, or the NAME of a variable that is set")]
    NotAVariable,
    #[error("`{}`, line {line}: {error}", file.display())]
    EnvFileLine { file: PathBuf, line: usize, error: Box<CommandError> },
    #[error("failed to use the file of `--env-file`")]
    EnvFile(#[source] TextError),
    #[error("unknown function `{name}`")]
    UnknownFunction { name: String, known: Vec<String> },
    #[error("limg leaves the function `{name}` alone, since {why}")]
    LeftAlone { name: String, why: String },
    #[error("the definition has no function that limg builds: it leaves alone {}", listed(reasons))]
    AllLeftAlone { reasons: Vec<String> },
    #[error("no image is known of {}", first_of(5, functions.iter()))]
    NotPushed { functions: Vec<String> },
    #[error("the function `{function}` has not been pushed from this folder")]
    NeverPushed { function: String },
    #[error("`{image}` is not the location of the image that was pushed last")]
    PushedImage {
        image: String,
        #[source]
        source: Box<ImageLocationError>,
    },
    #[error("the new template must be in the folder of the original, `{}`", folder.display())]
    TemplateElsewhere { folder: PathBuf },
    #[error("the output is the template itself, `{}`", file.display())]
    TemplateItself { file: PathBuf },
    #[error("failed to read the record of pushed images")]
    PushedImages(#[source] TextError),
    #[error("the image `{image}` has nothing at `{path}`")]
    NotInImage { image: String, path: String },
    #[error(transparent)]
    ImageLocation(ImageLocationError),
    #[error("unknown runtime `{name}`")]
    UnknownRuntime { name: String, meant: Vec<&'static str> },
    #[error("limg has no debugger for the runtime `{runtime}`")]
    NoDebugger { runtime: String },
    #[error("limg has no command `{name}`")]
    UnknownCommand { name: String },
    #[error("`{}` already exists", path.display())]
    FileExists { path: PathBuf },
    #[error("`{}` already exists, and limg does not change it", path.display())]
    OutputExists { path: PathBuf },
    #[error(transparent)]
    Migration(#[from] MigrationError),
    #[error("the folder `{}` is not empty", path.display())]
    NotEmpty { path: PathBuf },
    #[error("`{}` is not a folder", path.display())]
    NotAFolder { path: PathBuf },
    #[error("cannot write images to `{text}`: {why}")]
    Destination { text: String, why: String },
    #[error("`--tag {0}` is not a valid tag")]
    Tag(String),
    #[error("SOURCE_DATE_EPOCH is `{0}`, which is not a time that a layer can store")]
    SourceDateEpoch(String),
    #[error("found no folder for the store")]
    NoStore,
    #[error("failed to use the store in `{}`", root.display())]
    Store {
        root: PathBuf,
        #[source]
        source: FsError,
    },
    #[error("another limg uses the store in `{}`, so nothing was removed", root.display())]
    StoreInUse { root: PathBuf },
    #[error("LIMG_STORE_LIMIT is not a size")]
    StoreLimit(#[source] SizeError),
    #[error("failed to read the certificates of `--ca-file`")]
    Certificates(#[source] FsError),
    #[error(transparent)]
    Lock(LockError),
    #[error(transparent)]
    Registry(RegistryError),
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Aws(AwsError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("cannot push to `{prefix}`")]
    Prefix { prefix: String, why: &'static str },
    #[cfg(feature = "aws")]
    #[error("in the repository `{repository}`, `{}` and `{}` would get the same tag", functions[0], functions[1])]
    SharedRepository { repository: String, functions: [String; 2] },
    #[cfg(feature = "aws")]
    #[error(transparent)]
    RepositoryTemplate(RepositoryTemplateError),
    #[error("standard output cannot get both the page and the JSON of `--format json`")]
    TwoResults,
    #[error("failed to write the result to standard output")]
    WriteResult(#[source] io::Error),
    #[error("failed to {action}")]
    System {
        action: &'static str,
        #[source]
        source: io::Error,
    },
}

/// Which of the known names a wrong one may mean.
fn meant(name: &str, known: &[String]) -> String {
    nearest(name, known.iter().map(String::as_str)).map_or_else(
        || format!("use one of {}", known.join(", ")),
        |nearest| format!("did you mean `{nearest}`?"),
    )
}

/// The runtimes that can be named, the one that was probably meant first.
fn one_of_the_runtimes(meant: Option<&str>) -> String {
    let all = runtime::ids().join(", ");
    meant.map_or_else(|| format!("use one of {all}"), |meant| format!("use `{meant}`, or another of {all}"))
}

/// The reasons why functions are left alone.
fn listed(reasons: &[String]) -> String {
    if reasons.is_empty() {
        "none, since there is none".to_owned()
    } else {
        first_of(5, reasons.iter().cloned())
    }
}

impl CommandError {
    /// The failure of a build, with the lines of findings in the definition.
    pub(super) fn pipeline(error: PipelineError, loaded: &Loaded) -> Self {
        match error {
            PipelineError::Findings(findings) => {
                Self::Findings { file: loaded.file.clone(), findings: loaded.sources.locate(&findings) }
            }
            error => Self::Pipeline(Box::new(error)),
        }
    }

    /// The user has to name one of several functions.
    pub(super) fn which_function(loaded: &Loaded) -> Self {
        let known = loaded.project.functions.iter().map(|function| function.name.clone()).collect();
        Self::WhichFunction { known }
    }

    /// What is wrong with the definition, or with what it names.
    pub(super) fn findings(&self) -> Option<&Listed> {
        match self {
            Self::Definition(DefinitionError::Findings { findings, .. })
            | Self::Findings { findings, .. }
            | Self::Unfit { findings, .. } => Some(findings),
            _ => None,
        }
    }

    /// The exit code of limg.
    pub(super) fn exit_code(&self) -> u8 {
        match self.kind() {
            FailureKind::Work => 1,
            FailureKind::User => 2,
            FailureKind::Environment => 3,
        }
    }
}

impl Failure for CommandError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Definition(error) => error.kind(),
            Self::Configuration(error) => error.kind(),
            Self::Pipeline(error) => error.kind(),
            Self::Migration(error) => error.kind(),
            Self::Engine(error) => error.kind(),
            Self::Emulator(error) => error.kind(),
            Self::Lock(error) => error.kind(),
            Self::Registry(error) => error.kind(),
            #[cfg(feature = "aws")]
            Self::Aws(error) => error.kind(),
            Self::Store { .. }
            | Self::StoreInUse { .. }
            | Self::NoStore
            | Self::Fs(_)
            | Self::WriteResult(_)
            | Self::System { .. } => FailureKind::Environment,
            Self::Explain(error) => error.kind(),
            _ => FailureKind::User,
        }
    }

    fn help(&self) -> Option<Help> {
        let text = match self {
            Self::Definition(error) => return error.help(),
            Self::Configuration(error) => return error.help(),
            Self::UnknownFunction { name, known } => Some(meant(name, known)),
            Self::UnknownRuntime { meant, .. } => Some(one_of_the_runtimes(meant.first().copied())),
            Self::ImageLocation(_) => {
                Some("run `limg inspect --help` for the forms of images".to_owned())
            }
            Self::NotInImage { .. } => Some("use `--files` for the list of files".to_owned()),
            Self::NoDebugger { .. } => Some(
                "start the debugger in the function, publish its port with `--publish`, and increase the `timeout`".to_owned(),
            ),
            Self::UnknownCommand { .. } => Some("run `limg help` for the list".to_owned()),
            Self::FileExists { .. } | Self::NotAFolder { .. } | Self::NotEmpty { .. } => Some("use an empty folder".to_owned()),
            Self::OutputExists { .. } => {
                Some("rename or remove it, or use `-o` to name a file in another folder".to_owned())
            }
            Self::Migration(error) => return error.help(),
            Self::Destination { .. } => {
                Some("run the command with `--help` for the list of destinations".to_owned())
            }
            Self::Tag(_) => Some(
                "use at most 128 letters, digits, `_`, `.` and `-`, and begin with a letter, a digit or `_`"
                    .to_owned(),
            ),
            Self::SourceDateEpoch(_) => Some("set it to seconds since 1970, or unset it".to_owned()),
            Self::StoreInUse { .. } => Some("try again when the other limg has finished".to_owned()),
            Self::StoreLimit(_) => Some("set it to a size, for example `10GB`, or unset it".to_owned()),
            Self::NoStore => Some("set LIMG_STORE to a folder".to_owned()),
            Self::Store { .. } => Some("set LIMG_STORE to a folder that you can write to".to_owned()),
            Self::Pipeline(error) => return error.help(),
            Self::Certificates(_) => Some("use a file with certificates in PEM format".to_owned()),
            Self::Lock(error) => return error.help(),
            Self::Registry(error) => return error.help(),
            #[cfg(feature = "aws")]
            Self::Aws(error) => return error.help(),
            #[cfg(feature = "aws")]
            Self::RepositoryTemplate(error) => Some(error.help().to_owned()),
            #[cfg(feature = "aws")]
            Self::SharedRepository { .. } => Some(
                "add `{function}` to the repository template, or push each function with a different `--tag`"
                    .to_owned(),
            ),
            Self::Fetch(error) => Some(error.help().to_owned()),
            Self::Prefix { why, .. } => Some((*why).to_owned()),
            Self::Engine(error) => return error.help(),
            Self::Emulator(error) => return error.help(),
            Self::WhichFunction { known } => Some(format!("name one of {}", known.join(", "))),
            Self::EventArgument { .. } => {
                Some("use a file, `-` for standard input, JSON, or `@NAME`".to_owned())
            }
            Self::UnknownEvent(name) => Some(nearest(name, sample_event::names()).map_or_else(
                || "run `limg event` for the list; for a file with this name, use `./@…`".to_owned(),
                |nearest| format!("did you mean `@{nearest}`?"),
            )),
            Self::Explain(error) => Some(error.help()),
            Self::EventContent { .. } => Some("use JSON; Lambda accepts no other events".to_owned()),
            // In Lambda a function has credentials of its own; here it gets limg's.
            Self::Variable { name, error } => Some(if name.starts_with("AWS_") {
                "remove it; limg passes on the credentials and the region of its own environment".to_owned()
            } else {
                error.help.to_owned()
            }),
            Self::UnsetVariable { name } => Some(format!("set it, or use `--env {name}=VALUE`")),
            Self::EmulatorVariable { .. } => {
                Some("remove it, and set the function's `timeout` and `handler` in the definition".to_owned())
            }
            Self::NotAVariable => {
                Some("use two or more letters, digits and `_` for a name, and begin with a letter".to_owned())
            }
            Self::EnvFileLine { error, .. } => return error.help(),
            Self::EnvFile(_) => Some("use a text file with lines of the form NAME=VALUE".to_owned()),
            Self::SeveralStandardInputs => Some("use `-e -` once, and files for the other events".to_owned()),
            Self::NotPushed { functions } => {
                let first = functions.first().map_or("NAME", String::as_str);
                Some(format!(
                    "run `limg push ecr`, use `--uri {first}=URI`, or name the functions that become images"
                ))
            }
            Self::TemplateElsewhere { .. } => {
                Some("use a name in that folder: the paths in the template are relative to it".to_owned())
            }
            Self::TemplateItself { .. } => Some("use another name".to_owned()),
            Self::NeverPushed { .. } => Some("run `limg push` first, or name two images".to_owned()),
            Self::PushedImages(_) | Self::PushedImage { .. } => {
                Some("remove `.limg/pushed.json` next to the definition, and push again".to_owned())
            }
            Self::LeftAlone { .. } | Self::AllLeftAlone { .. } => {
                Some("run `limg functions` for the list of functions".to_owned())
            }
            Self::TwoResults => Some("use `-o FILE`".to_owned()),
            Self::Findings { .. } | Self::Unfit { .. } | Self::DeniedWarnings { .. } => None,
            Self::ImageArgument { .. } => Some("use a function's name, `oci:DIR`, `docker-daemon:NAME` or a reference with its registry".to_owned()),
            Self::Fs(_) | Self::System { .. } | Self::WriteResult(_) => None,
        };
        text.map(Help::from)
    }
}
