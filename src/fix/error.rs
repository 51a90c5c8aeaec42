//! Why layers cannot be corrected.

use std::io;

use crate::extract::ExtractError;
use crate::failure::{Failure, FailureKind, kind_of_work};
use crate::files::LayerReadError;
use crate::finding::Help;
use crate::layer::LayerError;

/// Layers that cannot be corrected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FixError {
    /// A layer is damaged or cannot be read.
    #[error(transparent)]
    Read(#[from] LayerReadError),
    /// The contents of hard links cannot be copied.
    #[error(transparent)]
    Contents(#[from] ExtractError),
    /// A layer cannot be compressed or stored.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// A layer cannot be rewritten: it is not a tar archive, or the store cannot be written.
    #[error("failed to rewrite layer {layer} of the image")]
    Rewrite {
        /// Its number, the lowest being 1.
        layer: usize,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Failure for FixError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Read(source) => source.kind(),
            Self::Contents(source) => source.kind(),
            Self::Layer(source) => source.kind(),
            Self::Rewrite { .. } => kind_of_work(self),
        }
    }

    fn help(&self) -> Option<Help> {
        match self {
            Self::Read(source) => source.help(),
            Self::Contents(source) => source.help(),
            Self::Layer(source) => source.help(),
            Self::Rewrite { .. } => None,
        }
    }
}
