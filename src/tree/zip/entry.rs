//! An entry of a zip archive, and the reading of its bytes.
//!
//! An entry's size and checksum are verified before its last bytes are returned: a caller that reads exactly the
//! declared size has read verified bytes. Bytes that are returned deflated are verified when they are inflated.

use std::io::{self, BufReader, Read};
use std::sync::Arc;

use crc32fast::Hasher as Crc;
use flate2::bufread::DeflateDecoder;
use libdeflater::{DecompressionError, Decompressor};
use rawzip::{RangeReader, ReaderAt as _};
use sha2::{Digest as _, Sha256};

use super::archive::ZipArchive;
use super::central_directory::{EntryRecord, LOCAL_HEADER, LOCAL_SIGNATURE, ListedArchive};
use super::fields::{invalid, u16_at, u32_at};
use crate::tree::TreeError;

/// How many compressed bytes are read at a time: few calls for a large entry.
const READ_AHEAD: u64 = 64 * 1024;

/// Why the bytes of an entry are not those that the archive declares.
const MORE_BYTES: &str = "it has more bytes than the archive declares";
const FEWER_BYTES: &str = "it has fewer bytes than the archive declares";
const WRONG_CHECKSUM: &str = "its bytes do not match the checksum in the archive";

/// An entry of a zip archive: the bytes of a file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ZipEntry {
    listed: Arc<ListedArchive>,
    /// Which of the records is its own.
    index: usize,
}

impl ZipEntry {
    /// An entry whose bytes can be read, according to the central directory.
    pub(super) fn new(listed: &Arc<ListedArchive>, index: usize) -> Result<Self, TreeError> {
        let entry = Self { listed: Arc::clone(listed), index };
        match entry.record().unreadable() {
            Some((why, help)) => Err(TreeError::unsuitable(entry, why, help)),
            None => Ok(entry),
        }
    }

    fn record(&self) -> &EntryRecord {
        &self.listed.records[self.index]
    }

    /// Opens the entry for one pass of reading.
    ///
    /// # Errors
    /// When the archive has changed since it was listed, or contradicts itself.
    pub fn open(&self) -> Result<Box<dyn Read + '_>, TreeError> {
        self.check_archive()?;
        let reader = self.reader().map_err(|source| self.read_error(source))?;
        Ok(Box::new(CheckedReader { reader, entry: self }))
    }

    /// Feeds what identifies the bytes to a hasher without reading them.
    pub(in crate::tree) fn fingerprint(&self, hasher: &mut Sha256) {
        hasher.update(b"zip\0");
        let (archive, record) = (&self.archive().0, self.record());
        archive.stamp.fingerprint(&[archive.path.as_os_str()], hasher);
        hasher.update(record.position.to_le_bytes());
        hasher.update(record.crc32.to_le_bytes());
        hasher.update(record.size.to_le_bytes());
    }

    /// Whether its bytes are deflated in the archive.
    #[must_use]
    pub fn is_deflated(&self) -> bool {
        self.record().is_deflated()
    }

    /// The uncompressed size.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.record().size
    }

    /// The size in the archive.
    #[must_use]
    pub fn compressed_size(&self) -> u64 {
        self.record().compressed_size
    }

    /// Opens its bytes as they are in the archive, for one pass of reading. They are not verified before they are
    /// inflated.
    ///
    /// # Errors
    /// When the archive has changed since it was listed, or contradicts itself.
    pub fn open_deflated(&self) -> Result<impl Read + use<>, TreeError> {
        self.check_archive()?;
        self.data().map_err(|source| self.read_error(source))
    }

    /// Inflates what [`open_deflated`](Self::open_deflated) returns into `bytes`, replacing its content, and returns
    /// their checksum.
    ///
    /// # Errors
    /// When they are not the bytes that the archive declares.
    pub fn inflate(&self, deflated: &[u8], bytes: &mut Vec<u8>) -> Result<Crc, TreeError> {
        let mut inflate = || -> io::Result<Crc> {
            bytes.clear();
            bytes.resize(usize::try_from(self.record().size).map_err(io::Error::other)?, 0);
            let found = match Decompressor::new().deflate_decompress(deflated, bytes) {
                Ok(found) => found,
                Err(DecompressionError::InsufficientSpace) => return Err(invalid(MORE_BYTES)),
                Err(DecompressionError::BadData) => {
                    return Err(invalid("it is not a valid deflate stream"));
                }
            };
            if found < bytes.len() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, FEWER_BYTES));
            }
            let mut crc = Crc::new();
            crc.update(bytes);
            if crc.clone().finalize() == self.record().crc32 { Ok(crc) } else { Err(invalid(WRONG_CHECKSUM)) }
        };
        let crc = inflate().map_err(|source| self.read_error(source))?;
        self.check_archive()?;
        Ok(crc)
    }

    /// Makes sure that the archive has not changed since it was listed.
    ///
    /// # Errors
    /// When it has, or its metadata cannot be read.
    pub fn check_archive(&self) -> Result<(), TreeError> {
        self.archive().check()
    }

    /// The archive that contains it.
    #[must_use]
    pub fn archive(&self) -> &ZipArchive {
        &self.listed.archive
    }

    /// An error of reading in a message that names the entry, or the archive if it has changed: that is then the cause.
    #[must_use]
    pub fn read_error(&self, error: io::Error) -> TreeError {
        self.check_archive().err().unwrap_or_else(|| {
            error.downcast().unwrap_or_else(|source| TreeError::Entry { what: self.to_string(), source })
        })
    }

    fn reader(&self) -> io::Result<Box<dyn Read>> {
        let data = self.data()?;
        let ahead = usize::try_from(data.remaining().clamp(1, READ_AHEAD)).unwrap_or(1);
        let data = BufReader::with_capacity(ahead, data);
        Ok(if self.is_deflated() {
            Box::new(EntryReader::new(DeflateDecoder::new(data), self.record())?)
        } else {
            Box::new(EntryReader::new(data, self.record())?)
        })
    }

    /// The entry's bytes in the archive, found through its local header.
    fn data(&self) -> io::Result<RangeReader<ZipArchive>> {
        let record = self.record();
        let mut header = vec![0; LOCAL_HEADER + record.raw_name.len()];
        self.archive().read_exact_at(&mut header, record.local_header)?;
        let (fixed, name) = header.split_at(LOCAL_HEADER);
        // Tools that unpack a stream use the local headers: if these differ, an entry is two different files.
        if !fixed.starts_with(LOCAL_SIGNATURE)
            || usize::from(u16_at(fixed, 26)) != name.len()
            || *name != *record.raw_name
            || !has_same_content(fixed, record)
        {
            return Err(invalid("its local header does not match the central directory"));
        }
        // Nothing overflows: listing has checked that all but the extra fields ends before the limit.
        let start = record.local_header + header.len() as u64 + u64::from(u16_at(fixed, 28));
        let end = start + record.compressed_size;
        if end > record.limit {
            return Err(invalid("it overlaps the next entry in the archive"));
        }
        Ok(RangeReader::new(self.archive().clone(), start..end))
    }
}

