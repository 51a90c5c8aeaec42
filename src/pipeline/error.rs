//! What can go wrong in a build, whose business it is, and how to mend it.

use std::error::Error;
use std::io::{self, ErrorKind};

use tokio::task::JoinError;

use crate::engine::EngineError;
use crate::fs::FsError;
use crate::image::ImageError;
use crate::layer::LayerError;
use crate::layout::LayoutError;
use crate::problem::Problem;
use crate::store::Digest;
use crate::tree::{IndexError, TreeError};

/// A build that failed.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A source of files could not be listed or read, and that is not the definition's fault.
    #[error("failed to take the files of {what}")]
    Source {
        /// Whose, such as `the layer utils`.
        what: String,
        /// Why.
        #[source]
        source: TreeError,
    },
    /// The definition asks for what cannot work, or names what cannot be used.
    #[error("the definition asks for what cannot work")]
    Problems(Vec<Problem>),
    /// A base could not be read, and that is not the definition's fault.
    #[error("failed to read the base image `{base}`")]
    Base {
        /// The base.
        base: String,
        /// Why.
        #[source]
        source: BaseError,
    },
    /// A layer could not be made.
    #[error("failed to make the {name}")]
    Layer {
        /// What it holds.
        name: String,
        /// Why.
        #[source]
        source: LayerError,
    },
    /// A layer that was made cannot be found again: a bug.
    #[error("limg has lost the {name}")]
    Lost {
        /// What it holds.
        name: String,
    },
    /// The image could not be joined.
    #[error("failed to join the image of `{function}`")]
    Image {
        /// The function.
        function: String,
        /// Why.
        #[source]
        source: ImageError,
    },
    /// The image could not be delivered.
    #[error("failed to write the image to `{destination}`")]
    Deliver {
        /// Where to.
        destination: String,
        /// Why.
        #[source]
        source: DeliverError,
    },
    /// A thread of limg's own ended early: a bug.
    #[error("a worker of limg ended unexpectedly")]
    Worker(#[from] JoinError),
}

/// Why a base cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// It lies in a registry.
    #[error("limg cannot read base images from a registry yet")]
    Registry {
        /// Its reference.
        image: String,
    },
    /// It has no name.
    #[error("`docker-daemon:` names no image")]
    Unnamed,
    /// The layout or archive cannot be read.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The Docker Engine cannot give it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// One of its layers cannot be listed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// One of its layers is not what the manifest says.
    #[error("the layer {expected} has other bytes than its digest says")]
    Digest {
        /// The digest that it should have.
        expected: Digest,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] FsError),
    /// A thread of limg's own ended early: a bug.
    #[error("a worker of limg ended unexpectedly")]
    Worker(#[from] JoinError),
}

/// Why an image cannot be delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The layout or archive cannot be written.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The Docker Engine does not take it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The file cannot be written.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl PipelineError {
    /// Whether the machine or a service failed, not the user's files and not limg.
    #[must_use]
    pub fn is_environments(&self) -> bool {
        let by_engine = match self {
            // What could not be sent is limg's side of it.
            Self::Deliver { source: DeliverError::Engine(EngineError::Archive { .. }), .. } => false,
            Self::Base { source: BaseError::Engine(_), .. }
            | Self::Deliver { source: DeliverError::Engine(_), .. } => true,
            _ => false,
        };
        by_engine || refusal(self).is_some()
    }

    /// Whether the user must change the definition, what it names, or the destination.
    #[must_use]
    pub fn is_users(&self) -> bool {
        match self {
            Self::Problems(_) => true,
            Self::Deliver { source: DeliverError::Layout(error), .. } => {
                matches!(error, LayoutError::Form { .. })
            }
            _ => false,
        }
    }

    /// How to mend it. Problems have their own help each.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Source { source, .. } => help_of_source(source),
            Self::Base { source, .. } => source.help(),
            Self::Deliver { source: DeliverError::Layout(source), .. } => source.help(),
            Self::Deliver { source: DeliverError::Engine(source), .. } => source.help(),
            Self::Lost { .. } | Self::Worker(_) => {
                Some("this is a fault of limg; please report it".to_owned())
            }
            Self::Deliver { source: DeliverError::Fs(_), .. }
            | Self::Problems(_)
            | Self::Layer { .. }
            | Self::Image { .. } => None,
        }
    }
}

