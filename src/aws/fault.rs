//! Errors of the SDK's made errors of limg's: what it says in several layers, on one line and without its secrets.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};

use super::{Aws, AwsError};
use crate::text::excerpt;

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct CredentialsFault {
    reason: String,
    kind: Kind,
}

/// What kind of fault it is, for the advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// There are none anywhere.
    None,
    /// A session of IAM Identity Center is missing or over.
    Sso,
    /// Something else: a broken file, a role that is refused.
    Other,
}

impl Aws {
    /// Makes an error of limg's of one of the SDK's. `rights` are those that the request needs.
    pub(super) fn failed<E>(&self, doing: String, rights: &'static str, error: SdkError<E>) -> AwsError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        if let Some(service) = error.as_service_error() {
            let status = error.raw_response().map(|response| response.status().as_u16());
            let nameless = || format!("HTTP {}", status.unwrap_or_default());
            return AwsError::Refused {
                doing,
                code: service.code().map_or_else(nameless, excerpt),
                message: excerpt(service.message().unwrap_or_default()),
                rights,
                status,
            };
        }
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(current) = cause {
            if let Some(fault) = current.downcast_ref::<CredentialsError>() {
                return self.no_credentials(doing, fault);
            }
            cause = current.source();
        }
        // What the SDK puts on top says no more than that it failed.
        let source = error.into_source().unwrap_or_else(|error| Box::new(error));
        AwsError::Call { doing, source }
    }

    /// Makes an error of limg's of what a provider of credentials says.
    pub(super) fn no_credentials(&self, doing: String, fault: &CredentialsError) -> AwsError {
        let mut reasons = match fault {
            // The SDK's words for this are about itself.
            CredentialsError::CredentialsNotLoaded(_) => vec!["no source of them has any".to_owned()],
            fault => vec![fault.to_string()],
        };
        let mut cause = fault.source();
        while let Some(error) = cause {
            reasons.push(error.to_string());
            cause = error.source();
        }
        // What the SDK puts on several lines goes on one.
        let reason = reasons.join(": ");
        let words: Vec<&str> = reason.split_whitespace().collect();
        let reason = excerpt(&words.join(" "));
        let kind = match fault {
            CredentialsError::CredentialsNotLoaded(_) => Kind::None,
            // The last source to be asked: the machine itself, which may have no role.
            _ if reason.contains("IMDS") => Kind::None,
            _ if reason.contains("SSO") => Kind::Sso,
            _ => Kind::Other,
        };
        let source = CredentialsFault { reason, kind };
        AwsError::Credentials { doing, profile: self.options().profile.clone(), source }
    }
}

impl CredentialsFault {
    /// How to mend it, given the profile that was named.
    pub(super) fn help(&self, profile: Option<&str>) -> String {
        match (self.kind, profile) {
            (Kind::None, Some(_)) => "`aws configure list-profiles` lists the profiles".to_owned(),
            (Kind::None, None) => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile with `--profile` or AWS_PROFILE, or \
                 run limg where a role gives them (EC2, ECS, EKS, CodeBuild, GitHub's OIDC)"
                    .to_owned()
            }
            (Kind::Sso, None) => "run `aws sso login`".to_owned(),
            (Kind::Sso, Some(profile)) => format!("run `aws sso login --profile {profile}`"),
            (Kind::Other, None) => "`aws configure list` shows where they come from".to_owned(),
            (Kind::Other, Some(profile)) => {
                format!("`aws configure list --profile {profile}` shows where they come from")
            }
        }
    }
}
