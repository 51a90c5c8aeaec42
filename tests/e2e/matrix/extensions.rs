//! External extensions, which run beside the runtime, and internal ones, which run inside it.

use std::fs;

use serde_json::{Value, json};

use super::made;
use super::runtime::probes;
use super::{Project, Runtime, cells};

cells! {
    extension_in_shell: python311 script;
    extension_in_python: python311;
    extension_as_static_binary: python311 script binary;
    two_extensions: python311 script;
    extension_with_files_of_its_own: python311 script;
    extension_that_proxies_the_runtime_api: python311 script;
}

/// Invokes the function; in both containers the extensions must say this.
fn say(project: &Project, operations: &Value, said: &[&str]) {
    for answer in project.invoke(operations, &[]) {
        assert_eq!(answer.status, "success", "{}\n{}", answer.message, answer.log);
        for words in said {
            assert!(answer.log.lines().any(|line| line == *words), "{words:?} is not in\n{}", answer.log);
        }
    }
}

/// Adds an extension that is one program.
fn add(project: &mut Project, name: &str, program: &[u8]) {
    project.workspace.write_program(format!("extensions/{name}"), program);
    project.extension(name, json!({ "path": format!("extensions/{name}") }));
}

fn is_told(runtime: Runtime, program: &[u8]) {
    let mut project = Project::new(runtime);
    add(&mut project, "listener", program);
    say(&project, &json!([["length", "four"]]), &["listener saw INVOKE", "listener saw SHUTDOWN"]);
}

fn extension_in_shell(runtime: Runtime) {
    is_told(runtime, &fs::read(probes("extensions/extension.sh")).unwrap());
}

fn extension_in_python(runtime: Runtime) {
    is_told(runtime, &fs::read(probes("extensions/extension.py")).unwrap());
}

fn extension_as_static_binary(runtime: Runtime) {
    is_told(runtime, &fs::read(made::native("extension")).unwrap());
}

fn two_extensions(runtime: Runtime) {
    let mut project = Project::new(runtime);
    let said = ["first saw INVOKE", "second saw INVOKE", "first saw SHUTDOWN", "second saw SHUTDOWN"];
    add(&mut project, "first", &fs::read(probes("extensions/extension.sh")).unwrap());
    add(&mut project, "second", &fs::read(made::native("extension")).unwrap());
    say(&project, &json!([["length", "four"]]), &said);
}

fn extension_with_files_of_its_own(runtime: Runtime) {
    let mut project = Project::new(runtime);
    let program = fs::read(probes("extensions/extension.sh")).unwrap();
    project.workspace.write_program("tree/extensions/listener", program);
    project.workspace.write("tree/listener/greeting", "a greeting\n");
    project.extension("tree", json!({ "path": "tree" }));
    let said = ["listener read a greeting", "listener saw INVOKE", "listener saw SHUTDOWN"];
    say(&project, &json!([["length", "four"]]), &said);
}

fn extension_that_proxies_the_runtime_api(runtime: Runtime) {
    let mut project = Project::new(runtime);
    let program = fs::read(made::native("extension")).unwrap();
    project.workspace.write_program("extensions/proxy", program);
    project.workspace.write_program(
        "through-proxy",
        "#!/bin/sh\nexport AWS_LAMBDA_RUNTIME_API=127.0.0.1:9009\nexec \"$@\"\n",
    );
    project.extension("proxy", json!({ "path": "extensions/proxy", "wrapper": "through-proxy" }));
    say(
        &project,
        &json!([["length", "four"]]),
        &["proxy passed next", "proxy passed response", "proxy saw INVOKE"],
    );
    let address = project.ask(json!([["environment", "AWS_LAMBDA_RUNTIME_API"]]));
    assert_eq!(address, ["127.0.0.1:9009"]);
}
