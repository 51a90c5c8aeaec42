//! What an ELF file of this architecture family is linked to: its C library, and the version of Node.js of an add-on.
//!
//! Files come from strangers: only tables of a plausible size are read, and a file that contradicts itself is linked to
//! nothing.

use memchr::memmem;
use object::elf::{self, Dyn64, FileHeader64, ProgramHeader64};
use object::{LittleEndian, pod};

use super::program::HEAD;
use crate::tree::{Content, TreeError};

/// Far more than the dynamic section and its names need in any usual library.
const TABLE_LIMIT: u64 = 4 * 1024 * 1024;

/// How far into a compressed file a table may be: everything before it is decompressed.
const COMPRESSED_LIMIT: u64 = 32 * 1024 * 1024;

/// What a file is linked to, as far as it shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Links {
    /// Its C library. Nothing for a static program.
    pub libc: Option<Libc>,
    /// The interface of Node.js that it is an add-on for.
    pub node: Option<NodeInterface>,
}

/// A C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Libc {
    /// That of most distributions, and of AWS's base images.
    Glibc,
    /// That of Alpine Linux.
    Musl,
}

/// What an add-on requires of Node.js.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeInterface {
    /// Node-API, which all versions have.
    NodeApi,
    /// The version with this number (`NODE_MODULE_VERSION`).
    Version(u32),
}

impl Libc {
    /// Its usual name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Glibc => "glibc",
            Self::Musl => "musl",
        }
    }

    /// By the name of a library or loader.
    fn of_library(name: &[u8]) -> Option<Self> {
        if name.starts_with(b"libc.musl-") || name.starts_with(b"ld-musl-") || name == b"libc.so" {
            Some(Self::Musl)
        } else if name == b"libc.so.6" || name.starts_with(b"ld-linux") {
            Some(Self::Glibc)
        } else {
            None
        }
    }
}

/// The C library of a program.
///
/// # Errors
/// When the file cannot be read.
pub fn program_libc(content: &Content) -> Result<Option<Libc>, TreeError> {
    Ok(links(content, &content.head(HEAD)?)?.libc)
}

/// Reads the tables of a little-endian file of 64 bits; `head` is its beginning.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn links(content: &Content, head: &[u8]) -> Result<Links, TreeError> {
    let mut links = Links::default();
    let Some(segments) = segments(head) else { return Ok(links) };
    if let Some(segment) = segments.iter().find(|segment| kind(segment) == elf::PT_INTERP)
        && let Some(path) = table(content, head, offset(segment), size(segment))?
    {
        let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
        links.libc = path.rsplit(|byte| *byte == b'/').next().and_then(Libc::of_library);
    }
    let Some(dynamic) = segments.iter().find(|segment| kind(segment) == elf::PT_DYNAMIC) else {
        return Ok(links);
    };
    let Some(dynamic) = table(content, head, offset(dynamic), size(dynamic))? else { return Ok(links) };
    let Ok(entries) = pod::slice_from_all_bytes::<Dyn64<LittleEndian>>(&dynamic) else { return Ok(links) };
    let end = entries.iter().position(|entry| tag(entry) == elf::DT_NULL).unwrap_or(entries.len());
    let entries = &entries[..end];
    let find = |wanted| entries.iter().find(|entry| tag(entry) == wanted).map(value);
    let (Some(address), Some(length)) = (find(elf::DT_STRTAB), find(elf::DT_STRSZ)) else { return Ok(links) };
    let Some(at) = file_offset(segments, address) else { return Ok(links) };
    let Some(names) = table(content, head, at, length)? else { return Ok(links) };
    let needed = entries.iter().filter(|entry| tag(entry) == elf::DT_NEEDED);
    let name = |entry: &Dyn64<LittleEndian>| {
        let rest = names.get(usize::try_from(value(entry)).ok()?..)?;
        rest.split(|byte| *byte == 0).next()
    };
    let libc = needed.filter_map(name).find_map(Libc::of_library);
    Ok(Links { libc: libc.or(links.libc), node: node_interface(&names) })
}

/// The interface of an add-on by the name of the function that registers it (Node.js documentation, "C++ addons" and
/// "Node-API").
fn node_interface(names: &[u8]) -> Option<NodeInterface> {
    let version = b"node_register_module_v";
    if let Some(at) = memmem::find(names, version) {
        let digits = names[at + version.len()..].iter().take_while(|byte| byte.is_ascii_digit());
        let digits: String = digits.map(|byte| char::from(*byte)).collect();
        return digits.parse().ok().map(NodeInterface::Version);
    }
    memmem::find(names, b"napi_register_module_v").map(|_| NodeInterface::NodeApi)
}

