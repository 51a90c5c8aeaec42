//! Sources of the function's code, and custom runtimes.

use serde_json::json;

use super::{Project, Runtime, cells};

cells! {
    function_from_a_directory: python311 nodejs18 nodejs22 java17 ruby31 dotnet script binary;
    function_from_a_zip: python311 nodejs18 nodejs22 java17 ruby31 dotnet script binary;
    function_from_one_file: python311 nodejs18 nodejs22 java17 ruby31 script binary;
    custom_runtime_in_the_code: script binary;
    custom_runtime_in_a_layer: script binary;
}

/// The function sees its files and its environment variables.
fn check(project: &Project) {
    let facts = project.results(&json!([
        ["read", "/var/task/data/words.txt"],
        ["environment", "STYLE"],
        ["environment", "LAMBDA_TASK_ROOT"],
        ["length", "four"],
    ]));
    assert_eq!(facts, [json!("some words\n"), json!("plain"), json!("/var/task"), json!(4)]);
}

fn function_from_a_directory(runtime: Runtime) {
    let mut project = Project::new(runtime);
    project.workspace.write("code/data/words.txt", "some words\n");
    check(project.environment("STYLE", "plain"));
}

fn function_from_a_zip(runtime: Runtime) {
    let mut project = Project::new(runtime);
    project.workspace.write("code/data/words.txt", "some words\n");
    let archive = project.zip("code");
    check(project.set("code", archive).environment("STYLE", "plain"));
}

fn function_from_one_file(runtime: Runtime) {
    let mut project = Project::new(runtime);
    let file = runtime.write_probe(&project.workspace, "one");
    project.workspace.write("code/data/words.txt", "not of this function\n");
    project.set("code", file).environment("STYLE", "plain");
    assert_eq!(
        project.results(&json!([["environment", "STYLE"], ["length", "four"]])),
        [json!("plain"), json!(4)]
    );
}

fn custom_runtime_in_the_code(runtime: Runtime) {
    let project = Project::new(runtime);
    let command = project.results(&json!([["command", null], ["environment", "_HANDLER"]]));
    let program = command[0].as_array().unwrap().last().unwrap().as_str();
    // A program that is the entry point gets the handler as its argument.
    let expected = if runtime == Runtime::Binary { "handler" } else { "/var/task/bootstrap" };
    assert_eq!((program, command[1].as_str()), (Some(expected), Some("handler")), "{command:?}");
}

fn custom_runtime_in_a_layer(runtime: Runtime) {
    let mut project = Project::new(runtime);
    runtime.write_probe(&project.workspace, "layer");
    project.workspace.write("data/words.txt", "the function is data\n");
    project.set("code", "data").layer("runtime", "layer");
    let facts = project.results(&json!([["read", "/var/task/words.txt"], ["command", null]]));
    assert_eq!(facts[0], "the function is data\n");
    let command = facts[1].to_string();
    assert!(command.contains("/opt/bootstrap"), "{command}");
}
