//! Errors in a definition, end to end: file, line, column, excerpt and help. The library tests the details.

use crate::support::Context;

#[test]
fn all_problems_are_shown_with_their_lines() {
    let context = Context::with(
        "functions:\n  tiny:\n    runtime: python3.12\n    handlr: app.handler\n    code: fn\n    timeout: 9000\n",
    );
    let run = context.limg(&["build"]).fails(2, &[]);
    assert_eq!(
        run.stderr,
        "\
error: `[DIR]/project/limg.yaml` has 2 errors
[DIR]/project/limg.yaml:4:5: unknown key `handlr` [unknown-key]
     4 |     handlr: app.handler
  help: did you mean `handler`?
[DIR]/project/limg.yaml:6:14: 9000 is not between 1 and 900 [out-of-range]
     6 |     timeout: 9000
"
    );
}

#[test]
fn problems_found_while_planning_have_their_lines_too() {
    let context = Context::with(
        "bases: { empty: { image: scratch, contract: provided.al2023 } }\n\
         functions:\n  tiny:\n    runtime: empty\n    code: fn\n    wrapper: /opt/none\n",
    );
    context.limg(&["build"]).fails(
        2,
        &[
            "the images of `[DIR]/project/limg.yaml` cannot be built as defined",
            "[DIR]/project/limg.yaml:6:14: the wrapper `/opt/none` is not in the image [missing-wrapper]",
            "     6 |     wrapper: /opt/none",
            "  help: ",
        ],
    );
    assert!(!context.path(".limg").exists());
}

#[test]
fn a_syntax_error_is_shown_with_its_line() {
    for (text, place) in [
        ("functions: [\n", "limg.yaml:2:1"),
        ("functions:\n\ta: 1\n", "limg.yaml:2:1"),
        ("functions: { a: \"x }\n", "limg.yaml:"),
    ] {
        let context = Context::with(text);
        context.limg(&["build"]).fails(2, &["is not valid YAML", place]);
    }
}

#[test]
fn files_that_are_not_a_definition_are_rejected() {
    let bytes: [(&[u8], &str); 5] = [
        (b"", "the definition is empty"),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"- a\n- b\n", "help: "),
        (b"just words\n", "help: "),
        (b"functions: {}\n---\nfunctions: {}\n", "a second document starts here"),
    ];
    for (content, expected) in bytes {
        let context = Context::new();
        context.write("limg.yaml", content);
        context.limg(&["build"]).fails(2, &[expected]);
    }
    let context = Context::new();
    context.write("limg.yaml", vec![b'#'; 2 << 20]);
    context.limg(&["build"]).fails(2, &["is larger than 1 MiB"]);
    std::fs::remove_file(context.path("limg.yaml")).unwrap();
    std::fs::create_dir(context.path("limg.yaml")).unwrap();
    context.limg(&["build"]).fails(2, &["is a directory"]);
}

#[test]
fn a_secret_is_not_shown() {
    let context = Context::with(
        "functions:\n  tiny:\n    runtim: x\n    code: fn\n    environment: { API_TOKEN: sesame-sesame-1, AWS_REGION: sesame-sesame-2 }\n",
    );
    let run = context.limg(&["build"]);
    assert_eq!(run.code, Some(2));
    assert!(!run.stderr.contains("sesame"), "{}", run.stderr);
}
