//! What can go wrong with a registry, and how to mend it.
//!
//! No error holds a secret: addresses come without their query, and what a registry says is made safe where it is read.

use std::path::PathBuf;
use std::time::Duration;

use tokio::task::JoinError;

use super::address::NoPublicAddress;
use super::credentials::CredentialsError;
use super::redirect::RedirectError;
use super::refusal::Refusal;
use super::retry::Transient;
use crate::fs::FsError;
use crate::project::Architecture;
use crate::store::Digest;
use crate::text::{causes, root_cause};

/// Something that a registry, or the way to it, did not do.
///
/// `doing` is what was being done, to what and where, such as `fetch sha256:… from registry.example.com/shop/orders`.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// TLS cannot be set up, such as with certificates that are none.
    #[error("failed to set up TLS with the certificates that are to be trusted")]
    Tls(#[source] reqwest::Error),
    /// The certificates to be trusted are none.
    #[error("there is no certificate in the certificates that are to be trusted")]
    NoCertificate,
    /// A mirror that is named in plain HTTP and must not be.
    #[error("the mirror `{mirror}` of `{host}` would be spoken to in plain HTTP")]
    PlainMirror {
        /// The host that it is the mirror of.
        host: String,
        /// The mirror.
        mirror: String,
    },
    /// A host that is none.
    #[error("`{0}` is no host of a registry")]
    Host(String),
    /// The registry says no.
    #[error("failed to {doing}: the registry answered {refusal}")]
    Refused {
        /// What was being done.
        doing: String,
        /// What it says.
        refusal: Box<Refusal>,
    },
    /// The registry, or its token service, does not believe or allow who is asking.
    #[error("failed to {doing}: {} {} {refusal}", asker(credential.as_deref()), refuser(realm.as_deref()))]
    Unauthorised {
        /// What was being done.
        doing: String,
        /// The registry's host, as the user names it.
        host: String,
        /// The address of the token service, if that refused.
        realm: Option<String>,
        /// Where the credentials were found, if there were any.
        credential: Option<String>,
        /// What was said.
        refusal: Box<Refusal>,
    },
    /// The registry wants something that limg cannot do.
    #[error("failed to {doing}: the registry wants to know who asks in a way that limg does not know")]
    Challenge {
        /// What was being done.
        doing: String,
    },
    /// The credentials cannot be had.
    #[error("failed to {doing}")]
    Credentials {
        /// What was being done.
        doing: String,
        /// Why they cannot.
        #[source]
        source: CredentialsError,
    },
    /// The request or its answer got lost.
    #[error("failed to {doing}")]
    Network {
        /// What was being done.
        doing: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// Nothing moved any more.
    #[error("failed to {doing}: nothing moved for {} seconds", waited.as_secs())]
    Idle {
        /// What was being done.
        doing: String,
        /// For how long.
        waited: Duration,
    },
    /// The registry sends limg where it does not go.
    #[error("failed to {doing}")]
    Redirect {
        /// What was being done.
        doing: String,
        /// Why it does not.
        #[source]
        source: RedirectError,
    },
    /// What the registry sent is not what it should be.
    #[error("failed to {doing}")]
    Content {
        /// What was being done.
        doing: String,
        /// What is wrong with it.
        #[source]
        source: ContentError,
    },
    /// A blob on this machine is not what it should be.
    #[error("failed to {doing}: `{}` has other bytes than its digest says", path.display())]
    Damaged {
        /// What was being done.
        doing: String,
        /// The file.
        path: PathBuf,
    },
    /// A file call failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Work beside the transfer broke off.
    #[error("the writing of a blob broke off")]
    Join(#[from] JoinError),
}

/// What is wrong with something that a registry sent.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// It has another digest than it should.
    #[error("the registry sent other bytes: their digest is {found}, not {expected}")]
    Digest {
        /// The digest that it should have.
        expected: String,
        /// The digest that it has.
        found: Digest,
    },
    /// It has another size than it should.
    #[error("the registry sent {found} bytes instead of {expected}")]
    Size {
        /// The size in bytes that it should have.
        expected: u64,
        /// The size in bytes that it has, or is said to have.
        found: u64,
    },
    /// It has more bytes than it should.
    #[error("the registry sent more than {limit} bytes")]
    TooLarge {
        /// How many are taken at most.
        limit: u64,
    },
    /// It ended too early.
    #[error("the registry sent only {found} of {expected} bytes")]
    Truncated {
        /// The size in bytes that it should have.
        expected: u64,
        /// The bytes that came.
        found: u64,
    },
    /// An answer breaks the protocol.
    #[error("the registry's answer is not what the OCI distribution specification wants: {0}")]
    Protocol(String),
    /// A document has the wrong form.
    #[error("the manifest cannot be read: {0}")]
    Json(String),
    /// A manifest that is none.
    #[error("this is no image manifest and no index of images: {0}")]
    Manifest(String),
    /// A manifest of a form that is no longer in use.
    #[error("this is a manifest of Docker's schema 1, which has no digests of its own")]
    Schema1,
    /// A version with a digest that is not checked.
    #[error("`{0}` is no digest that limg can check: it knows SHA-256 alone")]
    UnknownDigest(String),
    /// There is no image for the architecture.
    #[error(
        "there is no image for linux/{}{}", wanted.oci_name(),
        if offered.is_empty() { String::new() } else { format!(", only for {offered}") }
    )]
    Platform {
        /// The architecture.
        wanted: Architecture,
        /// The platforms that there are images for, with commas.
        offered: String,
    },
    /// An index leads to too many others.
    #[error("the index leads to more documents than any image has")]
    Endless,
}

