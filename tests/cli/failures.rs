//! Failures: the exit code, no result on standard output, and nothing half-written.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::build::shop;
use crate::support::{Context, write_base};

const TINY: &str = "\
bases: { empty: { image: scratch, contract: provided.al2023 } }
functions: { tiny: { runtime: empty, code: fn } }
";

#[test]
fn an_invalid_command_line_exits_with_2() {
    let context = Context::with(TINY);
    for (arguments, expected) in [
        (&["bild"][..], "bild"),
        (&[], "Usage: limg"),
        (&["build", "--nope"], "--nope"),
        (&["build", "--format", "xml"], "possible values: human, json"),
        (&["build", "-q", "-v"], "cannot be used with"),
        (&["build", "--arch", "mips"], "use x86_64 or arm64"),
        (&["build", "--shard", "3/2"], "I must not be greater than N"),
        (&["push", "registry", "x.example.com", "--shard", "1"], "use I/N, for example 1/3"),
        (&["build", "tony"], "did you mean `tiny`?"),
        (&["build", "zzz"], "unknown function `zzz`"),
        (&["invoke", "zzz"], "unknown function `zzz`"),
        (&["invoke", "-e", "{"], "neither a file nor JSON"),
        (&["invoke", "-e", "@sqss"], "did you mean `@sqs`?"),
        (&["invoke", "-e", "@zzz"], "run `limg event` for the list"),
        (&["event", "sqss"], "a similar value exists: 'sqs'"),
        (&["event", "zzz"], "possible values: alb"),
        (&["-f", "nope.yaml", "build"], "nope.yaml"),
        (&["-f", "fn", "build"], "is a directory"),
        (&["-f", "fn/bootstrap/limg.yaml", "build"], "fn/bootstrap/limg.yaml"),
        (&["init", "--runtime", "python312"], "use `python3.12`, or another of "),
        (&["init", "--runtime", "cobol"], "use one of python3.9"),
        (&["init", "-f", "limg.yaml"], "unexpected argument '-f'"),
        (&["-f", "limg.yaml", "init"], "`--file` does not apply to `limg init`"),
    ] {
        context.limg(arguments).fails(2, &[expected]);
    }
    assert!(!context.path(".limg").exists() && !context.store().join("blobs").exists());
}

