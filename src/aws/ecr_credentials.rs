//! Credentials for Amazon ECR's private registries, from AWS's credential chain.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::{Aws, AwsError};
use crate::failure::Failure as _;
use crate::project::{EcrHost, Repository};
use crate::registry::{Credential, CredentialError, CredentialProvider, FoundCredential, Identity};

/// Authenticates at private ECR registries with the user's AWS identity. For every other host, also for ECR Public,
/// it has no credentials.
#[derive(Debug, Clone)]
pub struct EcrCredentials {
    aws: Aws,
}

impl EcrCredentials {
    /// Sends no request before the first ECR host.
    #[must_use]
    pub fn new(aws: Aws) -> Self {
        Self { aws }
    }

    async fn credential(&self, host: &EcrHost) -> Result<Credential, AwsError> {
        let token = self.aws.ecr_token(host.region()).await?;
        Ok(Credential {
            identity: Identity::Password { user: token.user, password: token.password },
            source: format!("Amazon ECR in {}", host.region()),
            expires: Some(token.expires),
        })
    }
}

impl CredentialProvider for EcrCredentials {
    fn find<'a>(
        &'a self,
        repository: &'a Repository,
    ) -> BoxFuture<'a, Result<FoundCredential, CredentialError>> {
        async move {
            let credential = match EcrHost::parse(&repository.host) {
                None => None,
                Some(ecr) => Some(self.credential(&ecr).await.map_err(|error| CredentialError {
                    host: repository.host.clone(),
                    help: error.help(),
                    source: Box::new(error),
                })?),
            };
            Ok(FoundCredential { credential, for_registry: true })
        }
        .boxed()
    }
}
