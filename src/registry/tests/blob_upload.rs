//! Uploads and mounts of blobs.

use super::*;
use crate::registry::fake::{ALWAYS, InjectedFault, Locations};

const UPLOADS: &str = "/blobs/uploads/";

/// More bytes than the PUT of an upload has.
const LARGE: usize = 1_500_000;

impl Fixture {
    /// Uploads a blob of the store.
    async fn upload(&self, content: &[u8]) -> Result<(), RegistryError> {
        let blob = self.store.add_blob(content).unwrap();
        self.upload_as(content, UploadContent::Blob(&blob), None).await
    }

    async fn mount(&self, content: &[u8], from: &str) -> Result<MountOutcome, RegistryError> {
        self.client.mount(&self.repository(), &Digest::of(content), from).await
    }

    /// Fails unless the registry has exactly this blob, and no upload session was used again after a failure.
    fn assert_only_blob(&self, content: &[u8]) {
        let blobs = self.contents().blobs;
        assert_eq!(blobs.keys().collect::<Vec<_>>(), [&Digest::of(content)]);
        let state = self.fake.state();
        let mut steps: Vec<_> = state
            .log
            .iter()
            .filter(|request| matches!(request.head.method.as_str(), "PATCH" | "PUT"))
            .filter(|request| !matches!(request.status, 307 | 308))
            .map(|request| (request.head.path.clone(), request.head.query.clone()))
            .collect();
        let all = steps.len();
        steps.sort();
        steps.dedup();
        assert_eq!(steps.len(), all, "a session was used again after a failure");
    }
}

impl Fixture {
    /// The methods of all requests, with the bytes that each sent.
    fn sent(&self) -> Vec<(String, usize)> {
        let state = self.fake.state();
        state.log.iter().map(|request| (request.head.method.clone(), request.sent)).collect()
    }
}

#[tokio::test]
async fn a_large_blob_is_sent_in_one_stream_and_a_smaller_one_in_one_request() {
    for (ecr, locations) in
        [(false, Locations::Relative), (true, Locations::Absolute), (true, Locations::Relative)]
    {
        for length in [LARGE, 700_000] {
            let fixture = Fixture::new();
            let content = noise(3, length);
            {
                let mut state = fixture.fake.state();
                (state.behaviour.ecr, state.behaviour.locations) = (ecr, locations.clone());
            }
            fixture.upload(&content).await.unwrap();
            fixture.assert_only_blob(&content);
            let sent = fixture.sent();
            let sent: Vec<_> = sent.iter().map(|(method, sent)| (method.as_str(), *sent)).collect();
            let steps = [("POST", 0), ("PATCH", length), ("PUT", 0)];
            let expected = if length == LARGE { &steps[..] } else { &[("POST", 0), ("PUT", length)] };
            assert_eq!(sent, expected);
            assert_eq!(fixture.fake.state().log[1].head.headers["content-length"], length.to_string());
        }
    }
    // Bytes in memory, even none.
    for content in [&b"{}"[..], b""] {
        let fixture = Fixture::new();
        fixture.upload_as(content, UploadContent::Bytes(content), None).await.unwrap();
        fixture.assert_only_blob(content);
    }
}

#[tokio::test]
async fn a_small_blob_takes_one_request_where_the_registry_accepts_that() {
    let fixture = Fixture::new();
    fixture.fake.state().behaviour.accepts_content_in_post = true;
    // Only a small one is sent to find out.
    for length in [700_000, 1000, 700_000, 0] {
        fixture.upload(&noise(3, length)).await.unwrap();
        assert!(fixture.contents().blobs.contains_key(&Digest::of(&noise(3, length))));
    }
    let sent = fixture.sent();
    let sent: Vec<_> = sent.iter().map(|(method, sent)| (method.as_str(), *sent)).collect();
    assert_eq!(sent, [("POST", 0), ("PUT", 700_000), ("POST", 1000), ("POST", 700_000), ("POST", 0)]);
}

#[tokio::test]
async fn a_registry_that_ignores_or_rejects_content_gets_none_in_a_second_post() {
    for rejection in [None, Some(400), Some(405), Some(411), Some(501)] {
        let fixture = Fixture::new();
        if let Some(code) = rejection {
            let response = Response::error(code, "UNSUPPORTED", "not in this request");
            fixture.fake.fail("POST", UPLOADS, 1..=1, InjectedFault::Respond(response));
        }
        for length in [1000, 2000] {
            fixture.upload(&noise(3, length)).await.unwrap();
            assert!(fixture.contents().blobs.contains_key(&Digest::of(&noise(3, length))));
        }
        let posts: Vec<_> = fixture.sent().into_iter().filter(|(method, _)| method == "POST").collect();
        let posts: Vec<_> = posts.into_iter().map(|(_, sent)| sent).collect();
        let first: &[usize] = if rejection.is_some() { &[1000, 0] } else { &[1000] };
        assert_eq!(posts, [first, &[0]].concat(), "{rejection:?}");
        assert_eq!(fixture.retries(), [""; 0]);
    }
}

