use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{self, UnboundedSender};

use super::*;
use crate::build_time::BuildTime;
use crate::event::LayerEvent;
use crate::pipeline::finished_layers::Part;
use crate::pipeline::push::while_building::send;
use crate::pipeline::{Options, PipelineError, build_and_push, lock};
use crate::project::Project;

/// How long something may take that happens at once.
const PATIENCE: Duration = Duration::from_secs(30);

fn part(functions: &[usize], layer: &Layer, is_new: bool) -> Part {
    Part { functions: functions.iter().copied().collect(), layer: layer.clone(), origin: None, is_new }
}

impl Bench {
    fn has(&self, repository: &str, digest: &Digest) -> bool {
        self.fake.state().repository(repository).blobs.contains_key(digest)
    }

    fn is_asked_for(&self, path: &str) -> bool {
        self.fake.lines().iter().any(|line| line.contains(path))
    }

    /// Sends what `build` tells of, and pushes the images while the last of it may still be on its way.
    async fn push_with(
        &self,
        built: &[Built],
        tell: impl AsyncFnOnce(UnboundedSender<Part>),
    ) -> Result<Vec<Pushed>, PushError> {
        let targets = self.targets(built);
        let courier = Courier::new(async |_: &Repository| Ok(()), &self.context);
        let (listener, parts) = mpsc::unbounded_channel();
        let work = async {
            tell(listener).await;
            push(built, &targets, &courier).await
        };
        let both = async { tokio::try_join!(work, send(parts, &targets, &courier)) };
        tokio::time::timeout(PATIENCE, both).await.unwrap().map(|(pushed, ())| pushed)
    }
}

