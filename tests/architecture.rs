//! The rule of imports, as a test: data flows one way through the rooms of `src/`, and so do imports.
//!
//! A room is a top-level module. The table lists the rooms in the order in which data flows, the command line first, and
//! for each the rooms below it that it may name. Comments and texts do not count. Tests of a room may name every room below
//! it, to make what they need, and none above; and they may touch what pure rooms may not.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms below the command line.
const BELOW: &[&str] = &[
    "pipeline",
    "engine",
    "aws",
    "registry",
    "layout",
    "extract",
    "image",
    "layer",
    "check",
    "plan",
    "files",
    "tree",
    "definition",
    "lock",
    "runtime",
    "sample_event",
    "store",
    "event",
    "strict_yaml",
    "project",
    "build_time",
    "failure",
    "finding",
    "fs",
    "sync",
    "text",
    "units",
];

/// The rooms that every room above them may name.
const GROUND: &[&str] = &["build_time", "failure", "finding", "fs", "sync", "text", "units"];

/// Each room and what it may name after `crate::`, beside itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("cli", BELOW),
    ("pipeline", BELOW.split_at(1).1),
    ("engine", &["layout", "image", "runtime", "store", "event", "project", "fs"]),
    ("aws", &["registry", "store", "event", "project", "fs"]),
    ("registry", &["image", "store", "event", "project", "fs"]),
    ("layout", &["image", "layer", "files", "store", "project", "fs"]),
    ("extract", &["image", "files", "tree", "store", "project", "fs"]),
    ("image", &["layer", "store", "project"]),
    ("layer", &["files", "tree", "store", "project", "fs"]),
    ("check", &["plan", "files", "tree", "runtime", "project"]),
    ("plan", &["files", "tree", "runtime", "project"]),
    ("files", &["tree", "project"]),
    ("tree", &["project", "fs"]),
    ("definition", &["project", "fs"]),
    ("lock", &["store", "strict_yaml", "project", "fs"]),
    ("runtime", &["project"]),
    ("sample_event", &[]),
    ("store", &["fs"]),
    ("event", &["project"]),
    ("strict_yaml", &[]),
    ("project", &[]),
    ("build_time", &[]),
    ("failure", &[]),
    ("finding", &[]),
    ("fs", &[]),
    ("sync", &[]),
    ("text", &[]),
    ("units", &[]),
];

/// Rooms that are functions from values to values: what they need of the world is a parameter.
const PURE: &[&str] = &["image", "check", "plan", "definition", "runtime", "sample_event"];

/// What a pure room does not name: clocks, the environment, the network, and calls that write.
const IMPURE: &[&str] = &[
    "SystemTime",
    "Instant",
    "jiff",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "tokio",
    "reqwest",
    "bollard",
    "tempfile",
    "fs::write_atomically",
    "fs::create_dir_all",
    "fs::temporary_file",
    "fs::make_executable",
];

/// What prints.
const PRINTING: &[&str] = &["print!", "println!", "eprint!", "eprintln!", "dbg!", "io::stdout", "io::stderr"];

/// The one file that reads the environment.
const READER_OF_THE_ENVIRONMENT: &str = "cli/settings.rs";

#[test]
fn imports_follow_the_flow_of_data() {
    let mut faults = Vec::new();
    for file in source_files() {
        faults.extend(check(&file.name, &file.text));
    }
    assert!(faults.is_empty(), "{} break the rules:\n\n{}\n", faults.len(), faults.join("\n"));
}

#[test]
fn the_table_has_every_room_in_the_order_of_the_flow() {
    let mut rooms: Vec<_> = ROOMS.iter().map(|(room, _)| *room).collect();
    for (position, (room, allowed)) in ROOMS.iter().enumerate() {
        for name in *allowed {
            let below = ROOMS[position + 1..].iter().any(|(other, _)| other == name);
            assert!(below, "the table lets `{room}` name `{name}`, which does not stand below it");
        }
    }
    let library = fs::read_to_string(root().join("lib.rs")).unwrap();
    let mut modules: Vec<_> = library
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    rooms.sort_unstable();
    modules.sort_unstable();
    assert_eq!(rooms, modules, "src/lib.rs and the table of this test differ: give a new room its row");
}

