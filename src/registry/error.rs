//! What can go wrong with a registry, and what the user can do about it.
//!
//! No error contains a secret: URLs are shown without their query, and error responses are made safe where they are read.

use std::path::PathBuf;
use std::time::Duration;

use tokio::task::JoinError;

use super::credentials::CredentialError;
use super::error_response::ErrorResponse;
use super::network_error::{self, PRIVATE_NETWORK_HELP, is_transient_network_error};
use super::redirect_rules::RedirectError;
use super::retry::Transient;
use crate::failure::{Failure, FailureKind};
use crate::finding::{Help, Setting};
use crate::fs::FsError;
use crate::project::Architecture;
use crate::store::Digest;
use crate::text::root_cause;
use crate::units;

/// A failed operation on a registry.
///
/// `action` names the operation with its object: `fetch sha256:… from registry.example.com/shop/orders`.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// TLS cannot be set up, for example with certificates that cannot be parsed.
    #[error("failed to set up TLS with the trusted certificates")]
    Tls(#[source] reqwest::Error),
    /// The file of trusted certificates contains none.
    #[error("the file of trusted certificates does not contain a certificate")]
    NoCertificate,
    /// A mirror with plain HTTP that the user has not marked as insecure.
    #[error("the mirror `{mirror}` of `{host}` uses plain HTTP")]
    PlainHttpMirror {
        /// The host that the mirror stands in for.
        host: String,
        /// The mirror.
        mirror: String,
    },
    /// A text that is not a host with an optional port.
    #[error("`{0}` is not a valid registry host")]
    InvalidHost(String),
    /// The command may not contact a registry.
    #[error("the store lacks something of `{repository}`, and `--offline` does not contact registries")]
    Offline {
        /// The repository.
        repository: String,
    },
    /// The registry responded with an error.
    #[error("failed to {action}: the registry answered {response}")]
    Rejected {
        /// The operation.
        action: String,
        /// The registry's response.
        response: Box<ErrorResponse>,
    },
    /// The registry, or its token service, denied access.
    #[error(
        "failed to {action} {}: {} answered {response}",
        credential.as_ref().map_or("without credentials".to_owned(), |source| format!("with the credentials from {source}")),
        token_service.as_ref().map_or("the registry".to_owned(), |url| format!("the token service {url}"))
    )]
    Unauthorised {
        /// The operation.
        action: String,
        /// The registry's host, as the user names it.
        host: String,
        /// The URL of the token service, if it denied access.
        token_service: Option<String>,
        /// Where the credentials come from, if any were used.
        credential: Option<String>,
        /// The response.
        response: Box<ErrorResponse>,
    },
    /// The registry requires an authentication scheme other than Basic and Bearer.
    #[error("failed to {action}: the registry uses an authentication scheme that limg does not support")]
    UnsupportedChallenge {
        /// The operation.
        action: String,
    },
    /// Finding the user's credentials failed.
    #[error("failed to {action}")]
    Credentials {
        /// The operation.
        action: String,
        /// Why they were not found.
        #[source]
        source: CredentialError,
    },
    /// The connection failed.
    #[error("failed to {action}")]
    Network {
        /// The operation.
        action: String,
        /// How it failed.
        #[source]
        source: reqwest::Error,
    },
    /// The request made no progress for too long.
    #[error("failed to {action}: no progress for {} seconds", limit.as_secs())]
    Stalled {
        /// The operation.
        action: String,
        /// The time-out.
        limit: Duration,
    },
    /// All attempts together took too long.
    #[error("failed to {action} within {} seconds", limit.as_secs())]
    OutOfTime {
        /// The operation.
        action: String,
        /// How long it may take.
        limit: Duration,
    },
    /// The registry named a URL that limg does not follow.
    #[error("failed to {action}")]
    Redirect {
        /// The operation.
        action: String,
        /// Why limg does not follow it.
        #[source]
        source: RedirectError,
    },
    /// The registry sent invalid content.
    #[error("failed to {action}")]
    Content {
        /// The operation.
        action: String,
        /// What is wrong with the content.
        #[source]
        source: ContentError,
    },
    /// A blob on this machine does not match its digest.
    #[error("failed to {action}: the content of `{}` does not match its digest", path.display())]
    DamagedBlob {
        /// The operation.
        action: String,
        /// The blob's file.
        path: PathBuf,
    },
    /// A file call failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A blocking task that reads or writes a blob did not finish.
    #[error("the task that reads or writes a blob was interrupted")]
    Join(#[from] JoinError),
}

