//! Blobs and manifests into a registry.

use super::*;
use crate::registry::fake::{ALWAYS, Fault, Locations};

const UPLOADS: &str = "/blobs/uploads/";

impl Bench {
    /// Uploads a blob of the store.
    async fn upload(&self, content: &[u8]) -> Result<(), RegistryError> {
        let blob = self.store.add_blob(content).unwrap();
        self.send(content, Upload::Blob(&blob), None).await
    }

    async fn put(&self, version: &str, image: &Image) -> Result<(), RegistryError> {
        self.client.put_manifest(&self.repository(), version, MANIFEST, &image.manifest).await
    }

    async fn mount(&self, content: &[u8], from: &str) -> Result<Mount, RegistryError> {
        self.client.mount(&self.repository(), &Digest::of(content), from).await
    }

    /// That the registry has this blob and nothing else, and was not asked twice for the same state of an upload.
    fn took(&self, content: &[u8]) {
        let blobs = self.contents().blobs;
        assert_eq!(blobs.keys().collect::<Vec<_>>(), [&Digest::of(content)]);
        let state = self.fake.state();
        let mut steps: Vec<_> = state
            .log
            .iter()
            .filter(|access| access.head.method == "PATCH")
            .map(|access| (access.head.path.clone(), access.head.query.clone()))
            .collect();
        let all = steps.len();
        steps.sort();
        steps.dedup();
        assert_eq!(steps.len(), all, "a session was used again after it had failed");
    }
}

#[tokio::test]
async fn a_blob_goes_over_in_one_stream() {
    for (ecr, locations) in
        [(false, Locations::Relative), (true, Locations::Absolute), (true, Locations::Relative)]
    {
        let bench = Bench::new();
        let content = noise(3, 700_000);
        {
            let mut state = bench.fake.state();
            (state.manner.ecr, state.manner.locations) = (ecr, locations);
        }
        bench.upload(&content).await.unwrap();
        bench.took(&content);
        let state = bench.fake.state();
        let sent: Vec<_> =
            state.log.iter().map(|access| (access.head.method.as_str(), access.sent)).collect();
        assert_eq!(sent, [("POST", 0), ("PATCH", content.len()), ("PUT", 0)]);
        assert_eq!(state.log[1].head.headers["content-length"], "700000");
    }
    // Bytes at hand, even none at all.
    for content in [&b"{}"[..], b""] {
        let bench = Bench::new();
        bench.send(content, Upload::Bytes(content), None).await.unwrap();
        bench.took(content);
    }
}

#[tokio::test]
async fn an_upload_may_go_on_elsewhere() {
    let bench = Bench::of(Who::User);
    bench.shut(Scheme::Basic, usize::MAX);
    bench.fake.state().manner.locations = Locations::Elsewhere(bench.fake.other_door());
    let content = noise(3, 100_000);
    bench.upload(&content).await.unwrap();
    bench.took(&content);
    let state = bench.fake.state();
    for access in state.log.iter().filter(|access| access.head.method != "POST") {
        assert_eq!(access.scheme(), None, "only the registry is told who asks: {}", access.line());
    }
}

