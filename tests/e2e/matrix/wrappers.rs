//! Wrapper scripts: programs that get the runtime's command line, change something and execute it.

use serde_json::json;

use super::{Project, Runtime, cells};

cells! {
    wrapper_of_the_function: python311 nodejs18 nodejs22 java17 ruby31 dotnet script;
    wrapper_in_a_layer: python311 nodejs18 nodejs22 java17 ruby31 dotnet script;
    two_wrappers: python311 nodejs18 nodejs22 java17 ruby31 dotnet script;
    wrapper_that_is_missing: python311 nodejs18 nodejs22 java17 ruby31 dotnet script;
    wrapper_that_is_not_executable: python311 nodejs18 nodejs22 java17 ruby31 dotnet script;
    wrapper_that_adds_an_option_before_the_last_argument: python311;
    wrapper_that_adds_an_option_after_the_program: ruby31;
}

/// A wrapper that adds its name to a variable.
fn wrapper(name: &str) -> String {
    format!("#!/bin/sh\nexport WRAPPED=\"${{WRAPPED:-}}{name} \"\nexec \"$@\"\n")
}

fn wrapped(project: &Project) -> String {
    project.results(&json!([["environment", "WRAPPED"]]))[0].as_str().unwrap_or_default().to_owned()
}

fn wrapper_of_the_function(runtime: Runtime) {
    let mut project = Project::new(runtime);
    project.workspace.write_program("scripts/wrap", wrapper("own"));
    assert_eq!(wrapped(project.set("wrapper", "scripts/wrap")), "own ");
}

fn wrapper_in_a_layer(runtime: Runtime) {
    let mut project = Project::new(runtime);
    project.workspace.write_program("layer/wrap", wrapper("layered"));
    project.layer("wrap", "layer").environment("AWS_LAMBDA_EXEC_WRAPPER", "/opt/wrap");
    assert_eq!(wrapped(&project), "layered ");
}

fn two_wrappers(runtime: Runtime) {
    let mut project = Project::new(runtime);
    project.workspace.write_program("scripts/wrap", wrapper("own"));
    project.workspace.write_program("tracer/tracer/wrap", wrapper("tracer"));
    project.extension("tracer", json!({ "path": "tracer", "wrapper": "/opt/tracer/wrap" }));
    assert_eq!(wrapped(project.set("wrapper", "scripts/wrap")), "tracer own ");
}

/// Names a wrapper after the build, as in Lambda's configuration, so only the runtime can refuse it.
fn refused(runtime: Runtime, wrapper: &str, status: &str) {
    let mut project = Project::new(runtime);
    project.workspace.write("layer/text", "not a program\n");
    project.layer("text", "layer");
    let variable = format!("AWS_LAMBDA_EXEC_WRAPPER={wrapper}");
    for result in project.invoke(&json!([["length", "four"]]), &["--env", &variable]) {
        assert_eq!(result.status, "function_error", "{}", result.log);
        assert_eq!(result.message, format!("Runtime exited with error: exit status {status}"));
        assert!(result.log.contains(&format!("{wrapper}: ")), "{}", result.log);
    }
}

fn wrapper_that_is_missing(runtime: Runtime) {
    refused(runtime, "/opt/nothing", "127");
}

fn wrapper_that_is_not_executable(runtime: Runtime) {
    refused(runtime, "/opt/text", "126");
}

/// As in Lambda's documentation for Python: the option comes before the bootstrap, which is the last argument.
fn wrapper_that_adds_an_option_before_the_last_argument(runtime: Runtime) {
    const WRAPPER: &str =
        "#!/bin/bash\nbefore=$(($# - 1))\nexec \"${@:1:before}\" -X importtime \"${@: -1}\"\n";
    let mut project = Project::new(runtime);
    project.workspace.write_program("scripts/importtime", WRAPPER);
    project.set("wrapper", "scripts/importtime");
    let command = project.results(&json!([["command", null]]));
    let expected = json!(["/var/lang/bin/python3.11", "-X", "importtime", "/var/runtime/bootstrap.py"]);
    assert_eq!(command, [expected]);
}

/// As in Lambda's documentation for Ruby: the option comes after the interpreter, which is the first word.
fn wrapper_that_adds_an_option_after_the_program(runtime: Runtime) {
    const WRAPPER: &str =
        "#!/bin/bash\ninterpreter=$1\nshift\nexec \"$interpreter\" -W:no-deprecated \"$@\"\n";
    let mut project = Project::new(runtime);
    project.workspace.write_program("scripts/quieter", WRAPPER);
    let command = project.set("wrapper", "scripts/quieter").results(&json!([["command", null]]));
    let words: Vec<&str> = command[0].as_array().unwrap().iter().filter_map(|word| word.as_str()).collect();
    assert_eq!(words[..2], ["/var/lang/bin/ruby", "-W:no-deprecated"]);
}