/// What is wrong with content that a registry sent.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// It has another digest than requested.
    #[error("the registry's content has the digest {found} instead of {expected}")]
    Digest {
        /// The requested digest.
        expected: String,
        /// The digest of the content.
        found: Digest,
    },
    /// It has another size than declared.
    #[error("the registry sent {found} bytes instead of {expected}")]
    Size {
        /// The declared size in bytes.
        expected: u64,
        /// The size of the response in bytes.
        found: u64,
    },
    /// It is larger than limg accepts.
    #[error("the registry sent more than {}", units::limit(*limit))]
    TooLarge {
        /// The largest accepted size in bytes.
        limit: u64,
    },
    /// It ended too early.
    #[error("the registry sent only {found} of {expected} bytes")]
    Truncated {
        /// The declared size in bytes.
        expected: u64,
        /// The received size in bytes.
        found: u64,
    },
    /// The response violates the protocol.
    #[error("the registry's response violates the OCI distribution specification: {0}")]
    Protocol(String),
    /// The manifest cannot be parsed.
    #[error("failed to parse the manifest: {0}")]
    Json(String),
    /// The document is something other than a manifest.
    #[error("the document is neither an image manifest nor an image index: {0}")]
    Manifest(String),
    /// The manifest has an obsolete format.
    #[error("the manifest has the obsolete format of Docker's schema 1, which limg does not support")]
    Schema1,
    /// A digest of an algorithm other than SHA-256.
    #[error("limg cannot verify the digest `{0}`: it supports SHA-256 only")]
    UnsupportedDigest(String),
    /// The index lists no image for the architecture.
    #[error(
        "the index has no image for linux/{}{}", wanted.oci_name(),
        if offered.is_empty() { String::new() } else { format!(", only for {offered}") }
    )]
    Platform {
        /// The required architecture.
        wanted: Architecture,
        /// The platforms that the index lists, with commas.
        offered: String,
    },
    /// The index leads to more other indexes than limg reads.
    #[error("the index leads to too many other indexes")]
    TooManyIndexes,
}

impl RegistryError {
    /// An error about content that a registry sent.
    pub(super) fn content(action: &str, source: ContentError) -> Self {
        Self::Content { action: action.to_owned(), source }
    }

    /// An error about a response that violates the protocol.
    pub(super) fn protocol(action: &str, why: impl Into<String>) -> Self {
        Self::content(action, ContentError::Protocol(why.into()))
    }

    /// The error that a response reports.
    pub(super) fn rejected(action: &str, response: ErrorResponse) -> Self {
        Self::Rejected { action: action.to_owned(), response: Box::new(response) }
    }

    /// An error about a URL that a registry named.
    pub(super) fn redirect(action: &str, source: RedirectError) -> Self {
        Self::Redirect { action: action.to_owned(), source }
    }

    /// The registry's first error code, such as `NAME_UNKNOWN` (OCI distribution specification, "Error Codes").
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.response()?.code()
    }

    /// The HTTP status of an error response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        Some(self.response()?.status)
    }

    /// Whether the repository, manifest or blob does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Rejected { response, .. } if response.status == 404)
    }

    /// Whether an index has images, but none for the architecture.
    #[must_use]
    pub fn is_other_platform(&self) -> bool {
        matches!(self, Self::Content { source: ContentError::Platform { .. }, .. })
    }

    /// Whether a tag cannot be changed because its repository has immutable tags.
    ///
    /// Amazon ECR answers `TAG_INVALID` with a message that calls the tag (or its repository) immutable, its API
    /// `ImageTagAlreadyExistsException`; other registries use other words and other statuses.
    #[must_use]
    pub fn is_immutable_tag(&self) -> bool {
        let (Self::Rejected { response, .. } | Self::Unauthorised { response, token_service: None, .. }) =
            self
        else {
            return false;
        };
        matches!(response.status, 400..=499)
            && (response.mentions("immutab") || response.mentions("imagetagalreadyexistsexception"))
    }

    /// Whether the registry does not let limg look whether it has something, which says nothing about a push: a token may
    /// only permit that, and Artifactory answers 403 to HEAD of a manifest that does not exist (facts 12.6).
    #[must_use]
    pub fn denies_look(&self) -> bool {
        self.status().is_some_and(|status| (400..500).contains(&status)) && !self.is_transient()
    }

    /// Whether the registry, or its token service, does not know who the user is.
    #[must_use]
    pub fn denies_credentials(&self) -> bool {
        matches!(self, Self::Unauthorised { token_service, response, .. } if token_service.is_some() || response.status == 401)
    }

    fn response(&self) -> Option<&ErrorResponse> {
        match self {
            Self::Rejected { response, .. } | Self::Unauthorised { response, .. } => Some(response),
            _ => None,
        }
    }
}

