//! The examples do what their READMEs describe, in Docker with AWS's emulator, with and without Lambda's restrictions.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Example, Finished, emulator, finish, succeed};

/// How a function is run: in an ordinary container, and restricted as in Lambda.
const MODES: [&[&str]; 2] = [&[], &["--as-lambda"]];

/// The line of the log that begins with `start`, without that.
fn line<'a>(log: &'a str, start: &str) -> &'a str {
    log.lines()
        .find_map(|line| line.strip_prefix(start))
        .unwrap_or_else(|| panic!("no line begins with {start:?} in\n{log}"))
}

fn is_request_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// The error that a function responds with.
fn function_error(finished: &Finished) -> Value {
    assert_eq!(finished.code, 1, "{}\n{}", finished.text(), finished.stderr);
    finished.json()
}

fn leaves_no_container(example: &Example) {
    assert_eq!(example.docker.images().len(), 1, "the image stays");
    assert_eq!(example.docker.containers(), Vec::<String>::new());
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn python_layers() {
    let example = Example::new("python-layers");
    for mode in MODES {
        let invoked = succeed(example.invoke(&["greet", "-e", "event.json"]).args(mode));
        let expected = json!({
            "greeting": "Season's greetings, Ada! Have some cake.",
            "name": "Ada",
            "phrases_from": "festive",
            "layers": { "festive": "2.1.0", "messages": "1.0.0" },
            "orig_argv": ["/var/lang/bin/python3.11", "-X", "importtime", "/var/runtime/bootstrap.py"],
        });
        assert_eq!(invoked.json(), expected);
        let log = &invoked.stderr;
        assert!(log.contains("import time:"), "{log}");
        assert!(is_request_id(line(log, "[event-log] INVOKE ")), "{log}");
        assert_eq!(line(log, "[event-log] SHUTDOWN "), "SandboxTerminated");
    }
    let failed = finish(&mut example.invoke(&["greet", "-e", "{}"]));
    let error = function_error(&failed);
    assert_eq!((&error["errorType"], &error["errorMessage"]), (&json!("KeyError"), &json!("'name'")));
    assert_eq!(line(&failed.stderr, "[event-log] SHUTDOWN "), "SandboxTerminated");
    leaves_no_container(&example);
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn custom_runtime() {
    let example = Example::new("custom-runtime");
    let event = fs::read_to_string(example.workspace.path("event.json")).unwrap();
    for mode in MODES {
        let invoked = succeed(example.invoke(&["echo", "-e", "event.json"]).args(mode)).text();
        let rest = invoked.strip_prefix("{\"request\": \"").unwrap_or_else(|| panic!("{invoked}"));
        assert!(is_request_id(&rest[..36]), "{invoked}");
        // Unchanged, except for the line end that limg adds.
        assert_eq!(rest[36..], format!("\", \"event\": {event}}}\n"));
    }

    // From standard input.
    let odd = "\t{ \"ü\" :\n[1.0e3,\"\\u00e4\"] }  ";
    let mut limg = example.invoke(&["echo", "-e", "-"]);
    let mut limg = limg.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    limg.stdin.take().unwrap().write_all(odd.as_bytes()).unwrap();
    let output = limg.wait_with_output().unwrap();
    let response = String::from_utf8(output.stdout).unwrap();
    assert!(response.ends_with(&format!("\"event\": {odd}}}\n")), "{response}");

    let failed = finish(&mut example.invoke(&["echo", "-e", "{\"fail\": true}"]));
    let expected = json!({
        "errorMessage": "handler function.handler ended with exit status 3",
        "errorType": "Runtime.HandlerFailed",
        "stackTrace": [],
    });
    assert_eq!(function_error(&failed), expected);
    assert!(failed.stderr.contains("The event wants this invocation to fail."), "{}", failed.stderr);
    leaves_no_container(&example);
}

#[test]
#[ignore = "needs Docker, a C compiler and the open bases; `make test` runs it"]
fn static_binary() {
    let example = Example::new("static-binary");
    let emulator = emulator().display().to_string();
    let rie = ["--rie", emulator.as_str()];
    for mode in MODES {
        let invoked = succeed(example.invoke(&["words", "-e", "event.json"]).args(rie).args(mode));
        assert_eq!(invoked.json(), json!({ "different_words": 4, "words": 6 }));
        let log = &invoked.stderr;
        let invoked = line(log, "[counter] INVOKE ");
        assert!(is_request_id(&invoked[..36]) && invoked.ends_with(" number 1"), "{log}");
        assert_eq!(line(log, "[counter] SHUTDOWN "), "SandboxTerminated after 1");
    }
    let failed = finish(example.invoke(&["words", "-e", "{}"]).args(rie));
    let expected =
        json!({ "errorType": "NoText", "errorMessage": "the event needs a `text`, which must be a string" });
    assert_eq!(function_error(&failed), expected);
    leaves_no_container(&example);
}
