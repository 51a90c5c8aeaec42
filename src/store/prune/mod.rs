//! Lists a store and removes the least recently used blobs until it fits its limit. Nothing is removed while the store is in
//! use.
//!
//! Blobs can be fetched or built again. Their records are small and save work: they stay until they have not been used for a
//! long time.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Digest, Store, in_use};
use crate::fs::FsError;

/// The time without use after which a record is removed.
const RECORD_AGE: Duration = Duration::from_hours(90 * 24);

/// The contents of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreContents {
    /// The blobs.
    pub blobs: Vec<StoredBlob>,
    /// The records.
    pub records: Vec<StoredRecord>,
    /// The size of everything else in bytes, except for files that are being written. Only the user removes it.
    pub other: u64,
}

/// A blob of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The time of its last use, accurate to the hour.
    pub used: SystemTime,
    /// Whether its file has another hard link, as in an image layout: then its removal frees no space.
    pub is_shared: bool,
}

/// A record of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its file.
    path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// The time of its last use, accurate to the hour.
    pub used: SystemTime,
}

impl StoreContents {
    /// The size of everything in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let sizes =
            self.blobs.iter().map(|blob| blob.size).chain(self.records.iter().map(|record| record.size));
        sizes.chain([self.other]).fold(0, u64::saturating_add)
    }

    /// The blobs and records to remove.
    fn removal(mut self, retention: &Retention, now: SystemTime) -> Removal {
        let mut bytes = self.bytes();
        let unused = |used: SystemTime| now.duration_since(used).unwrap_or_default();
        let too_old = |used: SystemTime, age: Option<Duration>| age.is_some_and(|age| unused(used) >= age);
        self.records.retain(|record| too_old(record.used, Some(retention.record_age)));
        bytes = self.records.iter().fold(bytes, |bytes, record| bytes.saturating_sub(record.size));
        // The digest makes the order unique where the recorded times are the same.
        self.blobs.sort_by(|left, right| (left.used, &left.digest).cmp(&(right.used, &right.digest)));
        self.blobs.retain(|blob| {
            let is_removed =
                retention.bytes.is_some_and(|limit| bytes > limit) || too_old(blob.used, retention.blob_age);
            if is_removed {
                bytes = bytes.saturating_sub(blob.size);
            }
            is_removed
        });
        Removal { blobs: self.blobs, records: self.records }
    }
}

/// How much of a store to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// The maximum size of everything in bytes. What cannot be fetched or built again counts too, but is not removed.
    pub bytes: Option<u64>,
    /// The time without use after which a blob is removed.
    pub blob_age: Option<Duration>,
    /// The time without use after which a record is removed.
    pub record_age: Duration,
}

impl Retention {
    /// Keeps so many bytes, and no record that has been unused for a long time.
    #[must_use]
    pub fn of_bytes(bytes: u64) -> Self {
        Self { bytes: Some(bytes), blob_age: None, record_age: RECORD_AGE }
    }

    /// Keeps what has been used within this time.
    #[must_use]
    pub fn of_age(age: Duration) -> Self {
        Self { bytes: None, blob_age: Some(age), record_age: age }
    }
}

/// What a [`Store::prune`] removes or has removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// The blobs, the least recently used first.
    pub blobs: Vec<StoredBlob>,
    /// The records.
    pub records: Vec<StoredRecord>,
}

impl Removal {
    fn is_empty(&self) -> bool {
        self.blobs.is_empty() && self.records.is_empty()
    }
}

