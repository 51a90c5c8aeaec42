//! What can go wrong at AWS, and how to mend it.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};

use super::Aws;
use crate::project::LayerVersionArn;

/// The longest message of a service that is passed on, in characters.
const LONGEST_MESSAGE: usize = 500;

/// Something that AWS did not do.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The further certificates are no certificates.
    #[error("failed to read the certificates to trust")]
    Certificates(#[source] reqwest::Error),
    /// Nothing says which region.
    #[error("no AWS region is set")]
    NoRegion,
    /// What is set is no region.
    #[error("`{region}` is not the name of an AWS region")]
    Region {
        /// What is set.
        region: String,
    },
    /// What is given is no account.
    #[error("`{account}` is not an AWS account: accounts have 12 digits")]
    Account {
        /// What is given.
        account: String,
    },
    /// ECR names a registry that does not tell its account.
    #[error("Amazon ECR names the registry `{endpoint}`, which does not tell the account")]
    NoAccount {
        /// The registry's host.
        endpoint: String,
    },
    /// There are no credentials, or they cannot be had.
    #[error("failed to {doing}: no credentials for AWS{}", in_profile(profile.as_deref()))]
    Credentials {
        /// What was being done.
        doing: String,
        /// The profile that was named.
        profile: Option<String>,
        /// Why there are none.
        #[source]
        source: CredentialsFault,
    },
    /// A service refused a request.
    #[error("failed to {doing}: {code}{}", told(message))]
    Refused {
        /// What was being done, and to what.
        doing: String,
        /// The service's name for the reason, such as `AccessDeniedException`.
        code: String,
        /// What else it says; may be empty.
        message: String,
        /// The rights that the request needs.
        rights: &'static str,
        /// The HTTP status.
        status: Option<u16>,
    },
    /// A service could not be asked, or gave no answer.
    #[error("failed to {doing}")]
    Call {
        /// What was being done, and to what.
        doing: String,
        /// Why it failed.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A service's answer lacks what it must have.
    #[error("failed to {doing}: the answer makes no sense")]
    Answer {
        /// What was being done, and to what.
        doing: String,
    },
    /// The URL that is set for a service's API is none.
    #[error("the endpoint that is set for {service} is no URL of HTTP")]
    Endpoint {
        /// The service.
        service: &'static str,
    },
    /// A repository was made, but not made ready.
    #[error("created the repository `{repository}`, but it lacks {lacks}")]
    HalfMade {
        /// The repository, with its host.
        repository: String,
        /// What it lacks.
        lacks: String,
        /// Why.
        #[source]
        source: Box<AwsError>,
    },
    /// Lambda has no such layer version.
    #[error("there is no layer {arn}{}", told(message))]
    NoLayer {
        /// The layer version.
        arn: LayerVersionArn,
        /// What Lambda says; may be empty.
        message: String,
    },
    /// Lambda does not let limg have a layer version.
    #[error("failed to find the layer {arn}: access denied{}", told(message))]
    LayerDenied {
        /// The layer version.
        arn: LayerVersionArn,
        /// What Lambda says; may be empty.
        message: String,
    },
}

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

impl AwsError {
    /// How to mend it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let text = match self {
            Self::Certificates(_) => {
                "the file must hold certificates in PEM, which begin with `-----BEGIN CERTIFICATE-----`"
            }
            Self::NoRegion => "pass `--region`, or set AWS_REGION or the `region` of your profile",
            Self::Region { .. } => "a region is named as in `eu-west-1`",
            Self::NoAccount { .. } => "pass `--account`",
            Self::Credentials { source, profile, .. } => return source.help(profile.as_deref()),
            Self::Refused { code, rights, .. } => return refusal_help(code, rights),
            Self::Call { .. } => "check the network, and the proxy if there is one (HTTPS_PROXY)",
            Self::HalfMade { source, repository, .. } => {
                let name = repository.split_once('/').map_or("NAME", |(_, name)| name);
                let first = source.help().map(|help| format!("{help}; then ")).unwrap_or_default();
                return Some(format!(
                    "{first}delete it with `aws ecr delete-repository --repository-name {name}` and push again, or set \
                     what it lacks yourself: limg leaves a repository that is there as it is"
                ));
            }
            Self::Endpoint { .. } => {
                "AWS_ENDPOINT_URL_LAMBDA, AWS_ENDPOINT_URL or the profile's `endpoint_url` set it"
            }
            Self::NoLayer { arn, .. } => {
                return Some(format!(
                    "the version may have been deleted: `aws lambda list-layer-versions --region {} --layer-name {}` \
                     lists those that are there",
                    arn.region(),
                    arn.layer()
                ));
            }
            Self::LayerDenied { arn, .. } => {
                return Some(format!(
                    "the credentials need the right to lambda:GetLayerVersion; and where the account {} is not yours, it \
                     must let yours in with `aws lambda add-layer-version-permission --layer-name {} --version-number {} \
                     --statement-id limg --action lambda:GetLayerVersion --principal YOUR-ACCOUNT`",
                    arn.account(),
                    arn.name(),
                    arn.version()
                ));
            }
            Self::Account { .. } | Self::Answer { .. } => return None,
        };
        Some(text.to_owned())
    }

    /// Whether the user must change the command line or a definition, not AWS, the network or rights.
    #[must_use]
    pub fn is_users(&self) -> bool {
        matches!(
            self,
            Self::Certificates(_)
                | Self::NoRegion
                | Self::Region { .. }
                | Self::Account { .. }
                | Self::NoAccount { .. }
        )
    }
}

