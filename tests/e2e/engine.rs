//! The library's Docker Engine: loading, exporting and running functions, without the program around it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use limg::engine::emulator::Emulator;
use limg::engine::{
    DockerHost, Engine, EngineError, EventPayload, FinishedRun, FunctionStart, Invocation, LoadedImage,
    NetworkOptions, Outcome, OutputSink, RunOptions, RunningFunction, Sandbox,
};
use limg::files::FileIndex;
use limg::image::{BaseImage, Image, ImageLayer, NewLayer};
use limg::layer::Recipe;
use limg::layout::{read_docker_archive, read_oci_directory};
use limg::project::{Architecture, RunConfig, Source, SourceKind};
use limg::shared::Shared;
use limg::store::Store;
use limg::tree::Tree;

use crate::support::{Base, Docker, EXTENSION, Workspace, base, docker, emulator, succeed};

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

/// A store, a base, and the images and containers of one test.
struct Fixture {
    workspace: Workspace,
    store: Store,
    base: BaseImage,
    engine: Engine,
    docker: Docker,
}

impl Fixture {
    async fn new(test: &str) -> Self {
        let (docker, workspace) = (Docker::new(test), Workspace::new());
        let store = Store::open(&workspace.path("store")).unwrap();
        let base = read_oci_directory(&base(Base::Python311), None, Architecture::X86_64, &store).unwrap();
        let engine = Engine::connect(&DockerHost::default()).await.unwrap();
        Self { workspace, store, base, engine, docker }
    }

    /// A layer of files, each with its path in the image.
    fn layer(&self, description: &str, files: &[(&str, &str)]) -> NewLayer {
        for (path, content) in files {
            let file = format!("{description}{path}");
            if content.starts_with("#!") {
                self.workspace.write_program(file, content);
            } else {
                self.workspace.write(file, content);
            }
        }
        // Images of this test's own: another test must not remove them by their id.
        self.workspace.write(format!("{description}/opt/mark"), &self.docker.prefix);
        let mut tree = Tree::new();
        for root in ["opt", "var/task"] {
            let path = self.workspace.path(description).join(root);
            if path.is_dir() {
                let source = Source::new(path, SourceKind::Directory);
                let loaded = Tree::load(&source, &format!("/{root}").parse().unwrap()).unwrap();
                for (path, node) in loaded.iter() {
                    tree.insert(path.clone(), node.clone());
                }
            }
        }
        let base = Shared::new(FileIndex::default());
        let recipe = Recipe::new(description, Shared::new(tree), base, MTIME);
        let layer = limg::layer::build(&recipe, &self.store, None, &|_| ()).unwrap();
        NewLayer { layer: layer.into(), description: description.to_owned(), encoder: None }
    }

    fn image(&self, added: &[NewLayer], run: &RunConfig) -> Image {
        Image::assemble(&self.base, added, run, CREATED).unwrap()
    }

    async fn load(&self, image: &Image, name: &str) -> LoadedImage {
        let name = self.docker.name(name);
        let loaded = self.engine.load(image, &name, async |_| Ok::<_, EngineError>(())).await.unwrap();
        // It loses its name when another image gets that.
        self.docker.remove_too(&loaded.id);
        loaded
    }

    /// The base's run configuration with this handler.
    fn run(&self, handler: &str) -> RunConfig {
        RunConfig { command: Some(vec![handler.to_owned()]), ..self.base.run_config() }
    }

    /// A function with an extension, whose image is loaded.
    async fn function(&self, run: RunConfig) -> RunOptions {
        let shutdown = "echo \"$name saw SHUTDOWN\"";
        let script = EXTENSION.replace(shutdown, &format!("{shutdown}; echo 'this is stderr' >&2"));
        assert_ne!(script, EXTENSION);
        let code = self.layer("code", &[("/var/task/app.py", FUNCTION)]);
        let extension = self.layer("extension", &[("/opt/extensions/listener", &script)]);
        self.load(&self.image(&[extension, code], &run), "f").await;
        RunOptions {
            image: self.docker.name("f"),
            architecture: Architecture::X86_64,
            run,
            function: self.docker.prefix.clone(),
            project: "limg-test".to_owned(),
            timeout: 10,
            memory: 256,
            emulator: Emulator::InImage("/usr/local/bin/aws-lambda-rie".to_owned()),
            has_tmp: true,
            sandbox: Sandbox::Standard,
            network: NetworkOptions::default(),
            debugger: None,
            port: None,
            environment: vec![],
        }
    }