impl BaseError {
    /// Whether it is the definition's: another base, or a whole one, would do.
    pub(super) fn is_definitions(&self) -> bool {
        match self {
            Self::Engine(EngineError::NoImage { .. }) => true,
            Self::Engine(_) | Self::Store(_) | Self::Worker(_) => false,
            error => is_inputs(error),
        }
    }

    /// How to mend it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Registry { image } => Some(format!(
                "`docker pull {image}` and name it under `bases:` as `docker-daemon:{image}`, or `skopeo copy \
                 docker://{image} oci:DIR` and name it as `oci:DIR`"
            )),
            Self::Unnamed => Some("write `docker-daemon:NAME:TAG`".to_owned()),
            Self::Layout(error) => error.help(),
            Self::Digest { .. } | Self::Index(_) => Some("copy the base image again".to_owned()),
            Self::Engine(error) => error.help(),
            Self::Store(_) | Self::Worker(_) => None,
        }
    }
}

/// How to mend a source of files.
pub(super) fn help_of_source(error: &TreeError) -> Option<String> {
    match error {
        TreeError::Unsuitable { help, .. } => Some((*help).to_owned()),
        TreeError::Archive { .. } => Some("check that the archive is whole, or make it again".to_owned()),
        _ => None,
    }
}

/// Whether an error is about what the user named: it is not there, or is not what it should be.
pub(super) fn is_inputs(error: &(dyn Error + 'static)) -> bool {
    matches!(refusal(error), None | Some(ErrorKind::NotFound | ErrorKind::NotADirectory))
}

/// An error and its causes as one text.
pub(super) fn full_text(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {}", full_text(cause)))
}

/// What the operating system refused, if that is at the bottom of an error. What merely has bytes of the wrong form is
/// refused by limg or a library.
fn refusal(error: &(dyn Error + 'static)) -> Option<ErrorKind> {
    let io = match error.downcast_ref::<ignore::Error>() {
        // It has no source, whatever is in it.
        Some(error) => error.io_error(),
        None => error.downcast_ref::<io::Error>(),
    };
    let by_system = |error: &&io::Error| {
        let of_content =
            [ErrorKind::InvalidData, ErrorKind::InvalidInput, ErrorKind::UnexpectedEof, ErrorKind::Other];
        error.raw_os_error().is_some() || !of_content.contains(&error.kind())
    };
    io.filter(by_system).map(io::Error::kind).or_else(|| refusal(error.source()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(error: LayoutError) -> PipelineError {
        PipelineError::Deliver { destination: "oci-archive:a.tar".to_owned(), source: error.into() }
    }

    #[test]
    fn a_full_disk_is_the_environments_wherever_it_shows() {
        let full = || io::Error::from(ErrorKind::StorageFull);
        assert!(delivered(LayoutError::Write(full())).is_environments());
        let path = std::path::Path::new("blob");
        assert!(delivered(FsError::because("write", path)(full()).into()).is_environments());
        let layer = |source| PipelineError::Layer { name: "code".to_owned(), source };
        assert!(layer(LayerError::Compress(full())).is_environments());
        assert!(!layer(LayerError::Import(io::Error::other("its digest is another"))).is_environments());
    }

    #[test]
    fn a_folder_that_cannot_be_listed_is_as_a_file_that_cannot_be_read() {
        let denied = || io::Error::from(ErrorKind::PermissionDenied);
        let path = std::path::PathBuf::from("lib");
        let walk = TreeError::Walk { path: path.clone(), source: denied().into() };
        let read = TreeError::from(FsError::because("open", &path)(denied()));
        for source in [walk, read] {
            assert!(!is_inputs(&source));
            assert!(PipelineError::Source { what: "the code".to_owned(), source }.is_environments());
        }
    }
}
