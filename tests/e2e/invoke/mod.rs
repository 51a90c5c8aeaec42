//! `limg invoke` with functions that fail: what it prints, and that it never leaves a container behind.

mod debug;
mod extensions;
mod options;
#[cfg(feature = "aws")]
mod profile;
mod sandbox;
mod stay;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    Base, Docker, EXTENSION, EngineSocket, Example, Finished, Workspace, base, emulator, fails, finish,
    succeed, tool,
};

/// A module with a handler for each case.
const APP: &str = r#"
import http.server
import os
import socket
import sys
import threading
import time


def facts(event, context):
    # In one piece, which the output of the extension cannot interrupt.
    sys.stdout.write("a line of output\n")
    print("a line of errors", file=sys.stderr)
    with open("/proc/self/status") as status:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in status)
    return {
        "user": [os.getuid(), os.getgid()],
        "capabilities": fields["CapEff"],
        "no_new_privileges": fields["NoNewPrivs"],
        "root": writable("/var/task/file"),
        "tmp": writable("/tmp/file"),
        "shared_memory": os.path.exists("/dev/shm"),
        "executable_tmp": not os.statvfs("/tmp").f_flag & os.ST_NOEXEC,
        "name": context.function_name,
        "memory": context.memory_limit_in_mb,
        "within_timeout": 0 < context.get_remaining_time_in_millis() <= 3000,
        "style": os.environ["STYLE"],
        "limit": memory_limit(),
        "sandbox": [socket.gethostbyname(name) for name in ("sandbox", "sandbox.localdomain")],
        "port_8080": free(8080),
    }


def memory_limit():
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        if os.path.exists(path):
            with open(path) as file:
                limit = file.read().strip()
            # Without a limit, the kernel reports a word or a huge number.
            return int(limit) >> 20 if limit.isdigit() and int(limit) < 1 << 50 else None


def free(port):
    with socket.socket() as server:
        try:
            server.bind(("0.0.0.0", port))
        except OSError as error:
            return error.strerror
    return True


def variables(event, context):
    return dict(os.environ)


def resolve(event, context):
    return [socket.gethostbyname(name) for name in event]


