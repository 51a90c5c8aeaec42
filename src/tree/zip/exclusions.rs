//! What is excluded from an archive: `exclude` patterns and the archive's own `.limgignore` files, with the same
//! effect as in a directory.

use std::collections::BTreeMap;

use ignore::Match;

use super::ZipEntry;
use crate::project::{IGNORE_FILE, Source};
use crate::tree::TreeError;
use crate::tree::exclusions::next_to_definition;
use crate::tree::patterns::{Patterns, compile_file};

/// The patterns that apply to one archive.
#[derive(Debug)]
pub(super) struct Exclusions {
    exclude: Patterns,
    /// The `.limgignore` files by their directories; the root's is empty.
    ignore_files: BTreeMap<String, Patterns>,
    /// The one next to the definition, and the path of the archive below its folder, with a trailing `/`.
    next_to_definition: Option<(Patterns, String)>,
}

impl Exclusions {
    /// Compiles the source's own patterns.
    pub(super) fn new(source: &Source) -> Result<Self, TreeError> {
        Ok(Self {
            exclude: Patterns::of_source(&source.exclude)?,
            ignore_files: BTreeMap::new(),
            next_to_definition: next_to_definition(source)?,
        })
    }

    /// Reads an entry if it is a `.limgignore` file, which never becomes part of the image. Returns whether it is one.
    pub(super) fn add_ignore_file(
        &mut self,
        path: &str,
        entry: impl FnOnce() -> Result<ZipEntry, TreeError>,
    ) -> Result<bool, TreeError> {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name != IGNORE_FILE {
            return Ok(false);
        }
        let entry = entry()?;
        self.ignore_files.insert(directory.to_owned(), compile_file(entry.open()?, &entry)?);
        Ok(true)
    }

    /// Whether the entry at this path below the archive's root is excluded, by itself or with a directory above it.
    pub(super) fn excludes(&self, path: &str, is_directory: bool) -> bool {
        if self.exclude.is_empty() && self.ignore_files.is_empty() && self.next_to_definition.is_none() {
            return false;
        }
        // From the top: no pattern can include what is in an excluded directory, since a walk would not enter it.
        let directories = path.match_indices('/').map(|(end, _)| (&path[..end], true));
        directories.chain([(path, is_directory)]).any(|(path, is_directory)| {
            match self.exclude.matched(path, is_directory) {
                Match::None => self.is_ignored(path, is_directory),
                found => found.is_ignore(),
            }
        })
    }

    /// Whether the nearest `.limgignore` with a matching pattern excludes the path.
    fn is_ignored(&self, path: &str, is_directory: bool) -> bool {
        let mut directory = path;
        while !directory.is_empty() {
            directory = directory.rsplit_once('/').map_or("", |(parent, _)| parent);
            let below = path[directory.len()..].trim_start_matches('/');
            let file = self.ignore_files.get(directory);
            match file.map_or(Match::None, |file| file.matched(below, is_directory)) {
                Match::None => {}
                found => return found.is_ignore(),
            }
        }
        let outer = self.next_to_definition.as_ref();
        outer.is_some_and(|(file, archive)| {
            file.matched(&format!("{archive}{path}"), is_directory).is_ignore()
        })
    }
}
