//! Files that cannot be added to an image, or only with changes: the message names the file and the fix.

use std::os::unix::fs::symlink;

use crate::support::{Context, Layout, write_base};

const TREE: &str = "\
bases: { empty: { image: scratch, contract: provided.al2023 } }
layers: { one: { path: one }, two: { path: two } }
functions: { tiny: { runtime: empty, code: fn, layers: [one, two] } }
";

const ZIP: &str = "\
bases: { empty: { image: scratch, contract: provided.al2023 } }
layers: { one: { path: one.zip } }
functions: { tiny: { runtime: empty, code: fn, layers: [one] } }
";

fn trees() -> Context {
    let context = Context::with(TREE);
    context.write("one/lib/a.txt", "a");
    context.write("two/lib/b.txt", "b");
    context
}

/// The build fails with this code and these messages, and writes nothing.
fn refused(context: &Context, code: i32, expected: &[&str]) {
    context.limg(&["build"]).fails(code, expected);
    assert!(!context.path(".limg").exists(), "no image is written");
    context.assert_clean();
}

#[test]
fn links_to_the_build_machine() {
    let context = trees();
    context.write("shared/c.txt", "c");
    let absolute = context.path("one/lib/a.txt");
    let targets = ["/etc/passwd", "../../shared", "/home/ada/lib", absolute.to_str().unwrap()];
    for (number, target) in targets.iter().enumerate() {
        symlink(target, context.path(&format!("one/lib/link{number}"))).unwrap();
    }
    refused(
        &context,
        2,
        &[
            "limg.yaml:2:",
            "the layer `one` contains 3 symbolic links to files of the build machine",
            "`/opt/lib/link1` -> `../../shared`, `/opt/lib/link2` -> `/home/ada/lib`",
            "[link-to-machine]",
            "help: make each link relative",
            "add it to `exclude`",
            "set `follow: true`",
            "1 symbolic link to system files of the build machine",
            "`/opt/lib/link0` -> `/etc/passwd`",
            "[link-to-system]",
        ],
    );
    let context = trees();
    context.write("shared/c.txt", "c");
    symlink("../../shared", context.path("one/lib/link")).unwrap();
    context.write("limg.yaml", TREE.replace("path: one", "path: one, follow: true"));
    context.limg(&["build"]).ok();
    let image = Layout::open(&context.path(".limg/images")).image("tiny");
    assert_eq!(image.files["/opt/lib/link/c.txt"], "644 c");
    // Links that are followed already, but lead to nothing on this machine.
    symlink("/home/ada/none", context.path("one/lib/gone")).unwrap();
    let run =
        context.limg(&["build"]).fails(2, &["`/opt/lib/gone` -> `/home/ada/none`", "[link-to-machine]"]);
    assert!(!run.stderr.contains("set `follow"), "{}", run.stderr);
}

#[test]
fn links_to_paths_of_the_image() {
    let context = trees();
    for (link, target) in [
        ("fn/to-layer", "/opt/lib/b.txt"),
        ("fn/to-layer-by-folder", "../../opt/lib"),
        ("fn/to-tmp", "/tmp/cache"),
        ("one/to-code", "/var/task/bootstrap"),
        ("one/to-proc", "../proc/self/exe"),
    ] {
        symlink(target, context.path(link)).unwrap();
    }
    let run = context.limg(&["build"]).ok();
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    let image = Layout::open(&context.path(".limg/images")).image("tiny");
    for (link, target) in [
        ("/var/task/to-layer", "/opt/lib/b.txt"),
        ("/var/task/to-layer-by-folder", "../../opt/lib"),
        ("/opt/to-code", "/var/task/bootstrap"),
    ] {
        assert!(image.files[link].ends_with(target), "{}", image.files[link]);
    }
    symlink("/opt/lib/missing", context.path("fn/to-nothing")).unwrap();
    symlink("../../../secret", context.path("one/up")).unwrap();
    let run = context.limg(&["build"]).ok();
    for expected in [
        "the code of `tiny` contains 1 symbolic link to nothing in the image: `/var/task/to-nothing` -> `/opt/lib/missing`",
        "`/opt/up` -> `../../../secret`",
        "[dangling-link]",
    ] {
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    }
}

#[test]
fn zips_with_paths_outside_of_their_root() {
    for name in ["../evil", "a/../../evil", "/etc/evil", "C:\\evil"] {
        let context = Context::with(ZIP);
        context.zip("one.zip", &[("fine.txt", "1"), (name, "2")]);
        refused(&context, 2, &["the layer `one`", "[DIR]/project/one.zip", "evil", "help: "]);
    }
}

