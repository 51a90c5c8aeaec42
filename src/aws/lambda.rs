//! The one call of the Lambda API that limg makes: where the content of a layer version is.
//!
//! It is signed and sent without the SDK of Lambda, whose crate takes longer to compile than all the others of AWS's.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_types::service_config::ServiceConfigKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use serde::Deserialize;

use super::host::dns_suffix;
use super::{Aws, AwsError};
use crate::event::Reporter;
use crate::project::LayerVersionArn;
use crate::registry::{Attempts, Secret};
use crate::store::Digest;
use crate::text::excerpt;

/// How long the API may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 1 << 20;

/// How long before their end credentials are asked for anew.
const MARGIN: Duration = Duration::from_mins(5);

/// What Lambda knows of a layer version (Lambda API reference, `GetLayerVersion`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerVersion {
    /// Where its zip is: a URL that is good for ten minutes for whoever has it.
    pub location: Secret,
    /// The digest of the zip.
    pub sha256: Digest,
    /// The size of the zip in bytes.
    pub size: u64,
    /// The runtimes that it says it works with, such as `python3.12`. None: it does not say.
    pub runtimes: Vec<String>,
    /// The instruction sets that it says it works on, `x86_64` and `arm64`. None: it does not say.
    pub architectures: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    content: Content,
    #[serde(default)]
    compatible_runtimes: Option<Vec<String>>,
    #[serde(default)]
    compatible_architectures: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    location: String,
    code_sha256: String,
    code_size: u64,
}

impl Aws {
    /// Asks Lambda, in the layer's own region, for a layer version.
    ///
    /// # Errors
    /// When there is none, or limg may not have it, or Lambda does not answer.
    pub async fn layer_version(
        &self,
        arn: &LayerVersionArn,
        reporter: &Arc<dyn Reporter>,
    ) -> Result<LayerVersion, AwsError> {
        let doing = format!("find the layer {arn}");
        let mut attempts = Attempts::new(self.backoff(), &**reporter, &doing);
        loop {
            match self.layer_version_once(arn).await {
                Ok(version) => return Ok(version),
                Err(error) => attempts.after(error).await?,
            }
        }
    }

    async fn layer_version_once(&self, arn: &LayerVersionArn) -> Result<LayerVersion, AwsError> {
        let doing = || format!("find the layer {arn}");
        let url = self.layer_url(arn).await?;
        let credentials = self.signing_credentials(doing).await?;
        let lost = |error: reqwest::Error| AwsError::Network { doing: doing(), source: error.without_url() };
        let mut request = self.http().await?.client(&url).get(url.clone()).timeout(TIMEOUT);
        for (name, value) in signature(arn.region(), &url, credentials, SystemTime::now())
            .map_err(|source| AwsError::Call { doing: doing(), source })?
        {
            request = request.header(name, value);
        }
        let mut response = request.send().await.map_err(lost)?;
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(lost)? {
            if body.len() + piece.len() > LONGEST_ANSWER {
                return Err(AwsError::Answer { doing: doing() });
            }
            body.extend_from_slice(&piece);
        }
        if response.status().is_success() {
            return read(&body).ok_or_else(|| AwsError::Answer { doing: doing() });
        }
        Err(refused(arn, &response, &body))
    }

