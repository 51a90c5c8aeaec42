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

/// A project whose requirement fake tools find: uv prints where the wheel is, and pip copies it.
fn project_with_wheel(name: &str, entries: &[(&str, &str)]) -> (Context, String) {
    let context = project("requirements.txt", "odd\n");
    context.zip("wheel.zip", entries);
    let zip = std::fs::read(context.path("wheel.zip")).unwrap();
    let digest = limg::store::Digest::of(&zip);
    let lock = format!(
        "lock-version = '1.0'\n[[packages]]\nname = 'odd'\nversion = '1'\n\
         wheels = [{{ url = 'https://example.com/{name}', hashes = {{ sha256 = '{}' }} }}]\n",
        digest.hex()
    );
    context.write("lock", &lock);
    let folder = context.path("").display().to_string();
    let copy = format!(
        "#!/bin/sh\nwhile [ \"$1\" != --dest ]; do shift; done\nmkdir -p \"$2\"\ncp '{folder}/wheel.zip' \"$2/{name}\"\n"
    );
    context.program("bin/uv", &format!("#!/bin/sh\ncat '{folder}/lock'\n"));
    context.program("bin/python3", &copy);
    (context, format!("{folder}/bin:/usr/bin:/bin"))
}

const NAME: &str = "odd-1-py3-none-any.whl";
const METADATA: (&str, &str) = ("odd-1.dist-info/METADATA", "Name: odd\nVersion: 1\n");

/// The list of a wheel's files.
fn record(entries: &[(&str, &str)]) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    let hash =
        |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(text));
    let lines = entries.iter().map(|(path, text)| format!("{path},sha256={},{}\n", hash(text), text.len()));
    lines.chain(["odd-1.dist-info/RECORD,,\n".to_owned()]).collect()
}

#[test]
fn a_hostile_wheel_is_refused_with_the_reason_every_time() {
    let wheel = ("odd-1.dist-info/WHEEL", "Wheel-Version: 1.0\n");
    let lying = record(&[METADATA, wheel, ("odd.py", "x = 1\n")]);
    for (list, entry, text, why) in [
        ("", "../../etc/x", "x", "../../etc/x` has `..` in its name"),
        ("", "odd.py", "x", "` is not valid: its `RECORD` has no hash for `odd"),
        (lying.as_str(), "odd.py", "x = 2\n", "`odd.py` does not have the hash in its `RECORD`"),
    ] {
        let list = ("odd-1.dist-info/RECORD", list);
        let (context, path) = project_with_wheel(NAME, &[METADATA, wheel, list, (entry, text)]);
        let help = "use another version of the package, and report the wheel to its maintainers";
        let words = ["the packages cannot be installed: ", NAME, why, "[uninstallable-packages]", help];
        for _ in 0..2 {
            context.run(context.command(&["build"]).env("PATH", &path)).fails(2, &words);
        }
    }
}

#[test]
fn a_wheel_that_was_built_for_another_machine_than_its_name_says_is_refused() {
    let wheel = ("odd-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: cp312-cp312-win32\n");
    let entries = [METADATA, wheel, ("odd.py", "x = 1\n")];
    let record = record(&entries);
    let list = ("odd-1.dist-info/RECORD", record.as_str());
    let (context, path) = project_with_wheel(NAME, &[&entries[..], &[list]].concat());
    let words = ["contains the package `odd`, built for `win32`", "[wrong-architecture]"];
    context.run(context.command(&["build"]).env("PATH", path)).fails(2, &words);
}

#[test]
fn keys_of_the_other_language_are_refused() {
    let context = project("package.json", "{}");
    let definition = DEFINITION.replace("python3.12", "nodejs22.x");
    context.write("limg.yaml", definition.replace("install: true", "install: { allow_source: true }"));
    let words = ["`allow_source` applies only to packages of Python", "[misplaced-key]"];
    context.limg(&["build"]).fails(2, &words);
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