#[tokio::test]
async fn a_layer_is_sent_once_while_the_build_goes_on() {
    for connections in [1, 8] {
        let bench = Bench::new(connections);
        bench.fake.state().behaviour.mounts = true;
        let built = ["a", "b"].map(|name| bench.built(name, &["shared", name]));
        let shared = &built[0].image.layers()[0];
        let tell = async |listener: UnboundedSender<Part>| {
            listener.send(part(&[0, 1], shared, true)).unwrap();
            // The build ends when the registry has it in both repositories.
            while !(bench.has("shop/a", &shared.digest) && bench.has("shop/b", &shared.digest)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let pushed = bench.push_with(&built, tell).await.unwrap();
        assert_eq!(bench.fake.count("HEAD", shared.digest.as_str()), 2, "one question for each repository");
        assert_eq!(bench.fake.count("PATCH", "/uploads/"), 1 + 2 + 2, "the shared layer, codes, configs");
        assert_eq!(bench.fake.count("HEAD", "/manifests/"), 0, "the images cannot be there");
        let mounted: Vec<_> = pushed.iter().map(|pushed| (pushed.sent.blobs, pushed.mounted.blobs)).collect();
        assert_eq!(mounted, [(3, 0), (2, 1)]);
        assert_eq!(bench.tags(), 2);
    }
}

#[tokio::test]
async fn an_image_that_may_be_there_is_asked_for_as_a_whole() {
    let bench = Bench::new(4);
    let old = bench.built("a", &["base", "layer", "code"]);
    bench.push(std::slice::from_ref(&old)).await.unwrap();
    let [base, layer, code] = old.image.layers() else { panic!("three layers") };
    let before = bench.fake.lines().len();
    let tell = async |listener: UnboundedSender<Part>| {
        listener.send(part(&[0], base, false)).unwrap();
        listener.send(part(&[0], code, true)).unwrap();
        listener.send(part(&[0], layer, false)).unwrap();
    };
    let pushed = bench.push_with(std::slice::from_ref(&old), tell).await.unwrap();
    let mut asked = bench.fake.lines().split_off(before);
    asked.sort();
    let repository = "HEAD /v2/shop/a";
    assert_eq!(
        asked,
        [format!("{repository}/blobs/{}", code.digest), format!("{repository}/manifests/latest")]
    );
    assert!(pushed[0].unchanged && pushed[0].present.blobs == 4, "{pushed:?}");
}

#[tokio::test]
async fn what_was_there_before_goes_early_too_once_the_image_is_known_to_be_new() {
    // Before the new layer is told of, and after.
    for base_first in [true, false] {
        let bench = Bench::new(4);
        let built = [bench.built("a", &["base", "code"]), bench.built("b", &["base"])];
        let [base, code] = built[0].image.layers() else { panic!("two layers") };
        let tell = async |listener: UnboundedSender<Part>| {
            let mut parts = [part(&[0, 1], base, false), part(&[0], code, true)];
            if !base_first {
                parts.reverse();
            }
            for part in parts {
                listener.send(part).unwrap();
            }
            while !(bench.has("shop/a", &base.digest) && bench.has("shop/a", &code.digest)) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(!bench.is_asked_for("/v2/shop/b/"), "nothing is known of the other image");
        };
        let pushed = bench.push_with(&built, tell).await.unwrap();
        assert_eq!((pushed[0].sent.blobs, bench.tags()), (3, 2));
    }
}

#[tokio::test]
async fn nobody_is_asked_twice_for_being_let_in() {
    let bench = Bench::new(8);
    let refusal = Response::error(403, "DENIED", "not you");
    bench.fake.fail("", "/v2/shop/", ALWAYS, InjectedFault::Respond(refusal));
    let built = ["a", "b", "c"].map(|name| bench.built(name, &["shared", name]));
    let tell = async |listener: UnboundedSender<Part>| {
        for (position, built) in built.iter().enumerate() {
            for layer in built.image.layers() {
                listener.send(part(&[position], layer, true)).unwrap();
            }
        }
        // It would go on for ever.
        std::future::pending::<()>().await;
    };
    let error = bench.push_with(&built, tell).await.unwrap_err();
    let PushError::Registry(error) = error else { panic!("{error:?}") };
    let asked = bench.fake.lines();
    let asked = asked.iter().filter(|line| line.contains("/v2/shop/")).count();
    assert_eq!((error.status(), asked), (Some(403), 1));
}

/// How many functions there are between the smallest and the largest: as many as layers are made at once at most.
const MIDDLE: usize = 16;

/// A build whose layers between the smallest and the largest are not finished before the test says so.
struct Held {
    events: Events,
    fake: Fake,
    /// Says so.
    is_over: fn(&Fake) -> bool,
    /// Whether nobody waits for the build any more.
    is_left: AtomicBool,
    /// The file of the largest layer, if it is to be lost then.
    lost: Option<PathBuf>,
}

impl Reporter for Held {
    fn report(&self, event: Event) {
        if matches!(&event, Event::Layer(LayerEvent { name, .. }) if name.contains("middle")) {
            let start = Instant::now();
            while !(self.is_left.load(Relaxed) || (self.is_over)(&self.fake)) {
                assert!(start.elapsed() < PATIENCE, "what the build waits for does not come");
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

/// Functions whose layers grow, the smallest one's first: `large`, `middle0` and on, and `small`.
fn project(bench: &Bench) -> Project {
    let root = bench.folder.path();
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
    crate::definition::load(&file, &crate::runtime::ids()).unwrap().project
}

/// Builds and pushes the project. When this returns, nothing is being built any more.
fn build_held(
    bench: &mut Bench,
    is_over: fn(&Fake) -> bool,
    lost: Option<PathBuf>,
) -> (Arc<Held>, Result<Vec<Pushed>, PipelineError>) {
    let project = project(bench);
    let (events, fake) = (Events::default(), bench.fake.clone());
    let held = Arc::new(Held { events, fake, is_over, is_left: AtomicBool::new(false), lost });
    bench.context.reporter = Arc::<Held>::clone(&held);
    let options = Options { destinations: Vec::new(), time: BuildTime::default(), cache_from: Vec::new() };
    let functions: Vec<_> = project.functions.iter().collect();
    let target = |function: &&crate::project::Function| Target {
        repository: bench.fake.repository(&format!("shop/{}", function.name)),
        tags: vec!["latest".to_owned()],
    };
    let targets: Vec<_> = functions.iter().map(target).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ready = async |_: &Repository| Ok(());
    let work = build_and_push(&functions, &targets, &options, ready, &bench.context);
    let pushed = runtime.block_on(work);
    held.is_left.store(true, Relaxed);
    // This waits for the threads that still build.
    drop(runtime);
    (held, pushed.map(|pushed| pushed.into_iter().map(|(_, pushed)| pushed).collect()))
}

/// Whether the smallest layer was sent.
fn small_is_sent(fake: &Fake) -> bool {
    fake.state().repositories().get("shop/small").is_some_and(|contents| !contents.blobs.is_empty())
}

#[test]
fn a_small_layer_is_sent_before_larger_ones_are_made() {
    let mut bench = Bench::new(1);
    let (held, pushed) = build_held(&mut bench, small_is_sent, None);
    let pushed = pushed.unwrap();
    assert!(pushed.iter().all(|pushed| (pushed.sent.blobs, pushed.unchanged) == (2, false)), "{pushed:?}");
    assert_eq!((bench.tags(), held.layers().len()), (MIDDLE + 2, MIDDLE + 2));
    // A question for each code and config.
    assert_eq!(bench.fake.count("HEAD", "/blobs/"), 2 * (MIDDLE + 2));
}

#[test]
fn a_build_that_fails_after_a_layer_was_sent_gives_nothing_a_name() {
    let mut bench = Bench::new(4);
    let lost = bench.folder.path().join("large/bootstrap");
    let (_, pushed) = build_held(&mut bench, small_is_sent, Some(lost));
    let error = pushed.unwrap_err();
    assert!(matches!(&error, PipelineError::Layer { name, .. } if name.contains("large")), "{error:?}");
    assert_eq!((bench.fake.count("PUT", "/manifests/"), bench.tags()), (0, 0));
}

#[test]
fn a_refused_upload_ends_the_build() {
    let mut bench = Bench::new(4);
    let refusal = Response::error(403, "DENIED", "no more of it");
    bench.fake.fail("PUT", "/v2/shop/small/blobs/uploads/", ALWAYS, InjectedFault::Respond(refusal));
    let (held, pushed) = build_held(&mut bench, |_| false, None);
    let error = pushed.unwrap_err();
    let PipelineError::Push(PushError::Registry(error)) = error else { panic!("{error:?}") };
    assert_eq!((error.status(), bench.fake.count("PUT", "/v2/")), (Some(403), 1));
    let layers = held.layers();
    assert!(!layers.iter().any(|name| name.contains("large")), "it was begun: {layers:?}");
}
