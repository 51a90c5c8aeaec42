//! `limg init`.

use crate::support::{Context, Layout, write_base};

#[test]
fn a_new_project_builds() {
    for (runtime, compiled, program) in [
        ("python", None, "/var/task/app.py"),
        ("python3.12", None, "/var/task/app.py"),
        ("nodejs22.x", None, "/var/task/app.mjs"),
        ("ruby", None, "/var/task/app.rb"),
        ("java", Some("classes/Hello.class"), "/var/task/Hello.class"),
        ("java8.al2", Some("classes/Hello.class"), "/var/task/Hello.class"),
        ("dotnet", Some("publish/Hello.dll"), "/var/task/Hello.dll"),
        ("provided", None, "/var/task/bootstrap"),
    ] {
        let context = Context::new();
        write_base(&context.path("base"), "amd64");
        let run = context.limg(&["init", "new/shop", "--runtime", runtime, "--base", "oci:base"]).ok();
        assert!(run.stderr.contains("wrote new/shop/limg.yaml"), "{run:?}");
        let build = || context.run(context.command(&["build"]).current_dir(context.path("new/shop")));
        if let Some(compiled) = compiled {
            assert!(run.stderr.contains("compile the function before you build it: "), "{run:?}");
            build().fails(2, &["does not exist", "[missing-path]"]);
            context.write(&format!("new/shop/functions/hello/{compiled}"), "compiled");
        }
        let run = build().ok();
        assert!(!run.stderr.contains("warning"), "{runtime}: {run:?}");
        let image = Layout::open(&context.path("new/shop/.limg/images")).image("hello");
        assert!(image.files.contains_key(program), "{runtime}: {:?}", image.files.keys());
    }
}

#[test]
fn the_written_files_are_listed_in_json() {
    let context = Context::new();
    let run = context.limg(&["init", "shop", "--format", "json"]).ok();
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let written: Vec<_> =
        report["written"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    assert!(written.contains(&"shop/limg.yaml") && written.contains(&"shop/.gitignore"), "{written:?}");
    assert!(written.iter().all(|path| context.path(path).exists()), "{written:?}");
    assert_eq!(context.limg(&["init", "other"]).ok().stdout, "");
}

#[test]
fn the_schema_that_the_editor_gets_is_that_of_this_limg() {
    let context = Context::new();
    context.limg(&["init", "shop"]).ok();
    let definition = std::fs::read_to_string(context.path("shop/limg.yaml")).unwrap();
    assert!(definition.starts_with("# yaml-language-server: $schema=limg.schema.json\n"), "{definition}");
    assert!(definition.contains("\n  runtime: python3."), "{definition}");
    let schema = std::fs::read_to_string(context.path("shop/limg.schema.json")).unwrap();
    assert_eq!(schema, context.limg(&["schema"]).ok().stdout);
}

#[test]
fn a_gitignore_is_written_or_added_to() {
    let context = Context::new();
    context.write("old/.gitignore", "*.log");
    for (folder, expected) in [("new", ".limg/\n__pycache__/\n"), ("old", "*.log\n.limg/\n__pycache__/\n")] {
        let run = context.limg(&["init", folder]).ok();
        assert!(run.stderr.contains(&format!("wrote {folder}/.gitignore")), "{run:?}");
        assert_eq!(std::fs::read_to_string(context.path(folder).join(".gitignore")).unwrap(), expected);
    }
    context.write("complete/.gitignore", "/.limg\n__pycache__\n");
    let run = context.limg(&["init", "complete"]).ok();
    assert!(!run.stderr.contains(".gitignore"), "{run:?}");
}

#[test]
fn a_wrong_runtime_gets_the_list() {
    let context = Context::new();
    for (wrong, first) in [
        ("node18", "help: use `nodejs18.x`, or another of python3.9, python3.10, "),
        ("3.11", "help: use `python3.11`, or another of "),
        ("nodejs14.x", "help: use `nodejs22.x`, or another of "),
        ("cobol", "help: use one of python3.9, python3.10, "),
    ] {
        let expected =
            [&format!("unknown runtime `{wrong}`"), first, "nodejs24.x", "ruby4.0", "provided.al2023"];
        context.limg(&["init", "--runtime", wrong]).fails(2, &expected);
    }
    assert_eq!(context.files("project"), [""; 0]);
}

#[test]
fn nothing_is_overwritten() {
    let context = Context::new();
    context.write("functions/hello/app.py", "mine\n");
    context
        .limg(&["init"])
        .fails(2, &["functions/hello/app.py` already exists", "help: use an empty folder"]);
    assert_eq!(context.files("project"), ["functions/hello/app.py"]);
    assert_eq!(std::fs::read_to_string(context.path("functions/hello/app.py")).unwrap(), "mine\n");
    std::fs::remove_dir_all(context.path("functions")).unwrap();
    context.limg(&["init"]).ok();
    let before = std::fs::read(context.path("limg.yaml")).unwrap();
    context.limg(&["init", "--runtime", "nodejs22.x"]).fails(2, &["limg.yaml` already exists"]);
    assert_eq!(std::fs::read(context.path("limg.yaml")).unwrap(), before);
    context.limg(&["init", "limg.yaml/below"]).fails(2, &["`limg.yaml` is not a folder", "help: use an "]);
}

#[test]
fn a_folder_in_which_something_is_in_the_way_is_not_changed() {
    let context = Context::new();
    context.write("file/functions", "mine\n");
    context.write("other/limg.yml", "mine\n");
    std::fs::create_dir_all(context.path("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", context.path("link/functions")).unwrap();
    let before = context.files("project");
    for (folder, why) in [
        ("file", "`file/functions` is not a folder"),
        ("other", "`other/limg.yml` already exists"),
        ("link", "`link/functions` is not a folder"),
    ] {
        context.limg(&["init", folder]).fails(2, &[why, "help: use an empty folder"]);
    }
    assert_eq!(context.files("project"), before);
}

#[test]
fn without_a_base_the_definition_names_none() {
    let context = Context::new();
    context.limg(&["init", "shop", "--runtime", "nodejs22.x"]).ok();
    let definition = std::fs::read_to_string(context.path("shop/limg.yaml")).unwrap();
    assert!(definition.contains("runtime: nodejs22.x") && !definition.contains("bases:"), "{definition}");
}
