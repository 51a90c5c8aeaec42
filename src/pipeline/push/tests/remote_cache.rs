//! Layers from images that another machine has pushed.

use serde_json::{Value, json};
use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;
use crate::build_time::BuildTime;
use crate::layer::ENCODER;
use crate::pipeline::{Options, PipelineError, build_and_push};
use crate::project::Project;

/// A machine with a store and a checkout of its own.
struct Machine {
    fixture: Fixture,
    project: Project,
}

/// What a machine has pushed, for each function.
type AllPushed = Vec<(Built, Pushed)>;

impl Machine {
    fn new(fake: &Fake) -> Self {
        Self::with(fake, "x86_64", |_| {})
    }

    /// With functions `a` and `b`, a layer that both use, and changes to the files.
    fn with(fake: &Fake, architecture: &str, change: impl FnOnce(&std::path::Path)) -> Self {
        let fixture = Fixture { fake: fake.clone(), ..Fixture::new(4) };
        let root = fixture.folder.path().join("checkout");
        let write = |name: &str, content: &str| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        };
        write("words/lib/words.txt", &"many words\n".repeat(1000));
        write("a/bootstrap", "#!/nothing\n: a\n");
        write("b/bootstrap", "#!/nothing\n: b\n");
        write(
            "limg.yaml",
            &format!(
                "project: shop\nbases: {{ nothing: {{ image: scratch, contract: provided.al2023 }} }}\n\
                 defaults: {{ runtime: nothing, architecture: {architecture}, layers: [words] }}\n\
                 layers: {{ words: {{ path: words }} }}\nfunctions: {{ a: {{ code: a }}, b: {{ code: b }} }}\n"
            ),
        );
        change(&root);
        let project =
            crate::definition::load(&root.join("limg.yaml"), &crate::definition::Options::of_tests())
                .unwrap()
                .project;
        Self { fixture, project }
    }

    async fn try_push(&self, prefix: &str, from: &[String]) -> Result<AllPushed, PipelineError> {
        let cache_from = from.iter().map(|text| text.parse().unwrap()).collect();
        let options = Options { cache_from, ..Options::new(BuildTime::default()) };
        let functions: Vec<_> = self.project.functions.iter().collect();
        let target = |function: &&crate::project::Function| Target {
            repository: self.fixture.fake.repository(&format!("{prefix}/{}", function.name)),
            tags: vec!["latest".to_owned()],
        };
        let targets: Vec<_> = functions.iter().map(target).collect();
        build_and_push(&functions, &targets, &options, async |_| Ok(()), &self.fixture.context).await
    }

    async fn push(&self, prefix: &str, from: &[String]) -> AllPushed {
        self.try_push(prefix, from).await.unwrap()
    }

    fn events(&self) -> Vec<Event> {
        let events = self.fixture.events.0.lock().unwrap();
        let is_of_cache = |event: &&Event| {
            matches!(
                event,
                Event::CacheMissing { .. } | Event::CacheUnusable { .. } | Event::CacheFailed { .. }
            )
        };
        events.iter().filter(is_of_cache).cloned().collect()
    }
}

/// The templates of the images that [`Machine::push`] pushes under a prefix.
fn each(fake: &Fake, prefix: &str) -> Vec<String> {
    vec![format!("{}/{prefix}/{{function}}", fake.host())]
}

fn provenances(pushed: &AllPushed) -> Vec<Provenance> {
    pushed.iter().flat_map(|(built, _)| built.layers.iter().map(|layer| layer.provenance)).collect()
}

fn digests(pushed: &AllPushed) -> Vec<Digest> {
    pushed.iter().map(|(built, _)| built.image.digest().unwrap().clone()).collect()
}

fn all(provenance: Provenance) -> [Provenance; 4] {
    [provenance; 4]
}

/// Changes the image that is `latest` in a repository.
fn tamper(fake: &Fake, repository: &str, change: impl FnOnce(&mut Value, &mut Value)) {
    let mut state = fake.state();
    let contents = state.repository(repository);
    let (media_type, manifest) = contents.manifests[&contents.tags["latest"]].clone();
    let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let config: Digest = manifest["config"]["digest"].as_str().unwrap().parse().unwrap();
    let mut config: Value = serde_json::from_slice(&contents.blobs[&config]).unwrap();
    change(&mut manifest, &mut config);
    let config = config.to_string();
    manifest["config"]["digest"] = contents.blob(config.as_bytes()).as_str().into();
    manifest["config"]["size"] = config.len().into();
    contents.manifest(&media_type, manifest.to_string().as_bytes(), Some("latest"));
}

