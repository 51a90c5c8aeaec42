//! Layer versions published in Lambda: what the pipeline needs of them, without knowing who fetches them.
//!
//! The room `aws`, which not every build of limg has, fetches them; `WithoutAws` takes its place where it is missing.

#[cfg(any(test, not(feature = "aws")))]
mod without_aws;

use futures_util::future::BoxFuture;

use crate::failure::{AnyFailure, Failure, FailureKind};
use crate::finding::Help;
use crate::project::LayerVersionArn;
use crate::store::{Blob, Digest};

#[cfg(any(test, not(feature = "aws")))]
pub(crate) use without_aws::WithoutAws;

/// A layer version whose zip is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FetchedLayerVersion {
    /// The zip.
    pub blob: Blob,
    /// The digest of the zip.
    pub sha256: Digest,
    /// The compatible runtimes that the layer declares, as in `python3.12`; none if it declares nothing.
    pub runtimes: Vec<String>,
    /// The compatible architectures that the layer declares, `x86_64` and `arm64`; none if it declares nothing.
    pub architectures: Vec<String>,
}

/// Why a layer version cannot be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayerVersionError {
    /// The definition names a version that cannot be used: it does not exist, or its content is not what limg.lock
    /// pins.
    #[error(transparent)]
    Unusable(AnyFailure),
    /// Fetching failed for another reason.
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "only AWS can fail"))]
    #[error(transparent)]
    Fetch(AnyFailure),
}

impl Failure for LayerVersionError {
    fn kind(&self) -> FailureKind {
        let (Self::Unusable(failure) | Self::Fetch(failure)) = self;
        failure.kind()
    }

    fn help(&self) -> Option<Help> {
        let (Self::Unusable(failure) | Self::Fetch(failure)) = self;
        failure.help()
    }
}

/// Fetches layer versions.
pub(crate) trait LayerVersions: Send + Sync {
    /// Fetches the zip of a layer version into the store, unless it is already there. `expected` is the digest that
    /// limg.lock pins.
    ///
    /// # Errors
    /// When the version does not exist, cannot be fetched, or has another digest than expected.
    fn fetch<'a>(
        &'a self,
        arn: &'a LayerVersionArn,
        expected: Option<&'a Digest>,
    ) -> BoxFuture<'a, Result<FetchedLayerVersion, LayerVersionError>>;
}
