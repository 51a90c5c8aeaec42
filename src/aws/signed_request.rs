//! Requests to AWS's APIs without their SDKs, whose crates take long to compile: where they go, and how they are signed.

use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use aws_types::service_config::ServiceConfigKey;
use reqwest::Url;

use super::{Aws, AwsError};
use crate::project::Partition;

/// How long before they expire credentials are renewed.
const MARGIN: Duration = Duration::from_mins(5);

/// The name of Amazon S3 in signatures. It alone expects paths as they are sent, and the hash of the body in a header (IAM
/// user guide, Create a signed AWS API request).
pub(super) const S3: &str = "s3";

/// The service that a request goes to.
pub(super) struct Host<'a> {
    /// Its id in configuration, as in `AWS_ENDPOINT_URL_LAMBDA`.
    pub(super) service: &'static str,
    /// Its name in hosts.
    pub(super) name: &'static str,
    pub(super) region: &'a str,
    pub(super) partition: Partition,
}

/// Where a service is.
pub(super) struct Endpoint {
    /// Its URL, without a slash at the end.
    pub(super) url: String,
    /// Whether the user has configured it.
    pub(super) is_configured: bool,
}

/// A request that is not signed yet.
pub(super) struct UnsignedRequest<'a> {
    /// The service's name in signatures.
    pub(super) service: &'static str,
    pub(super) region: &'a str,
    pub(super) method: &'static str,
    pub(super) url: &'a Url,
    pub(super) body: &'a [u8],
}

impl Aws {
    /// Chooses the endpoint as the SDKs do: `AWS_ENDPOINT_URL_SERVICE`, `AWS_ENDPOINT_URL`, the profile's, or AWS's own.
    pub(super) async fn endpoint(&self, host: &Host<'_>) -> Result<Endpoint, AwsError> {
        let Host { service, name, region, partition } = host;
        let config = self.config().await?;
        let key =
            ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        let set = key.build().ok().and_then(|key| config.service_config()?.load_config(key));
        let set = set.or_else(|| config.endpoint_url().map(str::to_owned)).filter(|set| !set.is_empty());
        if let Some(url) = set {
            return Ok(Endpoint { url: url.trim_end_matches('/').to_owned(), is_configured: true });
        }
        let fips = if config.use_fips() == Some(true) { "-fips" } else { "" };
        let url = format!("https://{name}{fips}.{region}.{}", partition.dns_suffix());
        Ok(Endpoint { url, is_configured: false })
    }

    /// Credentials that stay valid for some minutes. `action` says what they are for.
    pub(super) async fn signing_credentials(
        &self,
        action: impl Fn() -> String,
    ) -> Result<Credentials, AwsError> {
        let mut cached = self.credentials().lock().await;
        let is_fresh = |credentials: &&Credentials| {
            credentials.expiry().is_none_or(|expiry| expiry > SystemTime::now() + MARGIN)
        };
        if let Some(credentials) = cached.as_ref().filter(is_fresh) {
            return Ok(credentials.clone());
        }
        let failed = |error: CredentialsError| self.no_credentials(action(), &error);
        let provider = self.config().await?.credentials_provider();
        let provider = provider.ok_or_else(|| failed(CredentialsError::not_loaded_no_source()))?;
        let fresh = provider.provide_credentials().await.map_err(failed)?;
        Ok(cached.insert(fresh).clone())
    }
}

impl Host<'_> {
    /// A URL of the service.
    pub(super) fn url(&self, text: &str) -> Result<Url, AwsError> {
        Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or(AwsError::InvalidEndpoint { service: self.service })
    }
}

impl UnsignedRequest<'_> {
    /// The headers that sign the request together with `headers` (AWS Signature Version 4).
    pub(super) fn signature(
        &self,
        headers: &[(&str, &str)],
        credentials: Credentials,
        now: SystemTime,
    ) -> Result<Vec<(String, String)>, Box<dyn Error + Send + Sync>> {
        let mut settings = SigningSettings::default();
        if self.service == S3 {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        }
        let identity = credentials.into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(now)
            .settings(settings)
            .build()?
            .into();
        let (method, url, body) = (self.method, self.url.as_str(), SignableBody::Bytes(self.body));
        let request = SignableRequest::new(method, url, headers.iter().copied(), body)?;
        let (instructions, _signature) = sign(request, &params)?.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(headers: &[(String, String)], name: &str) -> String {
        headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    #[test]
    fn the_signature_is_the_same_as_botocores() {
        let url = "https://lambda.us-east-1.amazonaws.com/2018-10-31/layers/arn%3Aaws%3Alambda%3Aus-east-1%3A580247275435\
                   %3Alayer%3ALambdaInsightsExtension/versions/53";
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "the-secret-key",
            Some("the-session-token".to_owned()),
            None,
            "test",
        );
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
        let url = Url::parse(url).unwrap();
        let request =
            UnsignedRequest { service: "lambda", region: "us-east-1", method: "GET", url: &url, body: &[] };
        let headers = request.signature(&[], credentials, now).unwrap();
        assert_eq!(header(&headers, "x-amz-date"), "20260102T030405Z");
        let signature = "08fa1c0d479fad97533ff05e86a77b6ec7413d4da049297f25b22ce0002cbd02";
        assert!(header(&headers, "authorization").ends_with(signature), "{headers:?}");
    }

    /// The example in Amazon S3's API reference, Signature calculations for the authorization header.
    #[test]
    fn the_signature_for_s3_is_that_of_its_reference() {
        let credentials = Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            None,
            None,
            "test",
        );
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(380_376);
        let url = Url::parse("https://examplebucket.s3.amazonaws.com/test.txt").unwrap();
        let request =
            UnsignedRequest { service: S3, region: "us-east-1", method: "GET", url: &url, body: &[] };
        let headers = request.signature(&[("range", "bytes=0-9")], credentials, now).unwrap();
        let signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
        assert!(header(&headers, "authorization").ends_with(signature), "{headers:?}");
    }
}
