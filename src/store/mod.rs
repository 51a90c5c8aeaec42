//! The store: content-addressed blobs and small records about them, shared by all projects of a user.
//!
//! A blob is written to a temporary file, synced and renamed to its digest, so that a crash leaves either the whole blob
//! or a temporary file that nobody reads and that a later run removes. A record is a JSON file under a key that its
//! writer derives from everything that the record depends on; whoever changes what a record means changes the name of
//! its kind. The store decides nothing about what it holds, but for what goes when it is too much.

mod digest;
mod in_use;
mod prune;
mod verify;

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use digest::{Digest, DigestError, HashingReader, HashingWriter};
pub use prune::{Removal, Retention, StoreContents, StoredBlob, StoredRecord};
use verify::Checks;

use crate::fs::{self, FsError};

/// A folder of blobs and records. While any clone of it is there, nobody removes anything from the folder.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    open: Arc<Open>,
    /// How many bytes it may hold when it is closed.
    limit: u64,
    /// What was checked, if everything is.
    checks: Option<Arc<Checks>>,
}

/// A store in use.
#[derive(Debug)]
struct Open {
    /// Keeps others from removing anything, until it is dropped.
    _lock: File,
    /// Whether something was added.
    added: AtomicBool,
}

/// Where the blobs of a store are.
fn blobs(root: &Path) -> PathBuf {
    root.join("blobs").join("sha256")
}

/// The file whose time says when a blob was used last.
fn marker(root: &Path, digest: &Digest) -> PathBuf {
    root.join("used").join(digest.hex())
}

