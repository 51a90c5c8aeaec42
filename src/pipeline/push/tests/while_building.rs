use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::oneshot;

use super::*;
use crate::build_time::BuildTime;
use crate::event::LayerEvent;
use crate::pipeline::finished_layers::{Announcement, FinishedLayer};
use crate::pipeline::push::while_building::push_while_building;
use crate::pipeline::{Options, PipelineError, build_and_push};
use crate::project::Project;
use crate::sync::lock;

/// How long a step may take that is expected at once.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn finished(functions: &[usize], layer: &ImageLayer, is_new: bool) -> Announcement {
    let functions = functions.iter().copied().collect();
    let layer = layer.blob().unwrap().clone();
    Announcement::Finished(FinishedLayer { functions, layer, origin: None, is_new })
}

impl Fixture {
    fn has(&self, repository: &str, digest: &Digest) -> bool {
        self.fake.state().repository(repository).blobs.contains_key(digest)
    }

    fn is_asked_for(&self, path: &str) -> bool {
        self.fake.lines().iter().any(|line| line.contains(path))
    }

    /// Pushes the layers that `announce` sends, and the images once it has ended.
    pub(super) async fn push_with(
        &self,
        built: &[Built],
        announce: impl AsyncFnOnce(UnboundedSender<Announcement>),
    ) -> Result<Vec<Pushed>, PushError> {
        let targets = self.targets(built);
        let pusher = BlobPusher::new(async |_: &Repository| Ok(()), &self.context);
        let (sender, layers) = mpsc::unbounded_channel();
        let (all_known, are_all_known) = oneshot::channel();
        let work = async {
            announce(sender).await;
            drop(are_all_known.await);
            push(built, &targets, &pusher).await
        };
        let both =
            async { tokio::try_join!(work, push_while_building(layers, all_known, &targets, &pusher)) };
        let ended = tokio::time::timeout(PATIENCE, both).await;
        let ended = ended.unwrap_or_else(|_| panic!("hangs after {:#?}", self.fake.lines()));
        ended.map(|(pushed, ())| pushed)
    }
}