impl RegistryError {
    /// The registry's first error code, such as `NAME_UNKNOWN` (OCI distribution specification, "Error Codes").
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.refusal()?.code()
    }

    /// The HTTP status of the answer, if there was one that says no.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        Some(self.refusal()?.status)
    }

    /// Whether there is no such repository, manifest or blob.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { refusal, .. } if refusal.status == 404)
    }

    /// Whether the user named what is not there or cannot be used, so that another name would do.
    #[must_use]
    pub fn is_users(&self) -> bool {
        let is_unusable = |content: &ContentError| {
            matches!(
                content,
                ContentError::Platform { .. }
                    | ContentError::Manifest(_)
                    | ContentError::Schema1
                    | ContentError::UnknownDigest(_)
            )
        };
        match self {
            Self::Tls(_) | Self::PlainMirror { .. } | Self::Host(_) => true,
            Self::Content { source, .. } => is_unusable(source),
            other => other.is_not_found() || other.is_immutable_tag(),
        }
    }

    /// Whether a tag cannot be changed because its repository does not let it.
    ///
    /// Amazon ECR answers `TAG_INVALID` and says that the tag (once: the repository) is immutable, its API
    /// `ImageTagAlreadyExistsException`; others say it in their own words and with other statuses.
    #[must_use]
    pub fn is_immutable_tag(&self) -> bool {
        let (Self::Refused { refusal, .. } | Self::Unauthorised { refusal, realm: None, .. }) = self else {
            return false;
        };
        matches!(refusal.status, 400..=499)
            && (refusal.says("immutab") || refusal.says("imagetagalreadyexistsexception"))
    }

    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, .. } | Self::Unauthorised { refusal, .. } => Some(refusal),
            _ => None,
        }
    }

    /// How to mend it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let text = match self {
            Self::Tls(_) | Self::NoCertificate => {
                "limg needs certificates to trust: install those of the system (often the package `ca-certificates`), or name a \
                 file of them in PEM with SSL_CERT_FILE or `--ca-file`"
            }
            Self::PlainMirror { .. } => {
                "give the mirror `https://`, or name its host as insecure in limg's configuration"
            }
            Self::Host(_) => {
                "a registry is named by its host and, if need be, a port: `registry.example.com:5000`"
            }
            Self::Refused { refusal, .. } => return refused_help(refusal, self.is_immutable_tag()),
            Self::Unauthorised { host, credential, .. } => {
                return Some(login_help(host, credential.as_deref()));
            }
            Self::Challenge { .. } => {
                "limg knows the schemes Basic and Bearer; ask who runs the registry for one of them"
            }
            Self::Credentials { source, .. } => return source.help.clone(),
            Self::Network { source, .. } => return network_help(source),
            Self::Idle { .. } => "check the network, and whether the registry works",
            Self::Redirect { source, .. } => match source {
                RedirectError::Private(_) => {
                    "limg does not follow the internet into a private network; if this is your own network, use a mirror \
                     in it"
                }
                RedirectError::Plain(_) => "ask who runs the registry to send its clients to HTTPS addresses",
                RedirectError::TooMany | RedirectError::Loop(_) | RedirectError::NoAddress => return None,
            },
            Self::Content { source, .. } => match source {
                ContentError::Digest { .. } | ContentError::Size { .. } => {
                    "something on the way changes what the registry sends, or the registry's copy is damaged"
                }
                ContentError::Schema1 => "push the image to the registry again with a current tool",
                ContentError::UnknownDigest(_) => "name the image by a tag or by its SHA-256 digest",
                ContentError::Platform { .. } => "choose another base, or set the function's `architecture`",
                _ => return None,
            },
            Self::Damaged { path, .. } => {
                return Some(format!("remove `{}` and build again", path.display()));
            }
            Self::Fs(_) | Self::Join(_) => return None,
        };
        Some(text.to_owned())
    }
}

