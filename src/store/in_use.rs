//! Locks on a store, and the times at which its blobs and records were last used.
//!
//! Every open store holds a shared lock on one of its files; a process that removes something needs an exclusive lock on
//! that file. Uses are recorded at most once an hour, to keep their cost negligible. This module removes nothing.

use std::fs::{File, FileTimes, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::fs::FsError;

/// The file that is locked.
const LOCK: &str = "in-use";

/// The age from which the recorded time of a use is updated.
const MAX_AGE: Duration = Duration::from_hours(1);

/// Takes a shared lock on the store in `root`, which may be read-only. Waits while another process removes something from it.
pub(super) fn lock_shared(root: &Path) -> Result<File, FsError> {
    let path = root.join(LOCK);
    let lock = || -> io::Result<File> {
        let file = open(&path).or_else(|error| match error.kind() {
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
                File::open(&path).map_err(|_| error)
            }
            _ => Err(error),
        })?;
        file.lock_shared()?;
        Ok(file)
    };
    lock().map_err(FsError::because("lock", &path))
}

/// Takes an exclusive lock on the store in `root`; none if the store is in use.
pub(super) fn try_lock_exclusive(root: &Path) -> Result<Option<File>, FsError> {
    let path = root.join(LOCK);
    let because = FsError::because("lock", &path);
    let file = match open(&path) {
        Ok(file) => file,
        Err(error) => return Err(because(error)),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(because(error)),
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).open(path)
}

/// Records the use of a blob whose file was written at `written`, in a separate file: changed times of the blob itself would
/// look like changed content.
pub(super) fn record_blob_use(marker: &Path, written: SystemTime) {
    let recorded = std::fs::metadata(marker).and_then(|marker| marker.modified());
    if is_old(written) && recorded.map_or(true, is_old) {
        // If this fails, the blob is only removed earlier than necessary.
        let _ignored = open(marker).and_then(|marker| marker.set_modified(SystemTime::now()));
    }
}

/// Records the use of a record.
pub(super) fn record_use(record: &File) {
    if record.metadata().and_then(|record| record.modified()).is_ok_and(is_old) {
        let now = SystemTime::now();
        let _ignored = record.set_times(FileTimes::new().set_modified(now).set_accessed(now));
    }
}

fn is_old(time: SystemTime) -> bool {
    SystemTime::now().duration_since(time).is_ok_and(|age| age > MAX_AGE)
}
