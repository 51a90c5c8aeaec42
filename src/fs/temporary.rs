//! Temporary files, through which limg writes everything: a reader sees a whole file or none.
//!
//! The process that writes a temporary file holds a lock on it, which ends with the process, however it ends. A temporary
//! file whose lock is free was left by a killed process, however old it is. Trees of files never contain temporary files
//! ([`is_temporary`]), and every folder that limg writes to is cleaned with [`remove_abandoned`].

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use same_file::Handle;
use tempfile::NamedTempFile;

use super::{FsError, folder_of, set_mode};

/// The start of the names of temporary files.
const TEMPORARY: &str = ".limg-tmp-";

/// The age after which a temporary file is abandoned where the file system has no locks.
const ABANDONED: Duration = Duration::from_hours(24);

/// Whether a file with this name is temporary and none of the user's.
#[must_use]
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes())
}

/// A temporary file in `folder` that is readable by all users, unlike the private default. It is removed when dropped.
pub(crate) fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    loop {
        let temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
        // Without locks, its age protects the file.
        let _unsupported = temporary.as_file().lock();
        // Before it was locked, another process may have removed it as abandoned.
        if is_at(temporary.as_file(), temporary.path())? {
            // Not at creation, where the umask would apply.
            set_mode(temporary.as_file(), 0o644)?;
            return Ok(temporary);
        }
    }
}

/// Writes a file through a temporary file in the same folder, which is synced and renamed: a reader sees the old content or
/// the new one, never a part.
pub(crate) fn write_atomically(path: &Path, content: &[u8]) -> Result<(), FsError> {
    let write = || -> io::Result<()> {
        let mut temporary = temporary_file(folder_of(path))?;
        temporary.write_all(content)?;
        persist(temporary, path)
    };
    write().map_err(FsError::because("write", path))
}

/// Syncs a temporary file and renames it, in place of the file that has this path.
pub(crate) fn persist(temporary: NamedTempFile, path: &Path) -> io::Result<()> {
    temporary.as_file().sync_all()?;
    temporary.persist(path).map(drop).map_err(|error| error.error)
}

/// Removes the temporary files that killed processes left in `folder`. Errors are ignored: another process may be doing the
/// same.
pub(crate) fn remove_abandoned(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| is_temporary(&entry.file_name())) {
        remove_if_abandoned(&entry.path());
    }
}

/// Removes a temporary file, unless a process is still writing it.
pub(crate) fn remove_if_abandoned(path: &Path) {
    // Opening anything but a file could block.
    if !std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return;
    }
    let Ok(file) = File::open(path) else { return };
    let is_abandoned = match file.try_lock_shared() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(_)) => is_old(&file),
    };
    // The lock is kept until the file is gone, so that a process that has just created it notices.
    if is_abandoned {
        drop(std::fs::remove_file(path));
    }
}

fn is_old(file: &File) -> bool {
    let written = file.metadata().and_then(|metadata| metadata.modified());
    written.is_ok_and(|written| SystemTime::now().duration_since(written).is_ok_and(|age| age > ABANDONED))
}

/// Whether a path still leads to this file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match Handle::from_path(path) {
        Ok(there) => Ok(there == Handle::from_file(file.try_clone()?)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The next content of a file. While it exists, no other process can have one of the same file, so that the file can be
/// read, changed and replaced without losing a change that another process makes.
///
/// It is a temporary file of a fixed name that is locked and finally renamed: unlike a separate lock file, nothing is left.
#[derive(Debug)]
pub(crate) struct Successor {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
}

impl Successor {
    /// Waits until no other process has one.
    pub(crate) fn of(path: &Path) -> Result<Self, FsError> {
        let mut name = OsStr::new(TEMPORARY).to_owned();
        name.push(path.file_name().unwrap_or_default());
        let temporary = folder_of(path).join(name);
        let create = || -> io::Result<File> {
            loop {
                // A link would lead to a file that is none of limg's.
                if std::fs::symlink_metadata(&temporary).is_ok_and(|there| !there.is_file()) {
                    std::fs::remove_file(&temporary)?;
                }
                let file =
                    File::options().read(true).write(true).create(true).truncate(false).open(&temporary)?;
                match file.lock() {
                    // Nothing prevents two processes at once on a file system without locks.
                    Err(error) if error.kind() != io::ErrorKind::Unsupported => return Err(error),
                    _ => {}
                }
                // Before it released the lock, another process may have renamed or removed the file.
                if is_at(&file, &temporary)? {
                    return Ok(file);
                }
            }
        };
        let file = create().map_err(FsError::because("write", path))?;
        Ok(Self { path: path.to_owned(), temporary, file })
    }

    /// Replaces the file.
    pub(crate) fn replace(mut self, content: &[u8]) -> Result<(), FsError> {
        let mut write = || -> io::Result<()> {
            // A killed process may have left a part of its own.
            self.file.set_len(0)?;
            set_mode(&self.file, 0o644)?;
            self.file.write_all(content)?;
            self.file.sync_all()?;
            std::fs::rename(&self.temporary, &self.path)
        };
        write().map_err(FsError::because("write", &self.path))
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        // Once it was renamed, another process may have created its own.
        if is_at(&self.file, &self.temporary).unwrap_or(false) {
            drop(std::fs::remove_file(&self.temporary));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        super::super::names_in(folder).unwrap()
    }

    #[test]
    fn temporary_files_are_removed_unless_a_process_writes_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (left, users) = (format!("{TEMPORARY}left"), ".limg-notes");
        for name in [&left, users] {
            std::fs::write(path(name), b"x").unwrap();
        }
        std::fs::create_dir(path(&format!("{TEMPORARY}folder"))).unwrap();
        let written = temporary_file(folder.path()).unwrap();
        remove_abandoned(folder.path());
        assert!(!path(&left).exists() && path(users).exists() && written.path().exists());
        remove_abandoned(&path("none"));
    }

    #[test]
    fn a_file_is_never_changed_by_two_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        std::fs::write(&path, b"0").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let successor = Successor::of(&path).unwrap();
                        let number: u32 = std::fs::read_to_string(&path).unwrap().parse().unwrap();
                        successor.replace((number + 1).to_string().as_bytes()).unwrap();
                        drop(Successor::of(&path).unwrap());
                    }
                });
            }
        });
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "400");
        assert_eq!(names(folder.path()), ["number"]);
    }

    #[test]
    fn the_rest_of_a_killed_process_does_not_get_into_a_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(format!("{TEMPORARY}file")), "a half-written text").unwrap();
        Successor::of(&folder.path().join("file")).unwrap().replace(b"short").unwrap();
        assert_eq!(std::fs::read(folder.path().join("file")).unwrap(), b"short");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_a_temporary_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("precious"), b"precious").unwrap();
        std::os::unix::fs::symlink("precious", path(&format!("{TEMPORARY}file"))).unwrap();
        Successor::of(&path("file")).unwrap().replace(b"new").unwrap();
        assert_eq!(std::fs::read(path("precious")).unwrap(), b"precious");
        assert_eq!(std::fs::read(path("file")).unwrap(), b"new");
    }
}