/// Everything that a file of `src/` does against the rules; `name` is its path there.
fn check(name: &str, text: &str) -> Vec<String> {
    let Some((room, depth)) = room_of(name) else { return Vec::new() };
    let row = ROOMS.iter().find(|(own, _)| *own == room);
    let Some((_, allowed)) = row else {
        return vec![format!(
            "src/{name}: the room `{room}` has no row in the table of tests/architecture.rs"
        )];
    };
    let mut faults = Vec::new();
    let mut fault = |line: usize, what: String| faults.push(format!("src/{name}:{line}: {what}"));
    for path in paths(text) {
        let in_test = path.in_test || is_test_file(name);
        if let Some(other) = path.names_room(depth)
            && other != room
            && ROOMS.iter().any(|(known, _)| *known == other)
            && !allowed.contains(&other)
            && !(GROUND.contains(&other) && position(other) > position(&room))
            && !(in_test && position(other) > position(&room))
        {
            fault(path.line, format!("`{room}` may not name `{other}`: {}", mend(&room, other, allowed)));
        }
        let shown = path.segments.join("::");
        if !in_test && PURE.contains(&room.as_str()) && IMPURE.iter().any(|it| path.names(it)) {
            fault(
                path.line,
                format!("`{room}` is pure and may not name `{shown}`: take what it needs as a parameter"),
            );
        }
        if !in_test && room != "cli" && PRINTING.iter().any(|it| path.names(it)) {
            fault(
                path.line,
                format!("only `cli` prints, not `{room}` by `{shown}`: report an event or return an error"),
            );
        }
        if !in_test && name != READER_OF_THE_ENVIRONMENT && path.names("std::env") {
            fault(
                path.line,
                format!(
                    "only src/{READER_OF_THE_ENVIRONMENT} reads the environment, not `{shown}` here: make it a setting \
                     and pass it down"
                ),
            );
        }
    }
    faults
}

fn mend(room: &str, other: &str, allowed: &[&str]) -> String {
    if position(other) < position(room) {
        format!(
            "`{other}` stands above it; return a value or report an event, and let the caller join the two"
        )
    } else if allowed.is_empty() {
        "it names no other room; pass what it needs in, or move the code".to_owned()
    } else {
        format!("it may name {}; pass what it needs in, or move the code", allowed.join(", "))
    }
}

/// Where a room stands in the flow of data.
fn position(room: &str) -> Option<usize> {
    ROOMS.iter().position(|(own, _)| *own == room)
}

/// The room that a file belongs to, and how many modules deep it lies. Nothing for the roots of the crate.
fn room_of(name: &str) -> Option<(String, usize)> {
    let path = name.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if matches!(path, "lib" | "main") {
        return None;
    }
    Some((path.split('/').next()?.to_owned(), path.split('/').count()))
}

fn is_test_file(name: &str) -> bool {
    name.split('/').any(|part| matches!(part, "tests" | "tests.rs"))
}

