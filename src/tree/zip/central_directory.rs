//! The central directory of a zip archive: what it declares about each entry (APPNOTE.TXT 4.3).
//!
//! `rawzip` finds and parses the records. This file decides which archives are accepted and reads the fields that limg
//! needs.

use std::io;

use rawzip::extra_fields::ExtraFieldId;
use rawzip::{
    CompressionMethod, CreatorSystem, ErrorKind, MAX_CENTRAL_DIRECTORY_RECORD_SIZE, ReaderAt as _,
    ZipFileHeaderRecord, ZipLocator,
};

use super::archive::ZipArchive;
use super::entry_name;
use crate::tree::TreeError;

/// The most entries that an archive may have. In an image, each entry takes a tar header of 512 bytes and an inode of
/// at least 256 bytes. A million of them take nearly a tenth of Lambda's limit, and the largest functions in use have a
/// hundredth of that.
const ENTRY_LIMIT: u64 = 1_000_000;

/// The size of a local header without the name and extra fields (APPNOTE.TXT 4.3.7).
pub(super) const LOCAL_HEADER: usize = 30;

/// The size of the end of central directory record with the longest comment (APPNOTE.TXT 4.3.16).
const END_RECORD: u64 = 22 + 65_535;

/// What the central directory declares about an entry.
#[derive(Debug)]
pub(super) struct EntryRecord {
    /// The name as bytes.
    pub(super) raw_name: Box<[u8]>,
    /// The name as text, if that differs from the bytes.
    decoded_name: Option<Box<str>>,
    /// Whether the name was not UTF-8 and was decoded as CP437.
    pub(super) is_cp437: bool,
    /// The position of this record in the archive, which identifies the entry.
    pub(super) position: u64,
    /// The position of the entry's local header.
    pub(super) local_header: u64,
    /// The position of what comes next in the archive: another entry or the central directory.
    pub(super) limit: u64,
    system: CreatorSystem,
    /// DOS attributes in the lower half; in the upper half a Unix mode, if the system writes one.
    attributes: u32,
    is_encrypted: bool,
    method: CompressionMethod,
    pub(super) compressed_size: u64,
    pub(super) size: u64,
    /// The checksum of the uncompressed bytes.
    pub(super) crc32: u32,
    /// The time of modification in seconds since 1970.
    pub(super) modified: Option<i64>,
}

impl EntryRecord {
    fn new(header: &ZipFileHeaderRecord<'_>) -> Self {
        let path = header.file_path();
        let raw_name: &[u8] = path.as_ref();
        let unicode_name = unicode_name(header, raw_name);
        // Info-ZIP on Linux writes UTF-8 without setting the flag for it, so the flag is not consulted.
        let is_cp437 = unicode_name.is_none() && str::from_utf8(raw_name).is_err();
        Self {
            raw_name: raw_name.into(),
            decoded_name: if is_cp437 { Some(entry_name::from_cp437(raw_name).into()) } else { unicode_name },
            is_cp437,
            position: header.central_directory_offset(),
            local_header: header.local_header_offset(),
            limit: 0,
            system: header.version_made_by().creator_system(),
            attributes: header.external_attributes(),
            is_encrypted: header.flags().is_encrypted(),
            method: header.compression_method(),
            compressed_size: header.compressed_size_hint(),
            size: header.uncompressed_size_hint(),
            crc32: header.crc32(),
            modified: modified(header),
        }
    }

    /// The name as text, not validated.
    pub(super) fn name(&self) -> &str {
        self.decoded_name.as_deref().or_else(|| str::from_utf8(&self.raw_name).ok()).unwrap_or_default()
    }

    /// Whether the archive declares that it was made on DOS or Windows. DOS is number 0, so tools that leave the field
    /// empty declare this too.
    pub(super) fn is_from_windows(&self) -> bool {
        matches!(self.system, CreatorSystem::FAT | CreatorSystem::NTFS | CreatorSystem::VFAT)
    }

    /// The Unix mode, or 0. Tools on Windows write a mode to mark links and executable files; other systems use the
    /// field for something else.
    pub(super) fn mode(&self) -> u32 {
        let has_mode =
            self.is_from_windows() || matches!(self.system, CreatorSystem::UNIX | CreatorSystem::MACOS);
        if has_mode { self.attributes >> 16 } else { 0 }
    }

    /// Whether the DOS attributes are those of a directory (APPNOTE.TXT 4.4.15).
    pub(super) fn is_dos_directory(&self) -> bool {
        self.attributes & 0x10 != 0
    }

    pub(super) fn is_deflated(&self) -> bool {
        self.method == CompressionMethod::DEFLATE
    }

    /// Why limg cannot read the entry's bytes, and what to do about it.
    pub(super) fn unreadable(&self) -> Option<(String, &'static str)> {
        if self.is_encrypted {
            Some(("is encrypted".to_owned(), "create the archive again without a password"))
        } else if self.is_deflated() {
            None
        } else if self.method != CompressionMethod::STORE {
            let why =
                format!("uses compression method {}; limg and Lambda support only deflate", self.method);
            Some((why, "create the archive again with deflate, the default of `zip`"))
        } else if self.compressed_size != self.size {
            let why = "is not compressed but has two different sizes in the archive".to_owned();
            Some((why, "create the archive again with another tool"))
        } else {
            None
        }
    }
}

