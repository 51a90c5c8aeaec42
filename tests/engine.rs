//! Loading, exporting and invoking on a real Docker Engine.
//!
//! The engine is the one that `DOCKER_HOST` or the default socket leads to. The base is made by `base-images/debian/build`.
//! Every test removes the images and containers that it makes.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking, also in what it is set up with"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use limg::engine::{
    Answer, Engine, EngineError, Event, Host, Invocation, Loaded, OutputSink, RunOptions, Session, Start,
    Used,
};
use limg::files::FileIndex;
use limg::image::{BaseImage, DockerImage, Image, NewLayer};
use limg::layout::{read_docker_archive, read_oci_directory};
use limg::project::{Architecture, RunConfig, Source, SourceKind};
use limg::store::Store;
use limg::tree::Tree;

const CREATED: &str = "1980-01-01T00:00:00Z";
const MTIME: u64 = 315_532_800;

const FUNCTION: &str = r#"
import json, os, time

def handler(event, context):
    if "raise" in event:
        raise ValueError(event["raise"])
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "exit" in event:
        os._exit(event["exit"])
    if "fill" in event:
        return len(bytearray(event["fill"]))
    written = {}
    for folder in ["/tmp", "/var/task"]:
        try:
            open(folder + "/probe", "w").close()
            written[folder] = True
        except OSError:
            written[folder] = False
    print("hello from the function")
    return {
        "name": context.function_name, "memory": context.memory_limit_in_mb, "uid": os.getuid(),
        "extra": os.environ.get("EXTRA"), "written": written, "event": event,
    }
"#;

/// An extension that says what it is told.
const EXTENSION: &str = r#"#!/bin/bash
api="http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension"
id=$(curl -sS -D - -o /dev/null -H "Lambda-Extension-Name: teller" -d '{"events":["INVOKE","SHUTDOWN"]}' "$api/register" |
    tr -d '\r' | sed -n 's/^[Ll]ambda-[Ee]xtension-[Ii]dentifier: //p')
while true; do
    event=$(curl -sS -H "Lambda-Extension-Identifier: $id" "$api/event/next")
    case $event in
        *SHUTDOWN*) echo "extension: SHUTDOWN"; echo "extension: on stderr" >&2; exit 0 ;;
        *) echo "extension: INVOKE" ;;
    esac
done
"#;

/// A store, a base, and the images and containers of one test.
struct Bench {
    folder: tempfile::TempDir,
    store: Store,
    base: BaseImage,
    engine: Engine,
    /// The repository of this test's images, which no other test uses.
    repository: String,
    /// The ids of its images.
    loaded: Mutex<Vec<String>>,
}

impl Bench {
    async fn new(test: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let layout = target().join("bases/python3.11");
        let base = read_oci_directory(&layout, None, Architecture::X86_64, &store)
            .expect("`base-images/debian/build` makes the base");
        let engine = Engine::connect(&Host::default()).await.unwrap();
        let repository = format!("limg-test/{test}-{}", std::process::id());
        Self { folder, store, base, engine, repository, loaded: Mutex::default() }
    }

    fn name(&self, tag: &str) -> String {
        format!("{}:{tag}", self.repository)
    }

    /// A layer of files, each with its path in the image.
    fn layer(&self, description: &str, files: &[(&str, &str)]) -> NewLayer {
        let folder = self.folder.path().join(description);
        for (path, content) in files {
            let file = folder.join(path.trim_start_matches('/'));
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, content).unwrap();
            let mode = if content.starts_with("#!") { 0o755 } else { 0o644 };
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(&file, permissions).unwrap();
        }
        // No other test has an image of the same id, which it would remove.
        let mark = folder.join("opt/mark");
        std::fs::create_dir_all(mark.parent().unwrap()).unwrap();
        std::fs::write(mark, &self.repository).unwrap();
        let mut tree = Tree::new();
        for root in ["opt", "var/task"] {
            let path = folder.join(root);
            if path.is_dir() {
                let source = Source { path, kind: SourceKind::Directory, follow: false, exclude: vec![] };
                let loaded = Tree::load(&source, &format!("/{root}").parse().unwrap()).unwrap();
                for (path, node) in loaded.iter() {
                    tree.insert(path.clone(), node.clone());
                }
            }
        }
        let base = FileIndex::default();
        let key = limg::layer::key(&tree, &base, MTIME);
        let (layer, _) = limg::layer::build(&tree, &base, MTIME, &key, &self.store).unwrap();
        NewLayer { layer, description: description.to_owned(), encoder: None }
    }

    fn image(&self, added: &[NewLayer], run: &RunConfig) -> Image {
        Image::assemble(&self.base, added, run, CREATED).unwrap()
    }

    async fn load(&self, image: &Image, tag: &str) -> Loaded {
        let image = DockerImage::from(image);
        let loaded =
            self.engine.load(&image, &self.name(tag), async |_| Ok::<_, EngineError>(())).await.unwrap();
        self.loaded.lock().unwrap().push(loaded.id.clone());
        loaded
    }

    /// The base's way of running, with this handler.
    fn run(&self, handler: &str) -> RunConfig {
        RunConfig { command: Some(vec![handler.to_owned()]), ..self.base.run_config() }
    }

    /// A function with an extension, loaded.
    async fn function(&self, run: RunConfig) -> RunOptions {
        let code = self.layer("code", &[("/var/task/app.py", FUNCTION)]);
        let extension = self.layer("extension", &[("/opt/extensions/teller", EXTENSION)]);
        self.load(&self.image(&[extension, code], &run), "latest").await;
        RunOptions {
            image: self.name("latest"),
            architecture: Architecture::X86_64,
            run,
            function: self.repository.replace('/', "-"),
            project: "limg-test".to_owned(),
            timeout: 10,
            memory: 256,
            emulator: None,
            as_lambda: false,
            port: None,
            environment: vec![],
        }
    }

    /// The containers and volumes of this test's function that are there.
    fn containers(&self) -> String {
        let filter = format!("label=limg.function={}", self.repository.replace('/', "-"));
        let list = |what: &[&str]| docker(&[what, &["--quiet", "--filter", &filter]].concat());
        list(&["ps", "--all"]) + &list(&["volume", "ls"])
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        for id in self.loaded.lock().unwrap().iter() {
            docker(&["rmi", "--force", id]);
        }
    }
}

