mod early_upload;
mod flow;
mod push_plan;
mod remote_cache;
mod while_building;

use std::io::Write as _;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _};

use super::*;
use crate::event::{Events, Provenance, Reporter};
use crate::failure::help_text;
use crate::files::FileIndex;
use crate::image::{BaseImage, Image, ImageLayer, Layer, NewLayer};
use crate::layer::{self, Recipe};
use crate::layer_version::WithoutAws;
use crate::pipeline::layer_bytes::Origin;
use crate::pipeline::{BasePrograms, Pinning, Pins};
use crate::project::{Architecture, RunConfig};
use crate::registry::fake::{ALWAYS, AuthScheme, Fake, InjectedFault, Response};
use crate::registry::{
    Client, ClientSettings, Credential, CredentialChain, CredentialError, CredentialProvider,
    FoundCredential, Identity, Secret,
};
use crate::shared::Shared;
use crate::store::Store;
use crate::tree::{FileNode, Node, Tree};

const CREATED: &str = "1980-01-01T00:00:00Z";

/// A text of so many bytes.
fn text(size: usize) -> String {
    (b' '..=b'y').cycle().take(size).map(char::from).collect()
}

/// A registry, and a context to push to it.
struct Fixture {
    fake: Fake,
    context: Context,
    events: Arc<Events>,
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new(connections: usize) -> Self {
        Self::with_credentials(connections, Arc::new(CredentialChain(Vec::new())))
    }

