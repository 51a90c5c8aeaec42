use std::cell::RefCell;
use std::io::Write as _;
use std::sync::Arc;

use super::*;
use crate::engine::fake::{FakeEngine, LoadBehaviour};
use crate::files::FileIndex;
use crate::image::{BaseImage, NewLayer};
use crate::layer::{Recipe, TarLayer};
use crate::project::{Architecture, RunConfig, Source, SourceKind};
use crate::shared::Shared;
use crate::store::Store;
use crate::tree::Tree;

const CREATED: &str = "1980-01-01T00:00:00Z";

struct Fixture {
    _folder: tempfile::TempDir,
    store: Store,
}

impl Fixture {
    fn new() -> Self {
        let (folder, store) = Store::for_test();
        Self { _folder: folder, store }
    }

    /// A layer of some size. The fake engine does not unpack it.
    fn layer(&self, content: &str) -> ImageLayer {
        let mut writer = self.store.writer().unwrap();
        writer.write_all(content.repeat(10_000).as_bytes()).unwrap();
        let (digest, blob) = writer.commit().unwrap();
        let diff_id = Digest::of(format!("tar of {content}").as_bytes());
        ImageLayer::Blob(Layer { digest, diff_id, size: blob.size, blob })
    }

    /// A layer of one file, as a plain tar.
    fn plain(&self, content: &str) -> ImageLayer {
        let path = self.store.root().parent().unwrap().join("code");
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("app.py"), content).unwrap();
        let source = Source::new(path, SourceKind::Directory);
        let tree = Shared::new(Tree::load(&source, &"/var/task".parse().unwrap()).unwrap());
        let base = Shared::new(FileIndex::default());
        let recipe = Arc::new(Recipe::new("code", tree, base, 0));
        ImageLayer::Tar(TarLayer::read(&recipe, &self.store, &|_| ()).unwrap())
    }

    fn image(&self, layers: &[&str], command: &str) -> Image {
        image_of(layers.iter().map(|content| self.layer(content)), command)
    }
}

fn image_of(layers: impl IntoIterator<Item = ImageLayer>, command: &str) -> Image {
    let added: Vec<_> = layers
        .into_iter()
        .map(|layer| NewLayer { layer, description: "some files".to_owned(), encoder: None })
        .collect();
    let run = RunConfig { command: Some(vec![command.to_owned()]), ..RunConfig::default() };
    Image::assemble(&BaseImage::scratch(Architecture::X86_64), &added, &run, CREATED).unwrap()
}

async fn nothing_to_fetch(_: Vec<&Layer>) -> Result<(), EngineError> {
    Ok(())
}

fn layer_files(fake: &FakeEngine, archive: usize) -> usize {
    let state = fake.state.lock().unwrap();
    state.archives[archive].iter().filter(|name| name.contains(".tar")).count()
}

fn archives(fake: &FakeEngine) -> usize {
    fake.state.lock().unwrap().archives.len()
}

#[tokio::test]
async fn only_missing_layers_are_sent() {
    let (fixture, fake) = (Fixture::new(), FakeEngine::start(LoadBehaviour::Docker));
    let engine = fake.engine().await;
    let image = fixture.image(&["base", "code 1"], "app.handler");
    let first = engine.load(&image, "shop/orders:v1", nothing_to_fetch).await.unwrap();
    assert_eq!((first.id.as_str(), first.reused), (image.config_digest().as_str(), false));
    assert_eq!(layer_files(&fake, 0), 2);

    let changed = fixture.image(&["base", "code 2"], "app.handler");
    let second = engine.load(&changed, "shop/orders:v2", nothing_to_fetch).await.unwrap();
    assert!(second.reused && second.sent_bytes < first.sent_bytes);
    assert_eq!(layer_files(&fake, 1), 1);

    let handler = fixture.image(&["base", "code 2"], "app.other");
    let third = engine.load(&handler, "shop/orders:v2", nothing_to_fetch).await.unwrap();
    assert!(third.reused && third.sent_bytes < 10_000, "{third:?}");
    assert_eq!(layer_files(&fake, 2), 0);
    assert_eq!(engine.image("shop/orders:v2").await.unwrap().unwrap().architecture, "amd64");
}

