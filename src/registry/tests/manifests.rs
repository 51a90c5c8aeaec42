//! Manifests, and small blobs read into memory.

use super::*;
use crate::registry::fake::{ALWAYS, InjectedFault};

impl Fixture {
    async fn put(&self, version: &str, image: &Image) -> Result<(), RegistryError> {
        self.client.put_manifest(&self.repository(), version, MANIFEST, &image.manifest).await
    }
}

#[tokio::test]
async fn an_image_is_read_by_tag_and_by_digest() {
    let fixture = Fixture::new();
    let image = fixture.add_image();
    let digest = Digest::of(&image.manifest);
    for version in ["latest", digest.as_str()] {
        let manifest = fixture.resolve(version).await.unwrap();
        assert_eq!((&manifest.digest, &manifest.bytes), (&digest, &image.manifest));
        assert_eq!(manifest.media_type, MANIFEST);
    }
    assert_eq!(fixture.client.manifest(&fixture.repository(), &digest).await.unwrap().bytes, image.manifest);
    let config = Digest::of(&image.blobs[0]);
    assert_eq!(fixture.client.read_blob(&fixture.repository(), &config).await.unwrap(), image.blobs[0]);
    assert!(fixture.client.has_blob(&fixture.repository(), &config).await.unwrap());
    assert_eq!(fixture.fake.count("GET", "/blobs/"), 1, "no layer is fetched");
}

#[tokio::test]
async fn an_image_is_chosen_from_an_index() {
    let fixture = Fixture::new();
    let image = fixture.add_image();
    let entry = |digest: &Digest, architecture: &str, media_type: &str| {
        json!({ "mediaType": media_type, "digest": digest, "size": 1,
                "platform": { "os": if architecture == "unknown" { "unknown" } else { "linux" },
                              "architecture": architecture } })
    };
    let index = |entries: &[serde_json::Value], tag: &str| {
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
        fixture.fake.state().repository("shop/orders").manifest(
            INDEX,
            index.to_string().as_bytes(),
            Some(tag),
        )
    };
    let (own, other) = (Digest::of(&image.manifest), Digest::of(b"other"));
    let attestation = entry(&other, "unknown", MANIFEST);
    let inner = index(
        &[attestation.clone(), entry(&other, "arm64", MANIFEST), entry(&own, "amd64", MANIFEST)],
        "inner",
    );
    index(&[json!({ "mediaType": INDEX, "digest": inner, "size": 1 })], "outer");
    for tag in ["inner", "outer"] {
        assert_eq!(fixture.resolve(tag).await.unwrap().bytes, image.manifest, "{tag}");
    }
    index(&[attestation, entry(&other, "arm64", MANIFEST)], "arm");
    let (message, _) = fixture.fails(fixture.resolve("arm").await);
    assert!(message.ends_with("the index has no image for linux/amd64, only for linux/arm64"), "{message}");
}

#[tokio::test]
async fn missing_repositories_manifests_and_blobs_are_not_found() {
    let fixture = Fixture::new();
    let (repository, digest) = (fixture.repository(), Digest::of(b"x"));
    let none = || async {
        assert_eq!(fixture.client.manifest_digest(&repository, "v1").await.unwrap(), None);
        assert!(!fixture.client.has_blob(&repository, &digest).await.unwrap());
    };
    none().await;
    let (message, error) = fixture.fails(fixture.resolve("v1").await);
    assert!(error.is_not_found(), "{message}");
    assert_eq!(error.code(), Some("NAME_UNKNOWN"));
    assert!(message.contains("HOST/shop/orders") && message.contains("does not exist"), "{message}");
    fixture.add_blob(b"other");
    none().await;
    let (message, error) = fixture.fails(fixture.client.read_blob(&repository, &digest).await);
    assert!(error.is_not_found() && message.contains(digest.as_str()), "{message}");
    assert_eq!(fixture.retries(), [""; 0]);
}

