//! What can go wrong in a build, whose business it is, and how to mend it.

use std::error::Error;
use std::io::{self, ErrorKind};

use tokio::task::JoinError;

#[cfg(feature = "aws")]
use crate::aws::AwsError;
use crate::definition;
use crate::engine::EngineError;
use crate::extract::ExtractError;
use crate::files::LayerReadError;
use crate::finding::{Finding, Help};
use crate::fs::FsError;
use crate::image::ImageError;
use crate::layer::LayerError;
use crate::layout::LayoutError;
use crate::lock::LockError;
use crate::project::{Architecture, ImagePathError, Repository};
use crate::registry::RegistryError;
use crate::store::Digest;
use crate::text::nearest;
use crate::tree::TreeError;

/// A build that failed.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A source of files could not be listed or read, and that is not the definition's fault.
    #[error("failed to read the files of {what}")]
    Source {
        /// Whose, such as `the layer utils`.
        what: String,
        /// Why.
        #[source]
        source: TreeError,
    },
    /// The images cannot be built as the definition is written; warnings are among the findings too.
    #[error("the images cannot be built as defined")]
    Findings(Vec<Finding>),
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
    /// A name that nothing pinnable has.
    #[error("the definition has nothing that can be pinned under the name `{name}`")]
    NothingToPin {
        /// The name.
        name: String,
        /// What could be named.
        known: Vec<String>,
    },
    /// limg.lock cannot be written.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A layer version cannot be fetched.
    #[cfg(feature = "aws")]
    #[error("failed to fetch the layer `{arn}`")]
    LayerVersion {
        /// Its ARN.
        arn: String,
        /// Why.
        #[source]
        source: AwsError,
    },
    /// The image could not be sent to a registry.
    #[error("failed to push")]
    Push(#[source] PushError),
    /// The layers are not needed any more, because the push has failed.
    #[error("build cancelled because the push failed")]
    Cancelled,
    /// A thread of limg's own ended early: a bug.
    #[error("a worker of limg ended unexpectedly")]
    Worker(#[from] JoinError),
}

/// Why a base cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// Its registry does not give it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Its registry has an image that cannot be used.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A layer cannot be compressed.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// limg.lock does not say which image it is, and only what it says is to be used.
    #[error("limg.lock has no pin for `{name}` ({architecture})")]
    NotPinned {
        /// The reference.
        name: String,
        /// For which architecture.
        architecture: Architecture,
    },
    /// limg.lock names an image that its registry does not have any more.
    #[error("`{reference}` is pinned to {digest}, which its registry does not have any more")]
    PinGone {
        /// The reference.
        reference: String,
        /// What it is pinned to.
        digest: Digest,
        /// What the registry says.
        #[source]
        source: Box<RegistryError>,
    },
    /// Files of an image cannot be taken.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// Files of an image cannot be placed.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A path that limg itself names is none: a bug.
    #[error(transparent)]
    Path(#[from] ImagePathError),
    /// It has no name.
    #[error("`docker-daemon:` names no image")]
    Unnamed,
    /// The layout or archive cannot be read.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The Docker Engine cannot give it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// One of its layers is damaged or cannot be read.
    #[error(transparent)]
    LayerRead(#[from] LayerReadError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] FsError),
    /// A thread of limg's own ended early: a bug.
    #[error("a worker of limg ended unexpectedly")]
    Worker(#[from] JoinError),
}

/// Why the bytes of a layer cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum BytesError {
    /// Its registry does not give them.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// They cannot be made again.
    #[error("failed to make the {name} again, which the store does not have any more")]
    Layer {
        /// What it holds.
        name: String,
        /// Why.
        #[source]
        source: LayerError,
    },
    /// An image that layers were to be taken from does not give them, and tells of another one than the files give.
    #[error("the image in `{repository}` has a {name} that its files do not give, and does not hand it out")]
    Cache {
        /// What it holds.
        name: String,
        /// Where the image is.
        repository: Repository,
    },
    /// A thread of limg's own ended early: a bug.
    #[error("a worker of limg ended unexpectedly")]
    Worker(#[from] JoinError),
}

impl BytesError {
    /// The same, if it is what becomes of a layer that was to be taken from an image in `repository`.
    pub(super) fn of_cache(self, repository: &Repository) -> Self {
        match self {
            Self::Layer { name, source: LayerError::Changed { .. } } => {
                Self::Cache { name, repository: repository.clone() }
            }
            other => other,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Registry(source) => source.help(),
            Self::Layer { source, .. } => source.help(),
            Self::Cache { .. } => Some("name another image with `--cache-from`, or none".to_owned()),
            Self::Worker(_) => Some("this is a fault of limg; please report it".to_owned()),
        }
    }
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
    /// The bytes of its layers cannot be had.
    #[error(transparent)]
    Bytes(#[from] BytesError),
    /// The file cannot be written.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl From<JoinError> for DeliverError {
    fn from(error: JoinError) -> Self {
        Self::Bytes(error.into())
    }
}

/// Why an image cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The registry refuses something, or cannot be reached.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The bytes of its layers cannot be had.
    #[error(transparent)]
    Bytes(BytesError),
    /// A tag stands for another image, and the repository lets no tag be moved.
    #[error("the tag `{tag}` of `{repository}` stands for another image and cannot be moved")]
    ImmutableTag {
        /// The repository.
        repository: Repository,
        /// The tag.
        tag: String,
        /// What the registry says.
        #[source]
        source: RegistryError,
    },
    /// The image has no manifest: a bug.
    #[error(transparent)]
    Manifest(#[from] ImageError),
    /// Amazon ECR's own interface refuses something.
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl From<BytesError> for PushError {
    fn from(error: BytesError) -> Self {
        match error {
            BytesError::Registry(source) => Self::Registry(source),
            other => Self::Bytes(other),
        }
    }
}

impl PushError {
    /// The same, if it is what becomes of a tag that cannot be moved.
    pub(super) fn of_tag(self, repository: &Repository, tag: &str) -> Self {
        match self {
            Self::Registry(source) if source.is_immutable_tag() => {
                Self::ImmutableTag { repository: repository.clone(), tag: tag.to_owned(), source }
            }
            other => other,
        }
    }

    /// Whether the user must change the command line or the definition.
    fn is_users(&self) -> bool {
        match self {
            Self::ImmutableTag { .. } => true,
            // A repository that is not there may be a missing right as well.
            Self::Registry(source) => !source.is_not_found() && source.is_users(),
            Self::Bytes(_) | Self::Manifest(_) => false,
            #[cfg(feature = "aws")]
            Self::Aws(source) => source.is_users(),
        }
    }

    pub(super) fn help(&self) -> Option<String> {
        match self {
            Self::Registry(source) if source.code() == Some("NAME_UNKNOWN") => Some(
                "create the repository first; `limg push ecr --create-repository` does that in Amazon ECR".to_owned(),
            ),
            Self::Registry(source) => source.help(),
            Self::Bytes(source) => source.help(),
            Self::Manifest(source) => source.help(),
            Self::ImmutableTag { .. } => Some(
                "the image itself is there, by its digest; choose another tag with `--tag`, or deploy by digest".to_owned(),
            ),
            #[cfg(feature = "aws")]
            Self::Aws(source) => source.help(),
        }
    }
}

impl PipelineError {
    /// Whether the machine or a service failed, not the user's files and not limg.
    #[must_use]
    pub fn is_environments(&self) -> bool {
        let by_engine = match self {
            // What could not be sent is limg's side of it.
            Self::Deliver { source: DeliverError::Engine(EngineError::Archive { .. }), .. }
            | Self::Push(PushError::Bytes(_) | PushError::Manifest(_)) => false,
            Self::Base { source: BaseError::Engine(_) | BaseError::Registry(_), .. }
            | Self::Deliver {
                source: DeliverError::Engine(_) | DeliverError::Bytes(BytesError::Registry(_)),
                ..
            }
            | Self::Push(_) => true,
            #[cfg(feature = "aws")]
            Self::LayerVersion { .. } => true,
            _ => false,
        };
        by_engine || refusal(self).is_some()
    }

    /// Whether the user must change the definition, what it names, or the destination.
    #[must_use]
    pub fn is_users(&self) -> bool {
        match self {
            Self::Findings(_) | Self::NothingToPin { .. } => true,
            Self::Push(source) => source.is_users(),
            #[cfg(feature = "aws")]
            Self::LayerVersion { source, .. } => source.is_users(),
            Self::Deliver { source: DeliverError::Layout(error), .. } => {
                matches!(error, LayoutError::Invalid { .. })
            }
            _ => false,
        }
    }

    /// How to mend it. Problems have their own help each.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Source { source, .. } => {
                help_of_source(source).and_then(|help| help.render(definition::words))
            }
            Self::Base { source, .. } => source.help(),
            Self::Deliver { source: DeliverError::Layout(source), .. } => source.help(),
            Self::Deliver { source: DeliverError::Engine(source), .. } => source.help(),
            Self::Deliver { source: DeliverError::Bytes(source), .. } => source.help(),
            Self::Layer { source, .. } => source.help(),
            Self::Push(source) => source.help(),
            Self::NothingToPin { name, known } => {
                Some(match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if known.is_empty() => {
                        "it names no image in a registry and no layer version".to_owned()
                    }
                    None => format!("it has {}", known.join(", ")),
                })
            }
            Self::Lock(source) => source.help(),
            #[cfg(feature = "aws")]
            Self::LayerVersion { source, .. } => source.help(),
            Self::Lost { .. } | Self::Worker(_) => {
                Some("this is a fault of limg; please report it".to_owned())
            }
            Self::Deliver { source: DeliverError::Fs(_), .. }
            | Self::Findings(_)
            | Self::Cancelled
            | Self::Image { .. } => None,
        }
    }
}

impl BaseError {
    /// Whether it is the definition's: another base, or a whole one, would do.
    pub(super) fn is_definitions(&self) -> bool {
        match self {
            Self::Engine(EngineError::NoImage { .. }) | Self::NotPinned { .. } | Self::PinGone { .. } => true,
            Self::Registry(error) => error.is_users(),
            Self::Engine(_) | Self::Store(_) | Self::Worker(_) | Self::Path(_) => false,
            Self::LayerRead(error) => !matches!(error, LayerReadError::Fs(_)) && is_inputs(error),
            error => is_inputs(error),
        }
    }

    /// How to mend it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Registry(source) => source.help(),
            Self::Image(source) => source.help(),
            Self::NotPinned { .. } => {
                Some("run the command without `--locked` and commit limg.lock".to_owned())
            }
            Self::PinGone { .. } => Some("`limg update` pins what the registry has now".to_owned()),
            Self::Unnamed => Some("write `docker-daemon:NAME:TAG`".to_owned()),
            Self::Layout(error) => error.help(),
            Self::LayerRead(source) => source.help(),
            Self::Engine(error) => error.help(),
            Self::Extract(source) => source.help(),
            Self::Tree(source) => help_of_source(source).and_then(|help| help.render(definition::words)),
            Self::Layer(_) | Self::Path(_) | Self::Store(_) | Self::Worker(_) => None,
        }
    }
}

