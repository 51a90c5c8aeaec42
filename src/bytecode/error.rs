//! Why sources cannot be compiled.

use std::io;
use std::path::PathBuf;

use super::version::PythonVersion;
use crate::failure::{Failure, FailureKind};
use crate::finding::{Help, Setting};
use crate::fs::FsError;
use crate::tree::TreeError;

/// Why sources cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BytecodeError {
    /// No interpreter of the version is found.
    #[error("there is no Python {0} on the search path, and uv knows none")]
    NoInterpreter(PythonVersion),
    /// The version of Python is not known.
    #[error("limg does not know the bytecode of {0}")]
    UnknownVersion(String),
    /// The interpreter cannot be started.
    #[error("failed to run `{}`", interpreter.display())]
    Run {
        /// Its path.
        interpreter: PathBuf,
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
            Self::NoInterpreter(_) | Self::Run { .. } | Self::Store(_) => FailureKind::Environment,
        }
    }

    fn help(&self) -> Option<Help> {
        match self {
            Self::NoInterpreter(version) => {
                let install = format!("install one with `uv python install {version}`");
                Some(Help::from(install).or(Setting::KeepBytecode))
            }
            Self::UnknownVersion(_) => Some(Setting::KeepBytecode.into()),
            Self::Source(error) => error.help(),
            Self::Run { .. } | Self::Store(_) => None,
        }
    }
}
