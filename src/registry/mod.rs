//! Registries: images and blobs transferred over the OCI distribution protocol, without a Docker daemon.
//!
//! This module moves one manifest or one blob at a time. It does not know Lambda, functions, or which blobs belong together.
//! It handles the peculiarities of Amazon ECR (201 in answer to PATCH, no token service, mounts only where an account
//! permits them), but not its control plane.
//!
//! A request passes these files, from an operation of a [`Client`] to the socket:
//!
//! ```text
//! manifests, blobs, blob_download, blob_upload   one operation; `retry` repeats it
//! unfinished_upload  one operation, which nothing repeats
//! client             sends a request, accepts expected statuses only; `endpoint` finds the registry
//! auth               authenticates: `challenge`, `cache` of credential and tokens, `token_service`
//! follow_redirects   follows redirects by `redirect_rules` and `public_hosts`
//! transport          one HTTP request; `stall_timeout` and `upload_body`
//! ```

mod auth;
mod blob_download;
mod blob_upload;
mod blobs;
mod client;
mod content_digest;
mod credentials;
mod docker_config;
mod endpoint;
mod error;
mod error_response;
#[cfg(test)]
pub(crate) mod fake;
mod follow_redirects;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod http_date;
mod index;
mod manifests;
mod network_error;
mod proxies;
mod public_hosts;
mod redirect_rules;
mod request;
mod retry;
mod sent_secrets;
mod settings;
mod stall_timeout;
#[cfg(test)]
mod tests;
mod transport;
mod unfinished_upload;
mod upload_body;
mod url;

pub use blob_upload::{MountOutcome, UploadContent, UploadSession};
pub use client::Client;
pub use credentials::{
    Credential, CredentialChain, CredentialError, CredentialProvider, FoundCredential, Identity, Secret,
};
pub use docker_config::{DockerConfig, DockerConfigPaths};
pub use error::{ContentError, RegistryError};
pub use error_response::{ErrorInfo, ErrorResponse};
pub use manifests::Manifest;
pub use proxies::Proxies;
pub use redirect_rules::RedirectError;
pub use settings::{ClientSettings, Mirror, MirrorError};
pub use unfinished_upload::UnfinishedUpload;

// For downloads from other services, which retry and report in the same way.
#[cfg(feature = "aws")]
pub(crate) use {
    blob_download::BlobSink,
    network_error::is_transient_network_error,
    retry::{Attempts, Backoff, Transient},
};
