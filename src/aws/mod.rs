//! AWS: the control plane of Amazon ECR, and the layer versions that Lambda keeps.
//!
//! What a registry's own protocol can do is [`crate::registry`]'s, ECR's included; here is what only AWS's APIs can: which
//! registry is whose, tokens for it, repositories with their settings, and layers by their ARN. Nothing here prints, reads
//! the environment itself, or keeps a credential: the SDK reads the environment and profiles by AWS's usual rules.

mod credentials;
mod ecr;
mod error;
mod fault;
mod host;
mod http;
mod lambda;
mod layer;
mod policy;
mod session;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

pub use credentials::EcrCredentials;
pub use ecr::{Authorization, EcrRegistry, Ensured};
pub use error::AwsError;
pub use fault::CredentialsFault;
pub use host::EcrHost;
pub use lambda::LayerVersion;
pub use layer::{FetchedLayer, fetch_layer};
pub use session::{Aws, AwsOptions};
