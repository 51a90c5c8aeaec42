//! What can go wrong in a build, who has to act, and what to do about it.

use tokio::task::JoinError;

use crate::bytecode::BytecodeError;
use crate::dockerfile::DockerfileError;
use crate::engine::EngineError;
use crate::extract::ExtractError;
use crate::failure::{AnyFailure, Failure, FailureKind, kind_of_input, kind_of_work, report_bug};
use crate::files::LayerReadError;
use crate::finding::{Finding, Help};
use crate::fix::FixError;
use crate::fs::FsError;
use crate::image::ImageError;
use crate::install::InstallError;
use crate::layer::LayerError;
use crate::layer_version::LayerVersionError;
use crate::layout::LayoutError;
use crate::lock::LockError;
use crate::project::{Architecture, ImagePathError, Repository};
use crate::registry::RegistryError;
use crate::store::Digest;
use crate::text::nearest;
use crate::tree::TreeError;

/// A build that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PipelineError {
    /// Files cannot be listed or read for a reason outside the definition.
    #[error("failed to read the files of {what}")]
    Source {
        /// Whose files, for example those of a layer.
        what: String,
        /// Why.
        #[source]
        source: TreeError,
    },
    /// The images cannot be built as defined. The findings include warnings.
    #[error("the images cannot be built as defined")]
    Findings(Vec<Finding>),
    /// A base image cannot be read for a reason outside the definition.
    #[error("failed to read the base image `{base}`")]
    Base {
        /// Its name.
        base: String,
        /// Why.
        #[source]
        source: BaseError,
    },
    /// An image cannot be read.
    #[error("failed to read the image `{image}`")]
    ReadImage {
        /// Its location, or the function that it is of.
        image: String,
        /// Why.
        #[source]
        source: BaseError,
    },
    /// An image cannot be corrected.
    #[error("failed to fix the image `{image}`")]
    FixImage {
        /// Its location.
        image: String,
        /// Why.
        #[source]
        source: BaseError,
    },
    /// The Dockerfile of a function cannot be written.
    #[error("failed to write the Dockerfile of `{function}`")]
    Dockerfile {
        /// The function.
        function: String,
        /// Why.
        #[source]
        source: DockerfileError,
    },
    /// Packages cannot be installed for a reason outside the definition.
    #[error("failed to install the packages of `{list}`")]
    Install {
        /// The path of their list.
        list: String,
        /// Why.
        #[source]
        source: InstallError,
    },
    /// Python sources cannot be compiled.
    #[error("failed to compile the Python sources of the {name}")]
    Bytecode {
        /// What contains them.
        name: String,
        /// Why.
        #[source]
        source: BytecodeError,
    },
    /// A program of the project has not made files, for a reason outside the definition.
    #[error("failed to build {what}")]
    Build {
        /// Whose files.
        what: String,
        /// Why.
        #[source]
        source: InstallError,
    },
    /// A layer cannot be made.
    #[error("failed to make the {name}")]
    Layer {
        /// What it contains.
        name: String,
        /// Why.
        #[source]
        source: LayerError,
    },
    /// A layer that was made cannot be found: a bug.
    #[error("failed to find the {name} again")]
    Lost {
        /// What it contains.
        name: String,
    },
    /// An image cannot be assembled.
    #[error("failed to assemble the image of `{function}`")]
    Image {
        /// The function.
        function: String,
        /// Why.
        #[source]
        source: ImageError,
    },
    /// An image cannot be delivered.
    #[error("failed to write the image to `{destination}`")]
    Deliver {
        /// The destination.
        destination: String,
        /// Why.
        #[source]
        source: DeliverError,
    },
    /// A name stands for nothing that can be pinned.
    #[error("the definition has nothing to pin with the name `{name}`")]
    NothingToPin {
        /// The name.
        name: String,
        /// The names that can be pinned.
        known: Vec<String>,
    },
    /// limg.lock cannot be written.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A layer version cannot be fetched.
    #[error("failed to fetch the layer `{arn}`")]
    LayerVersion {
        /// Its ARN.
        arn: String,
        /// Why.
        #[source]
        source: LayerVersionError,
    },
    /// The images cannot be pushed.
    #[error("failed to push")]
    Push(#[source] PushError),
    /// A push cannot be planned.
    #[error("failed to plan the push")]
    PlanPush(#[source] PushError),
    /// The layers are no longer needed, because the push has failed.
    #[error("build cancelled because the push failed")]
    Cancelled,
    /// A thread ended early: a bug.
    #[error("a worker thread ended unexpectedly")]
    Worker(#[from] JoinError),
}

impl PipelineError {
    /// Whether an image cannot be read since it is for another platform than the one that was wanted.
    pub(super) fn is_other_platform(&self) -> bool {
        let Self::ReadImage { source, .. } = self else { return false };
        match source {
            BaseError::Image(error) | BaseError::Layout(LayoutError::Image { source: error, .. }) => {
                matches!(error, ImageError::Platform { .. })
            }
            BaseError::Registry(error) => error.is_other_platform(),
            _ => false,
        }
    }
}

/// Why a base image cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BaseError {
    /// The registry does not provide it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The image cannot be used.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A layer cannot be compressed.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// limg.lock does not pin it, and only pinned images are allowed.
    #[error("limg.lock has no pin for `{name}` ({architecture})")]
    NotPinned {
        /// The reference.
        name: String,
        /// The architecture.
        architecture: Architecture,
    },
    /// The registry no longer has the image that limg.lock pins.
    #[error("`{reference}` is pinned to {digest}, which its registry no longer has")]
    PinGone {
        /// The reference.
        reference: String,
        /// The pinned digest.
        digest: Digest,
        /// The registry's response.
        #[source]
        source: Box<RegistryError>,
    },
    /// Layers of an image cannot be corrected.
    #[error(transparent)]
    Fix(#[from] FixError),
    /// Files of an image cannot be extracted.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// Files of an image cannot be placed.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A path of limg's own is not valid: a bug.
    #[error(transparent)]
    Path(#[from] ImagePathError),
    /// `docker-daemon:` without a name.
    #[error("`docker-daemon:` names no image")]
    Unnamed,
    /// The layout or archive cannot be read.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The Docker Engine does not provide it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A layer is damaged or cannot be read.
    #[error(transparent)]
    LayerRead(#[from] LayerReadError),
    /// The bytes of a layer cannot be provided.
    #[error(transparent)]
    Bytes(#[from] BytesError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] FsError),
    /// A thread ended early: a bug.
    #[error("a worker thread ended unexpectedly")]
    Worker(#[from] JoinError),
}

/// Why the bytes of a layer cannot be provided.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BytesError {
    /// The registry does not provide them.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// They cannot be made again.
    #[error("failed to make the {name} again, which the store no longer has")]
    Layer {
        /// What the layer contains.
        name: String,
        /// Why.
        #[source]
        source: LayerError,
    },
    /// An image that was used as a cache does not provide a layer, and its layer differs from the one that the files
    /// make.
    #[error("the image in `{repository}` does not provide its {name}, which differs from the files")]
    Cache {
        /// What the layer contains.
        name: String,
        /// The image's repository.
        repository: Repository,
    },
    /// A thread ended early: a bug.
    #[error("a worker thread ended unexpectedly")]
    Worker(#[from] JoinError),
}

impl BytesError {
    /// The error, given that the layer was expected from a cache image in `repository`.
    pub(super) fn of_cache(self, repository: &Repository) -> Self {
        match self {
            Self::Layer { name, source: LayerError::Changed { .. } } => {
                Self::Cache { name, repository: repository.clone() }
            }
            other => other,
        }
    }
}

/// Why an image cannot be delivered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliverError {
    /// The layout or archive cannot be written.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The Docker Engine does not accept it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The bytes of its layers cannot be provided.
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

/// Why an image cannot be pushed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PushError {
    /// The registry rejects something or cannot be reached.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The bytes of its layers cannot be provided.
    #[error(transparent)]
    Bytes(BytesError),
    /// The tag belongs to another image, and the repository's tags are immutable.
    #[error("the tag `{tag}` of `{repository}` belongs to another image and cannot be moved")]
    ImmutableTag {
        /// The repository.
        repository: Repository,
        /// The tag.
        tag: String,
        /// The registry's response.
        #[source]
        source: RegistryError,
    },
    /// The image has no manifest: a bug.
    #[error(transparent)]
    Manifest(#[from] ImageError),
    /// The repository cannot be prepared.
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "only ECR repositories are prepared"))]
    #[error(transparent)]
    Prepare(AnyFailure),
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
    /// The error, given that the registry was asked to move a tag.
    pub(super) fn of_tag(self, repository: &Repository, tag: &str) -> Self {
        match self {
            Self::Registry(source) if source.is_immutable_tag() => {
                Self::ImmutableTag { repository: repository.clone(), tag: tag.to_owned(), source }
            }
            other => other,
        }
    }
}

impl Failure for PipelineError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Findings(_) | Self::NothingToPin { .. } => FailureKind::User,
            Self::Base { source, .. } | Self::ReadImage { source, .. } | Self::FixImage { source, .. } => {
                source.kind()
            }
            Self::Deliver { source, .. } => source.kind(),
            Self::Dockerfile { source, .. } => source.kind(),
            Self::Lock(source) => source.kind(),
            Self::LayerVersion { source, .. } => source.kind(),
            Self::Push(source) | Self::PlanPush(source) => source.kind(),
            Self::Source { source, .. } => source.kind(),
            Self::Install { source, .. } | Self::Build { source, .. } => source.kind(),
            Self::Bytecode { source, .. } => source.kind(),
            Self::Layer { source, .. } => source.kind(),
            Self::Lost { .. } | Self::Image { .. } | Self::Cancelled | Self::Worker(_) => kind_of_work(self),
        }
    }

    /// Findings have help of their own.
    fn help(&self) -> Option<Help> {
        match self {
            Self::Source { source, .. } => source.help(),
            Self::Base { source, .. } | Self::ReadImage { source, .. } | Self::FixImage { source, .. } => {
                source.help()
            }
            Self::Install { source, .. } | Self::Build { source, .. } => source.help(),
            Self::Bytecode { source, .. } => source.help(),
            Self::Layer { source, .. } => source.help(),
            Self::Deliver { source, .. } => source.help(),
            Self::Dockerfile { source, .. } => source.help(),
            Self::Lock(source) => source.help(),
            Self::LayerVersion { source, .. } => source.help(),
            Self::Push(source) | Self::PlanPush(source) => source.help(),
            Self::NothingToPin { name, known } => {
                let help = match nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if known.is_empty() => {
                        "only images in registries and layer versions are pinned, and the definition names none"
                            .to_owned()
                    }
                    None => format!("use one of {}", known.join(", ")),
                };
                Some(help.into())
            }
            Self::Lost { .. } | Self::Worker(_) => report_bug(),
            Self::Findings(_) | Self::Cancelled | Self::Image { .. } => None,
        }
    }
}

