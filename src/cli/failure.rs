//! Why a command ends badly: the one place that knows exit codes and advice.

use std::io;
use std::path::PathBuf;

use super::configuration::ConfigurationError;
use super::size::SizeError;
#[cfg(feature = "aws")]
use crate::aws::AwsError;
use crate::definition::{self, DefinitionError, DocumentError, Loaded, Located, VariableError};
use crate::engine::EngineError;
use crate::engine::emulator::EmulatorError;
use crate::failure::{Failure as _, FailureKind};
use crate::fs::FsError;
use crate::lock::LockError;
use crate::pipeline::PipelineError;
#[cfg(feature = "aws")]
use crate::project::RepositoryTemplateError;
use crate::registry::RegistryError;
use crate::sample_event;
use crate::text::nearest;

/// A command that ended badly.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error("the images of `{}` cannot be built as defined", file.display())]
    Findings { file: PathBuf, findings: Vec<Located> },
    #[error(transparent)]
    Pipeline(Box<PipelineError>),
    #[error(transparent)]
    Engine(EngineError),
    #[error(transparent)]
    Emulator(EmulatorError),
    #[error(transparent)]
    Fs(#[from] FsError),
    #[error("several functions are defined, and one can be invoked")]
    WhichFunction { known: Vec<String> },
    #[error("`{event}` is neither a file nor JSON")]
    Event {
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
    #[error("there is no sample event `{0}`")]
    UnknownEvent(String),
    #[error("standard input is named as several events, and can be read once")]
    OneStandardInput,
    #[error(transparent)]
    Variable(VariableError),
    #[error("limg's own environment has no variable `{name}`")]
    NoVariable { name: String },
    #[error("limg sets `{name}` itself, for the emulator")]
    OfEmulator { name: String },
    #[error("`--env` takes NAME=VALUE, or the NAME of a variable that is set")]
    NotAVariable,
    #[error("there is no function `{name}`")]
    UnknownFunction { name: String, known: Vec<String> },
    #[error("`{name}` is no runtime id")]
    UnknownRuntime { name: String, nearest: Option<String> },
    #[error("there is no starter for `{runtime}`")]
    NoStarter { runtime: String },
    #[error("`{}` is in the way", path.display())]
    InTheWay { path: PathBuf },
    #[error("cannot write images to `{text}`: {why}")]
    Destination { text: String, why: String },
    #[error("`--tag {0}` is no tag that a registry takes")]
    Tag(String),
    #[error("SOURCE_DATE_EPOCH is `{0}`, which is no time that a layer can have")]
    Epoch(String),
    #[error("found no folder for the store of layers")]
    NoStore,
    #[error("failed to open the store of layers in `{}`", root.display())]
    Store {
        root: PathBuf,
        #[source]
        source: FsError,
    },
    #[error("the store in `{}` is used by another limg, so that nothing was removed", root.display())]
    StoreInUse { root: PathBuf },
    #[error("LIMG_STORE_LIMIT is no size")]
    StoreLimit(#[source] SizeError),
    #[error("failed to read the certificates to trust")]
    Certificates(#[source] FsError),
    #[error(transparent)]
    Lock(LockError),
    #[error(transparent)]
    Registry(RegistryError),
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Aws(AwsError),
    #[error("cannot push to `{prefix}`")]
    Prefix { prefix: String, why: &'static str },
    #[cfg(feature = "aws")]
    #[error("the repository `{repository}` cannot have `{}` and `{}` under the same tag", functions[0], functions[1])]
    OneRepository { repository: String, functions: [String; 2] },
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Template(RepositoryTemplateError),
    #[error("failed to write the result to standard output")]
    Result(#[source] io::Error),
    #[error("failed to start {what}")]
    Start {
        what: &'static str,
        #[source]
        source: io::Error,
    },
}

impl Failure {
    /// Finds the lines of problems that the pipeline had with the definition.
    pub(super) fn pipeline(error: PipelineError, loaded: &Loaded) -> Self {
        match error {
            PipelineError::Findings(findings) => {
                Self::Findings { file: loaded.file.clone(), findings: loaded.sources.locate(&findings) }
            }
            error => Self::Pipeline(Box::new(error)),
        }
    }

    /// Whether a change of the definition, or of the files that it names, may mend it.
    pub(super) fn is_of_files(&self) -> bool {
        match self {
            Self::Definition(error) => {
                matches!(
                    error,
                    DefinitionError::Findings { .. }
                        | DefinitionError::Document(DocumentError::Syntax { .. })
                )
            }
            Self::Findings { .. } => true,
            Self::Pipeline(error) => !error.is_environments(),
            _ => false,
        }
    }

    /// 2: the user must change something: the command line, the definition, or a file or image that they name. 3: the
    /// environment failed: the operating system or the Docker Engine refused something. 1: the work failed although all of
    /// that was right.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Definition(error) if error.kind() == FailureKind::User => 2,
            Self::Configuration(error) if error.is_users() => 2,
            Self::Definition(_)
            | Self::Configuration(_)
            | Self::Store { .. }
            | Self::StoreInUse { .. }
            | Self::Result(_)
            | Self::Engine(_)
            | Self::Emulator(_)
            | Self::Fs(_)
            | Self::Start { .. }
            | Self::NoStore => 3,
            #[cfg(feature = "aws")]
            Self::Aws(error) if error.is_users() => 2,
            #[cfg(feature = "aws")]
            Self::Aws(error) if !error.is_users() => 3,
            #[cfg(feature = "aws")]
            Self::Aws(_) => 2,
            Self::Registry(error) if !error.is_users() => 3,
            Self::Registry(_) => 2,
            Self::Lock(error) if error.is_environments() => 3,
            #[cfg(feature = "aws")]
            Self::Template(_) | Self::OneRepository { .. } => 2,
            Self::Findings { .. }
            | Self::UnknownFunction { .. }
            | Self::UnknownRuntime { .. }
            | Self::NoStarter { .. }
            | Self::InTheWay { .. }
            | Self::WhichFunction { .. }
            | Self::Event { .. }
            | Self::EventContent { .. }
            | Self::UnknownEvent(_)
            | Self::OneStandardInput
            | Self::Variable(_)
            | Self::NoVariable { .. }
            | Self::OfEmulator { .. }
            | Self::NotAVariable
            | Self::Destination { .. }
            | Self::Lock(_)
            | Self::Certificates(_)
            | Self::Prefix { .. }
            | Self::Tag(_)
            | Self::StoreLimit(_)
            | Self::Epoch(_) => 2,
            Self::Pipeline(error) if error.is_users() => 2,
            Self::Pipeline(error) if error.is_environments() => 3,
            Self::Pipeline(_) => 1,
        }
    }

    /// What to do about it, if that is known.
    pub(super) fn help(&self) -> Option<String> {
        match self {
            Self::Definition(error) => error.help().and_then(|help| help.render(definition::words)),
            Self::Configuration(error) => error.help(),
            Self::UnknownFunction { name, known } => {
                let nearest = nearest(name, known.iter().map(String::as_str));
                Some(nearest.map_or_else(
                    || format!("the definition has {}", known.join(", ")),
                    |nearest| format!("did you mean `{nearest}`?"),
                ))
            }
            Self::UnknownRuntime { nearest, .. } => {
                nearest.as_ref().map(|nearest| format!("did you mean `{nearest}`?"))
            }
            Self::NoStarter { .. } => {
                Some("`--runtime` takes a python, nodejs, ruby or provided runtime".to_owned())
            }
            Self::InTheWay { .. } => Some("name an empty folder".to_owned()),
            Self::Destination { .. } => Some("`limg build --help` lists the destinations".to_owned()),
            Self::Tag(_) => Some(
                "a tag has at most 128 letters, digits, `.`, `_` and `-`, and begins with none of `.` and `-`".to_owned(),
            ),
            Self::Epoch(_) => Some("set it to seconds since 1970, or unset it".to_owned()),
            Self::StoreInUse { .. } => Some("run the command again when that has ended".to_owned()),
            Self::StoreLimit(_) => Some("set it to bytes, or to a size such as `10GB`, or unset it".to_owned()),
            Self::NoStore => Some("set LIMG_STORE to a folder".to_owned()),
            Self::Store { .. } => Some("set LIMG_STORE to a folder that can be written".to_owned()),
            Self::Pipeline(error) => error.help(),
            Self::Certificates(_) => Some("`--ca-file` names a file with certificates in PEM".to_owned()),
            Self::Lock(error) => error.help(),
            Self::Registry(error) => error.help(),
            #[cfg(feature = "aws")]
            Self::Aws(error) => error.help(),
            #[cfg(feature = "aws")]
            Self::Template(error) => Some(error.help().to_owned()),
            #[cfg(feature = "aws")]
            Self::OneRepository { .. } => Some(
                "write `{function}` into the template of repositories, or push each alone with a `--tag` of its own".to_owned(),
            ),
            Self::Prefix { why, .. } => Some((*why).to_owned()),
            Self::Engine(error) => error.help(),
            Self::Emulator(error) => error.help(),
            Self::WhichFunction { known } => Some(format!("name one of {}", known.join(", "))),
            Self::Event { .. } => Some("`-e` takes a file, `-` for standard input, JSON, or `@NAME`".to_owned()),
            Self::UnknownEvent(name) => Some(nearest(name, sample_event::names()).map_or_else(
                || "`limg event` lists them; a file of this name is `./@…`".to_owned(),
                |nearest| format!("did you mean `@{nearest}`?"),
            )),
            Self::EventContent { .. } => Some("Lambda takes events in JSON only".to_owned()),
            // The definition's advice is not for credentials here: limg has them, and a function in Lambda its own.
            Self::Variable(error) => Some(if error.to_string().contains("`AWS_") {
                "leave it out; limg passes on credentials and Region of its own environment".to_owned()
            } else {
                error.help.to_owned()
            }),
            Self::NoVariable { name } => Some(format!("set it, or write `--env {name}=VALUE`")),
            Self::OfEmulator { .. } => {
                Some("leave it out; the definition has `timeout` and `handler` for the function".to_owned())
            }
            Self::NotAVariable => {
                Some("a name has two or more letters, digits and `_`, and begins with a letter".to_owned())
            }
            Self::OneStandardInput => Some("write `-e -` once, and the other events into files".to_owned()),
            Self::Findings { .. } | Self::Fs(_) | Self::Start { .. } | Self::Result(_) => None,
        }
    }
}