struct SourceFile {
    /// Its path below `src/`, with `/`.
    name: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn source_files() -> Vec<SourceFile> {
    let mut folders = vec![root()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                files.push(SourceFile { name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    files.sort_by(|left, right| left.name.cmp(&right.name));
    assert!(
        files.len() > 50,
        "the sources are somewhere else: {} files in {}",
        files.len(),
        root().display()
    );
    files
}

/// A path in code, such as `crate::tree::Tree`; of a macro with its `!`.
#[derive(Debug, PartialEq, Eq)]
struct CodePath {
    line: usize,
    segments: Vec<String>,
    /// Whether it stands in a module that is only compiled for tests.
    in_test: bool,
    /// In how many modules of the same file it stands.
    inline_modules: usize,
}

impl CodePath {
    /// The room that this names in a file `depth` modules deep: after `crate`, or after enough `super`s to get there.
    fn names_room(&self, depth: usize) -> Option<&str> {
        let supers = self.segments.iter().take_while(|segment| *segment == "super").count();
        let after = match self.segments.first()?.as_str() {
            "crate" => 1,
            "super" if supers >= depth + self.inline_modules => supers,
            _ => return None,
        };
        self.segments.get(after).map(String::as_str)
    }

    /// Whether the names of `pattern` stand in it, one after the other.
    fn names(&self, pattern: &str) -> bool {
        let pattern: Vec<_> = pattern.split("::").collect();
        self.segments.windows(pattern.len()).any(|window| window == pattern)
    }
}

/// All paths in a text of Rust, those in braces of a `use` written out.
fn paths(text: &str) -> Vec<CodePath> {
    let tokens = tokens(text);
    let mut scanner = Scanner { tokens: &tokens, at: 0, found: Vec::new(), modules: Vec::new(), braces: 0 };
    scanner.run();
    scanner.found
}

struct Scanner<'t> {
    tokens: &'t [Token],
    at: usize,
    found: Vec<CodePath>,
    /// The open modules of this file: at which brace each began, and whether it is for tests only.
    modules: Vec<(usize, bool)>,
    braces: usize,
}

impl Scanner<'_> {
    fn run(&mut self) {
        let mut for_tests = false;
        while let Some(token) = self.tokens.get(self.at) {
            match token.text.as_str() {
                "{" => {
                    self.braces += 1;
                    self.at += 1;
                }
                "}" => {
                    if self.modules.last().is_some_and(|(braces, _)| *braces == self.braces) {
                        self.modules.pop();
                    }
                    self.braces = self.braces.saturating_sub(1);
                    self.at += 1;
                }
                "#" => {
                    let attribute = self.attribute();
                    for_tests |= attribute.starts_with("[cfg(")
                        && attribute.split(|c: char| !c.is_alphanumeric()).any(|word| word == "test")
                        && !attribute.contains("not(test");
                }
                "mod" if self.is(self.at + 2, "{") => {
                    self.braces += 1;
                    self.modules.push((self.braces, for_tests));
                    for_tests = false;
                    self.at += 3;
                }
                _ if token.is_name => {
                    if !matches!(token.text.as_str(), "pub" | "unsafe" | "async") {
                        for_tests = false;
                    }
                    self.path(&mut Vec::new());
                }
                _ => self.at += 1,
            }
        }
    }

    /// Reads a path, and whatever stands in braces behind it, after `prefix`.
    fn path(&mut self, prefix: &mut Vec<String>) {
        let before = prefix.len();
        while let Some(token) = self.tokens.get(self.at) {
            let line = token.line;
            if token.text == "{" && prefix.len() > before {
                self.at += 1;
                while self.at < self.tokens.len() && !self.is(self.at, "}") {
                    if self.is(self.at, ",") || self.is(self.at, "*") {
                        self.at += 1;
                    } else {
                        let start = self.at;
                        self.path(prefix);
                        self.skip_alias();
                        if self.at == start {
                            self.at += 1;
                        }
                    }
                }
                self.at += 1;
                break;
            }
            if !token.is_name {
                break;
            }
            let mut name = token.text.clone();
            self.at += 1;
            if self.is(self.at, "!") && !self.is(self.at + 1, "=") {
                name.push('!');
            }
            prefix.push(name);
            if self.is(self.at, "::") {
                self.at += 1;
                if self.tokens.get(self.at).is_some_and(|token| token.is_name || token.text == "{") {
                    continue;
                }
            }
            self.found.push(CodePath {
                line,
                segments: prefix.clone(),
                in_test: self.modules.iter().any(|(_, for_tests)| *for_tests),
                inline_modules: self.modules.len(),
            });
            break;
        }
        prefix.truncate(before);
    }

    fn skip_alias(&mut self) {
        if self.is(self.at, "as") {
            self.at += 2;
        }
    }

    /// Steps over an attribute and gives its text; paths in it name nothing that these rules are about.
    fn attribute(&mut self) -> String {
        let mut text = String::new();
        let mut open = 0;
        self.at += 1;
        while let Some(token) = self.tokens.get(self.at) {
            match token.text.as_str() {
                "!" if open == 0 => {}
                "[" => open += 1,
                "]" => open -= 1,
                _ => {}
            }
            text.push_str(&token.text);
            self.at += 1;
            if open == 0 && token.text != "!" {
                break;
            }
        }
        text
    }

    fn is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.text == text)
    }
}

#[derive(Debug)]
struct Token {
    line: usize,
    text: String,
    is_name: bool,
}

/// The names and signs of a text of Rust, without comments, texts and characters. `::` is one sign.
fn tokens(text: &str) -> Vec<Token> {
    let characters: Vec<char> = text.chars().collect();
    let at = |index: usize| characters.get(index).copied().unwrap_or('\0');
    let mut tokens = Vec::new();
    let (mut index, mut line) = (0, 1);
    while index < characters.len() {
        let start = index;
        let mut token = None;
        match (at(index), at(index + 1)) {
            ('/', '/') => index = end_of_line(&characters, index),
            ('/', '*') => index = end_of_comment(&characters, index),
            ('"', _) => index = end_of_text(&characters, index),
            ('\'', _) => index = end_of_character(&characters, index),
            (':', ':') => {
                index += 2;
                token = Some(("::".to_owned(), false));
            }
            (first, _) if first.is_alphabetic() || first == '_' => {
                while at(index).is_alphanumeric() || at(index) == '_' {
                    index += 1;
                }
                let name: String = characters[start..index].iter().collect();
                match (name.as_str(), at(index)) {
                    ("r" | "br" | "cr", '"' | '#') if is_raw_text(&characters, index) => {
                        index = end_of_raw_text(&characters, index);
                    }
                    ("b" | "c", '"') => index = end_of_text(&characters, index),
                    ("b", '\'') => index = end_of_character(&characters, index),
                    _ => token = Some((name, true)),
                }
            }
            (first, _) => {
                index += 1;
                token = Some((first.to_string(), false)).filter(|_| !first.is_whitespace());
            }
        }
        tokens.extend(token.map(|(text, is_name)| Token { line, text, is_name }));
        line += characters[start..index.min(characters.len())].iter().filter(|c| **c == '\n').count();
    }
    tokens
}