impl std::fmt::Display for ZipEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.archive().name_of(self.record().name()))
    }
}

/// Makes sure at the end of an entry, and before an error is returned, that the archive has not changed.
struct CheckedReader<'a> {
    reader: Box<dyn Read>,
    entry: &'a ZipEntry,
}

impl Read for CheckedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read =
            self.reader.read(buffer).map_err(|error| io::Error::other(self.entry.read_error(error)))?;
        if read == 0 && !buffer.is_empty() {
            self.entry.check_archive().map_err(io::Error::other)?;
        }
        Ok(read)
    }
}

/// Whether a local header declares the compression method, checksum and sizes of the central directory. It leaves out the
/// last three if they follow the bytes (bit 3 of the flags, APPNOTE.TXT 4.4.4) or if the tool did not know them yet, and
/// declares a maximum if they are in a zip64 field.
fn has_same_content(header: &[u8], record: &EntryRecord) -> bool {
    let follows_bytes = u16_at(header, 6) & (1 << 3) != 0;
    let agrees = |at, number| match u32_at(header, at) {
        0 | u32::MAX => true,
        declared => u64::from(declared) == number,
    };
    let numbers = [(14, u64::from(record.crc32)), (18, record.compressed_size), (22, record.size)];
    u16_at(header, 8) == record.method.as_u16()
        && (follows_bytes || numbers.into_iter().all(|(at, number)| agrees(at, number)))
}

/// Reads the uncompressed bytes of an entry and verifies their number and checksum.
#[derive(Debug)]
struct EntryReader<R> {
    bytes: R,
    /// How many bytes are still missing.
    left: u64,
    crc: Crc,
    crc32: u32,
    /// The result of the check at the end, once it was made.
    verified: Option<Result<(), &'static str>>,
}

impl<R: Read> EntryReader<R> {
    fn new(bytes: R, record: &EntryRecord) -> io::Result<Self> {
        let mut reader =
            Self { bytes, left: record.size, crc: Crc::new(), crc32: record.crc32, verified: None };
        if reader.left == 0 {
            // A caller may never read from an empty file.
            reader.verify()?;
        }
        Ok(reader)
    }

    /// Checks, once all declared bytes have been read, that there are no more and that their checksum is right.
    fn verify(&mut self) -> io::Result<()> {
        let verified = match self.verified {
            Some(verified) => verified,
            None if self.bytes.read(&mut [0])? > 0 => Err(MORE_BYTES),
            None if self.crc.clone().finalize() != self.crc32 => Err(WRONG_CHECKSUM),
            None => Ok(()),
        };
        self.verified = Some(verified);
        verified.map_err(invalid)
    }
}

impl<R: Read> Read for EntryReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            self.verify()?;
            return Ok(0);
        }
        let count = self.bytes.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, FEWER_BYTES));
        }
        self.crc.update(&buffer[..count]);
        self.left -= count as u64;
        if self.left == 0 {
            self.verify()?;
        }
        Ok(count)
    }
}
