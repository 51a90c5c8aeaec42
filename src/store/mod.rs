//! The store: content-addressed blobs and small records, shared by all projects of a user.
//!
//! Everything is written to a temporary file in one folder, synced and renamed: a crash leaves a whole blob or record, or a
//! temporary file that the next run removes. A record is a JSON file; its key is derived from everything that the record
//! depends on. When the meaning of a record changes, its kind must get another name. The store does not interpret what it
//! contains; it only limits its own size.

mod digest;
mod growing;
mod in_use;
mod prune;
mod temporary_folder;
mod verify;

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use digest::{Digest, DigestError, FieldHasher, HashingReader, HashingWriter};
pub use growing::{GrowingBlob, GrowingReader, Growth};
pub use prune::{Removal, Retention, StoreContents, StoredBlob, StoredRecord};
pub use temporary_folder::TemporaryFolder;
use verify::Verified;

use crate::fs::{self, FsError};

/// The most bytes of a record. The longest ones list the files of a base image, of which there can be a million.
const RECORD_LIMIT: u64 = 512 * 1024 * 1024;

/// The most bytes of a blob that is read as a whole: a manifest, index or config, of which registries accept 4 MiB.
const SMALL_BLOB: u64 = 64 * 1024 * 1024;

/// A folder of blobs and records. While any clone of this value exists, no process removes anything from the folder.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    open: Arc<Open>,
    /// The size in bytes to which [`close`](Self::close) reduces the store.
    limit: u64,
    /// The blobs verified so far, if blobs are verified.
    verified: Option<Arc<Verified>>,
}

/// What all clones of an open store share.
#[derive(Debug)]
struct Open {
    /// While it is held, no process removes anything.
    _lock: File,
    /// Whether anything was added to the store.
    added: AtomicBool,
}

/// The folder of a store's blobs.
fn blobs(root: &Path) -> PathBuf {
    root.join("blobs").join("sha256")
}

/// The folder of the files that are being written.
fn temporary(root: &Path) -> PathBuf {
    root.join("tmp")
}

/// The file whose modification time is that of a blob's last use.
fn marker(root: &Path, digest: &Digest) -> PathBuf {
    root.join("used").join(digest.hex())
}

impl Store {
    /// Opens the store in `root` and creates it if necessary. One that is read-only can be read. Waits while another process
    /// removes something from it.
    pub fn open(root: &Path) -> Result<Self, FsError> {
        for folder in [blobs(root), root.join("used"), temporary(root)] {
            fs::create_dir_all(&folder)?;
        }
        let open = Open { _lock: in_use::lock_shared(root)?, added: AtomicBool::new(false) };
        let store = Self { root: root.to_owned(), open: Arc::new(open), limit: u64::MAX, verified: None };
        let names = fs::names_in(&store.temporary())?;
        for name in &names {
            fs::remove_if_abandoned(&store.temporary().join(name));
        }
        temporary_folder::remove_abandoned(&store.temporary(), &names);
        let tag = root.join("CACHEDIR.TAG");
        if !tag.exists() {
            // Backup tools skip a folder with this file (Cache Directory Tagging Specification).
            store.write(&tag, b"Signature: 8a477f597d28d172789f06886806bc55\n# The store of limg.\n")?;
        }
        Ok(store)
    }

    /// Sets the size in bytes to which [`close`](Self::close) reduces the store.
    #[must_use]
    pub fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// Verifies each blob's digest when the blob is first requested, and removes damaged blobs.
    #[must_use]
    pub fn verifying(self) -> Self {
        Self { verified: Some(Arc::default()), ..self }
    }

    /// The damaged blobs that were removed.
    #[must_use]
    pub fn removed_blobs(&self) -> Vec<Digest> {
        self.verified.as_ref().map(|verified| verified.removed()).unwrap_or_default()
    }

    /// A store in a temporary folder.
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

    /// The blob with this digest, if the store has it.
    #[must_use]
    pub fn blob(&self, digest: &Digest) -> Option<Blob> {
        let path = self.blob_path(digest);
        self.use_blob(digest, &path);
        // A symbolic link does not count: other programs may write to its target.
        let size = std::fs::symlink_metadata(&path).ok().filter(std::fs::Metadata::is_file)?.len();
        Some(Blob { path, offset: 0, size, in_store: true })
    }

    /// Records the use of a blob, if it is present, and verifies it if blobs are verified.
    fn use_blob(&self, digest: &Digest, path: &Path) {
        let Ok(written) = std::fs::symlink_metadata(path).and_then(|file| file.modified()) else { return };
        in_use::record_blob_use(&marker(&self.root, digest), written);
        if let Some(verified) = &self.verified {
            verified.verify(digest, path);
        }
    }

    /// The blob with this digest and size, which may still have to be fetched or built ([`Blob::is_present`]).
    #[must_use]
    pub fn expected_blob(&self, digest: &Digest, size: u64) -> Blob {
        let path = self.blob_path(digest);
        self.use_blob(digest, &path);
        Blob { path, offset: 0, size, in_store: true }
    }

