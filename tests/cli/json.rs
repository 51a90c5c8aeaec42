//! Failures and findings with `--format json` (`docs/findings.md`).

use serde_json::{Value, json};

use crate::build::{SHOP, shop};
use crate::support::{Context, Run};

/// The one JSON object that a failed command prints. Nothing about the failure is on standard error.
fn failure(run: &Run, code: i32) -> Value {
    assert_eq!(run.code, Some(code), "{run:?}");
    for word in ["error", "warning", "help"] {
        assert!(!run.stderr.contains(word), "{run:?}");
    }
    assert_eq!(run.stdout.lines().count(), 1, "{run:?}");
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn findings_of_a_failed_command_have_their_place() {
    let context = shop();
    context.write("limg.yaml", format!("{SHOP}    timeot: 3\n"));
    let report = failure(&context.limg(&["build", "--format", "json"]), 2);
    let file = "[DIR]/project/limg.yaml";
    assert_eq!(
        report["error"],
        json!({ "kind": "user", "message": format!("`{file}` has 1 error"), "causes": [], "help": null })
    );
    assert_eq!(
        report["findings"],
        json!([{
            "code": "unknown-key", "severity": "error", "file": file, "line": SHOP.lines().count() + 1,
            "column": 5, "message": "unknown key `timeot`", "paths": [], "help": "did you mean `timeout`?",
        }])
    );
}

#[test]
fn a_syntax_error_is_a_finding() {
    let context = Context::with("functions: [\n");
    let report = failure(&context.limg(&["build", "--format", "json"]), 2);
    let finding = &report["findings"][0];
    assert_eq!((&finding["code"], &finding["line"]), (&json!("invalid-syntax"), &json!(1)));
}

/// Findings of a build are errors first, and include the warnings of the definition.
#[test]
fn a_build_that_fails_reports_warnings_too() {
    let context = shop();
    let text = format!("{SHOP}    environment: {{ DB_PASSWORD: hunter2hunter2 }}\n");
    context.write(
        "limg.yaml",
        text.replace("code: orders\n    layers: [words]\n", "code: missing\n    layers: [words]\n"),
    );
    let report = failure(&context.limg(&["build", "--format", "json"]), 2);
    let findings = report["findings"].as_array().unwrap();
    let severities: Vec<_> = findings.iter().map(|finding| finding["severity"].as_str().unwrap()).collect();
    assert_eq!(severities, ["error", "warning"], "{report}");
    assert!(!report.to_string().contains("hunter2"));
}

#[test]
fn other_failures_have_causes_and_help() {
    let context = shop();
    let report = failure(&context.limg(&["build", "nope", "--format", "json"]), 2);
    assert_eq!(report["error"]["message"], "unknown function `nope`");
    assert_eq!(report["error"]["help"], "use one of orders, bills");
    context.write("file", "");
    let mut command = context.command(&["build", "--format", "json"]);
    let report = failure(&context.run(command.env("LIMG_STORE", context.path("file/store"))), 3);
    assert_eq!(report["error"]["kind"], "environment");
    assert_eq!(report["error"]["causes"].as_array().unwrap().len(), 2, "{report}");
}

#[test]
fn wrong_arguments_are_a_failure_too() {
    let context = Context::new();
    for format in [&["--format=json"][..], &["--format", "json"]] {
        let run = context.limg(&[&["build", "--no-such-option"], format].concat());
        let report = failure(&run, 2);
        assert_eq!(report["error"]["message"], "unexpected argument '--no-such-option' found");
        assert_eq!(report["error"]["kind"], "user");
    }
    let report = failure(&context.limg(&["--format", "json", "bild"]), 2);
    assert_eq!(report["error"]["help"], "a similar subcommand exists: 'build'");
    let run = context.limg(&["build", "--no-such-option"]);
    assert!(run.stdout.is_empty() && run.stderr.starts_with("error: "), "{run:?}");
    assert!(context.limg(&["--format", "json", "--help"]).ok().stdout.contains("Usage"));
}
