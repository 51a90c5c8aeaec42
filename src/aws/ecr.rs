//! The control plane of Amazon ECR: whose registry it is, tokens for it, and repositories.

use std::time::{Duration, SystemTime};

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::{Builder, Region};
use aws_sdk_ecr::error::BuildError;
use aws_sdk_ecr::operation::create_repository::CreateRepositoryError;
use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability, Tag,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Aws, AwsError, EcrHost, policy};
use crate::project::{EcrSettings, Encryption, is_account};
use crate::registry::Secret;
use crate::text::excerpt;

/// How long before its end a token is asked for anew: a push may take as long.
const MARGIN: Duration = Duration::from_mins(30);

/// How long a token lasts (ECR user guide, Private registry authentication).
const LIFETIME: Duration = Duration::from_hours(12);

/// The private registry of one account in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcrRegistry {
    /// Its standard host, which is also the one for the URIs that Lambda takes.
    pub host: String,
    /// The account's 12 digits.
    pub account: String,
    /// The region.
    pub region: String,
}

/// What a registry is told to let limg in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The user's name: `AWS`.
    pub user: String,
    /// The token.
    pub password: Secret,
    /// When the token ends.
    pub expires: SystemTime,
    /// The host of the registry of the account that asked; the token is good for others too.
    pub endpoint: String,
}

/// How a repository came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// It was made.
    Created,
    /// It was there, and keeps the settings that it has.
    AlreadyThere,
}

impl Aws {
    /// The registry of `account` in `region`. Without an account it is the one of limg's own credentials, which ECR is
    /// asked for; without a region it is that of [`Self::region`].
    ///
    /// # Errors
    /// When there is no region or account, when they cannot be, or when ECR does not answer.
    pub async fn registry(
        &self,
        account: Option<&str>,
        region: Option<&str>,
    ) -> Result<EcrRegistry, AwsError> {
        let (region, _) = self.region_or(region).await?;
        let account = match account {
            Some(account) if is_account(account) => account.to_owned(),
            Some(account) => return Err(AwsError::Account { account: account.to_owned() }),
            None => {
                let endpoint = self.authorization(&region).await?.endpoint;
                let host = EcrHost::parse(&endpoint);
                let host = host.ok_or_else(|| AwsError::NoAccount { endpoint: excerpt(&endpoint) })?;
                host.account().to_owned()
            }
        };
        // Both have been looked at, so that this cannot fail.
        let host = EcrHost::standard(&account, &region);
        let host = host.ok_or_else(|| AwsError::Account { account: account.clone() })?.to_string();
        Ok(EcrRegistry { host, account, region })
    }

    /// A token for the registries of a region, of every account that lets limg in. It is kept until shortly before its end.
    ///
    /// # Errors
    /// When there are no credentials or ECR does not answer.
    pub async fn authorization(&self, region: &str) -> Result<Authorization, AwsError> {
        // Held during the request, so that many who need a token at once ask for one.
        let mut tokens = self.tokens().lock().await;
        let now = SystemTime::now();
        let good = |token: &&Authorization| token.expires > now + MARGIN;
        if let Some(token) = tokens.get(region).filter(good) {
            return Ok(token.clone());
        }
        let doing = || format!("get a token for Amazon ECR in {region}");
        let answer = self.ecr(region).await?.get_authorization_token().send().await;
        let answer = answer
            .map_err(|error| self.failed(doing(), "ecr:GetAuthorizationToken on the resource `*`", error))?;
        let token = answer.authorization_data().first().and_then(|data| decode(data, now));
        let token = token.ok_or_else(|| AwsError::Answer { doing: doing() })?;
        tokens.insert(region.to_owned(), token.clone());
        Ok(token)
    }

