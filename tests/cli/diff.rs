//! `limg diff`.

use serde_json::json;

use crate::build::shop;

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
    let report: serde_json::Value = serde_json::from_str(&compare(&["--format", "json"])).unwrap();
    assert_eq!(report["files"].as_array().unwrap().len(), 1);
    assert_eq!(report["files"][0]["after"], json!({ "kind": "file", "mode": 0o644, "size": 15 }));
    assert_eq!((&report["packages"], &report["settings"]), (&json!([]), &json!([])));

    let same = context.limg(&["diff", "oci:after:orders", "oci:after:orders"]).ok();
    assert_eq!(same.stdout, "");
    assert!(same.stderr.contains("the images are the same"), "{}", same.stderr);
    context.limg(&["diff", "oci:after:orders", "oci:after:bills"]).fails(2, &["oci:after:bills", "bills"]);
}