#[tokio::test]
async fn own_layers_are_sent_as_plain_tars() {
    for behaviour in [LoadBehaviour::Docker, LoadBehaviour::Containerd] {
        let (fixture, fake) = (Fixture::new(), FakeEngine::start(behaviour));
        let engine = fake.engine().await;
        let image = |code| image_of([fixture.layer("base"), fixture.plain(code)], "app.handler");
        let before = image("one = 1");
        let fetched = RefCell::new(Vec::new());
        let fetch = async |layers: Vec<&Layer>| {
            fetched.borrow_mut().extend(layers.into_iter().map(|layer| layer.digest.clone()));
            Ok::<_, EngineError>(())
        };
        let first = engine.load(&before, "orders:v1", fetch).await.unwrap();
        assert_eq!((first.reused, &fetched.take()[..]), (false, &[before.layers()[0].digest().clone()][..]));
        let names = fake.state.lock().unwrap().archives[0].clone();
        assert!(names.contains(&format!("{}.tar", before.layers()[1].diff_id().hex())), "{names:?}");
        let again = engine.load(&before, "orders:v1", fetch).await.unwrap();
        assert_eq!((again.sent_bytes, archives(&fake)), (0, 1), "{behaviour:?}");

        let after = image("two = 2");
        let second = engine.load(&after, "orders:v2", fetch).await.unwrap();
        let is_reused = behaviour == LoadBehaviour::Docker;
        assert_eq!((second.reused, layer_files(&fake, 1)), (is_reused, if is_reused { 1 } else { 2 }));
        assert_ne!(second.id, first.id);
    }
}

#[tokio::test]
async fn a_file_that_changes_before_it_is_sent_is_an_error() {
    let (fixture, fake) = (Fixture::new(), FakeEngine::start(LoadBehaviour::Docker));
    let image = image_of([fixture.plain("one = 1")], "app.handler");
    for changed in ["one = 2", "one", "one = 1000"] {
        fixture.plain(changed);
        let engine = fake.engine().await;
        let error = engine.load(&image, "orders:v1", nothing_to_fetch).await.unwrap_err();
        assert!(matches!(error, EngineError::Archive { .. }), "{changed}: {error}");
        assert_eq!(engine.image("orders:v1").await.unwrap(), None);
    }
}

#[tokio::test]
async fn few_images_are_inspected_if_one_is_similar_to_the_new_one() {
    let (fixture, fake) = (Fixture::new(), FakeEngine::start(LoadBehaviour::Docker));
    let engine = fake.engine().await;
    engine
        .load(&fixture.image(&["base", "code 1"], "app.handler"), "shop/orders:v1", nothing_to_fetch)
        .await
        .unwrap();
    {
        let mut state = fake.state.lock().unwrap();
        for number in 0..200 {
            let id = Digest::of(format!("{number}").as_bytes()).to_string();
            let other = serde_json::json!({ "Id": id, "RootFS": { "Type": "layers", "Layers": [id] } });
            state.images.insert(id, other.clone());
            state.images.insert(format!("other/image:{number}"), other);
        }
        state.requests.clear();
    }
    let changed = fixture.image(&["base", "code 2"], "app.handler");
    let loaded = engine.load(&changed, "shop/orders:v2", nothing_to_fetch).await.unwrap();
    assert!(loaded.reused);
    let requests = &fake.state.lock().unwrap().requests;
    assert!(requests.len() < 20, "{requests:?}");
}

#[tokio::test]
async fn an_existing_image_is_only_tagged() {
    let (fixture, fake) = (Fixture::new(), FakeEngine::start(LoadBehaviour::Docker));
    let engine = fake.engine().await;
    let image = fixture.image(&["base"], "app.handler");
    engine.load(&image, "localhost:5000/orders", nothing_to_fetch).await.unwrap();
    assert!(engine.image("localhost:5000/orders:latest").await.unwrap().is_some());
    let again = engine.load(&image, "localhost:5000/orders:v2", nothing_to_fetch).await.unwrap();
    assert_eq!((again.sent_bytes, again.reused, archives(&fake)), (0, true, 1));
    let named = engine.image("localhost:5000/orders:v2").await.unwrap().unwrap();
    assert_eq!(named.id, image.config_digest().as_str());
    assert_eq!(engine.image("no/such:image").await.unwrap(), None);
}