    /// The ids of the containers and volumes of this test's function.
    fn containers(&self) -> String {
        let filter = format!("label=limg.function={}", self.docker.prefix);
        let list = |what: &[&str]| succeed(docker().args(what).args(["--quiet", "--filter", &filter])).text();
        list(&["ps", "--all"]) + &list(&["volume", "ls"])
    }

    /// Sends events to one container. Returns the result and the whole output.
    async fn send(
        &self,
        options: &RunOptions,
        events: &[&str],
    ) -> (Result<FinishedRun<Vec<Invocation>>, EngineError>, String) {
        let (sink, output) = collecting_sink();
        let work = async |function: &RunningFunction<'_>| {
            let mut invocations = Vec::new();
            for event in events {
                invocations.push(function.invoke(&EventPayload::new(event.as_bytes().to_vec())?).await?);
            }
            Ok(invocations)
        };
        let run = self.engine.run(options, &sink, std::future::pending(), work).await;
        assert_eq!(self.containers(), "", "a container or a volume is left");
        let output = output.lock().unwrap().clone();
        (run.map(|run| run.expect("the run is not cancelled")), output)
    }

    /// Sends one event.
    async fn invoke(&self, options: &RunOptions, event: &str) -> (Result<Invocation, EngineError>, String) {
        let (run, output) = self.send(options, &[event]).await;
        (run.map(|mut run| run.result.remove(0)), output)
    }
}

/// What the engine shows of an image.
fn inspect(name: &str, format: &str) -> String {
    succeed(docker().args(["image", "inspect", "--format", format, name])).text().trim().to_owned()
}

/// A sink, and the output that it has received.
fn collecting_sink() -> (OutputSink, Arc<Mutex<String>>) {
    let output = Arc::new(Mutex::new(String::new()));
    let received = output.clone();
    let sink: OutputSink =
        Arc::new(move |_, bytes| received.lock().unwrap().push_str(&String::from_utf8_lossy(bytes)));
    (sink, output)
}

fn success(invocation: &Invocation) -> serde_json::Value {
    assert_eq!(invocation.response.outcome, Outcome::Success, "{invocation:?}");
    serde_json::from_slice(&invocation.response.body).unwrap()
}

#[tokio::test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
async fn a_changed_function_is_sent_without_its_base() {
    let fixture = Fixture::new("changed").await;
    let load = async |content: &str, name: &str| {
        let code = fixture.layer("code", &[("/var/task/app.py", content)]);
        let image = fixture.image(&[code], &fixture.run("app.handler"));
        let loaded = fixture.load(&image, name).await;
        assert_eq!(loaded.id, image.config_digest().as_str());
        assert_eq!(inspect(&fixture.docker.name(name), "{{.Id}}"), loaded.id);
        loaded
    };
    let first = load("one = 1", "one").await;
    let second = load("two = 2", "two").await;
    assert!(second.reused && second.sent_bytes < 100_000, "{second:?}");
    assert!(first.reused || first.sent_bytes > 10_000_000, "{first:?}");
    let again = load("two = 2", "again").await;
    assert_eq!((again.sent_bytes, again.reused), (0, true));
    // The image also has the layers that were not sent.
    let name = fixture.docker.name("two");
    let run = |program: &str, argument: &str| {
        succeed(docker().args(["run", "--rm", "--entrypoint", program, &name, argument])).text()
    };
    assert_eq!(run("cat", "/var/task/app.py"), "two = 2");
    let version = run("/var/lang/bin/python3", "--version");
    assert!(version.starts_with("Python 3.11"), "{version}");
}

