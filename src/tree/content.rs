//! The content of files in a tree: where the bytes are, not the bytes themselves.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::TreeError;
use super::stamp::Stamp;
use super::zip::ZipEntry;
use crate::fs;

/// Where the bytes of a file are. Cheap to clone, and as small as the smallest kind: a tree may have a million of them.
#[derive(Debug, Clone)]
pub enum Content {
    /// A file on this machine, in the state that was listed.
    Host(Box<HostFile>),
    /// An entry of a zip archive.
    Zip(ZipEntry),
    /// A range of a file in the store, identified by the digest of its bytes.
    Stored(Box<StoredFile>),
    /// Bytes that limg itself adds.
    Bytes(Arc<[u8]>),
}

/// A range of a file in the store. The file never changes.
#[derive(Debug, Clone)]
pub struct StoredFile {
    /// The file in the store.
    pub path: Arc<Path>,
    /// The first byte of the range.
    pub offset: u64,
    /// The length of the range in bytes.
    pub size: u64,
    /// The digest of the bytes, `sha256:…`, which alone identifies them.
    pub digest: String,
}

/// A file on this machine, with a stamp to detect that it has changed since it was listed.
#[derive(Debug, Clone)]
pub struct HostFile {
    path: HostPath,
    stamp: Stamp,
}

/// The path of a file on this machine. The files of a folder share the folder's path.
#[derive(Debug, Clone)]
pub(super) struct HostPath {
    folder: Arc<Path>,
    name: OsString,
}

impl HostPath {
    pub(super) fn new(folder: &Arc<Path>, name: OsString) -> Self {
        Self { folder: Arc::clone(folder), name }
    }

    pub(super) fn from_path(path: &Path) -> Self {
        let folder = path.parent().unwrap_or(Path::new(""));
        Self { folder: folder.into(), name: path.file_name().unwrap_or_default().to_owned() }
    }

    pub(super) fn name(&self) -> &OsStr {
        &self.name
    }

    pub(super) fn full_path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }
}

impl std::fmt::Display for HostPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.full_path().display().fmt(f)
    }
}

impl Content {
    /// The content of a file on this machine whose metadata was just read.
    pub(super) fn host(path: HostPath, metadata: &std::fs::Metadata) -> Self {
        Self::Host(Box::new(HostFile { path, stamp: Stamp::of(metadata) }))
    }

    /// Opens the content for one pass of reading. If it is a file of this machine that changes in the meantime, reading
    /// its end fails with a [`TreeError`].
    ///
    /// # Errors
    /// When the file cannot be opened, or has changed since it was listed.
    pub fn open(&self) -> Result<Box<dyn Read + '_>, TreeError> {
        match self {
            Self::Host(file) => Ok(Box::new(file.open()?)),
            Self::Zip(entry) => entry.open(),
            Self::Stored(file) => Ok(Box::new(file.open()?)),
            Self::Bytes(bytes) => Ok(Box::new(&bytes[..])),
        }
    }

    /// The first bytes, at most `limit`.
    pub fn head(&self, limit: usize) -> Result<Vec<u8>, TreeError> {
        let mut head = Vec::with_capacity(limit);
        self.open()?.take(limit as u64).read_to_end(&mut head).map_err(TreeError::reading(self))?;
        Ok(head)
    }

    /// The bytes from `offset` on, at most `limit`. Of a compressed file, everything before them is read too.
    pub fn range(&self, offset: u64, limit: usize) -> Result<Vec<u8>, TreeError> {
        let mut reader: Box<dyn Read + '_> = match self {
            Self::Host(listed) => {
                let mut reader = listed.open()?;
                reader.file.seek(SeekFrom::Start(offset)).map_err(TreeError::reading(self))?;
                Box::new(reader)
            }
            Self::Zip(_) | Self::Stored(_) | Self::Bytes(_) => {
                let mut reader = self.open()?;
                let before = io::copy(&mut reader.by_ref().take(offset), &mut io::sink());
                before.map_err(TreeError::reading(self))?;
                reader
            }
        };
        let mut bytes = Vec::new();
        reader.by_ref().take(limit as u64).read_to_end(&mut bytes).map_err(TreeError::reading(self))?;
        Ok(bytes)
    }

    /// Feeds what identifies the bytes to a hasher; files are not read.
    pub fn fingerprint(&self, hasher: &mut Sha256) {
        match self {
            Self::Host(file) => {
                let HostFile { path, stamp } = &**file;
                hasher.update(b"host\0");
                stamp.fingerprint(&[path.folder.as_os_str(), &path.name], hasher);
            }
            Self::Zip(entry) => entry.fingerprint(hasher),
            Self::Stored(file) => {
                // Part of layer keys, which the store knows under this name.
                hasher.update(b"kept\0");
                hasher.update(&file.digest);
            }
            Self::Bytes(bytes) => {
                hasher.update(b"bytes\0");
                hasher.update(Sha256::digest(bytes));
            }
        }
    }

    /// When the bytes were last changed, in nanoseconds since 1970, according to the file system.
    #[must_use]
    pub fn changed_at(&self) -> Option<i64> {
        match self {
            Self::Host(file) => Some(file.stamp.changed_at()),
            Self::Zip(entry) => Some(entry.archive().changed_at()),
            Self::Stored(_) | Self::Bytes(_) => None,
        }
    }
}