#[tokio::test]
async fn a_layer_is_uploaded_once_during_the_build() {
    for connections in [1, 8] {
        let fixture = Fixture::new(connections);
        fixture.fake.state().behaviour.mounts = true;
        let built = ["a", "b"].map(|name| fixture.built(name, &["shared", name]));
        let shared = &built[0].image.layers()[0];
        let announce = async |sender: UnboundedSender<Announcement>| {
            sender.send(finished(&[0, 1], shared, true)).unwrap();
            // The build ends once both repositories have it.
            while !(fixture.has("shop/a", shared.digest()) && fixture.has("shop/b", shared.digest())) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let pushed = fixture.push_with(&built, announce).await.unwrap();
        assert_eq!(
            fixture.fake.count("HEAD", shared.digest().as_str()),
            2,
            "one request for each repository"
        );
        assert_eq!(fixture.fake.count("PUT", "/uploads/"), 1 + 2 + 2, "the shared layer, codes, configs");
        assert_eq!(fixture.fake.count("HEAD", "/manifests/"), 0, "the images cannot exist");
        let mounted: Vec<_> =
            pushed.iter().map(|pushed| (pushed.uploaded.blobs, pushed.mounted.blobs)).collect();
        assert_eq!(mounted, [(3, 0), (2, 1)]);
        assert_eq!(fixture.tags(), 2);
    }
}

#[tokio::test]
async fn an_image_without_new_layers_is_asked_for_as_a_whole() {
    let fixture = Fixture::new(4);
    let old = fixture.built("a", &["base", "layer", "code"]);
    fixture.push(std::slice::from_ref(&old)).await.unwrap();
    let [base, layer, code] = old.image.layers() else { panic!("three layers") };
    let before = fixture.fake.lines().len();
    let announce = async |sender: UnboundedSender<Announcement>| {
        sender.send(finished(&[0], base, false)).unwrap();
        sender.send(finished(&[0], code, true)).unwrap();
        sender.send(finished(&[0], layer, false)).unwrap();
    };
    let pushed = fixture.push_with(std::slice::from_ref(&old), announce).await.unwrap();
    let mut asked = fixture.fake.lines().split_off(before);
    asked.sort();
    let repository = "HEAD /v2/shop/a";
    assert_eq!(
        asked,
        [format!("{repository}/blobs/{}", code.digest()), format!("{repository}/manifests/latest")]
    );
    assert!(pushed[0].unchanged && pushed[0].present.blobs == 4, "{pushed:?}");
}

#[tokio::test]
async fn reused_layers_are_pushed_early_once_the_image_is_known_to_be_new() {
    // Announced before the new layer, and after.
    for base_first in [true, false] {
        let fixture = Fixture::new(4);
        let built = [fixture.built("a", &["base", "code"]), fixture.built("b", &["base"])];
        let [base, code] = built[0].image.layers() else { panic!("two layers") };
        let announce = async |sender: UnboundedSender<Announcement>| {
            let mut layers = [finished(&[0, 1], base, false), finished(&[0], code, true)];
            if !base_first {
                layers.reverse();
            }
            for layer in layers {
                sender.send(layer).unwrap();
            }
            while !(fixture.has("shop/a", base.digest()) && fixture.has("shop/a", code.digest())) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(!fixture.is_asked_for("/v2/shop/b/"), "the other image may be unchanged");
        };
        let pushed = fixture.push_with(&built, announce).await.unwrap();
        assert_eq!((pushed[0].uploaded.blobs, fixture.tags()), (3, 2));
    }
}

#[tokio::test]
async fn a_large_layer_is_mounted_from_the_repository_of_another_function() {
    let (first, other) = (Fixture::new(4), Fixture::new(4));
    other.fake.state().behaviour.mounts = true;
    let base = text(2 << 20);
    first.push(&[first.built("a", &[&base])]).await.unwrap();
    // What one machine has pushed is not known on another.
    *other.fake.state().repository("shop/a") = first.fake.state().repository("shop/a").clone();
    let built = [other.built("a", &[&base]), other.built("b", &[&base, "code"])];
    let announce = async |sender: UnboundedSender<Announcement>| {
        sender.send(finished(&[0, 1], &built[0].image.layers()[0], false)).unwrap();
        sender.send(finished(&[1], &built[1].image.layers()[1], true)).unwrap();
    };
    let pushed = other.push_with(&built, announce).await.unwrap();
    assert_eq!((pushed[0].unchanged, pushed[1].mounted.blobs, pushed[1].uploaded.blobs), (true, 1, 2));
}

#[tokio::test]
async fn a_refused_login_is_not_tried_for_every_layer() {
    let fixture = Fixture::new(8);
    let refusal = Response::error(401, "UNAUTHORIZED", "not you");
    fixture.fake.fail("", "/v2/shop/", ALWAYS, InjectedFault::Respond(refusal));
    let built = ["a", "b", "c"].map(|name| fixture.built(name, &["shared", name]));
    let announce = async |sender: UnboundedSender<Announcement>| {
        for (position, built) in built.iter().enumerate() {
            for layer in built.image.layers() {
                sender.send(finished(&[position], layer, true)).unwrap();
            }
        }
        // It never ends by itself.
        std::future::pending::<()>().await;
    };
    let error = fixture.push_with(&built, announce).await.unwrap_err();
    let PushError::Registry(error) = error else { panic!("{error:?}") };
    let asked = (fixture.fake.count("HEAD", "/v2/shop/"), fixture.fake.count("POST", "/v2/shop/"));
    assert_eq!(
        (error.status(), asked),
        (Some(401), (1, 1)),
        "one look, and one upload that shows whether it is allowed"
    );
}

/// The number of functions between the smallest and the largest: as many as the maximum number of workers.
const MIDDLE: usize = 16;

/// A build whose middle layers are held back until a condition is met.
struct Held {
    events: Events,
    fake: Fake,
    /// The condition.
    is_over: fn(&Fake) -> bool,
    /// Whether the build has failed or ended.
    is_ended: AtomicBool,
    /// The file of the largest layer, if it is removed then.
    lost: Option<PathBuf>,
}

impl Reporter for Held {
    fn report(&self, event: Event) {
        if matches!(&event, Event::Layer(LayerEvent { name, .. }) if name.contains("middle")) {
            let start = Instant::now();
            while !(self.is_ended.load(Relaxed) || (self.is_over)(&self.fake)) {
                assert!(start.elapsed() < PATIENCE, "the condition is not met in time");
                thread::sleep(Duration::from_millis(5));
            }
            if let Some(lost) = &self.lost {
                drop(std::fs::remove_file(lost));
            }
        }
        self.events.report(event);
    }
}

impl Held {
    fn layers(&self) -> Vec<String> {
        let name = |event: &Event| match event {
            Event::Layer(layer) => Some(layer.name.clone()),
            _ => None,
        };
        lock(&self.events.0).iter().filter_map(name).collect()
    }
}

/// Functions with layers of different sizes: `large`, `middle0` and so on, and `small`.
fn project(fixture: &Fixture) -> Project {
    let root = fixture.folder.path();
    let mut functions = String::new();
    let middle = (0..MIDDLE).map(|number| (format!("middle{number}"), 1000));
    for (name, size) in
        [("large".to_owned(), 5000)].into_iter().chain(middle).chain([("small".to_owned(), 10)])
    {
        let code = root.join(&name);
        std::fs::create_dir(&code).unwrap();
        std::fs::write(code.join("bootstrap"), format!("#!/nothing\n# {name}{}", "#".repeat(size))).unwrap();
        writeln!(functions, "  {name}: {{ runtime: nothing, code: {name} }}").unwrap();
    }
    let definition = format!(
        "project: shop\nbases: {{ nothing: {{ image: scratch, contract: provided.al2023 }} }}\nfunctions:\n{functions}"
    );
    let file = root.join("limg.yaml");
    std::fs::write(&file, definition).unwrap();
    crate::definition::load(&file, &crate::definition::Options::of_tests()).unwrap().project
}

/// Builds and pushes the project. Returns when all workers have ended.
fn build_held(
    fixture: &mut Fixture,
    is_over: fn(&Fake) -> bool,
    lost: Option<PathBuf>,
) -> (Arc<Held>, Result<Vec<Pushed>, PipelineError>) {
    let project = project(fixture);
    let (events, fake) = (Events::default(), fixture.fake.clone());
    let held = Arc::new(Held { events, fake, is_over, is_ended: AtomicBool::new(false), lost });
    fixture.context.reporter = Arc::<Held>::clone(&held);
    let options = Options::new(BuildTime::default());
    let functions: Vec<_> = project.functions.iter().collect();
    let target = |function: &&crate::project::Function| Target {
        repository: fixture.fake.repository(&format!("shop/{}", function.name)),
        tags: vec!["latest".to_owned()],
    };
    let targets: Vec<_> = functions.iter().map(target).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ready = async |_: &Repository| Ok(());
    let work = build_and_push(&functions, &targets, &options, ready, &fixture.context);
    let pushed = runtime.block_on(work);
    held.is_ended.store(true, Relaxed);
    // This waits for the workers.
    drop(runtime);
    (held, pushed.map(|pushed| pushed.into_iter().map(|(_, pushed)| pushed).collect()))
}

/// Whether the smallest layer was uploaded.
fn small_is_uploaded(fake: &Fake) -> bool {
    fake.state().repositories().get("shop/small").is_some_and(|contents| !contents.blobs.is_empty())
}

#[test]
fn a_small_layer_is_uploaded_before_larger_ones_are_made() {
    let mut fixture = Fixture::new(1);
    let (held, pushed) = build_held(&mut fixture, small_is_uploaded, None);
    let pushed = pushed.unwrap();
    assert!(
        pushed.iter().all(|pushed| (pushed.uploaded.blobs, pushed.unchanged) == (2, false)),
        "{pushed:?}"
    );
    assert_eq!((fixture.tags(), held.layers().len()), (MIDDLE + 2, MIDDLE + 2));
    // One request for each code. A repository that lacks the code is not asked for the config.
    assert_eq!(fixture.fake.count("HEAD", "/blobs/"), MIDDLE + 2);
    assert_eq!(fixture.fake.count("HEAD", "/manifests/"), 1, "that connects");
}

#[test]
fn a_build_that_fails_after_an_upload_writes_no_manifest_and_no_tag() {
    let mut fixture = Fixture::new(4);
    let lost = fixture.folder.path().join("large/bootstrap");
    let (_, pushed) = build_held(&mut fixture, small_is_uploaded, Some(lost));
    let error = pushed.unwrap_err();
    assert!(matches!(&error, PipelineError::Layer { name, .. } if name.contains("large")), "{error:?}");
    assert_eq!((fixture.fake.count("PUT", "/manifests/"), fixture.tags()), (0, 0));
}

#[test]
fn a_refused_upload_ends_the_build() {
    let mut fixture = Fixture::new(4);
    let refusal = Response::error(403, "DENIED", "no more of it");
    fixture.fake.fail("PUT", "/v2/shop/small/blobs/uploads/", ALWAYS, InjectedFault::Respond(refusal));
    let (held, pushed) = build_held(&mut fixture, |_| false, None);
    let error = pushed.unwrap_err();
    let PipelineError::Push(PushError::Registry(error)) = error else { panic!("{error:?}") };
    assert_eq!((error.status(), fixture.fake.count("PUT", "/v2/")), (Some(403), 1));
    let layers = held.layers();
    assert!(!layers.iter().any(|name| name.contains("large")), "it was started: {layers:?}");
}
