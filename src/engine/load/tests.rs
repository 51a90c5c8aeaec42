use std::io::Write as _;

use super::*;
use crate::engine::fake::{Fake, Loading};
use crate::image::{BaseImage, NewLayer};
use crate::project::Architecture;
use crate::project::RunConfig;
use crate::store::Store;

const CREATED: &str = "1980-01-01T00:00:00Z";

struct Bench {
    _folder: tempfile::TempDir,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        let (folder, store) = Store::for_test();
        Self { _folder: folder, store }
    }

    /// A layer of some size. The fake does not look into it.
    fn layer(&self, content: &str) -> Layer {
        let mut writer = self.store.writer().unwrap();
        writer.write_all(content.repeat(10_000).as_bytes()).unwrap();
        let (digest, blob) = writer.commit().unwrap();
        let diff_id = Digest::of(format!("tar of {content}").as_bytes());
        Layer { digest, diff_id, size: blob.size, blob }
    }

    fn image(&self, layers: &[&str], command: &str) -> Image {
        let added: Vec<_> = layers
            .iter()
            .map(|content| NewLayer { layer: self.layer(content), description: (*content).to_owned() })
            .collect();
        let run = RunConfig { command: Some(vec![command.to_owned()]), ..RunConfig::default() };
        Image::assemble(&BaseImage::scratch(Architecture::X86_64), &added, &run, CREATED).unwrap()
    }
}

async fn nothing_to_bring(_: Vec<&Layer>) -> Result<(), EngineError> {
    Ok(())
}

fn layer_files(fake: &Fake, archive: usize) -> usize {
    let state = fake.state.lock().unwrap();
    state.archives[archive].iter().filter(|name| name.ends_with(".tar.gz")).count()
}

fn archives(fake: &Fake) -> usize {
    fake.state.lock().unwrap().archives.len()
}

#[tokio::test]
async fn only_what_the_engine_lacks_is_sent() {
    let (bench, fake) = (Bench::new(), Fake::start(Loading::Docker));
    let engine = fake.engine().await;
    let image = bench.image(&["base", "code 1"], "app.handler");
    let first = engine.load(&image, "shop/orders:v1", nothing_to_bring).await.unwrap();
    assert_eq!((first.id.as_str(), first.thin), (image.config_digest().as_str(), false));
    assert_eq!(layer_files(&fake, 0), 2);

    let changed = bench.image(&["base", "code 2"], "app.handler");
    let second = engine.load(&changed, "shop/orders:v2", nothing_to_bring).await.unwrap();
    assert!(second.thin && second.sent_bytes < first.sent_bytes);
    assert_eq!(layer_files(&fake, 1), 1);

    let handler = bench.image(&["base", "code 2"], "app.other");
    let third = engine.load(&handler, "shop/orders:v2", nothing_to_bring).await.unwrap();
    assert!(third.thin && third.sent_bytes < 10_000, "{third:?}");
    assert_eq!(layer_files(&fake, 2), 0);
    assert_eq!(engine.image_id("shop/orders:v2").await.unwrap().unwrap().architecture, "amd64");
}

#[tokio::test]
async fn few_images_are_asked_about_when_one_is_like_the_new_one() {
    let (bench, fake) = (Bench::new(), Fake::start(Loading::Docker));
    let engine = fake.engine().await;
    engine
        .load(&bench.image(&["base", "code 1"], "app.handler"), "shop/orders:v1", nothing_to_bring)
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
    let changed = bench.image(&["base", "code 2"], "app.handler");
    let loaded = engine.load(&changed, "shop/orders:v2", nothing_to_bring).await.unwrap();
    assert!(loaded.thin);
    let requests = &fake.state.lock().unwrap().requests;
    assert!(requests.len() < 20, "{requests:?}");
}

#[tokio::test]
async fn an_image_that_is_there_is_only_named() {
    let (bench, fake) = (Bench::new(), Fake::start(Loading::Docker));
    let engine = fake.engine().await;
    let image = bench.image(&["base"], "app.handler");
    engine.load(&image, "localhost:5000/orders", nothing_to_bring).await.unwrap();
    assert!(engine.image_id("localhost:5000/orders:latest").await.unwrap().is_some());
    let again = engine.load(&image, "localhost:5000/orders:v2", nothing_to_bring).await.unwrap();
    assert_eq!((again.sent_bytes, again.thin, archives(&fake)), (0, true, 1));
    let named = engine.image_id("localhost:5000/orders:v2").await.unwrap().unwrap();
    assert_eq!(named.id, image.config_digest().as_str());
    assert_eq!(engine.image_id("nobody/knows:it").await.unwrap(), None);
}

