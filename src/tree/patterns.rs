//! Patterns in gitignore syntax: those of a definition, and the `.limgignore` files of a source.

use std::fmt::Display;
use std::io::Read;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::TreeError;

/// The name of a file that lists, in gitignore syntax, what to exclude from its directory.
pub(super) const IGNORE_FILE: &str = ".limgignore";

/// How much of a `.limgignore` is read: many times the size of real ones.
const FILE_LIMIT: u64 = 1024 * 1024;

/// Compiles patterns in gitignore syntax. They are relative to a source's root, like those of a `.gitignore` there.
///
/// # Errors
/// When one of them is not valid.
pub fn compile_patterns(patterns: &[String]) -> Result<Gitignore, TreeError> {
    let pattern_error = |pattern: &str| {
        let pattern = pattern.to_owned();
        |source| TreeError::Pattern { pattern, source }
    };
    // The root is empty because patterns are matched with paths below the source's root.
    let mut builder = GitignoreBuilder::new("");
    for pattern in patterns {
        builder.add_line(None, pattern).map_err(pattern_error(pattern))?;
    }
    builder.build().map_err(pattern_error(&patterns.join("`, `")))
}

/// Compiles a `.limgignore` file, whose patterns are matched with paths below its folder. `what` names the file in
/// messages.
pub(super) fn compile_file(content: &mut dyn Read, what: &dyn Display) -> Result<Gitignore, TreeError> {
    let mut text = String::new();
    content
        .take(FILE_LIMIT)
        .read_to_string(&mut text)
        .map_err(|source| TreeError::Read { what: what.to_string(), source })?;
    let invalid = |error: ignore::Error| {
        let why = format!("contains an invalid pattern: {error}");
        TreeError::unsuitable(what, why, "write patterns as in a .gitignore file")
    };
    let mut builder = GitignoreBuilder::new("");
    for line in text.trim_start_matches('\u{feff}').lines() {
        builder.add_line(None, line).map_err(invalid)?;
    }
    builder.build().map_err(invalid)
}
