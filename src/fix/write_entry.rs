//! Writes an entry of a tar archive as another archive had it.

use std::io::{self, Read, Write};

use tar::{EntryType, Header};

use crate::files::RawEntry;
use crate::layer::pax_record;

/// The size of everything in a tar archive is a multiple of this.
const BLOCK: u64 = 512;

/// Writes an entry with `size` bytes of content. A name or target that does not fit into its header goes into a pax record, in
/// whichever way it was written before.
///
/// # Errors
/// When the output fails, or there is less content.
pub(super) fn write_entry(
    output: &mut dyn Write,
    raw: RawEntry,
    size: u64,
    content: &mut dyn Read,
) -> io::Result<()> {
    let RawEntry { mut header, name, target, attributes, sparse_map } = raw;
    let mut records = Vec::new();
    for (key, value) in attributes.iter().filter(|(key, _)| key != b"size") {
        records.extend(pax_record(key, value));
    }
    if let Some(ustar) = header.as_ustar_mut() {
        ustar.prefix.fill(0);
    }
    let old = header.as_old_mut();
    for (key, text, field) in
        [(b"path".as_slice(), &name, &mut old.name), (b"linkpath".as_slice(), &target, &mut old.linkname)]
    {
        if !fits(text, field.len()) {
            records.extend(pax_record(key, text));
        }
        set_text(field, text);
    }
    header.set_size(size);
    header.set_cksum();
    if !records.is_empty() {
        let size = records.len() as u64;
        output.write_all(extension(&header, size).as_bytes())?;
        write_content(output, size, &mut &records[..])?;
    }
    output.write_all(header.as_bytes())?;
    output.write_all(&sparse_map)?;
    write_content(output, size, content)
}

/// Whether a text needs no pax record. Without one the encoding of a name is undefined, so one of Unicode does not do without, and
/// the bytes of another encoding stay as they are.
fn fits(text: &[u8], length: usize) -> bool {
    text.len() <= length && (text.is_ascii() || std::str::from_utf8(text).is_err())
}

/// Fills a field with the beginning of a text, for readers that know no pax records with `_` for what they could not read.
fn set_text(field: &mut [u8; 100], text: &[u8]) {
    let keeps = fits(text, field.len());
    field.fill(0);
    for (place, byte) in field.iter_mut().zip(text) {
        *place = if keeps || byte.is_ascii() { *byte } else { b'_' };
    }
}

/// The header of the pax records in front of an entry.
fn extension(of: &Header, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::XHeader);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(of.mtime().unwrap_or_default());
    header.set_size(size);
    set_text(&mut header.as_old_mut().name, b"PaxHeaders/entry");
    header.set_cksum();
    header
}

/// Writes content and fills its last block.
fn write_content(output: &mut dyn Write, size: u64, content: &mut dyn Read) -> io::Result<()> {
    if io::copy(&mut content.take(size), output)? < size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let padding = size.next_multiple_of(BLOCK) - size;
    io::copy(&mut io::repeat(0).take(padding), output).map(drop)
}
