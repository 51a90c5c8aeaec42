//! What can go wrong at AWS, and what to do about it.

use std::error::Error;

use super::AwsCredentialsError;
use crate::failure::{Failure, FailureKind};
use crate::finding::{Help, S3Object, StoredParameter};
use crate::fs::FsError;
use crate::project::{EcrHost, LayerVersionArn};
use crate::registry::{RegistryError, Transient, is_transient_network_error};
use crate::store::Digest;
use crate::units;

/// What can go wrong at AWS.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The additional CA certificates cannot be parsed.
    #[error("failed to parse the additional CA certificates")]
    Certificates(#[source] reqwest::Error),
    /// The additional CA certificates are empty.
    #[error("the file of additional CA certificates contains no certificate")]
    NoCertificate,
    /// The command may not contact AWS.
    #[error("the store lacks `{arn}`, and `--offline` does not contact AWS")]
    Offline {
        /// The layer version.
        arn: LayerVersionArn,
    },
    /// A region is needed and none is set.
    #[error("no AWS region is set")]
    NoRegion,
    /// The region is malformed.
    #[error("`{region}` is not a valid AWS region")]
    InvalidRegion {
        /// The text that is set.
        region: String,
    },
    /// The account ID is malformed.
    #[error("`{account}` is not an AWS account ID, which has 12 digits")]
    InvalidAccount {
        /// The text that the user wrote.
        account: String,
    },
    /// ECR's host does not name an account, as with some emulators.
    #[error("cannot tell the AWS account from the registry `{host}` that Amazon ECR names")]
    UnknownAccount {
        /// The registry's host.
        host: String,
    },
    /// No credentials were found.
    #[error("failed to {action}: no AWS credentials{}", in_profile(profile.as_deref()))]
    Credentials {
        /// What limg was doing.
        action: String,
        /// The profile that the user named.
        profile: Option<String>,
        /// What the sources of credentials answered.
        #[source]
        source: AwsCredentialsError,
    },
    /// A service refused a request.
    #[error("failed to {action}: {code}{}", after_colon(message))]
    Refused {
        /// What limg was doing, and to what.
        action: String,
        /// The service's error code, as in `AccessDeniedException`.
        code: String,
        /// The service's message; may be empty.
        message: String,
        /// The permissions that the request needs.
        permissions: &'static str,
        /// The HTTP status.
        status: Option<u16>,
    },
    /// A request of the SDK could not be sent, or had no usable response.
    #[error("failed to {action}")]
    Request {
        /// What limg was doing, and to what.
        action: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The network failed during a request without the SDK.
    #[error("failed to {action}")]
    Network {
        /// What limg was doing, and to what.
        action: String,
        /// The cause, without the URL.
        #[source]
        source: reqwest::Error,
    },
    /// A download stalled.
    #[error("failed to {action}: no data for {seconds} seconds")]
    Stalled {
        /// What limg was doing, and to what.
        action: String,
        /// For how long.
        seconds: u64,
    },
    /// A service's response is malformed.
    #[error("failed to {action}: unexpected response")]
    UnexpectedResponse {
        /// What limg was doing, and to what.
        action: String,
    },
    /// The configured endpoint of a service is not an HTTP URL.
    #[error("the endpoint configured for {service} is not an HTTP URL")]
    InvalidEndpoint {
        /// The service.
        service: &'static str,
    },
    /// A new repository did not get its policies.
    #[error("created the repository `{repository}`, but failed to set {missing}")]
    IncompleteRepository {
        /// The repository, with its host.
        repository: String,
        /// The policies that it lacks.
        missing: String,
        /// The cause.
        #[source]
        source: Box<AwsError>,
    },
    /// The layer version does not exist.
    #[error("the layer version {arn} does not exist{}", after_colon(message))]
    LayerNotFound {
        /// The layer version.
        arn: LayerVersionArn,
        /// Lambda's message; may be empty.
        message: String,
    },
    /// The credentials may not read the layer version.
    #[error("failed to look up the layer {arn}: access denied{}", after_colon(message))]
    LayerAccessDenied {
        /// The layer version.
        arn: LayerVersionArn,
        /// Lambda's message; may be empty.
        message: String,
    },
    /// The layer version's content is not what it was.
    #[error("the layer {arn} has changed: its digest was {expected} and is now {found}")]
    LayerChanged {
        /// The layer version.
        arn: LayerVersionArn,
        /// The digest before.
        expected: Digest,
        /// The digest now.
        found: Digest,
    },
    /// Amazon S3 refuses the download of a layer version's zip.
    #[error("failed to download the layer {arn}: Amazon S3 answered with status {status}")]
    Download {
        /// The layer version.
        arn: LayerVersionArn,
        /// The HTTP status.
        status: u16,
    },
    /// A download ended early.
    #[error("failed to {action}: the connection closed after {found} of {size} bytes")]
    Truncated {
        /// What limg was doing, and to what.
        action: String,
        /// The number of bytes received.
        found: u64,
        /// The size of what is downloaded.
        size: u64,
    },
    /// The downloaded zip is not the one that Lambda describes.
    #[error("failed to download the layer {arn}: {why}")]
    InvalidDownload {
        /// The layer version.
        arn: LayerVersionArn,
        /// What is wrong with it.
        why: String,
    },
    /// The object, its version or its bucket does not exist.
    #[error("{object} does not exist{}", after_colon(message))]
    ObjectNotFound {
        /// The object.
        object: S3Object,
        /// The message of Amazon S3; may be empty.
        message: String,
    },
    /// The credentials may not read the object.
    #[error("failed to fetch {object}: access denied{}", after_colon(message))]
    ObjectAccessDenied {
        /// The object.
        object: S3Object,
        /// The message of Amazon S3; may be empty.
        message: String,
    },
    /// The object is larger than any code.
    #[error("{object} has {}, and at most {} are fetched", units::size(*size), units::limit(*limit))]
    ObjectTooLarge {
        /// The object.
        object: S3Object,
        /// Its size in bytes.
        size: u64,
        /// The largest size that is fetched, in bytes.
        limit: u64,
    },
    /// The object's content is not what it was.
    #[error("{object} has changed: its digest was {expected} and is now {found}")]
    ObjectChanged {
        /// The object.
        object: S3Object,
        /// The digest before.
        expected: Digest,
        /// The digest now.
        found: Digest,
    },
    /// The object was replaced while it was downloaded.
    #[error("failed to fetch {object}: it was replaced during the download")]
    ObjectReplaced {
        /// The object.
        object: S3Object,
    },
    /// The parameter does not exist, or not in this version.
    #[error("the parameter `{}` does not exist in {region}", parameter.name())]
    ParameterNotFound {
        /// The parameter.
        parameter: StoredParameter,
        /// The Region.
        region: String,
    },
    /// The parameter is a secret.
    #[error("the parameter `{}` is a secure string, which limg never decrypts", parameter.name())]
    SecureParameter {
        /// The parameter.
        parameter: StoredParameter,
    },
    /// The store failed during a download.
    #[error(transparent)]
    StoreWrite(#[from] RegistryError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] FsError),
}

impl Failure for AwsError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Certificates(_)
            | Self::NoCertificate
            | Self::NoRegion
            | Self::InvalidRegion { .. }
            | Self::InvalidAccount { .. }
            | Self::UnknownAccount { .. }
            | Self::InvalidEndpoint { .. }
            | Self::LayerNotFound { .. }
            | Self::Offline { .. }
            | Self::LayerChanged { .. }
            | Self::ParameterNotFound { .. }
            | Self::SecureParameter { .. }
            | Self::ObjectNotFound { .. }
            | Self::ObjectTooLarge { .. }
            | Self::ObjectChanged { .. } => FailureKind::User,
            _ => FailureKind::Environment,
        }
    }

    fn help(&self) -> Option<Help> {
        let text = match self {
            Self::Certificates(_) | Self::NoCertificate => {
                "use a file with PEM certificates, which begin with `-----BEGIN CERTIFICATE-----`"
            }
            Self::Offline { .. } => "run `limg build` once, which fetches and pins it, or omit `--offline`",
            Self::NoRegion => "pass `--region`, set AWS_REGION, or set `region` in your profile",
            Self::InvalidRegion { .. } => "use the name of a region, as in `eu-west-1`",
            Self::UnknownAccount { .. } => "pass `--account`",
            Self::Credentials { source, profile, .. } => return Some(source.help(profile.as_deref()).into()),
            Self::Refused { code, permissions, .. } => {
                return refused_help(code, permissions).map(Help::from);
            }
            Self::Request { .. } | Self::Network { .. } | Self::Stalled { .. } | Self::Truncated { .. } => {
                "check the network, and the proxy if there is one (HTTPS_PROXY)"
            }
            Self::IncompleteRepository { source, repository, .. } => {
                let (host, name) = repository.split_once('/').unwrap_or_default();
                let region = EcrHost::parse(host).map(|host| format!(" --region {}", host.region()));
                let first = source
                    .help()
                    .and_then(|help| help.render(|_| None))
                    .map(|help| format!("{help}; then "))
                    .unwrap_or_default();
                let help = format!(
                    "{first}delete it with `aws ecr delete-repository{} --repository-name {name}` and push again, or set \
                     the policy yourself: limg does not change a repository that exists",
                    region.unwrap_or_default()
                );
                return Some(help.into());
            }
            Self::InvalidEndpoint { service } => {
                let variable = service.to_uppercase();
                let help = format!(
                    "correct AWS_ENDPOINT_URL_{variable}, AWS_ENDPOINT_URL or the profile's `endpoint_url`"
                );
                return Some(help.into());
            }
            Self::LayerNotFound { arn, .. } => {
                let help = format!(
                    "run `aws lambda list-layer-versions --region {} --layer-name {}` to list the versions that exist; \
                     this one may have been deleted",
                    arn.region(),
                    arn.layer()
                );
                return Some(help.into());
            }
            Self::LayerAccessDenied { arn, .. } => {
                let help = format!(
                    "grant these credentials lambda:GetLayerVersion; if the account {} is not yours, ask its owner to run \
                     `aws lambda add-layer-version-permission --layer-name {} --version-number {} --statement-id limg \
                     --action lambda:GetLayerVersion --principal YOUR-ACCOUNT`",
                    arn.account(),
                    arn.name(),
                    arn.version()
                );
                return Some(help.into());
            }
            Self::LayerChanged { .. } => {
                "ask the layer's owner, since Lambda never changes a version; run `limg update` to pin the new content"
            }
            Self::Download { status: 403, .. } => {
                "check the proxy, and the policy of the VPC endpoint: one of them may block Amazon S3"
            }
            Self::InvalidDownload { .. } => {
                "check for a proxy or scanner that changes downloads from Amazon S3"
            }
            Self::ParameterNotFound { parameter, region } => {
                let (name, _) = parameter.name().split_once(':').unwrap_or((parameter.name(), ""));
                let help = format!(
                    "run `aws ssm get-parameter --region {region} --name {name}` to look it up, or pass `--region` if it is in \
                     another Region"
                );
                return Some(help.into());
            }
            Self::SecureParameter { .. } => {
                "store what a build needs as a `String`, or use a parameter of the template and pass \
                 `--parameter-overrides NAME=VALUE`"
            }
            Self::ObjectNotFound { object, .. } => {
                let help = format!("run `aws s3 ls s3://{}/` to list what the bucket has", object.bucket());
                return Some(help.into());
            }
            Self::ObjectAccessDenied { .. } => {
                "grant these credentials s3:GetObject, and s3:GetObjectVersion if the definition names a version; \
                 without s3:ListBucket, Amazon S3 also denies access to objects that do not exist"
            }
            Self::ObjectTooLarge { .. } => {
                "name the zip of a function or layer, or download the object yourself"
            }
            Self::ObjectChanged { .. } => "run `limg update --fetch` to pin the new content",
            Self::ObjectReplaced { .. } => "run the command again when nothing writes to the bucket",
            Self::StoreWrite(error) => return error.help(),
            Self::InvalidAccount { .. }
            | Self::UnexpectedResponse { .. }
            | Self::Download { .. }
            | Self::Store(_) => {
                return None;
            }
        };
        Some(text.into())
    }
}

impl Transient for AwsError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Network { source, .. } => is_transient_network_error(source),
            Self::Refused { status: Some(status), .. } | Self::Download { status, .. } => {
                matches!(status, 408 | 416 | 429 | 500..=599)
            }
            Self::Stalled { .. } | Self::Truncated { .. } | Self::ObjectReplaced { .. } => true,
            _ => false,
        }
    }
}

/// What to do about a refused request, by the service's error code.
fn refused_help(code: &str, permissions: &str) -> Option<String> {
    let text = match code {
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => {
            "the credentials have expired: run `aws sso login`, or assume the role again"
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "RequestTimeTooSkewed" => "check the credentials, their partition and this machine's clock",
        "AccessDeniedException" | "AccessDenied" => {
            return Some(format!("grant these credentials {permissions}"));
        }
        "LimitExceededException" => "the account is at its limit: request an increase in Service Quotas",
        "KmsException" => {
            "use a key in the repository's region, and grant these credentials kms:CreateGrant for it"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// A profile, for the end of a message.
fn in_profile(profile: Option<&str>) -> String {
    profile.map(|profile| format!(" in the profile `{profile}`")).unwrap_or_default()
}

/// A service's message, for the end of one of limg's.
fn after_colon(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}
