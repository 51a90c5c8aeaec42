//! What limgs that were killed in the middle of their work leave, and the next one removes.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Context, Layout};

const PROJECT: &str = "functions: { hello: { runtime: provided.al2023, code: fn } }\nbases: { provided.al2023: { image: scratch } }\n";

/// A project whose code takes a while to compress and to copy.
fn project() -> Context {
    let context = Context::with(PROJECT);
    // A linear congruential generator: the bytes do not compress.
    let mut state = 1_u64;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    })
    .take(48 << 20)
    .collect();
    context.write("fn/data", bytes);
    context
}

/// The files in a folder whose names say that they are temporary.
fn temporary(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(".limg-")).collect()
}

fn start(context: &Context, arguments: &[&str]) -> Child {
    let mut command = context.command(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Runs a command that is killed as soon as it writes a temporary file in `folder`, until one is left.
fn kill_while_writing(context: &Context, arguments: &[&str], folder: &Path) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while temporary(folder).is_empty() {
        assert!(Instant::now() < deadline, "no process was killed while it wrote in {}", folder.display());
        let mut process = start(context, arguments);
        while temporary(folder).is_empty() && process.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        process.kill().unwrap();
        process.wait().unwrap();
    }
}

#[test]
fn the_next_limg_removes_what_a_killed_one_left_in_the_store() {
    let context = project();
    let folder = context.store().join("tmp");
    for command in [&["cache", "show"][..], &["cache", "prune"], &["build", "-q"]] {
        kill_while_writing(&context, &["build"], &folder);
        context.limg(command).ok();
        assert_eq!(temporary(&folder), [""; 0], "{command:?}");
    }
}

#[test]
fn temporary_files_of_a_running_limg_neither_count_nor_vanish() {
    let context = project();
    let folder = context.store().join("tmp");
    let mut process = start(&context, &["build"]);
    let size = || {
        let sizes = temporary(&folder).into_iter().map(|name| std::fs::metadata(folder.join(name)));
        sizes.flatten().map(|metadata| metadata.len()).sum::<u64>()
    };
    while size() < 1 << 20 {
        assert_eq!(process.try_wait().unwrap(), None, "it ended before it was noticed");
        std::thread::sleep(Duration::from_micros(200));
    }
    let shown = context.limg(&["cache", "show", "--format", "json"]).ok().stdout;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert!(shown["other_bytes"].as_u64().unwrap() < 4096, "{shown:#}");
    assert!(process.wait().unwrap().success());
    context.assert_clean();
}

#[test]
fn the_next_limg_removes_what_a_killed_one_left_next_to_an_archive() {
    let context = project();
    let build = ["build", "-q", "-o", "oci-archive:hello.tar"];
    kill_while_writing(&context, &build, &context.path(""));
    context.limg(&build).ok();
    context.assert_clean();
}

#[test]
fn the_next_limg_removes_what_a_killed_one_left_in_a_layout() {
    let context = project();
    // A base that is not in the store is copied into the layout.
    context.limg(&["build", "-q", "-o", "oci:base"]).ok();
    context.write("limg.yaml", PROJECT.replace("scratch", "\"oci:base:hello\"").replace("fn }", "small }"));
    context.program("small/bootstrap", "#!/bin/sh\n");
    let blobs = context.path(".limg/images/blobs/sha256");
    kill_while_writing(&context, &["build", "-q"], &blobs);
    for folder in [&blobs, &context.path(".limg/images")] {
        std::fs::write(folder.join(".limg-tmp-killed"), "left").unwrap();
    }
    context.limg(&["build", "-q"]).ok();
    context.assert_clean();
}

#[test]
fn temporary_files_never_get_into_an_image() {
    let context = Context::with(&PROJECT.replace("code: fn", "code: ."));
    context.program("bootstrap", "#!/bin/sh\n");
    for path in [".limg-tmp-limg.lock", "out/.limg-tmp-abcdef"] {
        context.write(path, "left by a killed limg");
    }
    context.limg(&["build", "-q"]).ok();
    let image = Layout::open(&context.path(".limg/images")).image("hello");
    assert_eq!(image.files.keys().filter(|path| path.contains(".limg-")).collect::<Vec<_>>(), [""; 0]);
    assert!(image.files.contains_key("/var/task/out"), "{:?}", image.files.keys());
}
