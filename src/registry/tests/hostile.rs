//! Registries that mean harm, or that something stands before that is no registry.

use super::*;
use crate::project::Architecture;
use crate::registry::fake::{ALWAYS, Fault};

/// What more than the buffers of two sockets and of one client is.
const MANY: u64 = 64 << 20;

impl Bench {
    async fn look(&self) -> Result<Manifest, RegistryError> {
        self.client.resolve(&self.repository(), "latest", Architecture::X86_64).await
    }

    fn redirects(&self, from: &str, to: impl Into<String>) {
        let answer = status(307).header("location", to);
        self.fake.fail("GET", from, ALWAYS, Fault::Answer(answer));
    }
}

#[tokio::test]
async fn a_manifest_without_end_is_left() {
    for announced in [None, Some(10 << 30), Some(u64::MAX)] {
        let bench = Bench::new();
        let image = bench.has_image();
        bench.fake.fail("GET", "/v2/", ALWAYS, Fault::Pour(announced));
        let (told, _) = bench.fails(bench.look().await);
        assert!(
            announced == Some(u64::MAX) || told.ends_with("the registry sent more than 4194304 bytes"),
            "{told}"
        );
        let config = Digest::of(&image.blobs[0]);
        let (told, _) = bench.fails(bench.client.document(&bench.repository(), &config).await);
        assert!(
            announced == Some(u64::MAX) || told.ends_with("the registry sent more than 16777216 bytes"),
            "{told}"
        );
        let poured = bench.fake.state().poured;
        assert!(poured < MANY, "{poured} bytes");
    }
}

#[tokio::test]
async fn a_refusal_without_end_is_left() {
    let bench = Bench::new();
    bench.fake.fail("GET", "/v2/", ALWAYS, Fault::Pour(None));
    let (_, error) = bench.fails(bench.look().await);
    assert!(error.is_not_found());
    let poured = bench.fake.state().poured;
    assert!(poured < MANY, "{poured} bytes");
}

#[tokio::test]
async fn redirects_come_to_an_end() {
    let bench = Bench::new();
    bench.redirects("/manifests/", "/hop/1/");
    for number in 1..=100 {
        bench.redirects(&format!("/hop/{number}/"), format!("/hop/{}/?s=very-secret", number + 1));
    }
    let (told, _) = bench.fails(bench.look().await);
    assert!(told.ends_with("the registry redirects more than 10 times"), "{told}");
    assert!(bench.fake.lines().len() <= 12);

    let bench = Bench::new();
    bench.redirects("/manifests/", "/there?s=very-secret");
    bench.redirects("/there", "/here?s=very-secret");
    bench.redirects("/here", "/there?s=very-secret");
    let (told, _) = bench.fails(bench.look().await);
    assert!(told.contains("in a circle"), "{told}");
    assert_eq!(bench.retries(), [""; 0]);
}

#[tokio::test]
async fn redirects_lead_to_no_strange_place() {
    for to in [
        "http://registry.example.com/x?very-secret",
        "http://169.254.169.254/latest/meta-data/?very-secret",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "https://user:very-secret@127.0.0.1/x",
        "http://",
        "",
    ] {
        let bench = Bench::of(Who::User);
        bench.has_image();
        bench.shut(Scheme::Basic, usize::MAX);
        bench.redirects("/manifests/", to);
        bench.fails(bench.look().await);
        assert!(bench.fake.lines().len() <= 2, "{to}: {:?}", bench.fake.lines());
    }
    let bench = Bench::new();
    bench.fake.fail("GET", "/manifests/", ALWAYS, Fault::Answer(status(302)));
    let (told, _) = bench.fails(bench.look().await);
    assert!(told.contains("without a Location"), "{told}");
}

#[tokio::test]
async fn a_password_does_not_follow_a_redirect() {
    let bench = Bench::of(Who::User);
    let image = bench.has_image();
    bench.shut(Scheme::Basic, usize::MAX);
    let door = bench.fake.other_door();
    let digest = Digest::of(&image.manifest);
    bench.fake.fail(
        "GET",
        "/manifests/latest",
        2..=usize::MAX,
        Fault::Answer(
            status(307).header("location", format!("http://{door}/v2/shop/orders/manifests/{digest}")),
        ),
    );
    assert_eq!(bench.look().await.unwrap().bytes, image.manifest);
    let state = bench.fake.state();
    let schemes: Vec<_> =
        state.log.iter().map(|access| (access.head.headers["host"] == door, access.scheme())).collect();
    assert_eq!(schemes, [(false, None), (false, Some("Basic")), (true, None)]);
}

#[tokio::test]
async fn what_writes_is_not_redirected() {
    for method in ["POST", "PATCH", "PUT"] {
        let bench = Bench::of(Who::User);
        bench.shut(Scheme::Basic, usize::MAX);
        let answer =
            status(307).header("location", format!("http://{}/x?very-secret", bench.fake.other_door()));
        bench.fake.fail(method, "/v2/", 1..=usize::MAX, Fault::Answer(answer));
        bench.fails(bench.write(b"content").await);
        assert_eq!(bench.contents(), Contents::default());
        assert_eq!(bench.fake.count(method, "/x"), 0);
    }
}

