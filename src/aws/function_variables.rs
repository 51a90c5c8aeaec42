//! The variables by which a function finds its credentials in Lambda.

use std::collections::BTreeMap;

use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;

use super::{Aws, AwsError};

impl Aws {
    /// Credentials and region of the user's identity under the names that Lambda gives those of a role. Resolves roles
    /// and sessions of IAM Identity Center.
    ///
    /// # Errors
    /// When no source provides credentials.
    pub async fn function_variables(&self) -> Result<BTreeMap<String, String>, AwsError> {
        let failed = |error: CredentialsError| {
            self.no_credentials("get credentials for the function".to_owned(), &error)
        };
        let provider = self.config().await?.credentials_provider();
        let provider = provider.ok_or_else(|| failed(CredentialsError::not_loaded_no_source()))?;
        let credentials = provider.provide_credentials().await.map_err(failed)?;
        let region = self.region().await?;
        let variables = [
            ("AWS_ACCESS_KEY_ID", Some(credentials.access_key_id().to_owned())),
            ("AWS_SECRET_ACCESS_KEY", Some(credentials.secret_access_key().to_owned())),
            ("AWS_SESSION_TOKEN", credentials.session_token().map(str::to_owned)),
            ("AWS_REGION", region),
        ];
        let set = variables.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Ok(set.collect())
    }
}
