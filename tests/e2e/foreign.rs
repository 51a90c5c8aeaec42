//! Bases that were not made for Lambda: Debian with an interpreter and its runtime interface client, and `scratch`.
//! limg adds the entry point that they lack.

use std::fs;

use serde_json::{Value, json};

use crate::support::{
    Base, Docker, EXTENSION, Finished, Workspace, base, docker, emulator, finish, sha256, succeed, tool,
};

const APP: &str = "\
import os
import words


def handler(event, context):
    return {'words': words.WORDS, 'style': os.environ['STYLE'], 'cwd': os.getcwd()}
";

/// Functions on Debian.
struct OnDebian {
    docker: Docker,
    workspace: Workspace,
}

impl OnDebian {
    fn new() -> Self {
        let (docker, workspace) = (Docker::new("foreign"), Workspace::new());
        make_base(&workspace);
        workspace.write("code/app.py", APP);
        workspace.write("words/python/words.py", "WORDS = ['from', 'a', 'layer']\n");
        workspace.write_program("wrap", "#!/bin/sh\nexport STYLE=wrapped\nexec \"$@\"\n");
        workspace.write_program("listener", EXTENSION);
        let client = "#!/bin/sh\necho \"ruby $_HANDLER of $*, $GEM_PATH\"\n";
        workspace.write_program("ruby/bin/aws_lambda_ric", client);
        workspace.write("ruby/text", "#!/bin/sh\n");
        let definition = json!({
            "project": docker.prefix,
            // Images of this test's own, which no other test removes.
            "defaults": { "environment": { "LIMG_E2E": docker.prefix } },
            "bases": {
                "debian": { "image": "oci:debian", "contract": "python3.11" },
                "like-ruby": { "image": "oci:debian", "contract": "ruby3.3" },
                "given": { "image": "oci:debian", "contract": "python3.11", "entrypoint": ["/bin/echo", "given"] },
            },
            "layers": { "words": { "path": "words" }, "ruby": { "path": "ruby" } },
            "extensions": { "listener": { "path": "listener" } },
            "functions": {
                "python": {
                    "runtime": "debian", "handler": "app.handler", "code": "code", "layers": ["words"],
                    "extensions": ["listener"], "wrapper": "wrap", "timeout": 20, "memory": 512,
                },
                "ruby": { "runtime": "like-ruby", "handler": "app.run", "code": "code", "layers": ["ruby"] },
                "given": { "runtime": "given", "handler": "app.run", "code": "code" },
            },
        });
        workspace.write("limg.yaml", serde_json::to_vec_pretty(&definition).unwrap());
        Self { docker, workspace }
    }

    /// Starts a function as Lambda would: with an address of the Runtime API, and without the handler in the
    /// environment.
    fn run(&self, function: &str, variables: &[&str]) -> Finished {
        let mut run = docker();
        run.args(["run", "--rm", "--network", "none"]);
        for variable in ["AWS_LAMBDA_RUNTIME_API=127.0.0.1:1", "_HANDLER="].iter().chain(variables) {
            run.args(["--env", variable]);
        }
        finish(run.arg(self.docker.name(function)))
    }
}

