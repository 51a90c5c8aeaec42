mod cache;
mod while_building;

use std::io::Write as _;
use std::sync::Arc;

use super::*;
use crate::event::{Events, Provenance, Reporter};
use crate::files::FileIndex;
use crate::image::{BaseImage, Layer, NewLayer};
use crate::layer;
use crate::pipeline::{Origin, Pinning, Recipe};
use crate::project::{Architecture, RunConfig};
use crate::registry::fake::{ALWAYS, Fake, InjectedFault, Response};
use crate::registry::{Client, ClientSettings, CredentialChain};
use crate::store::Store;
use crate::tree::{FileNode, Node, Tree};

const CREATED: &str = "1980-01-01T00:00:00Z";

/// A registry, and what pushes to it.
struct Bench {
    fake: Fake,
    context: Context,
    events: Arc<Events>,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(connections: usize) -> Self {
        let (folder, store) = Store::for_test();
        let events = Arc::<Events>::default();
        let reporter: Arc<dyn Reporter> = Arc::<Events>::clone(&events);
        let settings = ClientSettings { connections, ..ClientSettings::default() };
        let anonymous = Arc::new(CredentialChain(Vec::new()));
        let registry = Client::new(settings, anonymous, Arc::clone(&reporter)).unwrap().with_short_waits();
        let context = Context {
            store,
            docker: crate::engine::DockerHost { address: None, tls: false },
            registry,
            lock: Arc::default(),
            lock_before: Arc::default(),
            lock_file: folder.path().join("limg.lock"),
            pinning: Pinning::Add,
            #[cfg(feature = "aws")]
            aws: crate::aws::Aws::new(crate::aws::AwsOptions::default()),
            verify: false,
            reporter,
            stop: Arc::default(),
        };
        Self { fake: Fake::start(), context, events, folder }
    }

    fn layer(&self, content: &str) -> Layer {
        let mut writer = self.context.store.writer().unwrap();
        writer.write_all(content.as_bytes()).unwrap();
        let (digest, blob) = writer.commit().unwrap();
        Layer { digest, diff_id: Digest::of(format!("tar of {content}").as_bytes()), size: blob.size, blob }
    }

    fn built(&self, name: &str, layers: &[&str]) -> Built {
        let layers = layers.iter().map(|content| self.layer(content));
        let added: Vec<_> = layers
            .map(|layer| NewLayer { layer, description: "some files".to_owned(), encoder: None })
            .collect();
        let base = BaseImage::scratch(Architecture::X86_64);
        let run = RunConfig { command: Some(vec![name.to_owned()]), ..RunConfig::default() };
        Built {
            name: name.to_owned(),
            image: Image::assemble(&base, &added, &run, CREATED).unwrap(),
            run,
            base: "scratch".to_owned(),
            base_config: base.config_digest().clone(),
            origins: BTreeMap::new(),
            layers: Vec::new(),
            needs_emulator: false,
        }
    }

    fn targets(&self, built: &[Built]) -> Vec<Target> {
        let target = |built: &Built| Target {
            repository: self.fake.repository(&format!("shop/{}", built.name)),
            tags: vec!["latest".to_owned()],
        };
        built.iter().map(target).collect()
    }

    /// An image with one layer of one file, and where that comes from.
    fn made(&self, name: &str) -> Built {
        let mut tree = Tree::new();
        tree.insert("/opt/file".parse().unwrap(), Node::File(FileNode::of_bytes(b"content", false)));
        let (index, key) = (FileIndex::default(), Digest::of(name.as_bytes()));
        let (layer, _) = layer::build(&tree, &index, 0, &key, &self.context.store).unwrap();
        let image = BaseImage::scratch(Architecture::X86_64);
        let recipe =
            Recipe { name: "code".to_owned(), tree: Arc::new(tree), base: Arc::new(index), mtime: 0 };
        let mut built = self.built(name, &[]);
        built.origins.insert(layer.digest.clone(), Origin::Recipe(Arc::new(recipe)));
        let added = [NewLayer { layer, description: "code".to_owned(), encoder: None }];
        built.image = Image::assemble(&image, &added, &built.run, CREATED).unwrap();
        built
    }

    async fn push(&self, built: &[Built]) -> Result<Vec<Pushed>, PushError> {
        push(built, &self.targets(built), &Courier::new(async |_: &Repository| Ok(()), &self.context)).await
    }

    fn told_of_mounts(&self) -> usize {
        let events = self.events.0.lock().unwrap();
        events.iter().filter(|event| matches!(event, Event::NotMounted { .. })).count()
    }

    fn tags(&self) -> usize {
        self.fake.state().repositories().values().map(|contents| contents.tags.len()).sum()
    }
}

#[tokio::test]
async fn bytes_are_made_again_for_a_registry_that_lacks_them_and_for_no_other() {
    let bench = Bench::new(8);
    let built = [bench.made("a")];
    bench.push(&built).await.unwrap();
    let blob = &built[0].image.layers()[0].blob;
    std::fs::remove_file(&blob.path).unwrap();
    let made = || {
        let events = bench.events.0.lock().unwrap();
        events
            .iter()
            .filter(|event| matches!(event, Event::Layer(layer) if layer.provenance == Provenance::Built))
            .count()
    };
    assert!(bench.push(&built).await.unwrap()[0].unchanged);
    assert!(!blob.is_present() && made() == 0, "the registry has all");

    let elsewhere = Built { name: "b".to_owned(), ..built[0].clone() };
    let pushed = bench.push(&[elsewhere]).await.unwrap();
    assert_eq!((pushed[0].sent.blobs, made()), (2, 1), "the layer and the config");
    assert!(blob.is_present());
}

