//! Two checkouts of the project on one machine, whose tests share a Docker Engine.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Workspace, repository};

/// A client of an engine that responds while a file exists.
const DOCKER: &str = "#!/bin/sh\n[ -e \"$ENGINE/up\" ]\n";

/// An engine that runs until it is stopped.
const DOCKERD: &str = r#"#!/bin/sh
for argument; do
    case $argument in --pidfile=*) echo $$ > "${argument#*=}" ;; esac
done
trap 'rm "$ENGINE/up"; exit 0' TERM
touch "$ENGINE/up"
while :; do sleep 0.05; done
"#;

/// A command that runs in a checkout through its `.ci/with-docker` until a file is written.
fn start(workspace: &Workspace, checkout: &str) -> Child {
    let script = workspace.path(checkout).join(".ci/with-docker");
    fs::create_dir_all(script.parent().unwrap()).unwrap();
    fs::copy(repository().join(".ci/with-docker"), &script).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let command = "touch \"$0.began\"; until [ -e \"$0.end\" ]; do sleep 0.05; done; [ -e \"$ENGINE/up\" ]";
    let mut with_docker = Command::new(script);
    with_docker.args(["sh", "-c", command]).arg(workspace.path(checkout));
    with_docker.env("PATH", format!("{}:{path}", workspace.path("bin").display())).env_remove("DOCKER_HOST");
    with_docker.env("ENGINE", workspace.path("")).env("WITH_DOCKER_STATE", workspace.path("state"));
    let child = with_docker.stdin(Stdio::null()).spawn().unwrap();
    wait_for(&workspace.path(format!("{checkout}.began")), true);
    child
}

fn wait_for(file: &Path, exists: bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while file.exists() != exists {
        assert!(Instant::now() < deadline, "{}: exists is not {exists}", file.display());
        sleep(Duration::from_millis(20));
    }
}

/// Lets a command end, and returns whether an engine was running then.
fn end(workspace: &Workspace, checkout: &str, mut child: Child) -> bool {
    workspace.write(format!("{checkout}.end"), "");
    child.wait().unwrap().success()
}

#[test]
#[ignore = "needs root; `make test` runs it"]
fn the_last_checkout_that_uses_an_engine_stops_it() {
    let workspace = Workspace::new();
    workspace.write_program("bin/docker", DOCKER);
    workspace.write_program("bin/dockerd", DOCKERD);
    let first = start(&workspace, "first");
    let second = start(&workspace, "second");
    // The first has started the engine, and the second still uses it.
    assert!(end(&workspace, "first", first));
    assert!(end(&workspace, "second", second), "the engine was stopped while the second checkout used it");
    wait_for(&workspace.path("up"), false);
}
