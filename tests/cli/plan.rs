//! `limg plan`.

use serde_json::{Value, json};

use crate::build::shop;

/// A registry that cannot be reached.
const NOWHERE: &str = "127.0.0.1:1/shop";

#[test]
fn a_plan_without_the_registry_goes_from_layers_to_build_to_unchanged() {
    let context = shop();
    let plan =
        |more: &[&str]| context.limg(&[&["plan", "registry", NOWHERE, "orders", "--offline"], more].concat());
    let report = |code| -> Value {
        let run = plan(&["--format", "json"]);
        assert_eq!(run.code, Some(code), "{run:?}");
        serde_json::from_str::<Value>(&run.stdout).unwrap()["functions"]["orders"].clone()
    };
    let first = plan(&[]);
    assert_eq!(first.code, Some(4), "{first:?}");
    assert!(first.stdout.contains("\n  build   code of orders  "), "{}", first.stdout);
    assert!(first.stderr.contains("a push would change 1 of 1 image"), "{}", first.stderr);
    assert_eq!(report(4)["digest"], json!(null));
    assert!(context.files("project").iter().all(|file| !file.contains(".limg/")), "nothing is written");

    context.settle();
    let digest = context.build(&["orders"]).digest("orders").to_owned();
    let built = report(4);
    assert_eq!((&built["digest"], &built["build"]["blobs"]), (&json!(digest), &json!(0)));
    let layers = built["layers"].as_array().unwrap();
    let bytes: u64 = layers.iter().map(|layer| layer["bytes"].as_u64().unwrap()).sum();
    assert!(layers.iter().all(|layer| layer["step"] == "upload") && bytes > 0, "{built:#}");

    let uri = format!("{NOWHERE}/orders@{digest}");
    context.write(".limg/pushed.json", json!({ "version": 1, "images": { "orders": uri } }).to_string());
    let unchanged = plan(&[]).ok();
    assert_eq!(unchanged.stdout, format!("orders  {NOWHERE}/orders  unchanged\n"));
    assert_eq!(report(0)["change"], "unchanged");
}

#[test]
fn a_plan_that_cannot_be_made_says_why() {
    let context = shop();
    context.limg(&["plan", "registry", NOWHERE]).fails(3, &["failed to plan the push", "127.0.0.1:1"]);
    context.limg(&["plan", "registry", "shop", "--offline"]).fails(2, &["cannot push to `shop`", "help: "]);
    context.limg(&["plan", "ecr", "--offline"]).fails(2, &["required", "--account <ID>"]);
    let remote = "bases: { python3.12: { image: \"127.0.0.1:1/base:1\" } }\n\
                  functions: { orders: { runtime: python3.12, handler: app.handler, code: orders } }\n";
    context.write("limg.yaml", remote);
    let run = context.limg(&["plan", "registry", NOWHERE, "--offline"]);
    run.fails(2, &["`127.0.0.1:1/base`", "`--offline` does not contact registries", "run `limg build` once"]);
}
