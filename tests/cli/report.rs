//! `limg report`.

use serde_json::Value;

use crate::build::shop;

#[test]
fn a_project_is_reported_on_one_page() {
    let context = shop().settled();
    // What Lambda would fail on does not keep the page from being written.
    context.write("layers/words/extensions/readme.txt", "not a program\n");
    let run = context.limg(&["report", "-o", "report.html", "--format", "json"]).ok();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["report"], "[DIR]/project/report.html");
    let names: Vec<_> =
        report["images"].as_array().unwrap().iter().map(|image| image["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["orders", "bills"]);
    let digest = context.build(&["orders", "--no-check"]).digest("orders").to_owned();
    assert_eq!(report["images"][0]["digest"], digest.as_str());
    assert!(report["images"][0]["errors"].as_u64() > Some(0), "{report:#}");

    let page = std::fs::read_to_string(context.path("report.html")).unwrap();
    for part in [
        "<a href=\"#function-orders\">orders</a>",
        "layer extra",
        "<code>/opt/extensions/log</code>",
        "<code>/opt/wrappers/wrap.sh</code>",
        "<code>app.handler</code>",
        "/opt/python/words.py",
        "replaced by ",
        "<code class=\"id\">not-a-program</code>",
        "limg.yaml:",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    assert!(!page.contains(context.root().to_str().unwrap()), "a path of this machine is in\n{page}");
    let printed = context.limg(&["report", "-o", "-"]).ok().stdout;
    assert_eq!(printed, page, "the same images give the same page");
    let both = context.limg(&["report", "-o", "-", "--format", "json"]);
    assert!(both.code == Some(2) && both.stdout.contains("cannot get both"), "{}", both.stdout);
}

#[test]
fn any_image_can_be_reported() {
    let context = shop();
    let page = context.limg(&["report", "oci:base", "-o", "-"]).ok().stdout;
    assert!(page.contains("<h2 id=\"image-1-heading\">oci:base</h2>"), "{page}");
    assert!(!page.contains("function-"), "the definition is not read:\n{page}");
    let both = context.limg(&["report", "orders", "oci:base", "-o", "-"]).ok().stdout;
    assert!(both.contains("id=\"function-orders\"") && both.contains("id=\"image-2\""), "{both}");
}

#[test]
fn what_cannot_be_reported_is_an_error() {
    let context = shop();
    context.limg(&["report"]).fails(2, &["--output <FILE>"]);
    context.limg(&["report", "order", "-o", "x.html"]).fails(2, &["unknown function `order`"]);
    context
        .limg(&["report", "oci:none", "-o", "x.html"])
        .fails(2, &["failed to read the image `oci:", "none`"]);
    context.limg(&["report", "orders", "-o", "none/x.html"]).fails(3, &["failed to write", "none/x.html"]);
    assert!(!context.path("x.html").exists());
}