fn end_of_line(characters: &[char], from: usize) -> usize {
    characters[from..].iter().position(|c| *c == '\n').map_or(characters.len(), |length| from + length)
}

/// The end of a comment that may hold others.
fn end_of_comment(characters: &[char], from: usize) -> usize {
    let (mut index, mut depth) = (from, 0);
    while index < characters.len() {
        match (characters[index], characters.get(index + 1)) {
            ('/', Some('*')) => (depth, index) = (depth + 1, index + 2),
            ('*', Some('/')) => (depth, index) = (depth - 1, index + 2),
            _ => index += 1,
        }
        if depth == 0 {
            break;
        }
    }
    index
}

fn end_of_text(characters: &[char], from: usize) -> usize {
    let mut index = from + 1;
    while index < characters.len() && characters[index] != '"' {
        index += if characters[index] == '\\' { 2 } else { 1 };
    }
    index + 1
}

fn is_raw_text(characters: &[char], from: usize) -> bool {
    characters[from..].iter().find(|c| **c != '#') == Some(&'"')
}

fn end_of_raw_text(characters: &[char], from: usize) -> usize {
    let hashes = characters[from..].iter().take_while(|c| **c == '#').count();
    let mut index = from + hashes + 1;
    while index < characters.len() {
        let closed = characters[index] == '"'
            && characters[index + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
        index += 1;
        if closed {
            return index + hashes;
        }
    }
    index
}

/// The end of `'x'`, or of the quotation mark of a lifetime.
fn end_of_character(characters: &[char], from: usize) -> usize {
    let start = characters[from..].iter().position(|c| *c == '\'').map_or(from, |length| from + length);
    if characters.get(start + 1) == Some(&'\\') {
        let from = start + 3;
        return characters
            .get(from..)
            .and_then(|rest| rest.iter().position(|c| *c == '\''))
            .map_or(characters.len(), |length| from + length + 1);
    }
    if characters.get(start + 2) == Some(&'\'') { start + 3 } else { start + 1 }
}

mod scanner {
    use super::{check, paths};

    fn faults(name: &str, text: &str) -> Vec<String> {
        check(name, text)
    }

    fn fault(name: &str, text: &str) -> String {
        let faults = faults(name, text);
        assert_eq!(faults.len(), 1, "{name}: {text}: {faults:?}");
        faults[0].clone()
    }

    #[test]
    fn a_room_above_is_refused_however_it_is_named() {
        for text in [
            "use crate::cli;",
            "use crate::cli::Settings;",
            "use crate::{project::Layer, cli};",
            "use crate::{\n    project::{Layer, Function as F},\n    cli::{self, Settings},\n};",
            "pub(crate) use crate::pipeline as p;",
            "fn f() -> crate::layer::LayerBlob { loop {} }",
            "use super::image;",
            "mod a { use super::super::image; }",
            "#[cfg(test)]\nmod tests { use crate::layer::Key; }",
        ] {
            assert!(!faults("tree/mod.rs", text).is_empty(), "{text}");
        }
        assert_eq!(
            faults("tree/mod.rs", "use crate::{\n    project::Layer,\n    cli::{self, Settings},\n};").len(),
            2
        );
    }

    #[test]
    fn a_fault_has_its_file_its_line_and_its_mend() {
        assert_eq!(
            fault("tree/zip/mod.rs", "// one\n\nuse crate::plan::plan;\n"),
            "src/tree/zip/mod.rs:3: `tree` may not name `plan`: `plan` stands above it; return a value or report an \
             event, and let the caller join the two"
        );
        assert_eq!(
            fault("tree/mod.rs", "use crate::store;"),
            "src/tree/mod.rs:1: `tree` may not name `store`: it may name project, fs; pass what it needs in, or move \
             the code"
        );
        assert!(fault("kitchen/mod.rs", "").contains("has no row"));
    }

    #[test]
    fn what_stands_below_is_allowed_and_so_is_the_room_itself() {
        for text in [
            "use crate::project::{ImagePath, Source};\nuse crate::fs::{self, FsError};",
            "use crate::tree::Tree;",
            "use super::{Content, FileNode};",
            "#[cfg(test)]\nmod tests { use super::*; }",
        ] {
            assert_eq!(faults("tree/zip/name.rs", text), [""; 0], "{text}");
        }
        assert_eq!(faults("definition/validate/base.rs", "use super::super::codes;"), [""; 0]);
        assert_eq!(
            faults("layout/tests.rs", "use crate::tree::Tree;"),
            [""; 0],
            "a test makes what it needs"
        );
        assert_eq!(faults("layout/mod.rs", "#[cfg(test)]\nmod tests { use crate::tree::Tree; }"), [""; 0]);
        assert!(fault("layout/mod.rs", "use crate::tree::Tree;").contains("`tree`"));
        assert!(fault("definition/validate/base.rs", "use super::super::super::cli;").contains("`cli`"));
    }

    #[test]
    fn comments_and_texts_name_nothing() {
        let text = r##"
            //! [`crate::cli`]
            /// crate::cli
            /* crate::cli /* crate::cli */ crate::cli */
            const A: &str = "crate::cli \" crate::cli";
            const B: &str = r#"crate::cli " crate::cli"#;
            const C: &[u8] = b"crate::cli";
            const D: char = '"'; const E: char = '\''; const F: char = '\u{1b}';
            fn f<'a>(text: &'a str) -> &'a str { text }
        "##;
        assert_eq!(faults("fs.rs", text), [""; 0]);
        let all: Vec<_> = paths(text).into_iter().map(|path| path.segments.join("::")).collect();
        assert!(all.ends_with(&["text".to_owned()]), "the rest was read too: {all:?}");
        assert!(fault("fs.rs", &format!("{text}\nuse crate::cli;")).starts_with("src/fs.rs:11: "));
    }

    #[test]
    fn pure_rooms_know_no_clock_no_environment_and_no_network() {
        for text in [
            "use std::time::SystemTime;",
            "use std::{collections::BTreeMap, time::{Duration, Instant}};",
            "fn f() { std::time::Instant::now(); }",
            "use std::fs::write;",
            "fn f() { std::fs::write(a, b); }",
            "async fn f() { tokio::spawn(g()); }",
            "use reqwest::Client;",
            "fn f() { fs::write_atomically(a, b); }",
        ] {
            assert!(fault("plan/mod.rs", text).contains("is pure"), "{text}");
            let in_test = format!("#[cfg(all(test, unix))]\nmod tests {{ {text} }}");
            assert_eq!(faults("plan/mod.rs", &in_test), [""; 0]);
            assert_eq!(faults("plan/tests.rs", text), [""; 0]);
            assert_eq!(faults("pipeline/mod.rs", text), [""; 0]);
        }
        assert_eq!(
            faults("definition/mod.rs", "use crate::fs::{self, FsError}; fn f() { fs::open(p); }"),
            [""; 0]
        );
        assert!(!faults("plan/mod.rs", "#[cfg(not(test))] mod a { use tokio::fs; }").is_empty());
        assert!(!faults("plan/mod.rs", "#[cfg(test)] mod tests; mod a { use tokio::fs; }").is_empty());
        assert!(!faults("plan/mod.rs", "#[cfg(test)] mod tests {} mod a { use tokio::fs; }").is_empty());
    }

    #[test]
    fn only_the_command_line_prints() {
        for text in [
            "fn f() { println!(\"x\"); }",
            "fn f() { std::eprintln!(\"x\"); }",
            "fn f() { std::io::stdout().lock(); }",
            "use std::io::{self, stderr};",
            "fn f() { io::stderr(); }",
        ] {
            assert!(fault("pipeline/base.rs", text).contains("only `cli` prints"), "{text}");
            assert_eq!(faults("cli/render.rs", text), [""; 0]);
        }
        assert_eq!(faults("pipeline/base.rs", "fn f(stdout: u8) -> bool { stdout != 1 }"), [""; 0]);
    }

    #[test]
    fn only_the_settings_read_the_environment() {
        for text in ["use std::env;", "fn f() { std::env::var(\"X\"); }", "use std::{env, fs};"] {
            assert!(fault("engine/mod.rs", text).contains("reads the environment"), "{text}");
            assert!(fault("cli/build.rs", text).contains("reads the environment"), "{text}");
            assert_eq!(faults("cli/settings.rs", text), [""; 0]);
        }
        assert_eq!(faults("engine/mod.rs", "const V: &str = env!(\"CARGO_PKG_VERSION\");"), [""; 0]);
    }
}