#[tokio::test]
async fn an_upload_leads_to_no_strange_place() {
    for to in [
        "http://registry.example.com/x?very-secret",
        "file:///etc/passwd",
        "https://a:very-secret@127.0.0.1/",
        "http://",
    ] {
        for method in ["POST", "PATCH"] {
            let bench = Bench::new();
            let answer = status(202).header("location", to);
            bench.fake.fail(method, "/blobs/uploads/", ALWAYS, Fault::Answer(answer));
            bench.fails(bench.write(b"content").await);
            assert_eq!(bench.fake.count("PUT", ""), 0);
        }
    }
}

#[tokio::test]
async fn what_speaks_something_else_is_told() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(2 << 20));
    for raw in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n\u{0}",
        "HTTP/1.1 200 OK\r\n\r\n[[[[[[[[",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: very-secret\r\n\r\n",
        "\r\n\r\n\r\n",
        "\u{16}\u{3}\u{1}",
        &long,
    ] {
        let bench = Bench::new();
        bench.fake.fail("GET", "/manifests/", ALWAYS, Fault::Raw(raw.to_owned()));
        let (told, _) = bench.fails(bench.look().await);
        assert!(told.starts_with("failed to read the manifest latest of HOST/shop/orders"), "{told}");
        assert!(told.len() < 1000, "{told}");
        assert!(bench.fake.count("GET", "/manifests/") <= 5, "{raw}");
    }
}

#[tokio::test]
async fn a_page_for_a_browser_is_no_manifest() {
    let bench = Bench::new();
    let page = Answer::new(200)
        .header("content-type", "text/html")
        .body("<html>log in to the hotel's network</html>");
    bench.fake.fail("GET", "/manifests/", ALWAYS, Fault::Answer(page));
    bench.fails(bench.look().await);
    assert_eq!(bench.fake.count("GET", "/manifests/"), 1);
}

#[tokio::test]
async fn a_manifest_that_is_odd_is_an_error() {
    let deep = "[".repeat(1 << 20);
    let index = |entry: &str| format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{entry}]}}"#);
    for body in [
        "",
        "null",
        "[]",
        "{}",
        "7",
        "\"x\"",
        "{\"schemaVersion\":2}",
        &deep,
        &index("7"),
        &index("{}"),
        &index("null"),
        &index(r#"{"digest":"../../x","size":1,"mediaType":"x"}"#),
        &index(
            r#"{"digest":"md5:x","size":-1,"mediaType":"x","platform":{"os":"linux","architecture":"amd64"}}"#,
        ),
    ] {
        for media_type in [MANIFEST, INDEX, "text/plain", "application/json"] {
            let bench = Bench::new();
            let answer = Answer::new(200).header("content-type", media_type).body(body);
            bench.fake.fail("GET", "/manifests/", ALWAYS, Fault::Answer(answer));
            match bench.look().await {
                // What kind of document it is, is for others to judge.
                Ok(manifest) => assert_eq!(manifest.bytes, body.as_bytes()),
                Err(error) => assert!(bench.told(&error).len() < 1000),
            }
            assert!(bench.fake.lines().len() <= 2, "{body}");
        }
    }
}

#[tokio::test]
async fn indexes_that_lead_to_each_other_come_to_an_end() {
    let bench = Bench::new();
    // Each names the next, so that they must be made from the last to the first.
    let mut last = Digest::of(b"nothing");
    for _ in 0..100 {
        let entry = json!({ "mediaType": INDEX, "digest": last, "size": 1 });
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] }).to_string();
        last = bench.fake.state().repository("shop/orders").manifest(INDEX, index.as_bytes(), Some("latest"));
    }
    let (told, _) = bench.fails(bench.look().await);
    assert!(told.ends_with("the index leads to more documents than any image has"), "{told}");
    assert!(bench.fake.lines().len() <= 20);
}

#[tokio::test]
async fn nothing_that_stands_still_is_waited_for_without_end() {
    let bench = Bench::made(Who::Nobody, |_| {}, Client::impatient);
    let image = bench.has_image();
    let layer = &image.blobs[2];
    for (method, path, fault) in [
        ("GET", "/manifests/", Fault::Stall),
        ("GET", "/blobs/", Fault::StallAt(20_000)),
        ("PATCH", "/blobs/uploads/", Fault::Stall),
        ("PUT", "/blobs/uploads/", Fault::StallAt(0)),
    ] {
        bench.fake.fail(method, path, 1..=1, fault);
    }
    assert_eq!(bench.look().await.unwrap().bytes, image.manifest);
    assert_eq!(bench.fetch(layer).await.unwrap().read().unwrap(), *layer);
    // More than what the buffers of two sockets take.
    let content = noise(3, 16 << 20);
    bench.write(&content).await.unwrap();
    assert_eq!(bench.contents().blobs[&Digest::of(&content)], content);
    let retries = bench.retries();
    assert!(retries.len() >= 3 && retries.iter().any(|cause| cause.contains("nothing moved")), "{retries:?}");

    bench.fake.fail("GET", "/manifests/", ALWAYS, Fault::Stall);
    let (told, _) = bench.fails(bench.look().await);
    assert!(told.contains("nothing moved for"), "{told}");
}
