//! What an ELF file of this architecture family is linked to: its C library, and the version of Node.js of an add-on.

use memchr::memmem;
use object::elf;

use super::elf_dynamic::Dynamic;
use super::program::HEAD;
use crate::tree::{Content, TreeError};

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
    let Some(dynamic) = Dynamic::read(content, head)? else { return Ok(Links::default()) };
    let libc = dynamic.all(elf::DT_NEEDED).find_map(Libc::of_library);
    let loader = dynamic.interpreter().and_then(|path| path.rsplit(|byte| *byte == b'/').next());
    Ok(Links {
        libc: libc.or_else(|| loader.and_then(Libc::of_library)),
        node: node_interface(dynamic.names()),
    })
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