impl Store {
    /// Lists the store.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn contents(&self) -> Result<StoreContents, FsError> {
        contents(&self.root)
    }

    /// What [`prune`](Self::prune) would remove.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub fn prunable(&self, retention: &Retention) -> Result<Removal, FsError> {
        Ok(self.contents()?.removal(retention, SystemTime::now()))
    }

    /// Closes the store and removes what need not be kept. Removes nothing and returns none if the store is in use.
    ///
    /// # Errors
    /// When the store cannot be listed, or a file cannot be removed.
    pub fn prune(self, retention: &Retention) -> Result<Option<Removal>, FsError> {
        self.exclusively(|root| {
            let removal = contents(root)?.removal(retention, SystemTime::now());
            for blob in &removal.blobs {
                remove_blob(root, &blob.digest)?;
            }
            for record in &removal.records {
                remove(&record.path)?;
            }
            Ok(removal)
        })
    }

    /// Closes the store and removes some blobs. Removes nothing and returns none if the store is in use.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn remove(self, blobs: &[Digest]) -> Result<Option<()>, FsError> {
        self.exclusively(|root| blobs.iter().try_for_each(|digest| remove_blob(root, digest)))
    }

    /// Closes the store at the end of a command and, if the command has added anything, reduces it to its limit. If the
    /// store is still in use, a later command does that.
    ///
    /// # Errors
    /// When the store cannot be listed, or a file cannot be removed.
    pub fn close(self) -> Result<(), FsError> {
        let retention = Retention::of_bytes(self.limit);
        if self.has_added() && !self.prunable(&retention)?.is_empty() {
            self.prune(&retention)?;
        }
        Ok(())
    }

    /// Closes the store and runs `work` under an exclusive lock. Returns none if the store is in use.
    fn exclusively<T>(self, work: impl FnOnce(&Path) -> Result<T, FsError>) -> Result<Option<T>, FsError> {
        let root = self.root.clone();
        // This store's own lock would prevent an exclusive one.
        drop(self);
        let Some(_lock) = in_use::try_lock_exclusive(&root)? else { return Ok(None) };
        work(&root).map(Some)
    }
}

/// Lists the store in `root`. Files that are removed at the same time are left out.
fn contents(root: &Path) -> Result<StoreContents, FsError> {
    let mut contents = StoreContents::default();
    let blobs = super::blobs(root);
    for (path, metadata) in files_below(root)? {
        let size = metadata.len();
        let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let name = path.file_name().and_then(|name| name.to_str());
        match path.parent() {
            Some(folder)
                if folder == blobs
                    && let Some(digest) = name.and_then(digest_of_hex) =>
            {
                let recorded =
                    std::fs::metadata(super::marker(root, &digest)).and_then(|marker| marker.modified());
                let used = recorded.map_or(used, |recorded| recorded.max(used));
                contents.blobs.push(StoredBlob { digest, size, used, is_shared: is_shared(&metadata) });
            }
            // A record's path is `KIND/DIGEST.json`.
            Some(folder)
                if folder.parent() == Some(root)
                    && name.and_then(|name| digest_of_hex(name.strip_suffix(".json")?)).is_some() =>
            {
                contents.records.push(StoredRecord { path, size, used });
            }
            Some(folder) if folder.starts_with(super::temporary(root)) => {}
            _ => contents.other += size,
        }
    }
    Ok(contents)
}

fn digest_of_hex(hex: &str) -> Option<Digest> {
    format!("sha256:{hex}").parse().ok()
}

/// All files below a folder.
fn files_below(folder: &Path) -> Result<Vec<(PathBuf, Metadata)>, FsError> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(FsError::because("list", &folder))?;
        for entry in entries {
            let entry = entry.map_err(FsError::because("list", &folder))?;
            // Another process may have removed the file, such as its own temporary one.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                files.push((entry.path(), metadata));
            }
        }
    }
    Ok(files)
}

#[cfg(unix)]
fn is_shared(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(metadata) > 1
}

#[cfg(not(unix))]
fn is_shared(_: &Metadata) -> bool {
    false
}

fn remove_blob(root: &Path, digest: &Digest) -> Result<(), FsError> {
    remove(&super::blobs(root).join(digest.hex()))?;
    // A blob that was never used again has no marker.
    let _ignored = std::fs::remove_file(super::marker(root, digest));
    Ok(())
}

fn remove(path: &Path) -> Result<(), FsError> {
    std::fs::remove_file(path).map_err(FsError::because("remove", path))
}

#[cfg(test)]
mod tests;
