//! Malicious registries, and servers that are not registries.

use super::*;
use crate::registry::fake::{ALWAYS, InjectedFault};

/// More than the buffers of two sockets and a client can hold.
const MORE_THAN_BUFFERS: u64 = 64 << 20;

impl Fixture {
    fn redirects(&self, from: &str, to: impl Into<String>) {
        let response = status(307).header("location", to);
        self.fake.fail("GET", from, ALWAYS, InjectedFault::Respond(response));
    }
}

#[tokio::test]
async fn an_endless_manifest_is_abandoned() {
    for announced in [None, Some(10 << 30), Some(u64::MAX)] {
        let fixture = Fixture::new();
        let image = fixture.add_image();
        fixture.fake.fail("GET", "/v2/", ALWAYS, InjectedFault::Endless(announced));
        let (message, _) = fixture.fails(fixture.resolve("latest").await);
        assert!(
            announced == Some(u64::MAX) || message.ends_with("the registry sent more than 4 MiB"),
            "{message}"
        );
        let config = Digest::of(&image.blobs[0]);
        let (message, _) = fixture.fails(fixture.client.read_blob(&fixture.repository(), &config).await);
        assert!(
            announced == Some(u64::MAX) || message.ends_with("the registry sent more than 16 MiB"),
            "{message}"
        );
        let endless_bytes = fixture.fake.state().endless_bytes;
        assert!(endless_bytes < MORE_THAN_BUFFERS, "{endless_bytes} bytes");
    }
}

#[tokio::test]
async fn an_endless_error_response_is_abandoned() {
    let fixture = Fixture::new();
    fixture.fake.fail("GET", "/v2/", ALWAYS, InjectedFault::Endless(None));
    let (_, error) = fixture.fails(fixture.resolve("latest").await);
    assert!(error.is_not_found());
    let endless_bytes = fixture.fake.state().endless_bytes;
    assert!(endless_bytes < MORE_THAN_BUFFERS, "{endless_bytes} bytes");
}

#[tokio::test]
async fn redirects_are_limited_and_may_not_loop() {
    let fixture = Fixture::new();
    fixture.redirects("/manifests/", "/hop/1/");
    for number in 1..=100 {
        fixture.redirects(&format!("/hop/{number}/"), format!("/hop/{}/?s=very-secret", number + 1));
    }
    let (message, _) = fixture.fails(fixture.resolve("latest").await);
    assert!(message.ends_with("the registry redirects more than 10 times"), "{message}");
    assert!(fixture.fake.lines().len() <= 12);

    let fixture = Fixture::new();
    fixture.redirects("/manifests/", "/there?s=very-secret");
    fixture.redirects("/there", "/here?s=very-secret");
    fixture.redirects("/here", "/there?s=very-secret");
    let (message, _) = fixture.fails(fixture.resolve("latest").await);
    assert!(message.contains("in a loop"), "{message}");
    assert_eq!(fixture.retries(), [""; 0]);
}

#[tokio::test]
async fn redirects_do_not_lead_to_forbidden_urls() {
    for to in [
        "http://registry.example.com/x?very-secret",
        "http://169.254.169.254/latest/meta-data/?very-secret",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "https://user:very-secret@127.0.0.1/x",
        "http://",
        "",
    ] {
        let fixture = Fixture::of(Who::User);
        fixture.add_image();
        fixture.require_auth(AuthScheme::Basic, usize::MAX);
        fixture.redirects("/manifests/", to);
        fixture.fails(fixture.resolve("latest").await);
        assert!(fixture.fake.lines().len() <= 2, "{to}: {:?}", fixture.fake.lines());
    }
    let fixture = Fixture::new();
    fixture.fake.fail("GET", "/manifests/", ALWAYS, InjectedFault::Respond(status(302)));
    let (message, _) = fixture.fails(fixture.resolve("latest").await);
    assert!(message.contains("without a Location"), "{message}");
}

#[tokio::test]
async fn requests_go_through_the_proxy_unless_the_host_is_an_exception() {
    let fixture = Fixture::new();
    fixture.add_image();
    for (exceptions, is_proxied) in [("", true), ("registry.invalid:5000", true), ("*.invalid:80", false)] {
        let settings = ClientSettings {
            insecure: ["registry.invalid".to_owned()].into(),
            proxies: Proxies::new(Some(fixture.fake.host()), None, exceptions),
            ..ClientSettings::default()
        };
        let client =
            Client::new(settings, fixture.user.clone(), fixture.events.clone()).unwrap().with_short_waits();
        let repository = Repository { host: "registry.invalid".to_owned(), name: "shop/orders".to_owned() };
        let found = client.resolve(&repository, "latest", Architecture::X86_64).await;
        assert_eq!(found.is_ok(), is_proxied, "{exceptions}");
        let asked = fixture
            .fake
            .state()
            .log
            .drain(..)
            .filter(|it| it.head.headers["host"] == repository.host)
            .count();
        assert_eq!(asked > 0, is_proxied, "{exceptions}");
    }
}

