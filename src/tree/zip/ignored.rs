//! What is left out of an archive: `exclude` and the `.limgignore` files in it, to the same effect as in a directory.

use std::collections::BTreeMap;

use ignore::Match;
use ignore::gitignore::Gitignore;

use super::ZipEntry;
use crate::project::Source;
use crate::tree::TreeError;
use crate::tree::patterns::{IGNORE_FILE, compile_file, compile_patterns};

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
        Ok(Self { exclude: compile_patterns(&source.exclude)?, files: BTreeMap::new() })
    }

    /// Takes an entry for a `.limgignore` if it has that name. Like everywhere, it does not become part of the image.
    pub(super) fn takes(
        &mut self,
        path: &str,
        entry: impl FnOnce() -> Result<ZipEntry, TreeError>,
    ) -> Result<bool, TreeError> {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name != IGNORE_FILE {
            return Ok(false);
        }
        let entry = entry()?;
        self.files.insert(directory.to_owned(), compile_file(&mut entry.open()?, &entry)?);
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
