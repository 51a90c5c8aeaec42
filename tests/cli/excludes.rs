//! What of a directory does not become part of an image, and how to change that.

use crate::support::{Context, Layout};

const ALL: &str = "\
bases: { empty: { image: scratch, contract: provided.al2023 } }
functions: { tiny: { runtime: empty, code: . } }
";

/// A project whose code is its own folder, as after some work on it.
fn project() -> Context {
    let context = Context::new();
    context.write("limg.yaml", ALL);
    context.program("bootstrap", "#!/bin/sh\nexec true\n");
    for file in
        [".git/config", ".venv/pyvenv.cfg", ".venv/lib/x.py", "lib/__pycache__/a.cpython-312.pyc", "lib/a.py"]
    {
        context.write(file, "x");
    }
    context
}

fn image_files(context: &Context) -> Vec<String> {
    let image = Layout::open(&context.path(".limg/images")).image("tiny");
    image.files.into_keys().filter(|path| !path.ends_with('/')).collect()
}

#[test]
fn one_line_says_what_was_left_out() {
    let context = project();
    let run = context.limg(&["build"]).ok();
    assert_eq!(
        run.stderr.lines().next().unwrap(),
        "note: left out `.git/`, `.venv/`, `__pycache__/`, `limg.yaml`; `-v` shows where; add `!PATTERN` to `exclude` to keep it"
    );
    let files = image_files(&context);
    assert!(files.iter().any(|file| file == "/var/task/lib/a.py"), "{files:?}");
    assert!(!files.iter().any(|file| file.contains(".git") || file.contains("pyc")), "{files:?}");

    let run = context.limg(&["build", "-v"]).ok();
    assert!(run.stderr.contains("note: left `lib/__pycache__/` out of the code of tiny\n"), "{}", run.stderr);
    assert!(!context.limg(&["build", "-q"]).ok().stderr.contains("left out"));
}

#[test]
fn work_on_the_code_does_not_move_the_digest() {
    let context = project();
    let before = context.limg(&["build", "-q"]).ok().stdout;
    context.write("lib/__pycache__/b.cpython-312.pyc", "y");
    context.write("__pycache__/c.cpython-312.pyc", "y");
    context.write(".git/objects/1", "y");
    context.write(".idea/workspace.xml", "y");
    context.write("limg.yaml", format!("# A comment.\n{ALL}"));
    assert_eq!(context.limg(&["build", "-q"]).ok().stdout, before);
}

#[test]
fn default_excludes_can_be_switched_off() {
    let context = project();
    context.write("limg.yaml", ALL.replace("code: .", "code: ., default_excludes: false"));
    let run = context.limg(&["build"]).ok();
    assert!(!run.stderr.contains("left out"), "{}", run.stderr);
    let files = image_files(&context);
    for file in [".git/config", ".venv/pyvenv.cfg", "lib/__pycache__/a.cpython-312.pyc", "limg.yaml"] {
        assert!(files.contains(&format!("/var/task/{file}")), "{file}: {files:?}");
    }
}

#[test]
fn a_zip_is_taken_whole() {
    let context = project();
    context.zip("code.zip", &[("bootstrap", "#!/bin/sh\n"), (".git/config", "x"), ("a.log", "x")]);
    context.write("limg.yaml", ALL.replace("code: .", "code: code.zip"));
    context.write(".limgignore", "*.log\n");
    let run = context.limg(&["build"]).ok();
    assert!(!run.stderr.contains("left out"), "{}", run.stderr);
    let files = image_files(&context);
    assert!(files.iter().any(|file| file == "/var/task/.git/config"), "{files:?}");
    assert!(
        !files.iter().any(|file| file.contains("a.log")),
        "the `.limgignore` next to the definition: {files:?}"
    );
}