    fn with_credentials(connections: usize, credentials: Arc<dyn CredentialProvider>) -> Self {
        let (folder, store) = Store::for_test();
        let events = Arc::<Events>::default();
        let reporter: Arc<dyn Reporter> = Arc::<Events>::clone(&events);
        let settings = ClientSettings { connections, ..ClientSettings::default() };
        let registry = Client::new(settings, credentials, Arc::clone(&reporter)).unwrap().with_short_waits();
        let context = Context {
            store,
            docker: crate::engine::DockerHost::default(),
            registry,
            pins: Pins::read(folder.path().join("limg.lock"), Pinning::Add).unwrap(),
            layer_versions: Arc::new(WithoutAws),
            verify: false,
            programs: crate::install::Programs::default(),
            base_programs: BasePrograms::default(),
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
            .map(|layer| NewLayer {
                layer: layer.into(),
                description: "some files".to_owned(),
                encoder: None,
            })
            .collect();
        let base = BaseImage::scratch(Architecture::X86_64);
        let run = RunConfig { command: Some(vec![name.to_owned()]), ..RunConfig::default() };
        Built {
            name: name.to_owned(),
            image_name: name.to_owned(),
            image: Image::assemble(&base, &added, &run, CREATED).unwrap(),
            run,
            base: "scratch".to_owned(),
            base_config: base.config_digest().clone(),
            origins: BTreeMap::new(),
            layers: Vec::new(),
            emulator: None,
            has_tmp: true,
        }
    }

    fn targets(&self, built: &[Built]) -> Vec<Target> {
        let target = |built: &Built| Target {
            repository: self.fake.repository(&format!("shop/{}", built.name)),
            tags: vec!["latest".to_owned()],
        };
        built.iter().map(target).collect()
    }

    /// An image with one layer that can be made again from its file.
    fn made(&self, name: &str) -> Built {
        let mut tree = Tree::new();
        tree.insert("/opt/file".parse().unwrap(), Node::File(FileNode::of_bytes(b"content", false)));
        let recipe = Recipe::new("code", Shared::new(tree), Shared::new(FileIndex::default()), 0);
        let layer = layer::build(&recipe, &self.context.store, None, &|_| ()).unwrap();
        let image = BaseImage::scratch(Architecture::X86_64);
        let mut built = self.built(name, &[]);
        built.origins.insert(layer.digest.clone(), Origin::Files(Arc::new(recipe)));
        let added = [NewLayer { layer: layer.into(), description: "code".to_owned(), encoder: None }];
        built.image = Image::assemble(&image, &added, &built.run, CREATED).unwrap();
        built
    }

    async fn push(&self, built: &[Built]) -> Result<Vec<Pushed>, PushError> {
        push(built, &self.targets(built), &BlobPusher::new(async |_: &Repository| Ok(()), &self.context))
            .await
    }

    fn mount_hints(&self) -> usize {
        let events = self.events.0.lock().unwrap();
        events.iter().filter(|event| matches!(event, Event::NotMounted { .. })).count()
    }

    fn tags(&self) -> usize {
        self.fake.state().repositories().values().map(|contents| contents.tags.len()).sum()
    }
}

#[tokio::test]
async fn a_layer_is_made_again_only_for_a_registry_that_lacks_it() {
    let fixture = Fixture::new(8);
    let built = [fixture.made("a")];
    fixture.push(&built).await.unwrap();
    let blob = &built[0].image.unique_blobs()[0].blob;
    std::fs::remove_file(&blob.path).unwrap();
    let made = || {
        let events = fixture.events.0.lock().unwrap();
        events
            .iter()
            .filter(|event| matches!(event, Event::Layer(layer) if layer.provenance == Provenance::Built))
            .count()
    };
    assert!(fixture.push(&built).await.unwrap()[0].unchanged);
    assert!(!blob.is_present() && made() == 0, "the registry has everything");

    let elsewhere = Built { name: "b".to_owned(), ..built[0].clone() };
    let pushed = fixture.push(&[elsewhere]).await.unwrap();
    assert_eq!((pushed[0].uploaded.blobs, made()), (2, 1), "the layer and the config");
    assert!(blob.is_present());
}

#[tokio::test]
async fn a_shared_blob_is_uploaded_once_and_mounted_elsewhere() {
    for connections in [1, 8] {
        let fixture = Fixture::new(connections);
        fixture.fake.state().behaviour.mounts = true;
        let built = ["a", "b", "c"].map(|name| fixture.built(name, &["shared", name]));
        let pushed = fixture.push(&built).await.unwrap();
        assert_eq!(fixture.fake.count("PUT", "/uploads/"), 1 + 3 + 3, "the shared layer, codes, configs");
        let mounted: Vec<_> = pushed.iter().map(|pushed| pushed.mounted.blobs).collect();
        assert_eq!((mounted, fixture.mount_hints()), (vec![0, 1, 1], 0));
        assert_eq!(fixture.tags(), 3);

        let before = fixture.fake.lines().len();
        let again = fixture.push(&built).await.unwrap();
        assert!(again.iter().all(|pushed| pushed.unchanged));
        let asked = fixture.fake.lines().split_off(before);
        assert!(asked.len() == 3 && asked.iter().all(|line| line.starts_with("HEAD ")), "{asked:?}");
    }
}

#[tokio::test]
async fn a_registry_that_does_not_mount_gets_each_blob_and_the_user_one_hint() {
    let fixture = Fixture::new(4);
    fixture.fake.state().behaviour.ecr = true;
    let built = ["a", "b", "c"].map(|name| fixture.built(name, &["shared", "also shared", name]));
    let pushed = fixture.push(&built).await.unwrap();
    assert_eq!(fixture.mount_hints(), 1);
    assert!(pushed.iter().all(|pushed| pushed.uploaded.blobs == 4), "{pushed:?}");
    // The session that a refused mount opens is used.
    assert_eq!(fixture.fake.count("POST", "/uploads/"), 12);
}

#[tokio::test]
async fn the_layers_of_an_unchanged_image_are_mounted_from_it() {
    let fixture = Fixture::new(4);
    fixture.fake.state().behaviour.mounts = true;
    let old = fixture.built("old", &["shared"]);
    fixture.push(std::slice::from_ref(&old)).await.unwrap();
    let pushed = fixture.push(&[old, fixture.built("new", &["shared"])]).await.unwrap();
    assert_eq!((pushed[0].unchanged, pushed[1].mounted.blobs, pushed[1].uploaded.blobs), (true, 1, 1));
}

#[tokio::test]
async fn an_immutable_tag_is_an_error_unless_it_points_to_the_image() {
    let fixture = Fixture::new(4);
    fixture.fake.state().behaviour.immutable_tags = true;
    let first = [fixture.built("a", &["one"])];
    fixture.push(&first).await.unwrap();
    fixture.push(&first).await.unwrap();
    let second = [fixture.built("a", &["two"])];
    let error = fixture.push(&second).await.unwrap_err();
    assert!(matches!(&error, PushError::ImmutableTag { tag, .. } if tag == "latest"), "{error:?}");
    assert!(help_text(&error).contains("--tag"));
    // The image is there by its digest, as the help says, and the tag has not moved.
    let repository = fixture.fake.repository("shop/a");
    let registry = &fixture.context.registry;
    let of = async |version: &str| registry.manifest_digest(&repository, version).await.unwrap();
    assert_eq!(of("latest").await.as_ref(), first[0].image.digest());
    let digest = second[0].image.digest().unwrap();
    assert_eq!(of(digest.as_str()).await.as_ref(), Some(digest));
}

#[tokio::test]
async fn no_tag_is_written_when_a_blob_is_refused() {
    let fixture = Fixture::new(4);
    let refusal = Response::error(413, "SIZE_INVALID", "too much");
    fixture.fake.fail("PUT", "/v2/shop/b/blobs/uploads/", ALWAYS, InjectedFault::Respond(refusal));
    let built = ["a", "b", "c"].map(|name| fixture.built(name, &["shared", name]));
    let error = fixture.push(&built).await.unwrap_err();
    let PushError::Registry(error) = error else { panic!("{error:?}") };
    assert_eq!((error.status(), fixture.tags()), (Some(413), 0));
    assert_eq!(fixture.fake.count("PUT", "/manifests/"), 0);
}

#[tokio::test]
async fn a_push_goes_on_after_a_look_that_the_registry_denies() {
    for code in [400, 401, 403, 404, 405] {
        for (method, path) in [("HEAD", "/manifests/"), ("HEAD", "/blobs/"), ("HEAD", "/v2/")] {
            let fixture = Fixture::new(4);
            let denial = InjectedFault::Respond(Response::new(code));
            fixture.fake.fail(method, path, ALWAYS, denial.clone());
            // Where HEAD is not supported, GET may be denied.
            fixture.fake.fail("GET", "/manifests/", ALWAYS, denial);
            let built = ["a", "b"].map(|name| fixture.built(name, &["shared", name]));
            for _ in 0..2 {
                let pushed = fixture.push(&built).await.unwrap();
                assert!(pushed.iter().all(|pushed| !pushed.unchanged || path == "/blobs/"), "{path} {code}");
            }
            assert_eq!(fixture.tags(), 2, "{path} {code}");
        }
    }
    let fixture = Fixture::new(4);
    fixture.fake.state().behaviour.omits_digest = true;
    fixture.fake.fail("GET", "/manifests/", ALWAYS, InjectedFault::Respond(Response::new(406)));
    let built = [fixture.built("a", &["one"])];
    fixture.push(&built).await.unwrap();
    fixture.push(&built).await.unwrap();
    assert_eq!(fixture.tags(), 1);
}

/// Has the same password for every registry.
struct WrongPassword;

impl CredentialProvider for WrongPassword {
    fn find<'a>(
        &'a self,
        _repository: &'a Repository,
    ) -> BoxFuture<'a, Result<FoundCredential, CredentialError>> {
        let identity = Identity::Password { user: "me".to_owned(), password: Secret::new("wrong") };
        let credential = Credential { identity, source: "the password store".to_owned(), expires: None };
        std::future::ready(Ok(FoundCredential { credential: Some(credential), for_registry: true })).boxed()
    }
}

