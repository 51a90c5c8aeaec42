//! Layers that are sent while they are made.

use std::ops::RangeInclusive;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::while_building::finished;
use super::*;
use crate::pipeline::finished_layers::{Announcement, BegunLayer};
use crate::store::{BlobWriter, Growth};

/// More than a registry gets in the PUT of an upload.
const SIZE: usize = 1_500_000;

/// How much of it is written before anything else happens.
const HALF: usize = 700_000;

/// How long a step may take that is expected at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// The content of the large layer.
static CONTENT: LazyLock<String> = LazyLock::new(|| text(SIZE));

/// Images whose first layer is the large one.
fn images<const N: usize>(fixture: &Fixture, names: [&str; N]) -> [Built; N] {
    names.map(|name| fixture.built(name, &[&CONTENT, name]))
}

impl Fixture {
    /// Announces the large layer of some images, and writes half of it.
    fn begin_large(&self, functions: &[usize], sender: &UnboundedSender<Announcement>) -> BlobWriter {
        let (growth, blob) = Growth::new(None);
        let mut writer = self.context.store.writer().unwrap();
        writer.show(Arc::new(growth)).unwrap();
        let functions = functions.iter().copied().collect();
        let begun = BegunLayer { functions, name: "the large layer".to_owned(), blob };
        sender.send(Announcement::Begun(begun)).unwrap();
        writer.write_all(&CONTENT.as_bytes()[..HALF]).unwrap();
        writer
    }

    /// Makes the large layer of all images, and waits for a condition when half of it is written; then pushes them.
    async fn push_early(
        &self,
        built: &[Built],
        condition: impl Fn(&Fake) -> bool,
    ) -> Result<Vec<Pushed>, PushError> {
        let announce = async |sender: UnboundedSender<Announcement>| {
            let positions: Vec<usize> = (0..built.len()).collect();
            let mut writer = self.begin_large(&positions, &sender);
            while !condition(&self.fake) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            writer.write_all(&CONTENT.as_bytes()[HALF..]).unwrap();
            writer.commit().unwrap();
            sender.send(finished(&positions, &built[0].image.layers()[0], true)).unwrap();
        };
        tokio::time::timeout(PATIENCE, self.push_with(built, announce)).await.unwrap()
    }

    /// How many bytes were sent for nothing, as the user sees it.
    fn sent_for_nothing(&self) -> u64 {
        let events = self.events.0.lock().unwrap();
        let bytes = events.iter().filter_map(|event| match event {
            Event::SentForNothing { bytes } => Some(bytes),
            _ => None,
        });
        bytes.sum()
    }

    /// Fails unless every image is in its repository, with the large layer.
    fn assert_complete(&self, built: &[Built], what: &str) {
        for built in built {
            let mut state = self.fake.state();
            let contents = state.repository(&format!("shop/{}", built.name));
            let large = built.image.layers()[0].digest();
            assert_eq!(
                contents.blobs.get(large).map(|blob| blob == CONTENT.as_bytes()),
                Some(true),
                "{what}"
            );
            assert_eq!(contents.tags.get("latest"), built.image.digest(), "{what}");
        }
    }
}

fn is_sending(fake: &Fake) -> bool {
    fake.count("PATCH", "/uploads/") > 0
}

#[tokio::test]
async fn a_layer_is_sent_once_while_it_is_made() {
    for ecr in [false, true] {
        let fixture = Fixture::new(8);
        fixture.fake.state().behaviour.ecr = ecr;
        let built = images(&fixture, ["a"]);
        let pushed = fixture.push_early(&built, is_sending).await.unwrap();
        fixture.assert_complete(&built, "");
        assert_eq!((pushed[0].uploaded.blobs, fixture.sent_for_nothing()), (3, 0));
        assert_eq!(fixture.fake.count("POST", "/uploads/"), 3, "two layers and the config");
        let state = fixture.fake.state();
        let patch = state.log.iter().find(|request| request.head.method == "PATCH").unwrap();
        assert_eq!((&*patch.head.headers["transfer-encoding"], patch.sent), ("chunked", SIZE));
    }
}

#[tokio::test]
async fn the_upload_of_a_layer_that_the_registry_has_is_cancelled() {
    let fixture = Fixture::new(8);
    let built = images(&fixture, ["a"]);
    fixture.fake.state().repository("shop/a").blob(CONTENT.as_bytes());
    // Otherwise the upload may end before the registry has answered.
    fixture.fake.fail("PATCH", "/uploads/", ALWAYS, InjectedFault::Stall);
    let pushed = fixture.push_early(&built, is_sending).await.unwrap();
    fixture.assert_complete(&built, "");
    assert_eq!((pushed[0].uploaded.blobs, pushed[0].present.blobs), (2, 1));
    assert_eq!(fixture.fake.count("DELETE", "/uploads/session-0"), 1);
    assert!(fixture.sent_for_nothing() >= HALF as u64 / 2, "{}", fixture.sent_for_nothing());
}

