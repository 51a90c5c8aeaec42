//! Layer versions in a limg that was built without AWS.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::{FetchedLayerVersion, LayerVersionError, LayerVersions};
use crate::failure::{AnyFailure, Failure, FailureKind};
use crate::finding::{Help, Setting};
use crate::project::LayerVersionArn;
use crate::store::Digest;

/// The layer versions of a limg that was built without AWS: none can be fetched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WithoutAws;

impl LayerVersions for WithoutAws {
    fn fetch<'a>(
        &'a self,
        arn: &'a LayerVersionArn,
        _expected: Option<&'a Digest>,
    ) -> BoxFuture<'a, Result<FetchedLayerVersion, LayerVersionError>> {
        let error = WithoutAwsError(arn.clone());
        async { Err(LayerVersionError::Unusable(AnyFailure::new(error))) }.boxed()
    }
}

/// A layer version that this build of limg cannot fetch.
#[derive(Debug, thiserror::Error)]
#[error("this limg was built without AWS and cannot fetch `{0}`")]
struct WithoutAwsError(LayerVersionArn);

impl Failure for WithoutAwsError {
    fn kind(&self) -> FailureKind {
        FailureKind::User
    }

    fn help(&self) -> Option<Help> {
        Some(Setting::LayerFiles.into())
    }
}
