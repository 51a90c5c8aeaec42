//! Parameters in Parameter Store: the request, and what is refused.

use serde_json::json;

use super::super::AwsError;
use super::super::fake::{FakeAws, FakeResponse};
use super::shown;
use crate::event::Events;
use crate::failure::{Failure as _, FailureKind, help_text};
use crate::finding::StoredParameter;

const VALUE: &str = "a-value-that-no-message-has";

async fn fetch(fake: &FakeAws, region: Option<&str>) -> Result<String, AwsError> {
    let parameter = StoredParameter::new("/shop/runtime:3", region).unwrap();
    fake.aws().parameter(&parameter, &Events::default()).await
}

fn response(kind: &str) -> FakeResponse {
    FakeResponse::json(&json!({ "Parameter": { "Name": "/shop/runtime", "Type": kind, "Value": VALUE } }))
}

#[tokio::test]
async fn a_plain_value_is_fetched_from_the_region_of_the_stack() {
    for (kind, region, expected) in
        [("String", None, "eu-west-1"), ("StringList", Some("us-east-2"), "us-east-2")]
    {
        let fake = FakeAws::start(move |_| response(kind));
        assert_eq!(fetch(&fake, region).await.unwrap(), VALUE);
        let [request] = &fake.requests()[..] else { panic!("one request") };
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/"));
        assert_eq!(request.operation(), "GetParameter");
        assert_eq!(request.body, r#"{"Name":"/shop/runtime:3","WithDecryption":false}"#);
        let authorization = request.header("authorization").unwrap();
        assert!(authorization.contains(&format!("/{expected}/ssm/aws4_request,")), "{authorization}");
        assert!(authorization.contains("SignedHeaders=content-type;host;"), "{authorization}");
    }
}

#[tokio::test]
async fn a_secure_string_is_refused_and_never_shown() {
    let fake = FakeAws::start(|_| response("SecureString"));
    let error = fetch(&fake, None).await.unwrap_err();
    assert!(matches!(error, AwsError::SecureParameter { .. }));
    assert!(!format!("{error:?} {}", shown(&error)).contains(VALUE), "{error:?}");
    assert_eq!(error.kind(), FailureKind::User);
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    for (code, message, help) in [
        (
            "ParameterNotFound",
            "the parameter `/shop/runtime:3` does not exist in eu-west-1",
            "aws ssm get-parameter --region eu-west-1 --name /shop/runtime`",
        ),
        (
            "AccessDeniedException",
            "failed to fetch the parameter `/shop/runtime:3`: AccessDeniedException: Because.",
            "ssm:GetParameter",
        ),
    ] {
        let fake = FakeAws::start(move |_| FakeResponse::error(400, code, "Because."));
        let error = fetch(&fake, None).await.unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(help_text(&error).contains(help), "{}", help_text(&error));
    }
}

#[tokio::test]
async fn a_failing_service_is_asked_again() {
    let mut before = 0;
    let fake = FakeAws::start(move |_| {
        before += 1;
        if before == 1 { FakeResponse::error(500, "InternalServerError", "") } else { response("String") }
    });
    assert_eq!(fetch(&fake, None).await.unwrap(), VALUE);
}

#[tokio::test]
async fn a_malformed_response_is_an_error_without_its_text() {
    let fake = FakeAws::start(|_| FakeResponse::json(&json!({ "Parameter": { "Value": VALUE } })));
    let error = fetch(&fake, None).await.unwrap_err();
    assert!(matches!(error, AwsError::UnexpectedResponse { .. }), "{error:?}");
    assert!(!shown(&error).contains(VALUE));
}
