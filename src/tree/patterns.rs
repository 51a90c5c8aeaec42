//! Patterns in gitignore syntax: those of a definition, and the `.limgignore` files of a source.

use std::fmt::Display;
use std::io::Read;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::TreeError;
use crate::fs;

/// The most bytes of a `.limgignore`: many times the size of real ones.
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

/// Compiled patterns, and the folders above what they bring back.
#[derive(Debug)]
pub(super) struct Patterns {
    all: Gitignore,
    /// Matches the folders above what patterns with `!` name.
    above_kept: Gitignore,
}

impl Patterns {
    /// Compiles the patterns of a definition.
    pub(super) fn of_source(patterns: &[String]) -> Result<Self, TreeError> {
        Self::new(compile_patterns(patterns)?, patterns.iter().map(String::as_str))
            .map_err(|source| TreeError::Pattern { pattern: patterns.join("`, `"), source })
    }

    fn new<'a>(all: Gitignore, lines: impl Iterator<Item = &'a str>) -> Result<Self, ignore::Error> {
        let mut above = GitignoreBuilder::new("");
        for kept in lines.filter_map(|line| line.strip_prefix('!')) {
            let kept = kept.trim_start_matches('/').trim_end_matches('/');
            let folders = kept.match_indices('/').map(|(end, _)| &kept[..end]);
            // A folder that only has to be there, such as that of `**/name`, names nothing to bring back.
            let names_one =
                |folder: &&str| !folder.rsplit('/').next().unwrap_or(folder).bytes().all(|byte| byte == b'*');
            for folder in folders.filter(names_one) {
                above.add_line(None, &format!("/{folder}/"))?;
            }
        }
        Ok(Self { all, above_kept: above.build()? })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether the last pattern that matches a path excludes it or brings it back.
    pub(super) fn matched(&self, path: &str, is_directory: bool) -> Match<()> {
        self.all.matched(path, is_directory).map(|_| ())
    }

    /// Whether a pattern brings back something in a folder.
    pub(super) fn leads_to_kept(&self, folder: &str) -> bool {
        !self.above_kept.is_empty() && self.above_kept.matched(folder, true).is_ignore()
    }
}

/// Compiles a `.limgignore` file, whose patterns are matched with paths below its folder. `what` names the file in
/// messages.
pub(super) fn compile_file(content: impl Read, what: &impl Display) -> Result<Patterns, TreeError> {
    let bytes = fs::read_at_most(content, FILE_LIMIT).map_err(TreeError::reading(what))?;
    let text = str::from_utf8(&bytes)
        .map_err(|_| TreeError::unsuitable(what, "is not UTF-8 text", "save it as UTF-8"))?;
    let invalid = |error: ignore::Error| {
        let why = format!("contains an invalid pattern: {error}");
        TreeError::unsuitable(what, why, "write patterns as in a .gitignore file")
    };
    let mut builder = GitignoreBuilder::new("");
    let lines = text.trim_start_matches('\u{feff}').lines();
    for line in lines.clone() {
        builder.add_line(None, line).map_err(invalid)?;
    }
    Patterns::new(builder.build().map_err(invalid)?, lines).map_err(invalid)
}