/// Changes the images of both functions.
fn tamper_all(fake: &Fake, change: impl Fn(&mut Value, &mut Value)) {
    for repository in ["shop/a", "shop/b"] {
        tamper(fake, repository, &change);
    }
}

#[tokio::test]
async fn an_empty_store_makes_and_uploads_nothing_that_the_registry_has() {
    let fake = Fake::start();
    let first = Machine::new(&fake).push("shop", &[]).await;
    assert_eq!(provenances(&first), all(Provenance::Built));
    let before = fake.lines().len();
    let second = Machine::new(&fake);
    let pushed = second.push("shop", &each(&fake, "shop")).await;
    assert_eq!((provenances(&pushed), digests(&pushed)), (all(Provenance::Cached).to_vec(), digests(&first)));
    assert!(pushed.iter().all(|(_, pushed)| pushed.unchanged), "{pushed:?}");
    let asked = fake.lines().split_off(before);
    assert!(asked.iter().all(|line| line.starts_with("GET ") || line.starts_with("HEAD ")), "{asked:?}");
    // Manifest and config of each, and the question for each tag.
    assert_eq!(asked.iter().filter(|line| line.starts_with("HEAD ")).count(), 2, "{asked:?}");
    assert_eq!(asked.iter().filter(|line| line.contains("/v2/shop/")).count(), 6, "{asked:?}");
    assert_eq!(second.events(), []);
    let blobs = second.fixture.context.store.root().join("blobs/sha256");
    assert_eq!(std::fs::read_dir(blobs).unwrap().count(), 0, "nothing was made or fetched");
    assert!(second.fixture.context.pins.changes().is_empty(), "nothing is pinned");
}

#[tokio::test]
async fn only_what_changed_is_made_and_uploaded() {
    let fake = Fake::start();
    Machine::new(&fake).push("shop", &[]).await;
    let change =
        |root: &std::path::Path| std::fs::write(root.join("a/bootstrap"), "#!/nothing\n: other\n").unwrap();
    let sent = fake.count("PUT", "/uploads/");
    let pushed = Machine::with(&fake, "x86_64", change).push("shop", &each(&fake, "shop")).await;
    let [cached, built] = [Provenance::Cached, Provenance::Built];
    assert_eq!(provenances(&pushed), [cached, built, cached, cached]);
    assert_eq!(fake.count("PUT", "/uploads/") - sent, 2, "the code and the config");
    assert_eq!((pushed[0].1.uploaded.blobs, pushed[1].1.unchanged), (2, true));
    let without = Machine::with(&fake, "x86_64", change).push("other", &[]).await;
    assert_eq!(digests(&pushed), digests(&without));
}

#[tokio::test]
async fn layers_of_the_cache_are_mounted_or_copied_into_the_target() {
    for mounts in [true, false] {
        let fake = Fake::start();
        fake.state().behaviour.mounts = mounts;
        let first = Machine::new(&fake).push("shop", &[]).await;
        let (sent, fetched) = (fake.count("PUT", "/uploads/"), fake.count("GET", "/blobs/"));
        let from = [format!("{}/shop/a", fake.host()), format!("{}/shop/b:latest", fake.host())];
        let pushed = Machine::new(&fake).push("other", &from).await;
        assert_eq!(
            (provenances(&pushed), digests(&pushed)),
            (all(Provenance::Cached).to_vec(), digests(&first))
        );
        let (sent, fetched) = (fake.count("PUT", "/uploads/") - sent, fake.count("GET", "/blobs/") - fetched);
        // The configs are read from the cache and uploaded to the target.
        assert_eq!((sent, fetched), if mounts { (2, 2) } else { (6, 2 + 3) });
    }
}

