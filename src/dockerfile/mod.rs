//! A Dockerfile that makes the image of a function, and the folders that it copies: the way from limg to Docker.
//!
//! The folders are the image's own layers, unpacked, so that nothing is decided twice. Nothing here builds an image or talks to
//! Docker.

mod context;
mod text;

use std::io;
use std::path::PathBuf;

pub(crate) use context::write;
pub(crate) use text::{Dockerfile, From};

use crate::failure::{Failure, FailureKind, kind_of_work};
use crate::files::LayerReadError;
use crate::finding::Help;
use crate::fs::FsError;
use crate::image::Layer;

/// A layer, and the folder that it is unpacked into.
#[derive(Debug)]
pub(crate) struct ContextLayer {
    /// The layer.
    pub layer: Layer,
    /// What it contains.
    pub name: String,
    /// The folder in the context, with `/` between its names.
    pub folder: String,
}

impl ContextLayer {
    /// The layers above the base, the lowest first, by what they contain.
    pub(crate) fn all(layers: impl IntoIterator<Item = (String, Layer)>) -> Vec<Self> {
        let numbered = (1..).zip(layers);
        numbered
            .map(|(number, (name, layer))| {
                let folder = format!("layers/{number:02}-{}", text::file_name(&name));
                Self { layer, name, folder }
            })
            .collect()
    }
}

/// A Dockerfile that cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DockerfileError {
    /// A Dockerfile has no way to write a value.
    #[error("a Dockerfile cannot set {what}: the value contains {character}")]
    Value {
        /// What has the value.
        what: String,
        /// The escaped character.
        character: String,
    },
    /// A layer cannot be read.
    #[error(transparent)]
    Layer(#[from] LayerReadError),
    /// A layer has something that is not a directory, file or link, or is in no directory of its own.
    #[error("the {layer} has an entry that cannot be unpacked: `{path}`")]
    Entry {
        /// What the layer contains.
        layer: String,
        /// The name of the entry.
        path: String,
    },
    /// The folder cannot be written.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The folder has files of others.
    #[error("the folder `{}` is not empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The user has interrupted the command.
    #[error("interrupted")]
    Interrupted(#[source] io::Error),
}

impl Failure for DockerfileError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Value { .. } | Self::NotEmpty { .. } => FailureKind::User,
            Self::Layer(error) => error.kind(),
            Self::Entry { .. } | Self::Fs(_) | Self::Interrupted(_) => kind_of_work(self),
        }
    }

    fn help(&self) -> Option<Help> {
        match self {
            Self::Value { .. } => {
                Some("leave it out of the image, and set it in the function's configuration".into())
            }
            Self::NotEmpty { .. } => Some("use a new or empty folder".into()),
            Self::Layer(error) => error.help(),
            Self::Entry { .. } | Self::Fs(_) | Self::Interrupted(_) => None,
        }
    }
}