/// The folder that the bases are made in, wherever cargo's own output goes.
fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target")
}

/// Asks the docker client, which is independent of limg.
fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A sink and what came to it.
fn sink() -> (OutputSink, Arc<Mutex<String>>) {
    let text = Arc::new(Mutex::new(String::new()));
    let kept = text.clone();
    let sink: OutputSink =
        Arc::new(move |_, bytes| kept.lock().unwrap().push_str(&String::from_utf8_lossy(bytes)));
    (sink, text)
}

/// Sends events to one container. Gives what came of each, and the whole output.
async fn send(
    bench: &Bench,
    options: &RunOptions,
    events: &[&str],
) -> (Result<Used<Vec<Invocation>>, EngineError>, String) {
    let (sink, text) = sink();
    let work = async |session: &Session<'_>| {
        let mut invocations = Vec::new();
        for event in events {
            invocations.push(session.invoke(&Event::new(event.as_bytes().to_vec())?).await?);
        }
        Ok(invocations)
    };
    let done = bench.engine.run(options, &sink, std::future::pending(), work).await;
    assert_eq!(bench.containers(), "", "no container and no volume is left");
    let text = text.lock().unwrap().clone();
    (done.map(|done| done.expect("nobody cancels")), text)
}

/// Sends one event.
async fn invoke(
    bench: &Bench,
    options: &RunOptions,
    event: &str,
) -> (Result<Invocation, EngineError>, String) {
    let (used, output) = send(bench, options, &[event]).await;
    (used.map(|mut used| used.done.remove(0)), output)
}

fn success(invocation: &Invocation) -> serde_json::Value {
    assert_eq!(invocation.response.answer, Answer::Success, "{invocation:?}");
    serde_json::from_slice(&invocation.response.body).unwrap()
}

#[tokio::test]
#[ignore = "needs a Docker Engine; `make test` runs it"]
async fn a_changed_function_is_sent_without_its_base() {
    let bench = Bench::new("thin").await;
    let load = async |content: &str, tag: &str| {
        let code = bench.layer("code", &[("/var/task/app.py", content)]);
        let image = bench.image(&[code], &bench.run("app.handler"));
        let loaded = bench.load(&image, tag).await;
        assert_eq!(loaded.id, image.config_digest().as_str());
        assert_eq!(docker(&["inspect", "--format", "{{.Id}}", &bench.name(tag)]), loaded.id);
        loaded
    };
    let first = load("one = 1", "v1").await;
    let second = load("two = 2", "v2").await;
    assert!(second.thin && second.sent_bytes < 100_000, "{second:?}");
    assert!(first.thin || first.sent_bytes > 10_000_000, "{first:?}");
    let again = load("two = 2", "v3").await;
    assert_eq!((again.sent_bytes, again.thin), (0, true));
    // What was not sent is there all the same.
    let ran = docker(&["run", "--rm", "--entrypoint", "cat", &bench.name("v2"), "/var/task/app.py"]);
    assert_eq!(ran, "two = 2");
    let ran =
        docker(&["run", "--rm", "--entrypoint", "/var/lang/bin/python3", &bench.name("v2"), "--version"]);
    assert!(ran.starts_with("Python 3.11"), "{ran}");
}

