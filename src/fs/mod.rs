//! File system calls whose errors name the operation and the path. They are thin wrappers without decisions, except for
//! those of [`temporary`] files.

mod temporary;

use std::fs::File;
pub(crate) use std::fs::Metadata;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Component, Path, PathBuf};

pub(crate) use temporary::{
    Successor, is_temporary, persist, remove_abandoned, remove_if_abandoned, temporary_file, write_atomically,
};

use crate::units::limit;

/// Where programs that require a file are given none.
const NULL_DEVICE: &str = if cfg!(windows) { "NUL" } else { "/dev/null" };

/// A file system call that failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {verb} `{}`", path.display())]
pub struct FsError {
    /// The operation: `read`, `create the folder` …
    pub verb: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The cause.
    #[source]
    pub source: io::Error,
}

impl FsError {
    /// A closure for `map_err` that adds operation and path to an I/O error.
    pub fn because(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self { verb, path, source }
    }
}

/// Reads a whole file of at most so many bytes.
pub(crate) fn read(path: &Path, at_most: u64) -> Result<Vec<u8>, FsError> {
    read_at_most(open(path)?, at_most).map_err(FsError::because("read", path))
}

/// Reads to the end, which must come after at most so many bytes. The memory that this takes depends on what there is to
/// read, never on a size that is only declared: a pipe has none, and that of an archive may be wrong.
pub(crate) fn read_at_most(input: impl Read, at_most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(at_most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > at_most {
        let why = format!("it is larger than {}", limit(at_most));
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

/// Calls `work` with each line of a text of any length, without what ends the line; bytes that are not UTF-8 are replaced.
/// What a line has beyond so many bytes counts as a line of its own.
pub(crate) fn for_each_line(input: impl Read, longest: u64, mut work: impl FnMut(&str)) -> io::Result<()> {
    let (mut input, mut line) = (BufReader::new(input), Vec::new());
    while input.by_ref().take(longest).read_until(b'\n', &mut line)? > 0 {
        work(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
        line.clear();
    }
    Ok(())
}

/// A text file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextError {
    /// It could not be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// It is larger than the limit.
    #[error("`{}` is larger than {}", path.display(), limit(*at_most))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        at_most: u64,
    },
    /// It is not UTF-8.
    #[error("`{}` is not UTF-8 text", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a text file of at most so many bytes, and strips a byte order mark.
pub(crate) fn read_text(path: &Path, at_most: u64) -> Result<String, TextError> {
    let text = read_exact_text(path, at_most)?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Reads a text file of at most so many bytes as it is, with a byte order mark if it has one.
pub(crate) fn read_exact_text(path: &Path, at_most: u64) -> Result<String, TextError> {
    let bytes = read(path, at_most).map_err(|error| match error.source.kind() {
        io::ErrorKind::FileTooLarge => TextError::TooLarge { path: path.to_owned(), at_most },
        _ => error.into(),
    })?;
    String::from_utf8(bytes).map_err(|_| TextError::NotUtf8 { path: path.to_owned() })
}

/// Opens a file or folder for reading. A pipe, a socket or a device is refused: it may have no end, or wait for another
/// program. Accepted are `/dev/null`, an empty file, and what the process has open already, as in `<(…)` of a shell.
pub(crate) fn open(path: &Path) -> Result<File, FsError> {
    let open = || -> io::Result<File> {
        let metadata = std::fs::metadata(path)?;
        let is_suitable = metadata.is_file() || metadata.is_dir();
        if !is_suitable && path != Path::new(NULL_DEVICE) && !is_open_already(path) {
            let why = "it is a pipe, a socket or a device instead of a regular file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        File::open(path)
    };
    open().map_err(FsError::because("open", path))
}

/// Whether a path leads to one of the process's own open files.
fn is_open_already(path: &Path) -> bool {
    path == Path::new("/dev/stdin")
        || ["/dev/fd", "/proc/self/fd"].iter().any(|folder| path.starts_with(folder))
}

/// Creates a folder and its parents.
pub(crate) fn create_dir_all(path: &Path) -> Result<(), FsError> {
    std::fs::create_dir_all(path).map_err(FsError::because("create the folder", path))
}

/// The metadata of a path itself; symbolic links are not followed.
pub(crate) fn symlink_metadata(path: &Path) -> Result<Metadata, FsError> {
    std::fs::symlink_metadata(path).map_err(FsError::because("access", path))
}

/// The metadata of what a path leads to; symbolic links are followed.
pub(crate) fn metadata(path: &Path) -> Result<Metadata, FsError> {
    std::fs::metadata(path).map_err(FsError::because("access", path))
}

/// Whether a path leads to a regular file; symbolic links are followed.
pub(crate) fn is_file(path: &Path) -> bool {
    metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// The names in a folder, sorted, without those that are not UTF-8.
pub(crate) fn names_in(folder: &Path) -> Result<Vec<String>, FsError> {
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

/// An absolute path without `.` and `..`, to compare or show it; links are not followed.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// The path relative to the folder, both absolute. Stays absolute if they have only the root in common.
#[must_use]
pub(crate) fn relative(folder: &Path, path: &Path) -> PathBuf {
    let common = folder.components().zip(path.components()).take_while(|(one, other)| one == other).count();
    if common < 2 {
        return path.to_owned();
    }
    let up = folder.components().skip(common).map(|_| Component::ParentDir);
    up.chain(path.components().skip(common)).collect()
}

/// Whether a folder has nothing in it.
pub(crate) fn is_empty_folder(path: &Path) -> Result<bool, FsError> {
    let mut entries = std::fs::read_dir(path).map_err(FsError::because("list the folder", path))?;
    Ok(entries.next().is_none())
}

/// Creates a symbolic link, on systems where one needs not say what its target is.
pub(crate) fn symlink(target: &str, path: &Path) -> Result<(), FsError> {
    #[cfg(unix)]
    let created = std::os::unix::fs::symlink(target, path);
    #[cfg(not(unix))]
    let created = {
        let _unused = target;
        Err(io::Error::from(io::ErrorKind::Unsupported))
    };
    created.map_err(FsError::because("create the symbolic link", path))
}

/// The folder that a path is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Sets the permission bits of an open file, on systems that have them.
pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _unchanged = (file, mode);
    Ok(())
}

/// Makes a file executable for all users, on systems with permission bits.
pub(crate) fn make_executable(path: &Path) -> Result<(), FsError> {
    File::open(path)
        .and_then(|file| set_mode(&file, 0o755))
        .map_err(FsError::because("make executable", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_lead_from_the_folder_to_the_path() {
        for (folder, path, expected) in [
            ("/home/shop", "/home/bases/python", "../bases/python"),
            ("/home/shop", "/home/shop/base", "base"),
            ("/home/a/b", "/home/base", "../../base"),
            ("/home/shop", "/srv/base", "/srv/base"),
        ] {
            assert_eq!(relative(Path::new(folder), Path::new(path)), Path::new(expected));
        }
    }
}
