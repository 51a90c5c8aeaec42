//! `bytecode`: what is compiled, kept and left out, with the `python3` of this machine.

use std::path::Path;
use std::process::Command;

use crate::support::{Context, Layout, write_base};

/// The version of `python3`: `3.11`.
fn version() -> String {
    let code = "import sys; print('%d.%d' % sys.version_info[:2])";
    let output = Command::new("python3").args(["-c", code]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The path of the bytecode of a source in a folder.
fn compiled(folder: &str, module: &str) -> String {
    format!("{folder}/__pycache__/{module}.cpython-{}.pyc", version().replace('.', ""))
}

/// A function of that version with a layer; `more` are keys of the function.
fn project(layer: &str, more: &str) -> Context {
    let context = Context::new();
    write_base(&context.path("base"), "amd64");
    let version = version();
    context.write(
        "limg.yaml",
        format!(
            "bases: {{ py: {{ image: \"oci:base\", contract: python{version} }} }}\n\
             layers: {{ tools: {{ path: layer{layer} }} }}\n\
             functions:\n  f: {{ runtime: py, handler: app.handler, code: fn, layers: [tools]{more} }}\n"
        ),
    );
    context.write("fn/app.py", "def handler(event, context): return 1\n");
    context.write("layer/python/tools/a.py", "A = 1\n");
    context
}

/// limg on a machine with Python.
fn limg(context: &Context, arguments: &[&str]) -> Command {
    let mut command = context.command(arguments);
    command.env("PATH", std::env::var_os("PATH").unwrap());
    command
}

fn is_bytecode(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|suffix| suffix == "pyc")
}

fn files(context: &Context) -> Vec<String> {
    let image = Layout::open(&context.path(".limg/images")).image("f");
    image.files.into_keys().filter(|path| path.contains(".py")).collect()
}

#[test]
fn compiled_sources_are_in_layers_of_their_own_above_the_sources() {
    let context = project(", bytecode: compile", ", bytecode: compile").settled();
    context.run(&mut limg(&context, &["build"])).ok();
    let image = Layout::open(&context.path(".limg/images")).image("f");
    let names: Vec<_> = image.config["history"].as_array().unwrap().iter().collect();
    let text = serde_json::to_string(&names).unwrap();
    let at = |name: &str| text.find(&format!("{name}\"")).unwrap_or_else(|| panic!("no {name} in {text}"));
    assert!(at("layer tools") < at("bytecode of layer tools"), "{text}");
    assert!(
        at("bytecode of layer tools") < at("code of f") && at("code of f") < at("bytecode of code of f"),
        "{text}"
    );
    let paths = files(&context);
    for path in [compiled("var/task", "app"), compiled("opt/python/tools", "a")] {
        assert!(paths.iter().any(|found| found.trim_start_matches('/') == path), "{path}: {paths:?}");
    }
    // An unchanged build needs no Python, and a changed source needs one again.
    let unchanged = context.build(&[]);
    assert_eq!(unchanged.built(), [""; 0]);
    context.write("fn/app.py", "def handler(event, context): return 2\n");
    context.settle();
    let why = format!("there is no Python {} on the search path, and uv knows none", version());
    let install = format!("`uv python install {}`", version());
    let words = ["compile the Python sources of the code of f", &why, &install, "or set `bytecode: keep`"];
    context.limg(&["build"]).fails(3, &words);
    context.run(&mut limg(&context, &["build"])).ok();
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn the_python_of_the_base_runs_only_if_that_is_allowed() {
    let context = project("", ", bytecode: compile");
    let how = format!(
        "help: install one with `uv python install {}`, use `--allow-base-programs` to run that of the base image, or set",
        version()
    );
    context.limg(&["build"]).fails(3, &[&how]);
    let missing = "/base` has none in /var/lang, /usr/local or /usr";
    let allowed = ["build", "--allow-base-programs"];
    let refused = context.limg(&allowed).fails(3, &[missing, "uv python install"]);
    assert!(!refused.stderr.contains("--allow-base-programs"), "{}", refused.stderr);
    // One of this machine comes first, so that the base is not read.
    let built = context.run(&mut limg(&context, &allowed)).ok();
    assert!(!built.stderr.contains("base-program"), "{}", built.stderr);

    let foreign = project("", ", bytecode: compile, architecture: arm64");
    write_base(&foreign.path("base"), "arm64");
    let why = "uv knows none, and that of the base image runs only on Linux on arm64";
    let refused = foreign.limg(&allowed).fails(3, &[why]);
    assert!(!refused.stderr.contains("--allow-base-programs"), "{}", refused.stderr);
}

#[test]
fn bytecode_is_the_same_in_another_store_and_takes_the_place_of_stale_bytecode() {
    let context = project("", ", bytecode: compile, exclude: [\"!__pycache__/\"]");
    let stale = [&[0, 0, 13, 10][..], &[0; 12]].concat();
    context.write(&compiled("fn", "app"), &stale);
    let manifest = |context: &Context| Layout::open(&context.path(".limg/images")).image("f").manifest;
    let run = context.run(&mut limg(&context, &["build"])).ok();
    assert!(!run.stderr.contains("stale-bytecode"), "{}", run.stderr);
    let first = manifest(&context);
    std::fs::remove_dir_all(context.store()).unwrap();
    context.run(&mut limg(&context, &["build"])).ok();
    assert_eq!(manifest(&context), first);
}

#[test]
fn a_source_that_a_later_layer_replaces_gets_no_bytecode() {
    let context = project(", bytecode: compile", "");
    let definition = std::fs::read_to_string(context.path("limg.yaml")).unwrap();
    let definition = definition.replace("layers: { tools:", "layers: { upper: { path: upper }, tools:");
    context.write("limg.yaml", definition.replace("[tools]", "[tools, upper]"));
    context.write("layer/python/tools/b.py", "B = 1\n");
    context.write("upper/python/tools/a.py", "A = 2\n");
    context.run(&mut limg(&context, &["build"])).ok();
    let paths = files(&context);
    let has = |module: &str| {
        let path = compiled("opt/python/tools", module);
        paths.iter().any(|found| found.trim_start_matches('/') == path)
    };
    assert!(has("b") && !has("a"), "{paths:?}");
}

#[test]
fn stripped_bytecode_is_left_out_and_kept_bytecode_stays() {
    let all = "exclude: [\"!__pycache__/\"]";
    let strip = format!(", bytecode: strip, {all}");
    let context = project(&strip, &strip);
    context.write(&compiled("fn", "app"), "any");
    context.write("fn/alone.pyc", "any");
    context.write(&compiled("layer/python/tools", "a"), "any");
    context.build(&[]);
    let paths = files(&context);
    let bytecode: Vec<_> = paths.iter().filter(|path| is_bytecode(path)).collect();
    assert_eq!(bytecode.len(), 1, "{bytecode:?}");
    assert!(bytecode[0].ends_with("/alone.pyc"), "it has no source");
    let kept = project(&format!(", bytecode: keep, {all}"), "");
    kept.write(&compiled("layer/python/tools", "a"), "any");
    kept.build(&[]);
    assert!(files(&kept).iter().any(|path| is_bytecode(path)));
}

#[test]
fn a_source_that_does_not_compile_is_a_warning() {
    let context = project("", ", bytecode: compile");
    context.write("fn/old.py", "print 'x'\n");
    let run = context.run(&mut limg(&context, &["build"])).ok();
    for words in [
        "1 Python source of the code of f does not compile",
        "`/var/task/old.py`: SyntaxError",
        "[uncompilable-source]",
    ] {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
}

#[test]
fn compiling_is_suggested_where_it_helps_and_nothing_is_said() {
    let context = project("", "");
    for number in 0..200 {
        context.write(&format!("layer/python/tools/m{number}.py"), "");
    }
    let run = context.limg(&["build"]).ok();
    let words = "the layer tools has 201 sources without bytecode";
    assert!(run.stderr.contains(words) && run.stderr.contains("set `bytecode: compile`"), "{}", run.stderr);
    let kept = project(", bytecode: keep", "");
    for number in 0..200 {
        kept.write(&format!("layer/python/tools/m{number}.py"), "");
    }
    let run = kept.limg(&["build"]).ok();
    assert!(!run.stderr.contains("missing-bytecode"), "{}", run.stderr);
}

#[test]
fn only_functions_of_python_can_be_compiled() {
    let context = project("", ", bytecode: compile");
    let definition = std::fs::read_to_string(context.path("limg.yaml")).unwrap();
    context.write("limg.yaml", definition.replace(&format!("python{}", version()), "ruby3.4"));
    context.limg(&["build"]).fails(2, &["`bytecode` applies only to Python, and the runtime is ruby3.4"]);
    context.write("limg.yaml", definition.replace("bytecode: compile", "bytecode: compiled"));
    context.limg(&["build"]).fails(2, &["did you mean `compile`?"]);
}

#[test]
fn the_option_counts_where_the_definition_says_nothing() {
    let context = project(", bytecode: keep", "");
    context.run(&mut limg(&context, &["build", "--bytecode", "compile"])).ok();
    let bytecode: Vec<_> = files(&context).into_iter().filter(|path| is_bytecode(path)).collect();
    assert_eq!(bytecode.len(), 1, "{bytecode:?}");
    assert!(bytecode[0].ends_with(&compiled("var/task", "app")), "{bytecode:?}");
    context.limg(&["build", "--bytecode", "all"]).fails(2, &["use `compile`, `keep` or `strip`"]);
}