#[tokio::test]
async fn a_digest_is_looked_up_without_the_manifest() {
    let fixture = Fixture::new();
    let digest = Digest::of(&fixture.add_image().manifest);
    for version in ["latest", digest.as_str()] {
        let found = fixture.client.manifest_digest(&fixture.repository(), version).await.unwrap();
        assert_eq!(found.as_ref(), Some(&digest));
    }
    assert_eq!(fixture.fake.count("GET", "/manifests/"), 0);
    // Unless the registry does not report it, or does not support the request.
    fixture.fake.state().behaviour.omits_digest = true;
    let tag = || async { fixture.client.manifest_digest(&fixture.repository(), "latest").await.unwrap() };
    assert_eq!(tag().await.as_ref(), Some(&digest));
    fixture.fake.fail("HEAD", "/manifests/", 1..=1, InjectedFault::Respond(status(405)));
    assert_eq!(tag().await.as_ref(), Some(&digest));
    assert_eq!(fixture.fake.count("GET", "/manifests/"), 2);
    // Even if the tag names an image of an obsolete format.
    let old = json!({ "schemaVersion": 1, "fsLayers": [] }).to_string();
    let other =
        fixture.fake.state().repository("shop/orders").manifest(MANIFEST, old.as_bytes(), Some("latest"));
    assert_eq!(tag().await, Some(other));
}

#[tokio::test]
async fn a_manifest_with_a_wrong_digest_is_an_error() {
    for fault in [InjectedFault::Corrupt, InjectedFault::WrongDigest] {
        let fixture = Fixture::new();
        let digest = Digest::of(&fixture.add_image().manifest);
        fixture.fake.fail("GET", "/manifests/", ALWAYS, fault.clone());
        for version in ["latest", digest.as_str()] {
            let (message, _) = fixture.fails(fixture.resolve(version).await);
            assert!(message.contains("the registry's content has the digest"), "{message}");
            assert!(message.contains(digest.as_str()), "{message}");
        }
        fixture.fake.fail("HEAD", "/manifests/", 1..=1, InjectedFault::WrongDigest);
        let (message, _) =
            fixture.fails(fixture.client.manifest_digest(&fixture.repository(), digest.as_str()).await);
        assert!(message.contains("the registry's content has the digest"), "{message}");
    }
    let fixture = Fixture::new();
    let digest = fixture.add_blob(b"config");
    fixture.fake.fail("GET", "/blobs/", ALWAYS, InjectedFault::Corrupt);
    let (message, _) = fixture.fails(fixture.client.read_blob(&fixture.repository(), &digest).await);
    assert!(message.contains("the registry's content has the digest"), "{message}");
}

#[tokio::test]
async fn a_manifest_with_a_wrong_length_is_an_error() {
    for by in [-1, 1, 100_000] {
        let fixture = Fixture::new();
        let digest = Digest::of(&fixture.add_image().manifest);
        fixture.fake.fail("GET", "/manifests/", ALWAYS, InjectedFault::WrongLength(by));
        for version in ["latest", digest.as_str()] {
            fixture.fails(fixture.resolve(version).await);
        }
    }
}

#[tokio::test]
async fn the_error_about_schema_1_names_it() {
    let fixture = Fixture::new();
    let old = json!({ "schemaVersion": 1, "name": "shop/orders", "fsLayers": [] }).to_string();
    let media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    let response = Response::new(200).header("content-type", media_type).body(old);
    fixture.fake.fail("GET", "/manifests/", ALWAYS, InjectedFault::Respond(response));
    let (message, _) = fixture.fails(fixture.resolve("latest").await);
    assert!(message.contains("schema 1"), "{message}");
}

#[tokio::test]
async fn a_transient_failure_is_retried() {
    let faults = [408, 425, 429, 500, 502, 503, 504].map(|code| InjectedFault::Respond(status(code)));
    let others = [
        InjectedFault::Reset,
        InjectedFault::LoseResponse,
        InjectedFault::ResetAfter(0),
        InjectedFault::ResetAfter(20),
        InjectedFault::TruncateAfter(20),
    ];
    for fault in faults.into_iter().chain(others) {
        let fixture = Fixture::new();
        let image = fixture.add_image();
        let (repository, config) = (fixture.repository(), Digest::of(&image.blobs[0]));
        // A response to HEAD has no body that could break off.
        let breaks_off = matches!(fault, InjectedFault::ResetAfter(_) | InjectedFault::TruncateAfter(_));
        for method in if breaks_off { &["GET"][..] } else { &["GET", "HEAD"] } {
            fixture.fake.fail(method, "/manifests/", 1..=2, fault.clone());
            fixture.fake.fail(method, "/blobs/", 1..=2, fault.clone());
        }
        assert_eq!(fixture.resolve("latest").await.unwrap().bytes, image.manifest, "{fault:?}");
        assert_eq!(fixture.client.read_blob(&repository, &config).await.unwrap(), image.blobs[0]);
        assert!(fixture.client.has_blob(&repository, &config).await.unwrap());
        let digest = fixture.client.manifest_digest(&repository, "latest").await.unwrap();
        assert_eq!(digest, Some(Digest::of(&image.manifest)));
        assert_eq!(fixture.retries().len(), if breaks_off { 4 } else { 8 }, "{fault:?}");
    }
}