#[tokio::test]
async fn a_refused_thin_archive_is_sent_whole() {
    for loading in [Loading::RefuseThin, Loading::HangUpOnce] {
        let (bench, fake) = (Bench::new(), Fake::start(Loading::Docker));
        let engine = fake.engine().await;
        engine
            .load(&bench.image(&["base", "code 1"], "app.handler"), "orders:v1", nothing_to_bring)
            .await
            .unwrap();
        fake.state.lock().unwrap().loading = loading;
        let changed = bench.image(&["base", "code 2"], "app.handler");
        let loaded = engine.load(&changed, "orders:v2", nothing_to_bring).await.unwrap();
        assert!(!loaded.thin, "{loading:?}");
        assert_eq!((archives(&fake), layer_files(&fake, 2)), (3, 2), "{loading:?}");
    }
}

#[tokio::test]
async fn an_image_that_the_engine_does_not_keep_is_an_error() {
    let (bench, fake) = (Bench::new(), Fake::start(Loading::Forget));
    let error = fake
        .engine()
        .await
        .load(&bench.image(&["base"], "a"), "orders:v1", nothing_to_bring)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("but has nothing under that name"), "{error}");
}

#[tokio::test]
async fn a_layer_that_cannot_be_read_is_not_the_engines_fault() {
    let (bench, fake) = (Bench::new(), Fake::start(Loading::Docker));
    let image = bench.image(&["base"], "a");
    std::fs::remove_file(&image.layers()[0].blob.path).unwrap();
    let error = fake.engine().await.load(&image, "orders:v1", nothing_to_bring).await.unwrap_err();
    assert!(matches!(error, EngineError::Archive { .. }), "{error}");
}

#[tokio::test]
async fn containerd_gets_whole_archives_once() {
    let (bench, fake) = (Bench::new(), Fake::start(Loading::Containerd));
    let engine = fake.engine().await;
    let image = bench.image(&["base", "code"], "app.handler");
    let first = engine.load(&image, "orders:v1", nothing_to_bring).await.unwrap();
    assert_ne!(first.id, image.config_digest().as_str());
    let again = engine.load(&image, "orders:v1", nothing_to_bring).await.unwrap();
    assert_eq!((&again.id, again.sent_bytes, archives(&fake)), (&first.id, 0, 1));

    let handler = bench.image(&["base", "code"], "app.other");
    let other = engine.load(&handler, "orders:v1", nothing_to_bring).await.unwrap();
    assert_eq!((other.thin, archives(&fake), layer_files(&fake, 1)), (false, 2, 2));
    assert_ne!(other.id, first.id);
}

#[tokio::test]
#[ignore = "needs a Docker Engine; `make test` runs it"]
async fn docker_refuses_what_it_cannot_complete() {
    let bench = Bench::new();
    let engine = Engine::connect(&crate::engine::Host::default()).await.unwrap();
    let image = bench.image(&["nobody has this layer"], "app.handler");
    let without = left_out(image.layers(), 1);
    let (sent, _) = engine.send(&image, "limg-test/refused:v1", without).await;
    let Err(EngineError::Call { source, .. }) = sent else { panic!("{sent:?}") };
    assert!(source.to_string().contains("no such file"), "{source}");
    assert_eq!(engine.image_id("limg-test/refused:v1").await.unwrap(), None);
}

#[test]
fn a_file_that_another_chain_needs_is_sent() {
    let bench = Bench::new();
    let layers = ["base", "empty", "code", "empty"].map(|content| bench.layer(content));
    let base = BTreeSet::from([layers[0].digest.clone()]);
    assert_eq!(left_out(&layers, 0), BTreeSet::new());
    assert_eq!(left_out(&layers, 2), base, "the lower `empty` is on another chain than the upper one");
    assert_eq!(left_out(&layers, 4).len(), 3);
    let found: Vec<_> = layers[..2].iter().map(|layer| layer.diff_id.to_string()).collect();
    assert_eq!(common_prefix(&found, &layers), 2);
    assert_eq!(common_prefix(&found[1..], &layers), 0);
}
