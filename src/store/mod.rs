//! The store: content-addressed blobs and small records about them, shared by all projects of a user.
//!
//! A blob is written to a temporary file, synced and renamed to its digest, so that a crash leaves either the whole blob
//! or a temporary file that nobody reads and that a later run removes. A record is a JSON file under a key that its
//! writer derives from everything that the record depends on; whoever changes what a record means changes the name of
//! its kind. The store decides nothing about what it holds.

mod digest;

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use digest::{Digest, DigestError, HashingReader, HashingWriter};

use crate::fs::{self, FsError};

/// A folder of blobs and records.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens the store in `root`, creating it if need be.
    pub fn open(root: &Path) -> Result<Self, FsError> {
        let store = Self { root: root.to_owned() };
        fs::create_dir_all(&store.blobs())?;
        fs::create_dir_all(&store.temporary())?;
        let tag = root.join("CACHEDIR.TAG");
        if !tag.exists() {
            // The marker of the Cache Directory Tagging Specification: backups leave the folder out.
            fs::write_atomically(
                &tag,
                b"Signature: 8a477f597d28d172789f06886806bc55\n# The store of limg.\n",
            )?;
        }
        fs::remove_abandoned(&store.temporary());
        Ok(store)
    }

    /// A store in a folder that is removed when it is dropped.
    #[cfg(test)]
    pub(crate) fn for_test() -> (tempfile::TempDir, Self) {
        let folder = tempfile::tempdir().unwrap();
        let store = Self::open(&folder.path().join("store")).unwrap();
        (folder, store)
    }

    /// The folder of the store.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The blob of this digest, if the store has it.
    #[must_use]
    pub fn blob(&self, digest: &Digest) -> Option<Blob> {
        let path = self.blobs().join(digest.hex());
        // A link to a file elsewhere is no blob of the store's: who knows who writes to it.
        let size = std::fs::symlink_metadata(&path).ok().filter(std::fs::Metadata::is_file)?.len();
        Some(Blob { path, offset: 0, size, kept: true })
    }

    /// Where the blob of this digest and size is, or will be once somebody has brought it here.
    #[must_use]
    pub fn place(&self, digest: &Digest, size: u64) -> Blob {
        Blob { path: self.blobs().join(digest.hex()), offset: 0, size, kept: true }
    }

    /// Keeps a small blob. A file of its name that was changed is replaced.
    pub fn keep_blob(&self, bytes: &[u8]) -> Result<Blob, FsError> {
        if let Some(blob) = self.blob(&Digest::of(bytes))
            && blob.read().is_ok_and(|kept| kept == bytes)
        {
            return Ok(blob);
        }
        let mut writer = self.writer()?;
        writer.write_all(bytes).map_err(FsError::because("write into", &self.temporary()))?;
        writer.commit().map(|(_, blob)| blob)
    }

    /// Starts a blob whose digest is not known yet.
    pub fn writer(&self) -> Result<BlobWriter, FsError> {
        Ok(BlobWriter { writer: HashingWriter::new(self.temporary_file()?), blobs: self.blobs() })
    }

    /// A fresh temporary file in the store, removed when dropped.
    pub fn temporary_file(&self) -> Result<tempfile::NamedTempFile, FsError> {
        let folder = self.temporary();
        fs::temporary_file(&folder).map_err(FsError::because("create a temporary file in", &folder))
    }

    /// The record of this kind and key. One that cannot be read counts as absent: it is only a shortcut.
    #[must_use]
    pub fn record<T: DeserializeOwned>(&self, kind: &str, key: &Digest) -> Option<T> {
        serde_json::from_slice(&std::fs::read(self.record_path(kind, key)).ok()?).ok()
    }

    /// Keeps a record.
    pub fn keep_record<T: Serialize>(&self, kind: &str, key: &Digest, record: &T) -> Result<(), FsError> {
        let path = self.record_path(kind, key);
        fs::create_dir_all(&self.root.join(kind))?;
        let content = serde_json::to_vec(record)
            .map_err(|error| FsError::because("encode", &path)(io::Error::other(error)))?;
        fs::write_atomically(&path, &content)
    }

    fn record_path(&self, kind: &str, key: &Digest) -> PathBuf {
        self.root.join(kind).join(format!("{}.json", key.hex()))
    }

    fn blobs(&self) -> PathBuf {
        self.root.join("blobs").join("sha256")
    }

    fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }
}

/// A blob under way to the store.
#[derive(Debug)]
pub struct BlobWriter {
    writer: HashingWriter<tempfile::NamedTempFile>,
    blobs: PathBuf,
}

impl BlobWriter {
    /// Syncs the blob and gives it its name.
    pub fn commit(self) -> Result<(Digest, Blob), FsError> {
        let (temporary, digest, size) = self.writer.finish();
        let blob = persist(temporary, &self.blobs, &digest, size)?;
        Ok((digest, blob))
    }

