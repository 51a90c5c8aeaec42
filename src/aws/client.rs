//! [`Aws`]: the SDK's configuration, loaded once when something first needs it, and what requests share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::sync::{Mutex, OnceCell};

use super::http_clients::HttpClients;
use super::{AwsError, EcrToken};
use crate::project::{LayerVersionArn, Partition};
use crate::registry::{Backoff, Proxies};

/// What the command line sets about AWS. The SDK itself reads AWS's variables, configuration and credential files.
#[derive(Debug, Clone, Default)]
pub struct AwsOptions {
    /// The profile. It comes before every other source of credentials, as in the AWS CLI.
    pub profile: Option<String>,
    /// The region. It comes before `AWS_REGION` and that of the profile.
    pub region: Option<String>,
    /// Additional CA certificates, in PEM.
    pub certificates: Option<Vec<u8>>,
    /// The proxies of the environment.
    pub proxies: Proxies,
}

/// A client of AWS with the user's identity. Clones share configuration, tokens and credentials.
#[derive(Clone)]
pub struct Aws {
    inner: Arc<Inner>,
}

struct Inner {
    options: AwsOptions,
    /// The caller's own configuration, instead of the one that AWS's rules give.
    given: Option<SdkConfig>,
    loaded: OnceCell<LoadedConfig>,
    tokens: Mutex<BTreeMap<String, EcrToken>>,
    credentials: Mutex<Option<Credentials>>,
    /// A lock for each layer version that is being fetched.
    fetching: Mutex<BTreeMap<LayerVersionArn, Arc<Mutex<()>>>>,
    backoff: Backoff,
}

struct LoadedConfig {
    http: HttpClients,
    config: SdkConfig,
}

impl Aws {
    /// A client with the identity that AWS's usual rules give. Reads nothing and sends nothing yet.
    #[must_use]
    pub fn new(options: AwsOptions) -> Self {
        Self::make(options, None)
    }

    /// A client with the caller's configuration, except for the HTTP client, which is limg's.
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

    /// The default region of requests: from the command line, else from `AWS_REGION`, `AWS_DEFAULT_REGION`, the
    /// profile or the machine that limg runs on.
    ///
    /// # Errors
    /// When the certificates cannot be read.
    pub async fn region(&self) -> Result<Option<String>, AwsError> {
        if let Some(region) = &self.inner.options.region {
            return Ok(Some(region.clone()));
        }
        Ok(self.config().await?.region().map(ToString::to_string))
    }

    /// The region of a request, `wanted` or else that of [`Self::region`], and its partition.
    pub(super) async fn region_or(&self, wanted: Option<&str>) -> Result<(String, Partition), AwsError> {
        let region = match wanted {
            Some(region) => region.to_owned(),
            None => self.region().await?.ok_or(AwsError::NoRegion)?,
        };
        match Partition::of_region(&region) {
            Some(partition) => Ok((region, partition)),
            None => Err(AwsError::InvalidRegion { region }),
        }
    }

    /// The SDK's configuration, with limg's HTTP client.
    pub(super) async fn config(&self) -> Result<&SdkConfig, AwsError> {
        Ok(&self.loaded().await?.config)
    }

    /// The HTTP clients, for calls without the SDK.
    pub(super) async fn http(&self) -> Result<&HttpClients, AwsError> {
        Ok(&self.loaded().await?.http)
    }

    pub(super) fn options(&self) -> &AwsOptions {
        &self.inner.options
    }

    /// The tokens for registries, by region.
    pub(super) fn tokens(&self) -> &Mutex<BTreeMap<String, EcrToken>> {
        &self.inner.tokens
    }

    /// The credentials of the last request without the SDK. The SDK caches its own.
    pub(super) fn credentials(&self) -> &Mutex<Option<Credentials>> {
        &self.inner.credentials
    }

    /// The lock to hold while fetching a layer version, which concurrent callers then fetch once.
    pub(super) async fn fetch_lock(&self, arn: &LayerVersionArn) -> Arc<Mutex<()>> {
        Arc::clone(self.inner.fetching.lock().await.entry(arn.clone()).or_default())
    }

    /// How requests without the SDK are retried.
    pub(super) fn backoff(&self) -> Backoff {
        self.inner.backoff
    }

    /// The same client, which retries almost at once.
    #[cfg(test)]
    pub(super) fn hasty(self) -> Self {
        let mut inner = Arc::into_inner(self.inner).unwrap();
        inner.backoff.base = std::time::Duration::from_millis(1);
        Self { inner: Arc::new(inner) }
    }

    async fn loaded(&self) -> Result<&LoadedConfig, AwsError> {
        self.inner.loaded.get_or_try_init(|| self.load()).await
    }

    async fn load(&self) -> Result<LoadedConfig, AwsError> {
        let Inner { options, given, .. } = &*self.inner;
        let http = HttpClients::new(options.certificates.as_deref(), &options.proxies)?;
        if let Some(config) = given {
            let config = config.to_builder().http_client(http.clone()).build();
            return Ok(LoadedConfig { http, config });
        }
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http.clone());
        if let Some(region) = &options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let Some(profile) = &options.profile else {
            return Ok(LoadedConfig { config: loader.load().await, http });
        };
        let config = loader.profile_name(profile).load().await;
        // The SDK's chain starts with the environment, even if a profile is named.
        let of_profile = ProviderConfig::without_region()
            .with_http_client(http.clone())
            .with_region(config.region().cloned());
        let credentials =
            ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&of_profile).build();
        let credentials = SharedCredentialsProvider::new(credentials);
        Ok(LoadedConfig { config: config.to_builder().credentials_provider(credentials).build(), http })
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("options", &self.inner.options).finish_non_exhaustive()
    }
}