#[test]
fn zips_that_are_broken() {
    let context = Context::with(ZIP);
    context.zip("one.zip", &[("fine.txt", "some content")]);
    let whole = std::fs::read(context.path("one.zip")).unwrap();
    context.write("one.zip", &whole[..whole.len() - 30]);
    refused(&context, 2, &["the layer `one`", "[DIR]/project/one.zip", "help: "]);
    // A wrong bit in the content, which the checksum shows.
    let mut wrong = whole.clone();
    let at = whole.windows(4).position(|window| window == b"some").unwrap_or(40);
    wrong[at] ^= 1;
    context.write("one.zip", wrong);
    let destinations = [&["build"][..], &["build", "-o", "docker-archive:a.tar"]];
    for arguments in destinations {
        let entry = "failed to read `[DIR]/project/one.zip: fine.txt`";
        context.limg(arguments).fails(2, &[entry, "checksum", "help: create the archive again"]);
    }
    context.write("one.zip", "not a zip");
    refused(&context, 2, &["limg.yaml:2:24", "has the suffix .zip but is not a zip archive", "help: "]);
}

#[test]
fn zips_that_follow_a_program() {
    let context = Context::with(ZIP);
    context.zip("plain.zip", &[("lib/a.txt", "a")]);
    let archive =
        [&b"#!/bin/sh\nexec java -jar \"$0\"\n"[..], &std::fs::read(context.path("plain.zip")).unwrap()]
            .concat();
    for name in ["one.zip", "tool.PYZ", "setup.exe"] {
        context.write(name, &archive);
        context.write("limg.yaml", ZIP.replace("one.zip", name));
        context.limg(&["build"]).ok();
        let image = Layout::open(&context.path(".limg/images")).image("tiny");
        assert_eq!(image.files["/opt/lib/a.txt"], "644 a", "{name}");
    }
    // A program that only has an archive in it.
    context.write("fn/bootstrap", &archive);
    context.write(
        "limg.yaml",
        ZIP.replace("code: fn, layers: [one]", "code: fn/bootstrap")
            .replace("layers: { one: { path: one.zip } }\n", ""),
    );
    context.limg(&["build"]).ok();
    let image = Layout::open(&context.path(".limg/images")).image("tiny");
    assert!(image.files.keys().all(|path| !path.ends_with("a.txt")), "{:?}", image.files.keys());
    assert!(
        image.files.contains_key("/var/task/bootstrap") || image.files.contains_key("/var/runtime/bootstrap"),
        "{:?}",
        image.files.keys()
    );
}

#[test]
fn paths_that_cannot_be_unpacked() {
    let deep = "a/".repeat(30_000) + "b";
    let long = ["x".repeat(200).as_str(); 30].join("/");
    for (name, why) in [
        (deep.as_str(), "has a path longer than 4095 bytes"),
        (long.as_str(), "has a path longer than 4095 bytes"),
        (&("a/".repeat(1100) + "b"), "is in more than 1024 folders"),
        (&"x".repeat(256), "has a name longer than 255 bytes"),
    ] {
        let context = Context::with(ZIP);
        context.zip("one.zip", &[("fine.txt", "1"), (name, "2")]);
        refused(&context, 2, &["the layer `one`", "[DIR]/project/one.zip", why, "help: "]);
    }
    let context = trees();
    let folder = context.path("one").join("a/".repeat(1024));
    std::fs::create_dir_all(&folder).unwrap();
    refused(&context, 2, &["the layer `one`", "is in more than 1024 folders", "help: rename it"]);
}

#[test]
fn folders_with_more_levels_than_a_path_can_name() {
    let context = trees();
    let levels = "level/".repeat(550);
    for name in ["one", "deeper"] {
        std::fs::create_dir_all(context.path(&format!("{name}/{levels}"))).unwrap();
    }
    std::fs::rename(context.path("deeper"), context.path(&format!("one/{levels}deeper"))).unwrap();
    let why = "has a longer path than the operating system accepts";
    refused(&context, 2, &["the layer `one`", why, "help: move the project to a shorter path"]);
}

#[test]
fn a_file_over_a_directory() {
    let context = trees();
    std::fs::remove_dir_all(context.path("two/lib")).unwrap();
    context.write("two/lib", "a file");
    refused(
        &context,
        2,
        &[
            "limg.yaml:2:",
            "layer two has a file at `/opt/lib` where layer one has a directory",
            "help: rename",
        ],
    );
}

#[test]
fn names_that_mean_a_deletion() {
    let context = trees();
    context.write("one/lib/.wh.b.txt", "");
    refused(
        &context,
        2,
        &["`[DIR]/project/one/lib/.wh.b.txt`", "`.wh.`", "help: rename it, or add it to `exclude`"],
    );
    context.write("limg.yaml", TREE.replace("path: one", "path: one, exclude: [\".wh.*\"]"));
    context.limg(&["build"]).ok();
}

#[test]
fn an_extension_that_cannot_be_started() {
    let definition = "\
bases: { empty: { image: scratch, contract: provided.al2023 } }
extensions: { log: { path: log.sh } }
functions: { tiny: { runtime: empty, code: fn, extensions: [log] } }
";
    let context = Context::with(definition);
    context.program("log.sh", "echo no first line\n");
    refused(
        &context,
        2,
        &["`/opt/extensions/log`", "extension log", "is not a program", "help: ", "`#!/bin/sh`"],
    );
    context.program("log.sh", "#!/bin/sh\r\necho\r\n");
    refused(
        &context,
        2,
        &["`/opt/extensions/log`", "carriage return", "help: save it with Unix line endings"],
    );
    // A missing executable bit is set, with a note.
    context.write("log.sh", "#!/bin/sh\n");
    std::fs::remove_file(context.path("log.sh")).unwrap();
    context.write("log.sh", "#!/bin/sh\n");
    let run = context.limg(&["build"]).ok();
    assert!(run.stderr.contains("note: `/opt/extensions/log` made executable"), "{}", run.stderr);
}

