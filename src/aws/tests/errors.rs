//! The messages of failed requests.

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use super::super::fake::{FakeAws, FakeResponse, SECRET_KEY, SESSION_TOKEN};
use super::super::{Aws, AwsError, AwsOptions};
use super::shown;
use crate::failure::{Failure as _, FailureKind, help_text};

/// A source of credentials that fails.
#[derive(Debug)]
struct FailingProvider(fn() -> CredentialsError);

impl ProvideCredentials for FailingProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(self.0()))
    }
}

async fn without_credentials(error: fn() -> CredentialsError) -> AwsError {
    let fake = FakeAws::start(|_| FakeResponse::new(500, ""));
    let aws = fake.aws_with(SharedCredentialsProvider::new(FailingProvider(error)));
    let error = aws.ecr_token("eu-west-1").await.unwrap_err();
    assert_eq!(fake.requests().len(), 0);
    error
}

#[tokio::test]
async fn help_for_missing_credentials_names_their_sources() {
    let error = without_credentials(|| CredentialsError::not_loaded("no providers in chain")).await;
    assert!(matches!(error, AwsError::Credentials { .. }), "{error:?}");
    let text = shown(&error);
    assert!(text.starts_with("failed to get a token for Amazon ECR in eu-west-1: no AWS credentials"));
    assert!(text.contains("no providers in chain") && text.contains("AWS_ACCESS_KEY_ID"), "{text}");
}

#[tokio::test]
async fn a_machine_without_a_role_has_no_credentials() {
    let error =
        without_credentials(|| CredentialsError::provider_error("failed to load IMDS session token")).await;
    assert!(shown(&error).contains("AWS_ACCESS_KEY_ID"), "{}", shown(&error));
}

#[tokio::test]
async fn help_for_an_expired_sso_session_is_to_log_in() {
    let error = without_credentials(|| {
        CredentialsError::provider_error("the SSO token has expired and cannot be refreshed")
    })
    .await;
    assert!(shown(&error).ends_with("cannot be refreshed; run `aws sso login`"), "{}", shown(&error));
}

#[tokio::test]
async fn the_message_names_a_missing_profile() {
    let aws = Aws::new(AwsOptions {
        profile: Some("limg-test-no-such-profile".to_owned()),
        region: Some("eu-west-1".to_owned()),
        ..AwsOptions::default()
    });
    let error = aws.ecr_token("eu-west-1").await.unwrap_err();
    let text = shown(&error);
    assert!(matches!(error, AwsError::Credentials { .. }), "{error:?}");
    assert!(text.contains("limg-test-no-such-profile"), "{text}");
}

#[tokio::test]
async fn a_region_on_the_command_line_needs_no_configuration() {
    let options = AwsOptions { region: Some("eu-west-1".to_owned()), ..AwsOptions::default() };
    assert_eq!(Aws::new(options).region().await.unwrap().as_deref(), Some("eu-west-1"));
}

#[tokio::test]
async fn malformed_certificates_are_an_error() {
    let options = AwsOptions {
        region: Some("eu-west-1".to_owned()),
        certificates: Some(b"-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n".to_vec()),
        ..AwsOptions::default()
    };
    let error = Aws::new(options).ecr_token("eu-west-1").await.unwrap_err();
    assert!(matches!(error, AwsError::Certificates(_)), "{error:?}");
}

#[tokio::test]
async fn help_for_a_refused_request_names_the_permissions() {
    let message = "User: arn:aws:iam::111111111111:user/ci is not authorized\n\u{1b}[31mto perform this";
    let fake = FakeAws::start(move |_| FakeResponse::error(400, "AccessDeniedException", message));
    let error = fake.aws().ecr_token("eu-west-1").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to get a token for Amazon ECR in eu-west-1: AccessDeniedException: User: \
         arn:aws:iam::111111111111:user/ci is not authorized\\n\\u{1b}[31mto perform this"
    );
    assert!(help_text(&error).contains("ecr:GetAuthorizationToken"));
}

#[tokio::test]
async fn help_for_expired_credentials_is_to_renew_them() {
    let fake = FakeAws::start(|_| {
        FakeResponse::error(400, "ExpiredTokenException", "The security token is expired")
    });
    let error = fake.aws().ecr_token("eu-west-1").await.unwrap_err();
    assert!(help_text(&error).contains("credentials have expired"), "{error}");
    assert!(error.kind() != FailureKind::User);
}

#[tokio::test]
async fn an_unreachable_service_is_an_error_without_secrets() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut fake = FakeAws::start(|_| FakeResponse::new(500, ""));
    fake.url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = fake.aws().ecr_token("eu-west-1").await.unwrap_err();
    let text = shown(&error);
    assert!(text.contains("refused") && text.contains("HTTPS_PROXY"), "{text}");
    assert!(![SECRET_KEY, SESSION_TOKEN].iter().any(|secret| format!("{error:?}{text}").contains(secret)));
}

#[tokio::test]
async fn a_truncated_or_malformed_response_is_an_error() {
    for response in [
        FakeResponse::new(200, "{\"authorizationData\": ["),
        FakeResponse::new(200, "{\"authorizationData\": []}").closing_after(5),
        FakeResponse::new(500, "<html>"),
        FakeResponse::new(200, vec![b' '; 9 << 20]),
    ] {
        let fake = FakeAws::start(move |_| response.clone());
        let error = fake.aws().ecr_token("eu-west-1").await.unwrap_err();
        let text = shown(&error);
        assert!(text.starts_with("failed to get a token for Amazon ECR in eu-west-1"), "{text}");
        assert!(!text.contains("html") && !text.contains("authorizationData"), "{text}");
        assert!(!format!("{error:?}").contains(SESSION_TOKEN), "{error:?}");
    }
}
