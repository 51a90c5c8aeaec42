//! Layer versions: the request to Lambda's API, and the download.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::super::fake::{FakeAws, FakeResponse, ReceivedRequest, SECRET_KEY, SESSION_TOKEN};
use super::super::{AwsError, AwsLayerVersions};
use super::shown;
use crate::event::{Activity, Event, Events, Reporter, Step};
use crate::failure::{Failure as _, FailureKind, help_text};
use crate::layer_version::FetchedLayerVersion;
use crate::project::LayerVersionArn;
use crate::store::{Digest, Store};

const ARN: &str = "arn:aws:lambda:us-east-1:580247275435:layer:LambdaInsightsExtension:53";
const API: &str = "/2018-10-31/layers/arn%3Aaws%3Alambda%3Aus-east-1%3A580247275435%3Alayer%3ALambdaInsightsExtension/versions/53";
const ZIP: &[u8] = b"PK and then some";
const SIGNATURE: &str = "X-Amz-Signature=the-signature";

/// Fetches layer versions from a fake.
struct Fixture {
    fake: FakeAws,
    layers: AwsLayerVersions,
    store: Store,
    events: Arc<Events>,
    _folder: tempfile::TempDir,
}

impl Fixture {
    /// `zip` responds to requests for the zip, given the number of those before. The API's responses describe
    /// `content`.
    fn new(
        content: &'static [u8],
        mut zip: impl FnMut(&ReceivedRequest, usize) -> FakeResponse + Send + 'static,
    ) -> Self {
        let mut before = 0;
        Self::of(FakeAws::start(move |request| {
            if request.target.starts_with("/zip") {
                before += 1;
                zip(request, before - 1)
            } else {
                description(request, content)
            }
        }))
    }

    fn of(fake: FakeAws) -> Self {
        let (folder, store) = Store::for_test();
        let events: Arc<Events> = Arc::default();
        let reporter: Arc<dyn Reporter> = Arc::<Events>::clone(&events);
        let layers = AwsLayerVersions::new(fake.aws(), store.clone(), reporter);
        Self { fake, layers, store, events, _folder: folder }
    }

    async fn fetch(&self, expected: Option<&Digest>) -> Result<FetchedLayerVersion, AwsError> {
        let arn: LayerVersionArn = ARN.parse().unwrap();
        self.layers.fetch_version(&arn, expected).await
    }

    /// The fetch fails and leaves nothing in the store.
    async fn fails(&self, expected: Option<&Digest>) -> AwsError {
        let error = self.fetch(expected).await.unwrap_err();
        let files =
            |folder: &str| std::fs::read_dir(self.store.root().join(folder)).map_or(0, Iterator::count);
        assert_eq!((files("blobs/sha256"), files("layer-versions-1")), (0, 0));
        let everything = format!("{error:?} {} {:?}", shown(&error), self.events.0.lock().unwrap());
        for secret in [SIGNATURE, "the-signature", SECRET_KEY, SESSION_TOKEN] {
            assert!(!everything.contains(secret), "{everything}");
        }
        error
    }

    fn targets(&self) -> Vec<String> {
        self.fake.requests().into_iter().map(|request| request.target).collect()
    }

    fn retries(&self) -> usize {
        self.events.0.lock().unwrap().iter().filter(|event| matches!(event, Event::Retry { .. })).count()
    }
}

/// The response of `GetLayerVersion`.
fn description(request: &ReceivedRequest, content: &[u8]) -> FakeResponse {
    let host = request.header("host").unwrap();
    FakeResponse::json(&json!({
        "Content": {
            "Location": format!("http://{host}/zip?{SIGNATURE}"),
            "CodeSha256": STANDARD.encode(Sha256::digest(content)),
            "CodeSize": content.len(),
        },
        "LayerVersionArn": ARN,
        "Version": 53,
        "CompatibleRuntimes": ["python3.12", "python3.13"],
        "CompatibleArchitectures": ["x86_64"],
    }))
}