#[tokio::test]
async fn a_201_with_a_session_does_not_count_as_a_stored_blob() {
    // As Amazon ECR answers PATCH.
    let fixture = Fixture::new();
    let session = Response::new(201).header("location", "/v2/shop/orders/blobs/uploads/session-0");
    fixture.fake.fail("POST", UPLOADS, 1..=1, InjectedFault::Respond(session));
    let content = noise(3, 1000);
    fixture.upload(&content).await.unwrap();
    fixture.assert_only_blob(&content);
}

#[tokio::test]
async fn an_upload_may_continue_at_another_host() {
    let fixture = Fixture::of(Who::User);
    fixture.require_auth(AuthScheme::Basic, usize::MAX);
    fixture.fake.state().behaviour.locations = Locations::OtherHost(fixture.fake.second_host());
    let content = noise(3, 100_000);
    fixture.upload(&content).await.unwrap();
    fixture.assert_only_blob(&content);
    let state = fixture.fake.state();
    for request in state.log.iter().filter(|request| request.head.method != "POST") {
        assert_eq!(request.scheme(), None, "only the registry receives the password: {}", request.line());
    }
}

#[tokio::test]
async fn an_upload_may_be_redirected_to_another_host() {
    for code in [307, 308] {
        for method in ["POST", "PATCH", "PUT"] {
            let fixture = Fixture::of(Who::User);
            fixture.require_auth(AuthScheme::Basic, usize::MAX);
            // From now on the password is sent at once.
            fixture.client.has_blob(&fixture.repository(), &Digest::of(b"other")).await.unwrap();
            let second_host = fixture.fake.second_host();
            fixture.fake.fail(method, UPLOADS, 1..=1, InjectedFault::Redirect(code, second_host.clone()));
            let content = noise(3, LARGE);
            fixture.upload(&content).await.unwrap();
            fixture.assert_only_blob(&content);
            assert_eq!(fixture.retries(), [""; 0]);
            let state = fixture.fake.state();
            let there = state.log.iter().filter(|request| request.head.headers["host"] == second_host);
            let there: Vec<_> =
                there.map(|request| (request.head.method.as_str(), request.scheme())).collect();
            assert_eq!(there[0].0, method);
            assert!(there.iter().all(|(_, scheme)| scheme.is_none()), "without the password: {there:?}");
        }
    }
}