#[tokio::test]
async fn a_layer_of_another_or_an_unknown_encoder_is_made() {
    type Change = fn(&mut Value, &mut Value);
    let changes: [(&str, Change); 6] = [
        ("another encoder", |_, config| {
            for entry in config["history"].as_array_mut().unwrap() {
                entry["comment"] = format!("limg: {ENCODER}0").into();
            }
        }),
        ("no comments", |_, config| {
            for entry in config["history"].as_array_mut().unwrap() {
                entry.as_object_mut().unwrap().remove("comment");
            }
        }),
        ("an entry too few", |_, config| drop(config["history"].as_array_mut().unwrap().pop())),
        ("an entry of no layer", |_, config| config["history"][0]["empty_layer"] = true.into()),
        ("no history", |_, config| config["history"] = Value::Null),
        ("too large for Lambda", |manifest, _| {
            for layer in manifest["layers"].as_array_mut().unwrap() {
                layer["size"] = u64::MAX.into();
            }
        }),
    ];
    for (what, change) in changes {
        let fake = Fake::start();
        let first = Machine::new(&fake).push("shop", &[]).await;
        tamper_all(&fake, change);
        let second = Machine::new(&fake);
        let pushed = second.push("other", &each(&fake, "shop")).await;
        assert_eq!(provenances(&pushed), all(Provenance::Built), "{what}");
        assert_eq!((digests(&pushed), second.events()), (digests(&first), vec![]), "{what}");
    }
}

#[tokio::test]
async fn an_unusable_image_is_reported_and_does_not_fail_the_build() {
    type Change = fn(&mut Value, &mut Value);
    let changes: [(&str, Change); 6] = [
        ("arm64", |_, config| config["architecture"] = "arm64".into()),
        ("`diff_ids`", |_, config| drop(config["rootfs"]["diff_ids"].as_array_mut().unwrap().pop())),
        ("config", |_, config| config["history"] = json!({ "comment": [1] })),
        ("digest", |manifest, _| manifest["layers"][0]["digest"] = "md5:00".into()),
        ("media type", |manifest, _| manifest["layers"][0]["mediaType"] = "application/zstd".into()),
        ("config", |_, config| *config = json!("nothing")),
    ];
    for (why, change) in changes {
        let fake = Fake::start();
        let first = Machine::new(&fake).push("shop", &[]).await;
        tamper_all(&fake, change);
        let second = Machine::new(&fake);
        let pushed = second.push("other", &each(&fake, "shop")).await;
        assert_eq!(
            (provenances(&pushed), digests(&pushed)),
            (all(Provenance::Built).to_vec(), digests(&first))
        );
        let events = second.events();
        let is_reported =
            |event: &Event| matches!(event, Event::CacheUnusable { why: text, .. } if text.contains(why));
        assert!(events.len() == 2 && events.iter().all(is_reported), "{why}: {events:?}");
    }
}

#[tokio::test]
async fn an_image_for_another_architecture_is_not_used() {
    let fake = Fake::start();
    Machine::new(&fake).push("shop", &[]).await;
    let arm64 = Machine::with(&fake, "arm64", |_| {});
    let pushed = arm64.push("arm64", &each(&fake, "shop")).await;
    assert_eq!(provenances(&pushed), all(Provenance::Built));
    let events = arm64.events();
    let is_reported =
        |event: &Event| matches!(event, Event::CacheUnusable { image, .. } if image.ends_with(" (arm64)"));
    assert!(events.len() == 2 && events.iter().all(is_reported), "{events:?}");

    // From an index the image for the architecture is used.
    let of = |repository: &str| fake.state().repository(repository).tags["latest"].clone();
    let entry = |repository: &str, architecture: &str| {
        json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": of(repository).as_str(), "size": 1,
            "platform": { "os": "linux", "architecture": architecture } })
    };
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({ "schemaVersion": 2, "mediaType": media_type,
        "manifests": [entry("shop/a", "amd64"), entry("arm64/a", "arm64")] });
    {
        let mut state = fake.state();
        let both = state.repository("arm64/a").clone();
        let contents = state.repository("shop/a");
        contents.blobs.extend(both.blobs);
        contents.manifests.extend(both.manifests);
        contents.manifest(media_type, index.to_string().as_bytes(), Some("both"));
    }
    for architecture in ["x86_64", "arm64"] {
        let machine = Machine::with(&fake, architecture, |_| {});
        let pushed = machine.push("both", &[format!("{}/shop/a:both", fake.host())]).await;
        let [cached, built] = [Provenance::Cached, Provenance::Built];
        assert_eq!(provenances(&pushed), [cached, cached, cached, built], "{architecture}");
    }
}

#[tokio::test]
async fn missing_images_are_reported_together() {
    let fake = Fake::start();
    let machine = Machine::new(&fake);
    let pushed = machine.push("shop", &each(&fake, "shop")).await;
    assert_eq!(provenances(&pushed), all(Provenance::Built));
    let images = ["a", "b"].map(|name| format!("{}/shop/{name}", fake.host())).to_vec();
    assert_eq!(machine.events(), [Event::CacheMissing { images }]);
}

