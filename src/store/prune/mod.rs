//! What a store holds, and which of it goes when it is too much: what was used longest ago, and never anything while
//! somebody uses the store.
//!
//! Blobs can be had again, so that they go first. Records of them stay, since they are small and save work; they go when
//! nobody has asked for them in a long time.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Digest, Store, in_use};
use crate::fs::FsError;

/// How long nobody has asked for a record that goes.
const RECORD_AGE: Duration = Duration::from_hours(90 * 24);

/// What a store holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreContents {
    /// Its blobs.
    pub blobs: Vec<StoredBlob>,
    /// Its records.
    pub records: Vec<StoredRecord>,
    /// The bytes of everything else, which nobody but its owner removes.
    pub other: u64,
}

/// A blob of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// When it was used last, as exactly as it is noted: to the hour.
    pub used: SystemTime,
    /// Whether its file has another name elsewhere, such as in a layout: then removing it frees nothing yet.
    pub is_shared: bool,
}

/// A record of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its file.
    path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// When it was used last, as exactly as it is noted: to the hour.
    pub used: SystemTime,
}

impl StoreContents {
    /// The bytes of everything.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let sizes =
            self.blobs.iter().map(|blob| blob.size).chain(self.records.iter().map(|record| record.size));
        sizes.chain([self.other]).fold(0, u64::saturating_add)
    }

    /// What of it goes.
    fn beyond(mut self, bounds: &Retention, now: SystemTime) -> Removal {
        let mut bytes = self.bytes();
        let unused = |used: SystemTime| now.duration_since(used).unwrap_or_default();
        let too_old = |used: SystemTime, age: Option<Duration>| age.is_some_and(|age| unused(used) >= age);
        self.records.retain(|record| too_old(record.used, Some(bounds.record_age)));
        bytes = self.records.iter().fold(bytes, |bytes, record| bytes.saturating_sub(record.size));
        // Those that were used at the same time, as far as is noted, go in an order that does not change.
        self.blobs.sort_by(|left, right| (left.used, &left.digest).cmp(&(right.used, &right.digest)));
        self.blobs.retain(|blob| {
            let goes = bounds.bytes.is_some_and(|limit| bytes > limit) || too_old(blob.used, bounds.blob_age);
            if goes {
                bytes = bytes.saturating_sub(blob.size);
            }
            goes
        });
        Removal { blobs: self.blobs, records: self.records }
    }
}

/// What a store is to hold at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// The bytes of everything in it. What cannot be had again counts, and stays.
    pub bytes: Option<u64>,
    /// For how long a blob that goes was not used.
    pub blob_age: Option<Duration>,
    /// The same for a record.
    pub record_age: Duration,
}

impl Retention {
    /// So many bytes, and no record that was long unused.
    #[must_use]
    pub fn of_bytes(bytes: u64) -> Self {
        Self { bytes: Some(bytes), blob_age: None, record_age: RECORD_AGE }
    }

    /// Nothing that was unused for so long.
    #[must_use]
    pub fn of_age(age: Duration) -> Self {
        Self { bytes: None, blob_age: Some(age), record_age: age }
    }
}

/// What goes, or is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// Blobs, the one first that was used longest ago.
    pub blobs: Vec<StoredBlob>,
    /// Records.
    pub records: Vec<StoredRecord>,
}

impl Removal {
    fn is_empty(&self) -> bool {
        self.blobs.is_empty() && self.records.is_empty()
    }
}

impl Store {
    /// What is in the store now.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn contents(&self) -> Result<StoreContents, FsError> {
        contents(&self.root)
    }

    /// What [`prune`](Self::prune) would remove.
    ///
    /// # Errors
    /// When the store cannot be listed.
    pub fn prunable(&self, bounds: &Retention) -> Result<Removal, FsError> {
        Ok(self.contents()?.beyond(bounds, SystemTime::now()))
    }

    /// Gives the store up and removes what is beyond some bounds. Nothing, and no removal, if somebody uses it.
    ///
    /// # Errors
    /// When the store cannot be listed, or a file cannot be removed.
    pub fn prune(self, bounds: &Retention) -> Result<Option<Removal>, FsError> {
        self.alone(|root| {
            let removal = contents(root)?.beyond(bounds, SystemTime::now());
            for blob in &removal.blobs {
                remove_blob(root, &blob.digest)?;
            }
            for record in &removal.records {
                remove(&record.path)?;
            }
            Ok(removal)
        })
    }

    /// Gives the store up and removes some blobs. Nothing, and no removal, if somebody uses it.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn remove(self, blobs: &[Digest]) -> Result<Option<()>, FsError> {
        self.alone(|root| blobs.iter().try_for_each(|digest| remove_blob(root, digest)))
    }

    /// Gives the store up at the end of a command that may have added to it, and removes what is beyond its limit. When
    /// somebody else uses it, that is left to whoever adds something next.
    ///
    /// # Errors
    /// When the store cannot be listed, or a file cannot be removed.
    pub fn close(self) -> Result<(), FsError> {
        let bounds = Retention::of_bytes(self.limit);
        if self.has_added() && !self.prunable(&bounds)?.is_empty() {
            self.prune(&bounds)?;
        }
        Ok(())
    }

    /// Does something with the folder of the store while nobody uses it; nothing if somebody does.
    fn alone<T>(self, work: impl FnOnce(&Path) -> Result<T, FsError>) -> Result<Option<T>, FsError> {
        let root = self.root.clone();
        // The lock of this very store would be in the way.
        drop(self);
        let Some(_lock) = in_use::lock_alone(&root)? else { return Ok(None) };
        work(&root).map(Some)
    }
}

/// Lists the store in `root`. What others remove meanwhile is not there.
fn contents(root: &Path) -> Result<StoreContents, FsError> {
    let mut contents = StoreContents::default();
    let blobs = super::blobs(root);
    for (path, metadata) in files_below(root)? {
        let size = metadata.len();
        let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let digest = || format!("sha256:{}", path.file_name()?.to_str()?).parse::<Digest>().ok();
        match path.parent() {
            Some(folder)
                if folder == blobs
                    && let Some(digest) = digest() =>
            {
                let noted =
                    std::fs::metadata(super::marker(root, &digest)).and_then(|marker| marker.modified());
                let used = noted.map_or(used, |noted| noted.max(used));
                contents.blobs.push(StoredBlob { digest, size, used, is_shared: is_shared(&metadata) });
            }
            Some(folder) if folder.parent() == Some(root) && is_record(&path) => {
                contents.records.push(StoredRecord { path, size, used });
            }
            _ => contents.other += size,
        }
    }
    Ok(contents)
}

/// Whether a file below a folder of the store is a record, by its name: `KIND-N/DIGEST.json`.
fn is_record(path: &Path) -> bool {
    let digest = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json"));
    digest.is_some_and(|hex| format!("sha256:{hex}").parse::<Digest>().is_ok())
}

/// All files in a folder and below it.
fn files_below(folder: &Path) -> Result<Vec<(PathBuf, Metadata)>, FsError> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(FsError::because("list", &folder))?;
        for entry in entries {
            let entry = entry.map_err(FsError::because("list", &folder))?;
            // What is gone already, such as another run's temporary file, is no part of the store.
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
    // There is none of a blob that was never used again.
    let _none = std::fs::remove_file(super::marker(root, digest));
    Ok(())
}

fn remove(path: &Path) -> Result<(), FsError> {
    std::fs::remove_file(path).map_err(FsError::because("remove", path))
}

#[cfg(test)]
mod tests;