#[tokio::test]
async fn a_transient_failure_is_retried_in_a_new_session() {
    let faults = [408, 429, 500, 502, 503, 504].map(|code| InjectedFault::Respond(status(code)));
    let others = [
        InjectedFault::Respond(Response::error(416, "BLOB_UPLOAD_INVALID", "range")),
        InjectedFault::Respond(Response::error(404, "BLOB_UPLOAD_UNKNOWN", "gone")),
        InjectedFault::RespondAfter(100_000, status(500)),
        InjectedFault::RespondAfter(100_000, status(503)),
        InjectedFault::Reset,
        InjectedFault::ResetAfter(100_000),
        InjectedFault::LoseResponse,
    ];
    for fault in faults.into_iter().chain(others) {
        for ecr in [false, true] {
            for (method, length) in [("PATCH", LARGE), ("PUT", LARGE), ("PUT", 500_000)] {
                let fixture = Fixture::new();
                fixture.fake.state().behaviour.ecr = ecr;
                let content = noise(3, length);
                fixture.fake.fail(method, UPLOADS, 1..=2, fault.clone());
                fixture.upload(&content).await.unwrap();
                fixture.assert_only_blob(&content);
                // A PUT without content has no body that could break off.
                let is_empty = method == "PUT" && length == LARGE;
                let passes = is_empty && matches!(fault, InjectedFault::ResetAfter(_));
                assert_eq!(fixture.retries().is_empty(), passes, "{method} {length} {fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn opening_a_session_is_retried() {
    for fault in [
        InjectedFault::Respond(status(500)),
        InjectedFault::Respond(status(429)),
        InjectedFault::Reset,
        InjectedFault::LoseResponse,
    ] {
        let fixture = Fixture::new();
        let content = noise(3, 1000);
        fixture.fake.fail("POST", UPLOADS, 1..=2, fault);
        fixture.upload(&content).await.unwrap();
        fixture.assert_only_blob(&content);
        assert_eq!(fixture.fake.count("PUT", UPLOADS), 1);
    }
}

#[tokio::test]
async fn a_blob_is_not_sent_again_if_only_the_response_was_lost() {
    let fixture = Fixture::new();
    let content = noise(3, 1000);
    fixture.fake.fail("PUT", UPLOADS, ALWAYS, InjectedFault::LoseResponse);
    fixture.upload(&content).await.unwrap();
    fixture.assert_only_blob(&content);
    assert_eq!(fixture.fake.count("PUT", UPLOADS), 1);
}

#[tokio::test]
async fn a_lasting_failure_is_tried_five_times() {
    for method in ["POST", "PATCH", "PUT"] {
        for fault in
            [InjectedFault::Respond(Response::error(500, "UNKNOWN", "disk on fire")), InjectedFault::Reset]
        {
            let fixture = Fixture::new();
            fixture.fake.fail(method, UPLOADS, ALWAYS, fault.clone());
            let (message, error) = fixture.fails(fixture.upload(&noise(3, LARGE)).await);
            assert!(message.starts_with("failed to upload sha256:"), "{message}");
            assert!(message.contains("to HOST/shop/orders: "), "{message}");
            let said = matches!(fault, InjectedFault::Respond(_));
            assert_eq!(error.status(), said.then_some(500));
            assert_eq!(message.ends_with("UNKNOWN: disk on fire"), said, "{message}");
            assert_eq!(fixture.fake.count(method, UPLOADS), 5, "{method}");
            assert_eq!(fixture.contents(), RepositoryContents::default());
        }
    }
}

#[tokio::test]
async fn a_permanent_failure_is_tried_once() {
    for (method, code) in
        [("POST", 403), ("POST", 404), ("PATCH", 403), ("PATCH", 413), ("PUT", 405), ("PUT", 413)]
    {
        let fixture = Fixture::new();
        let response = Response::error(code, "DENIED", "not yours");
        fixture.fake.fail(method, UPLOADS, ALWAYS, InjectedFault::Respond(response));
        let (message, error) = fixture.fails(fixture.upload(&noise(3, LARGE)).await);
        assert_eq!((error.status(), error.code()), (Some(code), Some("DENIED")));
        assert!(message.contains("DENIED: not yours"), "{message}");
        assert_eq!(fixture.fake.count(method, UPLOADS), 1);
        assert_eq!(fixture.contents(), RepositoryContents::default());
    }
    let fixture = Fixture::new();
    fixture.fake.state().behaviour.requires_repository = true;
    let (message, error) = fixture.fails(fixture.upload(b"content").await);
    assert_eq!(error.code(), Some("NAME_UNKNOWN"), "{message}");
    assert!(error.is_not_found());
}

#[tokio::test]
async fn a_rejection_during_the_upload_is_reported() {
    // The registry does not read the rest, so the response may be lost; then a later attempt receives it.
    let fixture = Fixture::new();
    let response = Response::error(413, "SIZE_INVALID", "too large");
    fixture.fake.fail("PATCH", UPLOADS, ALWAYS, InjectedFault::RespondAfter(10, response));
    fixture.fails(fixture.upload(&noise(3, 3_000_000)).await);
    assert!(fixture.fake.count("PATCH", UPLOADS) <= 5);
    assert_eq!(fixture.contents(), RepositoryContents::default());
}

#[tokio::test]
async fn a_damaged_blob_is_distinguished_from_a_damaged_transfer() {
    let fixture = Fixture::new();
    let content = noise(3, 100_000);
    let blob = fixture.store.add_blob(&content).unwrap();
    let mut damaged = content.clone();
    damaged[5] ^= 1;
    std::fs::remove_file(&blob.path).unwrap();
    std::fs::write(&blob.path, damaged).unwrap();
    let (message, _) = fixture.fails(fixture.upload_as(&content, UploadContent::Blob(&blob), None).await);
    assert!(
        message.contains(blob.path.to_str().unwrap()) && message.contains("does not match its digest"),
        "{message}"
    );
    assert_eq!(fixture.fake.count("PUT", UPLOADS), 1);

    let fixture = Fixture::new();
    let response = Response::error(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
    fixture.fake.fail("PUT", UPLOADS, 1..=1, InjectedFault::Respond(response));
    fixture.upload(&content).await.unwrap();
    fixture.assert_only_blob(&content);
}

#[tokio::test]
async fn a_blob_that_cannot_be_read_is_an_error() {
    let fixture = Fixture::new();
    let content = noise(3, 600_000);
    let blob = fixture.store.add_blob(&content).unwrap();
    std::fs::remove_file(&blob.path).unwrap();
    let upload = || fixture.upload_as(&content, UploadContent::Blob(&blob), None);
    let (message, _) = fixture.fails(upload().await);
    assert!(message.contains(blob.path.to_str().unwrap()), "{message}");
    // A file that became shorter ends the upload.
    std::fs::write(&blob.path, &content[..300_000]).unwrap();
    let (message, _) = fixture.fails(upload().await);
    assert!(message.contains(blob.path.to_str().unwrap()), "{message}");
    assert_eq!(fixture.contents(), RepositoryContents::default());
}

#[tokio::test]
async fn a_registry_that_stores_other_content_is_an_error() {
    let fixture = Fixture::new();
    fixture.fake.fail("PUT", "/v2/", ALWAYS, InjectedFault::WrongDigest);
    let (message, _) = fixture.fails(fixture.upload(b"content").await);
    assert!(message.contains("the registry's content has the digest"), "{message}");
}

#[tokio::test]
async fn a_blob_is_mounted() {
    let fixture = Fixture::of(Who::User);
    fixture.require_auth(AuthScheme::Bearer { public: false, uses: usize::MAX }, usize::MAX);
    fixture.fake.state().behaviour.mounts = true;
    let digest = fixture.fake.state().repository("limg/base").blob(b"layer");
    assert!(matches!(fixture.mount(b"layer", "limg/base").await.unwrap(), MountOutcome::Mounted));
    fixture.assert_only_blob(b"layer");
    let state = fixture.fake.state();
    let post = state.log.iter().find(|request| request.status == 201).unwrap();
    assert_eq!(post.head.parameter("mount"), Some(digest.as_str()));
    assert_eq!(post.head.parameter("from"), Some("limg/base"));
    assert_eq!(post.head.query.len(), 2, "other parameters: {:?}", post.head.query);
}

#[tokio::test]
async fn a_refused_mount_opens_a_session() {
    for ecr in [false, true] {
        let fixture = Fixture::new();
        fixture.fake.state().behaviour.ecr = ecr;
        let content = noise(3, 100_000);
        fixture.fake.state().repository("limg/base").blob(&content);
        let MountOutcome::Refused(Some(session)) = fixture.mount(&content, "limg/base").await.unwrap() else {
            panic!("no session");
        };
        assert_no_secret(&session);
        fixture.upload_as(&content, UploadContent::Bytes(&content), Some(session)).await.unwrap();
        fixture.assert_only_blob(&content);
        assert_eq!(fixture.fake.count("POST", UPLOADS), 1, "the session of the mount is used");
    }
}

#[tokio::test]
async fn a_rejected_mount_counts_as_refused() {
    for code in [400, 403, 404, 405, 500, 503] {
        let fixture = Fixture::new();
        fixture.fake.fail("POST", UPLOADS, ALWAYS, InjectedFault::Respond(status(code)));
        let mount = fixture.mount(b"layer", "limg/base").await.unwrap();
        assert!(matches!(mount, MountOutcome::Refused(None)), "{code}");
    }
    let fixture = Fixture::new();
    fixture.fake.fail("POST", UPLOADS, ALWAYS, InjectedFault::Reset);
    fixture.fails(fixture.mount(b"layer", "limg/base").await);
    assert_eq!(fixture.fake.count("POST", UPLOADS), 5);
}

#[tokio::test]
async fn a_lost_session_is_replaced() {
    let fixture = Fixture::new();
    let content = noise(3, 100_000);
    let MountOutcome::Refused(Some(session)) = fixture.mount(&content, "limg/base").await.unwrap() else {
        panic!("no session");
    };
    let response = Response::error(416, "BLOB_UPLOAD_INVALID", "range");
    fixture.fake.fail("PUT", UPLOADS, 1..=1, InjectedFault::Respond(response));
    fixture.upload_as(&content, UploadContent::Bytes(&content), Some(session)).await.unwrap();
    fixture.assert_only_blob(&content);
    assert_eq!(fixture.fake.count("POST", UPLOADS), 2);
}

#[tokio::test]
async fn an_upload_to_a_registry_that_falls_silent_ends_after_as_many_requests_as_attempts() {
    let fixture = Fixture::create(Who::Anonymous, |_| {}, Client::with_short_timeouts);
    fixture.fake.fail("", "", ALWAYS, InjectedFault::Stall);
    let (message, _) = fixture.fails(fixture.upload(b"content").await);
    assert!(message.ends_with("no progress for 1 seconds"), "{message}");
    assert_eq!((fixture.fake.count("POST", ""), fixture.fake.count("HEAD", "")), (1, 4));
}

#[tokio::test]
async fn a_registry_that_falls_silent_ends_many_operations_as_soon_as_one() {
    let fixture = Fixture::create(Who::Anonymous, |_| {}, Client::with_short_timeouts);
    fixture.fake.fail("", "", ALWAYS, InjectedFault::Stall);
    let (repository, digest) = (fixture.repository(), Digest::of(b"content"));
    let all = (0..12).map(|_| fixture.client.read_blob(&repository, &digest));
    fixture.fails(futures_util::future::try_join_all(all).await);
    let (connections, attempts) = (4, 5);
    assert_eq!(fixture.fake.count("GET", ""), connections * attempts);
}
