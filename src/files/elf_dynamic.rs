//! What the dynamic loader reads of a little-endian ELF file of 64 bits: its loader's path, and its dynamic section (System V
//! ABI, "Dynamic Section").
//!
//! Files come from strangers: only tables of a plausible size are read, and a file that contradicts itself has nothing.

use object::elf::{self, Dyn64, DynamicTag, FileHeader64, ProgramHeader64};
use object::{LittleEndian, pod};

use crate::tree::{Content, TreeError};

/// Far more than the dynamic section and its names need in any usual library.
const TABLE_LIMIT: u64 = 4 * 1024 * 1024;

/// How far into a compressed file a table may be: everything before it is decompressed.
const COMPRESSED_LIMIT: u64 = 32 * 1024 * 1024;

/// The dynamic section of a file, and the names in it.
pub(super) struct Dynamic<'a> {
    content: &'a Content,
    head: &'a [u8],
    segments: &'a [ProgramHeader64<LittleEndian>],
    interpreter: Option<Vec<u8>>,
    /// The tags and values, up to the end of the section.
    entries: Vec<(DynamicTag, u64)>,
    names: Vec<u8>,
}

impl<'a> Dynamic<'a> {
    /// Reads it; `head` is the beginning of the file. Nothing if the file has another form. A static program has no entries.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn read(content: &'a Content, head: &'a [u8]) -> Result<Option<Self>, TreeError> {
        let Some(segments) = segments(head) else { return Ok(None) };
        let find = |wanted| segments.iter().find(|segment| kind(segment) == wanted);
        let whole = |segment: Option<&ProgramHeader64<LittleEndian>>| match segment {
            Some(segment) => table(content, head, offset(segment), size(segment)),
            None => Ok(None),
        };
        let interpreter = whole(find(elf::PT_INTERP))?;
        let section = whole(find(elf::PT_DYNAMIC))?.unwrap_or_default();
        let entries = pod::slice_from_all_bytes::<Dyn64<LittleEndian>>(&section).unwrap_or_default();
        let entries =
            entries.iter().map(|entry| (entry.d_tag.get(LittleEndian), entry.d_val.get(LittleEndian)));
        let entries: Vec<_> = entries.take_while(|(tag, _)| *tag != elf::DT_NULL).collect();
        let mut dynamic = Self { content, head, segments, interpreter, entries, names: Vec::new() };
        if let (Some(address), Some(length)) = (dynamic.value(elf::DT_STRTAB), dynamic.value(elf::DT_STRSZ)) {
            dynamic.names = dynamic.at(address, length)?.unwrap_or_default();
        }
        Ok(Some(dynamic))
    }

    /// The path of the program that loads the file, if it is a program.
    pub(super) fn interpreter(&self) -> Option<&[u8]> {
        self.interpreter.as_deref()?.split(|byte| *byte == 0).next()
    }

    /// All names.
    pub(super) fn names(&self) -> &[u8] {
        &self.names
    }

    /// The name at an offset of the table of names.
    pub(super) fn name(&self, offset: u64) -> Option<&[u8]> {
        self.names.get(usize::try_from(offset).ok()?..)?.split(|byte| *byte == 0).next()
    }

    /// The value of the first entry with a tag.
    pub(super) fn value(&self, wanted: DynamicTag) -> Option<u64> {
        self.entries.iter().find(|(tag, _)| *tag == wanted).map(|(_, value)| *value)
    }

    /// The names in all entries with a tag.
    pub(super) fn all(&self, wanted: DynamicTag) -> impl Iterator<Item = &[u8]> {
        let values = self.entries.iter().filter(move |(tag, _)| *tag == wanted);
        values.filter_map(|(_, value)| self.name(*value))
    }

    /// The bytes at an address of memory. Nothing if the file does not have them all.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn at(&self, address: u64, length: u64) -> Result<Option<Vec<u8>>, TreeError> {
        let Some(offset) = self.file_offset(address) else { return Ok(None) };
        table(self.content, self.head, offset, length)
    }

    /// The bytes from an address of memory to the end of its segment, at most `limit`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn from(&self, address: u64, limit: u64) -> Result<Option<Vec<u8>>, TreeError> {
        let end = self
            .segment_of(address)
            .map(|segment| segment.p_vaddr.get(LittleEndian).saturating_add(size(segment)));
        self.at(address, end.unwrap_or_default().saturating_sub(address).min(limit))
    }

    fn segment_of(&self, address: u64) -> Option<&ProgramHeader64<LittleEndian>> {
        let loaded = self.segments.iter().filter(|segment| kind(segment) == elf::PT_LOAD);
        let distance =
            |segment: &ProgramHeader64<LittleEndian>| address.checked_sub(segment.p_vaddr.get(LittleEndian));
        loaded.into_iter().find(|segment| distance(segment).is_some_and(|distance| distance < size(segment)))
    }

    /// Where the byte at an address of memory is in the file.
    fn file_offset(&self, address: u64) -> Option<u64> {
        let segment = self.segment_of(address)?;
        offset(segment).checked_add(address.checked_sub(segment.p_vaddr.get(LittleEndian))?)
    }
}

/// The program headers, if they are in the first bytes, where all linkers put them.
fn segments(head: &[u8]) -> Option<&[ProgramHeader64<LittleEndian>]> {
    let (header, _) = pod::from_bytes::<FileHeader64<LittleEndian>>(head).ok()?;
    let start = usize::try_from(header.e_phoff.get(LittleEndian)).ok()?;
    let count = usize::from(header.e_phnum.get(LittleEndian));
    pod::slice_from_bytes(head.get(start..)?, count).ok().map(|(segments, _)| segments)
}

/// The bytes of a table. Nothing if the table is too large or the file too short.
fn table(content: &Content, head: &[u8], offset: u64, size: u64) -> Result<Option<Vec<u8>>, TreeError> {
    let Some(end) = offset.checked_add(size).filter(|_| size <= TABLE_LIMIT) else { return Ok(None) };
    if matches!(content, Content::Zip(_)) && end > COMPRESSED_LIMIT {
        return Ok(None);
    }
    let (Ok(start), Ok(end)) = (usize::try_from(offset), usize::try_from(end)) else { return Ok(None) };
    if let Some(bytes) = head.get(start..end) {
        return Ok(Some(bytes.to_vec()));
    }
    let bytes = content.range(offset, end - start)?;
    Ok((bytes.len() == end - start).then_some(bytes))
}

fn kind(segment: &ProgramHeader64<LittleEndian>) -> elf::ProgramType {
    segment.p_type.get(LittleEndian)
}

fn offset(segment: &ProgramHeader64<LittleEndian>) -> u64 {
    segment.p_offset.get(LittleEndian)
}

fn size(segment: &ProgramHeader64<LittleEndian>) -> u64 {
    segment.p_filesz.get(LittleEndian)
}
