//! An archive that stays open, and the reading of its entries.
//!
//! The archive is read by position, never through the file's own cursor, so that any number of entries can be read at
//! once from as many threads. An entry's bytes are checked against all that the archive says of them before the last of
//! them is handed out: a reader that takes exactly the declared size has taken checked bytes. What is handed out deflated
//! is checked when it is inflated.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crc32fast::Hasher as Crc;
use flate2::bufread::DeflateDecoder;
use libdeflater::{DecompressionError, Decompressor};
use sha2::{Digest as _, Sha256};

use super::central::{LOCAL_HEADER, Record, u16_at};
use super::name;
use crate::fs::{self, FsError};
use crate::tree::content::Stamp;
use crate::tree::{SIZE_LIMIT, TreeError};

/// How many compressed bytes are read at a time: few calls for a large entry.
const READ_AHEAD: u64 = 64 * 1024;

/// What is wrong with an entry whose bytes are not what the archive says of them.
const MORE_BYTES: &str = "it holds more bytes than the archive says";
const FEWER_BYTES: &str = "it holds fewer bytes than the archive says";
const OTHER_BYTES: &str = "its bytes do not have the checksum that the archive says";

/// A zip archive of this machine, as it was when it was listed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ZipArchive(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    file: File,
    stamp: Stamp,
}

/// An entry of an archive: a file's bytes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ZipEntry {
    archive: ZipArchive,
    record: Arc<Record>,
}

impl ZipArchive {
    pub(super) fn open(path: &Path) -> Result<Self, TreeError> {
        let file = fs::open(path)?;
        let metadata = file.metadata().map_err(FsError::because("look at", path))?;
        let stamp = Stamp::of(&metadata);
        let unsuitable = |why: &str, help| {
            Err(TreeError::Unsuitable { what: path.display().to_string(), why: why.to_owned(), help })
        };
        if !metadata.is_file() {
            return unsuitable("is not a regular file", "name a file");
        }
        // What is compressed is hardly larger than what it unpacks to. This also bounds the memory that listing takes.
        if stamp.size > SIZE_LIMIT {
            return unsuitable("is larger than the 10 GiB that an image may hold", "put less into it");
        }
        Ok(Self(Arc::new(Opened { path: path.to_owned(), file, stamp })))
    }

    /// When the archive was last changed, in nanoseconds since 1970, as far as the file system tells.
    #[must_use]
    pub fn changed_at(&self) -> i64 {
        self.0.stamp.changed_at()
    }

    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }

    /// How messages name one of its entries. The name comes from whoever made the archive and may hold what would
    /// upset a terminal.
    pub(super) fn name_of(&self, entry: &str) -> String {
        format!("{}: {}", self.0.path.display(), name::printable(entry))
    }

    /// A reader of the whole archive with a position of its own, at the start.
    pub(super) fn cursor(&self) -> Cursor {
        Cursor { archive: self.clone(), position: 0 }
    }
}

/// A position in an archive.
#[derive(Debug)]
pub(super) struct Cursor {
    archive: ZipArchive,
    position: u64,
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let count = std::os::unix::fs::FileExt::read_at(&self.archive.0.file, buffer, self.position)?;
        #[cfg(windows)]
        let count = std::os::windows::fs::FileExt::seek_read(&self.archive.0.file, buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Cursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.archive.0.stamp.size.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = position
            // The operating system takes positions up to here.
            .filter(|position| i64::try_from(*position).is_ok())
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

impl ZipEntry {
    /// An entry whose bytes can be read, as far as the central directory tells.
    pub(super) fn new(archive: &ZipArchive, record: Arc<Record>) -> Result<Self, TreeError> {
        if let Some(unreadable) = &record.unreadable {
            let (why, help) = &**unreadable;
            let what = archive.name_of(record.name());
            return Err(TreeError::Unsuitable { what, why: why.clone(), help });
        }
        Ok(Self { archive: archive.clone(), record })
    }

    /// Opens the entry for one pass of reading.
    ///
    /// # Errors
    /// When the archive has changed since it was listed, or says different things of the entry in different places.
    pub fn open(&self) -> Result<Box<dyn Read + '_>, TreeError> {
        self.check_archive()?;
        match self.reader() {
            Ok(reader) => Ok(Box::new(reader)),
            Err(source) => Err(TreeError::Read { what: self.to_string(), source }),
        }
    }

    /// Feeds what identifies the bytes to a hasher without reading them.
    pub(in crate::tree) fn fingerprint(&self, hasher: &mut Sha256) {
        hasher.update(b"zip\0");
        self.archive.0.stamp.fingerprint(&[self.archive.0.path.as_os_str()], hasher);
        hasher.update(self.record.position.to_le_bytes());
        hasher.update(self.record.crc32.to_le_bytes());
        hasher.update(self.record.size.to_le_bytes());
    }

    /// Whether its bytes are deflated in the archive, not stored.
    #[must_use]
    pub fn is_deflated(&self) -> bool {
        self.record.deflated
    }

    /// The size of its bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.record.size
    }

    /// The size of its bytes as the archive has them.
    #[must_use]
    pub fn compressed_size(&self) -> u64 {
        self.record.compressed_size
    }

