//! Folders for the work of other programs. One that a killed process has left is removed when the store is opened next.

use std::fs::DirBuilder;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::fs::{self, FsError};

/// What follows the name of a folder's lock in the name of the folder.
const SUFFIX: &str = ".d";

/// A folder in the store that only this user can read, removed when dropped.
#[derive(Debug)]
pub struct TemporaryFolder {
    path: PathBuf,
    /// Without its locked file, the folder is abandoned.
    _lock: NamedTempFile,
}

impl TemporaryFolder {
    /// Creates one below `parent`.
    pub(super) fn new(parent: &Path) -> Result<Self, FsError> {
        let because = FsError::because("create a temporary folder in", parent);
        let create = || {
            let lock = fs::temporary_file(parent)?;
            let mut name = lock.path().file_name().unwrap_or_default().to_owned();
            name.push(SUFFIX);
            let path = parent.join(name);
            builder().create(&path)?;
            Ok(Self { path, _lock: lock })
        };
        create().map_err(because)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What is left is removed when the store is opened next.
        let _left = std::fs::remove_dir_all(&self.path);
    }
}

/// Settings may contain credentials.
#[cfg(unix)]
fn builder() -> DirBuilder {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(not(unix))]
fn builder() -> DirBuilder {
    DirBuilder::new()
}

/// Removes the folders of processes that have ended, whose locks have been removed before.
pub(super) fn remove_abandoned(parent: &Path, names: &[String]) {
    for name in names {
        let Some(lock) = name.strip_suffix(SUFFIX) else { continue };
        let path = parent.join(name);
        let is_folder = std::fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
        if is_folder && !parent.join(lock).exists() {
            let _left = std::fs::remove_dir_all(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::store::Store;

    #[test]
    fn a_folder_is_removed_when_dropped_or_abandoned_and_never_while_it_is_used() {
        let (_folder, store) = Store::for_test();
        let used = store.temporary_folder().unwrap();
        std::fs::create_dir_all(used.path().join("a/b")).unwrap();
        let abandoned = store.temporary().join(".limg-tmp-killed.d");
        std::fs::create_dir_all(abandoned.join("node_modules")).unwrap();
        std::fs::write(abandoned.join("node_modules/x"), "x").unwrap();
        let reopened = Store::open(store.root()).unwrap();
        assert!(used.path().join("a/b").exists());
        assert!(!abandoned.exists());
        std::fs::write(used.path().join("a/large"), [0; 1000]).unwrap();
        let others = reopened.contents().unwrap().other;
        assert!(others < 1000, "what is being written does not count");
        drop(used);
        assert_eq!(std::fs::read_dir(store.temporary()).unwrap().count(), 0);
    }
}