#[tokio::test]
async fn a_lasting_failure_is_tried_five_times() {
    let fixture = Fixture::new();
    let response = Response::error(503, "UNAVAILABLE", "down for maintenance");
    fixture.fake.fail("GET", "/manifests/", ALWAYS, InjectedFault::Respond(response));
    let (message, error) = fixture.fails(fixture.resolve("latest").await);
    assert_eq!((error.status(), error.code()), (Some(503), Some("UNAVAILABLE")));
    assert!(message.ends_with("503 Service Unavailable: UNAVAILABLE: down for maintenance"), "{message}");
    assert_eq!(fixture.fake.count("GET", "/manifests/"), 5);
    assert_eq!(fixture.retries(), ["503 Service Unavailable: UNAVAILABLE: down for maintenance"; 4]);

    let fixture = Fixture::new();
    fixture.fake.fail("GET", "/manifests/", ALWAYS, InjectedFault::Reset);
    let (message, error) = fixture.fails(fixture.resolve("latest").await);
    assert_eq!((error.status(), error.code()), (None, None));
    assert!(message.starts_with("failed to read the manifest latest of HOST/shop/orders: "), "{message}");
    assert_eq!(fixture.fake.count("GET", "/manifests/"), 5);
}

#[tokio::test]
async fn a_permanent_failure_is_tried_once() {
    for code in [400, 403, 404, 405, 406, 410, 413, 416, 501, 505] {
        let fixture = Fixture::new();
        let response = Response::error(code, "SOME_CODE", "no,\u{1b}[2J because");
        fixture.fake.fail("GET", "/manifests/", ALWAYS, InjectedFault::Respond(response));
        let (message, error) = fixture.fails(fixture.resolve("latest").await);
        assert_eq!((error.status(), error.code()), (Some(code), Some("SOME_CODE")));
        assert!(message.contains(r"no,\u{1b}[2J because"), "{message}");
        assert_eq!(fixture.fake.count("GET", "/manifests/"), 1, "{code}");
        assert_eq!(fixture.retries(), [""; 0]);
    }
}

#[tokio::test]
async fn a_requested_wait_is_granted() {
    let fixture = Fixture::new();
    fixture.add_image();
    let slower = Response::error(429, "TOOMANYREQUESTS", "Rate exceeded").header("retry-after", "1");
    fixture.fake.fail("GET", "/manifests/", 1..=1, InjectedFault::Respond(slower));
    fixture.resolve("latest").await.unwrap();
    let events = fixture.events.0.lock().unwrap();
    let waits = events.iter().filter_map(|event| match event {
        Event::Retry { wait, action, cause } => Some((wait.as_secs(), action, cause)),
        _ => None,
    });
    let action = format!("read the manifest latest of {}", fixture.repository());
    let cause = "429 Too Many Requests: TOOMANYREQUESTS: Rate exceeded".to_owned();
    assert_eq!(waits.collect::<Vec<_>>(), [(1, &action, &cause)]);
}

#[tokio::test]
async fn a_manifest_is_written_byte_for_byte() {
    for ecr in [false, true] {
        let fixture = Fixture::new();
        fixture.fake.state().behaviour.ecr = ecr;
        let image = fixture.add_image();
        let digest = Digest::of(&image.manifest);
        fixture.fake.state().repository("shop/orders").manifests.clear();
        fixture.put(digest.as_str(), &image).await.unwrap();
        fixture.put("v1", &image).await.unwrap();
        let contents = fixture.contents();
        assert_eq!(contents.manifests[&digest], (MANIFEST.to_owned(), image.manifest));
        assert_eq!(contents.tags["v1"], digest);
    }
}

