//! Why something cannot be fetched, or cannot be done with what was fetched.

#[cfg(not(feature = "aws"))]
use crate::finding::RemoteValue;
#[cfg(feature = "aws")]
use crate::finding::S3Object;

/// Why something cannot be fetched, or cannot be done with what was fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("the template of `{function}` is in S3, and limg rewrites only templates on this machine")]
    Template { function: String },
    #[error("the code or a layer of `{function}` is in S3, and a limg.yaml names only files on this machine")]
    Files { function: String },
    #[cfg(feature = "aws")]
    #[error("limg.lock does not pin {0}")]
    NotPinned(S3Object),
    #[cfg(not(feature = "aws"))]
    #[error("this limg was built without AWS and cannot fetch {0}")]
    WithoutAws(RemoteValue),
}

impl FetchError {
    /// What to do about it.
    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::Template { .. } => {
                "name the functions of your own templates, or download that template first"
            }
            Self::Files { .. } => {
                "download it and name the file in the template, or run the command without `--fetch` to leave it out"
            }
            #[cfg(feature = "aws")]
            Self::NotPinned(_) => "run the command without `--locked` and commit limg.lock",
            #[cfg(not(feature = "aws"))]
            Self::WithoutAws(_) => "use a limg with the feature `aws`, or build without `--fetch`",
        }
    }
}
