//! Layer versions: the call of Lambda's API, and the download.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::super::fake::{Fake, Reply, Request, SECRET_KEY, SESSION_TOKEN};
use super::super::{Aws, AwsError, FetchedLayer, fetch_layer};
use super::shown;
use crate::event::{Event, Events, Progress, Reporter};
use crate::project::LayerVersionArn;
use crate::store::{Digest, Store};

const ARN: &str = "arn:aws:lambda:us-east-1:580247275435:layer:LambdaInsightsExtension:53";
const API: &str = "/2018-10-31/layers/arn%3Aaws%3Alambda%3Aus-east-1%3A580247275435%3Alayer%3ALambdaInsightsExtension/versions/53";
const ZIP: &[u8] = b"PK and then some";
const SIGNATURE: &str = "X-Amz-Signature=the-signature";

/// Somebody who fetches layers from a fake.
struct Scene {
    fake: Fake,
    aws: Aws,
    store: Store,
    events: Arc<Events>,
    _folder: tempfile::TempDir,
}

impl Scene {
    /// `zip` answers requests for the zip, given the number of those before; all others get what describes `content`.
    fn new(content: &'static [u8], mut zip: impl FnMut(&Request, usize) -> Reply + Send + 'static) -> Self {
        let mut before = 0;
        Self::of(Fake::start(move |request| {
            if request.target.starts_with("/zip") {
                before += 1;
                zip(request, before - 1)
            } else {
                description(request, content)
            }
        }))
    }

    fn of(fake: Fake) -> Self {
        let (folder, store) = Store::for_test();
        Self { aws: fake.aws(), fake, store, events: Arc::default(), _folder: folder }
    }

    async fn fetch(&self, expected: Option<&Digest>) -> Result<FetchedLayer, AwsError> {
        let reporter: Arc<dyn Reporter> = Arc::<Events>::clone(&self.events);
        let arn: LayerVersionArn = ARN.parse().unwrap();
        fetch_layer(&self.aws, &arn, expected, &self.store, &reporter).await
    }

