//! Downloads of blobs into the store.

use std::sync::LazyLock;

use super::*;
use crate::registry::fake::{ALWAYS, InjectedFault, Ranges};

const SIZE: usize = 400_000;

impl Fixture {
    /// Adds a large blob to the registry.
    fn add_layer(&self) -> Vec<u8> {
        let content = noise(7, SIZE);
        self.add_blob(&content);
        content
    }

    /// The requested ranges.
    fn ranges(&self) -> Vec<Option<String>> {
        let state = self.fake.state();
        let gets = state.log.iter().filter(|request| request.head.method == "GET");
        gets.map(|request| request.head.headers.get("range").cloned()).collect()
    }

    /// Fails if the store contains a blob or a part of one.
    fn assert_store_is_empty(&self) {
        let files = |folder: &str| std::fs::read_dir(self.store.root().join(folder)).unwrap().count();
        assert_eq!(files("blobs/sha256"), 0);
        // Another thread removes partial blobs.
        while files("tmp") > 0 {
            std::thread::yield_now();
        }
    }
}

#[tokio::test]
async fn a_blob_is_fetched_once() {
    let fixture = Fixture::new();
    let content = fixture.add_layer();
    let fetches = (0..8).map(|_| fixture.fetch(&content));
    for blob in futures_util::future::join_all(fetches).await {
        assert_eq!(blob.unwrap().read().unwrap(), content);
    }
    assert_eq!(fixture.fake.count("GET", "/blobs/"), 1);
    fixture.fetch(&content).await.unwrap();
    assert_eq!(fixture.fake.lines().len(), 1, "a stored blob needs no request");
}

#[tokio::test]
async fn a_broken_download_is_resumed() {
    for fault in [InjectedFault::ResetAfter(100_000), InjectedFault::TruncateAfter(100_000)] {
        let fixture = Fixture::new();
        let content = fixture.add_layer();
        // The resumed download breaks off too.
        fixture.fake.fail("GET", "/blobs/", 1..=2, fault.clone());
        assert_eq!(fixture.fetch(&content).await.unwrap().read().unwrap(), content);
        let ranges = fixture.ranges();
        assert_eq!(ranges.len(), 3, "{fault:?}");
        assert_eq!(ranges[0], None);
        assert!(ranges[1..].iter().all(Option::is_some), "{ranges:?}");
        if matches!(fault, InjectedFault::TruncateAfter(_)) {
            let expected = ["bytes=100000-", "bytes=200000-"].map(|range| Some(range.to_owned()));
            assert_eq!(ranges[1..], expected);
        }
        assert_eq!(fixture.retries().len(), 2);
    }
}

#[tokio::test]
async fn a_registry_may_ignore_ranges() {
    let fixture = Fixture::new();
    let content = fixture.add_layer();
    fixture.fake.state().behaviour.ranges = Ranges::Ignored;
    fixture.fake.fail("GET", "/blobs/", 1..=2, InjectedFault::TruncateAfter(100_000));
    assert_eq!(fixture.fetch(&content).await.unwrap().read().unwrap(), content);
}

#[tokio::test]
async fn a_wrong_range_is_an_error() {
    let fixture = Fixture::new();
    let content = fixture.add_layer();
    fixture.fake.state().behaviour.ranges = Ranges::Wrong;
    fixture.fake.fail("GET", "/blobs/", 1..=1, InjectedFault::TruncateAfter(100_000));
    let (message, _) = fixture.fails(fixture.fetch(&content).await);
    assert!(
        message.contains("it contains `bytes 1-399999/400000` instead of `bytes 100000-399999/400000`"),
        "{message}"
    );
    fixture.assert_store_is_empty();
}

#[tokio::test]
async fn a_download_restarts_if_the_registry_rejects_its_range() {
    let fixture = Fixture::new();
    let content = fixture.add_layer();
    fixture.fake.fail("GET", "/blobs/", 1..=1, InjectedFault::TruncateAfter(100_000));
    fixture.fake.fail("GET", "/blobs/", 2..=2, InjectedFault::Respond(status(416)));
    assert_eq!(fixture.fetch(&content).await.unwrap().read().unwrap(), content);
    assert_eq!(fixture.ranges(), [None, Some("bytes=100000-".to_owned()), None]);
}

