//! What a second build reuses, and what it builds again.

use std::fs::File;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::build::{SHOP, shop};
use crate::support::{Context, Layout};

#[test]
fn a_second_build_reuses_all_layers() {
    let context = shop().settled();
    let first = context.build(&[]);
    assert!(first.built().len() > 6, "{first:?}");
    let second = context.build(&[]);
    assert_eq!(second.built(), [""; 0]);
    assert_eq!(first.digest("orders"), second.digest("orders"));
    let run = context.limg(&["build"]).ok();
    assert!(!run.stderr.contains("built"), "{}", run.stderr);
    let run = context.limg(&["build", "-v"]).ok();
    assert!(run.stderr.contains("reused  layer words"), "{}", run.stderr);
    assert!(!run.stderr.contains("unchanged"), "{}", run.stderr);
}

#[test]
fn unchanged_layers_take_one_line() {
    let context = shop().settled();
    context.build(&[]);
    context.write("orders/app.py", "handler = True\n");
    let run = context.limg(&["build"]).ok();
    let steady = run.steady_stderr();
    let lines: Vec<_> = steady.lines().filter(|line| !line.starts_with("note: ")).collect();
    assert_eq!(
        lines,
        [
            "built code of bills 2 files [SIZE] [TIME]",
            "built code of orders 1 file [SIZE] [TIME]",
            "unchanged: 5 layers"
        ]
    );
    assert_eq!(context.limg(&["build", "-q"]).ok().stderr, "");
    context.write("orders/app.py", "handler = 2\n");
    let colored = context.limg(&["build", "--color", "always"]).ok();
    assert!(colored.stderr.contains("\u{1b}[1mbuilt \u{1b}[0m  code of orders"), "{}", colored.stderr);
}

#[test]
fn a_read_only_store_works_where_everything_is_in_it() {
    let context = shop();
    let chmod = |mode: &str, path: &Path| {
        let mut chmod = Command::new("chmod");
        assert!(chmod.args(["-R", mode]).arg(path).status().unwrap().success());
    };
    chmod("a+rX", context.root());
    chmod("a+w", &context.path(""));
    context.settle();
    context.build(&[]);
    chmod("a+rX,a-w", &context.store());
    let run = |arguments: &[&str]| {
        let mut command = context.command(arguments);
        // Root may write everywhere.
        if std::fs::metadata(context.root()).unwrap().uid() == 0 {
            command.uid(65534);
        }
        context.run(&mut command)
    };
    let reused = run(&["build", "-o", "oci:out"]).ok();
    assert!(!reused.stderr.contains("built"), "{}", reused.stderr);
    run(&["cache", "show"]).ok();
    run(&["cache", "prune", "--all"])
        .fails(3, &["[DIR]/store", "set LIMG_STORE to a folder that you can write to"]);
    context.write("orders/app.py", "handler = True\n");
    run(&["build", "-o", "oci:out"]).fails(3, &["failed to create a temporary file in `[DIR]/store/tmp`"]);
    chmod("u+w", &context.store());
}

/// Shown by access times; on a file system without them the test proves nothing.
#[test]
fn a_second_build_reads_no_file() {
    let context = shop().settled();
    context.build(&[]);
    let sources = ["layers/words/python/words.py", "orders/app.py", "orders/node_modules/x/index.js"];
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let times = |name: &str| {
        let metadata = std::fs::metadata(context.path(name)).unwrap();
        (metadata.accessed().unwrap(), metadata.modified().unwrap())
    };
    for name in sources {
        let modified = times(name).1;
        let times = std::fs::FileTimes::new().set_accessed(long_ago).set_modified(modified);
        File::options().write(true).open(context.path(name)).unwrap().set_times(times).unwrap();
    }
    // Setting a time changes the file's stamp, so the next build makes the layer again.
    context.settle();
    context.build(&[]);
    for name in sources {
        let modified = times(name).1;
        let times = std::fs::FileTimes::new().set_accessed(long_ago).set_modified(modified);
        File::options().write(true).open(context.path(name)).unwrap().set_times(times).unwrap();
    }
    context.settle();
    let report = context.build(&[]);
    assert!(!report.built().is_empty(), "a new stamp must rebuild the layer");
    let before: Vec<_> = sources.into_iter().map(|name| times(name).0).collect();
    assert_eq!(context.build(&[]).built(), [""; 0]);
    let after: Vec<_> = sources.into_iter().map(|name| times(name).0).collect();
    assert_eq!(before, after, "sources were read");
}

