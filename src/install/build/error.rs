//! Why a program of the project has not made files from its sources.

use std::path::PathBuf;

use crate::failure::{Failure, FailureKind};
use crate::finding::Help;
use crate::text::first_of;

/// How many packages a message names.
const NAMED_PACKAGES: usize = 10;

/// Why a program of the project has not made files from its sources.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// There is no module that a bundle could begin with.
    #[error("there is no module `{entry_point}` to bundle")]
    EntryPoint {
        /// The path as it is written.
        entry_point: String,
        /// A file of nearly that name.
        near: Option<String>,
    },
    /// There is no esbuild.
    #[error("there is no `esbuild` to bundle `{entry_point}`")]
    NoEsbuild {
        /// A module that is to be bundled.
        entry_point: String,
    },
    /// esbuild has failed.
    #[error("esbuild failed: {message}")]
    Esbuild {
        /// What it has written about that.
        message: String,
        /// The packages whose install scripts have not run.
        with_scripts: Vec<String>,
    },
    /// A bundle has a file that is not one of the sources.
    #[error("the bundle has `{file}`, which is neither in the folder of the code nor one of its packages")]
    Outside {
        /// The file.
        file: String,
    },
    /// There is no makefile.
    #[error("there is no makefile `{}`", path.display())]
    NoMakefile {
        /// Where it should be.
        path: PathBuf,
    },
    /// make has failed.
    #[error("`make {target}` failed: {message}")]
    Make {
        /// The target.
        target: String,
        /// What it has written last.
        message: String,
    },
    /// A program has succeeded and written no file.
    #[error("`{program}` has written no files")]
    Nothing {
        /// The program.
        program: String,
    },
}

impl Failure for BuildError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::NoEsbuild { .. } => FailureKind::Environment,
            Self::EntryPoint { .. }
            | Self::Esbuild { .. }
            | Self::Outside { .. }
            | Self::NoMakefile { .. }
            | Self::Make { .. }
            | Self::Nothing { .. } => FailureKind::User,
        }
    }

    fn help(&self) -> Option<Help> {
        let help = match self {
            Self::EntryPoint { near: Some(near), .. } => {
                return Some(format!("did you mean `{near}`?").into());
            }
            Self::EntryPoint { near: None, .. } => {
                "name a module of the folder of the code, as the handler or as an entry point"
            }
            Self::NoEsbuild { .. } => {
                "run `npm install --save-dev --save-exact esbuild` in the folder of the code, and commit the lock file"
            }
            Self::Esbuild { with_scripts, .. } if !with_scripts.is_empty() => {
                let names = first_of(NAMED_PACKAGES, with_scripts.iter().map(|name| format!("`{name}`")));
                return Some(
                    format!("correct the code; or, if it needs what install scripts make, which did not run for {names}, allow them with `scripts: true`").into(),
                );
            }
            Self::Esbuild { .. } => {
                "correct the code or the options: esbuild works on a copy of the folder of the code"
            }
            Self::Outside { .. } => {
                "name a folder of code that contains it, or add its package to `package.json`"
            }
            Self::NoMakefile { .. } => "add it, or correct the path",
            Self::Make { .. } => "correct the makefile: it works on a copy of the folder",
            Self::Nothing { .. } => "have it write its result into the folder that `ARTIFACTS_DIR` names",
        };
        Some(help.into())
    }
}
