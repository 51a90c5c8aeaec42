//! Results on standard output, everything else on standard error; colours; closed pipes.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use serde_json::Value;

use crate::build::{SHOP, shop};
use crate::support::Context;

#[test]
fn quiet_prints_only_results_and_errors() {
    let context = shop();
    let run = context.limg(&["build", "-q"]).ok();
    assert_eq!(run.stderr, "");
    assert_eq!(run.stdout.lines().count(), 2);
    context.limg(&["build", "-q", "nope"]).fails(2, &["error: unknown function `nope`"]);
    context.write("limg.yaml", format!("{SHOP}    environment: {{ DB_PASSWORD: hunter2hunter2 }}\n"));
    assert_eq!(context.limg(&["build", "-q"]).ok().stderr, "");
    let run = context.limg(&["build"]).ok();
    assert!(run.stderr.contains("warning: `DB_PASSWORD` looks like a secret"), "{}", run.stderr);
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
}

#[test]
fn verbose_lists_every_overwritten_file() {
    let context = shop();
    let files: Vec<_> = (0..9).map(|number| format!("python/f{number}.py")).collect();
    for file in &files {
        context.write(&format!("layers/words/{file}"), "1\n");
    }
    let entries: Vec<_> = files.iter().map(|file| (file.as_str(), "2\n")).collect();
    context.zip("layers/extra.zip", &entries);
    let replaced = |run: &str| run.matches("note: layer extra replaces").count();
    let run = context.limg(&["build"]).ok();
    assert_eq!(replaced(&run.stderr), 5);
    assert!(run.stderr.contains("… and 4 more files replaced; `-v` shows all"), "{}", run.stderr);
    assert_eq!(replaced(&context.limg(&["build", "-v"]).ok().stderr), 9);
    assert_eq!(replaced(&context.limg(&["-v", "build"]).ok().stderr), 9);
}

/// A note about files that two functions share is printed once.
#[test]
fn notes_on_shared_files_are_printed_once() {
    let context = shop();
    context.write(
        "limg.yaml",
        SHOP.replace(
            "    code: orders\n    layers: [words]\n",
            "    code: orders\n    layers: [words, extra]\n",
        ),
    );
    let run = context.limg(&["build"]).ok();
    assert_eq!(run.stderr.matches("note: ").count(), 1, "{}", run.stderr);
}

/// In one line, because a file or pipe cannot show a progress bar.
#[test]
fn a_layer_that_takes_long_is_announced() {
    let context = shop();
    // Minutes of work.
    File::create(context.path("orders/large")).unwrap().set_len(9 << 30).unwrap();
    let mut build = context.command(&["build", "orders"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(build.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "packing code of orders (9.6 GB)"));
    build.kill().unwrap();
    build.wait().unwrap();
}

#[test]
fn standard_output_contains_only_the_json() {
    let context = shop();
    context.write("limg.yaml", format!("{SHOP}    environment: {{ DB_PASSWORD: hunter2hunter2 }}\n"));
    let run = context.limg(&["build", "-v", "--format", "json"]).ok();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["functions"].as_object().unwrap().len(), 2);
    assert!(run.stderr.contains("built ") && !run.stderr.contains("warning"), "{}", run.stderr);
    let warning = &report["findings"][0];
    assert_eq!((&warning["code"], &warning["severity"]), (&"possible-secret".into(), &"warning".into()));
    assert_eq!((&warning["line"], report["findings"].as_array().unwrap().len()), (&24.into(), 1));
}

#[test]
fn colours_are_for_terminals_and_on_request() {
    let context = shop();
    let colored = |arguments: &[&str], variables: &[&str]| {
        let mut command = context.command(&[&["build", "nope"], arguments].concat());
        command.envs(variables.iter().map(|name| (name, "1")));
        let run = context.run(&mut command);
        assert!(!run.stdout.contains('\u{1b}'), "never in a result: {run:?}");
        run.stderr.contains('\u{1b}')
    };
    assert!(!colored(&[], &[]), "standard error is not a terminal");
    assert!(colored(&["--color", "always"], &[]));
    assert!(!colored(&["--color", "never"], &["CLICOLOR_FORCE"]));
    assert!(colored(&["--color", "always"], &["NO_COLOR"]), "the command line takes precedence");
    assert!(!colored(&[], &["NO_COLOR"]));
    assert!(colored(&[], &["CLICOLOR_FORCE"]));
    assert!(!colored(&[], &["CLICOLOR_FORCE", "NO_COLOR"]));
}