    /// Makes a repository unless it is there. A new one gets the settings, a policy that lets Lambda pull from it, and a
    /// lifecycle policy if images are to be removed; one that is there is left as it is.
    ///
    /// # Errors
    /// When ECR refuses something or does not answer. If that happens after the repository was made, the error says what
    /// it lacks.
    pub async fn ensure_repository(
        &self,
        registry: &EcrRegistry,
        name: &str,
        settings: &EcrSettings,
    ) -> Result<Ensured, AwsError> {
        let client = self.ecr(&registry.region).await?;
        if self.create(&client, registry, name, settings).await? == Ensured::AlreadyThere {
            return Ok(Ensured::AlreadyThere);
        }
        let half_made = |lacks: &str, error: AwsError| AwsError::HalfMade {
            repository: format!("{}/{name}", registry.host),
            lacks: lacks.to_owned(),
            source: Box::new(error),
        };
        let set = self.set_policy(&client, registry, name, settings).await;
        set.map_err(|error| {
            let lifecycle = if settings.keep.is_some() { " and its lifecycle policy" } else { "" };
            half_made(&format!("the policy that lets Lambda pull from it{lifecycle}"), error)
        })?;
        if let Some(count) = settings.keep {
            let set = self.set_lifecycle(&client, registry, name, count).await;
            set.map_err(|error| half_made("its lifecycle policy", error))?;
        }
        Ok(Ensured::Created)
    }

    async fn create(
        &self,
        client: &Client,
        registry: &EcrRegistry,
        name: &str,
        settings: &EcrSettings,
    ) -> Result<Ensured, AwsError> {
        let doing = || format!("create the repository `{name}` in {}", registry.host);
        let impossible = |error: BuildError| AwsError::Call { doing: doing(), source: Box::new(error) };
        let mutability =
            if settings.immutable_tags { ImageTagMutability::Immutable } else { ImageTagMutability::Mutable };
        let scanning = ImageScanningConfiguration::builder().scan_on_push(settings.scan_on_push).build();
        let mut request = client
            .create_repository()
            .registry_id(&registry.account)
            .repository_name(name)
            .image_tag_mutability(mutability)
            .image_scanning_configuration(scanning)
            .encryption_configuration(encryption(&settings.encryption).map_err(impossible)?);
        for (key, value) in &settings.tags {
            request = request.tags(Tag::builder().key(key).value(value).build().map_err(impossible)?);
        }
        match request.send().await {
            Ok(_) => Ok(Ensured::Created),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(CreateRepositoryError::is_repository_already_exists_exception) =>
            {
                Ok(Ensured::AlreadyThere)
            }
            Err(error) => {
                Err(self.failed(doing(), "ecr:CreateRepository, and ecr:TagResource for tags", error))
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
        let policy = policy::repository_policy(partition, region, account, &settings.lambda_accounts);
        let request = client.set_repository_policy().registry_id(account).repository_name(name);
        let set = request.policy_text(policy).send().await;
        set.map(drop).map_err(|error| {
            self.failed(format!("set the policy of `{name}`"), "ecr:SetRepositoryPolicy", error)
        })
    }

    async fn set_lifecycle(
        &self,
        client: &Client,
        registry: &EcrRegistry,
        name: &str,
        keep: u32,
    ) -> Result<(), AwsError> {
        let request = client.put_lifecycle_policy().registry_id(&registry.account).repository_name(name);
        let set = request.lifecycle_policy_text(policy::lifecycle_policy(keep)).send().await;
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

/// Reads what ECR gives: base64 of `AWS:TOKEN`, and the registry's URL (ECR API reference, `AuthorizationData`).
fn decode(data: &aws_sdk_ecr::types::AuthorizationData, now: SystemTime) -> Option<Authorization> {
    let text = String::from_utf8(STANDARD.decode(data.authorization_token()?).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    let endpoint = data.proxy_endpoint()?;
    let endpoint = endpoint.split_once("://").map_or(endpoint, |(_, host)| host).trim_end_matches('/');
    let expires = data.expires_at().and_then(|expires| SystemTime::try_from(*expires).ok());
    // An end that is over already is that of a clock that is wrong.
    let expires = expires.filter(|expires| *expires > now);
    Some(Authorization {
        user: user.to_owned(),
        password: Secret::new(password),
        expires: expires.unwrap_or(now + LIFETIME),
        endpoint: endpoint.to_owned(),
    })
}
