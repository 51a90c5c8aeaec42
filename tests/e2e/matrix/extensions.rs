//! External extensions, which run beside the runtime, and internal ones, which run inside it.

use serde_json::{Value, json};

use super::made;
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
    is_told(runtime, &read(&probes("extensions/extension.sh")));
}

fn extension_in_python(runtime: Runtime) {
    is_told(runtime, &read(&probes("extensions/extension.py")));
}

fn extension_in_node(runtime: Runtime) {
    is_told(runtime, &read(&probes("extensions/extension.js")));
}

fn extension_as_static_binary(runtime: Runtime) {
    is_told(runtime, &read(&made::native("extension")));
}

fn two_extensions(runtime: Runtime) {
    let mut project = Project::new(runtime);
    let said = ["first saw INVOKE", "second saw INVOKE", "first saw SHUTDOWN", "second saw SHUTDOWN"];
    add(&mut project, "first", &read(&probes("extensions/extension.sh")));
    add(&mut project, "second", &read(&made::native("extension")));
    say(&project, &json!([["length", "four"]]), &said);
}

fn extension_with_files_of_its_own(runtime: Runtime) {
    let mut project = Project::new(runtime);
    let program = read(&probes("extensions/extension.sh"));
    project.workspace.write_program("tree/extensions/listener", program);
    project.workspace.write("tree/listener/greeting", "a greeting\n");
    project.extension("tree", json!({ "path": "tree" }));
    let said = ["listener read a greeting", "listener saw INVOKE", "listener saw SHUTDOWN"];
    say(&project, &json!([["length", "four"]]), &said);
}

fn extension_that_proxies_the_runtime_api(runtime: Runtime) {
    let mut project = Project::new(runtime);
    let program = read(&made::native("extension"));
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
    let address = project.ask(&json!([["environment", "AWS_LAMBDA_RUNTIME_API"]]));
    assert_eq!(address, ["127.0.0.1:9009"]);
}

/// An internal extension: a file, and a variable by which the runtime's own process loads it.
fn hooked(runtime: Runtime, file: &str, content: impl AsRef<[u8]>, variable: &str, value: &str) {
    let mut project = Project::new(runtime);
    project.workspace.write(format!("tracer/tracer/{file}"), content);
    project.extension("tracer", json!({ "path": "tracer", "environment": { variable: value } }));
    assert_eq!(project.ask(&json!([["environment", "HOOKED"]])), ["yes"]);
}

fn hook_by_node_options(runtime: Runtime) {
    let hook = "process.env.HOOKED = 'yes';\n";
    hooked(runtime, "hook.js", hook, "NODE_OPTIONS", "--require /opt/tracer/hook.js");
}

fn hook_by_rubyopt(runtime: Runtime) {
    hooked(runtime, "hook.rb", "ENV['HOOKED'] = 'yes'\n", "RUBYOPT", "-r/opt/tracer/hook.rb");
}

fn agent_by_java_tool_options(runtime: Runtime) {
    let agent = made::jar(&probes("java/Agent.java"), "Premain-Class: Agent\n");
    hooked(runtime, "agent.jar", read(&agent), "JAVA_TOOL_OPTIONS", "-javaagent:/opt/tracer/agent.jar");
}

fn hook_by_dotnet_startup_hooks(runtime: Runtime) {
    let hook = made::assembly(&probes("dotnet/Hook.cs")).join("Hook.dll");
    hooked(runtime, "Hook.dll", read(&hook), "DOTNET_STARTUP_HOOKS", "/opt/tracer/Hook.dll");
}