#[tokio::test]
async fn a_wrong_password_is_reported_by_the_upload_and_not_sent_for_every_blob() {
    for (scheme, path) in
        [(AuthScheme::Basic, "/v2/"), (AuthScheme::Bearer { public: false, uses: usize::MAX }, "/token")]
    {
        let fixture = Fixture::with_credentials(16, Arc::new(WrongPassword));
        fixture.fake.state().auth.scheme = scheme;
        let names: Vec<_> = (0..10).map(|number| number.to_string()).collect();
        let built: Vec<_> = names.iter().map(|name| fixture.built(name, &["shared", name])).collect();
        let error = fixture.push(&built).await.unwrap_err();
        assert!(error.to_string().starts_with("failed to upload sha256:"), "{error}");
        assert!(error.to_string().contains("with the credentials from the password store"), "{error}");
        assert!(help_text(&error).contains("docker login"));
        let state = fixture.fake.state();
        let sent = state
            .log
            .iter()
            .filter(|request| request.scheme() == Some("Basic") && request.head.path.starts_with(path));
        // For the look, again after it may have expired, and likewise for the upload.
        let sent = sent.count();
        assert!(sent <= 4, "{sent} times");
    }
}

#[tokio::test]
async fn a_layer_in_another_registry_is_fetched_if_it_is_missing() {
    let fixture = Fixture::new(1);
    let other = Fake::start();
    let bytes = b"the base";
    let digest = other.state().repository("base").blob(bytes);
    let mut built = fixture.built("a", &["code"]);
    let size = bytes.len() as u64;
    let far = Layer {
        blob: fixture.context.store.expected_blob(&digest, size),
        digest: digest.clone(),
        diff_id: Digest::of(b"tar"),
        size,
    };
    let added = NewLayer { layer: far.into(), description: "base".to_owned(), encoder: None };
    let scratch = BaseImage::scratch(Architecture::X86_64);
    built.image = Image::assemble(&scratch, &[added], &built.run, CREATED).unwrap();
    built.origins.insert(digest.clone(), Origin::Registry(other.repository("base")));
    let pushed = fixture.push(std::slice::from_ref(&built)).await.unwrap();
    assert_eq!((pushed[0].uploaded.blobs, other.count("GET", "/blobs/")), (2, 1));

    // If the registry has it, it is not fetched.
    let elsewhere = Fixture::new(1);
    *elsewhere.fake.state().repository("shop/a") = fixture.fake.state().repository("shop/a").clone();
    elsewhere.push(&[built]).await.unwrap();
    assert_eq!(other.count("GET", "/blobs/"), 1);
}

#[tokio::test]
async fn a_new_repository_gets_a_large_layer_from_one_of_an_earlier_run() {
    let fixture = Fixture::new(4);
    fixture.fake.state().behaviour.mounts = true;
    let (large, small) = ("l".repeat(2 << 20), "s".repeat(1000));
    fixture.push(&[fixture.built("a", &[&large, &small])]).await.unwrap();
    let pushed = fixture.push(&[fixture.built("b", &[&large, &small])]).await.unwrap();
    assert_eq!((pushed[0].mounted.blobs, pushed[0].mounted.bytes), (1, large.len() as u64));

    // A repository that is gone, or never had it, costs nothing but a request.
    fixture.fake.state().repository("shop/a").blobs.clear();
    fixture.fake.state().repository("shop/b").blobs.clear();
    let pushed = fixture.push(&[fixture.built("c", &[&large, &small])]).await.unwrap();
    assert_eq!((pushed[0].mounted.blobs, pushed[0].uploaded.blobs), (0, 3));
}
