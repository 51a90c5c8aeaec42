//! Amazon ECR's control plane, with moto in its place.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use limg::aws::{Aws, AwsError, AwsOptions, EcrCredentials};
use limg::project::{EcrSettings, Encryption, Repository};
use limg::registry::{CredentialProvider as _, Identity};
use serde_json::{Value, json};

use crate::support::aws::Moto;

/// The account of all credentials in moto.
const ACCOUNT: &str = "123456789012";

/// A client in `region`, all of whose requests go to moto.
fn client(moto: &Moto, region: &str) -> Aws {
    let credentials = Credentials::new("AKIDEXAMPLE", "the-secret-key", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .endpoint_url(moto.url())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    Aws::with_config(AwsOptions::default(), config)
}

#[tokio::test]
#[ignore = "needs moto"]
async fn the_token_names_the_registry_and_is_its_credential() {
    let moto = Moto::start();
    let aws = client(&moto, "eu-west-1");
    let registry = aws.registry(None, None).await.unwrap();
    assert_eq!((registry.account.as_str(), registry.region.as_str()), (ACCOUNT, "eu-west-1"));
    assert_eq!(registry.host, "123456789012.dkr.ecr.eu-west-1.amazonaws.com");
    let repository = Repository { host: registry.host, name: "shop/orders".to_owned() };
    let credential = EcrCredentials::new(aws).find(&repository).await.unwrap().credential.unwrap();
    let Identity::Password { user, password } = credential.identity else { panic!("not a password") };
    assert_eq!((user.as_str(), password.expose()), ("AWS", "123456789012-auth-token"));
}

#[tokio::test]
#[ignore = "needs moto"]
async fn a_new_repository_has_all_settings() {
    let moto = Moto::start();
    let aws = client(&moto, "us-gov-west-1");
    let registry = aws.registry(None, None).await.unwrap();
    let settings = EcrSettings {
        scan_on_push: true,
        immutable_tags: true,
        encryption: Encryption::Kms { key: Some("alias/images".to_owned()) },
        keep: Some(30),
        tags: [("stage".to_owned(), "test".to_owned()), ("team".to_owned(), "shop".to_owned())].into(),
        lambda_accounts: vec!["222222222222".to_owned()],
    };
    assert!(aws.ensure_repository(&registry, "shop/orders", &settings).await.unwrap());

    let request = |operation: &str, body: Value| moto.ecr("us-gov-west-1", operation, &body);
    let found = request("DescribeRepositories", json!({}))["repositories"][0].take();
    assert_eq!(found["repositoryName"], "shop/orders");
    assert_eq!(found["imageTagMutability"], "IMMUTABLE");
    assert_eq!(found["imageScanningConfiguration"], json!({ "scanOnPush": true }));
    assert_eq!(
        found["encryptionConfiguration"],
        json!({ "encryptionType": "KMS", "kmsKey": "alias/images" })
    );
    let tags = request("ListTagsForResource", json!({ "resourceArn": found["repositoryArn"] }));
    assert_eq!(
        tags["tags"],
        json!([{ "Key": "stage", "Value": "test" }, { "Key": "team", "Value": "shop" }])
    );
    let name = json!({ "repositoryName": "shop/orders" });
    let text = |response: Value, key: &str| -> Value {
        serde_json::from_str(response[key].as_str().unwrap()).unwrap()
    };
    let policy = text(request("GetRepositoryPolicy", name.clone()), "policyText");
    let statements = policy["Statement"].as_array().unwrap();
    let functions = |account: &str| format!("arn:aws-us-gov:lambda:us-gov-west-1:{account}:function:*");
    assert_eq!(statements.len(), 3);
    assert_eq!(statements[0]["Condition"]["StringLike"]["aws:sourceArn"], functions(ACCOUNT));
    assert_eq!(statements[1]["Principal"]["AWS"], json!(["arn:aws-us-gov:iam::222222222222:root"]));
    assert_eq!(statements[2]["Condition"]["StringLike"]["aws:sourceArn"], json!([functions("222222222222")]));
    let lifecycle = text(request("GetLifecyclePolicy", name), "lifecyclePolicyText");
    assert_eq!(lifecycle["rules"][0]["selection"]["countNumber"], 30);
}

#[tokio::test]
#[ignore = "needs moto"]
async fn an_existing_repository_keeps_its_settings() {
    let moto = Moto::start();
    let aws = client(&moto, "eu-west-1");
    let registry = aws.registry(Some(ACCOUNT), None).await.unwrap();
    let first = EcrSettings::default();
    assert!(aws.ensure_repository(&registry, "orders", &first).await.unwrap());
    let other = EcrSettings { immutable_tags: true, keep: Some(1), ..EcrSettings::default() };
    assert!(!aws.ensure_repository(&registry, "orders", &other).await.unwrap());
    let found = moto.ecr("eu-west-1", "DescribeRepositories", &json!({}))["repositories"][0].take();
    assert_eq!(found["imageTagMutability"], "MUTABLE");
    assert_eq!(found["encryptionConfiguration"], json!({ "encryptionType": "AES256" }));
}

#[tokio::test]
#[ignore = "needs moto"]
async fn an_error_has_ecrs_code_and_message() {
    let moto = Moto::start();
    let aws = client(&moto, "eu-west-1");
    let registry = aws.registry(None, None).await.unwrap();
    let error = aws.ensure_repository(&registry, "Shop", &EcrSettings::default()).await.unwrap_err();
    let AwsError::Refused { code, message, .. } = &error else { panic!("{error:?}") };
    assert_eq!(code, "InvalidParameterException");
    assert!(message.contains("repositoryName"), "{message}");
}