#[test]
fn an_invalid_configuration_file_exits_with_2() {
    let context = Context::with(TINY);
    let file = context.root().join("home/.config/limg/config.yaml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "registries:\n  quay.io: { miror: mirror.example.com }\n").unwrap();
    let shown = "`[DIR]/home/.config/limg/config.yaml` is not valid: registries.quay.io: unknown key `miror` (line 2)";
    context.limg(&["build"]).fails(2, &[shown, "help: did you mean `mirror`?"]);
    let named = context.run(context.command(&["build"]).env("LIMG_CONFIG", "none.yaml"));
    named.fails(2, &["[DIR]/project/none.yaml", "LIMG_CONFIG"]);
    std::fs::write(&file, "registries:\n  quay.io: { mirror: mirror.example.com }\n").unwrap();
    context.limg(&["build"]).ok();
    let variable =
        context.run(context.command(&["build"]).env("LIMG_REGISTRY_MIRROR_QUAY_IO", "https://u:sesame@a"));
    assert!(!variable.stderr.contains("sesame"), "{}", variable.stderr);
    variable.fails(2, &["`LIMG_REGISTRY_MIRROR_QUAY_IO` is not a valid mirror", "help: set it to"]);
}

/// Opening a pipe waits for a program that writes to it.
#[test]
fn a_pipe_where_a_file_belongs_is_refused() {
    let context = Context::with(TINY);
    let pipe = context.path("pipe").display().to_string();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let refused = "it is a pipe, a socket or a device";
    context.limg(&["-f", "pipe", "build"]).fails(2, &["failed to open `[DIR]/project/pipe`", refused]);
    context.limg(&["invoke", "--env-file", "pipe"]).fails(2, &["[DIR]/project/pipe", refused]);
    context.limg(&["build", "--ca-file", "pipe"]).fails(2, &["`pipe`", refused]);
    context
        .run(context.command(&["build"]).env("LIMG_CONFIG", "pipe"))
        .fails(2, &["[DIR]/project/pipe", refused]);
    for file in ["limg.lock", ".limgignore"] {
        std::fs::rename(context.path("pipe"), context.path(file)).unwrap();
        context.limg(&["build"]).fails(2, &[&format!("[DIR]/project/{file}")]);
        std::fs::rename(context.path(file), context.path("pipe")).unwrap();
    }
    for definition in [
        TINY.replace("code: fn", "code: pipe"),
        TINY.replace("scratch", "oci-archive:pipe"),
        TINY.replace("scratch", "docker-archive:pipe"),
        format!("{TINY}layers: {{ pipe: {{ code: pipe }} }}\n"),
    ] {
        context.write("limg.yaml", &definition);
        context.limg(&["build"]).fails(2, &["pipe"]);
    }
    context.write("limg.yaml", "functions: { a: { runtime: python3.11, code: /dev/zero, handler: a.b } }\n");
    context.limg(&["build"]).fails(2, &["/dev/zero"]);
}

#[test]
fn a_home_that_is_not_a_folder_is_not_a_failure() {
    let context = Context::with(TINY);
    context.run(context.command(&["build"]).env("HOME", "/dev/null")).ok();
    context.run(context.command(&["schema"]).env_remove("HOME").env_remove("LIMG_STORE")).ok();
}

#[test]
fn a_missing_definition_exits_with_2() {
    let context = Context::new();
    context.limg(&["build"]).fails(
        2,
        &["found no limg.yaml, template.yaml", "in `[DIR]/project`", "help: run `limg init` to create"],
    );
}

#[test]
fn an_unusable_file_exits_with_2() {
    let context = shop();
    std::os::unix::fs::symlink("/etc/passwd", context.path("orders/passwd")).unwrap();
    context
        .limg(&["build"])
        .fails(2, &["the code of `orders`", "`/var/task/passwd` -> `/etc/passwd`", "help: "]);
    assert!(!context.path(".limg").exists());
    assert_eq!(context.files("store/blobs"), [""; 0]);
}

#[test]
fn an_unreachable_registry_exits_with_3() {
    let context = Context::with("functions: { f: { runtime: python3.12, handler: a.b, code: fn } }\n");
    // The port was free a moment ago, so no server listens on it.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let build = || {
        let mut command = context.command(&["build"]);
        command.env("LIMG_REGISTRY_MIRROR_PUBLIC_ECR_AWS", format!("http://{address}/mirror"));
        command
    };
    let run = context.run(&mut build());
    run.fails(3, &["failed to read the base image `public.ecr.aws/lambda/python:3.12`", "onnection refused"]);
    let run = context.run(build().arg("--locked"));
    run.fails(
        2,
        &[
            "limg.yaml:1:28: ",
            "limg.lock has no pin for `public.ecr.aws/lambda/python:3.12` (x86_64)",
            "help: run the command without `--locked`",
        ],
    );
}

#[test]
fn a_missing_engine_exits_with_3() {
    let context = Context::with(TINY);
    let nowhere = format!("unix://{}/no.sock", context.root().display());
    for arguments in [&["build", "-o", "docker-daemon:"][..], &["invoke"]] {
        let run = context.run(context.command(arguments).env("DOCKER_HOST", &nowhere));
        run.fails(3, &["[DIR]/no.sock", "help: "]);
    }
    context.write("limg.yaml", TINY.replace("scratch", "docker-daemon:x:y"));
    let run = context.run(context.command(&["build"]).env("DOCKER_HOST", &nowhere));
    run.fails(3, &["failed to read the base image `docker-daemon:x:y`", "[DIR]/no.sock"]);
    context.assert_clean();
}

