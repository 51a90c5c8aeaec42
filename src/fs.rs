//! File calls whose errors carry the verb and the path, as every error of limg must.
//!
//! Only thin wrappers live here; nothing decides anything.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

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
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    builder.prefix(".limg-").tempfile_in(folder)
}

/// Lets everybody execute a file, where the file system knows such a thing.
pub fn make_executable(path: &Path) -> Result<(), FsError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let permissions = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path, permissions).map_err(FsError::because("make executable", path))?;
    }
    #[cfg(not(unix))]
    let _unchanged = path;
    Ok(())
}