    /// The URL of the call. Other endpoints than AWS's are those that the SDK would take: `AWS_ENDPOINT_URL_LAMBDA`,
    /// `AWS_ENDPOINT_URL` or the profile's.
    pub(super) async fn layer_url(&self, arn: &LayerVersionArn) -> Result<Url, AwsError> {
        let config = self.config().await?;
        let key =
            ServiceConfigKey::builder().service_id("Lambda").env("AWS_ENDPOINT_URL").profile("endpoint_url");
        let own = key.build().ok().and_then(|key| config.service_config()?.load_config(key));
        let own = own.or_else(|| config.endpoint_url().map(str::to_owned)).filter(|own| !own.is_empty());
        let fips = if config.use_fips() == Some(true) { "-fips" } else { "" };
        let endpoint = own.unwrap_or_else(|| {
            format!("https://lambda{fips}.{}.{}", arn.region(), dns_suffix(arn.partition()))
        });
        // A name of a layer and an ARN hold nothing else that a path cannot.
        let layer = arn.layer().replace(':', "%3A");
        let text = format!(
            "{}/2018-10-31/layers/{layer}/versions/{}",
            endpoint.trim_end_matches('/'),
            arn.version()
        );
        Url::parse(&text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or(AwsError::Endpoint { service: "Lambda" })
    }

    /// Credentials that are good for some minutes.
    async fn signing_credentials(&self, doing: impl Fn() -> String) -> Result<Credentials, AwsError> {
        let mut kept = self.credentials().lock().await;
        let good = |credentials: &&Credentials| {
            credentials.expiry().is_none_or(|expiry| expiry > SystemTime::now() + MARGIN)
        };
        if let Some(credentials) = kept.as_ref().filter(good) {
            return Ok(credentials.clone());
        }
        let provider = self.config().await?.credentials_provider();
        let none = || self.no_credentials(doing(), &CredentialsError::not_loaded_no_source());
        let fresh = provider.ok_or_else(none)?.provide_credentials().await;
        let fresh = fresh.map_err(|fault| self.no_credentials(doing(), &fault))?;
        Ok(kept.insert(fresh).clone())
    }
}

/// The headers that sign a GET of `url` (AWS Signature Version 4).
fn signature(
    region: &str,
    url: &Url,
    credentials: Credentials,
    now: SystemTime,
) -> Result<Vec<(String, String)>, Box<dyn std::error::Error + Send + Sync>> {
    let identity = credentials.into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("lambda")
        .time(now)
        .settings(SigningSettings::default())
        .build()?
        .into();
    let request = SignableRequest::new("GET", url.as_str(), std::iter::empty(), SignableBody::Bytes(&[]))?;
    let (instructions, _signature) = sign(request, &params)?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn read(body: &[u8]) -> Option<LayerVersion> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let hash = STANDARD.decode(&answer.content.code_sha256).ok()?;
    let hex = hash.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    Some(LayerVersion {
        location: Secret::new(answer.content.location),
        sha256: format!("sha256:{hex}").parse().ok()?,
        size: answer.content.code_size,
        runtimes: answer.compatible_runtimes.unwrap_or_default(),
        architectures: answer.compatible_architectures.unwrap_or_default(),
    })
}

/// What Lambda says when it says no: the code in a header, the message in the body (Lambda API reference, Common errors).
fn refused(arn: &LayerVersionArn, response: &reqwest::Response, body: &[u8]) -> AwsError {
    #[derive(Deserialize, Default)]
    struct Fault {
        #[serde(alias = "Message", default)]
        message: String,
    }
    let status = response.status().as_u16();
    let code = response.headers().get("x-amzn-errortype").and_then(|code| code.to_str().ok());
    let code = code.and_then(|code| code.split(':').next()).unwrap_or_default();
    let Fault { message } = serde_json::from_slice(body).unwrap_or_default();
    let message = excerpt(&message);
    match (code, status) {
        ("ResourceNotFoundException", _) | ("", 404) => AwsError::NoLayer { arn: arn.clone(), message },
        ("AccessDeniedException", _) => AwsError::LayerDenied { arn: arn.clone(), message },
        _ => AwsError::Refused {
            doing: format!("find the layer {arn}"),
            code: if code.is_empty() { format!("HTTP {status}") } else { excerpt(code) },
            message,
            rights: "lambda:GetLayerVersion",
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
        aws.layer_url(&arn.parse().unwrap()).await.map(String::from)
    }

    #[tokio::test]
    async fn lambda_is_asked_in_the_layers_region_and_partition() {
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

    #[test]
    fn the_signature_is_that_of_other_implementations() {
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
        let headers = signature("us-east-1", &Url::parse(url).unwrap(), credentials, now).unwrap();
        let header =
            |name: &str| headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        assert_eq!(header("x-amz-date"), Some("20260102T030405Z"));
        // As botocore computes it.
        let signature = "08fa1c0d479fad97533ff05e86a77b6ec7413d4da049297f25b22ce0002cbd02";
        assert!(header("authorization").unwrap().ends_with(signature), "{headers:?}");
    }

    #[tokio::test]
    async fn an_endpoint_may_be_set_and_must_be_a_url() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:layer:a:7";
        let config = SdkConfig::builder().endpoint_url("http://localhost:4566/").build();
        assert_eq!(
            url(config, arn).await.unwrap(),
            "http://localhost:4566/2018-10-31/layers/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Alayer%3Aa/versions/7"
        );
        for bad in ["localhost:4566", "ftp://localhost"] {
            let config = SdkConfig::builder().endpoint_url(bad).build();
            assert!(matches!(url(config, arn).await, Err(AwsError::Endpoint { service: "Lambda" })), "{bad}");
        }
    }
}