impl Store {
    /// Opens the store in `root`, creating it if need be. Waits while somebody removes something from it.
    pub fn open(root: &Path) -> Result<Self, FsError> {
        for folder in [blobs(root), root.join("used"), root.join("tmp")] {
            fs::create_dir_all(&folder)?;
        }
        let open = Open { _lock: in_use::lock(root)?, added: AtomicBool::new(false) };
        let store = Self { root: root.to_owned(), open: Arc::new(open), limit: u64::MAX, checks: None };
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

    /// The same, which may hold so many bytes when it is closed.
    #[must_use]
    pub fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// The same, which reads each blob when it is asked for it, and removes those that are not what their names say.
    #[must_use]
    pub fn verifying(self) -> Self {
        Self { checks: Some(Arc::default()), ..self }
    }

    /// The blobs that were removed since they were damaged.
    #[must_use]
    pub fn removed_blobs(&self) -> Vec<Digest> {
        self.checks.as_ref().map(|checks| checks.removed()).unwrap_or_default()
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
        let path = self.blob_path(digest);
        self.look_at(digest, &path);
        // A link to a file elsewhere is no blob of the store's: who knows who writes to it.
        let size = std::fs::symlink_metadata(&path).ok().filter(std::fs::Metadata::is_file)?.len();
        Some(Blob { path, offset: 0, size, in_store: true })
    }

    /// Notes that a blob is used, if it is there, and checks it if all are.
    fn look_at(&self, digest: &Digest, path: &Path) {
        let Ok(written) = std::fs::symlink_metadata(path).and_then(|file| file.modified()) else { return };
        in_use::note_blob(&marker(&self.root, digest), written);
        if let Some(checks) = &self.checks {
            checks.check(digest, path);
        }
    }

    /// Where the blob of this digest and size is, or will be once somebody has brought it here.
    #[must_use]
    pub fn expected_blob(&self, digest: &Digest, size: u64) -> Blob {
        let path = self.blob_path(digest);
        self.look_at(digest, &path);
        Blob { path, offset: 0, size, in_store: true }
    }

    /// Keeps a small blob. A file of its name that was changed is replaced.
    pub fn add_blob(&self, bytes: &[u8]) -> Result<Blob, FsError> {
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
        let writer = HashingWriter::new(self.temporary_file()?);
        Ok(BlobWriter { writer, blobs: blobs(&self.root), open: Arc::clone(&self.open) })
    }

    /// A fresh temporary file in the store, removed when dropped.
    pub fn temporary_file(&self) -> Result<tempfile::NamedTempFile, FsError> {
        let folder = self.temporary();
        fs::temporary_file(&folder).map_err(FsError::because("create a temporary file in", &folder))
    }

    /// The record of this kind and key. One that cannot be read counts as absent: it is only a shortcut.
    #[must_use]
    pub fn record<T: DeserializeOwned>(&self, kind: &str, key: &Digest) -> Option<T> {
        let mut file = File::open(self.record_path(kind, key)).ok()?;
        let mut content = Vec::new();
        file.read_to_end(&mut content).ok()?;
        let record = serde_json::from_slice(&content).ok()?;
        in_use::note_record(&file);
        Some(record)
    }

    /// Keeps a record.
    pub fn write_record<T: Serialize>(&self, kind: &str, key: &Digest, record: &T) -> Result<(), FsError> {
        let path = self.record_path(kind, key);
        fs::create_dir_all(&self.root.join(kind))?;
        let content = serde_json::to_vec(record)
            .map_err(|error| FsError::because("encode", &path)(io::Error::other(error)))?;
        fs::write_atomically(&path, &content)?;
        self.open.note_addition();
        Ok(())
    }

    /// Forgets a record, if there is one.
    pub fn remove_record(&self, kind: &str, key: &Digest) -> Result<(), FsError> {
        let path = self.record_path(kind, key);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(FsError::because("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Whether something was added since it was opened.
    fn has_added(&self) -> bool {
        self.open.added.load(Ordering::Relaxed)
    }

    fn record_path(&self, kind: &str, key: &Digest) -> PathBuf {
        self.root.join(kind).join(format!("{}.json", key.hex()))
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        blobs(&self.root).join(digest.hex())
    }

    fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }
}

impl Open {
    fn note_addition(&self) {
        self.added.store(true, Ordering::Relaxed);
    }
}

/// A blob under way to the store.
#[derive(Debug)]
pub struct BlobWriter {
    writer: HashingWriter<tempfile::NamedTempFile>,
    blobs: PathBuf,
    /// Of the store, which is in use until the blob has its name.
    open: Arc<Open>,
}

impl BlobWriter {
    /// Syncs the blob and gives it its name.
    pub fn commit(self) -> Result<(Digest, Blob), FsError> {
        let (temporary, digest, size) = self.writer.finish();
        let blob = persist(temporary, &self.blobs, &digest, size)?;
        self.open.note_addition();
        Ok((digest, blob))
    }

    /// As [`commit`](Self::commit), if it is the blob of this digest. Otherwise leaves nothing and gives the digest that
    /// it has.
    pub fn commit_as(self, expected: &Digest) -> Result<Result<Blob, Digest>, FsError> {
        let (temporary, digest, size) = self.writer.finish();
        if digest == *expected {
            let blob = persist(temporary, &self.blobs, &digest, size)?;
            self.open.note_addition();
            Ok(Ok(blob))
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
    Ok(Blob { path, offset: 0, size, in_store: true })
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
    pub in_store: bool,
}

impl Blob {
    /// Whether the bytes are there. Those of the store may have to be brought first ([`Store::expected_blob`]).
    #[must_use]
    pub fn is_present(&self) -> bool {
        let end = self.offset.saturating_add(self.size);
        // What the store has under this name and of another length is another thing.
        let fits = |length: u64| if self.in_store { length == end } else { length >= end };
        std::fs::metadata(&self.path).is_ok_and(|file| fits(file.len()))
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
        assert_eq!(std::fs::read_dir(blobs(&store.root)).unwrap().count(), 0);
        assert_eq!(Some(commit(b"hello").unwrap()), store.blob(&Digest::of(b"hello")));
    }

    #[test]
    fn an_unfinished_blob_leaves_nothing() {
        let (_folder, store) = Store::for_test();
        let mut writer = store.writer().unwrap();
        writer.write_all(b"half").unwrap();
        drop(writer);
        assert_eq!(std::fs::read_dir(store.temporary()).unwrap().count(), 0);
        assert_eq!(std::fs::read_dir(blobs(&store.root)).unwrap().count(), 0);
    }

    #[test]
    fn a_broken_record_is_an_absent_one() {
        let (_folder, store) = Store::for_test();
        let key = Digest::of(b"key");
        store.write_record("numbers", &key, &7).unwrap();
        assert_eq!(store.record("numbers", &key), Some(7));
        std::fs::write(store.record_path("numbers", &key), b"{").unwrap();
        assert_eq!(store.record::<u32>("numbers", &key), None);
    }

    #[test]
    fn a_stretch_of_a_file_is_a_blob() {
        let (folder, _store) = Store::for_test();
        let path = folder.path().join("archive");
        std::fs::write(&path, b"headBODYtail").unwrap();
        let stretch = |size| Blob { path: path.clone(), offset: 4, size, in_store: false };
        assert_eq!(stretch(4).read().unwrap(), b"BODY");
        assert!(stretch(40).read().is_err());
    }
}
