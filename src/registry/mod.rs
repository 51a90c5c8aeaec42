//! Registries: images and blobs fetched and sent over the OCI distribution protocol, without a Docker daemon.
//!
//! This module knows nothing of Lambda, of functions or of which blobs belong together; it moves one document or one blob
//! at a time, well. Amazon ECR's ways are minded here (it answers 201 to PATCH, has no token service, mounts only where
//! an account allows it), its control plane is [`crate::aws`]'s.

mod credentials;
mod docker_config;

pub use credentials::{Chain, Credential, Credentials, CredentialsError, Identity, Secret};
pub use docker_config::{ConfigFiles, DockerConfig};