impl Failure for BaseError {
    /// The user has to act if another base image, or a complete one, would do.
    fn kind(&self) -> FailureKind {
        match self {
            Self::Registry(source) => source.kind(),
            Self::Bytes(source) => source.kind(),
            Self::Fix(source) => source.kind(),
            Self::NotPinned { .. } | Self::PinGone { .. } | Self::Engine(EngineError::NoImage { .. }) => {
                FailureKind::User
            }
            Self::Engine(_) => FailureKind::Environment,
            Self::Store(_) | Self::Worker(_) | Self::Path(_) | Self::LayerRead(LayerReadError::Fs(_)) => {
                kind_of_work(self)
            }
            Self::Image(_)
            | Self::Layer(_)
            | Self::Extract(_)
            | Self::Tree(_)
            | Self::Unnamed
            | Self::Layout(_)
            | Self::LayerRead(_) => kind_of_input(self),
        }
    }

    fn help(&self) -> Option<Help> {
        match self {
            Self::Registry(source) => source.help(),
            Self::Bytes(source) => source.help(),
            Self::Fix(source) => source.help(),
            Self::Image(source) => source.help(),
            Self::NotPinned { .. } => Some("run the command without `--locked` and commit limg.lock".into()),
            Self::PinGone { .. } => Some("run `limg update` to pin the current image".into()),
            Self::Unnamed => Some("use `docker-daemon:NAME:TAG`".into()),
            Self::Layout(source) => source.help(),
            Self::LayerRead(source) => source.help(),
            Self::Engine(source) => source.help(),
            Self::Extract(source) => source.help(),
            Self::Tree(source) => source.help(),
            Self::Worker(_) | Self::Path(_) => report_bug(),
            Self::Layer(_) | Self::Store(_) => None,
        }
    }
}