#[tokio::test]
async fn a_password_does_not_follow_a_redirect() {
    let fixture = Fixture::of(Who::User);
    let image = fixture.add_image();
    fixture.require_auth(AuthScheme::Basic, usize::MAX);
    let second_host = fixture.fake.second_host();
    let digest = Digest::of(&image.manifest);
    fixture.fake.fail(
        "GET",
        "/manifests/latest",
        2..=usize::MAX,
        InjectedFault::Respond(
            status(307).header("location", format!("http://{second_host}/v2/shop/orders/manifests/{digest}")),
        ),
    );
    assert_eq!(fixture.resolve("latest").await.unwrap().bytes, image.manifest);
    let state = fixture.fake.state();
    let schemes: Vec<_> = state
        .log
        .iter()
        .map(|request| (request.head.headers["host"] == second_host, request.scheme()))
        .collect();
    assert_eq!(schemes, [(false, None), (false, Some("Basic")), (true, None)]);
}

#[tokio::test]
async fn an_upload_is_not_redirected_to_a_forbidden_url() {
    for to in [
        "http://registry.example.com/x?very-secret",
        "http://169.254.169.254/latest/meta-data/?very-secret",
        "file:///etc/passwd",
        "https://user:very-secret@127.0.0.1/x",
        "",
    ] {
        for method in ["POST", "PATCH", "PUT"] {
            let fixture = Fixture::new();
            let response = status(307).header("location", to);
            fixture.fake.fail(method, "/v2/", ALWAYS, InjectedFault::Respond(response));
            fixture.fails(fixture.upload_bytes(&noise(3, 1_500_000)).await);
            assert_eq!(fixture.fake.count(method, ""), 1, "{to}");
            assert_eq!(fixture.contents(), RepositoryContents::default());
        }
    }
}

#[tokio::test]
async fn a_redirect_that_would_lose_an_upload_is_not_followed() {
    // A client may turn these into GET without a body (RFC 9110, section 15.4).
    for code in [301, 302, 303] {
        for method in ["POST", "PATCH", "PUT"] {
            let fixture = Fixture::new();
            let second_host = fixture.fake.second_host();
            fixture.fake.fail(method, "/v2/", ALWAYS, InjectedFault::Redirect(code, second_host));
            let (message, _) = fixture.fails(fixture.upload_bytes(&noise(3, 1_500_000)).await);
            assert!(message.contains(&format!("{code} ")) && message.ends_with(method), "{message}");
            assert_eq!(fixture.fake.count(method, "/v2/"), 1);
        }
    }
}

#[tokio::test]
async fn a_refresh_token_does_not_follow_a_redirect() {
    let fixture = Fixture::of(Who::TokenUser);
    fixture.add_image();
    fixture.require_auth(AuthScheme::Bearer { public: false, uses: usize::MAX }, usize::MAX);
    let second_host = fixture.fake.second_host();
    fixture.fake.fail("POST", "/token", ALWAYS, InjectedFault::Redirect(307, second_host));
    fixture.fails(fixture.resolve("latest").await);
    assert_eq!(fixture.fake.count("POST", "/token"), 1);
}

#[tokio::test]
async fn secrets_that_a_registry_repeats_are_blanked() {
    // The fixture searches every message for the secrets.
    for (scheme, who) in [
        (AuthScheme::Basic, Who::User),
        (AuthScheme::Bearer { public: false, uses: usize::MAX }, Who::User),
        (AuthScheme::Bearer { public: false, uses: usize::MAX }, Who::TokenUser),
    ] {
        for (path, times) in [("/manifests/", 2..=usize::MAX), ("/token", ALWAYS)] {
            for code in [400, 401, 403, 503] {
                let fixture = Fixture::of(who);
                fixture.add_image();
                fixture.require_auth(scheme, usize::MAX);
                fixture.fake.fail("", path, times.clone(), InjectedFault::RepeatSecrets(code));
                match fixture.resolve("latest").await {
                    Ok(_) => assert!(scheme == AuthScheme::Basic && path == "/token", "{path} {code}"),
                    Err(error) => assert!(fixture.message(&error).contains("DENIED: bad"), "{path} {code}"),
                }
            }
        }
        let fixture = Fixture::of(who);
        let digest = fixture.add_blob(b"content");
        fixture.require_auth(scheme, usize::MAX);
        assert!(fixture.client.has_blob(&fixture.repository(), &digest).await.unwrap());
        fixture.fake.fail("POST", "/blobs/", ALWAYS, InjectedFault::RepeatSecrets(403));
        fixture.fails(fixture.upload_bytes(b"other").await);
    }
}