#[tokio::test]
#[ignore = "needs a Docker Engine; `make test` runs it"]
async fn an_exported_image_is_a_base() {
    let bench = Bench::new("export").await;
    let code = bench.layer("code", &[("/var/task/app.py", FUNCTION)]);
    let image = bench.image(&[code], &bench.run("app.handler"));
    let loaded = bench.load(&image, "v1").await;
    let found = bench.engine.image_id(&bench.name("v1")).await.unwrap().unwrap();
    assert_eq!((found.id, found.architecture.as_str(), found.os.as_str()), (loaded.id, "amd64", "linux"));

    let archive = bench.engine.export(&bench.name("v1"), &bench.store).await.unwrap();
    let base = read_docker_archive(archive.path(), None, Architecture::X86_64, &bench.store).unwrap();
    let diff_ids =
        |layers: &[limg::image::Layer]| layers.iter().map(|l| l.diff_id.clone()).collect::<Vec<_>>();
    assert_eq!(diff_ids(base.layers()), diff_ids(image.layers()));
    assert_eq!(base.run_config(), bench.run("app.handler"));

    let nothing = bench.name("no-such-tag");
    assert_eq!(bench.engine.image_id(&nothing).await.unwrap(), None);
    let error = bench.engine.export(&nothing, &bench.store).await.unwrap_err();
    assert!(matches!(error, EngineError::NoImage { .. }), "{error:?}");
}