#[test]
fn an_edit_rebuilds_one_layer() {
    let context = shop().settled();
    let before = context.build(&[]);
    context.write("layers/words/python/more.py", "MORE = 2\n");
    context.settle();
    let after = context.build(&[]);
    assert_eq!(
        after.built(),
        ["layer words", "layer words"],
        "once for each of the two functions that use it"
    );
    assert_ne!(before.digest("orders"), after.digest("orders"));
    let image = Layout::open(&context.path(".limg/images")).image("orders");
    assert_eq!(image.files["/opt/python/more.py"], "644 MORE = 2\n");
    // Edits of the same length within one tick of the clock, which times alone would not show.
    for number in 3..9 {
        context.write("layers/words/python/more.py", format!("MORE = {number}\n"));
        context.limg(&["build", "-q"]).ok();
        let image = Layout::open(&context.path(".limg/images")).image("orders");
        assert_eq!(image.files["/opt/python/more.py"], format!("644 MORE = {number}\n"));
    }
}

#[test]
fn an_edit_of_the_code_rebuilds_a_small_layer_without_the_dependencies() {
    let context = shop();
    // Hardly compressible.
    let scattered = |number: u64| format!("{:x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let noise: String = (0..4000).map(scattered).collect();
    context.write("orders/vendor/sdk.py", format!("DATA = '{noise}'\n"));
    let definition = crate::build::SHOP.replace("exclude:", "dependencies: [vendor/]\n    exclude:");
    context.write("limg.yaml", definition);
    context.settle();
    let before = context.build(&[]);
    context.write("orders/app.py", "def handler(event, context): return 1\n");
    context.settle();
    let after = context.build(&[]);

    assert_eq!(after.built(), ["code of bills", "code of orders"], "both functions use the same folder");
    let layer = |orders: &Value, place: usize| {
        orders["layers"].as_array().unwrap().iter().rev().nth(place).unwrap().clone()
    };
    let (before, after) = (before.function("orders"), after.function("orders"));
    let (code, dependencies) = (layer(after, 0), layer(after, 1));
    assert_eq!(dependencies["name"], "dependencies of orders");
    assert_eq!(dependencies["digest"], layer(before, 1)["digest"]);
    assert_ne!(code["digest"], layer(before, 0)["digest"]);
    assert!(dependencies["size"].as_u64().unwrap() > 8 << 10, "{dependencies}");
    assert!(code["size"].as_u64().unwrap() < 4 << 10, "{code}");
}

#[test]
fn a_changed_variable_rebuilds_no_layer() {
    let context = shop().settled();
    let before = context.build(&[]);
    context.write("limg.yaml", crate::build::SHOP.replace("STAGE: dev", "STAGE: live"));
    let after = context.build(&[]);
    assert_eq!(after.built(), [""; 0]);
    assert_ne!(before.digest("orders"), after.digest("orders"));
    assert_eq!(before.digest("bills"), after.digest("bills"));
}

/// The blob of the code of `bills` in the store.
fn blob(context: &Context) -> std::path::PathBuf {
    let report = context.build(&[]);
    let layers = report.layers("bills");
    let digest = layers.last().unwrap().1.strip_prefix("sha256:").unwrap().to_owned();
    context.store().join("blobs/sha256").join(digest)
}

/// A record is enough to know a layer: its blob is built again when a destination needs it, with the same digest.
#[test]
fn a_layer_is_known_without_its_blob() {
    let context = shop().settled();
    let expected = context.build(&[]);
    let blobs = context.store().join("blobs/sha256");
    std::fs::remove_dir_all(&blobs).unwrap();
    let run = context.limg(&["build"]).ok();
    assert!(!run.stderr.contains("built"), "{}", run.stderr);
    assert_eq!(context.files("store/blobs"), [""; 0], "the layout has all blobs, so nothing is built");

    for destination in ["oci:other", "oci-archive:other.tar", "docker-archive:docker.tar"] {
        std::fs::remove_dir_all(&blobs).unwrap();
        let report = context.build(&["-o", destination]);
        assert_eq!(report.built(), [""; 0], "all layers are known");
        assert_eq!(report.digest("bills"), expected.digest("bills"));
        assert_eq!(report.digest("orders"), expected.digest("orders"));
    }
    Layout::open(&context.path("other"));

    std::fs::remove_dir_all(&blobs).unwrap();
    let run = context.limg(&["build", "bills", "-o", "oci:third"]).ok();
    assert!(run.stderr.contains("built   code of bills"), "{}", run.stderr);
    Layout::open(&context.path("third"));
    context.assert_clean();
}

/// The record of a layer: that of the blob with this digest.
fn record(context: &Context, blob: &Path) -> std::path::PathBuf {
    let digest = blob.file_name().unwrap().to_str().unwrap();
    let folder = context.store().join("layers-1");
    let mut records = context.files("store/layers-1").into_iter().map(|name| folder.join(name));
    records.find(|record| std::fs::read_to_string(record).unwrap().contains(digest)).unwrap()
}

/// As if the files of the code of `bills` had changed without a change that `stat` shows.
fn fake_a_record(context: &Context) -> String {
    let blob = blob(context);
    let record = record(context, &blob);
    let zeros = "0".repeat(64);
    let layer: serde_json::Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    let mut other = layer.clone();
    for digest in ["digest", "diff_id"] {
        other[digest] = format!("sha256:{zeros}").into();
    }
    std::fs::write(record, other.to_string()).unwrap();
    layer["digest"].as_str().unwrap().to_owned()
}

#[test]
fn a_rebuilt_layer_with_another_digest_is_an_error_and_writes_nothing() {
    let context = shop().settled();
    context.build(&[]);
    let found = fake_a_record(&context);
    let before = context.files("store/blobs");
    let expected = [
        "failed to make the code of bills again, which the store no longer has",
        &format!("its files now give {found}, not sha256:0000"),
        "help: run the command with `--verify`",
    ];
    for destination in ["oci:other", "oci-archive:other.tar"] {
        context.limg(&["build", "bills", "-o", destination]).fails(1, &expected);
    }
    assert_eq!(context.files("store/blobs"), before);
    assert!(!context.path("other").exists() && !context.path("other.tar").exists());
    context.assert_clean();
}

#[test]
fn verify_rebuilds_layers_whose_files_changed_without_new_times() {
    let context = shop().settled();
    let expected = context.build(&[]);
    fake_a_record(&context);
    let run = context.limg(&["build", "--verify", "-o", "oci:other"]).ok();
    assert!(run.stderr.contains("warning: files of the code of bills have changed"), "{}", run.stderr);
    assert!(run.stderr.contains("built   code of bills"), "{}", run.stderr);
    Layout::open(&context.path("other"));
    let after = context.build(&["-o", "oci:other"]);
    assert_eq!((after.digest("bills"), after.built()), (expected.digest("bills"), vec![]));
    let quiet = context.limg(&["build", "--verify"]).ok();
    assert!(!quiet.stderr.contains("warning") && !quiet.stderr.contains("built"), "{}", quiet.stderr);
}

#[test]
fn verify_replaces_damaged_blobs_in_store_and_layout() {
    let context = shop().settled();
    let expected = context.build(&[]);
    let blob = blob(&context);
    // The layout links to the same file.
    std::fs::set_permissions(&blob, std::fs::Permissions::from_mode(0o644)).unwrap();
    let length = std::fs::metadata(&blob).unwrap().len();
    std::fs::write(&blob, vec![7; usize::try_from(length).unwrap()]).unwrap();
    assert!(
        !context.limg(&["build", "-q"]).ok().stderr.contains("damaged"),
        "without --verify blobs are not checked"
    );
    let run = context.limg(&["build", "--verify"]).ok();
    let digest = blob.file_name().unwrap().to_str().unwrap();
    assert!(run.stderr.contains(&format!("warning: sha256:{digest} was damaged")), "{}", run.stderr);
    assert!(run.stderr.contains("built   code of bills"), "{}", run.stderr);
    Layout::open(&context.path(".limg/images"));
    assert_eq!(context.build(&[]).digest("bills"), expected.digest("bills"));
    context.assert_clean();
}

#[test]
fn a_truncated_blob_is_replaced() {
    let context = shop().settled();
    let expected = context.build(&[]).digest("bills").to_owned();
    let blob = blob(&context);
    // The layout links to the same file.
    std::fs::set_permissions(&blob, std::fs::Permissions::from_mode(0o644)).unwrap();
    File::options().write(true).open(&blob).unwrap().set_len(20).unwrap();
    assert_eq!(context.build(&[]).digest("bills"), expected);
    Layout::open(&context.path(".limg/images"));
    context.assert_clean();
}

#[test]
fn invalid_records_are_replaced() {
    let context = shop().settled();
    // The layers of this base are read, because its entry point is not AWS's entry script.
    let started = SHOP.replace("\"oci:base\"", "\"oci:base\", entrypoint: [/var/runtime/bootstrap]");
    context.write("limg.yaml", &started);
    let expected = context.build(&[]);
    for kind in ["layers-1", "indexes-3"] {
        let names = context.files(&format!("store/{kind}"));
        assert!(!names.is_empty(), "{kind}");
        for name in names {
            std::fs::write(context.store().join(kind).join(name), "{\"digest\":").unwrap();
        }
    }
    let report = context.build(&[]);
    assert_eq!(report.digest("orders"), expected.digest("orders"));
    std::fs::remove_dir_all(context.store()).unwrap();
    assert_eq!(context.build(&[]).digest("orders"), expected.digest("orders"));
    Layout::open(&context.path(".limg/images"));
}

#[test]
fn builds_may_run_in_parallel() {
    let context = shop();
    let runs: Vec<_> = (0..6)
        .map(|_| {
            let mut command = context.command(&["build", "--format", "json"]);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut outputs: Vec<_> = Vec::new();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        outputs.push(report["functions"]["orders"]["digest"].clone());
    }
    outputs.dedup();
    assert_eq!(outputs.len(), 1);
    assert_eq!(Layout::open(&context.path(".limg/images")).names(), ["orders", "bills"]);
    context.assert_clean();
}
