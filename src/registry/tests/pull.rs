//! Manifests and documents.

use super::*;
use crate::project::Architecture;
use crate::registry::fake::{ALWAYS, Fault};

impl Bench {
    async fn resolve(&self, version: &str) -> Result<Manifest, RegistryError> {
        self.client.resolve(&self.repository(), version, Architecture::X86_64).await
    }
}

#[tokio::test]
async fn an_image_is_read_by_tag_and_by_digest() {
    let bench = Bench::new();
    let image = bench.has_image();
    let digest = Digest::of(&image.manifest);
    for version in ["latest", digest.as_str()] {
        let manifest = bench.resolve(version).await.unwrap();
        assert_eq!((&manifest.digest, &manifest.bytes), (&digest, &image.manifest));
        assert_eq!(manifest.media_type, MANIFEST);
    }
    assert_eq!(bench.client.manifest(&bench.repository(), &digest).await.unwrap().bytes, image.manifest);
    let config = Digest::of(&image.blobs[0]);
    assert_eq!(bench.client.document(&bench.repository(), &config).await.unwrap(), image.blobs[0]);
    assert!(bench.client.has_blob(&bench.repository(), &config).await.unwrap());
    assert_eq!(bench.fake.count("GET", "/blobs/"), 1, "no layer was fetched");
}

#[tokio::test]
async fn an_index_is_gone_into() {
    let bench = Bench::new();
    let image = bench.has_image();
    let entry = |digest: &Digest, architecture: &str, media_type: &str| {
        json!({ "mediaType": media_type, "digest": digest, "size": 1,
                "platform": { "os": if architecture == "unknown" { "unknown" } else { "linux" },
                              "architecture": architecture } })
    };
    let index = |entries: &[serde_json::Value], tag: &str| {
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
        bench.fake.state().repository("shop/orders").manifest(INDEX, index.to_string().as_bytes(), Some(tag))
    };
    let (own, other) = (Digest::of(&image.manifest), Digest::of(b"other"));
    let attestation = entry(&other, "unknown", MANIFEST);
    let inner = index(
        &[attestation.clone(), entry(&other, "arm64", MANIFEST), entry(&own, "amd64", MANIFEST)],
        "inner",
    );
    index(&[json!({ "mediaType": INDEX, "digest": inner, "size": 1 })], "outer");
    for tag in ["inner", "outer"] {
        assert_eq!(bench.resolve(tag).await.unwrap().bytes, image.manifest, "{tag}");
    }
    index(&[attestation, entry(&other, "arm64", MANIFEST)], "arm");
    let (told, _) = bench.fails(bench.resolve("arm").await);
    assert!(told.ends_with("there is no image for linux/amd64, only for linux/arm64"), "{told}");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let bench = Bench::new();
    let (repository, digest) = (bench.repository(), Digest::of(b"x"));
    let none = || async {
        assert_eq!(bench.client.manifest_digest(&repository, "v1").await.unwrap(), None);
        assert!(!bench.client.has_blob(&repository, &digest).await.unwrap());
    };
    none().await;
    let (told, error) = bench.fails(bench.resolve("v1").await);
    assert!(error.is_not_found(), "{told}");
    assert_eq!(error.code(), Some("NAME_UNKNOWN"));
    assert!(told.contains("HOST/shop/orders") && told.contains("does not exist"), "{told}");
    bench.has(b"other");
    none().await;
    let (told, error) = bench.fails(bench.client.document(&repository, &digest).await);
    assert!(error.is_not_found() && told.contains(digest.as_str()), "{told}");
    assert_eq!(bench.retries(), [""; 0]);
}

#[tokio::test]
async fn a_digest_is_had_without_the_manifest() {
    let bench = Bench::new();
    let digest = Digest::of(&bench.has_image().manifest);
    for version in ["latest", digest.as_str()] {
        let found = bench.client.manifest_digest(&bench.repository(), version).await.unwrap();
        assert_eq!(found.as_ref(), Some(&digest));
    }
    assert_eq!(bench.fake.count("GET", "/manifests/"), 0);
    // Unless the registry does not say it, or does not know the request.
    bench.fake.state().manner.silent = true;
    let tag = || async { bench.client.manifest_digest(&bench.repository(), "latest").await.unwrap() };
    assert_eq!(tag().await.as_ref(), Some(&digest));
    bench.fake.fail("HEAD", "/manifests/", 1..=1, Fault::Answer(status(405)));
    assert_eq!(tag().await.as_ref(), Some(&digest));
    assert_eq!(bench.fake.count("GET", "/manifests/"), 2);
}

#[tokio::test]
async fn other_bytes_are_no_manifest() {
    for fault in [Fault::Corrupt, Fault::WrongDigest] {
        let bench = Bench::new();
        let digest = Digest::of(&bench.has_image().manifest);
        bench.fake.fail("GET", "/manifests/", ALWAYS, fault.clone());
        for version in ["latest", digest.as_str()] {
            let (told, _) = bench.fails(bench.resolve(version).await);
            assert!(told.contains("the registry sent other bytes"), "{told}");
            assert!(told.contains(digest.as_str()), "{told}");
        }
        bench.fake.fail("HEAD", "/manifests/", 1..=1, Fault::WrongDigest);
        let (told, _) = bench.fails(bench.client.manifest_digest(&bench.repository(), digest.as_str()).await);
        assert!(told.contains("the registry sent other bytes"), "{told}");
    }
    let bench = Bench::new();
    let digest = bench.has(b"document");
    bench.fake.fail("GET", "/blobs/", ALWAYS, Fault::Corrupt);
    let (told, _) = bench.fails(bench.client.document(&bench.repository(), &digest).await);
    assert!(told.contains("the registry sent other bytes"), "{told}");
}

