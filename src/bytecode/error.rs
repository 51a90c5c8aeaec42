//! Why sources cannot be compiled.

use std::fmt;
use std::io;

use super::version::PythonVersion;
use crate::failure::{Failure, FailureKind};
use crate::finding::{Help, Setting};
use crate::fs::FsError;
use crate::project::Architecture;
use crate::tree::TreeError;

/// Whether the Python of a base image can compile where no other is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BasePython {
    /// It can, once it is unpacked.
    Allowed,
    /// It can, if the user allows it.
    NotAllowed,
    /// It is for Linux on this architecture, which this machine is not.
    Foreign(Architecture),
    /// The base image of this name has none.
    Missing(String),
    /// That of the base image of this name does not run.
    Unusable(String),
}

impl fmt::Display for BasePython {
    /// The end of a sentence about the places that have no interpreter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed | Self::NotAllowed => f.write_str("and uv knows none"),
            Self::Foreign(architecture) => {
                write!(f, "uv knows none, and that of the base image runs only on Linux on {architecture}")
            }
            Self::Missing(base) => write!(
                f,
                "uv knows none, and the base image `{base}` has none in /var/lang, /usr/local or /usr"
            ),
            Self::Unusable(base) => {
                write!(f, "uv knows none, and that of the base image `{base}` does not run on this machine")
            }
        }
    }
}

/// Why sources cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BytecodeError {
    /// No interpreter of the version is found.
    #[error("there is no Python {version} on the search path, {base}")]
    NoInterpreter {
        /// The version.
        version: PythonVersion,
        /// Why that of the base image does not take its place.
        base: BasePython,
    },
    /// The version of Python is not known.
    #[error("limg does not know the bytecode of {0}")]
    UnknownVersion(String),
    /// The interpreter cannot be started.
    #[error("failed to run {interpreter}")]
    Run {
        /// What it is.
        interpreter: String,
        /// Why.
        source: io::Error,
    },
    /// A source cannot be read.
    #[error(transparent)]
    Source(#[from] TreeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] FsError),
}

impl Failure for BytecodeError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Source(error) => error.kind(),
            Self::UnknownVersion(_) => FailureKind::User,
            Self::NoInterpreter { .. } | Self::Run { .. } | Self::Store(_) => FailureKind::Environment,
        }
    }

    fn help(&self) -> Option<Help> {
        match self {
            Self::NoInterpreter { version, base } => {
                let install = Help::from(format!("install one with `uv python install {version}`"));
                let help = match base {
                    BasePython::NotAllowed => {
                        install.or("use `--allow-base-programs` to run that of the base image")
                    }
                    _ => install,
                };
                Some(help.or(Setting::KeepBytecode))
            }
            Self::UnknownVersion(_) => Some(Setting::KeepBytecode.into()),
            Self::Source(error) => error.help(),
            Self::Run { .. } | Self::Store(_) => None,
        }
    }
}
