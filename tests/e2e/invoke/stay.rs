//! Functions that keep running: for other clients, and with `--watch`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::ChildStderr;

use serde_json::{Value, json};

use super::options::images;
use super::{Project, Running};
use crate::support::{fails, succeed, tool};

/// The log of a running limg.
struct Log(BufReader<ChildStderr>);

impl Log {
    fn of(limg: &mut Running) -> Self {
        Self(BufReader::new(limg.0.stderr.take().unwrap()))
    }

    /// The next line that contains these words.
    fn until(&mut self, words: &str) -> String {
        let mut seen = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0, "no {words:?} in\n{}", seen.concat());
            if line.contains(words) {
                return line.trim_end().to_owned();
            }
            seen.push(line);
        }
    }

    fn rest(mut self) -> String {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).unwrap();
        rest
    }
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn variables_of_the_command_line_are_set_and_not_shown() {
    let project = Project::python();
    let mut limg = project.limg(&["facts", "-v", "--env", "STYLE", "--env", "OTHER=whispered"]);
    let invoked = succeed(limg.env("STYLE", "hushed"));
    assert_eq!(invoked.json()["style"], "hushed");
    assert!(
        !invoked.stderr.contains("hushed") && !invoked.stderr.contains("whispered"),
        "{}",
        invoked.stderr
    );
    project.leaves_nothing();
}

