//! Why files cannot be taken from an image.

use crate::failure::{Failure, FailureKind, kind_of_input};
use crate::files::LayerReadError;
use crate::finding::Help;
use crate::fs::FsError;
use crate::project::ImagePath;
use crate::tree::{IMAGE_SIZE_LIMIT, TreeError};
use crate::units;

/// Files of an image that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExtractError {
    /// There is nothing at the path.
    #[error("the image does not contain `{path}`{why}")]
    Missing {
        /// The path.
        path: ImagePath,
        /// What is in the way, if that is known: empty, or a clause that begins with a colon.
        why: String,
        /// What the image contains instead.
        help: String,
    },
    /// The files are larger than an image may be.
    #[error(
        "`{path}` of the image contains {}, more than Lambda's limit of {} for an image",
        units::size(*size),
        units::limit(IMAGE_SIZE_LIMIT)
    )]
    TooLarge {
        /// The path.
        path: ImagePath,
        /// The size of all files below it in bytes.
        size: u64,
    },
    /// There is something at or below the path that a layer of limg cannot contain.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A layer is damaged or cannot be read.
    #[error(transparent)]
    Layer(#[from] LayerReadError),
    /// The store failed.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Failure for ExtractError {
    fn kind(&self) -> FailureKind {
        kind_of_input(self)
    }

    fn help(&self) -> Option<Help> {
        match self {
            Self::Missing { help, .. } => Some(help.as_str().into()),
            Self::TooLarge { .. } => Some("choose a path that contains less".into()),
            Self::Layer(source) => source.help(),
            // Settings do not apply to the files of another image.
            Self::Tree(source) => source.help().and_then(Help::without_settings),
            Self::Fs(_) => None,
        }
    }
}
