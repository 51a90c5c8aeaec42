//! `limg diff`.

use serde_json::{Value, json};

use crate::build::shop;
use crate::support::registry;

#[test]
fn an_edit_is_shown_by_layer_and_file() {
    let context = shop();
    context.limg(&["build", "orders", "-o", "oci:before"]).ok();
    context.write("orders/app.py", "handler = None\n");
    context.limg(&["build", "orders", "-o", "oci:after"]).ok();
    let compare = |more: &[&str]| {
        let arguments = [&["diff", "oci:before:orders", "oci:after:orders"], more].concat();
        context.limg(&arguments).ok().stdout
    };
    let text = compare(&[]);
    for line in ["layers\n  ~ code of orders  ", "files\n  ~ /var/task/app.py  0644 ", "\nsize      "] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    let report: Value = serde_json::from_str(&compare(&["--format", "json"])).unwrap();
    assert_eq!(report["files"].as_array().unwrap().len(), 1);
    assert_eq!(report["files"][0]["after"], json!({ "kind": "file", "mode": 0o644, "size": 15 }));
    assert_eq!((&report["packages"], &report["settings"]), (&json!([]), &json!([])));

    let same = context.limg(&["diff", "oci:after:orders", "oci:after:orders"]).ok();
    assert_eq!(same.stdout, "");
    assert!(same.stderr.contains("the images are the same"), "{}", same.stderr);
    context.limg(&["diff", "oci:after:orders", "oci:after:bills"]).fails(2, &["oci:after:bills", "bills"]);
}

#[test]
fn a_function_is_compared_with_the_image_that_was_pushed_last() {
    let context = shop();
    context
        .limg(&["diff", "orders"])
        .fails(2, &["`orders` has not been pushed from this folder", "help: run `limg push` first"]);
    let digest = context.build(&["orders", "-o", "oci:pushed"]).digest("orders").to_owned();
    let pushed = |host: &str, digest: &str| {
        let images = json!({ "orders": format!("{host}/shop/orders@{digest}") });
        context.write(".limg/pushed.json", json!({ "version": 1, "images": images }).to_string());
    };
    pushed(&registry::serve(&context.path("pushed")), &digest);
    context.write("orders/app.py", "handler = None\n");
    let report: Value =
        serde_json::from_str(&context.limg(&["diff", "orders", "--format", "json"]).ok().stdout).unwrap();
    let names = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|change| change["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&report["files"]), ["/var/task/app.py"]);
    assert_eq!(names(&report["layers"]), ["code of orders"]);
    assert!(!context.path("limg.lock").exists(), "the pushed image is not pinned");

    // By its digest, it is the same anywhere, and the store has it now.
    pushed("127.0.0.1:1", &digest);
    let text = context.limg(&["diff", "orders", "--locked"]).ok().stdout;
    assert!(text.contains("files\n  ~ /var/task/app.py  "), "{text}");
    pushed("127.0.0.1:1", &digest.replace(&digest[7..9], "00"));
    context.limg(&["diff", "orders"]).fails(3, &["failed to read the image `127.0.0.1:1/shop/orders@"]);
    pushed("127.0.0.1:1", "v1");
    context.limg(&["diff", "orders"]).fails(2, &["is not the location of the image", ".limg/pushed.json"]);
    context.limg(&["diff", "lost"]).fails(2, &["unknown function `lost`"]);
}
