//! The one call of the Lambda API that limg makes: where the content of a layer version is.
//!
//! It is signed and sent without the SDK of Lambda, whose crate takes longer to compile than all the others of AWS's.

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

use super::error::plain;
use super::host::dns_suffix;
use super::{Aws, AwsError};
use crate::project::LayerVersionArn;
use crate::registry::Secret;
use crate::store::Digest;

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
    /// Asks Lambda, in the layer's own region, for a layer version. Once: nothing is tried again.
    pub(super) async fn ask_for_layer(&self, arn: &LayerVersionArn) -> Result<LayerVersion, AwsError> {
        let doing = || format!("find the layer {arn}");
        let url = self.layer_url(arn).await?;
        let credentials = self.signing_credentials(doing).await?;
        let lost =
            |error: reqwest::Error| AwsError::Call { doing: doing(), source: error.without_url().into() };
        let mut request = self.http().await?.client(&url).get(url.clone()).timeout(TIMEOUT);
        for (name, value) in signature(arn.region(), &url, credentials)
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
    async fn layer_url(&self, arn: &LayerVersionArn) -> Result<Url, AwsError> {
        let config = self.config().await?;
        let key =
            ServiceConfigKey::builder().service_id("Lambda").env("AWS_ENDPOINT_URL").profile("endpoint_url");
        let own = key.build().ok().and_then(|key| config.service_config()?.load_config(key));
        let own = own.or_else(|| config.endpoint_url().map(str::to_owned));
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
) -> Result<Vec<(String, String)>, Box<dyn std::error::Error + Send + Sync>> {
    let identity = credentials.into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("lambda")
        .time(SystemTime::now())
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
    let message = plain(&message);
    match (code, status) {
        ("ResourceNotFoundException", _) | ("", 404) => AwsError::NoLayer { arn: arn.clone(), message },
        ("AccessDeniedException", _) => AwsError::LayerDenied { arn: arn.clone(), message },
        _ => AwsError::Refused {
            doing: format!("find the layer {arn}"),
            code: if code.is_empty() { format!("HTTP {status}") } else { plain(code) },
            message,
            rights: "lambda:GetLayerVersion",
            status: Some(status),
        },
    }
}
