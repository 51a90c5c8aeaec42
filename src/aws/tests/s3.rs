//! Objects in S3: requests, redirects to other Regions, downloads and refusals.

use std::sync::Arc;

use super::super::fake::{FakeAws, FakeResponse, ReceivedRequest, SECRET_KEY, SESSION_TOKEN};
use super::super::{AwsError, FetchedObject, S3Objects};
use super::shown;
use crate::event::{Events, Reporter};
use crate::failure::{Failure as _, FailureKind, help_text};
use crate::finding::S3Object;
use crate::store::{Digest, Store};

const ZIP: &[u8] = b"PK and then some";
const ETAG: &str = "\"the-etag\"";

struct Fixture {
    fake: FakeAws,
    objects: S3Objects,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Fixture {
    /// `respond` gets the number of requests before.
    fn new(mut respond: impl FnMut(&ReceivedRequest, usize) -> FakeResponse + Send + 'static) -> Self {
        let mut before = 0;
        let fake = FakeAws::start(move |request| {
            before += 1;
            respond(request, before - 1)
        });
        let (folder, store) = Store::for_test();
        let reporter: Arc<dyn Reporter> = Arc::new(Events::default());
        let objects = S3Objects::new(fake.aws(), store.clone(), reporter);
        Self { fake, objects, store, _folder: folder }
    }

    async fn fetch(&self, url: &str, expected: Option<&Digest>) -> Result<FetchedObject, AwsError> {
        self.objects.fetch(&S3Object::of_url(url).unwrap(), expected).await
    }

    /// The fetch fails and leaves nothing in the store.
    async fn fails(&self) -> AwsError {
        let error = self.fetch("s3://shop/code.zip", None).await.unwrap_err();
        let blobs = std::fs::read_dir(self.store.root().join("blobs/sha256"));
        assert_eq!(blobs.map_or(0, Iterator::count), 0);
        for secret in [SECRET_KEY, SESSION_TOKEN] {
            assert!(!format!("{error:?} {}", shown(&error)).contains(secret), "{error:?}");
        }
        error
    }

    fn header(&self, request: usize, name: &str) -> Option<String> {
        self.fake.requests()[request].header(name).map(str::to_owned)
    }
}

/// The object, or the rest of it from where the request asks.
fn object(request: &ReceivedRequest) -> FakeResponse {
    let from = request.header("range").map_or(0, |range| {
        range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')).unwrap().parse().unwrap()
    });
    let range = format!("bytes {from}-{}/{}", ZIP.len() - 1, ZIP.len());
    let response = FakeResponse::new(if from > 0 { 206 } else { 200 }, &ZIP[from..]);
    response.header("content-range", range).header("etag", ETAG)
}

fn refusal(status: u16, code: &str, more: &str) -> FakeResponse {
    FakeResponse::new(
        status,
        format!(
            "<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>Because.</Message>{more}</Error>"
        ),
    )
}

#[tokio::test]
async fn an_object_is_downloaded_again_only_if_it_has_changed() {
    let fixture = Fixture::new(|request, _| match request.header("if-none-match") {
        Some(ETAG) => FakeResponse::new(304, ""),
        _ => object(request),
    });
    let fetched = fixture.fetch("s3://shop/a b/c+d.zip", None).await.unwrap();
    assert_eq!((fetched.blob.read().unwrap(), &fetched.sha256), (ZIP.to_vec(), &Digest::of(ZIP)));
    assert_eq!(fixture.fetch("s3://shop/a b/c+d.zip", None).await.unwrap(), fetched);
    assert_eq!(fixture.fake.requests().len(), 2);
    assert_eq!(fixture.fake.requests()[0].target, "/shop/a%20b/c%2Bd.zip");
    let authorization = fixture.header(0, "authorization").unwrap();
    assert!(authorization.contains("/eu-west-1/s3/aws4_request,"), "{authorization}");
    assert!(fixture.header(0, "x-amz-content-sha256").is_some());
    // What is pinned needs no request.
    assert_eq!(fixture.fetch("s3://shop/a b/c+d.zip", Some(&fetched.sha256)).await.unwrap(), fetched);
    assert_eq!(fixture.fake.requests().len(), 2);
}

#[tokio::test]
async fn a_version_is_downloaded_once() {
    let fixture = Fixture::new(|request, _| object(request));
    for _ in 0..2 {
        fixture.fetch("s3://shop/code.zip?versionId=a/b", None).await.unwrap();
    }
    let targets: Vec<_> = fixture.fake.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(targets, ["/shop/code.zip?versionId=a%2Fb"]);
}

#[tokio::test]
async fn an_object_that_is_not_what_is_pinned_is_an_error() {
    let fixture = Fixture::new(|request, _| object(request));
    let error = fixture.fetch("s3://shop/code.zip", Some(&Digest::of(b"other"))).await.unwrap_err();
    let AwsError::ObjectChanged { found, .. } = &error else { panic!("{error:?}") };
    assert_eq!((found, error.kind()), (&Digest::of(ZIP), FailureKind::User));
    assert!(help_text(&error).contains("limg update --fetch"));
}

#[tokio::test]
async fn the_region_of_the_bucket_is_followed_once() {
    let by_header = |status| move || refusal(status, "X", "").header("x-amz-bucket-region", "eu-central-1");
    let by_body = || refusal(400, "AuthorizationHeaderMalformed", "<Region>eu-central-1</Region>");
    let redirects: [Box<dyn Fn() -> FakeResponse + Send>; 3] =
        [Box::new(by_header(301)), Box::new(by_header(400)), Box::new(by_body)];
    for redirect in redirects {
        let fixture = Fixture::new(move |request, before| match before {
            0 => redirect(),
            _ => object(request),
        });
        fixture.fetch("s3://shop/code.zip", None).await.unwrap();
        let authorization = fixture.header(1, "authorization").unwrap();
        assert!(authorization.contains("/eu-central-1/s3/aws4_request,"), "{authorization}");
    }
    let mut turn = 0;
    let fixture = Fixture::new(move |_, _| {
        turn += 1;
        refusal(301, "PermanentRedirect", "")
            .header("x-amz-bucket-region", format!("eu-west-{}", turn % 2 + 2))
    });
    assert!(matches!(fixture.fails().await, AwsError::Refused { .. }));
    assert_eq!(fixture.fake.requests().len(), 2);
}

#[tokio::test]
async fn a_region_of_another_partition_or_of_no_form_is_not_followed() {
    for region in ["cn-north-1", "evil.example/", ""] {
        let fixture = Fixture::new(move |_, _| {
            refusal(301, "PermanentRedirect", "").header("x-amz-bucket-region", region)
        });
        assert!(matches!(fixture.fails().await, AwsError::Refused { .. }), "{region}");
        assert_eq!(fixture.fake.requests().len(), 1, "{region}");
    }
}

#[tokio::test]
async fn an_interrupted_download_resumes() {
    let fixture = Fixture::new(|request, before| match before {
        0 => object(request).closing_after(3),
        1 => refusal(503, "SlowDown", ""),
        _ => object(request),
    });
    assert_eq!(fixture.fetch("s3://shop/code.zip", None).await.unwrap().blob.read().unwrap(), ZIP);
    let ranges: Vec<_> = (0..3).map(|request| fixture.header(request, "range")).collect();
    assert_eq!(ranges, [None, Some("bytes=3-".to_owned()), Some("bytes=3-".to_owned())]);
    assert_eq!(fixture.header(2, "if-match").as_deref(), Some(ETAG));
}

#[tokio::test]
async fn an_object_that_is_replaced_during_the_download_is_downloaded_from_its_start() {
    let fixture = Fixture::new(|request, before| match before {
        0 => object(request).closing_after(3),
        1 => refusal(412, "PreconditionFailed", ""),
        _ => object(request),
    });
    assert_eq!(fixture.fetch("s3://shop/code.zip", None).await.unwrap().sha256, Digest::of(ZIP));
    assert_eq!(fixture.header(2, "range"), None);
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    for (status, code, message, help, kind) in [
        (
            404,
            "NoSuchKey",
            "s3://shop/code.zip does not exist: Because.",
            "aws s3 ls s3://shop/",
            FailureKind::User,
        ),
        (404, "NoSuchBucket", "s3://shop/code.zip does not exist: Because.", "aws s3 ls", FailureKind::User),
        (
            403,
            "AccessDenied",
            "failed to fetch s3://shop/code.zip: access denied: Because.",
            "s3:GetObject",
            FailureKind::Environment,
        ),
        (
            403,
            "ExpiredToken",
            "failed to fetch s3://shop/code.zip: ExpiredToken: Because.",
            "aws sso login",
            FailureKind::Environment,
        ),
        (
            403,
            "SignatureDoesNotMatch",
            "failed to fetch s3://shop/code.zip: SignatureDoesNotMatch: Because.",
            "clock",
            FailureKind::Environment,
        ),
    ] {
        let error = Fixture::new(move |_, _| refusal(status, code, "")).fails().await;
        assert_eq!((error.to_string().as_str(), error.kind()), (message, kind));
        assert!(help_text(&error).contains(help), "{code}: {}", help_text(&error));
    }
}

#[tokio::test]
async fn responses_that_make_no_sense_are_errors() {
    let cases: [fn() -> FakeResponse; 4] = [
        || FakeResponse::new(200, ZIP),
        || FakeResponse::new(206, ZIP).header("etag", ETAG).header("content-range", "bytes 0-15/16"),
        || FakeResponse::new(304, ""),
        || FakeResponse::new(302, "").header("location", "http://127.0.0.1:1/"),
    ];
    for (position, case) in cases.into_iter().enumerate() {
        let error = Fixture::new(move |_, _| case()).fails().await;
        let is_expected = matches!(error, AwsError::UnexpectedResponse { .. } | AwsError::Refused { .. });
        assert!(is_expected, "{position}: {error:?}");
    }
}
