//! Who limg is to AWS, and from where: the SDK's configuration, loaded once and only when something needs it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::sync::{Mutex, OnceCell};

use super::http::Http;
use super::{Authorization, AwsError};
use crate::project::{LayerVersionArn, Partition};
use crate::registry::Backoff;

/// What the command line says about AWS. The SDK itself reads AWS's variables, configuration and credential files.
#[derive(Debug, Clone, Default)]
pub struct AwsOptions {
    /// The profile, ahead of every other source of credentials, as AWS's own command line has it.
    pub profile: Option<String>,
    /// The region, ahead of `AWS_REGION` and the profile's.
    pub region: Option<String>,
    /// Further certificates to trust, in PEM.
    pub certificates: Option<Vec<u8>>,
}

/// An identity at AWS. Clones share what they have loaded and the tokens that they were given.
#[derive(Clone)]
pub struct Aws {
    inner: Arc<Inner>,
}

struct Inner {
    options: AwsOptions,
    /// A configuration that the caller has made.
    given: Option<SdkConfig>,
    loaded: OnceCell<Loaded>,
    tokens: Mutex<BTreeMap<String, Authorization>>,
    credentials: Mutex<Option<Credentials>>,
    /// What is held while a layer version is fetched, by its ARN.
    fetching: Mutex<BTreeMap<LayerVersionArn, Arc<Mutex<()>>>>,
    backoff: Backoff,
}

struct Loaded {
    http: Http,
    config: SdkConfig,
}

impl Aws {
    /// An identity by AWS's usual rules. Nothing is read or asked yet.
    #[must_use]
    pub fn new(options: AwsOptions) -> Self {
        Self::make(options, None)
    }

    /// An identity by a configuration of the caller's. Its HTTP client is replaced by limg's.
    #[must_use]
    pub fn with_config(options: AwsOptions, config: SdkConfig) -> Self {
        Self::make(options, Some(config))
    }

    fn make(options: AwsOptions, given: Option<SdkConfig>) -> Self {
        Self {
            inner: Arc::new(Inner {
                options,
                given,
                loaded: OnceCell::new(),
                tokens: Mutex::default(),
                credentials: Mutex::default(),
                fetching: Mutex::default(),
                backoff: Backoff::default(),
            }),
        }
    }

    /// The region that requests go to unless something names another: of the command line, else of `AWS_REGION`,
    /// `AWS_DEFAULT_REGION`, the profile or the machine that limg runs on.
    ///
    /// # Errors
    /// When the certificates cannot be read.
    pub async fn region(&self) -> Result<Option<String>, AwsError> {
        if let Some(region) = &self.inner.options.region {
            return Ok(Some(region.clone()));
        }
        Ok(self.config().await?.region().map(ToString::to_string))
    }

    /// The region of a request: `wanted`, else the one of [`Self::region`]; and its partition.
    pub(super) async fn region_or(&self, wanted: Option<&str>) -> Result<(String, Partition), AwsError> {
        let region = match wanted {
            Some(region) => region.to_owned(),
            None => self.region().await?.ok_or(AwsError::NoRegion)?,
        };
        match Partition::of_region(&region) {
            Some(partition) => Ok((region, partition)),
            None => Err(AwsError::Region { region }),
        }
    }

    /// The SDK's configuration, with limg's HTTP client.
    pub(super) async fn config(&self) -> Result<&SdkConfig, AwsError> {
        Ok(&self.loaded().await?.config)
    }

    /// The HTTP clients, for calls without the SDK.
    pub(super) async fn http(&self) -> Result<&Http, AwsError> {
        Ok(&self.loaded().await?.http)
    }

    pub(super) fn options(&self) -> &AwsOptions {
        &self.inner.options
    }

    /// The tokens for registries by region.
    pub(super) fn tokens(&self) -> &Mutex<BTreeMap<String, Authorization>> {
        &self.inner.tokens
    }

    /// The credentials of the last call without the SDK, which keeps its own.
    pub(super) fn credentials(&self) -> &Mutex<Option<Credentials>> {
        &self.inner.credentials
    }

    /// What is to be held while a layer version is fetched, so that those who need it at once fetch it once.
    pub(super) async fn fetching(&self, arn: &LayerVersionArn) -> Arc<Mutex<()>> {
        Arc::clone(self.inner.fetching.lock().await.entry(arn.clone()).or_default())
    }

    /// How calls without the SDK are tried again.
    pub(super) fn backoff(&self) -> Backoff {
        self.inner.backoff
    }

    /// The same identity, which hardly waits before it tries again.
    #[cfg(test)]
    pub(super) fn hasty(self) -> Self {
        let mut inner = Arc::into_inner(self.inner).unwrap();
        inner.backoff.base = std::time::Duration::from_millis(1);
        Self { inner: Arc::new(inner) }
    }

    async fn loaded(&self) -> Result<&Loaded, AwsError> {
        self.inner.loaded.get_or_try_init(|| self.load()).await
    }

    async fn load(&self) -> Result<Loaded, AwsError> {
        let Inner { options, given, .. } = &*self.inner;
        let http = Http::new(options.certificates.as_deref())?;
        if let Some(config) = given {
            let config = config.to_builder().http_client(http.clone()).build();
            return Ok(Loaded { http, config });
        }
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http.clone());
        if let Some(region) = &options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let Some(profile) = &options.profile else {
            return Ok(Loaded { config: loader.load().await, http });
        };
        let config = loader.profile_name(profile).load().await;
        // The SDK's chain asks the environment first, even where a profile is named.
        let of_profile = ProviderConfig::without_region()
            .with_http_client(http.clone())
            .with_region(config.region().cloned());
        let credentials =
            ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&of_profile).build();
        let credentials = SharedCredentialsProvider::new(credentials);
        Ok(Loaded { config: config.to_builder().credentials_provider(credentials).build(), http })
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("options", &self.inner.options).finish_non_exhaustive()
    }
}
