//! Why packages of Node.js cannot be installed.

use std::path::PathBuf;

use crate::failure::{Failure, FailureKind};
use crate::finding::Help;

/// Why packages of Node.js cannot be installed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    /// The manifest pins nothing.
    #[error("`{}` has dependencies and no lock file next to it", manifest.display())]
    NoLock {
        /// The manifest.
        manifest: PathBuf,
    },
    /// Lock file and manifest differ.
    #[error("`{}` is not up to date with `package.json`{details}", lock.display())]
    OutdatedLock {
        /// The lock file.
        lock: PathBuf,
        /// What differs, according to the tool, after a colon.
        details: String,
        /// The command that updates it.
        command: &'static str,
    },
    /// A dependency is on this machine only.
    #[error("`{}` needs `{package}` from `{location}`, which is not in a registry", manifest.display())]
    Local {
        /// The manifest.
        manifest: PathBuf,
        /// The name of the package.
        package: String,
        /// Where it is.
        location: String,
    },
    /// The lock file is that of a workspace.
    #[error("`{}` is the lock file of a workspace, and does not say which member to install", lock.display())]
    Workspace {
        /// The lock file.
        lock: PathBuf,
    },
    /// Yarn would run code of a package that is in a repository.
    #[error("`{}` names a package in a Git repository, whose code Yarn would run to pack it", lock.display())]
    Repository {
        /// The lock file.
        lock: PathBuf,
    },
    /// Another version of the tool has written the lock file.
    #[error("`{}` was written by {writer}, and `{program}` is version {version}", lock.display())]
    OtherVersion {
        /// The lock file.
        lock: PathBuf,
        /// The versions that write such a file.
        writer: &'static str,
        /// The program.
        program: &'static str,
        /// Its version.
        version: String,
        /// How to get another one.
        help: &'static str,
    },
    /// The tool cannot install for another machine.
    #[error("{program} {version} has installed `{package}` for this machine, and not for {target}")]
    OtherMachine {
        /// The program.
        program: &'static str,
        /// Its version.
        version: String,
        /// A package that does not run on the target.
        package: String,
        /// System and architecture of the function.
        target: String,
    },
}

impl Failure for NodeError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::NoLock { .. }
            | Self::OutdatedLock { .. }
            | Self::Local { .. }
            | Self::Workspace { .. }
            | Self::Repository { .. } => FailureKind::User,
            Self::OtherVersion { .. } | Self::OtherMachine { .. } => FailureKind::Environment,
        }
    }

    fn help(&self) -> Option<Help> {
        let help = match self {
            Self::NoLock { .. } => {
                "run `npm install --package-lock-only` in its folder, or the same with pnpm or Yarn, and commit the lock file"
            }
            Self::OutdatedLock { command, .. } => {
                return Some(format!("run `{command}`, and commit the lock file").into());
            }
            Self::Local { .. } => {
                "install the packages next to the code (`npm install --install-links`), and remove `install`"
            }
            Self::Workspace { .. } => {
                "name the `package.json` of the member that has the function, or use `install: true` with its folder as the code"
            }
            Self::Repository { .. } => "use a version in a registry, or allow it with `scripts: true`",
            Self::OtherVersion { help, .. } => help,
            Self::OtherMachine { .. } => {
                "use a newer npm, pnpm or Yarn 4; or build on a machine of the function's architecture with Linux"
            }
        };
        Some(help.into())
    }
}
