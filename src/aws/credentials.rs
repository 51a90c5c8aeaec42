//! Credentials for Amazon ECR's registries, from AWS's own chain of credentials.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::{Aws, AwsError, EcrHost};
use crate::registry::{Credential, CredentialError, CredentialProvider, Identity};

/// Lets limg into private registries of ECR as whoever it is to AWS. It knows no other host: to Amazon ECR Public one comes
/// anonymously.
#[derive(Debug, Clone)]
pub struct EcrCredentials {
    aws: Aws,
}

impl EcrCredentials {
    /// Takes the identity. Nothing is asked before a host of ECR comes up.
    #[must_use]
    pub fn new(aws: Aws) -> Self {
        Self { aws }
    }

    async fn of(&self, host: &EcrHost) -> Result<Credential, AwsError> {
        let token = self.aws.authorization(host.region()).await?;
        Ok(Credential {
            identity: Identity::Password { user: token.user, password: token.password },
            source: format!("Amazon ECR in {}", host.region()),
            expires: Some(token.expires),
        })
    }
}

impl CredentialProvider for EcrCredentials {
    fn find<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Option<Credential>, CredentialError>> {
        async move {
            let Some(ecr) = EcrHost::parse(host) else { return Ok(None) };
            self.of(&ecr).await.map(Some).map_err(|error| CredentialError {
                host: host.to_owned(),
                help: error.help(),
                source: Box::new(error),
            })
        }
        .boxed()
    }
}