fn refused_help(refusal: &Refusal, immutable: bool) -> Option<String> {
    let text = if immutable {
        "the tag exists and its repository does not let it be changed: push under another tag"
    } else if refusal.code() == Some("NAME_UNKNOWN") {
        "check the name of the repository; on some registries, such as Amazon ECR, it must be created before the first push"
    } else {
        match refusal.status {
            404 => "check the name and the tag or digest",
            429 => "the registry lets nobody ask so often: wait a little, or log in",
            413 => "the registry, or a proxy before it, does not take anything so large",
            _ => return None,
        }
    };
    Some(text.to_owned())
}

fn login_help(host: &str, credential: Option<&str>) -> String {
    match credential {
        Some(place) => {
            format!(
                "the credentials come from {place}: renew them, such as with `docker login {host}`, and check their rights"
            )
        }
        None => format!("log in, such as with `docker login {host}`, and check the name of the repository"),
    }
}

fn network_help(error: &reqwest::Error) -> Option<String> {
    let text = if causes(error).any(|cause| cause.downcast_ref::<NoPublicAddress>().is_some()) {
        "limg does not follow the internet into a private network; if this is your own network, use a mirror in it"
    } else if says(error, "CaUsedAsEndEntity") {
        "the registry shows the certificate of an authority as its own: give it one that is made with \
         `basicConstraints=CA:FALSE`"
    } else if is_about_certificates(error) {
        "name a file with the certificate of who signed the registry's with `--ca-file` or SSL_CERT_FILE"
    } else if is_not_tls(error) {
        "the registry does not speak TLS there: check host and port; plain HTTP is for hosts that limg's configuration \
         names as insecure"
    } else if error.is_connect() {
        "check the registry's name, the network, and HTTPS_PROXY if there is a proxy"
    } else {
        return None;
    };
    Some(text.to_owned())
}

/// Whether the other side answered something else than TLS.
fn is_not_tls(error: &reqwest::Error) -> bool {
    says(error, "corrupt message")
}

/// Whether the other side's certificate is the reason.
pub(super) fn is_about_certificates(error: &reqwest::Error) -> bool {
    says(error, "certificate")
}

/// What TLS says is only known as text here.
fn says(error: &reqwest::Error, text: &str) -> bool {
    causes(error).any(|cause| cause.to_string().contains(text))
}

