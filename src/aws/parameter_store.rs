//! `GetParameter` of Systems Manager: the value of a parameter in Parameter Store.
//!
//! Only plain values are fetched. A secure string is never decrypted, and no value appears in a message.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::signed_request::{Host, UnsignedRequest};
use super::{Aws, AwsError};
use crate::event::Reporter;
use crate::finding::StoredParameter;
use crate::registry::Attempts;
use crate::response_body;
use crate::text::excerpt;

/// How long the API may take to respond.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest response that is read, in bytes. A value has at most 8 KB (Systems Manager user guide, Managing parameter
/// tiers).
const RESPONSE_LIMIT: u64 = 1 << 20;

/// The operation (Systems Manager API reference, `GetParameter`).
const TARGET: &str = "AmazonSSM.GetParameter";

/// The form of requests and responses.
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParameterResponse {
    parameter: Parameter,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    r#type: String,
    value: String,
}

impl Aws {
    /// Fetches the value of a parameter, in its Region or else the default one. The items of a list have commas between them.
    ///
    /// # Errors
    /// When it does not exist, is a secure string, or the credentials may not read it.
    pub async fn parameter(
        &self,
        parameter: &StoredParameter,
        reporter: &dyn Reporter,
    ) -> Result<String, AwsError> {
        let action = action(parameter);
        let mut attempts = Attempts::new(self.backoff(), reporter, &action);
        loop {
            match self.try_parameter(parameter).await {
                Ok(value) => return Ok(value),
                Err(error) => attempts.after(error).await?,
            }
        }
    }

    async fn try_parameter(&self, parameter: &StoredParameter) -> Result<String, AwsError> {
        let (region, partition) = self.region_or(parameter.region()).await?;
        let host = Host { service: "SSM", name: "ssm", region: &region, partition };
        let url = host.url(&format!("{}/", self.endpoint(&host).await?.url))?;
        let credentials = self.signing_credentials(|| action(parameter)).await?;
        let network = |error: reqwest::Error| AwsError::Network {
            action: action(parameter),
            source: error.without_url(),
        };
        let unexpected = || AwsError::UnexpectedResponse { action: action(parameter) };
        // A secret must stay encrypted even if AWS's default changes.
        let body = serde_json::json!({ "Name": parameter.name(), "WithDecryption": false }).to_string();
        let own = [("content-type", CONTENT_TYPE), ("x-amz-target", TARGET)];
        let unsigned = UnsignedRequest {
            service: "ssm",
            region: &region,
            method: "POST",
            url: &url,
            body: body.as_bytes(),
        };
        let signature = unsigned.signature(&own, credentials, SystemTime::now());
        let signature =
            signature.map_err(|source| AwsError::Request { action: action(parameter), source })?;
        let mut request = self.http().await?.client(&url).post(url.clone()).timeout(TIMEOUT);
        for (name, value) in own {
            request = request.header(name, value);
        }
        for (name, value) in signature {
            request = request.header(name, value);
        }
        let mut response = request.body(body).send().await.map_err(network)?;
        let body = response_body::read(&mut response, RESPONSE_LIMIT).await;
        let body = body.map_err(network)?.ok_or_else(unexpected)?;
        if !response.status().is_success() {
            return Err(refused(parameter, &region, response.status().as_u16(), &body));
        }
        let response: Option<GetParameterResponse> = serde_json::from_slice(&body).ok();
        let Parameter { r#type: kind, value } = response.ok_or_else(unexpected)?.parameter;
        match kind.as_str() {
            "String" | "StringList" => Ok(value),
            _ => Err(AwsError::SecureParameter { parameter: parameter.clone() }),
        }
    }
}

fn action(parameter: &StoredParameter) -> String {
    format!("fetch the parameter `{}`", parameter.name())
}

/// An error response (Systems Manager API reference, Common errors). Emulators write `message` in both cases at once.
fn refused(parameter: &StoredParameter, region: &str, status: u16, body: &[u8]) -> AwsError {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |keys: &[&str]| keys.iter().find_map(|key| body.get(key)?.as_str()).unwrap_or_default();
    let code = text(&["__type", "code"]).rsplit('#').next().unwrap_or_default();
    let message = text(&["message", "Message"]);
    if matches!(code, "ParameterNotFound" | "ParameterVersionNotFound") {
        return AwsError::ParameterNotFound { parameter: parameter.clone(), region: region.to_owned() };
    }
    AwsError::Refused {
        action: action(parameter),
        code: if code.is_empty() { format!("HTTP {status}") } else { excerpt(code) },
        message: excerpt(message),
        permissions: "ssm:GetParameter",
        status: Some(status),
    }
}
