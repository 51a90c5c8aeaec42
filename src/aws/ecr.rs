//! The control plane of Amazon ECR: registries, authorization tokens and repositories.

use std::time::SystemTime;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::{Builder, Region};
use aws_sdk_ecr::error::BuildError;
use aws_sdk_ecr::operation::create_repository::CreateRepositoryError;
use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability, Tag,
};

use super::{Aws, AwsError, EcrToken, policies};
use crate::project::{EcrHost, EcrSettings, Encryption};
use crate::text::excerpt;

/// The private registry of one account in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcrRegistry {
    /// Its standard host, which is also the one for the URIs that Lambda accepts.
    pub host: String,
    /// The account ID, 12 digits.
    pub account: String,
    /// The region.
    pub region: String,
}

impl Aws {
    /// The registry of `account` in `region`. The default account is that of the credentials, for which ECR is asked;
    /// the default region is [`Self::region`].
    ///
    /// # Errors
    /// When there is no region or account, when either is malformed, or when ECR fails.
    pub async fn registry(
        &self,
        account: Option<&str>,
        region: Option<&str>,
    ) -> Result<EcrRegistry, AwsError> {
        let (region, _) = self.region_or(region).await?;
        let account = if let Some(account) = account {
            account.to_owned()
        } else {
            let host = self.ecr_token(&region).await?.host;
            let host =
                EcrHost::parse(&host).ok_or_else(|| AwsError::UnknownAccount { host: excerpt(&host) })?;
            host.account().to_owned()
        };
        // The region is valid, so only the account can be malformed.
        match EcrHost::standard(&account, &region) {
            Some(host) => Ok(EcrRegistry { host: host.to_string(), account, region }),
            None => Err(AwsError::InvalidAccount { account }),
        }
    }

    /// A token for the registries of a region, of every account that grants access. It is reused until shortly before
    /// it expires.
    ///
    /// # Errors
    /// When there are no credentials or ECR fails.
    pub async fn ecr_token(&self, region: &str) -> Result<EcrToken, AwsError> {
        // Locked during the request, so that concurrent callers share one token.
        let mut tokens = self.tokens().lock().await;
        let now = SystemTime::now();
        if let Some(token) = tokens.get(region).filter(|token| token.is_fresh(now)) {
            return Ok(token.clone());
        }
        let action = || format!("get a token for Amazon ECR in {region}");
        let response = self.ecr(region).await?.get_authorization_token().send().await;
        let response = response
            .map_err(|error| self.failed(action(), "ecr:GetAuthorizationToken on the resource `*`", error))?;
        let token = response.authorization_data().first().and_then(|data| EcrToken::decode(data, now));
        let token = token.ok_or_else(|| AwsError::UnexpectedResponse { action: action() })?;
        tokens.insert(region.to_owned(), token.clone());
        Ok(token)
    }

    /// Creates a repository unless it exists, and returns whether it is new. A new repository gets the settings, a
    /// policy that allows Lambda to pull from it, and a lifecycle policy if the settings limit the number of images. An
    /// existing one is left unchanged.
    ///
    /// # Errors
    /// When ECR refuses a request or fails. If the repository has been created by then, the error names what it lacks.
    pub async fn ensure_repository(
        &self,
        registry: &EcrRegistry,
        name: &str,
        settings: &EcrSettings,
    ) -> Result<bool, AwsError> {
        let client = self.ecr(&registry.region).await?;
        if !self.create_repository(&client, registry, name, settings).await? {
            return Ok(false);
        }
        let incomplete = |missing: &str, error: AwsError| AwsError::IncompleteRepository {
            repository: format!("{}/{name}", registry.host),
            missing: missing.to_owned(),
            source: Box::new(error),
        };
        self.set_policy(&client, registry, name, settings).await.map_err(|error| {
            let lifecycle = if settings.keep.is_some() { " and its lifecycle policy" } else { "" };
            incomplete(&format!("the policy that allows Lambda to pull from it{lifecycle}"), error)
        })?;
        if let Some(count) = settings.keep {
            let set = self.set_lifecycle_policy(&client, registry, name, count).await;
            set.map_err(|error| incomplete("its lifecycle policy", error))?;
        }
        Ok(true)
    }

    /// Whether the repository is new.
    async fn create_repository(
        &self,
        client: &Client,
        registry: &EcrRegistry,
        name: &str,
        settings: &EcrSettings,
    ) -> Result<bool, AwsError> {
        let action = || format!("create the repository `{name}` in {}", registry.host);
        let invalid = |error: BuildError| AwsError::Request { action: action(), source: Box::new(error) };
        let mutability =
            if settings.immutable_tags { ImageTagMutability::Immutable } else { ImageTagMutability::Mutable };
        let scanning = ImageScanningConfiguration::builder().scan_on_push(settings.scan_on_push).build();
        let mut request = client
            .create_repository()
            .registry_id(&registry.account)
            .repository_name(name)
            .image_tag_mutability(mutability)
            .image_scanning_configuration(scanning)
            .encryption_configuration(encryption(&settings.encryption).map_err(invalid)?);
        for (key, value) in &settings.tags {
            request = request.tags(Tag::builder().key(key).value(value).build().map_err(invalid)?);
        }
        let exists = CreateRepositoryError::is_repository_already_exists_exception;
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(exists) => Ok(false),
            Err(error) => {
                Err(self.failed(action(), "ecr:CreateRepository, and ecr:TagResource for tags", error))
            }
        }
    }

    async fn set_policy(
        &self,
        client: &Client,
        registry: &EcrRegistry,
        name: &str,
        settings: &EcrSettings,
    ) -> Result<(), AwsError> {
        let EcrRegistry { account, region, .. } = registry;
        let (_, partition) = self.region_or(Some(region)).await?;
        let policy = policies::repository_policy(partition, region, account, &settings.lambda_accounts);
        let request = client.set_repository_policy().registry_id(account).repository_name(name);
        let set = request.policy_text(policy).send().await;
        set.map(drop).map_err(|error| {
            self.failed(format!("set the policy of `{name}`"), "ecr:SetRepositoryPolicy", error)
        })
    }

    async fn set_lifecycle_policy(
        &self,
        client: &Client,
        registry: &EcrRegistry,
        name: &str,
        keep: u32,
    ) -> Result<(), AwsError> {
        let request = client.put_lifecycle_policy().registry_id(&registry.account).repository_name(name);
        let set = request.lifecycle_policy_text(policies::lifecycle_policy(keep)).send().await;
        set.map(drop).map_err(|error| {
            self.failed(format!("set the lifecycle policy of `{name}`"), "ecr:PutLifecyclePolicy", error)
        })
    }

    async fn ecr(&self, region: &str) -> Result<Client, AwsError> {
        let config = Builder::from(self.config().await?).region(Region::new(region.to_owned())).build();
        Ok(Client::from_conf(config))
    }
}

fn encryption(encryption: &Encryption) -> Result<EncryptionConfiguration, BuildError> {
    let builder = EncryptionConfiguration::builder();
    match encryption {
        Encryption::Aes256 => builder.encryption_type(EncryptionType::Aes256),
        Encryption::Kms { key } => builder.encryption_type(EncryptionType::Kms).set_kms_key(key.clone()),
    }
    .build()
}
