//! The end of a zip archive: where its central directory is, and how many entries that has (APPNOTE.TXT 4.3.14 to
//! 4.3.16).
//!
//! Nothing that the end record declares is believed where it can be checked. The directory ends where the end record
//! begins. From that and its declared size follows where it begins, and from its declared position, how many bytes of
//! something else are in front of the archive, for example a program that unpacks it.

use std::io;

use memchr::memmem;
use rawzip::ReaderAt as _;

use super::archive::ZipArchive;
use super::fields::{invalid, u16_at, u32_at, u64_at};

/// The size of the record without its comment, which is the last field.
const END_RECORD: usize = 22;
const END_RECORD_SIGNATURE: &[u8] = b"PK\x05\x06";
const LONGEST_COMMENT: u64 = 65_535;

/// The size of the zip64 record without its extensible data, which no tool writes.
const ZIP64_RECORD: usize = 56;
const ZIP64_SIGNATURE: &[u8] = b"PK\x06\x06";

/// The size of what leads from the end record to the zip64 record.
const ZIP64_LOCATOR: usize = 20;
const ZIP64_LOCATOR_SIGNATURE: &[u8] = b"PK\x06\x07";

/// The central directory of an archive, with positions in the file.
#[derive(Debug)]
pub(super) struct Directory {
    /// How many bytes are in front of the archive. Its other positions count from there.
    pub(super) prefix: u64,
    /// The position of its first record.
    pub(super) start: u64,
    /// The position after the end record.
    pub(super) archive_end: u64,
    count: Count,
}

/// The declared number of entries.
#[derive(Debug)]
enum Count {
    /// What fits into 16 bits. Tools without zip64 leave out the rest of a larger number, as `unzip` allows.
    Modulo16Bits(u16),
    /// The number in a zip64 record.
    Exact(u64),
}

impl Directory {
    /// Whether an archive with so many entries would declare what this one does.
    pub(super) fn has_entries(&self, count: usize) -> bool {
        match self.count {
            Count::Modulo16Bits(declared) => count % (1 << 16) == usize::from(declared),
            Count::Exact(declared) => count as u64 == declared,
        }
    }
}

/// Finds the last end record that leads to a central directory: its signature may also be part of a comment.
pub(super) fn find(archive: &ZipArchive) -> io::Result<Directory> {
    let longest = END_RECORD as u64 + LONGEST_COMMENT;
    let first = archive.size().saturating_sub(longest);
    let mut tail = vec![0; usize::try_from(archive.size() - first).map_err(io::Error::other)?];
    archive.read_exact_at(&mut tail, first)?;
    let mut last_error = None;
    for at in memmem::rfind_iter(&tail, END_RECORD_SIGNATURE) {
        let Some((record, rest)) = tail[at..].split_first_chunk::<END_RECORD>() else { continue };
        if usize::from(u16_at(record, 20)) > rest.len() {
            continue;
        }
        match directory(archive, first + at as u64, record) {
            Ok(directory) => return Ok(directory),
            Err(error) => drop(last_error.get_or_insert(error)),
        }
    }
    Err(last_error.unwrap_or_else(|| {
        invalid("it has no central directory: it is not a zip archive, or its end is missing")
    }))
}

/// The directory to which the end record at a position leads.
fn directory(archive: &ZipArchive, position: u64, record: &[u8; END_RECORD]) -> io::Result<Directory> {
    check_disks(record)?;
    let damaged = || invalid("its end record does not lead to its central directory");
    let zip64 = Zip64::find(archive, position)?;
    let (end, count, size, declared_start) = match &zip64 {
        Some(zip64) if !zip64.agrees_with(record) => return Err(damaged()),
        Some(zip64) => (zip64.position, Count::Exact(zip64.count), zip64.size, zip64.start),
        None => {
            let [size, start] = [12, 16].map(|at| u64::from(u32_at(record, at)));
            (position, Count::Modulo16Bits(u16_at(record, 10)), size, start)
        }
    };
    let start = end.checked_sub(size).ok_or_else(damaged)?;
    let prefix = start.checked_sub(declared_start).ok_or_else(damaged)?;
    // Without entries, there is nothing that could be in front of the end record.
    let is_plausible = if size == 0 { end == 0 } else { begins_with(archive, start, b"PK\x01\x02")? };
    if !is_plausible
        || zip64.is_some_and(|zip64| zip64.position != zip64.declared_position.saturating_add(prefix))
    {
        return Err(damaged());
    }
    Ok(Directory { prefix, start, archive_end: position + END_RECORD as u64, count })
}

/// A zip64 record, which has room for larger numbers.
struct Zip64 {
    position: u64,
    /// Its position according to the locator, counted from the beginning of the archive.
    declared_position: u64,
    count: u64,
    /// The size of the central directory.
    size: u64,
    /// The declared position of the central directory.
    start: u64,
}

impl Zip64 {
    /// The record that lies in front of an end record, with only the locator between them.
    fn find(archive: &ZipArchive, end_record: u64) -> io::Result<Option<Self>> {
        let mut bytes = [0; ZIP64_RECORD + ZIP64_LOCATOR];
        let Some(position) = end_record.checked_sub(bytes.len() as u64) else { return Ok(None) };
        archive.read_exact_at(&mut bytes, position)?;
        let (record, locator) = bytes.split_at(ZIP64_RECORD);
        if !record.starts_with(ZIP64_SIGNATURE) || !locator.starts_with(ZIP64_LOCATOR_SIGNATURE) {
            return Ok(None);
        }
        let [count, size, start] = [32, 40, 48].map(|at| u64_at(record, at));
        Ok(Some(Self { position, declared_position: u64_at(locator, 8), count, size, start }))
    }

    /// Whether an end record declares the same, where it does not leave a number at its maximum.
    fn agrees_with(&self, record: &[u8]) -> bool {
        let (count, size, start) = (u16_at(record, 10), u32_at(record, 12), u32_at(record, 16));
        (count == u16::MAX || u64::from(count) == self.count)
            && (size == u32::MAX || u64::from(size) == self.size)
            && (start == u32::MAX || u64::from(start) == self.start)
    }
}

/// Rejects one file of an archive that is split over several. The end record has the numbers of two disks and two counts
/// of entries; zip64 archives may leave them at their maximum.
fn check_disks(record: &[u8]) -> io::Result<()> {
    let [disk, first_disk, entries_here, entries] = [4, 6, 8, 10].map(|at| u16_at(record, at));
    let is_first = |disk| matches!(disk, 0 | u16::MAX);
    if is_first(disk) && is_first(first_disk) && entries_here == entries {
        Ok(())
    } else {
        Err(invalid("it is split over several disks"))
    }
}

fn begins_with(archive: &ZipArchive, position: u64, signature: &[u8]) -> io::Result<bool> {
    let mut found = [0; 4];
    archive.read_exact_at(&mut found, position)?;
    Ok(found == *signature)
}
