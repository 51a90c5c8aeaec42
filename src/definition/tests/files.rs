//! Finding and reading the file.

use std::fmt::Write as _;
use std::path::Path;

use super::Folder;
use crate::definition::{DefinitionError, DocumentError, Options, find, load};
use crate::failure::{Failure as _, FailureKind};
use crate::finding::SHOWN_AT_MOST;

const SMALL: &str =
    "functions: { orders: { runtime: python3.12, handler: app.handler, code: functions/orders } }\n";

#[test]
fn the_nearest_definition_upward_is_found() {
    let folder = Folder::new();
    let deep = folder.path("functions/orders");
    let nothing = find(&deep).unwrap_err();
    assert!(matches!(&nothing, DefinitionError::NotFound { start } if *start == deep), "{nothing}");
    assert!(nothing.help().unwrap().render(crate::definition::words).unwrap().contains("limg init"));

    folder.write("functions/template.yml", b"");
    assert_eq!(find(&deep).unwrap(), folder.path("functions/template.yml"));

    folder.write("limg.yml", b"");
    assert_eq!(
        find(&deep).unwrap(),
        folder.path("limg.yml"),
        "a definition above wins over a template next to it"
    );
    folder.write("limg.yaml", b"");
    assert_eq!(find(&deep).unwrap(), folder.path("limg.yaml"));
    folder.write("functions/limg.yml", b"");
    assert_eq!(find(&deep).unwrap(), folder.path("functions/limg.yml"));
}

#[test]
fn files_that_cannot_be_definitions_are_rejected_before_parsing() {
    let folder = Folder::new();
    let load = |path: &str| load(&folder.path(path), &Options::of_tests()).unwrap_err();

    let directory = load("functions");
    assert!(matches!(directory, DefinitionError::Document(DocumentError::IsDirectory { .. })));
    assert!(
        directory.help().unwrap().render(crate::definition::words).unwrap().contains("or the file itself")
    );
    assert!(matches!(load("absent.yaml"), DefinitionError::Document(DocumentError::Fs(_))));
    folder.write("large.yaml", &vec![b'#'; 1024 * 1024 + 1]);
    assert!(matches!(load("large.yaml"), DefinitionError::Document(DocumentError::TooLarge { .. })));
    folder.write("utf16.yaml", b"\xff\xfep\0r\0");
    assert!(matches!(load("utf16.yaml"), DefinitionError::Document(DocumentError::NotUtf8 { .. })));
}

#[cfg(unix)]
#[test]
fn what_limg_must_not_read_is_not_the_fault_of_the_definition() {
    let folder = Folder::new();
    std::os::unix::fs::symlink(folder.path("loop"), folder.path("loop")).unwrap();
    let load = |text: &str| {
        folder.write("limg.yaml", text.as_bytes());
        load(&folder.path("limg.yaml"), &Options::of_tests()).unwrap_err().kind()
    };
    let unreadable = SMALL.replace("functions/orders", "loop");
    assert_eq!(load(&unreadable), FailureKind::Environment);
    assert_eq!(
        load(&unreadable.replace("handler", "handlr")),
        FailureKind::User,
        "this has to be corrected too"
    );
    assert_eq!(load(&SMALL.replace("functions/orders", "nowhere")), FailureKind::User);
}

#[test]
fn byte_order_mark_carriage_returns_and_document_marks_do_no_harm() {
    let folder = Folder::new();
    for text in
        [format!("\u{feff}{SMALL}"), SMALL.replace(", ", ",\r\n  "), format!("%YAML 1.2\n---\n{SMALL}...\n")]
    {
        folder.write("limg.yaml", text.as_bytes());
        let loaded = load(&folder.path("limg.yaml"), &Options::of_tests()).unwrap();
        assert_eq!(loaded.project.functions[0].name, "orders");
    }
}

#[test]
fn the_folder_names_the_project() {
    let folder = Folder::new();
    folder.write("My Shop/limg.yaml", SMALL.replace("functions/orders", "../functions/orders").as_bytes());
    let loaded = load(&folder.path("My Shop/limg.yaml"), &Options::of_tests()).unwrap();
    assert_eq!(loaded.project.name, "my-shop");
    assert_eq!(
        loaded.project.functions[0].code.files().unwrap().path,
        folder.path("My Shop/../functions/orders")
    );
}

#[test]
fn a_relative_file_is_taken_from_the_working_directory() {
    let error = load(Path::new("no-such-folder/limg.yaml"), &Options::of_tests()).unwrap_err();
    let DefinitionError::Document(DocumentError::Fs(error)) = error else { panic!("{error}") };
    assert!(error.path.is_absolute());
}

