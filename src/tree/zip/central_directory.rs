//! The central directory of a zip archive: what it declares about each entry (APPNOTE.TXT 4.3).
//!
//! `end_record` finds the directory, `rawzip` parses its records. This file decides which archives are accepted and reads
//! the fields that limg needs.

use std::io;

use rawzip::extra_fields::ExtraFieldId;
use rawzip::{
    CompressionMethod, CreatorSystem, ErrorKind, MAX_CENTRAL_DIRECTORY_RECORD_SIZE, ReaderAt,
    ZipFileHeaderRecord, ZipLocator,
};

use super::archive::ZipArchive;
use super::end_record::{self, Directory};
use super::entry_name;
use super::fields::invalid;
use crate::tree::TreeError;

/// The most entries that an archive may have. In an image, each entry takes a tar header of 512 bytes and an inode of
/// at least 256 bytes. A million of them take nearly a tenth of Lambda's limit, and the largest functions in use have a
/// hundredth of that.
const ENTRY_LIMIT: usize = 1_000_000;

/// The size of a local header without the name and extra fields (APPNOTE.TXT 4.3.7).
pub(super) const LOCAL_HEADER: usize = 30;
pub(super) const LOCAL_SIGNATURE: &[u8; 4] = b"PK\x03\x04";

/// An archive and what it declares about its entries, which all of them share.
#[derive(Debug)]
pub(super) struct ListedArchive {
    pub(super) archive: ZipArchive,
    /// In the order of the central directory.
    pub(super) records: Vec<EntryRecord>,
}

/// What the central directory declares about an entry. An archive may have a million of them: what is rare or long takes
/// room only where it is.
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
    pub(super) method: CompressionMethod,
    pub(super) compressed_size: u64,
    pub(super) size: u64,
    /// The checksum of the uncompressed bytes.
    pub(super) crc32: u32,
    /// The time of modification in seconds since 1970, in the width that archives have.
    modified: Option<i32>,
}

impl EntryRecord {
    /// `prefix` is how many bytes are in front of the archive.
    fn new(header: &ZipFileHeaderRecord<'_>, prefix: u64) -> io::Result<Self> {
        let in_file = |position: u64| {
            position.checked_add(prefix).ok_or_else(|| invalid("an entry is not in the archive"))
        };
        let path = header.file_path();
        let raw_name: &[u8] = path.as_ref();
        let unicode_name = unicode_name(header, raw_name);
        // Info-ZIP on Linux writes UTF-8 without setting the flag for it, so the flag is not consulted.
        let is_cp437 = unicode_name.is_none() && str::from_utf8(raw_name).is_err();
        Ok(Self {
            raw_name: raw_name.into(),
            decoded_name: if is_cp437 { Some(entry_name::from_cp437(raw_name).into()) } else { unicode_name },
            is_cp437,
            position: in_file(header.central_directory_offset())?,
            local_header: in_file(header.local_header_offset())?,
            limit: 0,
            system: header.version_made_by().creator_system(),
            attributes: header.external_attributes(),
            is_encrypted: header.flags().is_encrypted(),
            method: header.compression_method(),
            compressed_size: header.compressed_size_hint(),
            size: header.uncompressed_size_hint(),
            crc32: header.crc32(),
            modified: modified(header),
        })
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

    /// The time of modification in seconds since 1970.
    pub(super) fn modified(&self) -> Option<i64> {
        self.modified.map(i64::from)
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
    let directory = end_record::find(archive).map_err(failed)?;
    let mut buffer = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
    let body = WithoutPrefix { archive, prefix: directory.prefix };
    let zip = ZipLocator::new()
        .locate_in_reader(body, &mut buffer, directory.archive_end - directory.prefix)
        .map_err(|(_, error)| broken(error))?;
    let mut headers = zip.entries(&mut buffer);
    let mut records = Vec::new();
    // Up to the end of the directory: the declared number may be of less.
    while let Some(header) = headers.next_entry().map_err(broken)? {
        if records.len() == ENTRY_LIMIT {
            let what = archive.path().display();
            return Err(TreeError::unsuitable(
                what,
                "has more than a million entries",
                "remove files from it",
            ));
        }
        records.push(EntryRecord::new(&header, directory.prefix).map_err(failed)?);
    }
    if !directory.has_entries(records.len()) {
        return Err(failed(invalid("its central directory has another number of entries than it declares")));
    }
    if let Some(entry) = set_limits(&mut records, directory.start) {
        let help = "create the archive again with another tool";
        return Err(TreeError::unsuitable(
            archive.name_of(entry.name()),
            "overlaps the next entry in the archive",
            help,
        ));
    }
    check_first_header(archive, &records, &directory).map_err(failed)?;
    records.shrink_to_fit();
    Ok(records)
}

/// An archive whose positions count from its beginning, not from that of the file.
struct WithoutPrefix<'a> {
    archive: &'a ZipArchive,
    prefix: u64,
}

impl ReaderAt for WithoutPrefix<'_> {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.archive.read_at(buffer, position.saturating_add(self.prefix))
    }
}

/// Makes sure that the first entry is where it is declared to be. If the end record hides some records of the directory,
/// the positions of the others are wrong, which would not be noticed for directories.
fn check_first_header(
    archive: &ZipArchive,
    records: &[EntryRecord],
    directory: &Directory,
) -> io::Result<()> {
    let Some(first) = records.iter().map(|record| record.local_header).min() else { return Ok(()) };
    let mut signature = [0; LOCAL_SIGNATURE.len()];
    archive.read_exact_at(&mut signature, first)?;
    if signature == *LOCAL_SIGNATURE && first >= directory.prefix {
        Ok(())
    } else {
        Err(invalid("its first entry is not where the central directory declares it"))
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
fn modified(header: &ZipFileHeaderRecord<'_>) -> Option<i32> {
    let (_, field) = header.extra_fields().find(|(id, _)| *id == ExtraFieldId::EXTENDED_TIMESTAMP)?;
    let (flags, time) = field.split_first()?;
    let time = time.first_chunk().filter(|_| flags & 1 != 0)?;
    Some(i32::from_le_bytes(*time))
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

fn plain_error(error: rawzip::Error) -> io::Error {
    match error.into_kind() {
        ErrorKind::IO(error) => error,
        _ => invalid("its central directory is damaged"),
    }
}
