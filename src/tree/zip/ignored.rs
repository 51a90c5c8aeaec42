//! What is left out of an archive: `exclude` and the `.limgignore` files in it, to the same effect as in a directory.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use ignore::{Error, Match};

use super::ZipEntry;
use crate::project::Source;
use crate::tree::TreeError;
use crate::tree::directory;

/// How much of a `.limgignore` is read: many times what anybody writes.
const FILE_LIMIT: u64 = 1024 * 1024;

/// The patterns that hold in one archive.
#[derive(Debug)]
pub(super) struct Ignored {
    exclude: Gitignore,
    /// The `.limgignore` files by the directories that hold them; the root's is empty.
    files: BTreeMap<String, Gitignore>,
}

impl Ignored {
    /// Compiles the patterns of `exclude`.
    pub(super) fn new(source: &Source) -> Result<Self, TreeError> {
        Ok(Self { exclude: directory::compile_patterns(&source.exclude)?, files: BTreeMap::new() })
    }

    /// Takes an entry for a `.limgignore` if it has that name. Like everywhere, it does not become part of the image.
    pub(super) fn takes(
        &mut self,
        path: &str,
        entry: impl FnOnce() -> Result<ZipEntry, TreeError>,
    ) -> Result<bool, TreeError> {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name != directory::IGNORE_FILE {
            return Ok(false);
        }
        self.files.insert(directory.to_owned(), patterns(&entry()?)?);
        Ok(true)
    }

    /// Whether what has this path below the archive's root is left out, by itself or with a directory above it.
    pub(super) fn leave_out(&self, path: &str, directory: bool) -> bool {
        if self.exclude.is_empty() && self.files.is_empty() {
            return false;
        }
        // From the top: what a left-out directory holds no pattern can bring back, since a walk would not enter it.
        let above = path.match_indices('/').map(|(end, _)| (&path[..end], true));
        above.chain([(path, directory)]).any(|(path, directory)| {
            self.exclude.matched(path, directory).is_ignore() || self.by_files(path, directory)
        })
    }

    /// Whether the nearest `.limgignore` that says anything of a path says to leave it out.
    fn by_files(&self, path: &str, is_directory: bool) -> bool {
        let mut directory = path;
        while !directory.is_empty() {
            directory = directory.rsplit_once('/').map_or("", |(above, _)| above);
            let below = path[directory.len()..].trim_start_matches('/');
            match self.files.get(directory).map_or(Match::None, |file| file.matched(below, is_directory)) {
                Match::None => {}
                found => return found.is_ignore(),
            }
        }
        false
    }
}

/// Compiles a `.limgignore`.
fn patterns(entry: &ZipEntry) -> Result<Gitignore, TreeError> {
    let mut text = String::new();
    entry
        .open()?
        .take(FILE_LIMIT)
        .read_to_string(&mut text)
        .map_err(|source| TreeError::Read { what: entry.to_string(), source })?;
    let wrong = |error: Error| TreeError::Unsuitable {
        what: entry.to_string(),
        why: format!("has a pattern that is none: {error}"),
        help: "patterns are written as in a .gitignore",
    };
    let mut builder = GitignoreBuilder::new(Path::new(""));
    for line in text.trim_start_matches('\u{feff}').lines() {
        builder.add_line(None, line).map_err(wrong)?;
    }
    builder.build().map_err(wrong)
}
