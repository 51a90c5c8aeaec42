//! Why a source cannot become a tree.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;

use crate::failure::{Failure, FailureKind, kind_of_input, refused_by_system};
use crate::finding::{Help, Setting};
use crate::fs::FsError;
use crate::project::ImagePathError;
use crate::text::{count, first_of};

/// How many links an error lists. The user has to change each of them.
const LISTED: usize = 50;

/// A source that cannot become a tree.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A file call failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The content of a file could not be read.
    #[error("failed to read `{what}`")]
    Read {
        /// The file.
        what: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file was changed after it was listed, or while it was read.
    #[error("`{what}` changed while limg was reading it")]
    Changed {
        /// The file or archive.
        what: String,
    },
    /// A file that an image cannot contain.
    #[error("`{what}` {why}")]
    Unsuitable {
        /// The file, or the archive and its entry.
        what: String,
        /// A clause that follows the file.
        why: String,
        /// What to do about it.
        help: Help,
    },
    /// Links that cannot be followed.
    #[error("failed to follow {}: {}", count(links.len(), "symbolic link"), first_of(LISTED, links.iter()))]
    Unfollowable {
        /// Each link, where it leads, and why that is not possible.
        links: Vec<String>,
    },
    /// An entry of a zip archive that is damaged or contradicts the archive.
    #[error("failed to read `{what}`")]
    Entry {
        /// The archive and its entry.
        what: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file that is not a readable zip archive.
    #[error("failed to read the zip archive `{}`", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A pattern that is not in gitignore syntax.
    #[error("`{pattern}` is not a valid pattern")]
    Pattern {
        /// The pattern, or several of them.
        pattern: String,
        /// The cause.
        #[source]
        source: ignore::Error,
    },
    /// A name that is not possible in an image.
    #[error("an image cannot contain `{what}`")]
    Path {
        /// The file.
        what: String,
        /// The cause.
        #[source]
        source: ImagePathError,
    },
}

impl TreeError {
    /// A closure for `map_err` that adds what was read to an I/O error; an error of a file of a tree stays what it is.
    pub fn reading(what: &impl ToString) -> impl FnOnce(io::Error) -> Self {
        move |error| error.downcast().unwrap_or_else(|source| Self::Read { what: what.to_string(), source })
    }

    pub(super) fn unsuitable(what: impl Display, why: impl Into<String>, help: impl Into<Help>) -> Self {
        Self::Unsuitable { what: what.to_string(), why: why.into(), help: help.into() }
    }
}

impl Failure for TreeError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Changed { .. } => FailureKind::Work,
            _ => kind_of_input(self),
        }
    }

    fn help(&self) -> Option<Help> {
        match self {
            Self::Unsuitable { help, .. } => Some(help.clone()),
            Self::Unfollowable { .. } => Some(
                Help::from("use the root of the workspace as the function's code")
                    .or("install the packages next to the code (`pnpm deploy`, `npm install --install-links`)")
                    .or(Setting::Exclude),
            ),
            Self::Changed { .. } => Some("run the command again when no other program writes to it".into()),
            _ if refused_by_system(self) == Some(io::ErrorKind::PermissionDenied) => {
                Some(Help::from("let the user who runs limg read it").or(Setting::Exclude))
            }
            Self::Archive { .. } | Self::Entry { .. } => Some("create the archive again".into()),
            _ => None,
        }
    }
}