#[tokio::test]
async fn a_registry_that_fails_or_refuses_does_not_fail_the_build() {
    let refusal = InjectedFault::Respond(Response::error(403, "DENIED", "not you"));
    for (fault, asked) in [(InjectedFault::Reset, "shop/b"), (refusal, "")] {
        let other = Fake::start();
        Machine::new(&other).push("shop", &[]).await;
        other.fail("GET", "/manifests/", ALWAYS, fault);
        let machine = Machine::new(&Fake::start());
        let before = other.lines().len();
        let pushed = machine.push("shop", &each(&other, "shop")).await;
        assert_eq!(provenances(&pushed), all(Provenance::Built));
        let events = machine.events();
        let is_reported =
            |event: &Event| matches!(event, Event::CacheFailed { image, .. } if image.ends_with("/shop/a"));
        assert!(events.len() == 1 && is_reported(&events[0]), "{events:?}");
        // A host that cannot be reached is not asked again; another repository may be accessible.
        let lines = other.lines().split_off(before);
        assert_eq!(lines.iter().any(|line| line.contains("shop/b")), asked.is_empty(), "{lines:?}");
    }
}

#[tokio::test]
async fn a_layer_that_the_cache_has_lost_is_made_after_all() {
    let other = Fake::start();
    let first = Machine::new(&other).push("shop", &[]).await;
    for repository in ["shop/a", "shop/b"] {
        let mut state = other.state();
        let lost = |digest: &Digest| {
            !first
                .iter()
                .any(|(built, _)| built.layers.iter().any(|layer| layer.digest.as_ref() == Some(digest)))
        };
        state.repository(repository).blobs.retain(|digest, _| lost(digest));
    }
    let machine = Machine::new(&Fake::start());
    let pushed = machine.push("shop", &each(&other, "shop")).await;
    assert_eq!(digests(&pushed), digests(&first));
    assert_eq!(machine.events().len(), 3, "the layer and the code of each: {:?}", machine.events());

    // What the files do not give cannot be made.
    tamper_all(&other, |manifest, _| {
        for layer in manifest["layers"].as_array_mut().unwrap() {
            layer["digest"] = Digest::of(b"a lie").as_str().into();
        }
    });
    let error = Machine::new(&Fake::start()).try_push("shop", &each(&other, "shop")).await.unwrap_err();
    assert!(help_text(&error).contains("--cache-from"), "{error:?}");
}

#[tokio::test]
async fn a_layer_with_deflated_data_of_a_zip_is_not_looked_up() {
    let fake = Fake::start();
    let zipped = |size: usize| {
        move |root: &std::path::Path| {
            let mut archive = ZipWriter::new(std::fs::File::create(root.join("a.zip")).unwrap());
            archive.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
            archive.write_all(b"#!/nothing\n").unwrap();
            archive.write_all(&b"words\n".repeat(size / 6)).unwrap();
            archive.finish().unwrap();
            let file = root.join("limg.yaml");
            let definition = std::fs::read_to_string(&file).unwrap();
            std::fs::write(&file, definition.replace("code: a ", "code: a.zip ")).unwrap();
        }
    };
    for (size, code, commented) in [(100_000, Provenance::Built, 1), (1000, Provenance::Cached, 2)] {
        let prefix = format!("shop{size}");
        let first = Machine::with(&fake, "x86_64", zipped(size)).push(&prefix, &[]).await;
        let config: Value = serde_json::from_slice(first[0].0.image.config()).unwrap();
        let comments =
            config["history"].as_array().unwrap().iter().filter(|entry| entry["comment"].is_string());
        assert_eq!(comments.count(), commented);
        let pushed = Machine::with(&fake, "x86_64", zipped(size)).push(&prefix, &each(&fake, &prefix)).await;
        let cached = Provenance::Cached;
        assert_eq!(provenances(&pushed), [cached, code, cached, cached]);
        assert_eq!(digests(&pushed), digests(&first));
        assert!(pushed.iter().all(|(_, pushed)| pushed.unchanged));
    }
}

#[tokio::test]
async fn a_layer_in_the_store_is_not_looked_up() {
    let fake = Fake::start();
    let machine = Machine::new(&fake);
    machine.push("shop", &[]).await;
    // Files that have just been written may change without a trace.
    tokio::time::sleep(std::time::Duration::from_millis(120)).await;
    machine.push("shop", &[]).await;
    let pushed = machine.push("shop", &each(&fake, "shop")).await;
    assert_eq!(provenances(&pushed), all(Provenance::Reused));
}
