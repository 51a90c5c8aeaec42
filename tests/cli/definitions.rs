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
[DIR]/project/limg.yaml:6:14: 9000 is not between 1 and 5400 [out-of-range]
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
        ("functions: [\n", "limg.yaml:1:12"),
        ("functions:\n\ta: 1\n", "limg.yaml:2:"),
        ("functions: { a: \"x }\n", "limg.yaml:"),
    ] {
        let context = Context::with(text);
        context.limg(&["build"]).fails(2, &[place, "is not valid YAML"]);
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

/// Two functions; everything of `two` is worth a warning.
const TWO: &str = "\
bases:
  empty: { image: scratch, contract: provided.al2023 }
  unused: { image: scratch, contract: provided.al2023 }
layers:
  good: { path: good }
  odd: { path: odd }
extensions:
  talkative: { environment: { NOTE: \"${NOTE}\" } }
defaults: { code: fn, runtime: empty }
functions:
  one: { layers: [good] }
  two: { layers: [odd], extensions: [talkative], memory: 20000 }
";

#[test]
fn a_named_function_gets_no_warnings_about_others() {
    let context = Context::with(TWO);
    context.write("good/lib/a", "");
    context.write("odd/extension/a", "");
    let run = context.limg(&["build", "one"]).ok();
    assert!(!run.stderr.contains("warning"), "{run:?}");
    let run = context.limg(&["build", "two"]).ok();
    for code in ["literal-variable", "high-limit", "misplaced-extension"] {
        assert!(run.stderr.contains(&format!("[{code}]")), "{code}: {run:?}");
    }
    assert!(!run.stderr.contains("[unused]"), "{run:?}");
    let run = context.limg(&["build"]).ok();
    for code in ["unused", "literal-variable", "high-limit", "misplaced-extension"] {
        assert!(run.stderr.contains(&format!("[{code}]")), "{code}: {run:?}");
    }
}

#[test]
fn a_deprecated_runtime_is_one_warning_with_its_dates() {
    let context = Context::with(
        "defaults: { handler: a.b, code: fn }\n\
         bases: { own: { image: \"oci:base\", contract: python3.9 } }\n\
         functions:\n  a: { runtime: python3.9 }\n  b: { runtime: python3.9 }\n  c: { runtime: nodejs18.x }\n  \
         d: { runtime: own }\n",
    );
    // Nothing is fetched: the lock has no pins.
    let failed = |arguments: &[&str]| {
        let mut command = context.command(&[&["build", "--locked"], arguments].concat());
        context.run(command.env("SOURCE_DATE_EPOCH", "0"))
    };
    let run = failed(&[]);
    run.fails(
        2,
        &[
            "limg.yaml:4:17: warning: AWS deprecated `python3.9` on 2025-12-15: images keep running, but their base \
             image gets no more patches; zip functions can be created until 2027-02-01 and updated until 2027-03-03 \
             [deprecated-runtime]",
            "help: use `python3.",
            "limg.yaml:6:17: warning: AWS deprecated `nodejs18.x` on 2025-09-01",
            "help: use `nodejs2",
            "error:",
        ],
    );
    assert_eq!(failed(&[]).stderr.matches("[deprecated-runtime]").count(), 2);
    assert_eq!(failed(&["c"]).stderr.matches("[deprecated-runtime]").count(), 1);
    let own = failed(&["d"]).stderr;
    assert!(
        !own.contains("[deprecated-runtime]"),
        "who maintains another base decides about its patches: {own}"
    );
}

#[test]
fn a_file_of_another_tool_is_named() {
    let context = Context::new();
    context.write("compose.yaml", "services: { web: { image: x } }\n");
    context.write("Dockerfile", "FROM scratch\n");
    context
        .limg(&["build", "-f", "compose.yaml"])
        .fails(2, &["compose.yaml` is a Docker Compose file, not a definition", "help: run `limg init`"]);
    context
        .limg(&["build", "-f", "Dockerfile"])
        .fails(2, &["Dockerfile` is a Dockerfile, not a definition", "limg needs no Dockerfile"]);
}

#[test]
fn under_the_option_for_the_architecture_help_names_the_option() {
    let context = Context::with(
        "bases: { own: { image: \"oci:base\", contract: provided.al2023 } }\n\
         functions: { one: { runtime: own, code: fn, handler: x } }\n",
    );
    crate::support::write_base(&context.path("base"), "amd64");
    context.limg(&["build", "--arch", "arm64"]).fails(
        2,
        &[
            "is for linux/amd64, not for linux/arm64",
            "help: use `--arch x86_64`, or use a base for linux/arm64",
        ],
    );
}

#[test]
fn a_file_where_a_layout_belongs_is_the_users() {
    let context = Context::with(
        "bases: { own: { image: \"oci:limg.yaml\", contract: provided.al2023 } }\n\
         functions: { one: { runtime: own, code: fn } }\n",
    );
    context.limg(&["build"]).fails(
        2,
        &[
            "limg.yaml` is a file, and an OCI image layout is a folder",
            "help: use `oci-archive:` or `docker-archive:`",
        ],
    );
    let context = Context::with(
        "bases: { empty: { image: scratch, contract: provided.al2023 } }\n\
         functions: { two: { runtime: empty, code: fn } }\n",
    );
    for destination in ["oci:limg.yaml", "oci:limg.yaml/below", "docker-archive:limg.yaml/below/x"] {
        let expected = ["project/limg.yaml` is not a folder", "help: use another path"];
        context.limg(&["build", "-o", destination]).fails(2, &expected);
    }
    context.limg(&["build", "-o", "oci-archive:fn"]).fails(2, &["fn` is a folder"]);
}
