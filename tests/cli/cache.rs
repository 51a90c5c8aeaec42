//! `limg cache`, and the size limit of the store.

use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::build::shop;
use crate::support::{Context, Layout};

const DAY: Duration = Duration::from_hours(24);

fn json(context: &Context, arguments: &[&str]) -> Value {
    let run = context.limg(&[&["cache", "--format", "json"], arguments].concat()).ok();
    serde_json::from_str(&run.stdout).unwrap()
}

fn blobs(context: &Context) -> usize {
    context.files("store/blobs").len()
}

/// Makes all blobs look unused for days.
fn age(context: &Context, days: u32) {
    for name in context.files("store/blobs") {
        let file = File::open(context.store().join("blobs").join(name)).unwrap();
        file.set_modified(SystemTime::now() - DAY * days).unwrap();
    }
}

#[test]
fn show_lists_the_contents_of_the_store() {
    let context = shop().settled();
    let empty = json(&context, &[]);
    assert_eq!((&empty["blobs"]["count"], &empty["largest"]), (&0.into(), &Value::Null));
    assert_eq!(empty["limit"], 10_000_000_000_u64);
    context.build(&[]);
    let shown = json(&context, &["show"]);
    assert_eq!(shown["blobs"]["count"], blobs(&context));
    assert_eq!(shown["shared"]["count"], shown["blobs"]["count"], "the layout links to them");
    assert!(shown["records"]["count"].as_u64().unwrap() >= shown["blobs"]["count"].as_u64().unwrap());
    let parts = ["blobs", "records"].map(|part| shown[part]["bytes"].as_u64().unwrap());
    let other = shown["other_bytes"].as_u64().unwrap();
    assert_eq!(shown["bytes"], parts[0] + parts[1] + other);
    let run = context.limg(&["cache"]).ok();
    for line in
        ["store    [DIR]/store\n", " of 10.0 GB\n", "\nblobs    ", "\nlargest  sha256:", "\noldest   sha256:"]
    {
        assert!(run.stdout.contains(line), "{line:?}: {}", run.stdout);
    }
}

#[test]
fn prune_removes_only_what_its_flags_name() {
    let context = shop().settled();
    let expected = context.build(&[]);
    let all = blobs(&context);
    age(&context, 5);
    let would = json(&context, &["prune", "--older-than", "5", "--dry-run"]);
    assert_eq!((would["blobs"].as_array().unwrap().len(), &would["dry_run"]), (all, &true.into()));
    assert_eq!(json(&context, &["prune", "--older-than", "6"])["blobs"], Value::Array(vec![]));
    assert_eq!(json(&context, &["prune"])["blobs"], Value::Array(vec![]), "the store is below its limit");
    assert_eq!(blobs(&context), all, "nothing has been removed yet");
    let run = context.limg(&["cache", "prune", "--max-size", "0"]).ok();
    assert!(run.stdout.starts_with(&format!("removed {all} blobs (")), "{}", run.stdout);
    let shared = format!(" and 0 records; {all} of the blobs (");
    assert!(run.stdout.contains(&shared), "{}", run.stdout);
    assert!(run.stdout.ends_with(") stay on disk in layouts and other copies\n"), "{}", run.stdout);
    assert_eq!(blobs(&context), 0);
    Layout::open(&context.path(".limg/images"));

    let known = context.build(&[]);
    assert_eq!(known.built(), [""; 0], "the records are kept");
    context.limg(&["cache", "prune", "--all"]).ok();
    let rebuilt = context.build(&[]);
    assert!(!rebuilt.built().is_empty(), "the records have been removed");
    assert_eq!(rebuilt.digest("orders"), expected.digest("orders"));
    context.limg(&["cache", "prune", "--all", "--older-than", "3"]).fails(2, &["cannot be used with"]);
    context.limg(&["cache", "prune", "--max-size", "much"]).fails(2, &["`much` is not a size"]);
}

#[test]
fn a_store_in_use_is_not_pruned() {
    let context = shop();
    context.build(&[]);
    let all = blobs(&context);
    let user = File::options().write(true).open(context.store().join("in-use")).unwrap();
    user.lock_shared().unwrap();
    let expected = ["another limg uses the store in `[DIR]/store`, so nothing was removed", "help: "];
    context.limg(&["cache", "prune", "--all"]).fails(3, &expected);
    context.write("orders/app.py", "handler = True\n");
    let mut build = context.command(&["build"]);
    context.run(build.env("LIMG_STORE_LIMIT", "0")).ok();
    assert!(blobs(&context) > all, "nothing was removed");
    drop(user);
    context.limg(&["cache", "prune", "--all"]).ok();
    assert_eq!(blobs(&context), 0);
}

#[test]
fn the_store_is_kept_within_its_limit() {
    let context = shop().settled();
    let mut build = context.command(&["build"]);
    context.run(build.env("LIMG_STORE_LIMIT", "0")).ok();
    assert_eq!(blobs(&context), 0);
    Layout::open(&context.path(".limg/images"));
    assert_eq!(context.build(&[]).built(), [""; 0], "the records are kept");

    context.write("config.yaml", "store: { limit: 0 }\n");
    let config = context.path("config.yaml");
    let mut build = context.command(&["build", "-o", "oci:other"]);
    context.run(build.env("LIMG_CONFIG", &config)).ok();
    assert_eq!(blobs(&context), 0);
    let mut build = context.command(&["build", "-o", "oci:third"]);
    context.run(build.env("LIMG_CONFIG", &config).env("LIMG_STORE_LIMIT", "1GB")).ok();
    assert!(blobs(&context) > 0, "the environment takes precedence");
    Layout::open(&context.path("third"));
    let mut bad = context.command(&["build"]);
    context
        .run(bad.env("LIMG_STORE_LIMIT", "much"))
        .fails(2, &["LIMG_STORE_LIMIT is not a size", "`much`", "help: "]);
}

#[test]
fn verify_finds_and_removes_damaged_blobs() {
    let context = shop();
    context.build(&[]);
    let all = blobs(&context);
    assert!(context.limg(&["cache", "verify"]).ok().stderr.contains(&format!("{all} blobs, 0 damaged")));
    let name = context.files("store/blobs")[0].clone();
    let path = context.store().join("blobs").join(&name);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&path, b"other").unwrap();
    let run = context.limg(&["cache", "verify", "--format", "json"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let digest = format!("sha256:{}", path.file_name().unwrap().to_str().unwrap());
    assert_eq!((&report["blobs"], &report["damaged"]), (&all.into(), &Value::from(vec![digest])));
    assert!(!path.exists());
    context.limg(&["cache", "verify"]).ok();
}
