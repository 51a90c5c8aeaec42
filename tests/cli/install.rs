//! `install` without a network: lists that are refused, and tools that are missing.

use crate::support::{Context, write_base};

const DEFINITION: &str = "\
bases: { py: { image: \"oci:base\", contract: python3.12 } }
functions:
  f: { runtime: py, handler: app.handler, code: fn, install: true }
";

fn empty_project() -> Context {
    let context = Context::with(DEFINITION);
    write_base(&context.path("base"), "amd64");
    context
}

fn project(list: &str, text: &str) -> Context {
    let context = empty_project();
    context.write("fn/app.py", "def handler(event, context): ...\n");
    context.write(&format!("fn/{list}"), text);
    context
}

#[test]
fn a_list_that_would_run_code_is_refused_at_its_line() {
    for (line, why) in [
        ("-e .", "built from source"),
        ("git+https://example.com/x", "built from source"),
        ("--no-binary :all:", "`--no-binary` would build packages"),
    ] {
        let context = project("requirements.txt", &format!("six\n{line}\n"));
        let mut build = context.command(&["build"]);
        let words = ["limg.yaml:3:", "requirements.txt:2: ", why, "[uninstallable-packages]"];
        context.run(build.env("PATH", "/nowhere")).fails(2, &words);
    }
}

#[test]
fn a_tool_that_is_missing_is_named_with_what_brings_it() {
    for list in ["requirements.txt", "uv.lock"] {
        let context = project(list, "");
        let mut build = context.command(&["build"]);
        let words = [&*format!("resolve `[DIR]/project/fn/{list}`"), "pip install uv"];
        context.run(build.env("PATH", "/nowhere")).fails(3, &words);
    }
}

#[test]
fn a_list_must_be_there_and_the_runtime_must_be_python() {
    let context = empty_project();
    context.write("fn/app.py", "");
    context.limg(&["build"]).fails(2, &["there is no list of packages", "`requirements.txt`"]);
    let context = project("requirements.txt", "six\n");
    context.write("limg.yaml", DEFINITION.replace("install: true", "install: fn/requirement.txt"));
    context
        .limg(&["build"])
        .fails(2, &["`fn/requirement.txt` is not a file", "did you mean `requirements.txt`?"]);
    context.write("limg.yaml", DEFINITION.replace("python3.12", "ruby3.4"));
    context.limg(&["build"]).fails(2, &["lists packages of Python, and the runtime is ruby3.4"]);
}