impl std::fmt::Display for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host(file) => file.path.fmt(f),
            Self::Zip(entry) => write!(f, "{entry}"),
            Self::Stored(file) => write!(f, "{}", file.path.display()),
            Self::Bytes(_) => write!(f, "a file that limg adds"),
        }
    }
}

impl HostFile {
    pub(super) fn stamp(&self) -> Stamp {
        self.stamp
    }

    fn open(&self) -> Result<HostReader<'_>, TreeError> {
        self.stamp.settle();
        let file = fs::open(&self.path.full_path())?;
        self.stamp.check(&self.path, &file)?;
        Ok(HostReader { file, listed: self })
    }
}

/// Reads a file, and makes sure at its end that it is still the one that was listed: one that was written to in the
/// meantime may have given a part of its old bytes and a part of the new ones.
struct HostReader<'a> {
    file: File,
    listed: &'a HostFile,
}

impl Read for HostReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            self.listed.stamp.check(&self.listed.path, &self.file).map_err(io::Error::other)?;
        }
        Ok(read)
    }
}

impl StoredFile {
    fn open(&self) -> Result<io::Take<File>, TreeError> {
        let mut file = fs::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset)).map_err(fs::FsError::because("read", &self.path))?;
        Ok(file.take(self.size))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::failure::{Failure as _, FailureKind};
    use crate::tree::{Node, Tree};

    const SIZE: usize = 200_000;

    /// Writes into a file without truncating it.
    fn overwrite(path: &Path, byte: u8) {
        let mut file = File::options().write(true).create(true).truncate(false).open(path).unwrap();
        file.write_all(&vec![byte; SIZE]).unwrap();
    }

    #[test]
    fn a_file_that_is_overwritten_while_it_is_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let place: crate::project::ImagePath = "/opt/a".parse().unwrap();
        // Several times, since a change may come within the same tick of the clock as the one before.
        for keeps_time in [false, true, false, true, false] {
            overwrite(&path, b'1');
            let mut tree = Tree::new();
            tree.add_file(&path, place.clone()).unwrap();
            let Some(Node::File(file)) = tree.get(&place) else { panic!("no file") };
            let mut reader = file.content.open().unwrap();
            let mut half = vec![0; SIZE / 2];
            reader.read_exact(&mut half).unwrap();
            let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
            overwrite(&path, b'2');
            // The time of modification can be set, that of the change of the file cannot.
            if cfg!(unix) && keeps_time {
                File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
            }
            let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
            let error = TreeError::reading(&file.content)(error);
            assert_eq!(error.to_string(), format!("`{}` changed while limg was reading it", path.display()));
            assert_eq!(error.kind(), FailureKind::Work);
        }
    }

    #[test]
    fn a_file_that_does_not_change_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        overwrite(&path, b'1');
        let content = Content::host(HostPath::from_path(&path), &std::fs::metadata(&path).unwrap());
        let mut bytes = Vec::new();
        content.open().unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, vec![b'1'; SIZE]);
        assert_eq!(content.head(3).unwrap(), b"111");
    }
}