impl Transient for RegistryError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Refused { refusal, .. } | Self::Unauthorised { refusal, .. } => refusal.passes(),
            Self::Network { source, .. } => is_transient_network_error(source),
            Self::Idle { .. } => true,
            Self::Content { source, .. } => matches!(source, ContentError::Truncated { .. }),
            _ => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        self.refusal()?.retry_after
    }

    fn reason(&self) -> String {
        match self {
            Self::Refused { refusal, .. } | Self::Unauthorised { refusal, .. } => refusal.to_string(),
            Self::Idle { waited, .. } => format!("nothing moved for {} seconds", waited.as_secs()),
            other => root_cause(other).to_string(),
        }
    }
}

/// Whether the same may succeed a little later: whatever breaks a connection, but not what would break each.
pub(crate) fn is_transient_network_error(error: &reqwest::Error) -> bool {
    // A name that does not exist is most likely misspelt. One that could not be looked up is told in other words.
    let is_unknown = error.is_dns() && !says(error, "emporary");
    !(error.is_builder() || is_unknown || is_about_certificates(error) || is_not_tls(error))
}

fn asker(credential: Option<&str>) -> String {
    credential.map_or("without credentials".to_owned(), |place| format!("with the credentials from {place}"))
}

fn refuser(realm: Option<&str>) -> String {
    realm.map_or("the registry answered".to_owned(), |realm| format!("its token service {realm} answered"))
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::*;

    fn refusal(status: u16, code: &str, message: &str) -> Refusal {
        let body = serde_json::json!({ "errors": [{ "code": code, "message": message }] }).to_string();
        Refusal::new(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes())
    }

    fn refused(status: u16, code: &str, message: &str) -> RegistryError {
        RegistryError::Refused {
            doing: "write a of b".to_owned(),
            refusal: refusal(status, code, message).into(),
        }
    }

    #[test]
    fn a_tag_that_cannot_be_changed_is_known_by_what_registries_say() {
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
            let error = refused(status, code, message);
            assert!(error.is_immutable_tag(), "{error}");
            assert!(error.help().unwrap().contains("another tag"), "{error}");
        }
        for (status, code, message) in [
            (400, "TAG_INVALID", "the tag is too long"),
            (404, "NAME_UNKNOWN", "no"),
            (500, "UNKNOWN", "immutable"),
        ] {
            assert!(!refused(status, code, message).is_immutable_tag(), "{code}");
        }
    }

    #[test]
    fn an_error_tells_who_refused_whom() {
        let unauthorised = |realm: Option<&str>, credential: Option<&str>| RegistryError::Unauthorised {
            doing: "read a of b".to_owned(),
            host: "r.example.com".to_owned(),
            realm: realm.map(str::to_owned),
            credential: credential.map(str::to_owned),
            refusal: refusal(401, "UNAUTHORIZED", "no").into(),
        };
        let error = unauthorised(None, None);
        assert_eq!(
            error.to_string(),
            "failed to read a of b: without credentials the registry answered 401 Unauthorized: UNAUTHORIZED: no"
        );
        assert!(error.help().unwrap().starts_with("log in, such as with `docker login r.example.com`"));
        let error = unauthorised(Some("https://auth.example.com/token"), Some("`config.json`"));
        assert_eq!(
            error.to_string(),
            "failed to read a of b: with the credentials from `config.json` its token service \
             https://auth.example.com/token answered 401 Unauthorized: UNAUTHORIZED: no"
        );
        assert!(error.help().unwrap().contains("renew them"));
    }

    #[test]
    fn what_the_registry_says_can_be_asked_for() {
        let error = refused(404, "NAME_UNKNOWN", "no such repository");
        assert_eq!(
            (error.code(), error.status(), error.is_not_found()),
            (Some("NAME_UNKNOWN"), Some(404), true)
        );
        assert!(error.help().unwrap().contains("must be created"));
        let error = RegistryError::Host("a b".to_owned());
        assert_eq!((error.code(), error.status(), error.is_not_found()), (None, None, false));
    }
}
