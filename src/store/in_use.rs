//! Who uses a store, and when a part of it was used last.
//!
//! Every open store holds a shared lock on one file of it, so that nobody who removes something, and locks the file for
//! himself alone, meets anybody who works with the store. Uses are written down at most once an hour, to cost next to
//! nothing. Nothing here removes anything.

use std::fs::{File, FileTimes, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::fs::FsError;

/// The file that is locked.
const LOCK: &str = "in-use";

/// How old the note of a use may be before another one is made.
const NOTED: Duration = Duration::from_hours(1);

/// Locks the store in `root` for use, beside others. Waits while somebody removes something from it.
pub(super) fn lock(root: &Path) -> Result<File, FsError> {
    let path = root.join(LOCK);
    let lock = || -> io::Result<File> {
        let file = open(&path)?;
        file.lock_shared()?;
        Ok(file)
    };
    lock().map_err(FsError::because("lock", &path))
}

/// Locks the store in `root` against all others; nothing if somebody uses it.
pub(super) fn lock_alone(root: &Path) -> Result<Option<File>, FsError> {
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

/// Notes that a blob is used whose file was written at `written`. The note is a file of its own: a change of the blob's own
/// times would look like a change of its bytes to those who know it by its stamp.
pub(super) fn note_blob(marker: &Path, written: SystemTime) {
    let noted = std::fs::metadata(marker).and_then(|marker| marker.modified());
    if is_old(written) && noted.map_or(true, is_old) {
        // Whoever cannot note it has a store that forgets too early, and no other damage.
        let _unnoted = open(marker).and_then(|marker| marker.set_modified(SystemTime::now()));
    }
}

/// Notes that a record is used.
pub(super) fn note_record(record: &File) {
    if record.metadata().and_then(|record| record.modified()).is_ok_and(is_old) {
        let now = SystemTime::now();
        let _unnoted = record.set_times(FileTimes::new().set_modified(now).set_accessed(now));
    }
}

fn is_old(time: SystemTime) -> bool {
    SystemTime::now().duration_since(time).is_ok_and(|age| age > NOTED)
}
