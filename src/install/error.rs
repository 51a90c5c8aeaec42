//! Why packages cannot be installed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use tokio::task::JoinError;

use super::build::BuildError;
use super::node::NodeError;
use crate::failure::{Failure, FailureKind};
use crate::finding::Help;
use crate::fs::{FsError, TextError};
use crate::store::Digest;
use crate::tree::TreeError;
use crate::wheel::WheelError;

/// Why packages cannot be installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum InstallError {
    /// The list, or a file that it includes, cannot be read.
    #[error(transparent)]
    List(#[from] TextError),
    /// A line of a list would make a tool run code of a package.
    #[error("{at}: {why}")]
    Refused {
        /// The file and line.
        at: String,
        /// What is wrong with the line.
        why: RefusedLine,
    },
    /// A setting of the project would make a tool run code of a package.
    #[error("`{key}` in {} makes uv build packages and run their code", file.display())]
    Setting {
        /// The file.
        file: PathBuf,
        /// The setting.
        key: &'static str,
    },
    /// None of the programs that can do the work is on this machine.
    #[error("there is no `{program}` to {task}")]
    NoProgram {
        /// The program.
        program: &'static str,
        /// What it has to do.
        task: String,
        /// How to get it.
        help: &'static str,
    },
    /// A program cannot be started.
    #[error("failed to run `{command}`")]
    Run {
        /// The command.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// A program has failed.
    #[error("`{command}` failed: {message}")]
    Program {
        /// The command.
        command: String,
        /// What it has written last.
        message: String,
    },
    /// What a program has written, or a lock file, is not what it should be.
    #[error("{what} is not valid: {why}")]
    Lock {
        /// The file, or the output of a command.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// A lock file names something other than wheels.
    #[error("{package} is not a wheel in {list}, but {what}")]
    NotAWheel {
        /// The package.
        package: String,
        /// The lock file.
        list: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The requirements have no solution.
    #[error("{list} has no solution: {message}")]
    NoSolution {
        /// The list.
        list: PathBuf,
        /// What the tool says, with the places of the packages that it names.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// No wheel of a package fits.
    #[error("no wheel of {package} {version} runs on {target}: {why}")]
    NoWheel {
        /// The package.
        package: String,
        /// Its version.
        version: String,
        /// The runtime and architecture.
        target: String,
        /// Whether the index has its source distribution.
        has_source: bool,
        /// Why not.
        why: String,
    },
    /// A package cannot be built for the function on this machine.
    #[error("{package} cannot be built from source for {target}: {why}")]
    Unbuildable {
        /// The package.
        package: String,
        /// The runtime and architecture.
        target: String,
        /// Why not.
        why: String,
    },
    /// A downloaded file is not what the lock says.
    #[error("the downloaded {file} has the digest {found}, and not {expected}")]
    Changed {
        /// The name of the file.
        file: String,
        /// The digest that it should have.
        expected: Digest,
        /// The digest that it has.
        found: Digest,
    },
    /// The packages are for another language than the runtime's.
    #[error("`{}` lists packages of {language}, and the runtime is {runtime}", list.display())]
    OtherRuntime {
        /// The list.
        list: PathBuf,
        /// The language of its packages.
        language: &'static str,
        /// The runtime.
        runtime: String,
    },
    /// Packages of Node.js cannot be installed.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// A program of the project has not made files.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// limg.lock does not pin the packages, or pins those of another list.
    #[error("limg.lock does not pin the packages of {list}")]
    NotPinned {
        /// The list, the runtime and the architecture.
        list: String,
    },
    /// The packages cannot be a tree of an image.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The work was ended.
    #[error("the installation was interrupted")]
    Interrupted(#[from] JoinError),
    /// A wheel cannot be used.
    #[error(transparent)]
    Wheel(#[from] WheelError),
    /// The store failed.
    #[error(transparent)]
    Fs(#[from] FsError),
}

/// What is wrong with a line of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusedLine {
    /// It names a folder, a source archive or a repository.
    Source,
    /// `--no-binary`.
    NoBinary,
    /// An option that limg does not know.
    Option,
}

impl fmt::Display for RefusedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "this is built from source, which would run its code",
            Self::NoBinary => "`--no-binary` would build packages and run their code",
            Self::Option => "limg does not know this option",
        })
    }
}

/// What a package of a lock file is that has no wheel.
pub(super) const SOURCE_ARCHIVE: &str = "a source archive";
pub(super) const MEMBER: &str = "a member of the workspace";

impl InstallError {
    /// uv is needed for a list.
    pub(super) fn no_uv(list: &Path) -> Self {
        Self::NoProgram {
            program: "uv",
            task: format!("resolve `{}`", list.display()),
            help: "install uv, such as with `pip install uv`",
        }
    }
}

impl Failure for InstallError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Tree(error) => error.kind(),
            Self::Wheel(error) => error.kind(),
            Self::Node(error) => error.kind(),
            Self::Build(error) => error.kind(),
            Self::Interrupted(_) => FailureKind::Work,
            Self::List(_)
            | Self::Refused { .. }
            | Self::Setting { .. }
            | Self::Lock { .. }
            | Self::NotAWheel { .. }
            | Self::NoSolution { .. }
            | Self::NoWheel { .. }
            | Self::Unbuildable { .. }
            | Self::OtherRuntime { .. }
            | Self::NotPinned { .. } => FailureKind::User,
            Self::NoProgram { .. }
            | Self::Run { .. }
            | Self::Program { .. }
            | Self::Changed { .. }
            | Self::Fs(_) => FailureKind::Environment,
        }
    }

    fn help(&self) -> Option<Help> {
        let help = match self {
            Self::Refused { why: RefusedLine::Source, .. } => {
                "build a wheel with `pip wheel`, and name that; or put the package into the folder of the code"
            }
            Self::Refused { why: RefusedLine::NoBinary, .. } => "remove the line",
            Self::Refused { why: RefusedLine::Option, .. } => {
                "remove it, or install the packages with that tool"
            }
            Self::Setting { .. } => "remove it: limg installs wheels only",
            Self::NoProgram { help, .. } => help,
            Self::NotAWheel { what: SOURCE_ARCHIVE | MEMBER, .. } => {
                "build it from source with `--allow-source`, which runs its code; or put the package into the folder of the code"
            }
            Self::NotAWheel { .. } => {
                "put the package into the folder of the code, and leave it out of the lock"
            }
            Self::NoSolution { help, .. } => return help.clone().map(Help::from),
            Self::NoWheel { has_source: true, .. } => {
                "use another version of the package, or a runtime that it supports; or build it from source with \
                 `--allow-source`, which runs its code"
            }
            Self::Unbuildable { .. } => {
                "build a wheel on a machine like the function's, and name that; or use a version that has one"
            }
            Self::NoWheel { .. } => "use another version of the package, or a runtime that it supports",
            Self::OtherRuntime { .. } => "remove `install`, or name another list",
            Self::NotPinned { .. } => "run `limg update`, or build without `--locked`",
            Self::Tree(error) => return error.help(),
            Self::Wheel(error) => return error.help(),
            Self::Node(error) => return error.help(),
            Self::Build(error) => return error.help(),
            Self::Changed { .. } => "check the index, and lock the packages again",
            Self::List(_)
            | Self::Run { .. }
            | Self::Program { .. }
            | Self::Lock { .. }
            | Self::Interrupted(_)
            | Self::Fs(_) => return None,
        };
        Some(help.into())
    }
}