#[tokio::test]
async fn a_blob_with_a_wrong_digest_is_fetched_once_more() {
    let fixture = Fixture::new();
    let content = fixture.add_layer();
    fixture.fake.fail("GET", "/blobs/", 1..=1, InjectedFault::Corrupt);
    assert_eq!(fixture.fetch(&content).await.unwrap().read().unwrap(), content);

    let fixture = Fixture::new();
    fixture.add_blob(&content);
    fixture.fake.fail("GET", "/blobs/", ALWAYS, InjectedFault::Corrupt);
    let (message, _) = fixture.fails(fixture.fetch(&content).await);
    assert!(
        message.contains("the registry's content has the digest")
            && message.contains(Digest::of(&content).as_str()),
        "{message}"
    );
    assert_eq!(fixture.fake.count("GET", "/blobs/"), 2);
    fixture.assert_store_is_empty();
}

#[tokio::test]
async fn a_blob_with_a_wrong_length_is_an_error() {
    for by in [-1, 1, -100_000, 100_000] {
        let fixture = Fixture::new();
        let content = fixture.add_layer();
        fixture.fake.fail("GET", "/blobs/", ALWAYS, InjectedFault::WrongLength(by));
        let (message, _) = fixture.fails(fixture.fetch(&content).await);
        let found = SIZE.checked_add_signed(by).unwrap();
        assert!(
            message.ends_with(&format!("the registry sent {found} bytes instead of {SIZE}")),
            "{message}"
        );
        fixture.assert_store_is_empty();
    }
}

#[tokio::test]
async fn an_endless_blob_is_abandoned() {
    for announced in [None, Some(SIZE as u64), Some(10 << 30)] {
        let fixture = Fixture::new();
        let content = fixture.add_layer();
        fixture.fake.fail("GET", "/blobs/", ALWAYS, InjectedFault::Endless(announced));
        fixture.fails(fixture.fetch(&content).await);
        fixture.assert_store_is_empty();
        let endless_bytes = fixture.fake.state().endless_bytes;
        assert!(endless_bytes < 64 << 20, "{endless_bytes} bytes");
    }
}

#[tokio::test]
async fn a_blob_may_be_stored_at_another_host() {
    let fixture = Fixture::of(Who::User);
    let content = fixture.add_layer();
    fixture.require_auth(AuthScheme::Basic, usize::MAX);
    fixture.fake.state().behaviour.storage = Some(fixture.fake.second_host());
    // Each attempt requests a new signed URL.
    fixture.fake.fail("GET", "/storage/", 1..=1, InjectedFault::TruncateAfter(100_000));
    assert_eq!(fixture.fetch(&content).await.unwrap().read().unwrap(), content);
    let state = fixture.fake.state();
    let storage: Vec<_> =
        state.log.iter().filter(|request| request.head.path.starts_with("/storage/")).collect();
    assert_eq!(storage.len(), 2);
    assert!(
        storage.iter().all(|request| request.scheme().is_none()),
        "only the registry receives the password"
    );
}

#[tokio::test]
async fn errors_of_another_host_do_not_show_its_signed_url() {
    let fixture = Fixture::of(Who::User);
    let content = fixture.add_layer();
    fixture.require_auth(AuthScheme::Basic, usize::MAX);
    fixture.fake.state().behaviour.storage = Some(fixture.fake.second_host());
    for fault in [
        InjectedFault::Respond(status(403).body("<Error>expired</Error>")),
        InjectedFault::Reset,
        InjectedFault::Respond(status(503)),
    ] {
        fixture.fake.fail("GET", "/storage/", 1..=5, fault);
        fixture.fails(fixture.fetch(&content).await);
    }
    fixture.assert_store_is_empty();
}