/// The requested range of the zip.
fn rest(request: &ReceivedRequest) -> FakeResponse {
    let from = request.header("range").map_or(0, |range| {
        range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')).unwrap().parse().unwrap()
    });
    let range = format!("bytes {from}-{}/{}", ZIP.len() - 1, ZIP.len());
    FakeResponse::new(if from > 0 { 206 } else { 200 }, &ZIP[from..]).header("content-range", range)
}

#[tokio::test]
async fn a_layer_version_is_fetched_only_once() {
    let fixture = Fixture::new(ZIP, |request, _| rest(request));
    let fetched = fixture.fetch(None).await.unwrap();
    assert_eq!(fetched.blob.read().unwrap(), ZIP);
    assert_eq!(fetched.sha256, Digest::of(ZIP));
    assert_eq!(fetched.runtimes, ["python3.12", "python3.13"]);
    assert_eq!(fetched.architectures, ["x86_64"]);
    assert_eq!(fixture.targets(), [API, &format!("/zip?{SIGNATURE}")]);
    let again = fixture.fetch(Some(&fetched.sha256)).await.unwrap();
    assert_eq!(again, fetched);
    assert_eq!(fixture.targets().len(), 2);
    let events = fixture.events.0.lock().unwrap();
    let [Event::Progress(begun), .., Event::Progress(ended)] = &events[..] else { panic!("{events:?}") };
    let Step::Begun { activity: Activity::Fetch { what, .. }, total: Some(16) } = &begun.step else {
        panic!("{begun:?}")
    };
    assert_eq!((&**what, &ended.step), (ARN, &Step::Ended));
    assert!(!format!("{events:?}").contains(SIGNATURE));
}

#[tokio::test]
async fn concurrent_callers_share_one_download() {
    let fixture = Fixture::new(ZIP, |request, _| rest(request));
    let (one, other) = tokio::join!(fixture.fetch(None), fixture.fetch(None));
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(fixture.targets().len(), 2);
}