#[tokio::test]
#[ignore = "needs a Docker Engine; `make test` runs it"]
async fn a_function_answers_and_its_extension_is_shut_down() {
    let bench = Bench::new("answer").await;
    let mut options = bench.function(bench.run("app.handler")).await;
    options.environment = vec![("EXTRA".to_owned(), "yes".to_owned())];
    let (invocation, output) = invoke(&bench, &options, r#"{"id": 7}"#).await;
    let answer = success(&invocation.unwrap());
    assert_eq!(answer["event"]["id"], 7);
    assert_eq!((&answer["extra"], &answer["memory"]), (&"yes".into(), &"256".into()));
    assert_eq!(answer["name"], options.function);
    let lines =
        ["hello from the function", "extension: INVOKE", "extension: SHUTDOWN", "extension: on stderr"];
    for line in lines {
        assert_eq!(output.matches(line).count(), 1, "{line} in {output}");
    }
}

#[tokio::test]
#[ignore = "needs a Docker Engine; `make test` runs it"]
async fn events_go_to_one_container_whatever_comes_of_those_before() {
    let bench = Bench::new("several").await;
    let options = RunOptions { timeout: 2, ..bench.function(bench.run("app.handler")).await };
    let events = [
        r#"{"id": 1}"#,
        r#"{"id": 2}"#,
        r#"{"raise": "boom"}"#,
        r#"{"sleep": 30}"#,
        "{}",
        r#"{"exit": 3}"#,
        "{}",
    ];
    let (used, output) = send(&bench, &options, &events).await;
    let invocations = used.unwrap().done;
    let answers: Vec<_> = invocations.iter().map(|invocation| &invocation.response.answer).collect();
    let error = |error_type: &str| matches!(answers[if error_type == "ValueError" { 2 } else { 5 }], Answer::FunctionError { error_type: found, .. } if found == error_type);
    assert!(error("ValueError") && error("Runtime.ExitError"), "{answers:?}");
    assert_eq!(answers[3], &Answer::TimedOut);
    for (position, warm) in [(0, false), (1, true), (4, false), (6, false)] {
        success(&invocations[position]);
        match invocations[position].start {
            Start::Warm => assert!(warm, "{position}: {invocations:?}"),
            Start::Cold(init) => {
                assert!(!warm && init < invocations[position].took, "{position}: {invocations:?}");
            }
            Start::Unknown => panic!("{position}: {invocations:?}"),
        }
    }
    assert_eq!(output.matches("hello from the function").count(), 4, "{output}");
}

#[tokio::test]
#[ignore = "needs a Docker Engine; `make test` runs it"]
async fn a_function_that_fails_is_told_from_one_that_answers() {
    let bench = Bench::new("fail").await;
    let mut options = bench.function(bench.run("app.handler")).await;
    options.timeout = 2;
    let answer = async |options: &RunOptions, event: &str| {
        let used = send(&bench, options, &[event]).await.0.unwrap();
        (used.done[0].response.clone(), used.out_of_memory)
    };
    let error_type = |answer: Answer| match answer {
        Answer::FunctionError { error_type, .. } => error_type,
        other => panic!("{other:?}"),
    };
    let (raised, _) = answer(&options, r#"{"raise": "boom"}"#).await;
    assert_eq!(
        raised.answer,
        Answer::FunctionError { error_type: "ValueError".to_owned(), message: "boom".to_owned() }
    );
    assert_eq!(answer(&options, r#"{"sleep": 30}"#).await.0.answer, Answer::TimedOut);
    let (exited, _) = answer(&options, r#"{"exit": 127}"#).await;
    assert!(exited.help.is_some(), "{exited:?}");
    assert_eq!(error_type(exited.answer), "Runtime.ExitError");

    let (other, fill) = (bench.run("nothing.handler"), r#"{"fill": 400000000}"#);
    let missing = bench.function(other).await;
    assert_eq!(error_type(answer(&missing, "{}").await.0.answer), "Runtime.ImportModuleError");
    let options = bench.function(bench.run("app.handler")).await;
    let confined = RunOptions { as_lambda: true, memory: 128, ..options };
    let (killed, out_of_memory) = answer(&confined, fill).await;
    assert_eq!(error_type(killed.answer), "Runtime.ExitError");
    assert!(out_of_memory);
}

#[tokio::test]
#[ignore = "needs a Docker Engine; `make test` runs it"]
async fn an_emulator_is_put_beside_an_image_that_has_none() {
    let bench = Bench::new("emulator").await;
    // The runtime without the base's entry script: as a distroless image would have it.
    let words = |words: &[&str]| Some(words.iter().map(|&word| word.to_owned()).collect());
    let run = RunConfig { entrypoint: words(&["/var/runtime/bootstrap"]), ..bench.run("app.handler") };
    let options = bench.function(run).await;
    let root = target().join("bases/.layers/x86_64");
    let emulator = find(&root, "aws-lambda-rie").expect("`base-images/debian/build` fetches the emulator");
    assert!(limg::engine::emulator::is_needed(&options.run, |_| true));
    let emulator = limg::engine::emulator::find(Some(&emulator), &bench.store, Architecture::X86_64).unwrap();
    for as_lambda in [false, true] {
        let options = RunOptions { emulator: Some(emulator.clone()), as_lambda, ..options.clone() };
        let (invocation, output) = invoke(&bench, &options, "{}").await;
        let answer = success(&invocation.unwrap());
        let written = serde_json::json!({ "/tmp": true, "/var/task": !as_lambda });
        assert_eq!(answer["written"], written, "{output}");
        assert_eq!(answer["uid"], if as_lambda { 993 } else { 0 });
        assert!(output.contains("extension: SHUTDOWN"), "{output}");
    }
}

/// The file of this name below a folder.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).ok()?.flatten() {
            let kind = entry.file_type().ok()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name() == name {
                return Some(entry.path());
            }
        }
    }
    None
}

#[tokio::test]
#[ignore = "needs a Docker Engine; `make test` runs it"]
async fn a_container_that_ends_early_says_why() {
    let bench = Bench::new("early").await;
    let mut options = bench.function(RunConfig { command: None, ..bench.run("x") }).await;
    let (invocation, output) = invoke(&bench, &options, "{}").await;
    let error = invocation.unwrap_err();
    assert!(matches!(error, EngineError::Exited { status: 142, .. }), "{error:?}");
    assert!(
        error.to_string().ends_with("entrypoint requires the handler name to be the first argument"),
        "{error}"
    );
    assert!(error.help().unwrap().contains("CMD"));
    assert!(output.contains("entrypoint requires"));

    options.image = bench.name("no-such-tag");
    let error = invoke(&bench, &options, "{}").await.0.unwrap_err();
    assert!(matches!(error, EngineError::NoImage { .. }), "{error:?}");

    let run = RunConfig { entrypoint: Some(vec!["/no/such/program".to_owned()]), ..bench.run("x") };
    let options = bench.function(run).await;
    let error = invoke(&bench, &options, "{}").await.0.unwrap_err();
    assert!(error.to_string().contains("failed to start the container"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Docker Engine; `make test` runs it"]
async fn a_cancelled_invocation_leaves_nothing() {
    let bench = Bench::new("cancel").await;
    let options = bench.function(bench.run("app.handler")).await;
    let event = Event::new(br#"{"sleep": 8}"#.to_vec()).unwrap();
    let work = async |session: &Session<'_>| session.invoke(&event).await;
    for after in [Duration::ZERO, Duration::from_millis(100), Duration::from_secs(3)] {
        let (sink, text) = sink();
        let cancel = tokio::time::sleep(after);
        let done = bench.engine.run(&options, &sink, cancel, work).await.unwrap();
        assert_eq!(done, None);
        assert_eq!(bench.containers(), "");
        if after > Duration::from_secs(1) {
            assert!(text.lock().unwrap().contains("extension: INVOKE"));
        }
    }
    // A future that is dropped removes its container in the background.
    let (sink, _) = sink();
    let dropped = bench.engine.run(&options, &sink, std::future::pending(), work);
    assert!(tokio::time::timeout(Duration::from_secs(2), dropped).await.is_err());
    tokio::time::timeout(Duration::from_secs(10), async {
        while !bench.containers().is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("the container is removed");
}
