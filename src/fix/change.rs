//! What was changed in an image.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::finding::Code;
use crate::text::{count, first_of};

/// How many paths are named in a message.
const NAMED: usize = 3;

/// A change to an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// The code of the finding that it corrects.
    pub code: Code,
    /// The number of the layer, the lowest being 1. Nothing if it is about the whole image.
    pub layer: Option<usize>,
    /// What was done to what.
    pub message: String,
    /// The paths that it is about.
    pub paths: Vec<String>,
}

/// The paths of a layer that were changed, by the kind of change.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Folders that got an entry, or whose entry was moved to the front.
    pub(super) parents: Vec<String>,
    /// Whiteouts in folders that do not exist, which were left out.
    pub(super) whiteouts: Vec<String>,
    /// Special files, and hard links to them, which were left out.
    pub(super) removed: Vec<String>,
    /// Hard links that became copies.
    pub(super) copied: BTreeSet<String>,
    /// What everyone can now read or enter.
    pub(super) opened: BTreeSet<String>,
    /// What everyone can now execute.
    pub(super) executable: BTreeSet<String>,
    /// Scripts with other line endings.
    pub(super) scripts: BTreeSet<String>,
}

impl Done {
    pub(super) fn is_empty(&self) -> bool {
        let Self { parents, whiteouts, removed, copied, opened, executable, scripts } = self;
        [parents, whiteouts, removed].into_iter().all(Vec::is_empty)
            && [copied, opened, executable, scripts].into_iter().all(BTreeSet::is_empty)
    }

    /// The changes, in a fixed order.
    pub(super) fn into_changes(self, layer: usize) -> impl Iterator<Item = Change> {
        let Self { parents, whiteouts, removed, copied, opened, executable, scripts } = self;
        let list = |paths: BTreeSet<String>| paths.into_iter().collect::<Vec<_>>();
        let all = [
            (Code::MissingParent, "listed first", "parent folder", parents),
            (Code::MissingParent, "without effect removed", "whiteout", whiteouts),
            (Code::SpecialFile, "removed", "special file", removed),
            (Code::HardLink, "replaced by a copy", "hard link", list(copied)),
            (Code::ClosedPath, "opened to all users", "path", list(opened)),
            (Code::NotAProgram, "made executable", "program", list(executable)),
            (Code::NotAProgram, "converted to Unix line endings", "script", list(scripts)),
        ];
        all.into_iter().filter(|(.., paths)| !paths.is_empty()).map(move |(code, what, noun, paths)| {
            let named = first_of(NAMED, paths.iter().map(|path| format!("`{path}`")));
            let message = format!("{} {what}: {named}", count(paths.len(), noun));
            Change { code, layer: Some(layer), message, paths }
        })
    }
}