impl Failure for RegistryError {
    /// The user has to act if they named something that does not exist or cannot be used, so that another name would help.
    fn kind(&self) -> FailureKind {
        let is_unusable = |content: &ContentError| {
            matches!(
                content,
                ContentError::Platform { .. }
                    | ContentError::Manifest(_)
                    | ContentError::Schema1
                    | ContentError::UnsupportedDigest(_)
            )
        };
        let is_users = match self {
            Self::Tls(_) | Self::PlainHttpMirror { .. } | Self::InvalidHost(_) | Self::Offline { .. } => true,
            Self::Content { source, .. } => is_unusable(source),
            other => other.is_not_found() || other.is_immutable_tag(),
        };
        if is_users { FailureKind::User } else { FailureKind::Environment }
    }

    fn help(&self) -> Option<Help> {
        let text = match self {
            Self::Tls(_) | Self::NoCertificate => {
                "install the system's certificates (often the package `ca-certificates`), or name a file of certificates \
                 in PEM with SSL_CERT_FILE or `--ca-file`"
            }
            Self::PlainHttpMirror { .. } => {
                "use `https://` for the mirror, or mark its host as insecure in limg's configuration"
            }
            Self::Offline { .. } => "run `limg build` once, which fetches and pins it, or omit `--offline`",
            Self::InvalidHost(_) => {
                "name the registry by its host and, if needed, a port: `registry.example.com:5000`"
            }
            Self::Rejected { response, .. } => rejection_help(response, self.is_immutable_tag())?,
            Self::Unauthorised { host, credential: Some(source), .. } => {
                return Some(format!(
                    "renew the credentials from {source}, for example with `docker login {host}`, and check their \
                     permissions"
                ).into());
            }
            Self::Unauthorised { host, credential: None, .. } => {
                return Some(
                    format!(
                        "log in, for example with `docker login {host}`, and check the name of the repository"
                    )
                    .into(),
                );
            }
            Self::UnsupportedChallenge { .. } => {
                "ask the operator of the registry for Basic or Bearer authentication"
            }
            Self::Credentials { source, .. } => return source.help.clone(),
            Self::Network { source, .. } => network_error::help(source)?,
            Self::Stalled { .. } | Self::OutOfTime { .. } => "check the network and the registry",
            Self::Redirect { source, .. } => match source {
                RedirectError::Private(_) => PRIVATE_NETWORK_HELP,
                RedirectError::PlainHttp(_) => {
                    "ask the operator of the registry to redirect to HTTPS URLs only"
                }
                RedirectError::TooMany | RedirectError::Loop(_) | RedirectError::InvalidUrl => return None,
            },
            Self::Content { source, .. } => match source {
                ContentError::Digest { .. } | ContentError::Size { .. } => {
                    "check whether a proxy changes what the registry sends; if not, the registry's copy is damaged"
                }
                ContentError::Schema1 => "push the image to the registry again with a current tool",
                ContentError::UnsupportedDigest(_) => "name the image by a tag or by its SHA-256 digest",
                ContentError::Platform { .. } => {
                    return Some(Help::from("choose another image").or(Setting::OtherArchitecture));
                }
                _ => return None,
            },
            Self::DamagedBlob { path, .. } => {
                return Some(format!("remove `{}` and build again", path.display()).into());
            }
            Self::Fs(_) | Self::Join(_) => return None,
        };
        Some(text.into())
    }
}