    /// Adds a small blob. An existing file with other content is replaced.
    pub fn add_blob(&self, bytes: &[u8]) -> Result<Blob, FsError> {
        if let Some(blob) = self.blob(&Digest::of(bytes))
            && blob.read().is_ok_and(|existing| existing == bytes)
        {
            return Ok(blob);
        }
        let mut writer = self.writer()?;
        writer.write_all(bytes).map_err(FsError::because("write into", &self.temporary()))?;
        writer.commit().map(|(_, blob)| blob)
    }

    /// Starts to write a blob whose digest is not known yet.
    pub fn writer(&self) -> Result<BlobWriter, FsError> {
        let writer = HashingWriter::new(self.temporary_file()?);
        Ok(BlobWriter { writer, blobs: blobs(&self.root), open: Arc::clone(&self.open), growth: None })
    }

    /// A new temporary file in the store, removed when dropped.
    pub fn temporary_file(&self) -> Result<tempfile::NamedTempFile, FsError> {
        let folder = self.temporary();
        fs::temporary_file(&folder).map_err(FsError::because("create a temporary file in", &folder))
    }

    /// A new temporary folder in the store for the work of another program, removed when dropped.
    pub fn temporary_folder(&self) -> Result<TemporaryFolder, FsError> {
        TemporaryFolder::new(&self.temporary())
    }

    /// The record of this kind and key. One that cannot be read counts as absent: a record only saves work.
    #[must_use]
    pub fn record<T: DeserializeOwned>(&self, kind: &str, key: &Digest) -> Option<T> {
        let file = File::open(self.record_path(kind, key)).ok()?;
        let content = fs::read_at_most(&file, RECORD_LIMIT).ok()?;
        let record = serde_json::from_slice(&content).ok()?;
        in_use::record_use(&file);
        Some(record)
    }

    /// Writes a record.
    pub fn write_record<T: Serialize>(&self, kind: &str, key: &Digest, record: &T) -> Result<(), FsError> {
        let path = self.record_path(kind, key);
        fs::create_dir_all(&self.root.join(kind))?;
        let content = serde_json::to_vec(record)
            .map_err(|error| FsError::because("encode", &path)(io::Error::other(error)))?;
        self.write(&path, &content)?;
        self.open.set_added();
        Ok(())
    }

    /// Writes a file of the store in one step.
    fn write(&self, path: &Path, content: &[u8]) -> Result<(), FsError> {
        let mut temporary = self.temporary_file()?;
        let write = move || -> io::Result<()> {
            temporary.write_all(content)?;
            fs::persist(temporary, path)
        };
        write().map_err(FsError::because("write", path))
    }

    /// Whether there is any record of a kind.
    #[must_use]
    pub fn has_records(&self, kind: &str) -> bool {
        std::fs::read_dir(self.root.join(kind)).is_ok_and(|mut records| records.next().is_some())
    }

