//! Why files cannot be taken from an image.

use crate::files::LayerReadError;
use crate::fs::FsError;
use crate::project::ImagePath;
use crate::tree::{IMAGE_SIZE_LIMIT, TreeError};
use crate::units;

/// Files of an image that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
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

impl ExtractError {
    /// What the user can do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Missing { help, .. } => Some(help.clone()),
            Self::TooLarge { .. } => Some("choose a path that contains less".to_owned()),
            // No setting applies to files of another image.
            Self::Tree(TreeError::Unsuitable { help, .. }) => help.render(|_| None),
            Self::Layer(source) => source.help(),
            Self::Tree(_) | Self::Fs(_) => None,
        }
    }
}