#[tokio::test]
async fn what_passes_is_sent_again_in_another_session() {
    let faults = [408, 429, 500, 502, 503, 504].map(|code| Fault::Answer(status(code)));
    let others = [
        Fault::Answer(Answer::refusal(416, "BLOB_UPLOAD_INVALID", "range")),
        Fault::Answer(Answer::refusal(404, "BLOB_UPLOAD_UNKNOWN", "gone")),
        Fault::AnswerAt(100_000, status(500)),
        Fault::AnswerAt(100_000, status(503)),
        Fault::Reset,
        Fault::ResetAt(100_000),
        Fault::Lost,
    ];
    for fault in faults.into_iter().chain(others) {
        for ecr in [false, true] {
            for method in ["PATCH", "PUT"] {
                let bench = Bench::new();
                bench.fake.state().manner.ecr = ecr;
                let content = noise(3, 500_000);
                bench.fake.fail(method, UPLOADS, 1..=2, fault.clone());
                bench.upload(&content).await.unwrap();
                bench.took(&content);
                // The answer to PUT has no body that could break off.
                let passes = method == "PUT" && matches!(fault, Fault::ResetAt(_));
                assert_eq!(bench.retries().is_empty(), passes, "{method} {fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_session_that_is_not_opened_is_asked_for_again() {
    for fault in [Fault::Answer(status(500)), Fault::Answer(status(429)), Fault::Reset, Fault::Lost] {
        let bench = Bench::new();
        let content = noise(3, 1000);
        bench.fake.fail("POST", UPLOADS, 1..=2, fault);
        bench.upload(&content).await.unwrap();
        bench.took(&content);
        assert_eq!(bench.fake.count("PATCH", UPLOADS), 1);
    }
}

#[tokio::test]
async fn a_blob_whose_answer_was_lost_is_not_sent_again() {
    let bench = Bench::new();
    let content = noise(3, 1000);
    bench.fake.fail("PUT", UPLOADS, ALWAYS, Fault::Lost);
    bench.upload(&content).await.unwrap();
    bench.took(&content);
    assert_eq!(bench.fake.count("PATCH", UPLOADS), 1);
}

#[tokio::test]
async fn what_does_not_pass_is_tried_five_times() {
    for method in ["POST", "PATCH", "PUT"] {
        for fault in [Fault::Answer(Answer::refusal(500, "UNKNOWN", "disk on fire")), Fault::Reset] {
            let bench = Bench::new();
            bench.fake.fail(method, UPLOADS, ALWAYS, fault.clone());
            let (told, error) = bench.fails(bench.upload(&noise(3, 300_000)).await);
            assert!(told.starts_with("failed to upload sha256:"), "{told}");
            assert!(told.contains("to HOST/shop/orders: "), "{told}");
            let said = matches!(fault, Fault::Answer(_));
            assert_eq!(error.status(), said.then_some(500));
            assert_eq!(told.ends_with("UNKNOWN: disk on fire"), said, "{told}");
            assert_eq!(bench.fake.count(method, UPLOADS), 5, "{method}");
            assert_eq!(bench.contents(), Contents::default());
        }
    }
}

#[tokio::test]
async fn what_is_final_is_tried_once() {
    for (method, code) in
        [("POST", 400), ("POST", 403), ("POST", 404), ("PATCH", 403), ("PATCH", 413), ("PUT", 405)]
    {
        let bench = Bench::new();
        let answer = Answer::refusal(code, "DENIED", "not yours");
        bench.fake.fail(method, UPLOADS, ALWAYS, Fault::Answer(answer));
        let (told, error) = bench.fails(bench.upload(b"content").await);
        assert_eq!((error.status(), error.code()), (Some(code), Some("DENIED")));
        assert!(told.contains("DENIED: not yours"), "{told}");
        assert_eq!(bench.fake.count(method, UPLOADS), 1);
        assert_eq!(bench.contents(), Contents::default());
    }
    let bench = Bench::new();
    bench.fake.state().manner.strict = true;
    let (told, error) = bench.fails(bench.upload(b"content").await);
    assert_eq!(error.code(), Some("NAME_UNKNOWN"), "{told}");
    assert!(error.is_not_found());
}

#[tokio::test]
async fn an_early_no_is_heard() {
    // The registry does not read the rest, so that the answer may be lost; then limg hears it the next time.
    let bench = Bench::new();
    let answer = Answer::refusal(413, "SIZE_INVALID", "too large");
    bench.fake.fail("PATCH", UPLOADS, ALWAYS, Fault::AnswerAt(10, answer));
    bench.fails(bench.upload(&noise(3, 3_000_000)).await);
    assert!(bench.fake.count("PATCH", UPLOADS) <= 5);
    assert_eq!(bench.contents(), Contents::default());
}

#[tokio::test]
async fn a_damaged_blob_is_told_from_a_damaged_way() {
    let bench = Bench::new();
    let content = noise(3, 100_000);
    let blob = bench.store.add_blob(&content).unwrap();
    let mut damaged = content.clone();
    damaged[5] ^= 1;
    std::fs::remove_file(&blob.path).unwrap();
    std::fs::write(&blob.path, damaged).unwrap();
    let (told, _) = bench.fails(bench.send(&content, Upload::Blob(&blob), None).await);
    assert!(told.contains(blob.path.to_str().unwrap()) && told.contains("other bytes"), "{told}");
    assert_eq!(bench.fake.count("PATCH", UPLOADS), 1);

    let bench = Bench::new();
    let answer = Answer::refusal(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
    bench.fake.fail("PUT", UPLOADS, 1..=1, Fault::Answer(answer));
    bench.upload(&content).await.unwrap();
    bench.took(&content);
}

#[tokio::test]
async fn a_blob_that_cannot_be_read_is_told() {
    let bench = Bench::new();
    let content = noise(3, 600_000);
    let blob = bench.store.add_blob(&content).unwrap();
    std::fs::remove_file(&blob.path).unwrap();
    let upload = || bench.send(&content, Upload::Blob(&blob), None);
    let (told, _) = bench.fails(upload().await);
    assert!(told.contains(blob.path.to_str().unwrap()), "{told}");
    // One that has become shorter breaks off.
    std::fs::write(&blob.path, &content[..300_000]).unwrap();
    let (told, _) = bench.fails(upload().await);
    assert!(told.contains(blob.path.to_str().unwrap()), "{told}");
    assert_eq!(bench.contents(), Contents::default());
}

#[tokio::test]
async fn a_registry_that_stores_something_else_is_told() {
    let bench = Bench::new();
    bench.fake.fail("PUT", "/v2/", ALWAYS, Fault::WrongDigest);
    let (told, _) = bench.fails(bench.upload(b"content").await);
    assert!(told.contains("other bytes"), "{told}");
    let image = bench.has_image();
    let (told, _) = bench.fails(bench.put("v1", &image).await);
    assert!(told.contains("other bytes"), "{told}");
}

#[tokio::test]
async fn a_blob_is_mounted_where_the_registry_does_that() {
    let bench = Bench::of(Who::User);
    bench.shut(Scheme::Bearer { public: false, uses: usize::MAX }, usize::MAX);
    bench.fake.state().manner.mounts = true;
    let digest = bench.fake.state().repository("limg/base").blob(b"layer");
    assert!(matches!(bench.mount(b"layer", "limg/base").await.unwrap(), Mount::Mounted));
    bench.took(b"layer");
    let state = bench.fake.state();
    let post = state.log.iter().find(|access| access.status == 201).unwrap();
    assert_eq!(post.head.parameter("mount"), Some(digest.as_str()));
    assert_eq!(post.head.parameter("from"), Some("limg/base"));
    assert_eq!(post.head.query.len(), 2, "nothing else is asked: {:?}", post.head.query);
}

#[tokio::test]
async fn a_mount_that_is_refused_opens_a_session() {
    for ecr in [false, true] {
        let bench = Bench::new();
        bench.fake.state().manner.ecr = ecr;
        let content = noise(3, 100_000);
        bench.fake.state().repository("limg/base").blob(&content);
        let Mount::Refused(Some(session)) = bench.mount(&content, "limg/base").await.unwrap() else {
            panic!("no session");
        };
        keeps_secrets(&session);
        bench.send(&content, Upload::Bytes(&content), Some(session)).await.unwrap();
        bench.took(&content);
        assert_eq!(bench.fake.count("POST", UPLOADS), 1, "the session of the mount was used");
    }
}

#[tokio::test]
async fn a_mount_that_fails_is_a_refused_one() {
    for code in [400, 403, 404, 405, 500, 503] {
        let bench = Bench::new();
        bench.fake.fail("POST", UPLOADS, ALWAYS, Fault::Answer(status(code)));
        let mount = bench.mount(b"layer", "limg/base").await.unwrap();
        assert!(matches!(mount, Mount::Refused(None)), "{code}");
    }
    let bench = Bench::new();
    bench.fake.fail("POST", UPLOADS, ALWAYS, Fault::Reset);
    bench.fails(bench.mount(b"layer", "limg/base").await);
    assert_eq!(bench.fake.count("POST", UPLOADS), 5);
}

#[tokio::test]
async fn a_session_that_has_died_is_replaced() {
    let bench = Bench::new();
    let content = noise(3, 100_000);
    let Mount::Refused(Some(session)) = bench.mount(&content, "limg/base").await.unwrap() else {
        panic!("no session");
    };
    let answer = Answer::refusal(416, "BLOB_UPLOAD_INVALID", "range");
    bench.fake.fail("PATCH", UPLOADS, 1..=1, Fault::Answer(answer));
    bench.send(&content, Upload::Bytes(&content), Some(session)).await.unwrap();
    bench.took(&content);
    assert_eq!(bench.fake.count("POST", UPLOADS), 2);
}

#[tokio::test]
async fn a_manifest_is_written_as_it_is() {
    for ecr in [false, true] {
        let bench = Bench::new();
        bench.fake.state().manner.ecr = ecr;
        let image = bench.has_image();
        let digest = Digest::of(&image.manifest);
        bench.fake.state().repository("shop/orders").manifests.clear();
        bench.put(digest.as_str(), &image).await.unwrap();
        bench.put("v1", &image).await.unwrap();
        let contents = bench.contents();
        assert_eq!(contents.manifests[&digest], (MANIFEST.to_owned(), image.manifest));
        assert_eq!(contents.tags["v1"], digest);
    }
}

#[tokio::test]
async fn a_manifest_is_sent_again() {
    let faults = [Fault::Reset, Fault::ResetAt(20), Fault::Lost, Fault::AnswerAt(20, status(500))];
    let answers = [408, 429, 500, 503].map(|code| Fault::Answer(status(code)));
    for fault in faults.into_iter().chain(answers) {
        let bench = Bench::new();
        let image = bench.has_image();
        bench.fake.fail("PUT", "/manifests/", 1..=2, fault.clone());
        bench.put("v1", &image).await.unwrap();
        assert_eq!(bench.contents().tags["v1"], Digest::of(&image.manifest));
        assert_eq!(bench.retries().len(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn a_manifest_without_its_blobs_is_refused() {
    let bench = Bench::new();
    let (told, error) = bench.fails(bench.put("v1", &Image::new()).await);
    assert_eq!(error.code(), Some("MANIFEST_BLOB_UNKNOWN"), "{told}");
    assert_eq!(bench.fake.count("PUT", "/manifests/"), 1);
    assert!(bench.contents().tags.is_empty());
}

#[tokio::test]
async fn an_immutable_tag_stays() {
    let bench = Bench::new();
    let image = bench.has_image();
    bench.fake.state().manner.immutable = true;
    bench.put("v1", &image).await.unwrap();
    bench.put("v1", &image).await.unwrap();
    let before = bench.contents();
    let mut other = Image::new();
    other.manifest.push(b'\n');
    let (told, error) = bench.fails(bench.put("v1", &other).await);
    assert!(error.is_immutable_tag(), "{told}");
    assert!(told.contains("cannot be overwritten"), "{told}");
    assert_eq!(bench.contents(), before);
    // Whoever wrote it, it stands for what it is to stand for.
    let text = "The image tag 'v1' already exists in the 'r' repository and cannot be overwritten because the repository is immutable.";
    for answer in [
        Answer::refusal(400, "TAG_INVALID", text),
        Answer::refusal(400, "ImageTagAlreadyExistsException", "tag exists"),
        Answer::refusal(409, "CONFLICT", "tag is immutable"),
    ] {
        bench.fake.fail("PUT", "/manifests/v1", 1..=1, Fault::Answer(answer));
        bench.put("v1", &image).await.unwrap();
    }
}