/// `--color` and `--quiet` apply even if the settings are wrong.
#[test]
fn wrong_settings_are_reported_as_requested() {
    let context = shop();
    let mut command = context.command(&["build", "--color", "always"]);
    let run = context.run(command.env("SOURCE_DATE_EPOCH", "yesterday"));
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("\u{1b}[31merror\u{1b}[0m: SOURCE_DATE_EPOCH"), "{}", run.stderr);
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let context = shop();
    // Red, a window's title, a carriage return, a bell, a C1 control, and limg's own colour of errors.
    let odd = "a\\e[31m\\e]0;t\\x07\\r\\x9bm\\e[1;31m";
    for color in ["always", "never"] {
        context.write(
            "odd.yaml",
            format!("functions: {{ \"{odd}\": {{ runtime: \"{odd}\", code: \"{odd}\" }} }}\n"),
        );
        let run = context.limg(&["build", "-f", "odd.yaml", "--color", color]);
        assert_eq!(run.code, Some(2));
        assert_harmless(&run.stderr);
        let run = context.limg(&["build", "a\u{1b}[31m\u{7}", "--color", color]);
        assert_eq!(run.code, Some(2));
        assert_harmless(&run.stderr);
        let run = context.limg(&["build", "-o", "x\u{1b}[1;31m\u{7}y", "--color", color]);
        assert_eq!(run.code, Some(2));
        assert_harmless(&run.stderr);
    }
    // In the names of files.
    std::fs::create_dir(context.path("layers/words/odd\u{1b}[2J")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", context.path("layers/words/odd\u{1b}[2J/link\r")).unwrap();
    let run = context.limg(&["build", "--color", "always"]);
    assert_eq!(run.code, Some(2));
    assert_harmless(&run.stderr);
    assert!(run.stderr.contains("odd\\u{1b}[2J/link\\r"), "{}", run.stderr);
}

#[test]
fn control_characters_in_results_do_not_reach_the_terminal() {
    let context = shop();
    let run = context.limg(&["build", "bills", "-o", "oci:odd\u{1b}[2Jname"]).ok();
    assert_harmless(&run.stdout);
    let report = context.build(&["bills", "-o", "oci:odd\u{1b}[2Jname"]);
    assert_eq!(
        report.destinations("bills"),
        ["oci:[DIR]/project/odd\u{1b}[2Jname:bills"],
        "JSON contains the name unchanged"
    );
}

#[test]
fn json_on_a_terminal_cannot_control_it() {
    let context = shop();
    let name = "oci:odd\u{202e}\u{9b}2Jname";
    let run = context.limg(&["build", "bills", "-o", name, "--format", "json"]).ok();
    assert!(run.stdout.contains("odd\\u202e\\u009b2Jname"), "{}", run.stdout);
    assert_harmless(&run.stdout);
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(json.to_string().contains('\u{202e}'), "{json}");
}

fn assert_harmless(text: &str) {
    // The only escapes are those of limg, and each is closed.
    let own = ["\u{1b}[1m\u{1b}[31merror\u{1b}[0m", "\u{1b}[1m\u{1b}[36mhelp\u{1b}[0m", "\u{1b}[0m"];
    let mut rest = text.to_owned();
    for sequence in own {
        rest = rest.replace(sequence, "");
    }
    // A place in the definition is bold.
    rest = rest.replace("\u{1b}[1m[DIR]", "[DIR]");
    let control: Vec<_> = rest.chars().filter(|c| c.is_control() && *c != '\n').collect();
    assert!(control.is_empty(), "{control:?} in {text:?}");
}

#[test]
fn a_closed_pipe_is_not_a_failure() {
    let context = shop();
    for arguments in [&["schema"][..], &["build"], &["build", "--format", "json"], &["--help"]] {
        let mut run =
            context.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(run.stdout.take());
        let mut stderr = String::new();
        run.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert!(run.wait().unwrap().success(), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
    // The same with standard error closed too.
    let mut run = context.command(&["build"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((run.stdout.take(), run.stderr.take()));
    assert!(run.wait().unwrap().success());
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let full = std::path::Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let context = shop();
    for arguments in [&["schema"][..], &["build"], &["build", "--format", "json"]] {
        let mut command = context.command(arguments);
        let output = command.stdout(File::options().write(true).open(full).unwrap()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {stderr}");
        assert!(stderr.contains("failed to write the result"), "{stderr}");
    }
}

#[test]
fn sample_events_are_listed_and_printed() {
    let context = Context::new();
    let listed = context.limg(&["event"]).ok();
    let json = context.limg(&["event", "--format", "json"]).ok();
    let entries: Vec<Value> = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((listed.stdout.lines().count(), entries.len()), (23, 23));
    for (line, entry) in listed.stdout.lines().zip(&entries) {
        let name = entry["name"].as_str().unwrap();
        let (own, description) = line.split_once("  ").unwrap();
        assert_eq!((own, description.trim_start()), (name, entry["description"].as_str().unwrap()));
        let event = context.limg(&["event", name]).ok();
        assert!(serde_json::from_str::<Value>(&event.stdout).unwrap().is_object(), "{name}");
        assert_eq!(event.stdout, context.limg(&["event", name, "--format", "json"]).ok().stdout);
        assert_eq!(event.stderr, "");
    }
}

/// A CI service takes a line such as `::error::…` as a command.
#[test]
fn a_line_break_in_a_name_does_not_begin_a_line_of_the_output() {
    let injected = |text: &str| text.lines().any(|line| line.starts_with("::"));
    let context = shop();
    context.zip(
        "code.zip",
        &[("app.py", "def b(): pass\n"), ("a\n::error::zip", "1"), ("b\n::error::zip", "2")],
    );
    // An archive with two entries of one name is rejected.
    let mut archive = std::fs::read(context.path("code.zip")).unwrap();
    while let Some(at) = archive.windows(4).position(|window| window == b"b\n::") {
        archive[at] = b'a';
    }
    context.write("code.zip", archive);
    context.write("code/app.py", "def b(): pass\n");
    context.write("code/x\n::warning::folder/.git/config", "x");
    let function = |code: &str, handler: &str| {
        context.write(
            "names.yaml",
            format!(
                "functions: {{ f: {{ runtime: python3.12, code: {code}, handler: \"{handler}\" }} }}\n\
                     bases: {{ python3.12: {{ image: \"oci:base\" }} }}\n"
            ),
        );
    };
    for (code, handler, shown) in [
        ("code.zip", "app.b", "a\\n::error::zip"),
        ("code", "app.b", "x\\n::warning::folder"),
        ("code", "a\\n::error::handler", "a\\n::error::handler"),
        ("gone\\n::error::code", "a.b", "gone\\n::error::code"),
    ] {
        function(&format!("\"{code}\""), handler);
        let run = context.limg(&["build", "-v", "-f", "names.yaml", "-o", "oci:out"]);
        assert!(run.stderr.contains(shown) && !injected(&run.stderr), "{shown}: {run:?}");
        let run = context.limg(&["build", "-v", "-f", "names.yaml", "-o", "oci:out", "--format", "json"]);
        serde_json::from_str::<Value>(&run.stdout).unwrap();
        assert!(!injected(&run.stderr) && !injected(&run.stdout), "{shown}: {run:?}");
    }
    function("code", "app.b");
    for format in ["human", "refs"] {
        let run =
            context.limg(&["build", "-f", "names.yaml", "--format", format, "-o", "oci:x\n::error::out"]);
        let run = run.ok();
        assert!(run.stdout.contains("x\\n::error::out") && !injected(&run.stdout), "{run:?}");
    }
}
