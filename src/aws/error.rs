//! What can go wrong at AWS, and how to mend it.

use std::error::Error;

use super::{CredentialsFault, EcrHost};
use crate::fs::FsError;
use crate::project::LayerVersionArn;
use crate::registry::{RegistryError, Transient, is_transient_network_error};
use crate::store::Digest;

/// Something that AWS did not do.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The further certificates are no certificates.
    #[error("failed to read the certificates that are to be trusted")]
    Certificates(#[source] reqwest::Error),
    /// There are none in what is to hold some.
    #[error("there is no certificate in the certificates that are to be trusted")]
    NoCertificate,
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
    /// A request or its answer got lost.
    #[error("failed to {doing}")]
    Network {
        /// What was being done, and to what.
        doing: String,
        /// Why. It does not hold the URL.
        #[source]
        source: reqwest::Error,
    },
    /// Nothing came any more.
    #[error("failed to {doing}: nothing came for {seconds} seconds")]
    Idle {
        /// What was being done, and to what.
        doing: String,
        /// For how long.
        seconds: u64,
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
    /// A layer version has other content than it had.
    #[error("the layer {arn} has changed: its digest is {found}, and was {expected}")]
    LayerChanged {
        /// The layer version.
        arn: LayerVersionArn,
        /// The digest that it had.
        expected: Digest,
        /// The digest that it has.
        found: Digest,
    },
    /// The store of the zips does not give one.
    #[error("failed to download the layer {arn}: Amazon S3 answered {status}")]
    Download {
        /// The layer version.
        arn: LayerVersionArn,
        /// The HTTP status.
        status: u16,
    },
    /// A zip broke off.
    #[error("failed to download the layer {arn}: it broke off after {found} of {size} bytes")]
    Truncated {
        /// The layer version.
        arn: LayerVersionArn,
        /// How many bytes came.
        found: u64,
        /// How many it has.
        size: u64,
    },
    /// A zip is not what Lambda says it is.
    #[error("failed to download the layer {arn}: {why}")]
    Zip {
        /// The layer version.
        arn: LayerVersionArn,
        /// What is wrong with it.
        why: String,
    },
    /// The store of limg failed while something was written into it.
    #[error(transparent)]
    Sink(#[from] RegistryError),
    /// The store of limg failed.
    #[error(transparent)]
    Store(#[from] FsError),
}

impl AwsError {
    /// How to mend it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let text = match self {
            Self::Certificates(_) | Self::NoCertificate => {
                "the file must hold certificates in PEM, which begin with `-----BEGIN CERTIFICATE-----`"
            }
            Self::NoRegion => "pass `--region`, or set AWS_REGION or the `region` of your profile",
            Self::Region { .. } => "a region is named as in `eu-west-1`",
            Self::NoAccount { .. } => "pass `--account`",
            Self::Credentials { source, profile, .. } => return Some(source.help(profile.as_deref())),
            Self::Refused { code, rights, .. } => return refusal_help(code, rights),
            Self::Call { .. } | Self::Network { .. } | Self::Idle { .. } | Self::Truncated { .. } => {
                "check the network, and the proxy if there is one (HTTPS_PROXY)"
            }
            Self::HalfMade { source, repository, .. } => {
                let (host, name) = repository.split_once('/').unwrap_or_default();
                let region = EcrHost::parse(host).map(|host| format!(" --region {}", host.region()));
                let first = source.help().map(|help| format!("{help}; then ")).unwrap_or_default();
                return Some(format!(
                    "{first}delete it with `aws ecr delete-repository{} --repository-name {name}` and push again, or set \
                     what it lacks yourself: limg leaves a repository that is there as it is",
                    region.unwrap_or_default()
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
            Self::LayerChanged { .. } => {
                "Lambda never changes a version, so ask the layer's owner; `limg update` takes what is there now"
            }
            Self::Download { status: 403, .. } => {
                "what stands between limg and Amazon S3 refuses: a proxy, or the policy of a VPC endpoint"
            }
            Self::Zip { .. } => {
                "something between limg and Amazon S3 may change what it sends: a proxy, a scanner"
            }
            Self::Sink(error) => return error.help(),
            Self::Account { .. } | Self::Answer { .. } | Self::Download { .. } | Self::Store(_) => {
                return None;
            }
        };
        Some(text.to_owned())
    }

    /// Whether the user must change the layer that a definition names: it is not there, or is another one than it was.
    #[must_use]
    pub fn is_layers(&self) -> bool {
        matches!(self, Self::NoLayer { .. } | Self::LayerChanged { .. })
    }

    /// Whether the user must change the command line or a definition, not AWS, the network or rights.
    #[must_use]
    pub fn is_users(&self) -> bool {
        matches!(
            self,
            Self::Certificates(_)
                | Self::NoCertificate
                | Self::NoRegion
                | Self::Region { .. }
                | Self::Account { .. }
                | Self::NoAccount { .. }
                | Self::Endpoint { .. }
                | Self::NoLayer { .. }
                | Self::LayerChanged { .. }
        )
    }
}

impl Transient for AwsError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Network { source, .. } => is_transient_network_error(source),
            Self::Refused { status: Some(status), .. } | Self::Download { status, .. } => {
                matches!(status, 408 | 416 | 429 | 500..=599)
            }
            Self::Idle { .. } | Self::Truncated { .. } => true,
            _ => false,
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