/// Reads the records of all entries, in the order of the central directory.
pub(super) fn read(archive: &ZipArchive) -> Result<Vec<EntryRecord>, TreeError> {
    let failed = |source| TreeError::Archive { path: archive.path().to_owned(), source };
    let broken = |error| failed(plain_error(error));
    let mut buffer = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
    let zip = locate(archive, &mut buffer).map_err(broken)?;
    check_disks(archive, zip.eocd_offset()).map_err(failed)?;
    let (start, count) = (zip.directory_offset(), zip.entries_hint());
    if count > ENTRY_LIMIT {
        let what = archive.path().display();
        return Err(TreeError::unsuitable(what, "has more than a million entries", "remove files from it"));
    }
    let mut headers = zip.entries(&mut buffer);
    let mut records = Vec::new();
    for _ in 0..count {
        let Some(header) = headers.next_entry().map_err(broken)? else { break };
        records.push(EntryRecord::new(&header));
    }
    if (records.len() as u64) < count || matches!(headers.next_entry(), Ok(Some(_))) {
        return Err(failed(invalid("its central directory has another number of entries than it declares")));
    }
    if let Some(entry) = set_limits(&mut records, start) {
        let help = "create the archive again with another tool";
        return Err(TreeError::unsuitable(
            archive.name_of(entry.name()),
            "overlaps the next entry in the archive",
            help,
        ));
    }
    Ok(records)
}

/// Finds the last end of central directory record whose comment fits into the archive.
fn locate<'a>(
    archive: &'a ZipArchive,
    buffer: &mut [u8],
) -> Result<rawzip::ZipArchive<&'a ZipArchive>, rawzip::Error> {
    let first = archive.size().saturating_sub(END_RECORD);
    let mut end = archive.size();
    loop {
        let locator = ZipLocator::new().max_search_space(end.saturating_sub(first));
        match locator.locate_in_reader(archive, buffer, end) {
            Ok(zip) => return Ok(zip),
            // If the signature is part of a comment, the record is further up.
            Err((_, error)) => end = error.eocd_offset().ok_or(error)?,
        }
    }
}

/// Rejects one file of an archive that is split over several. The end of central directory record has the numbers of
/// two disks and two counts of entries (APPNOTE.TXT 4.3.16); zip64 archives may leave them at their maximum.
fn check_disks(archive: &ZipArchive, end_record: u64) -> io::Result<()> {
    let mut record = [0; 12];
    archive.read_exact_at(&mut record, end_record)?;
    let [disk, first_disk, entries_here, entries] = [4, 6, 8, 10].map(|at| u16_at(&record, at));
    let is_first = |disk| matches!(disk, 0 | u16::MAX);
    if is_first(disk) && is_first(first_disk) && entries_here == entries {
        Ok(())
    } else {
        Err(invalid("it is split over several disks"))
    }
}

/// The name in Info-ZIP's Unicode path field, which contains the checksum of the name that it replaces (APPNOTE.TXT
/// 4.6.9).
fn unicode_name(header: &ZipFileHeaderRecord<'_>, raw_name: &[u8]) -> Option<Box<str>> {
    let fields = header.extra_fields().filter(|(id, _)| *id == ExtraFieldId::INFO_ZIP_UNICODE_PATH);
    let name = fields.filter_map(|(_, field)| {
        let (version_and_crc32, name) = field.split_at_checked(5)?;
        let is_current = version_and_crc32[1..] == crc32fast::hash(raw_name).to_le_bytes();
        str::from_utf8(name).ok().filter(|_| is_current)
    });
    name.last().map(Into::into)
}

/// The time in Info-ZIP's extended timestamp field (extrafld.txt): seconds as a signed 32-bit number, if the lowest
/// flag is set. The time in the header itself has no time zone, so it is not used.
fn modified(header: &ZipFileHeaderRecord<'_>) -> Option<i64> {
    let (_, field) = header.extra_fields().find(|(id, _)| *id == ExtraFieldId::EXTENDED_TIMESTAMP)?;
    let (flags, time) = field.split_first()?;
    let time = time.first_chunk().filter(|_| flags & 1 != 0)?;
    Some(i64::from(i32::from_le_bytes(*time)))
}

/// Sets the limit of every entry. Returns an entry that does not end before its limit: with entries that overlap, a
/// small archive can unpack to any size.
fn set_limits(records: &mut [EntryRecord], directory: u64) -> Option<&EntryRecord> {
    let mut order: Vec<_> = (0..records.len()).collect();
    order.sort_unstable_by_key(|index| records[*index].local_header);
    let mut limit = directory;
    for index in order.into_iter().rev() {
        let record = &mut records[index];
        record.limit = limit;
        // The local header repeats the name. How long its extra fields are is known only when the entry is read.
        let shortest = (LOCAL_HEADER + record.raw_name.len()) as u64;
        let end =
            record.local_header.checked_add(shortest).and_then(|end| end.checked_add(record.compressed_size));
        if end.is_none_or(|end| end > limit) {
            return records.get(index);
        }
        limit = record.local_header;
    }
    None
}

/// The number at a position of a header, which must be long enough.
pub(super) fn u16_at(header: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([header[at], header[at + 1]])
}

pub(super) fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn plain_error(error: rawzip::Error) -> io::Error {
    match error.into_kind() {
        ErrorKind::IO(error) => error,
        ErrorKind::MissingEndOfCentralDirectory => {
            invalid("it has no central directory: it is not a zip archive, or its end is missing")
        }
        _ => invalid("its central directory is damaged"),
    }
}