    /// Fails to fetch, and leaves nothing behind.
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

/// What `GetLayerVersion` answers.
fn description(request: &Request, content: &[u8]) -> Reply {
    let host = request.header("host").unwrap();
    Reply::json(&json!({
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

/// The rest of the zip, as a range is asked for.
fn rest(request: &Request) -> Reply {
    let from = request.header("range").map_or(0, |range| {
        range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')).unwrap().parse().unwrap()
    });
    let range = format!("bytes {from}-{}/{}", ZIP.len() - 1, ZIP.len());
    Reply::new(if from > 0 { 206 } else { 200 }, &ZIP[from..]).header("content-range", range)
}

#[tokio::test]
async fn a_layer_is_fetched_once_ever() {
    let scene = Scene::new(ZIP, |request, _| rest(request));
    let fetched = scene.fetch(None).await.unwrap();
    assert_eq!(fetched.blob.read().unwrap(), ZIP);
    assert_eq!(fetched.sha256, Digest::of(ZIP));
    assert_eq!(fetched.runtimes, ["python3.12", "python3.13"]);
    assert_eq!((fetched.architectures.as_slice(), fetched.downloaded), (&["x86_64".to_owned()][..], true));
    assert_eq!(scene.targets(), [API, &format!("/zip?{SIGNATURE}")]);
    let again = scene.fetch(Some(&fetched.sha256)).await.unwrap();
    assert_eq!(again, FetchedLayer { downloaded: false, ..fetched });
    assert_eq!(scene.targets().len(), 2);
    let events = scene.events.0.lock().unwrap();
    let [Event::Transfer(begun), .., Event::Transfer(ended)] = &events[..] else { panic!("{events:?}") };
    assert!(matches!(&begun.progress, Progress::Begun { what, total: 16, .. } if what == ARN));
    assert_eq!(ended.progress, Progress::Ended);
    assert!(!format!("{events:?}").contains(SIGNATURE));
}

#[tokio::test]
async fn those_who_need_a_layer_at_once_fetch_it_once() {
    let scene = Scene::new(ZIP, |request, _| rest(request));
    let (one, other) = tokio::join!(scene.fetch(None), scene.fetch(None));
    assert_ne!(one.unwrap().downloaded, other.unwrap().downloaded);
    assert_eq!(scene.targets().len(), 2);
}

#[tokio::test]
async fn only_the_api_is_told_who_asks() {
    let scene = Scene::new(ZIP, |request, _| rest(request));
    scene.fetch(None).await.unwrap();
    let requests = scene.fake.requests();
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
async fn a_url_that_is_over_is_asked_for_anew() {
    let scene = Scene::new(ZIP, |request, before| {
        if before == 0 { Reply::new(403, "<Message>Request has expired</Message>") } else { rest(request) }
    });
    assert!(scene.fetch(None).await.unwrap().downloaded);
    let zip = format!("/zip?{SIGNATURE}");
    assert_eq!(scene.targets(), [API, &zip, API, &zip]);
}

#[tokio::test]
async fn a_url_that_ends_in_the_middle_is_gone_on_with() {
    let scene = Scene::new(ZIP, |request, before| match before {
        0 => rest(request).breaking_after(5),
        1 => Reply::new(403, ""),
        _ => rest(request),
    });
    assert_eq!(scene.fetch(None).await.unwrap().blob.read().unwrap(), ZIP);
    assert_eq!(scene.fake.requests().last().unwrap().header("range"), Some("bytes=5-"));
}

#[tokio::test]
async fn a_zip_that_is_refused_for_ever_is_an_error() {
    let scene = Scene::new(ZIP, |_, _| Reply::new(403, "the-signature"));
    let error = scene.fails(None).await;
    assert_eq!(error.to_string(), format!("failed to download the layer {ARN}: Amazon S3 answered 403"));
    assert!(error.help().unwrap().contains("VPC endpoint"));
}

#[tokio::test]
async fn a_download_that_breaks_off_is_gone_on_with() {
    let scene = Scene::new(ZIP, |request, before| match before {
        0 => rest(request).breaking_after(3),
        1 => Reply::new(503, ""),
        2 => rest(request).breaking_after(4),
        _ => rest(request),
    });
    assert_eq!(scene.fetch(None).await.unwrap().blob.read().unwrap(), ZIP);
    let ranges: Vec<_> =
        scene.fake.requests().iter().map(|request| request.header("range").map(str::to_owned)).collect();
    let range = |from: &str| Some(format!("bytes={from}-"));
    assert_eq!(ranges, [None, None, range("3"), range("3"), range("7")]);
    assert_eq!(scene.retries(), 3);
}

#[tokio::test]
async fn who_knows_no_parts_is_asked_for_the_whole() {
    for second in [200, 416] {
        let scene = Scene::new(ZIP, move |request, before| match (before, second) {
            (0, _) => rest(request).breaking_after(3),
            (1, 416) => Reply::new(416, ""),
            _ => Reply::new(200, ZIP),
        });
        assert_eq!(scene.fetch(None).await.unwrap().blob.read().unwrap(), ZIP);
    }
}

#[tokio::test]
async fn a_part_that_was_not_asked_for_is_an_error() {
    let scene = Scene::new(ZIP, |request, before| {
        let wrong = Reply::new(206, &ZIP[4..]).header("content-range", "bytes 4-15/16");
        if before == 0 { rest(request).breaking_after(3) } else { wrong }
    });
    let error = scene.fails(None).await;
    assert!(error.to_string().contains("`bytes 4-15/16` came instead of `bytes 3-15/16`"), "{error}");
}

#[tokio::test]
async fn a_download_that_always_breaks_off_ends() {
    let scene = Scene::new(ZIP, |_, _| Reply::new(200, ZIP).breaking_after(0));
    let error = scene.fails(None).await;
    assert!(matches!(error, AwsError::Network { .. } | AwsError::Truncated { .. }), "{error:?}");
    assert_eq!(scene.retries(), 4);
}

#[tokio::test]
async fn a_zip_with_another_hash_is_not_kept() {
    let scene = Scene::new(ZIP, |_, _| Reply::new(200, "PK and then more"));
    let error = scene.fails(None).await;
    assert!(error.to_string().contains(&format!("not {}", Digest::of(ZIP))), "{error}");
    assert_eq!(scene.targets().len(), 3, "it is downloaded once more to see");
}

#[tokio::test]
async fn a_zip_of_another_size_is_not_taken() {
    let scene = Scene::new(ZIP, |_, _| Reply::new(200, "PK"));
    assert!(scene.fails(None).await.to_string().ends_with("it has 2 bytes, not 16"));
    let scene = Scene::new(ZIP, |request, before| {
        let long = Reply::new(206, [ZIP, ZIP].concat()).header("content-range", "bytes 3-15/16");
        if before == 0 { rest(request).breaking_after(3) } else { long }
    });
    assert!(scene.fails(None).await.to_string().ends_with("it has more than 16 bytes"));
}

#[tokio::test]
async fn a_layer_that_is_not_the_locked_one_is_not_taken() {
    let scene = Scene::new(ZIP, |request, _| rest(request));
    let locked = Digest::of(b"what it was");
    let error = scene.fails(Some(&locked)).await;
    assert_eq!(
        error.to_string(),
        format!("the layer {ARN} has changed: its digest is {}, and was {locked}", Digest::of(ZIP))
    );
    assert_eq!(scene.targets(), [API]);
    scene.fetch(None).await.unwrap();
    let error = scene.fetch(Some(&locked)).await.unwrap_err();
    assert!(matches!(error, AwsError::LayerChanged { .. }), "what is in the store is checked too: {error}");
}

#[tokio::test]
async fn a_layer_that_changes_on_the_way_is_not_taken() {
    let mut asked = 0;
    let scene = Scene::of(Fake::start(move |request| {
        if request.target.starts_with("/zip") {
            return Reply::new(403, "");
        }
        asked += 1;
        description(request, if asked == 1 { ZIP } else { b"something else" })
    }));
    assert!(matches!(scene.fails(None).await, AwsError::LayerChanged { .. }));
}

#[tokio::test]
async fn a_zip_that_is_in_the_store_is_not_downloaded() {
    let scene = Scene::new(ZIP, |_, _| Reply::new(500, ""));
    scene.store.add_blob(ZIP).unwrap();
    assert!(!scene.fetch(None).await.unwrap().downloaded);
    assert_eq!(scene.targets(), [API]);
    scene.fetch(None).await.unwrap();
    assert_eq!(scene.targets(), [API]);
}

#[tokio::test]
async fn an_api_that_is_busy_is_asked_again() {
    let mut asked = 0;
    let scene = Scene::of(Fake::start(move |request| {
        asked += 1;
        match asked {
            1 => Reply::fault(429, "TooManyRequestsException", "Rate exceeded"),
            2 => Reply::fault(500, "ServiceException", "An error occurred"),
            3 => description(request, ZIP),
            _ => rest(request),
        }
    }));
    scene.fetch(None).await.unwrap();
    assert_eq!(scene.retries(), 2);
    let scene = Scene::of(Fake::start(|_| Reply::new(503, "<html>")));
    assert_eq!(scene.fails(None).await.to_string(), format!("failed to find the layer {ARN}: HTTP 503"));
}

#[tokio::test]
async fn a_layer_that_is_not_there_is_told_with_where_to_look() {
    let message = "The resource you requested does not exist.";
    let scene = Scene::of(Fake::start(move |_| Reply::fault(404, "ResourceNotFoundException", message)));
    let error = scene.fails(None).await;
    assert_eq!(error.to_string(), format!("there is no layer {ARN}: {message}"));
    let help = error.help().unwrap();
    assert!(help.contains("list-layer-versions --region us-east-1 --layer-name arn:aws:lambda:"), "{help}");
    assert!(error.is_users());
    assert_eq!(scene.targets().len(), 1);
}

#[tokio::test]
async fn a_layer_of_others_is_told_with_what_lets_one_in() {
    let scene = Scene::of(Fake::start(|_| {
        Reply::fault(
            403,
            "AccessDeniedException",
            "User: a is not authorized to perform: lambda:GetLayerVersion",
        )
    }));
    let error = scene.fails(None).await;
    let help = error.help().unwrap();
    assert!(help.contains("580247275435") && help.contains("add-layer-version-permission"), "{help}");
    assert!(help.contains("--layer-name LambdaInsightsExtension --version-number 53"), "{help}");
}

#[tokio::test]
async fn an_answer_that_describes_no_zip_is_an_error() {
    let hash = STANDARD.encode(Sha256::digest(ZIP));
    for content in [
        json!({}),
        json!({ "Location": "https://a", "CodeSha256": hash }),
        json!({ "Location": "https://a", "CodeSha256": "%", "CodeSize": 16 }),
        json!({ "Location": "https://a", "CodeSha256": STANDARD.encode("short"), "CodeSize": 16 }),
        json!({ "Location": "https://a", "CodeSha256": hash, "CodeSize": -1 }),
    ] {
        let scene = Scene::of(Fake::start(move |_| Reply::json(&json!({ "Content": content }))));
        assert!(matches!(scene.fails(None).await, AwsError::Answer { .. }));
    }
    for location in ["no URL", "s3://bucket/key", "file:///etc/passwd"] {
        let content = json!({ "Location": location, "CodeSha256": hash, "CodeSize": 16 });
        let scene = Scene::of(Fake::start(move |_| Reply::json(&json!({ "Content": content }))));
        assert!(
            scene.fails(None).await.to_string().ends_with("Lambda names no URL for it that limg follows")
        );
    }
    let scene = Scene::of(Fake::start(|_| Reply::new(200, vec![b' '; 2 << 20])));
    assert!(matches!(scene.fails(None).await, AwsError::Answer { .. }));
}