#[tokio::test]
async fn a_manifest_of_schema_1_is_told_as_such() {
    let bench = Bench::new();
    let old = json!({ "schemaVersion": 1, "name": "shop/orders", "fsLayers": [] }).to_string();
    let media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    let answer = Answer::new(200).header("content-type", media_type).body(old);
    bench.fake.fail("GET", "/manifests/", ALWAYS, Fault::Answer(answer));
    let (told, _) = bench.fails(bench.resolve("latest").await);
    assert!(told.contains("schema 1"), "{told}");
}

#[tokio::test]
async fn what_passes_is_asked_again() {
    let faults = [408, 425, 429, 500, 502, 503, 504].map(|code| Fault::Answer(status(code)));
    let others = [Fault::Reset, Fault::Lost, Fault::ResetAt(0), Fault::ResetAt(20), Fault::Truncated(20)];
    for fault in faults.into_iter().chain(others) {
        let bench = Bench::new();
        let image = bench.has_image();
        let (repository, config) = (bench.repository(), Digest::of(&image.blobs[0]));
        // An answer to HEAD has no body that could break off.
        let breaks_off = matches!(fault, Fault::ResetAt(_) | Fault::Truncated(_));
        for method in if breaks_off { &["GET"][..] } else { &["GET", "HEAD"] } {
            bench.fake.fail(method, "/manifests/", 1..=2, fault.clone());
            bench.fake.fail(method, "/blobs/", 1..=2, fault.clone());
        }
        assert_eq!(bench.resolve("latest").await.unwrap().bytes, image.manifest, "{fault:?}");
        assert_eq!(bench.client.document(&repository, &config).await.unwrap(), image.blobs[0]);
        assert!(bench.client.has_blob(&repository, &config).await.unwrap());
        let digest = bench.client.manifest_digest(&repository, "latest").await.unwrap();
        assert_eq!(digest, Some(Digest::of(&image.manifest)));
        assert_eq!(bench.retries().len(), if breaks_off { 4 } else { 8 }, "{fault:?}");
    }
}

#[tokio::test]
async fn what_does_not_pass_is_asked_five_times() {
    let bench = Bench::new();
    let answer = Answer::refusal(503, "UNAVAILABLE", "we are moving house");
    bench.fake.fail("GET", "/manifests/", ALWAYS, Fault::Answer(answer));
    let (told, error) = bench.fails(bench.resolve("latest").await);
    assert_eq!((error.status(), error.code()), (Some(503), Some("UNAVAILABLE")));
    assert!(told.ends_with("503 Service Unavailable: UNAVAILABLE: we are moving house"), "{told}");
    assert_eq!(bench.fake.count("GET", "/manifests/"), 5);
    assert_eq!(bench.retries(), ["503 Service Unavailable: UNAVAILABLE: we are moving house"; 4]);

    let bench = Bench::new();
    bench.fake.fail("GET", "/manifests/", ALWAYS, Fault::Reset);
    let (told, error) = bench.fails(bench.resolve("latest").await);
    assert_eq!((error.status(), error.code()), (None, None));
    assert!(told.starts_with("failed to read the manifest latest of HOST/shop/orders: "), "{told}");
    assert_eq!(bench.fake.count("GET", "/manifests/"), 5);
}

#[tokio::test]
async fn what_is_final_is_asked_once() {
    for code in [400, 403, 404, 405, 406, 410, 413, 416, 501, 505] {
        let bench = Bench::new();
        let answer = Answer::refusal(code, "SOME_CODE", "no,\u{1b}[2J because");
        bench.fake.fail("GET", "/manifests/", ALWAYS, Fault::Answer(answer));
        let (told, error) = bench.fails(bench.resolve("latest").await);
        assert_eq!((error.status(), error.code()), (Some(code), Some("SOME_CODE")));
        assert!(told.contains(r"no,\u{1b}[2J because"), "{told}");
        assert_eq!(bench.fake.count("GET", "/manifests/"), 1, "{code}");
        assert_eq!(bench.retries(), [""; 0]);
    }
}

#[tokio::test]
async fn a_wait_that_is_asked_for_is_given() {
    let bench = Bench::new();
    bench.has_image();
    let slower = Answer::refusal(429, "TOOMANYREQUESTS", "Rate exceeded").header("retry-after", "1");
    bench.fake.fail("GET", "/manifests/", 1..=1, Fault::Answer(slower));
    bench.resolve("latest").await.unwrap();
    let events = bench.events.0.lock().unwrap();
    let waits = events.iter().filter_map(|event| match event {
        Event::Retry { wait, action, cause } => Some((wait.as_secs(), action, cause)),
        _ => None,
    });
    let action = format!("read the manifest latest of {}", bench.repository());
    let cause = "429 Too Many Requests: TOOMANYREQUESTS: Rate exceeded".to_owned();
    assert_eq!(waits.collect::<Vec<_>>(), [(1, &action, &cause)]);
}