impl Failure for BytesError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Registry(_) => FailureKind::Environment,
            Self::Layer { source, .. } => source.kind(),
            Self::Cache { .. } | Self::Worker(_) => kind_of_work(self),
        }
    }

    fn help(&self) -> Option<Help> {
        match self {
            Self::Registry(source) => source.help(),
            Self::Layer { source, .. } => source.help(),
            Self::Cache { .. } => Some("use another image with `--cache-from`, or none".into()),
            Self::Worker(_) => report_bug(),
        }
    }
}

impl Failure for DeliverError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Layout(source) => source.kind(),
            // limg could not produce the archive that the engine was to load.
            Self::Engine(EngineError::Archive { source, .. }) => source.kind(),
            Self::Fs(_) => kind_of_work(self),
            Self::Engine(_) => FailureKind::Environment,
            Self::Bytes(source) => source.kind(),
        }
    }

    fn help(&self) -> Option<Help> {
        match self {
            Self::Layout(source) => source.help(),
            Self::Engine(source) => source.help(),
            Self::Bytes(source) => source.help(),
            Self::Fs(_) => None,
        }
    }
}

impl Failure for PushError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::ImmutableTag { .. } => FailureKind::User,
            // A registry may also report a repository as missing because of missing permissions.
            Self::Registry(source) if source.is_not_found() => FailureKind::Environment,
            Self::Registry(source) => source.kind(),
            Self::Bytes(source) => source.kind(),
            Self::Manifest(_) => FailureKind::Work,
            Self::Prepare(failure) => failure.kind(),
        }
    }

    fn help(&self) -> Option<Help> {
        match self {
            Self::Registry(source) if source.code() == Some("NAME_UNKNOWN") => Some(
                "create the repository first; for Amazon ECR, `limg push ecr --create-repository` does that"
                    .into(),
            ),
            Self::Registry(source) => source.help(),
            Self::Bytes(source) => source.help(),
            Self::Manifest(source) => source.help(),
            Self::ImmutableTag { .. } => Some(
                "choose another tag with `--tag`, or deploy by digest: the image itself has been uploaded"
                    .into(),
            ),
            Self::Prepare(failure) => failure.help(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};

    use super::*;

    fn delivered(error: LayoutError) -> PipelineError {
        PipelineError::Deliver { destination: "oci-archive:a.tar".to_owned(), source: error.into() }
    }

    #[test]
    fn a_full_disk_is_a_failure_of_the_environment_wherever_it_occurs() {
        let full = || io::Error::from(ErrorKind::StorageFull);
        assert_eq!(delivered(LayoutError::Write(full())).kind(), FailureKind::Environment);
        let path = std::path::Path::new("blob");
        let written = FsError::because("write", path)(full());
        assert_eq!(delivered(written.into()).kind(), FailureKind::Environment);
        let layer = |source| PipelineError::Layer { name: "code".to_owned(), source };
        assert_eq!(layer(LayerError::Compress(full())).kind(), FailureKind::Environment);
        let wrong = LayerError::Import(io::Error::other("its digest is another"));
        assert_eq!(layer(wrong).kind(), FailureKind::Work);
    }

    #[test]
    fn a_folder_that_cannot_be_listed_is_like_a_file_that_cannot_be_read() {
        let denied = || io::Error::from(ErrorKind::PermissionDenied);
        let path = std::path::PathBuf::from("lib");
        for verb in ["list", "read"] {
            let source = TreeError::from(FsError::because(verb, &path)(denied()));
            assert_eq!(source.kind(), FailureKind::Environment);
            let error = PipelineError::Source { what: "the code".to_owned(), source };
            assert_eq!(error.kind(), FailureKind::Environment);
        }
    }
}