#[tokio::test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
async fn an_exported_image_is_a_base() {
    let fixture = Fixture::new("export").await;
    let code = fixture.layer("code", &[("/var/task/app.py", FUNCTION)]);
    let image = fixture.image(&[code], &fixture.run("app.handler"));
    let loaded = fixture.load(&image, "f").await;
    let name = fixture.docker.name("f");
    let found = fixture.engine.image(&name).await.unwrap().unwrap();
    assert_eq!((found.id, found.architecture.as_str(), found.os.as_str()), (loaded.id, "amd64", "linux"));

    let archive = fixture.engine.export(&name, &fixture.store).await.unwrap();
    let base = read_docker_archive(archive.path(), None, Architecture::X86_64, &fixture.store).unwrap();
    let diff_ids: Vec<_> = base.layers().iter().map(|layer| &layer.diff_id).collect();
    assert_eq!(diff_ids, image.layers().iter().map(ImageLayer::diff_id).collect::<Vec<_>>());
    assert_eq!(base.run_config(), fixture.run("app.handler"));

    let missing = fixture.docker.name("missing");
    assert_eq!(fixture.engine.image(&missing).await.unwrap(), None);
    let error = fixture.engine.export(&missing, &fixture.store).await.unwrap_err();
    assert!(matches!(error, EngineError::NoImage { .. }), "{error:?}");
}

