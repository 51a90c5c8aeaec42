//! The central directory of an archive, reduced to what limg needs of an entry.
//!
//! The `zip` crate finds and reads the directory, with all that makes this hard: zip64, bytes before the archive,
//! comments that look like directories. It keeps some fields to itself (a name before its Unicode replacement, the extra
//! fields) and drops an entry whose name comes again, so the headers are read once more, one after the other, for these.

use std::collections::BTreeSet;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};

use ::zip::result::ZipError;
use ::zip::{CompressionMethod, System};

use super::archive::{Cursor, ZipArchive};
use crate::tree::TreeError;

/// The most entries that are taken. In the image each would need a tar header of 512 bytes and an inode of 256 or more,
/// near a tenth of all that Lambda allows, for a hundred times as many files as the largest real functions have.
const ENTRY_LIMIT: usize = 1_000_000;

/// The size of a local header without its name (APPNOTE.TXT 4.3.7).
pub(super) const LOCAL_HEADER: usize = 30;

/// The size of a central header without its name (APPNOTE.TXT 4.3.12).
const CENTRAL_HEADER: usize = 46;

/// The extra field "extended timestamp" of Info-ZIP (extrafld.txt).
const EXTENDED_TIMESTAMP: u16 = 0x5455;

/// An entry as the central directory has it.
#[derive(Debug)]
pub(super) struct Record {
    /// Its name as its headers have it.
    pub(super) header_name: Box<[u8]>,
    /// Its name as text, where that is another.
    other_name: Option<Box<str>>,
    /// Whether the name was not UTF-8 and was read as CP437.
    pub(super) guessed: bool,
    /// Where its central header is: no other entry has the same.
    pub(super) position: u64,
    /// Where its local header is.
    pub(super) header: u64,
    /// Where whatever follows it in the archive begins.
    pub(super) limit: u64,
    /// The system whose attributes it has.
    pub(super) system: System,
    /// Its external attributes: DOS's in the lower half, in the upper half a Unix mode, perhaps.
    pub(super) attributes: u32,
    /// Why its bytes cannot be read and how to mend it, if so.
    pub(super) unreadable: Option<Box<(String, &'static str)>>,
    /// Whether its bytes are deflated, not stored.
    pub(super) deflated: bool,
    /// The size of its bytes in the archive.
    pub(super) compressed_size: u64,
    /// Their size unpacked.
    pub(super) size: u64,
    /// Their checksum, unpacked.
    pub(super) crc32: u32,
    /// When the file was modified, in seconds since 1970.
    pub(super) modified: Option<i64>,
}

impl Record {
    /// Its name as text, not checked yet.
    pub(super) fn name(&self) -> &str {
        self.other_name.as_deref().or_else(|| str::from_utf8(&self.header_name).ok()).unwrap_or_default()
    }
}

/// All entries of an archive in the order of its central directory.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) records: Vec<Record>,
    /// The names, as in the headers, of entries of which a later one has taken the place.
    pub(super) repeated: BTreeSet<Box<[u8]>>,
}

/// Reads the central directory.
pub(super) fn read(archive: &ZipArchive) -> Result<Directory, TreeError> {
    let failed = |source| TreeError::Archive { path: archive.path().to_owned(), source };
    let unsuitable = |what, why: &str, help| TreeError::Unsuitable { what, why: why.to_owned(), help };
    let zip = ::zip::ZipArchive::new(BufReader::new(archive.cursor())).map_err(failed)?;
    if zip.len() > ENTRY_LIMIT {
        let what = archive.path().display().to_string();
        return Err(unsuitable(what, "has more than a million entries", "put less into it"));
    }
    let mut records =
        (0..zip.len()).map(|index| record(&zip, index)).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    records.sort_unstable_by_key(|record| record.position);
    let start = zip.central_directory_start();
    let repeated = read_headers(archive, start, &mut records).map_err(|source| failed(source.into()))?;

    if let Some(entry) = limit(&mut records, start) {
        let what = archive.name_of(entry.name());
        return Err(unsuitable(
            what,
            "shares bytes with what follows it in the archive",
            "make the archive again with another tool",
        ));
    }
    Ok(Directory { records, repeated })
}