#[tokio::test]
async fn a_layer_that_was_sent_early_is_mounted_elsewhere() {
    let fixture = Fixture::new(8);
    fixture.fake.state().behaviour.mounts = true;
    let built = images(&fixture, ["a", "b", "c"]);
    let pushed = fixture.push_early(&built, is_sending).await.unwrap();
    fixture.assert_complete(&built, "");
    let mounted: Vec<_> = pushed.iter().map(|pushed| pushed.mounted.blobs).collect();
    assert_eq!((mounted, fixture.fake.count("PATCH", "/uploads/")), (vec![0, 1, 1], 1));
}

#[tokio::test]
async fn a_machine_without_layers_sends_none_early_to_a_repository_with_an_image() {
    let (first, second) = (Fixture::new(8), Fixture::new(8));
    first.push(&images(&first, ["a"])).await.unwrap();
    *second.fake.state().repository("shop/a") = first.fake.state().repository("shop/a").clone();
    let built = images(&second, ["a"]);
    let pushed = second.push_early(&built, |_| true).await.unwrap();
    assert!(pushed[0].unchanged);
    assert_eq!(second.fake.count("POST", "/uploads/"), 0);
    // Once it knows a layer, the others are probably new.
    second.made("b");
    second.fake.state().repository("shop/a").blobs.clear();
    second.push_early(&built, is_sending).await.unwrap();
    second.assert_complete(&built, "");
}

#[tokio::test]
async fn a_single_connection_is_left_to_other_requests() {
    let fixture = Fixture::new(1);
    let built = images(&fixture, ["a"]);
    fixture.push_early(&built, |_| true).await.unwrap();
    fixture.assert_complete(&built, "");
    let state = fixture.fake.state();
    assert!(state.log.iter().all(|request| !request.head.headers.contains_key("transfer-encoding")));
}

#[tokio::test]
async fn the_upload_of_a_layer_that_cannot_be_made_is_cancelled() {
    let fixture = Fixture::new(8);
    let built = images(&fixture, ["a"]);
    let announce = async |sender: UnboundedSender<Announcement>| {
        let _writer = fixture.begin_large(&[0], &sender);
        while !is_sending(&fixture.fake) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, fixture.push_with(&built, announce)).await.unwrap().unwrap();
    assert_eq!(fixture.fake.count("DELETE", "/uploads/session-0"), 1);
    fixture.assert_complete(&built, "");
}

/// Pushes two images with a fault in some requests, while their large layer is sent early.
async fn push_with_fault(method: &'static str, times: RangeInclusive<usize>, fault: &InjectedFault) {
    let fixture = Fixture::new(4);
    let built = images(&fixture, ["a", "b"]);
    let path = if method.is_empty() { "/" } else { "/uploads/" };
    fixture.fake.fail(method, path, times.clone(), fault.clone());
    let what = format!("{fault:?} at {times:?} of {method}");
    // An early upload over a connection that has just broken ends before the registry sees anything of it.
    let start = Instant::now();
    let is_asked =
        |fake: &Fake| fake.count("POST", "/uploads/") > 0 || start.elapsed() > Duration::from_secs(2);
    if let Err(error) = fixture.push_early(&built, is_asked).await {
        panic!("{what}: {}", crate::text::with_causes(&error));
    }
    fixture.assert_complete(&built, &what);
    let temporary = fixture.context.store.root().join("tmp");
    assert_eq!(std::fs::read_dir(temporary).unwrap().count(), 0, "{what}");
}

#[tokio::test]
async fn a_push_survives_a_lasting_fault_of_the_early_upload() {
    for code in [400, 401, 403, 404, 405, 413, 416, 429, 500] {
        // Those are the first requests; the other uploads have none.
        push_with_fault("POST", 1..=1, &InjectedFault::Respond(Response::new(code))).await;
        push_with_fault("PATCH", 1..=1, &InjectedFault::Respond(Response::new(code))).await;
        push_with_fault("PATCH", 1..=1, &InjectedFault::RespondAfter(550_000, Response::new(code))).await;
    }
    let forbidden = Response::new(202).header("location", "http://169.254.169.254/latest/meta-data/");
    for method in ["POST", "PATCH"] {
        push_with_fault(method, 1..=1, &InjectedFault::Respond(forbidden.clone())).await;
        push_with_fault(method, 1..=1, &InjectedFault::Raw("SSH-2.0-OpenSSH_9.2\r\n".to_owned())).await;
    }
}

#[tokio::test]
async fn a_push_survives_a_fault_at_any_request_while_a_layer_is_sent_early() {
    let faults = [
        InjectedFault::Reset,
        InjectedFault::ResetAfter(550_000),
        InjectedFault::LoseResponse,
        InjectedFault::TruncateAfter(5),
        InjectedFault::Respond(Response::new(503)),
        InjectedFault::RespondAfter(550_000, Response::new(503)),
    ];
    for fault in faults {
        for number in 1..=18 {
            push_with_fault("", number..=number, &fault).await;
        }
    }
}
