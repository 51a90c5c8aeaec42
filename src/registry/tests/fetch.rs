//! Blobs into the store.

use super::*;
use crate::registry::fake::{ALWAYS, Fault, Ranges};

const SIZE: usize = 400_000;

impl Bench {
    /// A blob that the registry has.
    fn layer(&self) -> Vec<u8> {
        let content = noise(7, SIZE);
        self.has(&content);
        content
    }

    /// The parts that were asked for.
    fn ranges(&self) -> Vec<Option<String>> {
        let state = self.fake.state();
        let gets = state.log.iter().filter(|access| access.head.method == "GET");
        gets.map(|access| access.head.headers.get("range").cloned()).collect()
    }

    /// That the store holds nothing, not even a part.
    fn holds_nothing(&self) {
        let files = |folder: &str| std::fs::read_dir(self.store.root().join(folder)).unwrap().count();
        assert_eq!(files("blobs/sha256"), 0);
        // A part is removed by another thread.
        while files("tmp") > 0 {
            std::thread::yield_now();
        }
    }
}

#[tokio::test]
async fn a_blob_comes_once() {
    let bench = Bench::new();
    let content = bench.layer();
    let fetches = (0..8).map(|_| bench.fetch(&content));
    for blob in futures_util::future::join_all(fetches).await {
        assert_eq!(blob.unwrap().read().unwrap(), content);
    }
    assert_eq!(bench.fake.count("GET", "/blobs/"), 1);
    bench.fetch(&content).await.unwrap();
    assert_eq!(bench.fake.lines().len(), 1, "nothing is asked for what is there");
}

#[tokio::test]
async fn a_blob_that_breaks_off_is_gone_on_with() {
    for fault in [Fault::ResetAt(100_000), Fault::Truncated(100_000)] {
        let bench = Bench::new();
        let content = bench.layer();
        // The second time it breaks off in the part that is left.
        bench.fake.fail("GET", "/blobs/", 1..=2, fault.clone());
        assert_eq!(bench.fetch(&content).await.unwrap().read().unwrap(), content);
        let ranges = bench.ranges();
        assert_eq!(ranges.len(), 3, "{fault:?}");
        assert_eq!(ranges[0], None);
        assert!(ranges[1..].iter().all(Option::is_some), "{ranges:?}");
        if matches!(fault, Fault::Truncated(_)) {
            let expected = ["bytes=100000-", "bytes=200000-"].map(|range| Some(range.to_owned()));
            assert_eq!(ranges[1..], expected);
        }
        assert_eq!(bench.retries().len(), 2);
    }
}

#[tokio::test]
async fn a_registry_need_not_know_parts() {
    let bench = Bench::new();
    let content = bench.layer();
    bench.fake.state().manner.ranges = Ranges::Ignored;
    bench.fake.fail("GET", "/blobs/", 1..=2, Fault::Truncated(100_000));
    assert_eq!(bench.fetch(&content).await.unwrap().read().unwrap(), content);
}

#[tokio::test]
async fn another_part_than_the_one_asked_for_is_not_taken() {
    let bench = Bench::new();
    let content = bench.layer();
    bench.fake.state().manner.ranges = Ranges::Wrong;
    bench.fake.fail("GET", "/blobs/", 1..=1, Fault::Truncated(100_000));
    let (told, _) = bench.fails(bench.fetch(&content).await);
    assert!(told.contains("`bytes 1-399999/400000` came instead of `bytes 100000-399999/400000`"), "{told}");
    bench.holds_nothing();
}

#[tokio::test]
async fn a_part_that_is_refused_is_begun_anew() {
    let bench = Bench::new();
    let content = bench.layer();
    bench.fake.fail("GET", "/blobs/", 1..=1, Fault::Truncated(100_000));
    bench.fake.fail("GET", "/blobs/", 2..=2, Fault::Answer(status(416)));
    assert_eq!(bench.fetch(&content).await.unwrap().read().unwrap(), content);
    assert_eq!(bench.ranges(), [None, Some("bytes=100000-".to_owned()), None]);
}

#[tokio::test]
async fn a_wrong_blob_is_fetched_once_more() {
    let bench = Bench::new();
    let content = bench.layer();
    bench.fake.fail("GET", "/blobs/", 1..=1, Fault::Corrupt);
    assert_eq!(bench.fetch(&content).await.unwrap().read().unwrap(), content);

    let bench = Bench::new();
    bench.has(&content);
    bench.fake.fail("GET", "/blobs/", ALWAYS, Fault::Corrupt);
    let (told, _) = bench.fails(bench.fetch(&content).await);
    assert!(
        told.contains("the registry sent other bytes") && told.contains(Digest::of(&content).as_str()),
        "{told}"
    );
    assert_eq!(bench.fake.count("GET", "/blobs/"), 2);
    bench.holds_nothing();
}