#[test]
fn a_store_that_cannot_be_created_exits_with_3() {
    let context = Context::with(TINY);
    // Even root cannot create a folder in a file.
    for store in ["limg.yaml", "fn/bootstrap/store", "/dev/null/store"] {
        let run = context.run(context.command(&["build"]).env("LIMG_STORE", store));
        run.fails(3, &["failed to create the folder", "cause: ", "help: ", "LIMG_STORE"]);
    }
    let run = context.run(context.command(&["build"]).env_remove("HOME").env_remove("LIMG_STORE"));
    // Without HOME, the list of users may still name a folder.
    assert!(matches!(run.code, Some(0 | 3)), "{run:?}");
    assert!(!context.path(".limg").exists() || run.code == Some(0));
}

#[test]
fn the_store_is_in_the_users_cache() {
    let context = Context::with(TINY);
    context.run(context.command(&["build"]).env_remove("LIMG_STORE")).ok();
    assert!(!context.files("home/.cache/limg/blobs").is_empty());
    let cache = context.root().join("elsewhere");
    context.run(context.command(&["build"]).env_remove("LIMG_STORE").env("XDG_CACHE_HOME", &cache)).ok();
    assert!(!context.files("elsewhere/limg/blobs").is_empty());
}

/// The only layer of the base.
fn base_layer(context: &Context) -> PathBuf {
    let mut blobs = std::fs::read_dir(context.path("base/blobs/sha256")).unwrap().map(|entry| entry.unwrap());
    blobs.find(|blob| std::fs::read(blob.path()).unwrap().starts_with(&[0x1f, 0x8b])).unwrap().path()
}

#[test]
fn a_damaged_base_is_reported_and_nothing_is_written() {
    let context = shop();
    let blobs = context.path("base/blobs/sha256");
    let mut sizes: Vec<_> = std::fs::read_dir(&blobs)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.metadata().unwrap().len(), entry.path()))
        .collect();
    sizes.sort();
    for (_, blob) in sizes {
        let bytes = std::fs::read(&blob).unwrap();
        let mut wrong = bytes.clone();
        let middle = wrong.len() / 2;
        wrong[middle] ^= 1;
        for (broken, how) in [(Some(&wrong[..]), "changed"), (Some(&bytes[1..]), "cut"), (None, "gone")] {
            match broken {
                Some(broken) => std::fs::write(&blob, broken).unwrap(),
                None => std::fs::remove_file(&blob).unwrap(),
            }
            // The content of a layer is checked when it is copied.
            let is_layer = bytes.starts_with(&[0x1f, 0x8b]);
            let (code, failure) = if is_layer && how == "changed" {
                (1, "failed to write the image to `oci:[DIR]/project/.limg/images`")
            } else {
                (2, "failed to read the base image `oci:[DIR]/project/base`")
            };
            let run = context.limg(&["build"]);
            assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{how}: {run:?}");
            assert!(run.stderr.contains(failure) && run.stderr.contains("help: "), "{how}: {run:?}");
            assert!(!context.path(".limg/images/index.json").exists());
            std::fs::write(&blob, &bytes).unwrap();
        }
    }
    context.limg(&["build"]).ok();
    context.assert_clean();
}

#[test]
fn a_base_that_was_damaged_after_it_was_read_is_not_copied() {
    let context = shop();
    context.limg(&["build", "-o", "oci:first"]).ok();
    let layer = base_layer(&context);
    let mut bytes = std::fs::read(&layer).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&layer, bytes).unwrap();
    for destination in ["oci:second", "oci-archive:o.tar", "docker-archive:d.tar"] {
        context.limg(&["build", "-o", destination]).fails(
            1,
            &[
                "failed to write the image",
                "does not match the layer's digest",
                "help: copy the base image again",
            ],
        );
    }
    assert!(!context.path("o.tar").exists() && !context.path("second/index.json").exists());
    context.assert_clean();
    // The earlier copy is intact: it is not linked to the base.
    context.limg(&["build", "-o", "oci:first"]).ok();
    crate::support::Layout::open(&context.path("first"));
}

