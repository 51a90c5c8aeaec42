//! What shows that a file on this machine has not changed: its size, its times and its inode.

use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::File;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};

use super::TreeError;
use crate::fs::FsError;

/// How far apart two changes of a file must be, in nanoseconds, to have different times. Linux uses the time of the
/// last timer tick, at most 10 ms ago.
pub(super) const CLOCK_GRANULARITY: i64 = 50_000_000;

/// The metadata of one state of a file. Equal stamps mean equal bytes, unless the file was changed within the
/// clock's granularity, which a cache can detect through [`super::Content::changed_at`] and a reader avoids by
/// [`settle`](Self::settle).
///
/// A program that has mapped a file into its memory changes the file's times when it first writes to a page, not at
/// each write: its later writes to that page are not noticed. Nothing but a lock could prevent that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Size in bytes.
    pub(super) size: u64,
    /// In nanoseconds since 1970, limited to what fits.
    modified: i64,
    changed: i64,
    device: u64,
    inode: u64,
}

impl Stamp {
    /// The stamp in a file's metadata.
    #[cfg(unix)]
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let nanoseconds =
            |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Self {
            size: metadata.size(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    /// The stamp in a file's metadata.
    #[cfg(not(unix))]
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
        let modified = metadata.modified().map_or(0, since_epoch);
        Self { size: metadata.len(), modified, changed: modified, device: 0, inode: 0 }
    }

    /// When the file was last changed, in nanoseconds since 1970. Where the file system has one, this is the time of
    /// change, which programs cannot set, and not the time of modification.
    pub(super) fn changed_at(&self) -> i64 {
        self.changed
    }

    /// Feeds the parts of the file's path and the stamp to a hasher.
    pub(super) fn fingerprint(&self, path: &[&OsStr], hasher: &mut Sha256) {
        for part in path {
            hasher.update(part.as_encoded_bytes());
            hasher.update(b"\0");
        }
        let [modified, changed] = [self.modified, self.changed].map(i64::cast_unsigned);
        let numbers = [self.size, modified, changed, self.device, self.inode].map(u64::to_le_bytes);
        hasher.update(numbers.as_flattened());
    }

    /// Waits until every later change of the file will have another time. It must be called before the first byte is
    /// read, so that [`check`](Self::check) notices a change after the last one.
    ///
    /// This takes at most twice the clock's granularity, and no time for a file that was not changed just now. Times
    /// far in the future come from another machine's clock, for which waiting is of no use.
    pub(super) fn settle(&self) {
        let age = since_epoch(SystemTime::now()).saturating_sub(self.changed);
        if age.unsigned_abs() < CLOCK_GRANULARITY.unsigned_abs() {
            thread::sleep(Duration::from_nanos((CLOCK_GRANULARITY - age).unsigned_abs()));
        }
    }

    /// Makes sure that an open file still has this stamp: before it is read, and again after its last byte. `what` names
    /// the file in messages.
    pub(super) fn check(&self, what: &dyn Display, file: &File) -> Result<(), TreeError> {
        let look_at = |source| FsError { verb: "look at", path: what.to_string().into(), source };
        let metadata = file.metadata().map_err(look_at)?;
        // The link count and the access time are not part of a stamp; a difference in anything else may mean other
        // bytes. A file that another one replaces gets another time of change, since it loses a link.
        if Self::of(&metadata) == *self { Ok(()) } else { Err(TreeError::Changed { what: what.to_string() }) }
    }
}

/// Nanoseconds since 1970, negative before. The years 1678 to 2262 fit.
pub(super) fn since_epoch(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanoseconds| -nanoseconds)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_stamp_changes_the_fingerprint() {
        let stamp = Stamp { size: 1, modified: 2, changed: 3, device: 4, inode: 5 };
        let fingerprint = |path: &str, stamp: Stamp| {
            let mut hasher = Sha256::new();
            stamp.fingerprint(&[path.as_ref()], &mut hasher);
            hasher.finalize()
        };
        let own = fingerprint("/a", stamp);
        assert_eq!(own, fingerprint("/a", stamp));
        for (what, other) in [
            ("path", fingerprint("/b", stamp)),
            ("size", fingerprint("/a", Stamp { size: 9, ..stamp })),
            ("modified", fingerprint("/a", Stamp { modified: 9, ..stamp })),
            ("changed", fingerprint("/a", Stamp { changed: 9, ..stamp })),
            ("device", fingerprint("/a", Stamp { device: 9, ..stamp })),
            ("inode", fingerprint("/a", Stamp { inode: 9, ..stamp })),
        ] {
            assert_ne!(own, other, "{what}");
        }
    }
}