    /// Removes a record, if it exists.
    pub fn remove_record(&self, kind: &str, key: &Digest) -> Result<(), FsError> {
        let path = self.record_path(kind, key);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(FsError::because("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Whether anything was added since the store was opened.
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
        temporary(&self.root)
    }
}

impl Open {
    fn set_added(&self) {
        self.added.store(true, Ordering::Relaxed);
    }
}

/// A blob that is being written to the store.
#[derive(Debug)]
pub struct BlobWriter {
    writer: HashingWriter<tempfile::NamedTempFile>,
    blobs: PathBuf,
    /// Keeps the store in use until the blob is committed.
    open: Arc<Open>,
    /// Where readers see what was written.
    growth: Option<Arc<Growth>>,
}

impl BlobWriter {
    /// Lets readers follow what is written from now on. Nothing has been written yet.
    ///
    /// # Errors
    /// When the file cannot be opened for them.
    pub fn show(&mut self, growth: Arc<Growth>) -> Result<(), FsError> {
        let file = self.writer.inner();
        growth.begin(file.reopen().map_err(FsError::because("open", file.path()))?);
        self.growth = Some(growth);
        Ok(())
    }

    /// Syncs the blob and adds it to the store under its digest.
    pub fn commit(self) -> Result<(Digest, Blob), FsError> {
        let (temporary, digest, size) = self.writer.finish();
        let blob = persist(temporary, &self.blobs, &digest, size)?;
        added(&digest, &blob, &self.open, self.growth.as_deref())?;
        Ok((digest, blob))
    }

    /// As [`commit`](Self::commit) if the blob has the expected digest. Otherwise discards the blob and returns the digest
    /// that it has.
    pub fn commit_as(self, expected: &Digest) -> Result<Result<Blob, Digest>, FsError> {
        let (temporary, digest, size) = self.writer.finish();
        if digest != *expected {
            return Ok(Err(digest));
        }
        let blob = persist(temporary, &self.blobs, &digest, size)?;
        added(&digest, &blob, &self.open, self.growth.as_deref())?;
        Ok(Ok(blob))
    }

    /// As [`commit_as`](Self::commit_as), but nothing of the blob is in the store afterwards: only those who read it meanwhile get
    /// it.
    pub fn discard_as(self, expected: &Digest) -> Result<Result<Blob, Digest>, FsError> {
        let (_temporary, digest, size) = self.writer.finish();
        if digest != *expected {
            return Ok(Err(digest));
        }
        let blob = Blob { path: self.blobs.join(digest.hex()), offset: 0, size, in_store: true };
        self.growth.map_or(Ok(()), |growth| growth.complete(&digest, &blob))?;
        Ok(Ok(blob))
    }
}

/// Records that a blob is in the store.
fn added(digest: &Digest, blob: &Blob, open: &Open, growth: Option<&Growth>) -> Result<(), FsError> {
    open.set_added();
    growth.map_or(Ok(()), |growth| growth.complete(digest, blob))
}

/// Syncs a temporary file and renames it to its digest.
fn persist(
    temporary: tempfile::NamedTempFile,
    blobs: &Path,
    digest: &Digest,
    size: u64,
) -> Result<Blob, FsError> {
    let path = blobs.join(digest.hex());
    let persist = || -> io::Result<()> {
        // Read-only, since image layouts may contain hard links to the file.
        fs::set_mode(temporary.as_file(), 0o444)?;
        fs::persist(temporary, &path)?;
        sync_folder(blobs)
    };
    persist().map_err(FsError::because("write", &path))?;
    Ok(Blob { path, offset: 0, size, in_store: true })
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes)?;
        if let Some(growth) = &self.growth {
            growth.wrote(written as u64);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Makes a rename in `folder` durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows cannot open a directory as a file, and orders renames itself.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Finished bytes on this machine: a file, or a range of one (a member of an archive).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The file.
    pub path: PathBuf,
    /// The offset of the bytes in the file.
    pub offset: u64,
    /// The number of bytes.
    pub size: u64,
    /// Whether the file is in the store: then it never changes.
    pub in_store: bool,
}

impl Blob {
    /// Whether the bytes are present. A blob of the store may still have to be fetched or built ([`Store::expected_blob`]).
    #[must_use]
    pub fn is_present(&self) -> bool {
        let end = self.offset.saturating_add(self.size);
        // A file of the store with another length has other content.
        let fits = |length: u64| if self.in_store { length == end } else { length >= end };
        std::fs::metadata(&self.path).is_ok_and(|file| fits(file.len()))
    }

    /// Opens the bytes for reading.
    pub fn open(&self) -> Result<io::Take<File>, FsError> {
        let mut file = fs::open(&self.path)?;
        if self.offset > 0 {
            file.seek(SeekFrom::Start(self.offset)).map_err(FsError::because("read", &self.path))?;
        }
        Ok(file.take(self.size))
    }

    /// Reads all bytes. Only for blobs that are always small.
    ///
    /// # Errors
    /// When the file cannot be read, is shorter than expected, or is larger than any such blob.
    pub fn read(&self) -> Result<Vec<u8>, FsError> {
        let bytes =
            fs::read_at_most(self.open()?, SMALL_BLOB).map_err(FsError::because("read", &self.path))?;
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
    fn a_blob_is_found_by_its_digest() {
        let (_folder, store) = Store::for_test();
        let mut writer = store.writer().unwrap();
        writer.write_all(b"hello").unwrap();
        let (digest, blob) = writer.commit().unwrap();
        assert_eq!(digest, Digest::of(b"hello"));
        assert_eq!(store.blob(&digest), Some(blob.clone()));
        assert_eq!(blob.read().unwrap(), b"hello");
    }

    #[test]
    fn only_a_blob_with_the_expected_digest_is_added() {
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
    fn an_unfinished_blob_leaves_no_files() {
        let (_folder, store) = Store::for_test();
        let mut writer = store.writer().unwrap();
        writer.write_all(b"half").unwrap();
        drop(writer);
        assert_eq!(std::fs::read_dir(store.temporary()).unwrap().count(), 0);
        assert_eq!(std::fs::read_dir(blobs(&store.root)).unwrap().count(), 0);
    }

    #[test]
    fn a_broken_record_counts_as_absent() {
        let (_folder, store) = Store::for_test();
        let key = Digest::of(b"key");
        store.write_record("numbers", &key, &7).unwrap();
        assert_eq!(store.record("numbers", &key), Some(7));
        std::fs::write(store.record_path("numbers", &key), b"{").unwrap();
        assert_eq!(store.record::<u32>("numbers", &key), None);
    }

    #[test]
    fn a_range_of_a_file_can_be_a_blob() {
        let (folder, _store) = Store::for_test();
        let path = folder.path().join("archive");
        std::fs::write(&path, b"headBODYtail").unwrap();
        let range = |size| Blob { path: path.clone(), offset: 4, size, in_store: false };
        assert_eq!(range(4).read().unwrap(), b"BODY");
        assert!(range(40).read().is_err());
    }
}