/// What to do about a source of files.
pub(super) fn help_of_source(error: &TreeError) -> Option<Help> {
    match error {
        TreeError::Unsuitable { help, .. } => Some(help.clone()),
        TreeError::Archive { .. } => Some("create the archive again".into()),
        _ => None,
    }
}

/// Whether an error is about what the user named: it is not there, or is not what it should be.
pub(super) fn is_inputs(error: &(dyn Error + 'static)) -> bool {
    matches!(refusal(error), None | Some(ErrorKind::NotFound | ErrorKind::NotADirectory))
}

/// What the operating system refused, if that is at the bottom of an error. What merely has bytes of the wrong form is
/// refused by limg or a library.
fn refusal(error: &(dyn Error + 'static)) -> Option<ErrorKind> {
    let by_system = |error: &&io::Error| {
        let of_content =
            [ErrorKind::InvalidData, ErrorKind::InvalidInput, ErrorKind::UnexpectedEof, ErrorKind::Other];
        error.raw_os_error().is_some() || !of_content.contains(&error.kind())
    };
    error
        .downcast_ref::<io::Error>()
        .filter(by_system)
        .map(io::Error::kind)
        .or_else(|| refusal(error.source()?))
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
        for verb in ["list", "read"] {
            let source = TreeError::from(FsError::because(verb, &path)(denied()));
            assert!(!is_inputs(&source));
            assert!(PipelineError::Source { what: "the code".to_owned(), source }.is_environments());
        }
    }
}
