//! Turns errors of the AWS SDK, which nest several layers deep, into an [`AwsError`]: on one line and without secrets.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};

use super::credentials_error::CredentialsErrorKind;
use super::{Aws, AwsCredentialsError, AwsError};
use crate::text::{excerpt, with_causes};

impl Aws {
    /// Converts an error of the SDK. `permissions` are those that the request needs.
    pub(super) fn failed<E>(&self, action: String, permissions: &'static str, error: SdkError<E>) -> AwsError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        if let Some(service) = error.as_service_error() {
            let status = error.raw_response().map(|response| response.status().as_u16());
            let without_code = || format!("HTTP {}", status.unwrap_or_default());
            return AwsError::Refused {
                action,
                code: service.code().map_or_else(without_code, excerpt),
                message: excerpt(service.message().unwrap_or_default()),
                permissions,
                status,
            };
        }
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(current) = cause {
            if let Some(error) = current.downcast_ref::<CredentialsError>() {
                return self.no_credentials(action, error);
            }
            cause = current.source();
        }
        // The SDK's outermost error only states that the request failed.
        let source = error.into_source().unwrap_or_else(|error| Box::new(error));
        AwsError::Request { action, source }
    }

    /// Converts an error of a credentials provider.
    pub(super) fn no_credentials(&self, action: String, error: &CredentialsError) -> AwsError {
        let reason = match (error, error.source()) {
            // The SDK's words for this describe the SDK.
            (CredentialsError::CredentialsNotLoaded(_), None) => "no source provides any".to_owned(),
            (CredentialsError::CredentialsNotLoaded(_), Some(cause)) => {
                format!("no source provides any: {}", with_causes(cause))
            }
            _ => with_causes(error),
        };
        // The SDK breaks some of its messages into lines.
        let reason = excerpt(&reason.split_whitespace().collect::<Vec<_>>().join(" "));
        let kind = match error {
            CredentialsError::CredentialsNotLoaded(_) => CredentialsErrorKind::NoSource,
            // The instance metadata service is the last source, and a machine without a role is ordinary.
            _ if reason.contains("IMDS") => CredentialsErrorKind::NoSource,
            _ if reason.contains("SSO") => CredentialsErrorKind::Sso,
            _ => CredentialsErrorKind::Other,
        };
        let source = AwsCredentialsError { reason, kind };
        AwsError::Credentials { action, profile: self.options().profile.clone(), source }
    }
}
