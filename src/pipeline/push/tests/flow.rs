//! Layers of a base that are sent to one registry while they are fetched from another.

use std::ops::RangeInclusive;
use std::sync::LazyLock;
use std::time::Duration;

use super::*;
use crate::store::Digest;

/// Layers that a download writes in several batches, and one that it writes in one.
const SIZES: [usize; 3] = [1_200_000, 600_007, 11];

static CONTENTS: LazyLock<[String; 3]> = LazyLock::new(|| SIZES.map(text));

/// A source with the layers of an image's base, which the store does not have.
struct Flow {
    fixture: Fixture,
    source: Fake,
    built: Vec<Built>,
    layers: Vec<(Digest, Vec<u8>)>,
}

impl Flow {
    fn new(connections: usize) -> Self {
        let (fixture, source) = (Fixture::new(connections), Fake::start());
        let mut built = fixture.built("a", &CONTENTS.each_ref().map(String::as_str));
        let mut layers = Vec::new();
        for layer in built.image.layers().to_vec() {
            let layer = layer.blob().unwrap().clone();
            let content = layer.blob.read().unwrap();
            source.state().repository("base").blob(&content);
            std::fs::remove_file(&layer.blob.path).unwrap();
            built.origins.insert(layer.digest.clone(), Origin::Registry(source.repository("base")));
            layers.push((layer.digest, content));
        }
        Self { fixture, source, built: vec![built], layers }
    }

    async fn push(&self) -> Result<Vec<Pushed>, PushError> {
        let push = self.fixture.push(&self.built);
        tokio::time::timeout(Duration::from_mins(1), push).await.unwrap()
    }

    /// Everything is at the destination, and the store has what was fetched.
    fn assert_pushed(&self, what: &str) {
        let contents = self.fixture.fake.state().repository("shop/a").clone();
        for (digest, content) in &self.layers {
            assert_eq!(contents.blobs.get(digest), Some(content), "{what}");
            let stored = self.fixture.context.store.blob(digest).unwrap();
            assert_eq!(stored.read().unwrap(), *content, "{what}");
        }
        assert!(contents.tags.contains_key("latest"), "{what}");
        let temporary = self.fixture.context.store.root().join("tmp");
        assert_eq!(std::fs::read_dir(temporary).unwrap().count(), 0, "{what}");
    }
}

fn faults() -> Vec<InjectedFault> {
    vec![
        InjectedFault::Reset,
        InjectedFault::ResetAfter(550_000),
        InjectedFault::LoseResponse,
        InjectedFault::TruncateAfter(550_000),
        InjectedFault::Corrupt,
        InjectedFault::Respond(Response::new(503)),
        InjectedFault::RespondAfter(550_000, Response::new(503)),
    ]
}

#[tokio::test]
async fn a_layer_is_sent_before_all_of_it_was_fetched() {
    let flow = Flow::new(8);
    let (digest, _) = &flow.layers[0];
    // The source sends the first MiB, and nothing more until it is asked again.
    flow.source.fail("GET", digest.as_str(), 1..=1, InjectedFault::StallAfter(1_100_000));
    let push = flow.push();
    let arrives = async {
        // Of all others, the last request too.
        let count = |method| flow.fixture.fake.count(method, "/uploads/");
        while count("PATCH") == 0 || count("PUT") < SIZES.len() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        pushed = push => panic!("the source has not sent everything: {pushed:?}"),
        () = arrives => {}
    }
}

#[tokio::test]
async fn layers_that_are_not_to_be_kept_are_only_sent() {
    let flow = Flow::new(8);
    let context = &flow.fixture.context;
    let pusher = BlobPusher::new(async |_: &Repository| Ok(()), context).keeping_base_layers(false);
    push(&flow.built, &flow.fixture.targets(&flow.built), &pusher).await.unwrap();
    let contents = flow.fixture.fake.state().repository("shop/a").clone();
    for (digest, content) in &flow.layers {
        assert_eq!(contents.blobs.get(digest), Some(content));
        assert_eq!(context.store.blob(digest), None);
    }
    for folder in ["tmp", "blobs/sha256"] {
        assert_eq!(std::fs::read_dir(context.store.root().join(folder)).unwrap().count(), 0, "{folder}");
    }
}

#[tokio::test]
async fn one_connection_is_enough() {
    for connections in [1, 2, 8] {
        let flow = Flow::new(connections);
        flow.push().await.unwrap();
        flow.assert_pushed(&format!("{connections} connections"));
        assert_eq!(flow.source.count("GET", "/blobs/"), SIZES.len());
        assert_eq!(flow.fixture.fake.count("PUT", "/uploads/"), SIZES.len() + 1, "layers and the config");
    }
}

/// Pushes with a fault in each of so many requests to a registry in turn.
async fn sweep(requests: usize, fault_at: impl Fn(&Flow, RangeInclusive<usize>, InjectedFault)) {
    for fault in faults() {
        for number in 1..=requests {
            let flow = Flow::new(4);
            fault_at(&flow, number..=number, fault.clone());
            let what = format!("{fault:?} at request {number}");
            if let Err(error) = flow.push().await {
                panic!("{what}: {}", crate::text::with_causes(&error));
            }
            flow.assert_pushed(&what);
        }
    }
}

#[tokio::test]
async fn a_push_survives_a_fault_at_any_request_to_the_source() {
    sweep(SIZES.len() + 1, |flow, number, fault| flow.source.fail("", "/", number, fault)).await;
}

#[tokio::test]
async fn a_push_survives_a_fault_at_any_request_to_the_destination() {
    sweep(4 * (SIZES.len() + 1) + 3, |flow, number, fault| flow.fixture.fake.fail("", "/", number, fault))
        .await;
}

#[tokio::test]
async fn what_has_another_digest_than_its_source_says_is_not_pushed() {
    let flow = Flow::new(4);
    let (digest, content) = &flow.layers[1];
    let mut damaged = content.clone();
    *damaged.last_mut().unwrap() ^= 1;
    flow.source.state().repository("base").blobs.insert(digest.clone(), damaged);
    flow.push().await.unwrap_err();
    let contents = flow.fixture.fake.state().repository("shop/a").clone();
    assert!(!contents.blobs.contains_key(digest) && contents.tags.is_empty());
    assert_eq!(flow.fixture.context.store.blob(digest), None);
}