#[test]
#[ignore = "needs Docker, curl and the open bases; `make test` runs it"]
fn a_port_keeps_the_function_running_for_other_clients() {
    let project = Project::python();
    let mut limg = Running::start(&mut project.limg(&["count", "--port", "0", "-e", "1"]));
    let mut log = Log::of(&mut limg);
    let up = log.until("`count` runs until Ctrl-C, at http://127.0.0.1:");
    let curl = log.until("curl -d '{}' http://127.0.0.1:");
    let response = succeed(tool("sh").args(["-c", &format!("{curl} -sS --noproxy '*'")])).json();
    assert_eq!(response, json!({ "calls": 2, "event": {} }));
    log.until("END RequestId: ");

    let containers = project.docker.containers();
    let published = succeed(tool("docker").arg("port").args(&containers)).text();
    let port = up.split_once("127.0.0.1:").unwrap().1.split_once('/').unwrap().0;
    assert_eq!(published, format!("28080/tcp -> 127.0.0.1:{port}\n"));
    let failed = fails(3, &mut project.limg(&["pause", "--port", port]));
    assert!(failed.stderr.contains(&format!("error: port {port} is already in use")), "{}", failed.stderr);
    assert_eq!(project.docker.containers(), containers);

    limg.signal("INT");
    let rest = log.rest();
    assert_eq!(limg.end(), (Some(0), "{\"calls\": 1, \"event\": 1}\n".to_owned()), "{rest}");
    assert!(rest.contains("listener saw SHUTDOWN"), "{rest}");
    project.leaves_nothing();
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_port_without_events_sends_none_and_limg_exits_with_the_container() {
    let project = Project::python();
    let mut limg = Running::start(&mut project.limg(&["count", "--port", "0"]));
    let mut log = Log::of(&mut limg);
    log.until("`count` runs until");
    succeed(tool("docker").arg("kill").args(project.docker.containers()));
    let rest = log.rest();
    assert_eq!(limg.end(), (Some(1), String::new()), "{rest}");
    assert!(rest.contains("exited with status 137"), "{rest}");
    project.leaves_nothing();

    // A failed event determines the exit code.
    let mut limg = Running::start(&mut project.limg(&["fail", "--port", "0", "-e", "1"]));
    let mut log = Log::of(&mut limg);
    log.until("`fail` runs until");
    limg.signal("TERM");
    let rest = log.rest();
    assert_eq!(limg.end().0, Some(1), "{rest}");
    project.leaves_nothing();
}

#[test]
#[ignore = "needs Docker, curl and the open bases; `make test` runs it"]
fn a_watched_function_is_rebuilt_when_files_change() {
    let project = Project::python();
    let workspace = &project.workspace;
    workspace.write("code/.limgignore", "*.log\n");
    let handler = |text: &str| format!("def count(event, context):\n    return [event, {text}]\n");
    workspace.write("code/app.py", handler("'one'"));
    let arguments = ["count", "--watch", "--port", "0", "-e", "1", "-e", "2"];
    let mut limg = Running::start(&mut project.limg(&arguments));
    let mut log = Log::of(&mut limg);
    let up = log.until("`count` runs until");
    let url = up.split_once(", at ").unwrap().1.to_owned();
    let invoke = || succeed(tool("curl").args(["-sS", "--noproxy", "*", "-d", "0", &url])).json();
    log.until("watching for changes until Ctrl-C");
    assert_eq!(invoke(), json!([0, "one"]));

    // Two files that no build reads, and a file replaced as editors do.
    workspace.write("code/noise.log", "x");
    workspace.write("code/.limg/x", "x");
    workspace.write("saved", handler("'two'"));
    std::fs::rename(workspace.path("saved"), workspace.path("code/app.py")).unwrap();
    assert_eq!(log.until("changed: "), "changed: code/app.py");
    log.until("updated in ");
    assert_eq!(invoke(), json!([0, "two"]));

    // A new module.
    workspace.write("code/words.py", "WORD = 'three'\n");
    assert_eq!(log.until("changed: "), "changed: code/words.py (new)");
    log.until("updated in ");
    workspace.write("code/app.py", format!("from words import WORD\n{}", handler("WORD")));
    assert_eq!(log.until("changed: "), "changed: code/app.py");
    log.until("updated in ");
    assert_eq!(invoke(), json!([0, "three"]));

    // With an invalid definition the function keeps running. A new layer is watched too.
    let definition = std::fs::read_to_string(workspace.path("limg.yaml")).unwrap();
    workspace.write("limg.yaml", definition.replace("\"handler\"", "\"handlr\""));
    log.until("unknown key `handlr`");
    log.until("the previous version keeps running; waiting for a change");
    assert_eq!(invoke(), json!([0, "three"]));
    workspace.write("shared/python/extra.py", "");
    let mut with_layer: Value = serde_json::from_str(&definition).unwrap();
    with_layer["layers"] = json!({ "shared": { "path": "shared" } });
    with_layer["functions"]["count"]["layers"] = json!(["shared"]);
    workspace.write("limg.yaml", with_layer.to_string());
    assert_eq!(log.until("changed: "), "changed: limg.yaml");
    log.until("updated in ");
    workspace.write("shared/python/extra.py", "x = 1\n");
    assert_eq!(log.until("changed: "), "changed: shared/python/extra.py");
    log.until("updated in ");

    // After a file is removed, the function fails and watching continues.
    std::fs::remove_file(workspace.path("code/words.py")).unwrap();
    assert_eq!(log.until("changed: "), "changed: code/words.py (removed)");
    log.until("function error `Runtime.ImportModuleError`");
    log.until("updated in ");
    // The container is killed.
    succeed(tool("docker").arg("kill").args(project.docker.containers()));
    log.until("exited with status 137");
    workspace.write("code/app.py", handler("'four'"));
    log.until("updated in ");
    assert_eq!(invoke(), json!([0, "four"]));

    limg.signal("INT");
    let rest = log.rest();
    let (code, output) = limg.end();
    assert_eq!(code, Some(0), "{rest}");
    assert!(rest.contains("listener saw SHUTDOWN"), "{rest}");
    project.leaves_nothing();
    assert_eq!(images(&project).len(), 1, "images of older versions are left");
    let responses = lines(&output);
    assert_eq!((&responses[0], &responses[1]), (&json!([1, "one"]), &json!([2, "one"])));
    assert_eq!(responses.last().unwrap(), &json!([2, "four"]));
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn watching_starts_even_if_the_first_build_fails() {
    let project = Project::python();
    let workspace = &project.workspace;
    let definition = std::fs::read_to_string(workspace.path("limg.yaml")).unwrap();
    workspace.write("limg.yaml", "project: [\n");
    let mut limg = Running::start(&mut project.limg(&["count", "--watch", "--format", "json"]));
    let mut log = Log::of(&mut limg);
    log.until("waiting for a change");
    workspace.write("limg.yaml", definition);
    log.until("updated in ");
    limg.signal("INT");
    let rest = log.rest();
    let (code, output) = limg.end();
    assert_eq!(code, Some(0), "{rest}");
    let reports = lines(&output);
    assert_eq!(reports[0]["error"]["kind"], "user", "{output}");
    assert_eq!(reports[1]["response"]["calls"], 1, "{output}");
    project.leaves_nothing();

    // No change of a file can correct the command line.
    let failed = fails(2, &mut project.limg(&["cout", "--watch"]));
    assert!(failed.stderr.contains("did you mean `count`?"), "{}", failed.stderr);
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn an_interrupt_stops_a_watched_function_at_any_time() {
    let project = Project::python();
    for (function, moment, signal, expected) in [
        ("wait", "waiting", "INT", Some(0)),
        ("count", "watching for changes", "TERM", Some(0)),
        ("count", "changed: ", "INT", Some(0)),
        ("count", "watching for changes", "HUP", Some(0)),
    ] {
        let mut limg = Running::start(&mut project.limg(&[function, "--watch"]));
        let mut log = Log::of(&mut limg);
        if moment == "changed: " {
            log.until("watching for changes");
            project.workspace.write("code/more.py", "");
        }
        log.until(moment);
        limg.signal(signal);
        let rest = log.rest();
        let (code, _) = limg.end();
        assert_eq!(code, expected, "{moment}\n{rest}");
        project.leaves_nothing();
    }
}