#[tokio::test]
async fn a_shared_blob_goes_over_once_and_is_mounted_elsewhere() {
    for connections in [1, 8] {
        let bench = Bench::new(connections);
        bench.fake.state().behaviour.mounts = true;
        let built = ["a", "b", "c"].map(|name| bench.built(name, &["shared", name]));
        let pushed = bench.push(&built).await.unwrap();
        assert_eq!(bench.fake.count("PATCH", "/uploads/"), 1 + 3 + 3, "the shared layer, codes, configs");
        let mounted: Vec<_> = pushed.iter().map(|pushed| pushed.mounted.blobs).collect();
        assert_eq!((mounted, bench.told_of_mounts()), (vec![0, 1, 1], 0));
        assert_eq!(bench.tags(), 3);

        let before = bench.fake.lines().len();
        let again = bench.push(&built).await.unwrap();
        assert!(again.iter().all(|pushed| pushed.unchanged));
        let asked = bench.fake.lines().split_off(before);
        assert!(asked.len() == 3 && asked.iter().all(|line| line.starts_with("HEAD ")), "{asked:?}");
    }
}

#[tokio::test]
async fn a_registry_that_does_not_mount_gets_each_blob_and_the_user_one_hint() {
    let bench = Bench::new(4);
    bench.fake.state().behaviour.ecr = true;
    let built = ["a", "b", "c"].map(|name| bench.built(name, &["shared", "also shared", name]));
    let pushed = bench.push(&built).await.unwrap();
    assert_eq!(bench.told_of_mounts(), 1);
    assert!(pushed.iter().all(|pushed| pushed.sent.blobs == 4), "{pushed:?}");
    // The session that a refused mount opens is used, not another one.
    assert_eq!(bench.fake.count("POST", "/uploads/"), 12);
}

#[tokio::test]
async fn what_an_unchanged_image_has_is_mounted_from_it() {
    let bench = Bench::new(4);
    bench.fake.state().behaviour.mounts = true;
    let old = bench.built("old", &["shared"]);
    bench.push(std::slice::from_ref(&old)).await.unwrap();
    let pushed = bench.push(&[old, bench.built("new", &["shared"])]).await.unwrap();
    assert_eq!((pushed[0].unchanged, pushed[1].mounted.blobs, pushed[1].sent.blobs), (true, 1, 1));
}

#[tokio::test]
async fn an_immutable_tag_is_an_error_unless_it_is_right() {
    let bench = Bench::new(4);
    bench.fake.state().behaviour.immutable_tags = true;
    let first = [bench.built("a", &["one"])];
    bench.push(&first).await.unwrap();
    bench.push(&first).await.unwrap();
    let second = [bench.built("a", &["two"])];
    let error = bench.push(&second).await.unwrap_err();
    assert!(matches!(&error, PushError::ImmutableTag { tag, .. } if tag == "latest"), "{error:?}");
    assert!(error.help().unwrap().contains("--tag"));
    // The image is there by its digest, as the advice says, and the tag is what it was.
    let repository = bench.fake.repository("shop/a");
    let registry = &bench.context.registry;
    let of = async |version: &str| registry.manifest_digest(&repository, version).await.unwrap();
    assert_eq!(of("latest").await.as_ref(), Some(first[0].image.digest()));
    let digest = second[0].image.digest();
    assert_eq!(of(digest.as_str()).await.as_ref(), Some(digest));
}

#[tokio::test]
async fn nothing_gets_a_tag_when_one_blob_is_refused() {
    let bench = Bench::new(4);
    let refusal = Response::error(413, "SIZE_INVALID", "too much");
    bench.fake.fail("PUT", "/v2/shop/b/blobs/uploads/", ALWAYS, InjectedFault::Respond(refusal));
    let built = ["a", "b", "c"].map(|name| bench.built(name, &["shared", name]));
    let error = bench.push(&built).await.unwrap_err();
    let PushError::Registry(error) = error else { panic!("{error:?}") };
    assert_eq!((error.status(), bench.tags()), (Some(413), 0));
    assert_eq!(bench.fake.count("PUT", "/manifests/"), 0);
}

#[tokio::test]
async fn a_layer_that_lies_elsewhere_is_fetched_when_it_is_lacking() {
    let bench = Bench::new(1);
    let other = Fake::start();
    let bytes = b"the base";
    let digest = other.state().repository("base").blob(bytes);
    let mut built = bench.built("a", &["code"]);
    let size = bytes.len() as u64;
    let far = Layer {
        blob: bench.context.store.expected_blob(&digest, size),
        digest: digest.clone(),
        diff_id: Digest::of(b"tar"),
        size,
    };
    let added = NewLayer { layer: far, description: "base".to_owned(), encoder: None };
    let scratch = BaseImage::scratch(Architecture::X86_64);
    built.image = Image::assemble(&scratch, &[added], &built.run, CREATED).unwrap();
    built.origins.insert(digest.clone(), Origin::Registry(other.repository("base")));
    let pushed = bench.push(std::slice::from_ref(&built)).await.unwrap();
    assert_eq!((pushed[0].sent.blobs, other.count("GET", "/blobs/")), (2, 1));

    // Where it is there already, nobody fetches it.
    let elsewhere = Bench::new(1);
    *elsewhere.fake.state().repository("shop/a") = bench.fake.state().repository("shop/a").clone();
    elsewhere.push(&[built]).await.unwrap();
    assert_eq!(other.count("GET", "/blobs/"), 1);
}