/// The program headers, if they are in the first bytes, where all linkers put them.
fn segments(head: &[u8]) -> Option<&[ProgramHeader64<LittleEndian>]> {
    let (header, _) = pod::from_bytes::<FileHeader64<LittleEndian>>(head).ok()?;
    let start = usize::try_from(header.e_phoff.get(LittleEndian)).ok()?;
    let count = usize::from(header.e_phnum.get(LittleEndian));
    pod::slice_from_bytes(head.get(start..)?, count).ok().map(|(segments, _)| segments)
}

/// Where the byte at an address of memory is in the file.
fn file_offset(segments: &[ProgramHeader64<LittleEndian>], address: u64) -> Option<u64> {
    segments.iter().filter(|segment| kind(segment) == elf::PT_LOAD).find_map(|segment| {
        let distance = address.checked_sub(segment.p_vaddr.get(LittleEndian))?;
        (distance < size(segment)).then(|| offset(segment).checked_add(distance)).flatten()
    })
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

fn tag(entry: &Dyn64<LittleEndian>) -> elf::DynamicTag {
    entry.d_tag.get(LittleEndian)
}

fn value(entry: &Dyn64<LittleEndian>) -> u64 {
    entry.d_val.get(LittleEndian)
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::super::target::tests::elf;
    use super::*;

    /// A program or library for `x86_64` with this loader, these libraries and these further names.
    pub(crate) fn linked(loader: &str, libraries: &[&str], names: &[&str]) -> Vec<u8> {
        const START: u64 = 64 + 3 * 56;
        let mut strings = vec![0];
        let mut entries: Vec<u64> = Vec::new();
        for library in libraries {
            entries.extend([1, strings.len() as u64]);
            strings.extend(library.bytes().chain([0]));
        }
        for name in names {
            strings.extend(name.bytes().chain([0]));
        }
        let loader: Vec<u8> = loader.bytes().chain([0]).collect();
        // Behind the first bytes, as in a large file.
        let strings_at = START + loader.len() as u64 + 5000;
        entries.extend([5, strings_at + 0x1000, 10, strings.len() as u64, 0, 0]);
        let entries: Vec<u8> = entries.iter().flat_map(|number| number.to_le_bytes()).collect();
        let entries_at = strings_at + strings.len() as u64;
        let mut file = elf(62, 2, 1);
        file[32..40].copy_from_slice(&64_u64.to_le_bytes());
        file[56] = 3;
        for (kind, offset, address, size) in [
            (3, START, 0, loader.len() as u64),
            (1, 0, 0x1000, entries_at),
            (2, entries_at, 0, entries.len() as u64),
        ] {
            file.extend(u64::to_le_bytes(kind));
            for number in [offset, address, address, size, size, 8] {
                file.extend(u64::to_le_bytes(number));
            }
        }
        file.extend(loader);
        file.resize(usize::try_from(strings_at).unwrap(), 0);
        file.extend(strings);
        file.extend(entries);
        file
    }

    fn links_of(file: &[u8]) -> Links {
        let content = Content::Bytes(Arc::from(file));
        links(&content, &content.head(HEAD).unwrap()).unwrap()
    }

    #[test]
    fn the_c_library_is_that_of_the_loader_and_of_the_libraries() {
        let libc = |loader, libraries: &[&str]| links_of(&linked(loader, libraries, &[])).libc;
        assert_eq!(libc("/lib/ld-musl-x86_64.so.1", &[]), Some(Libc::Musl));
        assert_eq!(libc("/lib64/ld-linux-x86-64.so.2", &[]), Some(Libc::Glibc));
        assert_eq!(libc("", &["libm.so.6", "libc.so.6"]), Some(Libc::Glibc));
        assert_eq!(libc("", &["libstdc++.so.6", "libc.musl-x86_64.so.1"]), Some(Libc::Musl));
        assert_eq!(libc("", &["libc.so"]), Some(Libc::Musl));
        assert_eq!(libc("", &["libcurl.so.4"]), None);
        assert_eq!(links_of(&elf(62, 2, 1)), Links::default(), "a static program");
    }

    #[test]
    fn an_add_on_names_its_interface() {
        let node = |names: &[&str]| links_of(&linked("", &[], names)).node;
        assert_eq!(node(&["node_register_module_v115"]), Some(NodeInterface::Version(115)));
        assert_eq!(node(&["x", "napi_register_module_v1"]), Some(NodeInterface::NodeApi));
        assert_eq!(node(&["node_register_module_vector"]), None);
        assert_eq!(node(&["main"]), None);
    }

    #[test]
    fn a_damaged_file_is_survived() {
        let whole = linked("/lib/ld-musl-x86_64.so.1", &["libc.so"], &["node_register_module_v99999999999"]);
        for length in (0..whole.len()).step_by(7) {
            _ = links_of(&whole[..length]);
        }
        for at in 0..64 + 3 * 56 {
            let mut damaged = whole.clone();
            damaged[at] = 0xff;
            _ = links_of(&damaged);
        }
    }
}
