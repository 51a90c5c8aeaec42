//! Requirements as files for the tools, in a temporary folder of the store.

use std::path::Path;

use super::lists::Requested;
use super::requirement_files::Requirement;
use crate::fs::{self, FsError};
use crate::store::{Store, TemporaryFolder};

/// Files for a tool. They are removed with it.
pub(super) struct Scratch {
    folder: TemporaryFolder,
    /// The path of the requirements, with the options of their lists.
    pub(super) list: String,
    /// The path of the constraints.
    pub(super) constraints: String,
}

impl Scratch {
    /// Writes requirements and constraints; `hashes` also those that their files may have.
    pub(super) fn write(requested: &Requested, hashes: bool, store: &Store) -> Result<Self, FsError> {
        let folder = store.temporary_folder()?;
        let write = |name: &str, text: String| {
            let path = folder.path().join(name);
            fs::write_atomically(&path, text.as_bytes()).map(|()| path.display().to_string())
        };
        let line = |requirement: &Requirement| {
            let hashes = requirement.hashes.iter().filter(|_| hashes);
            let hashes = hashes.fold(String::new(), |line, hash| line + " --hash=" + hash);
            requirement.text.clone() + &hashes
        };
        let requirements = &requested.requirements;
        let lines: Vec<String> =
            requirements.options.iter().cloned().chain(requirements.lines.iter().map(line)).collect();
        let constraints: Vec<&str> = requirements.constraints.iter().map(|it| it.text.as_str()).collect();
        let list = write("requirements.txt", lines.join("\n") + "\n")?;
        let constraints = write("constraints.txt", constraints.join("\n") + "\n")?;
        Ok(Self { folder, list, constraints })
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}
