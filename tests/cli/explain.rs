//! `limg explain`.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Context, Run};

/// Runs `limg explain` with a text on standard input.
fn piped(arguments: &[&str], text: &str) -> Run {
    let context = Context::new();
    context.write("text", text);
    let mut command = context.command(&[&["explain"], arguments].concat());
    command.stdin(Stdio::from(std::fs::File::open(context.path("text")).unwrap()));
    context.run(&mut command)
}

#[test]
fn a_finding_is_explained_by_its_code() {
    let context = Context::new();
    let text = context.limg(&["explain", "wrong-libc"]).ok().stdout;
    for line in ["wrong-libc: A program or library is linked to", "\n  in Lambda: ", "\n  fix: "] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    context.limg(&["explain", "wrong-lib"]).fails(1, &["limg knows no", "did you mean `wrong-libc`?"]);
}

#[test]
fn an_error_is_explained_from_its_text_or_a_log_that_contains_it() {
    let error = "fork/exec /lambda-entrypoint.sh: exec format error";
    let context = Context::new();
    let text = context.limg(&["explain", error]).ok().stdout;
    for line in [
        "  found: exec format error\n  1. ",
        "\n     confirm: ",
        "\n     fix: ",
        "\n  2. ",
        ": wrong-architecture, ",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    let words: Vec<&str> = ["explain"].into_iter().chain(error.split(' ')).collect();
    assert_eq!(context.limg(&words).ok().stdout, text, "without quotes");

    let log = format!("START SECRET=hush\n2026-01-01T00:00:00Z Error: {error}\nRuntime.InvalidEntrypoint\n");
    let text = text.replace("exec format error\n", "exec format error, in line 2\n");
    assert_eq!(piped(&[], &log).ok().stdout, text);
    assert_eq!(piped(&["-"], &log).ok().stdout, text);
    let report: Value = serde_json::from_str(&piped(&["--format", "json"], &log).ok().stdout).unwrap();
    let [explanation] = report["explanations"].as_array().unwrap().as_slice() else { panic!("{report:#}") };
    assert_eq!(
        [&explanation["kind"], &explanation["name"], &explanation["line"], &report["findings"]],
        [&json!("error"), &json!("exec-format"), &json!(2), &json!([])]
    );
}

#[test]
fn a_text_without_an_error_is_not_repeated() {
    for text in ["", "hush", "\u{0}\u{1b}[31mhush\\u00"] {
        let run = piped(&[], text);
        assert!(!run.stderr.contains("hush"), "{}", run.stderr);
        run.fails(1, &["error: limg knows no finding or error in this text", "help: "]);
    }
    let long = "x".repeat(4 * 1024 * 1024 + 1);
    piped(&[], &long).fails(2, &["the text has more than 4 MiB", "the lines around the error"]);
}