#[tokio::test]
async fn only_requests_to_the_api_are_signed() {
    let fixture = Fixture::new(ZIP, |request, _| rest(request));
    fixture.fetch(None).await.unwrap();
    let requests = fixture.fake.requests();
    let authorization = requests[0].header("authorization").unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
    assert!(authorization.contains("/us-east-1/lambda/aws4_request,"), "{authorization}");
    assert!(authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token,"), "{authorization}");
    assert_eq!(requests[0].header("x-amz-security-token"), Some(SESSION_TOKEN));
    assert_eq!(requests[0].method, "GET");
    assert!(requests.iter().all(|request| request.header("user-agent").unwrap().starts_with("limg/")));
    for header in ["authorization", "x-amz-security-token", "x-amz-date"] {
        assert_eq!(requests[1].header(header), None);
    }
}

#[tokio::test]
async fn an_expired_url_is_renewed() {
    let fixture = Fixture::new(ZIP, |request, before| {
        if before == 0 {
            FakeResponse::new(403, "<Message>Request has expired</Message>")
        } else {
            rest(request)
        }
    });
    fixture.fetch(None).await.unwrap();
    let zip = format!("/zip?{SIGNATURE}");
    assert_eq!(fixture.targets(), [API, &zip, API, &zip]);
}

#[tokio::test]
async fn a_download_resumes_with_a_new_url() {
    let fixture = Fixture::new(ZIP, |request, before| match before {
        0 => rest(request).closing_after(5),
        1 => FakeResponse::new(403, ""),
        _ => rest(request),
    });
    assert_eq!(fixture.fetch(None).await.unwrap().blob.read().unwrap(), ZIP);
    assert_eq!(fixture.fake.requests().last().unwrap().header("range"), Some("bytes=5-"));
}

#[tokio::test]
async fn a_zip_that_is_always_refused_is_an_error() {
    let fixture = Fixture::new(ZIP, |_, _| FakeResponse::new(403, "the-signature"));
    let error = fixture.fails(None).await;
    assert_eq!(
        error.to_string(),
        format!("failed to download the layer {ARN}: Amazon S3 answered with status 403")
    );
    assert!(help_text(&error).contains("VPC endpoint"));
}

#[tokio::test]
async fn an_interrupted_download_resumes() {
    let fixture = Fixture::new(ZIP, |request, before| match before {
        0 => rest(request).closing_after(3),
        1 => FakeResponse::new(503, ""),
        2 => rest(request).closing_after(4),
        _ => rest(request),
    });
    assert_eq!(fixture.fetch(None).await.unwrap().blob.read().unwrap(), ZIP);
    let ranges: Vec<_> =
        fixture.fake.requests().iter().map(|request| request.header("range").map(str::to_owned)).collect();
    let range = |from: &str| Some(format!("bytes={from}-"));
    assert_eq!(ranges, [None, None, range("3"), range("3"), range("7")]);
    assert_eq!(fixture.retries(), 3);
}

#[tokio::test]
async fn a_server_without_ranges_is_asked_for_the_whole_zip() {
    for second in [200, 416] {
        let fixture = Fixture::new(ZIP, move |request, before| match (before, second) {
            (0, _) => rest(request).closing_after(3),
            (1, 416) => FakeResponse::new(416, ""),
            _ => FakeResponse::new(200, ZIP),
        });
        assert_eq!(fixture.fetch(None).await.unwrap().blob.read().unwrap(), ZIP);
    }
}

#[tokio::test]
async fn an_unexpected_range_is_an_error() {
    let fixture = Fixture::new(ZIP, |request, before| {
        let wrong = FakeResponse::new(206, &ZIP[4..]).header("content-range", "bytes 4-15/16");
        if before == 0 { rest(request).closing_after(3) } else { wrong }
    });
    let error = fixture.fails(None).await;
    assert!(
        error.to_string().contains("sent the range `bytes 4-15/16` instead of `bytes 3-15/16`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_download_that_is_always_interrupted_fails() {
    let fixture = Fixture::new(ZIP, |_, _| FakeResponse::new(200, ZIP).closing_after(0));
    let error = fixture.fails(None).await;
    assert!(matches!(error, AwsError::Network { .. } | AwsError::Truncated { .. }), "{error:?}");
    assert_eq!(fixture.retries(), 4);
}

#[tokio::test]
async fn a_zip_with_another_hash_is_not_kept() {
    let fixture = Fixture::new(ZIP, |_, _| FakeResponse::new(200, "PK and then more"));
    let error = fixture.fails(None).await;
    assert!(error.to_string().contains(&format!("not {}", Digest::of(ZIP))), "{error}");
    assert_eq!(fixture.targets().len(), 3, "it is downloaded a second time");
}

#[tokio::test]
async fn a_zip_of_the_wrong_size_is_refused() {
    let fixture = Fixture::new(ZIP, |_, _| FakeResponse::new(200, "PK"));
    assert!(fixture.fails(None).await.to_string().ends_with("it has 2 bytes, not 16"));
    let fixture = Fixture::new(ZIP, |request, before| {
        let long = FakeResponse::new(206, [ZIP, ZIP].concat()).header("content-range", "bytes 3-15/16");
        if before == 0 { rest(request).closing_after(3) } else { long }
    });
    assert!(fixture.fails(None).await.to_string().ends_with("it has more than 16 bytes"));
}

#[tokio::test]
async fn a_layer_version_other_than_the_pinned_one_is_refused() {
    let fixture = Fixture::new(ZIP, |request, _| rest(request));
    let locked = Digest::of(b"what it was");
    let error = fixture.fails(Some(&locked)).await;
    assert_eq!(
        error.to_string(),
        format!("the layer {ARN} has changed: its digest was {locked} and is now {}", Digest::of(ZIP))
    );
    assert_eq!(fixture.targets(), [API]);
    fixture.fetch(None).await.unwrap();
    let error = fixture.fetch(Some(&locked)).await.unwrap_err();
    assert!(matches!(error, AwsError::LayerChanged { .. }), "the store is checked too: {error}");
}

#[tokio::test]
async fn a_layer_version_that_changes_during_the_download_is_refused() {
    let mut asked = 0;
    let fixture = Fixture::of(FakeAws::start(move |request| {
        if request.target.starts_with("/zip") {
            return FakeResponse::new(403, "");
        }
        asked += 1;
        description(request, if asked == 1 { ZIP } else { b"something else" })
    }));
    assert!(matches!(fixture.fails(None).await, AwsError::LayerChanged { .. }));
}

#[tokio::test]
async fn a_zip_in_the_store_is_not_downloaded() {
    let fixture = Fixture::new(ZIP, |_, _| FakeResponse::new(500, ""));
    fixture.store.add_blob(ZIP).unwrap();
    for _ in 0..2 {
        fixture.fetch(None).await.unwrap();
        assert_eq!(fixture.targets(), [API]);
    }
}

#[tokio::test]
async fn a_busy_api_is_asked_again() {
    let mut asked = 0;
    let fixture = Fixture::of(FakeAws::start(move |request| {
        asked += 1;
        match asked {
            1 => FakeResponse::error(429, "TooManyRequestsException", "Rate exceeded"),
            2 => FakeResponse::error(500, "ServiceException", "An error occurred"),
            3 => description(request, ZIP),
            _ => rest(request),
        }
    }));
    fixture.fetch(None).await.unwrap();
    assert_eq!(fixture.retries(), 2);
    let fixture = Fixture::of(FakeAws::start(|_| FakeResponse::new(503, "<html>")));
    assert_eq!(fixture.fails(None).await.to_string(), format!("failed to look up the layer {ARN}: HTTP 503"));
}

#[tokio::test]
async fn help_for_a_missing_layer_version_is_to_list_them() {
    let message = "The resource you requested does not exist.";
    let fixture =
        Fixture::of(FakeAws::start(move |_| FakeResponse::error(404, "ResourceNotFoundException", message)));
    let error = fixture.fails(None).await;
    assert_eq!(error.to_string(), format!("the layer version {ARN} does not exist: {message}"));
    let help = help_text(&error);
    assert!(help.contains("list-layer-versions --region us-east-1 --layer-name arn:aws:lambda:"), "{help}");
    assert!(error.kind() == FailureKind::User);
    assert_eq!(fixture.targets().len(), 1);
}

#[tokio::test]
async fn help_for_a_forbidden_layer_version_is_to_grant_access() {
    let fixture = Fixture::of(FakeAws::start(|_| {
        FakeResponse::error(
            403,
            "AccessDeniedException",
            "User: a is not authorized to perform: lambda:GetLayerVersion",
        )
    }));
    let error = fixture.fails(None).await;
    let help = help_text(&error);
    assert!(help.contains("580247275435") && help.contains("add-layer-version-permission"), "{help}");
    assert!(help.contains("--layer-name LambdaInsightsExtension --version-number 53"), "{help}");
}

#[tokio::test]
async fn a_malformed_response_is_an_error() {
    let hash = STANDARD.encode(Sha256::digest(ZIP));
    for content in [
        json!({}),
        json!({ "Location": "https://a", "CodeSha256": hash }),
        json!({ "Location": "https://a", "CodeSha256": "%", "CodeSize": 16 }),
        json!({ "Location": "https://a", "CodeSha256": STANDARD.encode("short"), "CodeSize": 16 }),
        json!({ "Location": "https://a", "CodeSha256": hash, "CodeSize": -1 }),
    ] {
        let fixture =
            Fixture::of(FakeAws::start(move |_| FakeResponse::json(&json!({ "Content": content }))));
        assert!(matches!(fixture.fails(None).await, AwsError::UnexpectedResponse { .. }));
    }
    for location in ["no URL", "s3://bucket/key", "file:///etc/passwd"] {
        let content = json!({ "Location": location, "CodeSha256": hash, "CodeSize": 16 });
        let fixture =
            Fixture::of(FakeAws::start(move |_| FakeResponse::json(&json!({ "Content": content }))));
        assert!(
            fixture.fails(None).await.to_string().ends_with("Lambda did not return a valid HTTPS URL for it")
        );
    }
    let fixture = Fixture::of(FakeAws::start(|_| FakeResponse::new(200, vec![b' '; 2 << 20])));
    assert!(matches!(fixture.fails(None).await, AwsError::UnexpectedResponse { .. }));
}