#[tokio::test]
async fn a_blob_of_another_length_is_not_taken() {
    for by in [-1, 1, -100_000, 100_000] {
        let bench = Bench::new();
        let content = bench.layer();
        bench.fake.fail("GET", "/blobs/", ALWAYS, Fault::WrongLength(by));
        let (told, _) = bench.fails(bench.fetch(&content).await);
        let found = SIZE.checked_add_signed(by).unwrap();
        assert!(told.ends_with(&format!("the registry sent {found} bytes instead of {SIZE}")), "{told}");
        bench.holds_nothing();
    }
}

#[tokio::test]
async fn a_blob_without_end_is_left() {
    for announced in [None, Some(SIZE as u64), Some(10 << 30)] {
        let bench = Bench::new();
        let content = bench.layer();
        bench.fake.fail("GET", "/blobs/", ALWAYS, Fault::Pour(announced));
        bench.fails(bench.fetch(&content).await);
        bench.holds_nothing();
        let poured = bench.fake.state().poured;
        assert!(poured < 64 << 20, "{poured} bytes");
    }
}

#[tokio::test]
async fn a_blob_may_lie_elsewhere() {
    let bench = Bench::of(Who::User);
    let content = bench.layer();
    bench.shut(Scheme::Basic, usize::MAX);
    bench.fake.state().manner.storage = Some(bench.fake.other_door());
    // The signed address is asked for anew.
    bench.fake.fail("GET", "/storage/", 1..=1, Fault::Truncated(100_000));
    assert_eq!(bench.fetch(&content).await.unwrap().read().unwrap(), content);
    let state = bench.fake.state();
    let storage: Vec<_> =
        state.log.iter().filter(|access| access.head.path.starts_with("/storage/")).collect();
    assert_eq!(storage.len(), 2);
    assert!(storage.iter().all(|access| access.scheme().is_none()), "only the registry is told who asks");
}

#[tokio::test]
async fn what_the_other_place_says_is_told_without_its_address() {
    let bench = Bench::of(Who::User);
    let content = bench.layer();
    bench.shut(Scheme::Basic, usize::MAX);
    bench.fake.state().manner.storage = Some(bench.fake.other_door());
    for fault in
        [Fault::Answer(status(403).body("<Error>expired</Error>")), Fault::Reset, Fault::Answer(status(503))]
    {
        bench.fake.fail("GET", "/storage/", 1..=5, fault);
        bench.fails(bench.fetch(&content).await);
    }
    bench.holds_nothing();
}

#[tokio::test]
async fn one_connection_is_enough() {
    let bench = Bench::with(Who::User, |settings| settings.connections = 1);
    bench.shut(Scheme::Bearer { public: false, uses: usize::MAX }, usize::MAX);
    bench.fake.state().manner.storage = Some(bench.fake.other_door());
    let contents: Vec<_> = (0..6).map(|seed| noise(seed, SIZE)).collect();
    for content in &contents {
        bench.has(content);
    }
    bench.fake.fail("GET", "/blobs/", 3..=3, Fault::Reset);
    let blobs = futures_util::future::join_all(contents.iter().map(|content| bench.fetch(content))).await;
    for (blob, content) in blobs.into_iter().zip(&contents) {
        assert_eq!(blob.unwrap().read().unwrap(), *content);
    }
}

#[tokio::test]
async fn a_fetch_that_is_given_up_leaves_nothing() {
    let bench = Bench::new();
    let content = bench.layer();
    bench.fake.fail("GET", "/blobs/", 1..=1, Fault::StallAt(100_000));
    let waits_for_the_rest = async {
        while bench.fake.count("GET", "/blobs/") == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        fetched = bench.fetch(&content) => panic!("{fetched:?}"),
        () = waits_for_the_rest => {}
    }
    bench.holds_nothing();
    assert_eq!(bench.fetch(&content).await.unwrap().read().unwrap(), content);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_told() {
    let bench = Bench::new();
    let content = bench.layer();
    std::fs::remove_dir(bench.store.root().join("tmp")).unwrap();
    let (told, _) = bench.fails(bench.fetch(&content).await);
    assert!(told.contains(bench.store.root().to_str().unwrap()), "{told}");
    assert_eq!(bench.retries(), [""; 0]);
}
