//! AWS: the control plane of Amazon ECR, layer versions published in Lambda, and what definitions have in Amazon S3 and
//! Parameter Store.
//!
//! The registry protocol is in [`crate::registry`], for ECR too. This room does what only AWS's own APIs can: it
//! finds an account's registry, gets tokens for it, creates repositories, and downloads layer versions by ARN, objects and parameters. It
//! prints nothing, does not read the environment itself and stores no credentials: the SDK reads environment and
//! profiles by AWS's rules.

mod client;
mod credentials_error;
mod ecr;
mod ecr_credentials;
mod ecr_token;
mod error;
mod function_variables;
mod get_layer_version;
mod http_clients;
mod layer_versions;
mod parameter_store;
mod policies;
mod s3;
mod sdk_error;
mod signed_request;
mod unless_stalled;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

pub use client::{Aws, AwsOptions};
pub use credentials_error::AwsCredentialsError;
pub use ecr::EcrRegistry;
pub use ecr_credentials::EcrCredentials;
pub use ecr_token::EcrToken;
pub use error::AwsError;
pub use layer_versions::AwsLayerVersions;
pub use s3::{FetchedObject, S3Objects};
