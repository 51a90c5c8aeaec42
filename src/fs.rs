//! File calls whose errors carry the verb and the path, as every error of limg must.
//!
//! Only thin wrappers live here; nothing decides anything.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How the names of temporary files begin.
const TEMPORARY: &str = ".limg-";

/// How old a temporary file is when no run can still be writing it.
const ABANDONED: Duration = Duration::from_hours(24);

/// A file call that failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {verb} `{}`", path.display())]
pub struct FsError {
    /// What was being done, such as `read` or `create the folder`.
    pub verb: &'static str,
    /// To what.
    pub path: PathBuf,
    /// Why it failed.
    #[source]
    pub source: io::Error,
}

impl FsError {
    /// A closure for `map_err` that adds verb and path to an I/O error.
    pub fn because(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self { verb, path, source }
    }
}

/// Reads a whole file. Only for files that are small by nature.
pub fn read(path: &Path) -> Result<Vec<u8>, FsError> {
    std::fs::read(path).map_err(FsError::because("read", path))
}

/// A file that cannot be taken as text.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// It cannot be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// It is larger than it may be.
    #[error("`{}` is larger than {at_most} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bytes that it may have.
        at_most: u64,
    },
    /// It is not UTF-8.
    #[error("`{}` is not text in UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a text of at most so many bytes, without a byte order mark.
pub fn read_text(path: &Path, at_most: u64) -> Result<String, TextError> {
    let mut bytes = Vec::new();
    // Whatever the size is said to be: a pipe has none.
    let read = open(path)?.take(at_most.saturating_add(1)).read_to_end(&mut bytes);
    let length = read.map_err(FsError::because("read", path))?;
    if u64::try_from(length).is_ok_and(|length| length > at_most) {
        return Err(TextError::TooLarge { path: path.to_owned(), at_most });
    }
    let text = String::from_utf8(bytes).map_err(|_| TextError::NotUtf8 { path: path.to_owned() })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Opens a file for reading.
pub fn open(path: &Path) -> Result<File, FsError> {
    File::open(path).map_err(FsError::because("open", path))
}

/// Creates a folder and all above it.
pub fn create_dir_all(path: &Path) -> Result<(), FsError> {
    std::fs::create_dir_all(path).map_err(FsError::because("create the folder", path))
}

/// What a path itself is, without following a symbolic link.
pub fn symlink_metadata(path: &Path) -> Result<Metadata, FsError> {
    std::fs::symlink_metadata(path).map_err(FsError::because("look at", path))
}

/// What a path leads to, symbolic links followed.
pub fn metadata(path: &Path) -> Result<Metadata, FsError> {
    std::fs::metadata(path).map_err(FsError::because("look at", path))
}

/// The names in a folder that are valid text, sorted.
pub fn names_in(folder: &Path) -> Result<Vec<String>, FsError> {
    let names = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    };
    names().map_err(FsError::because("list", folder))
}

/// Writes a file so that a reader sees the old content or the new, never a part: a temporary file in the same folder,
/// synced, then renamed.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), FsError> {
    use std::io::Write as _;
    let because = FsError::because("write", path);
    let write = || -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut temporary = temporary_file(folder)?;
        temporary.write_all(content)?;
        temporary.as_file().sync_all()?;
        temporary.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(because)
}

/// A temporary file in `folder`, for everyone to read once it is renamed, unlike the private ones that are the default.
pub fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
    // Only now, since what is given at creation is subject to the umask.
    set_mode(temporary.as_file(), 0o644)?;
    Ok(temporary)
}

/// Sets the permission bits of an open file, where the file system knows such things.
pub fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _unchanged = (file, mode);
    Ok(())
}

/// Removes the temporary files in `folder` that runs left which were killed. Best effort: another run may be doing the
/// same.
pub fn remove_abandoned(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let age = || -> io::Result<Duration> {
            Ok(SystemTime::now().duration_since(entry.metadata()?.modified()?).unwrap_or_default())
        };
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY)
            && age().is_ok_and(|age| age > ABANDONED)
        {
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

/// Lets everybody execute a file, where the file system knows such a thing.
pub fn make_executable(path: &Path) -> Result<(), FsError> {
    File::open(path)
        .and_then(|file| set_mode(&file, 0o755))
        .map_err(FsError::because("make executable", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_killed_runs_are_removed_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in [".limg-old", ".limg-new", "old"] {
            std::fs::write(path(name), b"x").unwrap();
        }
        for name in [".limg-old", "old"] {
            let long_ago = SystemTime::now() - 2 * ABANDONED;
            File::options().write(true).open(path(name)).unwrap().set_modified(long_ago).unwrap();
        }
        remove_abandoned(folder.path());
        assert!(!path(".limg-old").exists() && path(".limg-new").exists() && path("old").exists());
        remove_abandoned(&path("none"));
    }
}
