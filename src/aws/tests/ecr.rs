//! Amazon ECR: registries, tokens and repositories.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::fake::{FakeAws, FakeResponse, SECRET_KEY, SESSION_TOKEN};
use super::super::{AwsError, EcrCredentials, EcrRegistry};
use super::shown;
use crate::project::{EcrSettings, Encryption, Repository};
use crate::registry::{CredentialProvider as _, Identity};

const PASSWORD: &str = "the-password";

fn repository(host: &str) -> Repository {
    Repository { host: host.to_owned(), name: "shop/orders".to_owned() }
}

fn in_hours(hours: u64) -> f64 {
    let end = SystemTime::now() + Duration::from_hours(hours);
    end.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

fn token(expires: f64, endpoint: &str) -> FakeResponse {
    FakeResponse::json(&json!({ "authorizationData": [{
        "authorizationToken": STANDARD.encode(format!("AWS:{PASSWORD}")),
        "expiresAt": expires,
        "proxyEndpoint": endpoint,
    }] }))
}

fn registry() -> EcrRegistry {
    EcrRegistry {
        host: "111111111111.dkr.ecr.eu-west-1.amazonaws.com".to_owned(),
        account: "111111111111".to_owned(),
        region: "eu-west-1".to_owned(),
    }
}

#[tokio::test]
async fn a_token_is_requested_once_and_never_shown() {
    let fake =
        FakeAws::start(|_| token(in_hours(12), "https://111111111111.dkr.ecr.eu-west-1.amazonaws.com"));
    let aws = fake.aws();
    let first = aws.ecr_token("eu-west-1").await.unwrap();
    assert_eq!((first.user.as_str(), first.password.expose()), ("AWS", PASSWORD));
    assert_eq!(first.host, "111111111111.dkr.ecr.eu-west-1.amazonaws.com");
    assert_eq!(aws.clone().ecr_token("eu-west-1").await.unwrap(), first);
    assert_eq!(fake.requests().len(), 1);
    let requested = &fake.requests()[0];
    assert_eq!(requested.operation(), "GetAuthorizationToken");
    assert!(requested.header("user-agent").unwrap().starts_with("aws-sdk-rust/"));
    assert!(requested.header("authorization").unwrap().contains("/eu-west-1/ecr/aws4_request"));
    let credentials = EcrCredentials::new(aws.clone());
    let credential = credentials.find(&repository(&first.host)).await.unwrap().credential.unwrap();
    let text = format!("{first:?} {aws:?} {credential:?} {credentials:?}");
    for secret in [PASSWORD, SECRET_KEY, SESSION_TOKEN] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn each_region_has_its_own_token() {
    let fake =
        FakeAws::start(|_| token(in_hours(12), "https://111111111111.dkr.ecr.eu-west-1.amazonaws.com"));
    let aws = fake.aws();
    aws.ecr_token("eu-west-1").await.unwrap();
    aws.ecr_token("us-east-1").await.unwrap();
    assert!(fake.requests()[1].header("authorization").unwrap().contains("/us-east-1/ecr/"));
}

#[tokio::test]
async fn a_token_that_is_about_to_expire_is_renewed() {
    let endpoint = "https://111111111111.dkr.ecr.eu-west-1.amazonaws.com";
    let fake = FakeAws::start(move |_| token(in_hours(0) + 60.0, endpoint));
    let aws = fake.aws();
    aws.ecr_token("eu-west-1").await.unwrap();
    aws.ecr_token("eu-west-1").await.unwrap();
    assert_eq!(fake.requests().len(), 2);
}

#[tokio::test]
async fn a_new_token_counts_as_valid_even_if_its_expiry_is_in_the_past() {
    let fake = FakeAws::start(|_| token(0.0, "https://111111111111.dkr.ecr.eu-west-1.amazonaws.com"));
    let aws = fake.aws();
    let token = aws.ecr_token("eu-west-1").await.unwrap();
    assert!(token.expires > SystemTime::now() + Duration::from_hours(11));
    aws.ecr_token("eu-west-1").await.unwrap();
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn a_response_without_a_token_is_an_error() {
    for data in [
        json!([]),
        json!([{ "authorizationToken": "AWS:the-password", "proxyEndpoint": "https://a" }]),
        json!([{ "authorizationToken": STANDARD.encode("the-password"), "proxyEndpoint": "https://a" }]),
        json!([{ "authorizationToken": STANDARD.encode("AWS:the-password") }]),
    ] {
        let fake = FakeAws::start(move |_| FakeResponse::json(&json!({ "authorizationData": data })));
        let error = fake.aws().ecr_token("eu-west-1").await.unwrap_err();
        assert!(matches!(error, AwsError::UnexpectedResponse { .. }), "{error}");
        assert!(!format!("{error:?} {}", shown(&error)).contains(PASSWORD));
    }
}

#[tokio::test]
async fn the_account_comes_from_the_token_unless_the_caller_names_one() {
    let fake =
        FakeAws::start(|_| token(in_hours(12), "https://111111111111.dkr.ecr.cn-north-1.amazonaws.com.cn"));
    let aws = fake.aws();
    let own = aws.registry(None, Some("cn-north-1")).await.unwrap();
    assert_eq!(own.host, "111111111111.dkr.ecr.cn-north-1.amazonaws.com.cn");
    assert_eq!(fake.requests().len(), 1);
    let other = fake.aws().registry(Some("222222222222"), None).await.unwrap();
    assert_eq!(other.host, "222222222222.dkr.ecr.eu-west-1.amazonaws.com");
    assert_eq!(fake.requests().len(), 1, "a named account needs no request");
}

#[tokio::test]
async fn a_malformed_account_or_region_is_refused_without_a_request() {
    let fake = FakeAws::start(|_| FakeResponse::new(500, ""));
    let aws = fake.aws();
    let error = aws.registry(Some("12345"), None).await.unwrap_err();
    assert!(shown(&error).contains("which has 12 digits"), "{error}");
    let error = aws.registry(None, Some("evil.example.com/")).await.unwrap_err();
    assert!(matches!(error, AwsError::InvalidRegion { .. }), "{error}");
    assert_eq!(fake.requests().len(), 0);
}

#[tokio::test]
async fn a_registry_host_without_an_account_is_an_error() {
    let fake = FakeAws::start(|_| token(in_hours(12), "http://localhost:4510"));
    let error = fake.aws().registry(None, None).await.unwrap_err();
    assert!(shown(&error).contains("`localhost:4510`") && shown(&error).contains("--account"), "{error}");
}

#[tokio::test]
async fn only_private_registries_get_the_token() {
    let fake =
        FakeAws::start(|_| token(in_hours(12), "https://111111111111.dkr.ecr.eu-west-1.amazonaws.com"));
    let credentials = EcrCredentials::new(fake.aws());
    for host in [
        "public.ecr.aws",
        "docker.io",
        "127.0.0.1:5000",
        "222222222222.dkr.ecr.eu-west-1.amazonaws.com.evil.example.com",
    ] {
        assert_eq!(credentials.find(&repository(host)).await.unwrap().credential, None, "{host}");
    }
    assert_eq!(fake.requests().len(), 0);
    let host = "222222222222.dkr-ecr-fips.us-east-1.on.aws";
    let credential = credentials.find(&repository(host)).await.unwrap().credential.unwrap();
    assert!(matches!(credential.identity, Identity::Password { user, .. } if user == "AWS"));
    assert!(credential.expires.unwrap() > SystemTime::now());
    assert!(fake.requests()[0].header("authorization").unwrap().contains("/us-east-1/ecr/"));
}

#[tokio::test]
async fn a_new_repository_gets_all_its_settings() {
    let fake = FakeAws::start(|_| FakeResponse::json(&json!({})));
    let settings = EcrSettings {
        scan_on_push: true,
        immutable_tags: true,
        encryption: Encryption::Kms { key: Some("alias/images".to_owned()) },
        keep: Some(30),
        tags: [("team".to_owned(), "shop".to_owned())].into(),
        lambda_accounts: vec!["222222222222".to_owned()],
    };
    assert!(fake.aws().ensure_repository(&registry(), "shop/orders", &settings).await.unwrap());
    let requests: Vec<(String, Value)> = fake
        .requests()
        .iter()
        .map(|request| (request.operation().to_owned(), serde_json::from_str(&request.body).unwrap()))
        .collect();
    let operations: Vec<_> = requests.iter().map(|(operation, _)| operation.as_str()).collect();
    assert_eq!(operations, ["CreateRepository", "SetRepositoryPolicy", "PutLifecyclePolicy"]);
    assert_eq!(
        requests[0].1,
        json!({
            "registryId": "111111111111",
            "repositoryName": "shop/orders",
            "tags": [{ "Key": "team", "Value": "shop" }],
            "imageTagMutability": "IMMUTABLE",
            "imageScanningConfiguration": { "scanOnPush": true },
            "encryptionConfiguration": { "encryptionType": "KMS", "kmsKey": "alias/images" },
        })
    );
    let policy = requests[1].1["policyText"].as_str().unwrap();
    assert!(policy.contains("arn:aws:lambda:eu-west-1:222222222222:function:*"), "{policy}");
    assert!(requests[2].1["lifecyclePolicyText"].as_str().unwrap().contains("\"countNumber\":30"));
}

#[tokio::test]
async fn an_existing_repository_is_left_unchanged() {
    let fake = FakeAws::start(|_| {
        FakeResponse::error(400, "RepositoryAlreadyExistsException", "The repository exists")
    });
    let settings = EcrSettings { keep: Some(3), ..EcrSettings::default() };
    let created = fake.aws().ensure_repository(&registry(), "shop/orders", &settings).await.unwrap();
    assert_eq!((created, fake.requests().len()), (false, 1));
}

#[tokio::test]
async fn an_error_after_the_creation_names_the_missing_policies() {
    for (failing, missing, requests) in [
        ("SetRepositoryPolicy", "the policy that allows Lambda to pull from it and its lifecycle policy", 2),
        ("PutLifecyclePolicy", "failed to set its lifecycle policy", 3),
    ] {
        let fake = FakeAws::start(move |request| {
            if request.operation() == failing {
                FakeResponse::error(400, "AccessDeniedException", "no")
            } else {
                FakeResponse::json(&json!({}))
            }
        });
        let settings = EcrSettings { keep: Some(3), ..EcrSettings::default() };
        let error = fake.aws().ensure_repository(&registry(), "shop/orders", &settings).await.unwrap_err();
        let text = shown(&error);
        let repository = "created the repository `111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/orders`";
        assert!(text.starts_with(repository) && text.contains(missing), "{text}");
        assert!(text.contains(&format!("grant these credentials ecr:{failing}")), "{text}");
        assert!(text.contains("--region eu-west-1 --repository-name shop/orders"), "{text}");
        assert_eq!(fake.requests().len(), requests);
    }
}