def serve(event, context):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello from the function")

    server = http.server.HTTPServer(("0.0.0.0", event), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def spool(event, context):
    # More than the function's memory.
    with open("/tmp/spool", "wb") as file:
        for _ in range(400):
            file.write(b"x" * (1 << 20))
    return os.path.getsize("/tmp/spool")


def paint(event, context):
    print("\x1b]0;title\x07\x1b[31mred\x1b[0m\u202e", flush=True)


def writable(path):
    try:
        with open(path, "w") as file:
            file.write("x")
    except OSError as error:
        return error.strerror
    return True


def fail(event, context):
    raise ValueError("no such luck")


def wait(event, context):
    print("waiting", flush=True)
    time.sleep(100)


def end(event, context):
    sys.stdout.flush()
    os._exit(7)


def outside(event, context):
    with open("/var/task/cache", "w") as file:
        file.write("x")


def fill(event, context):
    return len(b"x" * (1 << 30))


calls = 0


def count(event, context):
    global calls
    calls += 1
    if isinstance(event, dict) and event.get("raise"):
        raise ValueError("raised on request")
    return {"calls": calls, "event": event}


def pause(event, context):
    if event:
        wait(event, context)
    return event
"#;

/// An extension that prints a reason and fails.
const CRASHING: &str = "#!/bin/bash\necho 'no licence key' >&2\nexit 3\n";

/// An extension that does not register.
const SILENT: &str = "#!/bin/bash\nexec sleep 100\n";

/// A project of Python functions: one for each handler of [`APP`], and others that fail to start.
struct Project {
    docker: Docker,
    workspace: Workspace,
}

impl Project {
    fn python() -> Self {
        let (docker, workspace) = (Docker::new("invoke"), Workspace::new());
        workspace.write("code/app.py", APP);
        workspace.write("broken/app.py", "import a_module_that_is_not_there\n");
        workspace.write("noisy/app.py", "raise RuntimeError('while it was imported')\n");
        let extensions = [("listener", EXTENSION), ("crashing", CRASHING), ("silent", SILENT)];
        for (name, content) in extensions {
            workspace.write_program(name, content);
        }
        let with = |extension: &str, code: &str, handler: &str| {
            json!({
                "runtime": "python", "code": code, "handler": handler, "extensions": [extension],
                "timeout": 3, "memory": 256, "environment": { "STYLE": docker.prefix },
            })
        };
        let function = |code: &str, handler: &str| with("listener", code, handler);
        let image = format!("oci:{}", base(Base::Python311).display());
        let definition = json!({
            "project": docker.prefix,
            "bases": { "python": { "image": image, "contract": "python3.11" } },
            "extensions": extensions.map(|(name, _)| (name, json!({ "path": name }))).into_iter().collect::<Value>(),
            "functions": {
                "facts": function("code", "app.facts"),
                "fail": function("code", "app.fail"),
                "wait": function("code", "app.wait"),
                "end": function("code", "app.end"),
                "outside": function("code", "app.outside"),
                "fill": function("code", "app.fill"),
                "resolve": function("code", "app.resolve"),
                "serve": function("code", "app.serve"),
                "paint": function("code", "app.paint"),
                "spool": function("code", "app.spool"),
                "variables": function("code", "app.variables"),
                "count": function("code", "app.count"),
                "pause": function("code", "app.pause"),
                "crashed": with("crashing", "code", "app.facts"),
                "delayed": with("silent", "code", "app.facts"),
                "misspelt": function("code", "app.nothing"),
                "misplaced": function("code", "nowhere.handler"),
                "broken": function("broken", "app.handler"),
                "noisy": function("noisy", "app.handler"),
            },
        });
        workspace.write("limg.yaml", serde_json::to_vec_pretty(&definition).unwrap());
        Self { docker, workspace }
    }

    /// A function that is a script, on `scratch`: without an emulator and an entry point.
    fn script(bootstrap: &str) -> Self {
        let (docker, workspace) = (Docker::new("invoke"), Workspace::new());
        workspace.write_program("code/bootstrap", bootstrap);
        let definition = json!({
            "project": docker.prefix,
            "bases": { "nothing": { "image": "scratch", "contract": "provided.al2023" } },
            "functions": { "f": {
                "runtime": "nothing", "code": "code", "handler": "f", "timeout": 3,
                "environment": { "STYLE": docker.prefix },
            } },
        });
        workspace.write("limg.yaml", serde_json::to_vec_pretty(&definition).unwrap());
        Self { docker, workspace }
    }

    fn limg(&self, arguments: &[&str]) -> Command {
        let mut command = self.workspace.limg(&["invoke"]);
        command.args(arguments);
        command
    }

    /// Invokes a function that responds with an error. Returns the error and the finished command.
    fn error(&self, arguments: &[&str]) -> (Value, Finished) {
        let finished = finish(&mut self.limg(arguments));
        assert_eq!(finished.code, 1, "{}\n{}", finished.text(), finished.stderr);
        self.leaves_nothing();
        (finished.json(), finished)
    }

    fn leaves_nothing(&self) {
        assert_eq!(self.docker.containers(), Vec::<String>::new());
    }

    /// Loads the function's image into the engine, so that the next command does not have to.
    fn load(&self, function: &str) {
        self.workspace.build(&[function, "-o", "docker-daemon:"]);
    }
}

/// A running limg.
struct Running(Child);

impl Running {
    fn start(limg: &mut Command) -> Self {
        Self(limg.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Waits for a line of the log.
    fn wait_for(&mut self, line: &str) -> BufReader<std::process::ChildStderr> {
        self.wait_until(line, |seen| seen == line)
    }

    /// Waits for a line of the log with these words.
    fn wait_for_words(&mut self, words: &str) -> BufReader<std::process::ChildStderr> {
        self.wait_until(words, |seen| seen.contains(words))
    }

    fn wait_until(
        &mut self,
        line: &str,
        is_it: impl Fn(&str) -> bool,
    ) -> BufReader<std::process::ChildStderr> {
        let mut log = BufReader::new(self.0.stderr.take().unwrap());
        let mut seen = String::new();
        while !seen.lines().any(&is_it) {
            let read = log.read_line(&mut seen).unwrap();
            assert_ne!(read, 0, "the log ended without {line:?}:\n{seen}");
        }
        log
    }

    fn signal(&self, signal: &str) {
        succeed(tool("sh").args(["-c", &format!("kill -s {signal} {}", self.0.id())]));
    }

    /// Waits until it exits, which must be soon. Returns the exit code and standard output.
    fn end(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + Duration::from_secs(15);
        while self.0.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "limg does not exit");
            sleep(Duration::from_millis(20));
        }
        let mut output = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        (self.0.wait().unwrap().code(), output)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn invoking_compresses_no_layer() {
    let project = Project::python();
    succeed(&mut project.limg(&["facts"]));
    assert_eq!(project.workspace.blobs(), 0);
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_function_error_is_the_response_and_determines_the_exit_code() {
    let project = Project::python();
    let cases = [
        ("fail", "ValueError", "no such luck"),
        ("end", "Runtime.ExitError", "exit status 7"),
        // These fail before the first event.
        ("broken", "Runtime.ImportModuleError", "a_module_that_is_not_there"),
        ("noisy", "RuntimeError", "while it was imported"),
        ("misspelt", "Runtime.HandlerNotFound", "nothing"),
        ("misplaced", "Runtime.ImportModuleError", "nowhere"),
    ];
    for (function, kind, message) in cases {
        let (error, finished) = project.error(&[function]);
        assert_eq!(error["errorType"], kind, "{function}: {error}\n{}", finished.stderr);
        assert!(error["errorMessage"].as_str().unwrap().contains(message), "{function}: {error}");
        let summary = finished.stderr.lines().find(|line| line.starts_with("function error")).unwrap();
        assert!(summary.contains(kind) && summary.contains(message), "{function}: {summary}");
        assert!(!finished.stderr.contains("(rapid)"), "{function}:\n{}", finished.stderr);
    }
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn the_emulators_log_is_shown_only_with_verbose() {
    let project = Project::python();
    for (arguments, is_shown) in [(&["fail"][..], false), (&["fail", "-v"], true)] {
        let (_, finished) = project.error(arguments);
        let log = &finished.stderr;
        assert_eq!(log.contains("(rapid)"), is_shown, "{arguments:?}:\n{log}");
        // The runtime writes the traceback as one line with carriage returns.
        for line in ["Traceback (most recent call last):", "listener saw SHUTDOWN"] {
            assert!(log.lines().any(|seen| seen == line), "{line:?} is not in\n{log}");
        }
        assert!(!log.trim_end().contains('\r'), "{log}");
        assert!(log.contains("function error `ValueError`"), "{arguments:?}:\n{log}");
    }
    // With `-q`, only the failure is shown.
    let (_, finished) = project.error(&["fail", "-q"]);
    let lines: Vec<&str> = finished.stderr.lines().collect();
    assert!(lines.len() == 1 && lines[0].starts_with("function error `ValueError`"), "{lines:?}");
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_function_that_exceeds_its_timeout_is_stopped() {
    let project = Project::python();
    let finished = finish(&mut project.limg(&["wait"]));
    assert_eq!(finished.code, 1, "{}", finished.stderr);
    assert_eq!(finished.text(), "Task timed out after 3.00 seconds\n");
    assert!(finished.stderr.contains("its `timeout` is 3 s"), "{}", finished.stderr);
    project.leaves_nothing();

    let finished = finish(&mut project.limg(&["delayed"]));
    assert_eq!(finished.code, 1, "{}", finished.stderr);
    assert!(finished.stderr.contains("help: the extension `silent` did not register"), "{}", finished.stderr);
    project.leaves_nothing();
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn an_extension_that_exits_ends_the_invocation() {
    let project = Project::python();
    let finished = finish(&mut project.limg(&["crashed"]));
    assert_eq!((finished.code, finished.text().as_str()), (1, ""), "{}", finished.stderr);
    assert!(finished.stderr.lines().any(|line| line == "no licence key"), "{}", finished.stderr);
    let summary = finished.stderr.lines().last().unwrap();
    assert!(
        summary.starts_with("function error `Extension.Crash`")
            && summary.ends_with("extension `crashing`: exit status 3"),
        "{}",
        finished.stderr
    );
    project.leaves_nothing();
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn the_json_report_has_the_response() {
    let project = Project::python();
    let report = |arguments: &[&str]| finish(project.limg(arguments).args(["--format", "json"])).json();
    let succeeded = report(&["facts"]);
    let expected = json!({
        "function": "facts", "status": "success", "error_type": null, "error_message": null,
        "response": succeeded["response"], "duration_ms": succeeded["duration_ms"],
        "init_ms": succeeded["init_ms"], "image_id": project.docker.inspect("facts")["Id"],
        "findings": succeeded["findings"],
    });
    assert_eq!(succeeded, expected);
    assert_eq!(succeeded["response"]["name"], "facts");
    assert!(
        succeeded["duration_ms"].as_u64().unwrap() >= succeeded["init_ms"].as_u64().unwrap(),
        "{succeeded}"
    );

    let failed = report(&["fail"]);
    assert_eq!((&failed["status"], &failed["error_type"]), (&json!("function_error"), &json!("ValueError")));
    assert_eq!(failed["response"]["errorMessage"], "no such luck");
    let crashed = report(&["crashed"]);
    assert_eq!((&crashed["error_type"], &crashed["response"]), (&json!("Extension.Crash"), &Value::Null));
    assert_eq!(report(&["wait"])["status"], "timeout");
    project.leaves_nothing();
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn several_events_go_to_one_container() {
    let project = Project::python();
    project.workspace.write("event.json", "{\"from\":\n \"a file\"}");
    let events = ["-e", "1", "-e", "{\"raise\": true}", "-e", "event.json", "-e", "4"];
    let finished = finish(project.limg(&["count"]).args(events));
    let responses: Vec<Value> =
        finished.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(finished.code, 1, "{}", finished.stderr);
    assert_eq!(responses[0], json!({ "calls": 1, "event": 1 }));
    assert_eq!(responses[1]["errorMessage"], "raised on request");
    assert_eq!(responses[2], json!({ "calls": 3, "event": { "from": "a file" } }));
    assert_eq!(responses[3], json!({ "calls": 4, "event": 4 }));
    let summaries: Vec<&str> = finished
        .stderr
        .lines()
        .filter(|line| line.starts_with("answered") || line.starts_with("function error"))
        .collect();
    let [first, error, third, last] = summaries[..] else { panic!("{}", finished.stderr) };
    assert!(first.contains(" s (init 0.") && error.contains("raised on request"), "{}", finished.stderr);
    assert!(third.ends_with(" s (warm)") && last.ends_with(" s (warm)"), "{}", finished.stderr);
    assert!(finished.stderr.ends_with(&format!("{last}\n")), "{}", finished.stderr);
    project.leaves_nothing();

    // In JSON, each line is a report.
    let finished = finish(project.limg(&["count", "--format", "json"]).args(events));
    let reports: Vec<Value> =
        finished.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let facts: Vec<_> = reports
        .iter()
        .map(|report| (report["status"].as_str().unwrap(), report["init_ms"].is_null()))
        .collect();
    let expected = [("success", false), ("function_error", true), ("success", true), ("success", true)];
    assert_eq!((finished.code, &facts[..]), (1, &expected[..]), "{}", finished.text());
    assert_eq!(reports[2]["response"]["event"], json!({ "from": "a file" }));
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn events_after_the_container_has_exited_are_not_sent() {
    let project = Project::python();
    let mut limg =
        Running::start(project.limg(&["pause"]).args(["-e", "0", "-e", "1", "-e", "2", "-e", "3"]));
    let mut log = limg.wait_for("waiting");
    succeed(tool("docker").arg("kill").args(project.docker.containers()));
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert_eq!(limg.end(), (Some(1), "0\n".to_owned()), "{rest}");
    for words in ["2 of 4 events were not sent", "exited with status 137 before it responded"] {
        assert!(rest.contains(words), "{words:?} is not in\n{rest}");
    }
    project.leaves_nothing();
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn an_interrupt_stops_the_container() {
    let project = Project::python();
    for signal in ["INT", "TERM", "HUP"] {
        let mut limg = Running::start(&mut project.limg(&["wait"]));
        let mut log = limg.wait_for("waiting");
        limg.signal(signal);
        let mut rest = String::new();
        log.read_to_string(&mut rest).unwrap();
        let (code, output) = limg.end();
        assert!(code.is_none_or(|code| code != 0), "SIG{signal}: {code:?}");
        assert_eq!(output, "", "SIG{signal}");
        assert!(
            rest.contains("listener saw SHUTDOWN"),
            "SIG{signal}: the extension did not shut down\n{rest}"
        );
        project.leaves_nothing();
    }
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn an_interrupt_while_the_container_is_created_leaves_none() {
    let project = Project::python();
    project.load("wait");
    // The engine has created the container, but limg has not received the response.
    let socket = EngineSocket::delaying("/containers/create", Duration::from_secs(2));
    let limg = Running::start(project.limg(&["wait"]).env("DOCKER_HOST", socket.address()));
    let deadline = Instant::now() + Duration::from_secs(20);
    while project.docker.containers().is_empty() {
        assert!(Instant::now() < deadline, "the container is not created");
        sleep(Duration::from_millis(10));
    }
    limg.signal("INT");
    let (code, _) = limg.end();
    assert!(code.is_none_or(|code| code != 0), "{code:?}");
    project.leaves_nothing();
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn an_interrupt_before_the_container_exists_exits_at_once() {
    let project = Project::python();
    // The first request to the engine, and one after the image is built, before which limg sends about 350 bytes. The
    // response is delayed for longer than limg may run.
    for (signal, expected, request, bytes) in
        [("INT", 130, "/version", 1), ("TERM", 143, "/info", 300), ("HUP", 129, "/info", 300)]
    {
        let socket = EngineSocket::delaying(request, Duration::from_mins(1));
        let limg = Running::start(project.limg(&["facts"]).env("DOCKER_HOST", socket.address()));
        let deadline = Instant::now() + Duration::from_mins(1);
        let mut sent = 0;
        while sent < bytes {
            assert!(Instant::now() < deadline, "{request} is not requested");
            sent += socket.sent();
            sleep(Duration::from_millis(20));
        }
        limg.signal(signal);
        let start = Instant::now();
        let (code, output) = limg.end();
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{request}: limg exits after {:?}",
            start.elapsed()
        );
        assert_eq!((code, output.as_str()), (Some(expected), ""), "{request}");
        project.leaves_nothing();
        assert_eq!(project.docker.images(), Vec::<String>::new(), "{request}");
    }
}

#[test]
#[ignore = "needs Docker; `make test` runs it"]
fn an_image_without_an_emulator_needs_one_of_this_machine() {
    let project = Project::script("#!/nothing\n");
    let failed = fails(3, &mut project.limg(&["f"]));
    let place = project.workspace.path("store/rie/aws-lambda-rie-x86_64").display().to_string();
    for words in ["runtime interface emulator", &place, "--rie", "aws-lambda-rie"] {
        assert!(failed.stderr.contains(words), "{words:?} is not in\n{}", failed.stderr);
    }
    // A script is not accepted.
    let file = project.workspace.write("rie", "#!/bin/sh\n").display().to_string();
    let failed = fails(3, &mut project.limg(&["f", "--rie", &file]));
    assert!(failed.stderr.contains("not an ELF program"), "{}", failed.stderr);
    project.leaves_nothing();
}

#[test]
#[ignore = "needs Docker, a C compiler and the open bases; `make test` runs it"]
fn the_emulator_is_found_by_option_variable_and_in_the_store() {
    let example = Example::new("static-binary");
    let emulator = emulator();
    let named = emulator.display().to_string();
    let limg = |arguments: &[&str]| {
        let mut limg = example.invoke(&["words", "-e", "event.json"]);
        limg.args(arguments);
        limg
    };
    let check = |limg: &mut Command| {
        assert_eq!(succeed(limg).json(), json!({ "different_words": 4, "words": 6 }));
    };
    check(&mut limg(&["--rie", &named]));
    check(limg(&[]).env("LIMG_RIE", &named));
    let place = example.workspace.path("store/rie/aws-lambda-rie-x86_64");
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::copy(&emulator, place).unwrap();
    check(&mut limg(&[]));
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_program_that_cannot_start_is_a_function_error() {
    // Like a dynamically linked program on a base without the loader.
    let project = Project::script("#!/nothing\n");
    let emulator = emulator().display().to_string();
    for quiet in [&[][..], &["-q"]] {
        let failed = finish(project.limg(&["f", "--rie", &emulator]).args(quiet));
        assert_eq!((failed.code, failed.text().as_str()), (1, ""), "{}", failed.stderr);
        let lines: Vec<&str> = failed.stderr.lines().collect();
        let [.., summary, help] = lines[..] else { panic!("{}", failed.stderr) };
        assert!(summary.starts_with("function error `Runtime.InvalidEntrypoint`"), "{}", failed.stderr);
        assert!(summary.ends_with("fork/exec /var/task/bootstrap: no such file or directory"), "{summary}");
        assert!(help.starts_with("help: ") && help.contains("linked"), "{help}");
        project.leaves_nothing();
    }
}

#[test]
#[ignore = "belongs to these tests, although it needs no tool; `make test` runs it"]
fn help_without_an_engine_names_the_alternatives() {
    let workspace = Workspace::new();
    workspace.write_program("code/bootstrap", "#!/nothing\n");
    workspace.write(
        "limg.yaml",
        "project: no-engine\n\
         bases: { nothing: { image: scratch, contract: provided.al2023 } }\n\
         functions: { f: { runtime: nothing, code: code } }\n",
    );
    let address = format!("unix://{}", workspace.path("no.sock").display());
    for arguments in [&["invoke", "f"][..], &["build", "-o", "docker-daemon:"]] {
        let failed = fails(3, workspace.limg(arguments).env("DOCKER_HOST", &address));
        for words in [&address, "DOCKER_HOST", "oci:"] {
            assert!(failed.stderr.contains(words), "{words:?} is not in\n{}", failed.stderr);
        }
    }
    // Building does not need an engine.
    workspace.build(&["-o", "oci:images"]);
}