impl Aws {
    /// Makes an error of limg's of one of the SDK's. `rights` are those that the request needs.
    pub(super) fn failed<E>(&self, doing: String, rights: &'static str, error: SdkError<E>) -> AwsError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        if let Some(service) = error.as_service_error() {
            return AwsError::Refused {
                doing,
                code: plain(service.code().unwrap_or("an error without a name")),
                message: plain(service.message().unwrap_or_default()),
                rights,
                status: error.raw_response().map(|response| response.status().as_u16()),
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
        let reason = plain(&reasons.join(": "));
        let kind = match fault {
            CredentialsError::CredentialsNotLoaded(_) => Kind::None,
            _ if reason.contains("SSO") => Kind::Sso,
            _ => Kind::Other,
        };
        let source = CredentialsFault { reason, kind };
        AwsError::Credentials { doing, profile: self.options().profile.clone(), source }
    }
}

impl CredentialsFault {
    fn help(&self, profile: Option<&str>) -> Option<String> {
        let login = profile.map(|profile| format!(" --profile {profile}")).unwrap_or_default();
        match (self.kind, profile) {
            (Kind::None, Some(_)) => Some("`aws configure list-profiles` lists the profiles".to_owned()),
            (Kind::None, None) => Some(
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile with `--profile` or AWS_PROFILE, or \
                 run limg where a role gives them (EC2, ECS, EKS, CodeBuild, GitHub's OIDC)"
                    .to_owned(),
            ),
            (Kind::Sso, _) => Some(format!("run `aws sso login{login}`")),
            (Kind::Other, Some(profile)) => {
                Some(format!("`aws configure list --profile {profile}` shows where they come from"))
            }
            (Kind::Other, None) => Some("`aws configure list` shows where they come from".to_owned()),
        }
    }
}

/// How to mend what a service refused, by its code.
fn refusal_help(code: &str, rights: &str) -> Option<String> {
    let text = match code {
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => {
            "the credentials are over: get new ones (`aws sso login`, or assume the role again)"
        }
        "UnrecognizedClientException" | "InvalidClientTokenId" | "InvalidSignatureException" => {
            "the credentials are wrong or of another partition, or this machine's clock is"
        }
        "AccessDeniedException" | "AccessDenied" => {
            return Some(format!("the credentials need the right to {rights}"));
        }
        "LimitExceededException" => "the account has all that it may have: Service Quotas raises the limit",
        "KmsException" => {
            "the key must be in the repository's region, and the credentials need kms:CreateGrant for it"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// A profile as the end of a sentence.
fn in_profile(profile: Option<&str>) -> String {
    profile.map(|profile| format!(" in the profile `{profile}`")).unwrap_or_default()
}

/// A service's message as the end of a sentence.
fn told(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

/// A text from outside on one line, not longer than a message may be.
pub(super) fn plain(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|character| !character.is_control()).take(LONGEST_MESSAGE).collect()
}