#[tokio::test]
async fn writing_a_manifest_is_retried() {
    let faults = [
        InjectedFault::Reset,
        InjectedFault::ResetAfter(20),
        InjectedFault::LoseResponse,
        InjectedFault::RespondAfter(20, status(500)),
    ];
    let responses = [408, 429, 500, 503].map(|code| InjectedFault::Respond(status(code)));
    let mut unknown_blob = status(400);
    unknown_blob.body =
        br#"{"errors":[{"code":"DIGEST_INVALID"},{"code":"MANIFEST_BLOB_UNKNOWN"}]}"#.to_vec();
    for fault in faults.into_iter().chain(responses).chain([InjectedFault::Respond(unknown_blob)]) {
        let fixture = Fixture::new();
        let image = fixture.add_image();
        fixture.fake.fail("PUT", "/manifests/", 1..=2, fault.clone());
        fixture.put("v1", &image).await.unwrap();
        assert_eq!(fixture.contents().tags["v1"], Digest::of(&image.manifest));
        assert_eq!(fixture.retries().len(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn writing_a_manifest_may_be_redirected() {
    for code in [307, 308] {
        let fixture = Fixture::new();
        let image = fixture.add_image();
        let second_host = fixture.fake.second_host();
        fixture.fake.fail("PUT", "/manifests/", 1..=1, InjectedFault::Redirect(code, second_host));
        fixture.put("v1", &image).await.unwrap();
        assert_eq!(fixture.contents().tags["v1"], Digest::of(&image.manifest));
        assert_eq!(fixture.retries(), [""; 0]);
    }
}

#[tokio::test]
async fn all_attempts_to_write_a_manifest_end_together() {
    let fixture = Fixture::create(Who::Anonymous, |_| {}, Client::with_short_timeouts);
    let image = fixture.add_image();
    fixture.fake.fail("PUT", "/manifests/", ALWAYS, InjectedFault::Stall);
    let (message, error) = fixture.fails(fixture.put("v1", &image).await);
    assert_eq!(message, "failed to write the manifest v1 of HOST/shop/orders within 2 seconds");
    assert!(matches!(error, RegistryError::OutOfTime { .. }));
    assert!(fixture.fake.count("PUT", "/manifests/") < 5, "each attempt alone may take one second");
}

#[tokio::test]
async fn a_manifest_without_its_blobs_is_rejected() {
    let fixture = Fixture::new();
    let (message, error) = fixture.fails(fixture.put("v1", &Image::new()).await);
    assert_eq!(error.code(), Some("MANIFEST_BLOB_UNKNOWN"), "{message}");
    assert_eq!(fixture.fake.count("PUT", "/manifests/"), 1 + fixture.retries().len());
    assert!(fixture.contents().tags.is_empty());
}

#[tokio::test]
async fn a_registry_that_stores_another_manifest_is_an_error() {
    let fixture = Fixture::new();
    let image = fixture.add_image();
    fixture.fake.fail("PUT", "/v2/", ALWAYS, InjectedFault::WrongDigest);
    let (message, _) = fixture.fails(fixture.put("v1", &image).await);
    assert!(message.contains("the registry's content has the digest"), "{message}");
}

#[tokio::test]
async fn an_immutable_tag_is_not_changed() {
    let fixture = Fixture::new();
    let image = fixture.add_image();
    fixture.fake.state().behaviour.immutable_tags = true;
    fixture.put("v1", &image).await.unwrap();
    fixture.put("v1", &image).await.unwrap();
    let before = fixture.contents();
    let mut other = Image::new();
    other.manifest.push(b'\n');
    let (message, error) = fixture.fails(fixture.put("v1", &other).await);
    assert!(error.is_immutable_tag(), "{message}");
    assert!(message.contains("cannot be overwritten"), "{message}");
    assert_eq!(fixture.contents(), before);
    // It is not an error if the tag names this manifest already.
    let text = "The image tag 'v1' already exists in the 'r' repository and cannot be overwritten because the repository is immutable.";
    for response in [
        Response::error(400, "TAG_INVALID", text),
        Response::error(400, "ImageTagAlreadyExistsException", "tag exists"),
        Response::error(409, "CONFLICT", "tag is immutable"),
    ] {
        fixture.fake.fail("PUT", "/manifests/v1", 1..=1, InjectedFault::Respond(response));
        fixture.put("v1", &image).await.unwrap();
    }
}