fn rejection_help(response: &ErrorResponse, immutable_tag: bool) -> Option<&'static str> {
    Some(match response.status {
        _ if immutable_tag => {
            "push under another tag: this one exists, and its repository does not allow tags to change"
        }
        _ if response.code() == Some("NAME_UNKNOWN") => {
            "check the name of the repository; in some registries, Amazon ECR for one, it must be created before the first \
             push"
        }
        404 => "check the name and the tag or digest",
        429 => "retry later, or log in: the registry limits how often it is asked",
        413 => "check the size limit for uploads of the registry and of any proxy in front of it",
        _ => return None,
    })
}

impl Transient for RegistryError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Rejected { response, .. } | Self::Unauthorised { response, .. } => response.is_transient(),
            Self::Network { source, .. } => is_transient_network_error(source),
            Self::Stalled { .. } => true,
            Self::Content { source, .. } => matches!(source, ContentError::Truncated { .. }),
            _ => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        self.response()?.retry_after
    }

    fn reason(&self) -> String {
        match self {
            Self::Rejected { response, .. } | Self::Unauthorised { response, .. } => response.to_string(),
            Self::Stalled { limit, .. } => format!("no progress for {} seconds", limit.as_secs()),
            other => root_cause(other).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::super::sent_secrets::SentSecrets;
    use super::*;
    use crate::failure::help_text;

    fn response(status: u16, code: &str, message: &str) -> ErrorResponse {
        let body = serde_json::json!({ "errors": [{ "code": code, "message": message }] }).to_string();
        let (status, secrets) = (StatusCode::from_u16(status).unwrap(), SentSecrets::default());
        ErrorResponse::new(status, &HeaderMap::new(), body.as_bytes(), &secrets)
    }

    fn rejected(status: u16, code: &str, message: &str) -> RegistryError {
        RegistryError::rejected("write a of b", response(status, code, message))
    }

    #[test]
    fn an_immutable_tag_is_recognised_by_the_words_of_registries() {
        for (status, code, message) in [
            (
                400,
                "TAG_INVALID",
                "The image tag 'v1' already exists in the 'a' repository and cannot be overwritten \
              because the tag is immutable.",
            ),
            (400, "TAG_INVALID", "… cannot be overwritten because the repository is immutable."),
            (409, "ImageTagAlreadyExistsException", "exists"),
            (412, "PRECONDITION", "Failed to process request due to 'a:v1' configured as immutable."),
            (400, "DENIED", "The repository has enabled tag immutability"),
        ] {
            let error = rejected(status, code, message);
            assert!(error.is_immutable_tag(), "{error}");
            assert!(help_text(&error).contains("another tag"), "{error}");
        }
        for (status, code, message) in [
            (400, "TAG_INVALID", "the tag is too long"),
            (404, "NAME_UNKNOWN", "no"),
            (500, "UNKNOWN", "immutable"),
        ] {
            assert!(!rejected(status, code, message).is_immutable_tag(), "{code}");
        }
    }

    #[test]
    fn an_error_names_who_denied_access_and_the_credentials() {
        let unauthorised =
            |token_service: Option<&str>, credential: Option<&str>| RegistryError::Unauthorised {
                action: "read a of b".to_owned(),
                host: "r.example.com".to_owned(),
                token_service: token_service.map(str::to_owned),
                credential: credential.map(str::to_owned),
                response: response(401, "UNAUTHORIZED", "no").into(),
            };
        let error = unauthorised(None, None);
        assert_eq!(
            error.to_string(),
            "failed to read a of b without credentials: the registry answered 401 Unauthorized: UNAUTHORIZED: no"
        );
        assert!(help_text(&error).starts_with("log in, for example with `docker login r.example.com`"));
        let error = unauthorised(Some("https://auth.example.com/token"), Some("`config.json`"));
        assert_eq!(
            error.to_string(),
            "failed to read a of b with the credentials from `config.json`: the token service \
             https://auth.example.com/token answered 401 Unauthorized: UNAUTHORIZED: no"
        );
        assert!(help_text(&error).contains("renew the credentials"));
    }

    #[test]
    fn an_error_gives_the_code_and_status_of_the_response() {
        let error = rejected(404, "NAME_UNKNOWN", "no such repository");
        assert_eq!(
            (error.code(), error.status(), error.is_not_found()),
            (Some("NAME_UNKNOWN"), Some(404), true)
        );
        assert!(help_text(&error).contains("must be created"));
        let error = RegistryError::InvalidHost("a b".to_owned());
        assert_eq!((error.code(), error.status(), error.is_not_found()), (None, None, false));
    }
}