#[tokio::test]
async fn after_a_refusal_a_complete_archive_is_sent() {
    for behaviour in [LoadBehaviour::RefuseIncomplete, LoadBehaviour::CloseOnce] {
        let (fixture, fake) = (Fixture::new(), FakeEngine::start(LoadBehaviour::Docker));
        let engine = fake.engine().await;
        engine
            .load(&fixture.image(&["base", "code 1"], "app.handler"), "orders:v1", nothing_to_fetch)
            .await
            .unwrap();
        fake.state.lock().unwrap().behaviour = behaviour;
        let changed = fixture.image(&["base", "code 2"], "app.handler");
        let loaded = engine.load(&changed, "orders:v2", nothing_to_fetch).await.unwrap();
        assert!(!loaded.reused, "{behaviour:?}");
        assert_eq!((archives(&fake), layer_files(&fake, 2)), (3, 2), "{behaviour:?}");
    }
}

#[tokio::test]
async fn an_image_that_the_engine_loses_is_an_error() {
    let (fixture, fake) = (Fixture::new(), FakeEngine::start(LoadBehaviour::Lose));
    let error = fake
        .engine()
        .await
        .load(&fixture.image(&["base"], "a"), "orders:v1", nothing_to_fetch)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("but has nothing under that name"), "{error}");
}

#[tokio::test]
async fn an_unreadable_layer_is_an_archive_error() {
    let (fixture, fake) = (Fixture::new(), FakeEngine::start(LoadBehaviour::Docker));
    let image = fixture.image(&["base"], "a");
    std::fs::remove_file(&image.layers()[0].blob().unwrap().blob.path).unwrap();
    let error = fake.engine().await.load(&image, "orders:v1", nothing_to_fetch).await.unwrap_err();
    assert!(matches!(error, EngineError::Archive { .. }), "{error}");
}

#[tokio::test]
async fn containerd_gets_a_complete_archive_once() {
    let (fixture, fake) = (Fixture::new(), FakeEngine::start(LoadBehaviour::Containerd));
    let engine = fake.engine().await;
    let image = fixture.image(&["base", "code"], "app.handler");
    let first = engine.load(&image, "orders:v1", nothing_to_fetch).await.unwrap();
    assert_ne!(first.id, image.config_digest().as_str());
    let again = engine.load(&image, "orders:v1", nothing_to_fetch).await.unwrap();
    assert_eq!((&again.id, again.sent_bytes, archives(&fake)), (&first.id, 0, 1));

    let handler = fixture.image(&["base", "code"], "app.other");
    let other = engine.load(&handler, "orders:v1", nothing_to_fetch).await.unwrap();
    assert_eq!((other.reused, archives(&fake), layer_files(&fake, 1)), (false, 2, 2));
    assert_ne!(other.id, first.id);
}

#[tokio::test]
#[ignore = "needs a Docker Engine; `make test` runs it"]
async fn docker_refuses_an_archive_without_a_layer_that_it_lacks() {
    let fixture = Fixture::new();
    let engine = Engine::connect(&crate::engine::DockerHost::default()).await.unwrap();
    let image = fixture.image(&["a layer that no engine has"], "app.handler");
    let omitted = omittable(image.layers(), 1);
    let (sent, _) = engine.send(&image, "limg-test/refused:v1", omitted).await;
    let Err(EngineError::Call { source, .. }) = sent else { panic!("{sent:?}") };
    assert!(source.to_string().contains("no such file"), "{source}");
    assert_eq!(engine.image("limg-test/refused:v1").await.unwrap(), None);
}

#[test]
fn a_file_that_a_higher_layer_shares_is_sent() {
    let fixture = Fixture::new();
    let layers = ["base", "empty", "code", "empty"].map(|content| fixture.layer(content));
    let base = BTreeSet::from([layers[0].digest().clone()]);
    assert_eq!(omittable(&layers, 0), BTreeSet::new());
    assert_eq!(omittable(&layers, 2), base, "the higher `empty` has another chain ID");
    assert_eq!(omittable(&layers, 4).len(), 3);
    let found: Vec<_> = layers[..2].iter().map(|layer| layer.diff_id().to_string()).collect();
    assert_eq!(common_prefix(&found, &layers), 2);
    assert_eq!(common_prefix(&found[1..], &layers), 0);
}