#[test]
fn what_is_neither_file_nor_folder() {
    let context = trees();
    let _socket = std::os::unix::net::UnixListener::bind(context.path("one/socket")).unwrap();
    refused(&context, 2, &["`[DIR]/project/one/socket`", "help: add it to `exclude`"]);
}

#[test]
fn a_path_that_does_not_exist() {
    let context = trees();
    context.write("limg.yaml", TREE.replace("code: fn", "code: fns"));
    refused(
        &context,
        2,
        &[
            "limg.yaml:3:",
            "`[DIR]/project/fns` does not exist",
            "help: did you mean `fn` in `[DIR]/project`?",
        ],
    );
}

#[test]
fn a_custom_runtime_without_its_program() {
    let context = trees();
    std::fs::rename(context.path("fn/bootstrap"), context.path("fn/main")).unwrap();
    refused(&context, 2, &["limg.yaml:3:", "there is neither `/var/task/bootstrap` nor", "help: "]);
}

#[test]
fn unusual_names_are_kept() {
    let context = trees();
    let long = format!("one/{}", ["d".repeat(200), "e".repeat(200), "ü-ß 中.txt".to_owned()].join("/"));
    for name in ["one/a b", "one/ü.txt", "one/-rf", "one/$(reboot)", "one/new\nline", "one/.hidden", &long] {
        context.write(name, name);
    }
    context.limg(&["build"]).ok();
    let image = Layout::open(&context.path(".limg/images")).image("tiny");
    for name in ["one/a b", "one/ü.txt", "one/-rf", "one/$(reboot)", "one/new\nline", "one/.hidden", &long] {
        let path = format!("/opt/{}", name.strip_prefix("one/").unwrap());
        assert_eq!(image.files.get(&path), Some(&format!("644 {name}")), "{path}");
    }
}

#[test]
fn empty_files_and_folders_are_allowed() {
    let context = trees();
    std::fs::remove_dir_all(context.path("one")).unwrap();
    std::fs::create_dir(context.path("one")).unwrap();
    context.write("two/empty.txt", "");
    std::fs::create_dir(context.path("two/empty")).unwrap();
    context.limg(&["build"]).ok();
    let image = Layout::open(&context.path(".limg/images")).image("tiny");
    assert_eq!(image.files["/opt/empty.txt"], "644 ");
    assert_eq!(image.files["/opt/empty"], "755 /");
}

/// The beginning of a shared library for the machine of this number.
fn library(machine: u8) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    (bytes[16], bytes[18]) = (3, machine);
    bytes
}

#[test]
fn libraries_for_another_architecture_are_reported_before_anything_is_written() {
    let context = trees();
    context.program("fn/bootstrap", "#!/bin/sh\n");
    context.write("one/lib/module.so", library(183));
    let expected = [
        "the layer `one` contains `/opt/lib/module.so`, built for arm64",
        "[wrong-architecture]",
        "`exclude`",
    ];
    refused(&context, 2, &expected);

    context.write("limg.yaml", TREE.replace("code: fn", "code: fn, architecture: arm64"));
    context.limg(&["build"]).ok();
    let image = Layout::open(&context.path(".limg/images")).image("tiny");
    assert_eq!(image.config["architecture"], "arm64");
}

#[test]
fn an_image_on_an_arm64_base_is_for_arm64() {
    let context = Context::with(
        "bases: { python3.12: { image: \"oci:base\" } }\n\
         functions: { f: { runtime: python3.12, handler: app.f, code: fn, architecture: arm64 } }\n",
    );
    write_base(&context.path("base"), "arm64");
    context.write("fn/app.py", "");
    context.limg(&["build"]).ok();
    let image = Layout::open(&context.path(".limg/images")).image("f");
    assert_eq!(image.config["architecture"], "arm64");
}

#[test]
fn stale_bytecode() {
    let context = trees();
    context.write("one/lib/site-packages/m.py", "x = 1");
    context.write("one/lib/site-packages/__pycache__/m.cpython-312.pyc", [0; 20]);
    context.settle();
    for _ in 0..2 {
        let run = context.limg(&["build"]).ok();
        let expected = "layer one has 1 bytecode file whose recorded time or size is not that of the source, such as \
                        `/opt/lib/site-packages/__pycache__/m.cpython-312.pyc`: Python compiles the source again at every \
                        cold start [stale-bytecode]";
        assert!(run.stderr.contains(expected) && run.stderr.contains("`cp -a`"), "{}", run.stderr);
    }
}
