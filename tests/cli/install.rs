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

const BUNDLE: &str = "\
bases: { node: { image: \"oci:base\", contract: nodejs22.x } }
functions:
  f: { runtime: node, handler: src/app.handler, code: fn, bundle: true }
";

fn bundled(definition: &str) -> Context {
    let context = Context::with(definition);
    write_base(&context.path("base"), "amd64");
    context.write("fn/src/app.ts", "export const handler = async (): Promise<number> => 1;\n");
    context
}

#[test]
fn without_esbuild_the_command_that_brings_it_is_named() {
    let context = bundled(BUNDLE);
    let mut build = context.command(&["build"]);
    let words = [
        "failed to build the code of `f`",
        "there is no `esbuild` to bundle `src/app.ts`",
        "npm install --save-dev",
    ];
    context.run(build.env("PATH", "/nowhere")).fails(3, &words);
}

#[test]
fn slips_in_a_bundle_are_found_before_anything_runs() {
    for (written, words) in [
        ("bundle: { minfy: true }", ["limg.yaml:3:", "unknown key `minfy`", "minify"]),
        ("bundle: { minify: often }", ["limg.yaml:3:", "expected a boolean, found text", "[wrong-type]"]),
        ("bundle: { target: true }", ["limg.yaml:3:", "esbuild takes a text as `target`", "[wrong-type]"]),
        (
            "bundle: ../app.ts",
            ["limg.yaml:3:", "`../app.ts` is not in the folder of the code", "[missing-path]"],
        ),
        (
            "bundle: src/apq.ts",
            ["limg.yaml:3:", "there is no module `src/apq.ts`", "did you mean `src/app.ts`?"],
        ),
        (
            "runtime: python3.12, bundle: true",
            ["limg.yaml:3:", "only to runtimes of Node.js", "[misplaced-key]"],
        ),
    ] {
        let definition = BUNDLE.replace("bundle: true", written).replace("runtime: node, ", "");
        let runtime = if written.starts_with("runtime") { "" } else { "runtime: node, " };
        let definition = definition.replace("f: { ", &format!("f: {{ {runtime}"));
        let context = bundled(&definition);
        let mut build = context.command(&["build"]);
        context.run(build.env("PATH", "/nowhere")).fails(2, &words);
    }
}