    /// As [`commit`](Self::commit), if it is the blob of this digest. Otherwise leaves nothing and gives the digest that
    /// it has.
    pub fn commit_as(self, expected: &Digest) -> Result<Result<Blob, Digest>, FsError> {
        let (temporary, digest, size) = self.writer.finish();
        if digest == *expected {
            persist(temporary, &self.blobs, &digest, size).map(Ok)
        } else {
            Ok(Err(digest))
        }
    }
}

/// Syncs a temporary file and gives it the name of its digest.
fn persist(
    temporary: tempfile::NamedTempFile,
    blobs: &Path,
    digest: &Digest,
    size: u64,
) -> Result<Blob, FsError> {
    let path = blobs.join(digest.hex());
    let persist = || -> io::Result<()> {
        // Layouts may have the same file under a second name; nobody is to write into it there by accident.
        fs::set_mode(temporary.as_file(), 0o444)?;
        temporary.as_file().sync_all()?;
        temporary.persist(&path).map_err(|error| error.error)?;
        sync_folder(blobs)
    };
    persist().map_err(FsError::because("write", &path))?;
    Ok(Blob { path, offset: 0, size, kept: true })
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Makes a rename in `folder` last through a power cut.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows cannot open a directory as a file, and orders renames by itself.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Finished bytes on this machine: a file, or a stretch of one (a member of an archive).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The file.
    pub path: PathBuf,
    /// Where the bytes begin in it.
    pub offset: u64,
    /// How many bytes they are.
    pub size: u64,
    /// Whether it is a file of the store, which nobody ever writes to again.
    pub kept: bool,
}

impl Blob {
    /// Whether the bytes are there. Those of the store may have to be brought first ([`Store::place`]).
    #[must_use]
    pub fn is_here(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|file| file.len() >= self.offset.saturating_add(self.size))
    }

    /// Opens the bytes for reading from their start.
    pub fn open(&self) -> Result<io::Take<File>, FsError> {
        let mut file = fs::open(&self.path)?;
        if self.offset > 0 {
            file.seek(SeekFrom::Start(self.offset)).map_err(FsError::because("read", &self.path))?;
        }
        Ok(file.take(self.size))
    }

    /// Reads all bytes, for blobs that are small by nature.
    ///
    /// # Errors
    /// When the file cannot be read or holds fewer bytes than it should.
    pub fn read(&self) -> Result<Vec<u8>, FsError> {
        let mut bytes = Vec::new();
        self.open()?.read_to_end(&mut bytes).map_err(FsError::because("read", &self.path))?;
        if bytes.len() as u64 == self.size {
            Ok(bytes)
        } else {
            Err(FsError::because("read", &self.path)(io::ErrorKind::UnexpectedEof.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_gets_the_name_of_its_content() {
        let (_folder, store) = Store::for_test();
        let mut writer = store.writer().unwrap();
        writer.write_all(b"hello").unwrap();
        let (digest, blob) = writer.commit().unwrap();
        assert_eq!(digest, Digest::of(b"hello"));
        assert_eq!(store.blob(&digest), Some(blob.clone()));
        assert_eq!(blob.read().unwrap(), b"hello");
    }

    #[test]
    fn only_the_blob_that_is_expected_is_kept() {
        let (_folder, store) = Store::for_test();
        let commit = |expected: &[u8]| {
            let mut writer = store.writer().unwrap();
            writer.write_all(b"hello").unwrap();
            writer.commit_as(&Digest::of(expected)).unwrap()
        };
        assert_eq!(commit(b"other"), Err(Digest::of(b"hello")));
        assert_eq!(std::fs::read_dir(store.temporary()).unwrap().count(), 0);
        assert_eq!(std::fs::read_dir(store.blobs()).unwrap().count(), 0);
        assert_eq!(Some(commit(b"hello").unwrap()), store.blob(&Digest::of(b"hello")));
    }

    #[test]
    fn an_unfinished_blob_leaves_nothing() {
        let (_folder, store) = Store::for_test();
        let mut writer = store.writer().unwrap();
        writer.write_all(b"half").unwrap();
        drop(writer);
        assert_eq!(std::fs::read_dir(store.temporary()).unwrap().count(), 0);
        assert_eq!(std::fs::read_dir(store.blobs()).unwrap().count(), 0);
    }

    #[test]
    fn a_broken_record_is_an_absent_one() {
        let (_folder, store) = Store::for_test();
        let key = Digest::of(b"key");
        store.keep_record("numbers", &key, &7).unwrap();
        assert_eq!(store.record("numbers", &key), Some(7));
        std::fs::write(store.record_path("numbers", &key), b"{").unwrap();
        assert_eq!(store.record::<u32>("numbers", &key), None);
    }

    #[test]
    fn a_stretch_of_a_file_is_a_blob() {
        let (folder, _store) = Store::for_test();
        let path = folder.path().join("archive");
        std::fs::write(&path, b"headBODYtail").unwrap();
        let stretch = |size| Blob { path: path.clone(), offset: 4, size, kept: false };
        assert_eq!(stretch(4).read().unwrap(), b"BODY");
        assert!(stretch(40).read().is_err());
    }
}