/// The layout `debian`: the layers of an open base with the system and the language, without those of the contract.
fn make_base(workspace: &Workspace) {
    succeed(tool("cp").arg("-r").arg(base(Base::Python311)).arg(workspace.path("debian")));
    let blob = |descriptor: &Value| {
        let hex = &descriptor["digest"].as_str().unwrap()["sha256:".len()..];
        workspace.path("debian/blobs/sha256").join(hex)
    };
    let put = |descriptor: &mut Value, content: &Value| {
        let bytes = serde_json::to_vec(content).unwrap();
        descriptor["digest"] = format!("sha256:{}", sha256(&bytes)).into();
        descriptor["size"] = bytes.len().into();
        fs::write(blob(descriptor), bytes).unwrap();
    };
    let read = |path| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let mut index = read(workspace.path("debian/index.json"));
    let mut manifest = read(blob(&index["manifests"][0]));
    let mut config = read(blob(&manifest["config"]));
    // The three layers are Debian, Lambda's entry script with the emulator, and Python.
    for list in [&mut manifest["layers"], &mut config["rootfs"]["diff_ids"]] {
        let list = list.as_array_mut().unwrap();
        assert_eq!(list.len(), 3);
        list.remove(1);
    }
    config.as_object_mut().unwrap().remove("history");
    config["config"] = json!({ "Env": ["PATH=/usr/bin:/bin"], "Cmd": ["bash"] });
    put(&mut manifest["config"], &config);
    put(&mut index["manifests"][0], &manifest);
    fs::write(workspace.path("debian/index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn a_function_on_plain_debian_responds() {
    let project = OnDebian::new();
    let expected = json!({ "words": ["from", "a", "layer"], "style": "wrapped", "cwd": "/var/task" });
    for arguments in [&[][..], &["--as-lambda"]] {
        let mut command = project.workspace.limg(&["invoke", "python", "--rie"]);
        let invoked = succeed(command.arg(emulator()).args(arguments));
        assert_eq!(invoked.json(), expected, "{}", invoked.stderr);
        assert!(invoked.stderr.contains("listener saw SHUTDOWN"), "{}", invoked.stderr);
    }
}

#[test]
#[ignore = "needs Docker and the open bases; `make test` runs it"]
fn wrappers_and_handlers_work_as_on_lambdas_own_bases() {
    let project = OnDebian::new();
    project.workspace.build(&["-o", "docker-daemon:"]);
    let ruby = project.run("ruby", &[]);
    let line = "ruby app.run of app.run, /var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0:\n";
    assert_eq!((ruby.code, ruby.text().as_str()), (0, line), "{}", ruby.stderr);
    let given = project.run("given", &[]);
    assert_eq!(given.text(), "given app.run\n", "{}", given.stderr);
    for (wrapper, code, why) in [
        ("/opt/missing", 127, "does not exist"),
        ("/opt/text", 126, "is not an executable"),
        ("/opt", 127, "does not exist"),
    ] {
        let refused = project.run("ruby", &[&format!("AWS_LAMBDA_EXEC_WRAPPER={wrapper}")]);
        assert_eq!((refused.code, refused.text().as_str()), (code, ""), "{}", refused.stderr);
        assert_eq!(refused.stderr, format!("{wrapper}: {why}\n"));
    }
}

/// A program that prints a variable and its last argument, and one that sets the variable and executes its arguments.
const PROGRAMS: [(&str, &str); 2] = [
    (
        "code/bootstrap",
        "#include <stdio.h>\n#include <stdlib.h>\n\
         int main(int count, char **words) { return printf(\"%s of %s\\n\", getenv(\"STYLE\"), words[count - 1]) < 0; }\n",
    ),
    (
        "code/wrap",
        "#include <stdlib.h>\n#include <unistd.h>\n\
         int main(int count, char **words) {\n\
           setenv(\"STYLE\", \"wrapped\", 1);\n\
           return count > 1 ? execv(words[1], words + 1) : 1;\n\
         }\n",
    ),
];

#[test]
#[ignore = "needs Docker and a C compiler; `make test` runs it"]
fn on_scratch_a_static_program_wraps_another() {
    let (docker_images, workspace) = (Docker::new("scratch"), Workspace::new());
    for (program, source) in PROGRAMS {
        let source = workspace.write(format!("{program}.c"), source);
        succeed(tool("cc").arg("-static").arg("-o").arg(workspace.path(program)).arg(source));
    }
    let definition = json!({
        "project": docker_images.prefix,
        "bases": { "nothing": { "image": "scratch", "contract": "provided.al2023" } },
        "functions": { "f": {
            "runtime": "nothing", "handler": "my.handler", "code": "code", "exclude": ["*.c"], "wrapper": "/var/task/wrap",
        } },
    });
    workspace.write("limg.yaml", serde_json::to_vec_pretty(&definition).unwrap());
    workspace.build(&["-o", "docker-daemon:"]);
    let ran = succeed(docker().args(["run", "--rm", "--network", "none", &docker_images.name("f")]));
    assert_eq!(ran.text(), "wrapped of my.handler\n");
    // A program for the wrong architecture is an error of the build.
    let wrong = workspace.path("limg.yaml");
    let text = fs::read_to_string(&wrong)
        .unwrap()
        .replace("\"runtime\"", "\"architecture\": \"arm64\", \"runtime\"");
    fs::write(&wrong, text).unwrap();
    let failed = workspace.build_fails(2, &["-o", "oci:images"]);
    assert!(failed.stderr.contains("`/var/task/bootstrap` is built for x86_64"), "{}", failed.stderr);
}
