//! `limg check`.

use serde_json::Value;

use crate::build::shop;

#[test]
fn functions_and_images_are_checked_alike() {
    let context = shop();
    let checked = context.limg(&["check"]).ok();
    assert!(checked.stdout.starts_with("checked "), "{}", checked.stdout);
    assert!(!context.path(".limg").join("images").exists(), "nothing is built");
    context.limg(&["build", "orders", "-o", "oci:out"]).ok();
    context.limg(&["check", "oci:out:orders"]).ok();
    // A command that Lambda's entry script does not accept.
    context.limg(&["check", "oci:lost"]).fails(2, &["lost"]);
    context.limg(&["check", "lost"]).fails(2, &["lost"]);
}

#[test]
fn an_image_that_would_fail_is_built_only_if_the_user_says_so() {
    let context = shop();
    context.write("layers/words/extensions/readme.txt", "not a program\n");
    context.limg(&["build", "orders"]).fails(2, &["[not-a-program]"]);
    let built = context.limg(&["build", "orders", "--no-check", "-o", "oci:out"]).ok();
    assert!(
        built.stderr.contains("warning: the extension") && built.stderr.contains("[not-a-program]"),
        "{}",
        built.stderr
    );
    // The finished image is judged by its own files.
    context.limg(&["check", "oci:out:orders"]).fails(2, &["`/opt/extensions/readme.txt` is not executable"]);
}

#[test]
fn a_function_that_the_handlers_module_does_not_export_is_reported() {
    let context = shop();
    context.write("orders/app.py", "def lambda_handler(event, context): ...\n");
    let checked = context.limg(&["check", "bills"]).ok();
    for part in ["but `app.py` exports no such function", "did you mean `app.lambda_handler`?"] {
        assert!(checked.stderr.contains(part), "{}", checked.stderr);
    }
    // A wrapper may call something else.
    let checked = context.limg(&["check", "orders"]).ok();
    assert!(!checked.stderr.contains("exports"), "{}", checked.stderr);
}

#[test]
fn findings_have_the_formats_of_other_programs() {
    let context = shop();
    context.write("orders/deploy.pem", "-----BEGIN PRIVATE KEY-----\n");
    let format = |format: &str| context.limg(&["check", "orders", "--format", format]).ok().stdout;
    let sarif: Value = serde_json::from_str(&format("sarif")).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert!(
        results.iter().any(|result| result["ruleId"] == "secret-file" && result["level"] == "warning"),
        "{sarif}"
    );
    assert!(format("github").contains("::warning file=limg.yaml,line="), "{}", format("github"));
    assert!(format("junit").contains("<testcase classname=\"checked\" name=\"orders\"/>"));
    let json: Value = serde_json::from_str(&format("json")).unwrap();
    assert_eq!(
        (&json["checked"][0], &json["findings"][0]["code"]),
        (&"orders".into(), &"secret-file".into())
    );
    context.limg(&["check", "orders", "--deny", "warnings"]).fails(2, &["--deny warnings"]);
    let denied = context.limg(&["check", "orders", "--deny", "warnings", "--format", "github"]);
    assert_eq!(denied.code, Some(2));
    context.limg(&["build", "--format", "sarif"]).fails(2, &["sarif"]);
}

#[test]
fn findings_that_the_definition_allows_are_not_reported() {
    let context = shop();
    context.write("layers/words/extensions/readme.txt", "not a program\n");
    context.write("orders/deploy.pem", "-----BEGIN PRIVATE KEY-----\n");
    let definition = std::fs::read_to_string(context.path("limg.yaml")).unwrap();
    let allow = |checks: &str| context.write("limg.yaml", format!("checks:\n{checks}{definition}"));
    let secret = "  - { allow: secret-file, reason: a key of the test server }\n";
    let elsewhere = "  - { allow: not-a-program, reason: read by people, path: /opt/extensions/other }\n";
    let here = "  - { allow: not-a-program, reason: read by people, path: readme.txt }\n";
    allow(&format!("{secret}{elsewhere}"));
    let failed = context.limg(&["check"]);
    let failed = failed.fails(2, &["readme.txt", "[not-a-program]"]);
    assert!(!failed.stderr.contains("secret-file]"), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("limg.yaml:3:5: warning: there are no findings `not-a-program`"),
        "{}",
        failed.stderr
    );
    allow(&format!("{secret}{here}"));
    let checked = context.limg(&["check"]).ok();
    assert!(
        checked.stderr.contains("allowed: secret-file, because: a key of the test server"),
        "{}",
        checked.stderr
    );
    assert!(!checked.stderr.contains("warning"), "{}", checked.stderr);
    // The same holds for a build, which an error would stop.
    let built = context.limg(&["build", "orders"]).ok();
    assert!(!built.stderr.contains("not-a-program"), "{}", built.stderr);
}