#[tokio::test]
async fn a_limit_of_one_connection_does_not_deadlock() {
    let fixture = Fixture::with(Who::User, |settings| settings.connections = 1);
    fixture.require_auth(AuthScheme::Bearer { public: false, uses: usize::MAX }, usize::MAX);
    fixture.fake.state().behaviour.storage = Some(fixture.fake.second_host());
    let contents: Vec<_> = (0..6).map(|seed| noise(seed, SIZE)).collect();
    for content in &contents {
        fixture.add_blob(content);
    }
    fixture.fake.fail("GET", "/blobs/", 3..=3, InjectedFault::Reset);
    let blobs = futures_util::future::join_all(contents.iter().map(|content| fixture.fetch(content))).await;
    for (blob, content) in blobs.into_iter().zip(&contents) {
        assert_eq!(blob.unwrap().read().unwrap(), *content);
    }
}

/// More than three parts.
static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| noise(9, 13_000_000));

/// A fixture with the large blob, which up to three requests may fetch.
fn in_parts() -> Fixture {
    let fixture = Fixture::with(Who::User, |settings| settings.requests_per_blob = 3);
    fixture.add_blob(&LARGE);
    fixture
}

#[tokio::test]
async fn several_requests_fetch_a_large_blob() {
    let fixture = in_parts();
    assert!(fixture.fetch(&LARGE).await.unwrap().read().unwrap() == *LARGE);
    let mut ranges = fixture.ranges();
    ranges.sort();
    let expected =
        ["bytes=0-4194303", "bytes=12582912-12999999", "bytes=4194304-8388607", "bytes=8388608-12582911"];
    assert_eq!(ranges, expected.map(|range| Some(range.to_owned())));

    // Not a small one, and not if there is a single connection.
    let small = fixture.add_layer();
    fixture.fetch(&small).await.unwrap();
    assert_eq!(fixture.ranges().last(), Some(&None));
    let fixture =
        Fixture::with(Who::User, |settings| (settings.requests_per_blob, settings.connections) = (3, 1));
    fixture.add_blob(&LARGE);
    assert!(fixture.fetch(&LARGE).await.unwrap().read().unwrap() == *LARGE);
    assert_eq!(fixture.ranges(), [None]);
}

#[tokio::test]
async fn parts_of_a_blob_are_fetched_again_after_any_fault() {
    for position in 1..=5 {
        for fault in [
            InjectedFault::Reset,
            InjectedFault::ResetAfter(1_000_000),
            InjectedFault::TruncateAfter(1_000_000),
            InjectedFault::Respond(status(503)),
            InjectedFault::Respond(status(416)),
            InjectedFault::Corrupt,
            InjectedFault::WrongLength(-1),
        ] {
            let fixture = in_parts();
            fixture.fake.fail("GET", "/blobs/", position..=position, fault.clone());
            let blob = fixture.fetch(&LARGE).await.unwrap();
            assert!(blob.read().unwrap() == *LARGE, "{fault:?} at {position}");
        }
    }
}

#[tokio::test]
async fn a_registry_without_ranges_sends_a_large_blob_at_once() {
    let fixture = in_parts();
    fixture.fake.state().behaviour.ranges = Ranges::Ignored;
    assert!(fixture.fetch(&LARGE).await.unwrap().read().unwrap() == *LARGE);

    let fixture = in_parts();
    fixture.fake.state().behaviour.ranges = Ranges::Wrong;
    let (message, _) = fixture.fails(fixture.fetch(&LARGE).await);
    assert!(message.contains("instead of `bytes "), "{message}");
    fixture.assert_store_is_empty();
}

#[tokio::test]
async fn a_cancelled_fetch_leaves_nothing() {
    let fixture = Fixture::new();
    let content = fixture.add_layer();
    fixture.fake.fail("GET", "/blobs/", 1..=1, InjectedFault::StallAfter(100_000));
    let download_has_started = async {
        while fixture.fake.count("GET", "/blobs/") == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        fetched = fixture.fetch(&content) => panic!("{fetched:?}"),
        () = download_has_started => {}
    }
    fixture.assert_store_is_empty();
    assert_eq!(fixture.fetch(&content).await.unwrap().read().unwrap(), content);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_an_error() {
    let fixture = Fixture::new();
    let content = fixture.add_layer();
    std::fs::remove_dir(fixture.store.root().join("tmp")).unwrap();
    let (message, _) = fixture.fails(fixture.fetch(&content).await);
    assert!(message.contains(fixture.store.root().to_str().unwrap()), "{message}");
    assert_eq!(fixture.retries(), [""; 0]);
}