/// What the `zip` crate tells of an entry.
fn record(zip: &::zip::ZipArchive<BufReader<Cursor>>, index: usize) -> Result<Record, ZipError> {
    let entry = zip.by_index_data(index)?;
    let method = entry.compression();
    let deflated = method == CompressionMethod::Deflated;
    let unreadable = if entry.encrypted() {
        Some(("is encrypted".to_owned(), "zip it again without a password"))
    } else if deflated {
        None
    } else if method != CompressionMethod::Stored {
        let why = format!(
            "is compressed with `{method:?}`; limg reads deflated and stored entries, as Lambda does"
        );
        Some((why, "zip it again with deflate, the default of `zip`"))
    } else if entry.compressed_size() != entry.size() {
        let why = "is stored with one size and unpacks to another".to_owned();
        Some((why, "make the archive again with another tool"))
    } else {
        None
    };
    Ok(Record {
        header_name: Box::default(),
        // UTF-8 with or without the flag that says so, since Info-ZIP on Linux writes names as they are; else CP437.
        other_name: Some(entry.name()?.into()),
        guessed: str::from_utf8(entry.name_raw()).is_err(),
        position: entry.central_header_start(),
        header: entry.header_start(),
        limit: 0,
        system: entry.system(),
        attributes: entry.external_attributes(),
        unreadable: unreadable.map(Box::new),
        deflated,
        compressed_size: entry.compressed_size(),
        size: entry.size(),
        crc32: entry.crc32(),
        modified: None,
    })
}

/// Adds to every record what only its central header tells. Returns the names of headers without a record.
fn read_headers(archive: &ZipArchive, start: u64, records: &mut [Record]) -> io::Result<BTreeSet<Box<[u8]>>> {
    let mut reader = BufReader::new(archive.cursor());
    reader.seek(SeekFrom::Start(start))?;
    let mut position = start;
    let mut repeated = BTreeSet::new();
    for record in records {
        // The last entry of a name is the one that stays, so that no header without a record comes after all others.
        loop {
            let mut header = [0; CENTRAL_HEADER];
            reader.read_exact(&mut header)?;
            let [name, extra, comment] = [28, 30, 32].map(|at| u16_at(&header, at));
            let mut header_name = vec![0; usize::from(name)].into_boxed_slice();
            reader.read_exact(&mut header_name)?;
            let mut extra_fields = vec![0; usize::from(extra)];
            reader.read_exact(&mut extra_fields)?;
            reader.seek_relative(i64::from(comment))?;
            let here = position;
            position += CENTRAL_HEADER as u64 + u64::from(name) + u64::from(extra) + u64::from(comment);
            if here == record.position {
                record.other_name.take_if(|name| *name.as_bytes() == *header_name);
                record.header_name = header_name;
                record.modified = modified(&extra_fields);
                break;
            }
            if here > record.position {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its central directory has gaps"));
            }
            repeated.insert(header_name);
        }
    }
    Ok(repeated)
}

/// The time in an extended timestamp. A zip's ordinary time has no zone: nobody knows when it was.
fn modified(mut extra_fields: &[u8]) -> Option<i64> {
    while let Some((header, rest)) = extra_fields.split_at_checked(4) {
        let (field, rest) = rest.split_at_checked(usize::from(u16_at(header, 2)))?;
        if u16_at(header, 0) == EXTENDED_TIMESTAMP {
            let (flags, time) = field.split_first()?;
            // Seconds in a signed 32-bit number; the lowest flag says that they are the time of modification.
            let time = time.first_chunk().filter(|_| flags & 1 != 0)?;
            return Some(i64::from(i32::from_le_bytes(*time)));
        }
        extra_fields = rest;
    }
    None
}

/// Notes for every entry where the next one begins. Returns an entry that does not end before that: several entries
/// that share bytes are how a small archive unpacks to any size.
fn limit(records: &mut [Record], end: u64) -> Option<&Record> {
    let mut order: Vec<_> = (0..records.len()).collect();
    order.sort_unstable_by_key(|index| records[*index].header);
    let mut limit = end;
    for index in order.into_iter().rev() {
        let record = &mut records[index];
        record.limit = limit;
        // A local header has the same name; how long its extra fields are shows only when the entry is read.
        let least = (LOCAL_HEADER + record.header_name.len()) as u64;
        let ends =
            record.header.checked_add(least).and_then(|start| start.checked_add(record.compressed_size));
        if ends.is_none_or(|ends| ends > limit) {
            return records.get(index);
        }
        limit = record.header;
    }
    None
}

/// The number at a place of a header, which must be long enough.
pub(super) fn u16_at(header: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([header[at], header[at + 1]])
}