    /// Opens its bytes as the archive has them for one pass of reading. Nobody checks them before they are inflated.
    ///
    /// # Errors
    /// When the archive has changed since it was listed, or says different things of the entry in different places.
    pub fn open_deflated(&self) -> Result<impl Read + use<>, TreeError> {
        self.check_archive()?;
        self.data().map_err(|source| TreeError::Read { what: self.to_string(), source })
    }

    /// Inflates what [`open_deflated`](Self::open_deflated) gives into `bytes`, over what it holds, and gives their checksum.
    ///
    /// # Errors
    /// When they are not what the archive says of them.
    pub fn inflate(&self, deflated: &[u8], bytes: &mut Vec<u8>) -> Result<Crc, TreeError> {
        let mut inflate = || -> io::Result<Crc> {
            bytes.clear();
            bytes.resize(usize::try_from(self.record.size).map_err(io::Error::other)?, 0);
            let found = match Decompressor::new().deflate_decompress(deflated, bytes) {
                Ok(found) => found,
                Err(DecompressionError::InsufficientSpace) => return Err(broken(MORE_BYTES)),
                Err(DecompressionError::BadData) => return Err(broken("it is no valid deflate stream")),
            };
            if found < bytes.len() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, FEWER_BYTES));
            }
            let mut crc = Crc::new();
            crc.update(bytes);
            if crc.clone().finalize() == self.record.crc32 { Ok(crc) } else { Err(broken(OTHER_BYTES)) }
        };
        inflate().map_err(|source| TreeError::Read { what: self.to_string(), source })
    }

    /// Makes sure that the archive still is as it was when it was listed.
    ///
    /// # Errors
    /// When it is not, or cannot be looked at.
    pub fn check_archive(&self) -> Result<(), TreeError> {
        let Opened { path, file, stamp } = &*self.archive.0;
        Ok(stamp.check(path, file)?)
    }

    /// The archive that holds it.
    #[must_use]
    pub fn archive(&self) -> &ZipArchive {
        &self.archive
    }

    fn reader(&self) -> io::Result<Checked> {
        let data = self.data()?;
        let ahead = usize::try_from(data.limit().clamp(1, READ_AHEAD)).unwrap_or(1);
        let data = BufReader::with_capacity(ahead, data);
        let bytes = if self.record.deflated {
            Bytes::Deflated(DeflateDecoder::new(data))
        } else {
            Bytes::Stored(data)
        };
        let mut checked = Checked {
            bytes,
            left: self.record.size,
            crc: Crc::new(),
            crc32: self.record.crc32,
            end: End::Ahead,
        };
        if checked.left == 0 {
            // Nobody may ever read from an empty file.
            checked.check_end()?;
        }
        Ok(checked)
    }

    /// The entry's bytes in the archive, as its local header places them.
    fn data(&self) -> io::Result<Take<Cursor>> {
        let record = &self.record;
        let mut cursor = self.archive.cursor();
        cursor.seek(SeekFrom::Start(record.header))?;
        let mut header = vec![0; LOCAL_HEADER + record.header_name.len()];
        cursor.read_exact(&mut header)?;
        let (fixed, name) = header.split_at(LOCAL_HEADER);
        // Tools that unpack from a stream go by the local headers, so that two names would be two different files.
        if !fixed.starts_with(b"PK\x03\x04")
            || usize::from(u16_at(fixed, 26)) != name.len()
            || *name != *record.header_name
        {
            return Err(broken("its own header is not the one that the central directory announces"));
        }
        let data = cursor.seek(SeekFrom::Current(i64::from(u16_at(fixed, 28))))?;
        if data.checked_add(record.compressed_size).is_none_or(|end| end > record.limit) {
            return Err(broken("it shares bytes with what follows it in the archive"));
        }
        Ok(cursor.take(record.compressed_size))
    }
}

impl std::fmt::Display for ZipEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.archive.name_of(self.record.name()))
    }
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// A reader that holds an entry to its declared size and checksum.
#[derive(Debug)]
struct Checked {
    bytes: Bytes,
    /// How many bytes are still to come.
    left: u64,
    crc: Crc,
    crc32: u32,
    end: End,
}

#[derive(Debug)]
enum Bytes {
    Stored(BufReader<Take<Cursor>>),
    Deflated(DeflateDecoder<BufReader<Take<Cursor>>>),
}

/// What is known of an entry's end.
#[derive(Debug, Clone, Copy)]
enum End {
    Ahead,
    Right,
    Wrong(&'static str),
}

impl Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Self::Stored(reader) => reader.read(buffer),
                Self::Deflated(reader) => reader.read(buffer),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

impl Checked {
    /// Checks, once all declared bytes have come, that there are no more and that they were the right ones.
    fn check_end(&mut self) -> io::Result<()> {
        if matches!(self.end, End::Ahead) {
            self.end = if self.bytes.read(&mut [0])? > 0 {
                End::Wrong(MORE_BYTES)
            } else if self.crc.clone().finalize() != self.crc32 {
                End::Wrong(OTHER_BYTES)
            } else {
                End::Right
            };
        }
        match self.end {
            End::Ahead | End::Right => Ok(()),
            End::Wrong(why) => Err(broken(why)),
        }
    }
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            self.check_end()?;
            return Ok(0);
        }
        let count = self.bytes.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, FEWER_BYTES));
        }
        self.crc.update(&buffer[..count]);
        self.left -= count as u64;
        if self.left == 0 {
            self.check_end()?;
        }
        Ok(count)
    }
}
