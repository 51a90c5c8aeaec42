//! Why wheels cannot be installed.

use crate::failure::{Failure, FailureKind};
use crate::finding::Help;
use crate::tree::TreeError;

/// A wheel that cannot be installed, or not with the others.
#[derive(Debug, thiserror::Error)]
pub enum WheelError {
    /// Its zip archive cannot be read, or contains what an image cannot.
    #[error("failed to read the wheel `{wheel}`")]
    Archive {
        /// The file name of the wheel.
        wheel: String,
        /// The cause, which names the file in it.
        #[source]
        source: TreeError,
    },
    /// It breaks a rule of its format.
    #[error("the wheel `{wheel}` is not valid: {why}")]
    Invalid {
        /// The file name of the wheel.
        wheel: String,
        /// A clause that names the file in it.
        why: String,
    },
    /// Two wheels that cannot be in one tree.
    #[error("the wheels `{one}` and `{other}` cannot be installed together: {why}")]
    Together {
        /// The file name of one wheel.
        one: String,
        /// That of the other.
        other: String,
        /// A clause that names the path.
        why: String,
    },
    /// More than an image can contain.
    #[error("the wheels unpack to more than {limit}, the limit for an image")]
    TooLarge {
        /// The limit, for people.
        limit: String,
    },
}

impl WheelError {
    pub(super) fn invalid(wheel: &impl ToString, why: impl Into<String>) -> Self {
        Self::Invalid { wheel: wheel.to_string(), why: why.into() }
    }

    /// A closure for `map_err` that adds the wheel to an error of its archive.
    pub(super) fn reading(wheel: &impl ToString) -> impl FnOnce(TreeError) -> Self {
        move |source| Self::Archive { wheel: wheel.to_string(), source }
    }
}

impl Failure for WheelError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Archive { source, .. } => source.kind(),
            Self::Invalid { .. } | Self::Together { .. } | Self::TooLarge { .. } => FailureKind::User,
        }
    }

    fn help(&self) -> Option<Help> {
        match self {
            // Only that of a file that changed or cannot be read: the user cannot change what is in a wheel.
            Self::Archive { source: source @ (TreeError::Fs(_) | TreeError::Changed { .. }), .. } => {
                source.help()
            }
            Self::Archive { .. } | Self::Invalid { .. } => {
                Some("use another version of the package, and report the wheel to its maintainers".into())
            }
            Self::Together { .. } => Some("remove one of the two packages".into()),
            Self::TooLarge { .. } => Some("remove packages".into()),
        }
    }
}