#[test]
fn invalid_yaml_is_reported_with_its_position_and_help() {
    let folder = Folder::new();
    let syntax = |text: &str| {
        folder.write("limg.yaml", text.as_bytes());
        match load(&folder.path("limg.yaml"), &Options::of_tests()).unwrap_err() {
            DefinitionError::Findings { mut findings, .. } => findings.shown.remove(0),
            other => panic!("{text:?}: {other}"),
        }
    };
    for (text, line, part, help) in [
        ("functions:\n\torders: {}\n", 2, "tabs disallowed", "instead of a tab"),
        ("functions: { a: 1\n", 1, "unclosed bracket", "close each bracket"),
        ("functions: [a, b\nlayers: {}\n", 2, "illegal placement of ':'", "close quotes and brackets"),
        ("functions: [a}\n", 1, "mismatched", "close each bracket"),
        ("functions: \"a\n", 1, "unclosed quote", "close the quotes"),
        ("functions: 'it's'\n", 1, "trailing content", "close the quotes"),
        ("functions: \"C:\\q\"\n", 1, "unknown escape", "backslash"),
        ("functions:\n  a:\n    b: 1\n   c: 1\n", 4, "did not find expected key", "indent"),
        ("functions:\n  - a\n  b: 1\n", 3, "did not find expected '-'", "indent"),
        ("functions: a\nlayers\n", 2, "expected ':'", "after a key"),
        ("functions: - a\n", 1, "not allowed", "quotes"),
        ("functions: !a!b c\n", 1, "handle", "one `!`"),
        ("functions: !!int x\n", 1, "requires an integer", "remove the tag"),
        ("functions: {{ name }}\n", 1, "instead of a name", "quotes"),
        ("functions:\n  orders:\n    handler: a: b\n", 3, "mapping values are not allowed", "quotes"),
        ("functions: *nowhere\n", 1, "unknown anchor", "quotes"),
        ("functions: @x\n", 1, "unexpected character", "quotes"),
        ("a: 1\n---\nb: 2\n", 2, "second document", "`---`"),
        ("a: &a [*a]\n", 1, "inside the value that it names", "remove the alias"),
        ("? [a, b]\n: 1\n", 1, "instead of a name", "as key"),
    ] {
        let syntax = syntax(text);
        assert_eq!(syntax.position.map_or(0, |at| at.line), line, "{text:?}: {syntax:?}");
        let message = &syntax.finding.message;
        assert!(message.contains(part), "{text:?}: {message}");
        assert!(!message.contains(&format!(" at line {line} ")), "{text:?}: {message}");
        assert!(syntax.help.unwrap_or_default().contains(help), "{text:?}");
    }
}

#[test]
fn alias_bombs_stop_early() {
    let folder = Folder::new();
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    let long = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 10_000].join(", "));
    for bomb in [text, long] {
        folder.write("limg.yaml", bomb.as_bytes());
        let error = load(&folder.path("limg.yaml"), &Options::of_tests()).unwrap_err();
        let DefinitionError::Findings { findings, .. } = error else { panic!("{error}") };
        assert!(findings.shown[0].help.as_ref().unwrap().contains("far too much"), "{findings:?}");
    }
}

#[test]
fn deep_nesting_is_rejected_before_it_costs_time() {
    let folder = Folder::new();
    for (file, depth) in
        [("limg.yaml", 100), ("limg.yaml", 100_000), ("limg.json", 100), ("limg.json", 100_000)]
    {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let text = format!("{{\"functions\": {}1{}}}", open.repeat(depth), close.repeat(depth));
            folder.write(file, text.as_bytes());
            let error = load(&folder.path(file), &Options::of_tests()).unwrap_err();
            let DefinitionError::Findings { findings, .. } = error else { panic!("{error}") };
            let message = &findings.shown[0].finding.message;
            assert!(message.contains("levels deep"), "{file} {depth} {open}: {message}");
        }
    }
}

/// No line and no guess is looked up for a finding that is not shown.
#[test]
fn of_many_findings_some_are_shown_and_the_rest_is_counted() {
    let folder = Folder::new();
    let many = |line: &dyn Fn(usize) -> String| (0..3000).map(line).collect::<Vec<_>>().concat();
    let small =
        |rest: &str| format!("functions: {{ a: {{ runtime: python3.12, handler: a.b, code: . }} }}\n{rest}");
    let layers = format!(
        "functions: {{ a: {{ runtime: python3.12, handler: a.b, code: ., layers: [{}] }} }}\nlayers:\n{}",
        many(&|number| format!("m{number},")),
        many(&|number| format!("  l{number}: {{ path: . }}\n")),
    );
    let one_line = format!("{{{}}}\n", many(&|number| format!("key{number}: 1,")));
    for (name, text, errors) in [
        ("unknown keys", small(&many(&|number| format!("key{number}: 1\n"))), 3000),
        ("in one line", one_line, 3001),
        ("unknown layers", layers, 3000),
    ] {
        folder.write("limg.yaml", text.as_bytes());
        let error = load(&folder.path("limg.yaml"), &Options::of_tests()).unwrap_err();
        assert!(error.to_string().contains(&format!("has {errors} errors")), "{name}: {error}");
        let DefinitionError::Findings { findings, .. } = error else { panic!("{error}") };
        assert_eq!(findings.shown.len(), SHOWN_AT_MOST, "{name}");
        assert!(findings.shown.iter().all(|it| it.excerpt.as_ref().is_none_or(|line| line.len() < 2000)));
    }
}
