//! Registries: images and blobs fetched and sent over the OCI distribution protocol, without a Docker daemon.
//!
//! This module knows nothing of Lambda, of functions or of which blobs belong together; it moves one document or one blob
//! at a time, well. Amazon ECR's ways are minded here (it answers 201 to PATCH, has no token service, mounts only where
//! an account allows it), its control plane is not.
//!
//! A [`Client`]'s request goes through these hands: `place` finds the registry that is asked, `admission` gets it let in
//! (`challenge`, `login`, `token`), `exchange` follows it to where it is sent on (`redirect`, `address`), `transport` sends
//! it; `pull`, `fetch` and `push` know what is asked, and `retry` when it is asked again.

mod address;
mod admission;
mod challenge;
mod client;
mod credentials;
mod docker_config;
mod error;
mod exchange;
#[cfg(test)]
pub(crate) mod fake;
mod feed;
mod fetch;
mod index;
mod login;
mod place;
mod pull;
mod pulse;
mod push;
mod redirect;
mod refusal;
mod retry;
mod settings;
#[cfg(test)]
mod tests;
mod token;
mod transfer;
mod transport;

pub use client::Client;
pub use credentials::{Chain, Credential, Credentials, CredentialsError, Identity, Secret};
pub use docker_config::{ConfigFiles, DockerConfig};
pub use error::{ContentError, RegistryError};
pub use pull::Manifest;
pub use push::{Mount, Session, Upload};
pub use redirect::RedirectError;
pub use refusal::{ErrorInfo, Refusal};
pub use settings::{Mirror, MirrorError, Settings};

// Downloads that are no registry's but go the same way.
#[cfg(feature = "aws")]
pub(crate) use {
    error::is_transient_network_error,
    fetch::BlobSink,
    retry::{Attempts, Backoff, Transient},
    transfer::Transfer,
};
