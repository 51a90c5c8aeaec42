//! What users are told when AWS cannot be asked or says no.

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use super::super::fake::{Fake, Reply, SECRET_KEY, SESSION_TOKEN};
use super::super::{Aws, AwsError, AwsOptions};
use super::shown;

/// A source of credentials that has none.
#[derive(Debug)]
struct Fails(fn() -> CredentialsError);

impl ProvideCredentials for Fails {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(self.0()))
    }
}

async fn without_credentials(fault: fn() -> CredentialsError) -> AwsError {
    let fake = Fake::start(|_| Reply::new(500, ""));
    let aws = fake.aws_with(SharedCredentialsProvider::new(Fails(fault)));
    let error = aws.authorization("eu-west-1").await.unwrap_err();
    assert_eq!(fake.requests().len(), 0);
    error
}

#[tokio::test]
async fn without_credentials_the_ways_to_have_some_are_named() {
    let error = without_credentials(|| CredentialsError::not_loaded("no providers in chain")).await;
    assert!(matches!(error, AwsError::Credentials { .. }), "{error:?}");
    let text = shown(&error);
    assert!(text.starts_with("failed to get a token for Amazon ECR in eu-west-1: no credentials for AWS"));
    assert!(text.contains("no providers in chain") && text.contains("AWS_ACCESS_KEY_ID"), "{text}");
}

#[tokio::test]
async fn a_machine_without_a_role_has_no_credentials_either() {
    let error =
        without_credentials(|| CredentialsError::provider_error("failed to load IMDS session token")).await;
    assert!(shown(&error).contains("AWS_ACCESS_KEY_ID"), "{}", shown(&error));
}

#[tokio::test]
async fn who_must_log_in_again_is_told_how() {
    let error = without_credentials(|| {
        CredentialsError::provider_error("the SSO token has expired and cannot be refreshed")
    })
    .await;
    assert!(shown(&error).ends_with("cannot be refreshed; run `aws sso login`"), "{}", shown(&error));
}

#[tokio::test]
async fn a_profile_that_does_not_exist_is_named() {
    let aws = Aws::new(AwsOptions {
        profile: Some("limg-test-no-such-profile".to_owned()),
        region: Some("eu-west-1".to_owned()),
        certificates: None,
    });
    let error = aws.authorization("eu-west-1").await.unwrap_err();
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
async fn certificates_that_are_none_are_told() {
    let options = AwsOptions {
        region: Some("eu-west-1".to_owned()),
        certificates: Some(b"-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n".to_vec()),
        ..AwsOptions::default()
    };
    let error = Aws::new(options).authorization("eu-west-1").await.unwrap_err();
    assert!(matches!(error, AwsError::Certificates(_)), "{error:?}");
}

#[tokio::test]
async fn a_refusal_is_told_with_the_rights_that_it_needs() {
    let message = "User: arn:aws:iam::111111111111:user/ci is not authorized\n\u{1b}[31mto perform this";
    let fake = Fake::start(move |_| Reply::fault(400, "AccessDeniedException", message));
    let error = fake.aws().authorization("eu-west-1").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to get a token for Amazon ECR in eu-west-1: AccessDeniedException: User: \
         arn:aws:iam::111111111111:user/ci is not authorized\\n\\u{1b}[31mto perform this"
    );
    assert!(error.help().unwrap().contains("ecr:GetAuthorizationToken"));
}

#[tokio::test]
async fn credentials_that_are_over_are_told_as_such() {
    let fake = Fake::start(|_| Reply::fault(400, "ExpiredTokenException", "The security token is expired"));
    let error = fake.aws().authorization("eu-west-1").await.unwrap_err();
    assert!(error.help().unwrap().contains("get new ones"), "{error}");
    assert!(!error.is_users());
}

#[tokio::test]
async fn a_service_that_nobody_reaches_is_told_without_secrets() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut fake = Fake::start(|_| Reply::new(500, ""));
    fake.url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = fake.aws().authorization("eu-west-1").await.unwrap_err();
    let text = shown(&error);
    assert!(text.contains("refused") && text.contains("HTTPS_PROXY"), "{text}");
    assert!(![SECRET_KEY, SESSION_TOKEN].iter().any(|secret| format!("{error:?}{text}").contains(secret)));
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_makes_no_sense_is_an_error() {
    for reply in [
        Reply::new(200, "{\"authorizationData\": ["),
        Reply::new(200, "{\"authorizationData\": []}").breaking_after(5),
        Reply::new(500, "<html>"),
        Reply::new(200, vec![b' '; 9 << 20]),
    ] {
        let fake = Fake::start(move |_| reply.clone());
        let error = fake.aws().authorization("eu-west-1").await.unwrap_err();
        let text = shown(&error);
        assert!(text.starts_with("failed to get a token for Amazon ECR in eu-west-1"), "{text}");
        assert!(!text.contains("html") && !text.contains("authorizationData"), "{text}");
        assert!(!format!("{error:?}").contains(SESSION_TOKEN), "{error:?}");
    }
}
