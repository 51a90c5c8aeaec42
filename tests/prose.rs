//! The words of limg, as a test: some that read as if translated appear nowhere.
//!
//! It reads all that a reader meets: messages, documentation, comments, and the names of files and in the code.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::fs;
use std::path::Path;

/// The words, each with a note on what to write instead.
const WORDS: &[(&str, &str)] = &[
    ("anew", "use `again`"),
    ("mend", "use `fix`"),
    ("mended", "use `fixed`"),
    ("mends", "use `fixes`"),
    ("nobody", "name who does not, or use the passive"),
    ("told", "use `reported`, `shown` or `printed`"),
    ("whoever", "use `if you …` or name who"),
];

/// What may follow `is no`, which is otherwise `is not a`. `There is no` is good English too.
const AFTER_IS_NO: &[&str] = &["larger", "less", "longer", "more", "newer", "older", "smaller"];

const READ: &[&str] = &[
    ".cargo",
    ".ci",
    ".config",
    "CHANGELOG.md",
    "Cargo.toml",
    "Dockerfiles",
    "Makefile",
    "README.md",
    "base-images",
    "benches",
    "docs",
    "examples",
    "src",
    "tests",
];

/// What builds leave behind, and this file.
const SKIPPED: &[&str] = &[".limg", "__pycache__", "out", "prose.rs", "target"];

#[test]
fn no_words_that_read_as_if_translated() {
    let mut found = Vec::new();
    for name in READ {
        look_in(name, &mut found);
    }
    assert!(found.is_empty(), "{} words to replace:\n\n{}\n", found.len(), found.join("\n"));
}

/// Looks at a file, or at all files of a folder, and adds `path:line: word`.
fn look_in(name: &str, found: &mut Vec<String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let own_name = name.rsplit('/').next().unwrap();
    found.extend(
        faults(own_name).into_iter().map(|(_, fault)| format!("{name}: {fault} in the name of the file")),
    );
    if path.is_dir() {
        let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        for entry in names.iter().map(|name| name.to_str().unwrap()) {
            if !SKIPPED.contains(&entry) {
                look_in(&format!("{name}/{entry}"), found);
            }
        }
    } else if let Ok(text) = fs::read_to_string(path) {
        found.extend(faults(&text).into_iter().map(|(line, fault)| format!("{name}:{line}: {fault}")));
    }
}

/// The words of [`WORDS`] and `is no` in a text, with their lines.
fn faults(text: &str) -> Vec<(usize, String)> {
    let words = words(text);
    let mut faults = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if let Some((_, advice)) = WORDS.iter().find(|(own, _)| *own == word.text) {
            faults.push((word.line, format!("`{}`: {advice}", word.text)));
        }
        let before = |distance: usize| at.checked_sub(distance).map_or("", |at| words[at].text.as_str());
        let follows = words.get(at + 1).map_or("", |next| next.text.as_str());
        if word.text == "no"
            && before(1) == "is"
            && word.joined
            && before(2) != "there"
            && !AFTER_IS_NO.contains(&follows)
        {
            faults.push((word.line, "`is no`: use `is not a`".to_owned()));
        }
    }
    faults
}

struct Word {
    text: String,
    line: usize,
    /// Whether only spaces, the signs of a comment or an underscore are between it and the word before.
    joined: bool,
}

/// Words in lower case; an underscore or a capital letter inside of a name begins one.
fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let (mut line, mut before, mut joined) = (1, ' ', true);
    for character in text.chars() {
        if !character.is_alphabetic() {
            line += usize::from(character == '\n');
            joined &= character.is_whitespace() || "_/!#*\\`".contains(character);
        } else if before.is_alphabetic() && !(before.is_lowercase() && character.is_uppercase()) {
            words.last_mut().unwrap().text.extend(character.to_lowercase());
        } else {
            words.push(Word { text: character.to_lowercase().collect(), line, joined });
            joined = true;
        }
        before = character;
    }
    words
}

#[test]
fn the_words_are_found_in_prose_and_in_names() {
    for (text, lines) in [
        ("It is told.\nTold!", &[1, 2][..]),
        ("fn users_are_told() { MENDS; WhoeverAsks }", &[1, 1, 1]),
        ("x is no tag", &[1]),
        ("/// It is\n/// no tag", &[2]),
        ("a_tag_that_is_no_tag()", &[1]),
        ("is no longer, is no larger, there is no tag; that it is, no tag", &[]),
        ("amend recommend retold mender untold", &[]),
    ] {
        assert_eq!(faults(text).into_iter().map(|(line, _)| line).collect::<Vec<_>>(), lines, "{text}");
    }
}
