//! `GetLayerVersion`, the only request that limg sends to the Lambda API: where the zip of a layer version is.
//!
//! It is signed and sent without Lambda's SDK, whose crate takes longer to compile than all the other AWS crates.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use serde::Deserialize;

use super::signed_request::{Host, UnsignedRequest};
use super::{Aws, AwsError};
use crate::event::Reporter;
use crate::project::LayerVersionArn;
use crate::registry::{Attempts, Secret};
use crate::response_body;
use crate::store::Digest;
use crate::text::excerpt;
use crate::text::hex;

/// How long the API may take to respond.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest response that is read, in bytes.
const RESPONSE_LIMIT: u64 = 1 << 20;

/// What Lambda knows about a layer version (Lambda API reference, `GetLayerVersion`).
#[derive(Debug, Clone)]
pub(super) struct LayerVersionDetails {
    /// The URL of the zip. It gives anyone access for ten minutes.
    pub(super) location: Secret,
    /// The digest of the zip.
    pub(super) sha256: Digest,
    /// The size of the zip in bytes.
    pub(super) size: u64,
    /// The compatible runtimes that the layer declares; none if it declares nothing.
    pub(super) runtimes: Vec<String>,
    /// The compatible architectures that the layer declares; none if it declares nothing.
    pub(super) architectures: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetLayerVersionResponse {
    content: LayerVersionContent,
    #[serde(default)]
    compatible_runtimes: Option<Vec<String>>,
    #[serde(default)]
    compatible_architectures: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LayerVersionContent {
    location: String,
    code_sha256: String,
    code_size: u64,
}

impl Aws {
    /// Looks up a layer version in its own region.
    ///
    /// # Errors
    /// When it does not exist, the credentials may not read it, or Lambda fails.
    pub(super) async fn get_layer_version(
        &self,
        arn: &LayerVersionArn,
        reporter: &dyn Reporter,
    ) -> Result<LayerVersionDetails, AwsError> {
        let action = action(arn);
        let mut attempts = Attempts::new(self.backoff(), reporter, &action);
        loop {
            match self.try_get_layer_version(arn).await {
                Ok(details) => return Ok(details),
                Err(error) => attempts.after(error).await?,
            }
        }
    }

    async fn try_get_layer_version(&self, arn: &LayerVersionArn) -> Result<LayerVersionDetails, AwsError> {
        let url = self.get_layer_version_url(arn).await?;
        let credentials = self.signing_credentials(|| action(arn)).await?;
        let network =
            |error: reqwest::Error| AwsError::Network { action: action(arn), source: error.without_url() };
        let unexpected = || AwsError::UnexpectedResponse { action: action(arn) };
        let mut request = self.http().await?.client(&url).get(url.clone()).timeout(TIMEOUT);
        let unsigned =
            UnsignedRequest { service: "lambda", region: arn.region(), method: "GET", url: &url, body: &[] };
        for (name, value) in unsigned
            .signature(&[], credentials, SystemTime::now())
            .map_err(|source| AwsError::Request { action: action(arn), source })?
        {
            request = request.header(name, value);
        }
        let mut response = request.send().await.map_err(network)?;
        let body = response_body::read(&mut response, RESPONSE_LIMIT).await;
        let body = body.map_err(network)?.ok_or_else(unexpected)?;
        if response.status().is_success() {
            return parse(&body).ok_or_else(unexpected);
        }
        Err(refused(arn, &response, &body))
    }

    /// The URL of the request. The endpoint is chosen as the SDK would: `AWS_ENDPOINT_URL_LAMBDA`,
    /// `AWS_ENDPOINT_URL`, the profile's, or AWS's own.
    pub(super) async fn get_layer_version_url(&self, arn: &LayerVersionArn) -> Result<Url, AwsError> {
        let host =
            Host { service: "Lambda", name: "lambda", region: arn.region(), partition: arn.partition() };
        let endpoint = self.endpoint(&host).await?.url;
        // An ARN has no other character that a path must escape.
        let layer = arn.layer().replace(':', "%3A");
        host.url(&format!("{endpoint}/2018-10-31/layers/{layer}/versions/{}", arn.version()))
    }
}

fn action(arn: &LayerVersionArn) -> String {
    format!("look up the layer {arn}")
}

fn parse(body: &[u8]) -> Option<LayerVersionDetails> {
    let response: GetLayerVersionResponse = serde_json::from_slice(body).ok()?;
    let hash = STANDARD.decode(&response.content.code_sha256).ok()?;
    Some(LayerVersionDetails {
        location: Secret::new(response.content.location),
        sha256: format!("sha256:{}", hex(&hash)).parse().ok()?,
        size: response.content.code_size,
        runtimes: response.compatible_runtimes.unwrap_or_default(),
        architectures: response.compatible_architectures.unwrap_or_default(),
    })
}

/// An error response of Lambda: the code is in a header, the message in the body (Lambda API reference, Common errors).
fn refused(arn: &LayerVersionArn, response: &reqwest::Response, body: &[u8]) -> AwsError {
    #[derive(Deserialize, Default)]
    struct ErrorBody {
        #[serde(alias = "Message", default)]
        message: String,
    }
    let status = response.status().as_u16();
    let code = response.headers().get("x-amzn-errortype").and_then(|code| code.to_str().ok());
    let code = code.and_then(|code| code.split(':').next()).unwrap_or_default();
    let ErrorBody { message } = serde_json::from_slice(body).unwrap_or_default();
    let message = excerpt(&message);
    match (code, status) {
        ("ResourceNotFoundException", _) | ("", 404) => AwsError::LayerNotFound { arn: arn.clone(), message },
        ("AccessDeniedException", _) => AwsError::LayerAccessDenied { arn: arn.clone(), message },
        _ => AwsError::Refused {
            action: action(arn),
            code: if code.is_empty() { format!("HTTP {status}") } else { excerpt(code) },
            message,
            permissions: "lambda:GetLayerVersion",
            status: Some(status),
        },
    }
}

#[cfg(test)]
mod tests {
    use aws_config::SdkConfig;

    use super::*;
    use crate::aws::AwsOptions;

    async fn url(config: SdkConfig, arn: &str) -> Result<String, AwsError> {
        let aws = Aws::with_config(AwsOptions::default(), config);
        aws.get_layer_version_url(&arn.parse().unwrap()).await.map(String::from)
    }

    #[tokio::test]
    async fn requests_go_to_the_layers_region_and_partition() {
        for (arn, start) in [
            (
                "arn:aws:lambda:eu-west-1:123456789012:layer:a:1",
                "https://lambda.eu-west-1.amazonaws.com/2018",
            ),
            (
                "arn:aws-cn:lambda:cn-north-1:123456789012:layer:a:1",
                "https://lambda.cn-north-1.amazonaws.com.cn/",
            ),
            (
                "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:layer:a:1",
                "https://lambda.us-gov-west-1.amazonaws.com/",
            ),
            (
                "arn:aws-eusc:lambda:eusc-de-east-1:123456789012:layer:a:1",
                "https://lambda.eusc-de-east-1.amazonaws.eu/",
            ),
        ] {
            let url = url(SdkConfig::builder().build(), arn).await.unwrap();
            assert!(url.starts_with(start), "{url}");
        }
        let config = SdkConfig::builder().use_fips(true).build();
        let url = url(config, "arn:aws:lambda:us-east-1:123456789012:layer:a:1").await.unwrap();
        assert!(url.starts_with("https://lambda-fips.us-east-1.amazonaws.com/"), "{url}");
    }

    #[tokio::test]
    async fn an_endpoint_can_be_configured_and_must_be_a_url() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:layer:a:7";
        let config = SdkConfig::builder().endpoint_url("http://localhost:4566/").build();
        assert_eq!(
            url(config, arn).await.unwrap(),
            "http://localhost:4566/2018-10-31/layers/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Alayer%3Aa/versions/7"
        );
        for bad in ["localhost:4566", "ftp://localhost"] {
            let config = SdkConfig::builder().endpoint_url(bad).build();
            assert!(
                matches!(url(config, arn).await, Err(AwsError::InvalidEndpoint { service: "Lambda" })),
                "{bad}"
            );
        }
    }
}
