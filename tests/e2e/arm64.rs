//! A function for arm64, from its definition to its response: the image declares its architecture, and the engine
//! runs it, with QEMU on a machine of another architecture.

use serde_json::{Value, json};

use crate::support::{Base, Docker, EXTENSION, Finished, Image, Workspace, base, docker, finish, succeed};

/// A custom runtime that responds with its event and the machine that it runs on.
const BOOTSTRAP: &str = r#"#!/bin/bash
set -eu
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while event=$(curl -sSf --noproxy '*' -D /tmp/headers "$api/next"); do
    identifier=$(sed -n 's/\r$//; s/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p' /tmp/headers)
    if (echo >/var/task/file) 2>/dev/null; then writable=true; else writable=false; fi
    answer="{\"machine\": \"$(uname -m)\", \"user\": $(id -u), \"writable\": $writable, \"event\": $event}"
    curl -sSf --noproxy '*' -o /dev/null -d "$answer" "$api/$identifier/response"
done
"#;

/// One function and one extension, both scripts, on the open base for arm64.
struct Project {
    docker: Docker,
    workspace: Workspace,
}

impl Project {
    fn new() -> Self {
        let (docker, workspace) = (Docker::new("arm64"), Workspace::new());
        workspace.write_program("code/bootstrap", BOOTSTRAP);
        workspace.write_program("extensions/listener", EXTENSION);
        let image = format!("oci:{}", base(Base::ProvidedAl2023Arm64).display());
        let definition = json!({
            "project": docker.prefix,
            "bases": { "provided": { "image": image, "contract": "provided.al2023" } },
            "extensions": { "listener": { "path": "extensions/listener" } },
            "functions": { "echo": {
                "runtime": "provided", "architecture": "arm64", "handler": "bootstrap", "code": "code",
                // An emulated machine is slow.
                "extensions": ["listener"], "timeout": 60, "memory": 512,
                // An image of this test's own, which no other test removes.
                "environment": { "TEST": docker.prefix },
            } },
        });
        workspace.write("limg.yaml", serde_json::to_vec_pretty(&definition).unwrap());
        Self { docker, workspace }
    }

    /// Invokes the function, after checking that the engine can run programs for arm64.
    fn invoke(&self, arguments: &[&str]) -> (Value, Finished) {
        self.workspace.build(&["-o", "docker-daemon:"]);
        let name = self.docker.name("echo");
        let machine = finish(docker().args([
            "run",
            "--rm",
            "--network",
            "none",
            "--entrypoint",
            "/bin/uname",
            &name,
            "-m",
        ]));
        assert!(
            machine.code == 0 && machine.text() == "aarch64\n",
            "this engine cannot run programs for arm64: run the tests through `.ci/with-arm64`, as `make test` does\n{}{}",
            machine.text(),
            machine.stderr
        );
        let finished = succeed(self.workspace.limg(&["invoke", "echo"]).args(arguments));
        (finished.json(), finished)
    }
}

#[test]
#[ignore = "needs Docker, QEMU and the open bases; `make test` runs it"]
fn an_image_for_arm64_declares_its_architecture() {
    let project = Project::new();
    let built = project.workspace.build(&["-o", "oci:images"]);
    assert_eq!(built["echo"]["architecture"], "arm64");
    let image = Image::of_layout(&project.workspace.path("images"), None);
    assert_eq!((&image.config["architecture"], &image.config["os"]), (&json!("arm64"), &json!("linux")));
    assert!(image.config["config"]["Env"].is_array(), "the base's own config");
    project.workspace.build(&["-o", "docker-daemon:"]);
    let loaded = project.docker.inspect("echo");
    assert_eq!((&loaded["Architecture"], &loaded["Os"]), (&json!("arm64"), &json!("linux")));
    assert_eq!(loaded["Id"], built["echo"]["image_id"]);
    // The base's programs are for AArch64 (`e_machine` 183 in the ELF header).
    for program in ["usr/local/bin/aws-lambda-rie", "usr/bin/bash"] {
        let header = image.read(program);
        assert_eq!((&header[..4], &header[18..20]), (&b"\x7fELF"[..], &[183, 0][..]), "{program}");
    }
}

#[test]
#[ignore = "needs Docker, QEMU and the open bases; `make test` runs it"]
fn a_function_and_its_extension_for_arm64_run() {
    let project = Project::new();
    let (response, finished) = project.invoke(&["-e", "@sqs"]);
    assert_eq!(response["machine"], "aarch64", "{}", finished.stderr);
    assert_eq!((&response["user"], &response["writable"]), (&json!(0), &json!(false)));
    assert_eq!(response["event"]["Records"][0]["eventSource"], "aws:sqs");
    // Not SHUTDOWN: the two seconds for it may not be enough on an emulated machine.
    assert!(finished.stderr.contains("listener saw INVOKE"), "{}", finished.stderr);
}

#[test]
#[ignore = "needs Docker, QEMU and the open bases; `make test` runs it"]
fn a_function_for_arm64_runs_as_in_lambda() {
    let project = Project::new();
    let (response, finished) = project.invoke(&["--as-lambda", "-e", r#"{"n": 1}"#]);
    let expected = json!({ "machine": "aarch64", "user": 993, "writable": false, "event": { "n": 1 } });
    assert_eq!(response, expected, "{}", finished.stderr);
    // Not SHUTDOWN: the two seconds for it may not be enough on an emulated machine.
    assert!(finished.stderr.contains("listener saw INVOKE"), "{}", finished.stderr);
}