#[tokio::test]
async fn an_upload_does_not_continue_at_a_forbidden_url() {
    for to in [
        "http://registry.example.com/x?very-secret",
        "file:///etc/passwd",
        "https://a:very-secret@127.0.0.1/",
        "http://",
    ] {
        for method in ["POST", "PATCH"] {
            let fixture = Fixture::new();
            let response = status(202).header("location", to);
            fixture.fake.fail(method, "/blobs/uploads/", ALWAYS, InjectedFault::Respond(response));
            fixture.fails(fixture.upload_bytes(&noise(3, 1_500_000)).await);
            assert_eq!(fixture.fake.count("PUT", ""), 0);
        }
    }
}

#[tokio::test]
async fn a_server_with_another_protocol_is_an_error() {
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
        let fixture = Fixture::new();
        fixture.fake.fail("GET", "/manifests/", ALWAYS, InjectedFault::Raw(raw.to_owned()));
        let (message, _) = fixture.fails(fixture.resolve("latest").await);
        assert!(message.starts_with("failed to read the manifest latest of HOST/shop/orders"), "{message}");
        assert!(message.len() < 1000, "{message}");
        assert!(fixture.fake.count("GET", "/manifests/") <= 5, "{raw}");
    }
}

#[tokio::test]
async fn a_page_for_a_browser_is_not_a_manifest() {
    let fixture = Fixture::new();
    let page = Response::new(200)
        .header("content-type", "text/html")
        .body("<html>log in to the hotel's network</html>");
    fixture.fake.fail("GET", "/manifests/", ALWAYS, InjectedFault::Respond(page));
    fixture.fails(fixture.resolve("latest").await);
    assert_eq!(fixture.fake.count("GET", "/manifests/"), 1);
}

#[tokio::test]
async fn an_invalid_manifest_is_an_error() {
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
            let fixture = Fixture::new();
            let response = Response::new(200).header("content-type", media_type).body(body);
            fixture.fake.fail("GET", "/manifests/", ALWAYS, InjectedFault::Respond(response));
            match fixture.resolve("latest").await {
                // The config and layers of a manifest are not checked here.
                Ok(manifest) => assert_eq!(manifest.bytes, body.as_bytes()),
                Err(error) => assert!(fixture.message(&error).len() < 1000),
            }
            assert!(fixture.fake.lines().len() <= 2, "{body}");
        }
    }
}

#[tokio::test]
async fn a_long_chain_of_indexes_is_abandoned() {
    let fixture = Fixture::new();
    // Each contains the digest of the next, so they are created from the last to the first.
    let mut last = Digest::of(b"nothing");
    for _ in 0..100 {
        let entry = json!({ "mediaType": INDEX, "digest": last, "size": 1 });
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] }).to_string();
        last =
            fixture.fake.state().repository("shop/orders").manifest(INDEX, index.as_bytes(), Some("latest"));
    }
    let (message, _) = fixture.fails(fixture.resolve("latest").await);
    assert!(message.ends_with("the index leads to too many other indexes"), "{message}");
    assert!(fixture.fake.lines().len() <= 20);
}

#[tokio::test]
async fn stalled_requests_time_out() {
    let fixture = Fixture::create(Who::Anonymous, |_| {}, Client::with_short_timeouts);
    let image = fixture.add_image();
    let layer = &image.blobs[2];
    for (method, path, fault) in [
        ("GET", "/manifests/", InjectedFault::Stall),
        ("GET", "/blobs/", InjectedFault::StallAfter(20_000)),
        ("PATCH", "/blobs/uploads/", InjectedFault::Stall),
        ("PUT", "/blobs/uploads/", InjectedFault::StallAfter(0)),
    ] {
        fixture.fake.fail(method, path, 1..=1, fault);
    }
    assert_eq!(fixture.resolve("latest").await.unwrap().bytes, image.manifest);
    assert_eq!(fixture.fetch(layer).await.unwrap().read().unwrap(), *layer);
    // More than the buffers of two sockets can hold.
    let content = noise(3, 16 << 20);
    fixture.upload_bytes(&content).await.unwrap();
    assert_eq!(fixture.contents().blobs[&Digest::of(&content)], content);
    let retries = fixture.retries();
    assert!(retries.len() >= 3 && retries.iter().any(|cause| cause.contains("no progress")), "{retries:?}");

    fixture.fake.fail("GET", "/manifests/", ALWAYS, InjectedFault::Stall);
    let (message, _) = fixture.fails(fixture.resolve("latest").await);
    assert!(message.contains("no progress for"), "{message}");
}
