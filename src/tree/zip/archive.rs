//! An open zip archive.
//!
//! It is read by position and not through the file's own cursor, so any number of threads can read entries at once.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rawzip::ReaderAt;

use crate::fs::{self, FsError};
use crate::text::visible_line;
use crate::tree::stamp::Stamp;
use crate::tree::{IMAGE_SIZE_LIMIT, TreeError};
use crate::units;

/// A zip archive on this machine, in the state that was listed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ZipArchive(pub(super) Arc<OpenArchive>);

/// The one open file of all clones.
#[derive(Debug)]
pub(super) struct OpenArchive {
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// The state of the file when it was opened.
    pub(super) stamp: Stamp,
}

impl ZipArchive {
    pub(super) fn open(path: &Path) -> Result<Self, TreeError> {
        let file = fs::open(path)?;
        let metadata = file.metadata().map_err(FsError::because("look at", path))?;
        let unsuitable = |why: &str, help: &str| Err(TreeError::unsuitable(path.display(), why, help));
        if !metadata.is_file() {
            return unsuitable("is not a regular file", "use the path of a file");
        }
        let stamp = Stamp::of(&metadata);
        // Compressed bytes are hardly more than what they unpack to. This also bounds the memory that listing takes.
        if stamp.size > IMAGE_SIZE_LIMIT {
            let why = format!("is larger than {}, the limit for an image", units::limit(IMAGE_SIZE_LIMIT));
            return unsuitable(&why, "remove files from it");
        }
        Ok(Self(Arc::new(OpenArchive { path: path.to_owned(), file, stamp })))
    }

    /// When the archive was last changed, in nanoseconds since 1970, according to the file system.
    #[must_use]
    pub fn changed_at(&self) -> i64 {
        self.0.stamp.changed_at()
    }

    /// Makes sure that the archive has not changed since it was opened. A change within the clock's granularity is not
    /// noticed, but then the checksums of entries are wrong.
    pub(super) fn check(&self) -> Result<(), TreeError> {
        self.0.stamp.check(&self.0.path.display(), &self.0.file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }

    pub(super) fn size(&self) -> u64 {
        self.0.stamp.size
    }

    /// How messages name one of its entries.
    pub(super) fn name_of(&self, entry: &str) -> String {
        format!("{}: {}", self.0.path.display(), visible_line(entry))
    }
}

impl ReaderAt for ZipArchive {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        loop {
            #[cfg(unix)]
            let read = std::os::unix::fs::FileExt::read_at(&self.0.file, buffer, position);
            #[cfg(windows)]
            let read = std::os::windows::fs::FileExt::seek_read(&self.0.file, buffer, position);
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}
