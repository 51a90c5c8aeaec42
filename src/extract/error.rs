//! Why files cannot be taken from an image, and how to mend it.

use std::io;

use crate::fs::FsError;
use crate::project::ImagePath;
use crate::store::Digest;
use crate::tree::TreeError;

/// Files of an image that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// There is nothing at the path.
    #[error("the image has no `{path}`{why}")]
    Missing {
        /// What was wanted.
        path: ImagePath,
        /// What stands in the way, if that can be said: empty or a clause that begins with a colon.
        why: String,
        /// What there is instead.
        help: String,
    },
    /// More is wanted than an image can hold.
    #[error("`{path}` of the image holds {size} bytes, more than the 10 GB that Lambda takes")]
    TooLarge {
        /// What was wanted.
        path: ImagePath,
        /// The size of all files below it in bytes.
        size: u64,
    },
    /// There is something at the path that a layer of limg cannot hold.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A layer is no tar archive, or no whole one.
    #[error("failed to read the layer {layer} of the image")]
    Layer {
        /// Its digest.
        layer: Digest,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A layer is not what the manifest or the config says.
    #[error("the layer {expected} of the image has other bytes than its digest says")]
    Digest {
        /// The digest that it should have.
        expected: Digest,
    },
    /// A layer could not be opened, or the store failed.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl ExtractError {
    /// How to mend it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Missing { help, .. } => Some(help.clone()),
            Self::TooLarge { .. } => Some("name a path in it that holds less".to_owned()),
            // No setting applies to files of another image.
            Self::Tree(TreeError::Unsuitable { help, .. }) => help.render(|_| None),
            Self::Layer { .. } | Self::Digest { .. } => Some("fetch or copy the image again".to_owned()),
            Self::Tree(_) | Self::Fs(_) => None,
        }
    }
}
