//! Nothing is done twice: what a second build finds, and what it makes again.

use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::build::shop;
use crate::support::{Context, Layout};

#[test]
fn a_second_build_finds_everything() {
    let context = shop();
    let first = context.build(&[]);
    assert!(first.made().len() > 6, "{first:?}");
    let second = context.build(&[]);
    assert_eq!(second.made(), [""; 0]);
    assert_eq!(first.digest("orders"), second.digest("orders"));
    let run = context.limg(&["build"]).ok();
    assert!(!run.stderr.contains("built"), "{}", run.stderr);
    assert!(run.stderr.contains("reused  layer words"), "{}", run.stderr);
}

/// Whoever reads a file moves its access time; where the file system keeps none, there is nothing to see.
#[test]
fn a_second_build_reads_no_source() {
    let context = shop();
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
    // Setting a time changes the file, as far as its stamp tells: one build sees that.
    context.settle();
    context.build(&[]);
    for name in sources {
        let modified = times(name).1;
        let times = std::fs::FileTimes::new().set_accessed(long_ago).set_modified(modified);
        File::options().write(true).open(context.path(name)).unwrap().set_times(times).unwrap();
    }
    context.settle();
    let report = context.build(&[]);
    assert!(!report.made().is_empty(), "a new stamp must make the layer again");
    let before: Vec<_> = sources.into_iter().map(|name| times(name).0).collect();
    assert_eq!(context.build(&[]).made(), [""; 0]);
    let after: Vec<_> = sources.into_iter().map(|name| times(name).0).collect();
    assert_eq!(before, after, "sources were read");
}

#[test]
fn an_edit_makes_one_layer_again() {
    let context = shop();
    let before = context.build(&[]);
    context.write("layers/words/python/more.py", "MORE = 2\n");
    context.settle();
    let after = context.build(&[]);
    assert_eq!(
        after.made(),
        ["layer words", "layer words"],
        "once for each of the two functions that have it"
    );
    assert_ne!(before.digest("orders"), after.digest("orders"));
    let image = Layout::open(&context.path(".limg/images")).image("orders");
    assert_eq!(image.files["/opt/python/more.py"], "644 MORE = 2\n");
    // The same length, as fast as can be: times alone would not tell.
    for number in 3..9 {
        context.write("layers/words/python/more.py", format!("MORE = {number}\n"));
        context.limg(&["build", "-q"]).ok();
        let image = Layout::open(&context.path(".limg/images")).image("orders");
        assert_eq!(image.files["/opt/python/more.py"], format!("644 MORE = {number}\n"));
    }
}

#[test]
fn an_edit_of_the_code_makes_a_small_layer_and_leaves_the_dependencies() {
    let context = shop();
    // Little that compression makes smaller.
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

    assert_eq!(after.made(), ["code of bills", "code of orders"], "the two have one folder");
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
fn a_changed_variable_makes_no_layer_again() {
    let context = shop();
    let before = context.build(&[]);
    context.write("limg.yaml", crate::build::SHOP.replace("STAGE: dev", "STAGE: live"));
    let after = context.build(&[]);
    assert_eq!(after.made(), [""; 0]);
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

#[test]
fn a_store_that_lost_a_blob_is_healed() {
    let context = shop();
    let expected = context.build(&[]).digest("bills").to_owned();
    let blob = blob(&context);
    std::fs::remove_file(&blob).unwrap();
    let report = context.build(&[]);
    assert_eq!(report.made(), ["code of bills"]);
    assert_eq!(report.digest("bills"), expected);
    assert!(blob.exists());
    Layout::open(&context.path(".limg/images"));
}

#[test]
fn a_store_whose_blob_was_cut_is_healed() {
    let context = shop();
    let expected = context.build(&[]).digest("bills").to_owned();
    let blob = blob(&context);
    // The layout has the same file under another name, and is cut with it.
    std::fs::set_permissions(&blob, std::fs::Permissions::from_mode(0o644)).unwrap();
    File::options().write(true).open(&blob).unwrap().set_len(20).unwrap();
    let report = context.build(&[]);
    assert_eq!(report.made(), ["code of bills"]);
    assert_eq!(report.digest("bills"), expected);
    Layout::open(&context.path(".limg/images"));
    context.assert_clean();
}

#[test]
fn a_store_of_rubbish_is_healed() {
    let context = shop();
    let expected = context.build(&[]);
    for kind in ["layers-1", "indexes-2"] {
        for name in context.files(&format!("store/{kind}")) {
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
fn builds_may_run_side_by_side() {
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
