//! External extensions, which are processes next to the runtime, and internal ones, which run inside it.

use serde_json::{Value, json};

use super::programs;
use super::runtime::{probes, read};
use super::{Project, Runtime, cells};

cells! {
    extension_in_shell: python311 nodejs18 nodejs22 java17 ruby31 dotnet script;
    extension_in_python: python311;
    extension_in_node: nodejs18 nodejs22;
    extension_as_static_binary: python311 nodejs18 nodejs22 java17 ruby31 dotnet script binary;
    two_extensions: python311 nodejs18 nodejs22 java17 ruby31 dotnet script;
    extension_with_files_of_its_own: python311 nodejs18 nodejs22 java17 ruby31 dotnet script;
    extension_that_proxies_the_runtime_api: python311 nodejs18 nodejs22 java17 ruby31 dotnet script;
    hook_by_node_options: nodejs18 nodejs22;
    hook_by_rubyopt: ruby31;
    agent_by_java_tool_options: java17;
    hook_by_dotnet_startup_hooks: dotnet;
}

/// Invokes the function. In both containers the extensions must print these lines.
fn check_output(project: &Project, operations: &Value, lines: &[&str]) {
    for result in project.invoke(operations, &[]) {
        assert_eq!(result.status, "success", "{}\n{}", result.message, result.log);
        for expected in lines {
            assert!(
                result.log.lines().any(|line| line == *expected),
                "{expected:?} is not in\n{}",
                result.log
            );
        }
    }
}

/// Adds an extension that is one program.
fn add(project: &mut Project, name: &str, program: &[u8]) {
    project.workspace.write_program(format!("extensions/{name}"), program);
    project.extension(name, json!({ "path": format!("extensions/{name}") }));
}

fn check(runtime: Runtime, program: &[u8]) {
    let mut project = Project::new(runtime);
    add(&mut project, "listener", program);
    check_output(&project, &json!([["length", "four"]]), &["listener saw INVOKE", "listener saw SHUTDOWN"]);
}

fn extension_in_shell(runtime: Runtime) {
    check(runtime, &read(&probes("extensions/extension.sh")));
}

fn extension_in_python(runtime: Runtime) {
    check(runtime, &read(&probes("extensions/extension.py")));
}

fn extension_in_node(runtime: Runtime) {
    check(runtime, &read(&probes("extensions/extension.js")));
}

fn extension_as_static_binary(runtime: Runtime) {
    check(runtime, &read(&programs::native("extension")));
}

fn two_extensions(runtime: Runtime) {
    let mut project = Project::new(runtime);
    let lines = ["first saw INVOKE", "second saw INVOKE", "first saw SHUTDOWN", "second saw SHUTDOWN"];
    add(&mut project, "first", &read(&probes("extensions/extension.sh")));
    add(&mut project, "second", &read(&programs::native("extension")));
    check_output(&project, &json!([["length", "four"]]), &lines);
}

fn extension_with_files_of_its_own(runtime: Runtime) {
    let mut project = Project::new(runtime);
    let program = read(&probes("extensions/extension.sh"));
    project.workspace.write_program("tree/extensions/listener", program);
    project.workspace.write("tree/listener/greeting", "a greeting\n");
    project.extension("tree", json!({ "path": "tree" }));
    let lines = ["listener read a greeting", "listener saw INVOKE", "listener saw SHUTDOWN"];
    check_output(&project, &json!([["length", "four"]]), &lines);
}

fn extension_that_proxies_the_runtime_api(runtime: Runtime) {
    let mut project = Project::new(runtime);
    let program = read(&programs::native("extension"));
    project.workspace.write_program("extensions/proxy", program);
    project.workspace.write_program(
        "through-proxy",
        "#!/bin/sh\nexport AWS_LAMBDA_RUNTIME_API=127.0.0.1:9009\nexec \"$@\"\n",
    );
    project.extension("proxy", json!({ "path": "extensions/proxy", "wrapper": "through-proxy" }));
    check_output(
        &project,
        &json!([["length", "four"]]),
        &["proxy passed next", "proxy passed response", "proxy saw INVOKE"],
    );
    let address = project.results(&json!([["environment", "AWS_LAMBDA_RUNTIME_API"]]));
    assert_eq!(address, ["127.0.0.1:9009"]);
}

/// An internal extension: a file, and an environment variable that makes the runtime load it.
fn hooked(runtime: Runtime, file: &str, content: impl AsRef<[u8]>, variable: &str, value: &str) {
    let mut project = Project::new(runtime);
    project.workspace.write(format!("tracer/tracer/{file}"), content);
    project.extension("tracer", json!({ "path": "tracer", "environment": { variable: value } }));
    assert_eq!(project.results(&json!([["environment", "HOOKED"]])), ["yes"]);
}

fn hook_by_node_options(runtime: Runtime) {
    let hook = "process.env.HOOKED = 'yes';\n";
    hooked(runtime, "hook.js", hook, "NODE_OPTIONS", "--require /opt/tracer/hook.js");
}

fn hook_by_rubyopt(runtime: Runtime) {
    hooked(runtime, "hook.rb", "ENV['HOOKED'] = 'yes'\n", "RUBYOPT", "-r/opt/tracer/hook.rb");
}

fn agent_by_java_tool_options(runtime: Runtime) {
    let agent = programs::jar(&probes("java/Agent.java"), "Premain-Class: Agent\n");
    hooked(runtime, "agent.jar", read(&agent), "JAVA_TOOL_OPTIONS", "-javaagent:/opt/tracer/agent.jar");
}

fn hook_by_dotnet_startup_hooks(runtime: Runtime) {
    let hook = programs::assembly(&probes("dotnet/Hook.cs")).join("Hook.dll");
    hooked(runtime, "Hook.dll", read(&hook), "DOTNET_STARTUP_HOOKS", "/opt/tracer/Hook.dll");
}