#[tokio::test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
async fn a_function_responds_and_its_extension_shuts_down() {
    let fixture = Fixture::new("response").await;
    let mut options = fixture.function(fixture.run("app.handler")).await;
    options.environment = vec![("EXTRA".to_owned(), "yes".to_owned())];
    let (invocation, output) = fixture.invoke(&options, r#"{"id": 7}"#).await;
    let response = success(&invocation.unwrap());
    assert_eq!(response["event"]["id"], 7);
    assert_eq!((&response["extra"], &response["memory"]), (&"yes".into(), &"256".into()));
    assert_eq!(response["name"], options.function);
    for line in ["hello from the function", "listener saw INVOKE", "listener saw SHUTDOWN", "this is stderr"]
    {
        assert_eq!(output.matches(line).count(), 1, "{line} in {output}");
    }
}

#[tokio::test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
async fn a_container_gets_all_events_even_after_failures() {
    let fixture = Fixture::new("several").await;
    let options = RunOptions { timeout: 2, ..fixture.function(fixture.run("app.handler")).await };
    let events = [
        r#"{"id": 1}"#,
        r#"{"id": 2}"#,
        r#"{"raise": "boom"}"#,
        r#"{"sleep": 30}"#,
        "{}",
        r#"{"exit": 3}"#,
        "{}",
    ];
    let (run, output) = fixture.send(&options, &events).await;
    let invocations = run.unwrap().result;
    for (position, expected) in [(2, "ValueError"), (5, "Runtime.ExitError")] {
        let outcome = &invocations[position].response.outcome;
        let is_expected =
            matches!(outcome, Outcome::FunctionError { error_type, .. } if error_type == expected);
        assert!(is_expected, "{position}: {outcome:?}");
    }
    assert_eq!(invocations[3].response.outcome, Outcome::TimedOut);
    for (position, warm) in [(0, false), (1, true), (4, false), (6, false)] {
        success(&invocations[position]);
        match invocations[position].start {
            FunctionStart::Warm => assert!(warm, "{position}: {invocations:?}"),
            FunctionStart::Cold(init) => {
                assert!(!warm && init < invocations[position].duration, "{position}: {invocations:?}");
            }
            FunctionStart::Unknown => panic!("{position}: {invocations:?}"),
        }
    }
    assert_eq!(output.matches("hello from the function").count(), 4, "{output}");
}

#[tokio::test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
async fn failures_of_a_function_are_responses() {
    let fixture = Fixture::new("fail").await;
    let mut options = fixture.function(fixture.run("app.handler")).await;
    options.timeout = 2;
    let respond = async |options: &RunOptions, event: &str| {
        let run = fixture.send(options, &[event]).await.0.unwrap();
        (run.result[0].response.clone(), run.out_of_memory)
    };
    let error_type = |outcome: Outcome| match outcome {
        Outcome::FunctionError { error_type, .. } => error_type,
        other => panic!("{other:?}"),
    };
    let (raised, _) = respond(&options, r#"{"raise": "boom"}"#).await;
    assert_eq!(
        raised.outcome,
        Outcome::FunctionError { error_type: "ValueError".to_owned(), message: "boom".to_owned() }
    );
    assert_eq!(respond(&options, r#"{"sleep": 30}"#).await.0.outcome, Outcome::TimedOut);
    let (exited, _) = respond(&options, r#"{"exit": 127}"#).await;
    assert!(exited.help.is_some(), "{exited:?}");
    assert_eq!(error_type(exited.outcome), "Runtime.ExitError");

    let missing = fixture.function(fixture.run("nothing.handler")).await;
    assert_eq!(error_type(respond(&missing, "{}").await.0.outcome), "Runtime.ImportModuleError");
    let options = fixture.function(fixture.run("app.handler")).await;
    let small = RunOptions { memory: 128, ..options };
    let (killed, out_of_memory) = respond(&small, r#"{"fill": 400000000}"#).await;
    assert_eq!(error_type(killed.outcome), "Runtime.ExitError");
    assert!(out_of_memory);
}

#[tokio::test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
async fn the_emulator_is_copied_if_the_image_lacks_it() {
    let fixture = Fixture::new("emulator").await;
    // The runtime without the base's entry script, as in a distroless image.
    let entrypoint = Some(vec!["/var/runtime/bootstrap".to_owned()]);
    let options = fixture.function(RunConfig { entrypoint, ..fixture.run("app.handler") }).await;
    let emulator =
        limg::engine::emulator::find(Some(&emulator()), &fixture.store, Architecture::X86_64).unwrap();
    for sandbox in [Sandbox::Standard, Sandbox::AsLambda, Sandbox::Relaxed] {
        let options = RunOptions { emulator: Emulator::Copied(emulator.clone()), sandbox, ..options.clone() };
        let (invocation, output) = fixture.invoke(&options, "{}").await;
        let response = success(&invocation.unwrap());
        let written = serde_json::json!({ "/tmp": true, "/var/task": sandbox == Sandbox::Relaxed });
        assert_eq!(response["written"], written, "{output}");
        assert_eq!(response["uid"], if sandbox == Sandbox::AsLambda { 993 } else { 0 });
        assert!(output.contains("listener saw SHUTDOWN"), "{output}");
    }
}

#[tokio::test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
async fn an_entry_point_that_cannot_run_the_function_is_a_function_error() {
    let fixture = Fixture::new("early").await;
    let mut options = fixture.function(RunConfig { command: None, ..fixture.run("x") }).await;
    let (invocation, output) = fixture.invoke(&options, "{}").await;
    let response = invocation.unwrap().response;
    assert!(
        matches!(&response.outcome, Outcome::FunctionError { message, .. } if message.ends_with("exit status 142"))
    );
    assert!(response.help.unwrap().contains("CMD"));
    let reason = "entrypoint requires the handler name to be the first argument";
    assert!(output.contains(reason), "{output}");

    options.image = fixture.docker.name("missing");
    let error = fixture.invoke(&options, "{}").await.0.unwrap_err();
    assert!(matches!(error, EngineError::NoImage { .. }), "{error:?}");

    let run = RunConfig { entrypoint: Some(vec!["/no/such/program".to_owned()]), ..fixture.run("x") };
    let options = fixture.function(run).await;
    let outcome = fixture.invoke(&options, "{}").await.0.unwrap().response.outcome;
    let Outcome::FunctionError { error_type, message } = outcome else { panic!("{outcome:?}") };
    assert!(error_type == "Runtime.InvalidEntrypoint" && message.contains("/no/such/program"), "{message}");

    let emulator = Emulator::InImage("/no/such/emulator".to_owned());
    let error = fixture.invoke(&RunOptions { emulator, ..options }, "{}").await.0.unwrap_err();
    assert!(error.to_string().contains("failed to start the container"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
async fn a_cancelled_invocation_leaves_no_container() {
    let fixture = Fixture::new("cancel").await;
    let options = fixture.function(fixture.run("app.handler")).await;
    let event = EventPayload::new(br#"{"sleep": 8}"#.to_vec()).unwrap();
    let work = async |function: &RunningFunction<'_>| function.invoke(&event).await;
    for after in [Duration::ZERO, Duration::from_millis(100), Duration::from_secs(3)] {
        let (sink, output) = collecting_sink();
        let cancel = tokio::time::sleep(after);
        let run = fixture.engine.run(&options, &sink, cancel, work).await.unwrap();
        assert_eq!(run, None);
        assert_eq!(fixture.containers(), "");
        if after > Duration::from_secs(1) {
            assert!(output.lock().unwrap().contains("listener saw INVOKE"));
        }
    }
    // A dropped future removes its container in the background.
    let (sink, _) = collecting_sink();
    let dropped = fixture.engine.run(&options, &sink, std::future::pending(), work);
    assert!(tokio::time::timeout(Duration::from_secs(2), dropped).await.is_err());
    tokio::time::timeout(Duration::from_secs(10), async {
        while !fixture.containers().is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("the container is removed");
}
