//! `limg init`.

use crate::support::{Context, Layout, write_base};

#[test]
fn a_new_project_builds() {
    for (runtime, program) in [
        ("python3.12", "/var/task/app.py"),
        ("nodejs22.x", "/var/task/app.mjs"),
        ("ruby3.4", "/var/task/app.rb"),
        ("provided.al2023", "/var/task/bootstrap"),
    ] {
        let context = Context::new();
        write_base(&context.path("base"), "amd64");
        let run = context.limg(&["init", "new/shop", "--runtime", runtime, "--base", "oci:base"]).ok();
        assert!(run.stderr.contains("wrote new/shop/limg.yaml"), "{run:?}");
        let run = context.run(context.command(&["build"]).current_dir(context.path("new/shop"))).ok();
        assert!(!run.stderr.contains("warning"), "{runtime}: {run:?}");
        let image = Layout::open(&context.path("new/shop/.limg/images")).image("hello");
        assert!(image.files.contains_key(program), "{runtime}: {:?}", image.files.keys());
    }
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
    context.limg(&["init", "limg.yaml/below"]).fails(3, &["failed to create the folder"]);
}

#[test]
fn without_a_base_the_definition_names_none() {
    let context = Context::new();
    context.limg(&["init", "shop", "--runtime", "nodejs22.x"]).ok();
    let definition = std::fs::read_to_string(context.path("shop/limg.yaml")).unwrap();
    assert!(definition.contains("runtime: nodejs22.x") && !definition.contains("bases:"), "{definition}");
}