#[test]
fn bases_with_invalid_contents_are_reported() {
    let context = shop();
    context.write("base/index.json", r#"{"schemaVersion": 2, "manifests": []}"#);
    context.limg(&["build"]).fails(2, &["limg.yaml:3:", "has no image", "help: "]);
    context.write("base/index.json", r#"{"schemaVersion": 2, "manifests": 7}"#);
    context.limg(&["build"]).fails(2, &["failed to read the index of the image"]);
    context.write("limg.yaml", crate::build::SHOP.replace("oci:base", "oci-archive:log.sh"));
    context.limg(&["build"]).fails(2, &["log.sh", "help: "]);
    context.write("limg.yaml", crate::build::SHOP.replace("oci:base", "docker-archive:none.tar"));
    context.limg(&["build"]).fails(2, &["limg.yaml:3:", "`[DIR]/project/none.tar` does not exist", "help: "]);
    context.write("limg.yaml", crate::build::SHOP.replace("oci:base", "docker-archive:layers/extra.zip"));
    context.limg(&["build"]).fails(2, &["extra.zip", "help: "]);
    write_base(&context.path("two"), "amd64");
    context.write("limg.yaml", crate::build::SHOP.replace("oci:base", "oci:two:nope"));
    context.limg(&["build"]).fails(2, &["has no image named `nope`", "help: "]);
    assert!(!context.path(".limg").exists());
}

#[test]
fn a_base_for_another_architecture_is_reported_with_both_solutions() {
    let context = shop();
    write_base(&context.path("base"), "arm64");
    let expected = [
        "limg.yaml:3:24: failed to read the base image `oci:[DIR]/project/base`",
        "linux/arm64, not for linux/amd64 (`x86_64`) [unusable-base]",
        "help: set `architecture: arm64` for the function, or use a base for linux/amd64",
    ];
    context.limg(&["build"]).fails(2, &expected);
    context.limg(&["build", "--arch", "arm64"]).ok();
}

/// One run reports everything that is wrong with bases, files and functions, once each.
#[test]
fn all_problems_are_reported_at_once() {
    let context = shop();
    std::fs::remove_dir_all(context.path("base")).unwrap();
    context.write("orders/.wh.x", "");
    context.write("layers/words/.wh.x", "");
    let run = context.limg(&["build"]).fails(
        2,
        &[
            "limg.yaml:3:24: failed to read the base image",
            "limg.yaml:5:10: failed to read the files of the layer `words`: `[DIR]/project/layers/words/.wh.x`",
            "[unusable-source]",
            "limg.yaml:13:11: failed to read the files of the code of `orders`",
        ],
    );
    assert_eq!(run.stderr.matches("layer `words`").count(), 1, "{}", run.stderr);
}

#[test]
fn an_image_that_would_be_too_large_is_reported_before_it_is_built() {
    let context = shop();
    // The file is sparse. The base counts with the size of its compressed layers.
    let base = base_layer(&context).metadata().unwrap().len();
    let large = std::fs::File::create(context.path("orders/large")).unwrap();
    large.set_len((10_u64 << 30) - base).unwrap();
    let base = format!("of which the base is {base} B");
    let expected = ["limg.yaml:11:", &base, "[image-too-large]", "limg.yaml:20:", "help: ", "`exclude`"];
    context.limg(&["build"]).fails(2, &expected);
}

#[test]
fn a_destination_that_cannot_be_written_exits_with_3() {
    let context = shop();
    context.limg(&["build", "-o", "oci:/proc/none/out"]).fails(3, &["/proc/none/out", "cause: "]);
    context.limg(&["build", "-o", "oci-archive:/proc/none/a.tar"]).fails(3, &["/proc/none", "cause: "]);
    context.assert_clean();
}

#[test]
fn a_file_without_read_permission_is_reported() {
    let context = shop();
    std::fs::set_permissions(context.path("orders/app.py"), Permissions::from_mode(0o000)).unwrap();
    let mut command = context.command(&["build"]);
    // Root can read every file.
    if std::fs::metadata(context.root()).unwrap().uid() == 0 {
        std::fs::create_dir(context.store()).unwrap();
        for folder in [context.root(), &*context.path(""), &*context.store()] {
            std::fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
        }
        command.uid(65534);
    }
    context.run(&mut command).fails(
        3,
        &[
            "failed to open `[DIR]/project/orders/app.py`",
            "Permission denied",
            "help: let the user who runs limg read it",
        ],
    );
    assert!(!context.path(".limg").exists());
}

#[test]
fn an_event_must_be_json() {
    let context = Context::with(TINY);
    context.write("event.txt", "{\"a\": ");
    context
        .limg(&["invoke", "-e", "event.txt"])
        .fails(2, &["the event in `event.txt` is not JSON", "help: "]);
    context
        .write("two.yaml", TINY.replace("functions: {", "functions: { other: { runtime: empty, code: fn },"));
    context
        .limg(&["invoke", "-f", "two.yaml"])
        .fails(2, &["several functions", "help: name one of other, tiny"]);
}

/// A build that is killed leaves a store and a layout that the next build can use.
#[test]
fn a_killed_build_does_no_damage() {
    let context = shop();
    for number in 0..20 {
        context.write(&format!("layers/words/python/{number}.bin"), vec![number; 300_000]);
    }
    for wait in [1, 5, 10, 20, 40, 60, 90] {
        let mut run = context
            .command(&["build"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait));
        run.kill().unwrap();
        run.wait().unwrap();
    }
    let expected = {
        let other = Context::new();
        let report = context
            .run(
                context
                    .command(&["build", "--format", "json", "-q", "-o", "oci:fresh"])
                    .env("LIMG_STORE", other.store()),
            )
            .ok();
        report.stdout
    };
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    let report = context.build(&[]);
    context.assert_clean();
    assert_eq!(report.0["functions"]["orders"]["digest"], expected["functions"]["orders"]["digest"]);
    crate::support::Layout::open(&context.path(".limg/images"));
}

/// Waits until a process catches SIGINT, the second bit of the signals in its status (`proc_pid_status(5)`).
#[cfg(target_os = "linux")]
fn wait_until_interrupts_are_caught(process: u32) {
    let catches = || {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap() & 0b10 != 0
    };
    while !catches() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_ends_a_command_that_waits_for_standard_input() {
    let context = shop();
    let mut command = context.command(&["invoke", "orders", "-e", "-"]);
    let mut run =
        command.stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    wait_until_interrupts_are_caught(run.id());
    let kill = std::process::Command::new("kill").args(["-INT", &run.id().to_string()]).status();
    assert!(kill.unwrap().success());
    // Standard input stays open until limg has ended.
    let input = run.stdin.take();
    let ended = run.wait_with_output().unwrap();
    drop(input);
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(130), &b"interrupted\n"[..]));
}

#[test]
fn an_interrupted_build_says_so_and_exits_as_shells_expect() {
    let context = shop();
    // Minutes of work.
    std::fs::File::create(context.path("orders/large")).unwrap().set_len(9 << 30).unwrap();
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let run = context
            .command(&["build", "-q", "-o", "oci-archive:a.tar"])
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let tag = context.store().join("CACHEDIR.TAG");
        while !tag.exists() || context.files("store/tmp").is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let kill = std::process::Command::new("kill").args([signal, &run.id().to_string()]).status();
        assert!(kill.unwrap().success());
        let ended = run.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(code));
        assert_eq!(String::from_utf8(ended.stderr).unwrap(), "interrupted\n");
        assert!(!context.path("a.tar").exists());
        std::fs::remove_dir_all(context.store()).unwrap();
    }
}
