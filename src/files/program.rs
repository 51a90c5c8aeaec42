//! Programs and shared libraries: what the kernel makes of a file, and the machine it is built for.

use std::fmt;

use crate::project::{Architecture, ImagePath};
use crate::tree::{FileNode, Node, Tree, TreeError};

/// Enough bytes of a file to see what program it is: Linux reads no more of a script's first line.
pub const HEAD: usize = 256;

/// What the kernel makes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// An ELF file, and its machine if it can be loaded.
    Elf(Option<Machine>),
    /// A script that begins with `#!`.
    Script,
    /// A script that the kernel cannot start.
    DamagedScript(ScriptFault),
    /// Not a program.
    Other,
}

/// Why the kernel cannot start a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptFault {
    /// Its first line contains a carriage return, which the kernel takes for part of the interpreter's name.
    CarriageReturn,
    /// It begins with a byte order mark, so that `#!` is not its first two bytes.
    ByteOrderMark,
    /// Each of its characters has two bytes.
    Utf16,
}

impl Program {
    /// Reads the beginning of a file.
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        let first_line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        match head {
            [0x7f, b'E', b'L', b'F', ..] => Self::Elf(Machine::of(head)),
            [b'#', b'!', ..] if first_line.contains(&b'\r') => {
                Self::DamagedScript(ScriptFault::CarriageReturn)
            }
            [b'#', b'!', ..] => Self::Script,
            [0xef, 0xbb, 0xbf, b'#', b'!', ..] => Self::DamagedScript(ScriptFault::ByteOrderMark),
            [0xff, 0xfe, b'#', 0, b'!', 0, ..]
            | [0xfe, 0xff, 0, b'#', 0, b'!', ..]
            | [b'#', 0, b'!', 0, ..]
            | [0, b'#', 0, b'!', ..] => Self::DamagedScript(ScriptFault::Utf16),
            _ => Self::Other,
        }
    }
}

/// Endings of the names of executable files that are certainly not programs, so that they need not be opened: some file
/// systems and archives mark every file as executable.
const NOT_A_PROGRAM: &[&str] = &[
    "a", "bash", "cfg", "cjs", "class", "css", "csv", "d", "dll", "dylib", "exe", "gz", "h", "html", "ini",
    "jar", "jpg", "js", "json", "jsx", "lua", "map", "md", "mjs", "o", "php", "pl", "pm", "png", "ps1", "py",
    "pyc", "pyi", "rb", "rs", "rst", "sh", "svg", "toml", "ts", "tsx", "txt", "whl", "xml", "yaml", "yml",
    "zip",
];

/// Endings of the names of shared libraries without a version.
const LIBRARIES: &[&str] = &[".so", ".node"];

/// The part of a library's name between its own name and its version.
const VERSIONED: &str = ".so.";

/// The machine that an ELF file is built for, from its header (System V ABI, "ELF Header").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// `e_machine`.
    number: u16,
    /// `EI_CLASS`: whether its addresses have 64 bits.
    is_64_bit: bool,
    /// `EI_DATA`.
    is_big_endian: bool,
}

impl Machine {
    /// Reads the beginning of a file. Nothing if it is neither a program nor a shared library.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        let (class, data) = (*head.get(4)?, *head.get(5)?);
        let is_big_endian = data == 2;
        let half = |at: usize| {
            let bytes = [*head.get(at)?, *head.get(at + 1)?];
            Some(if is_big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
        };
        let (kind, number) = (half(16)?, half(18)?);
        // ET_EXEC and ET_DYN: object files and core dumps are never loaded.
        let is_loaded = matches!(kind, 2 | 3);
        (head.starts_with(b"\x7fELF") && is_loaded).then_some(Self {
            number,
            is_64_bit: class == 2,
            is_big_endian,
        })
    }

    /// Whether a function of this architecture can load it.
    #[must_use]
    pub fn fits(self, architecture: Architecture) -> bool {
        self.is_64_bit && !self.is_big_endian && self.number == architecture.elf_machine()
    }

    /// Its usual name.
    fn name(self) -> Option<&'static str> {
        Some(match (self.number, self.is_64_bit, self.is_big_endian) {
            (3, _, _) => "32-bit x86",
            (62, true, _) => "x86_64",
            (62, false, _) => "x32",
            (183, true, false) => "arm64",
            (183, true, true) => "big-endian arm64",
            (183, false, _) => "32-bit arm64",
            (40, _, false) => "32-bit arm",
            (40, _, true) => "big-endian 32-bit arm",
            (20, _, _) => "32-bit ppc",
            (21, _, false) => "ppc64le",
            (21, _, true) => "ppc64",
            (22, true, _) => "s390x",
            (8, true, _) => "64-bit mips",
            (8, false, _) => "32-bit mips",
            (243, true, _) => "riscv64",
            (258, true, _) => "loong64",
            _ => return None,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            None => write!(f, "ELF machine {}", self.number),
            Some(name) => f.write_str(name),
        }
    }
}

/// The machines of a tree's programs and shared libraries. Only files that are likely to be programs or libraries are opened.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn machines(tree: &Tree) -> Result<Vec<(ImagePath, Machine)>, TreeError> {
    let mut found = Vec::new();
    for (path, node) in tree.iter() {
        if let Node::File(file) = node
            && is_candidate(path, file)
            && let Some(machine) = Machine::of(&file.content.head(HEAD)?)
        {
            found.push((path.clone(), machine));
        }
    }
    Ok(found)
}

fn is_candidate(path: &ImagePath, file: &FileNode) -> bool {
    let text = path.as_str();
    let is_versioned = || {
        // Hardly any path has it, which is quicker to find than where the name begins.
        let parts = text.contains(VERSIONED).then(|| path.name().rsplit_once(VERSIONED)).flatten();
        parts.is_some_and(|(_, version)| version.starts_with(|first: char| first.is_ascii_digit()))
    };
    let is_library = || LIBRARIES.iter().any(|ending| text.ends_with(ending)) || is_versioned();
    let is_program = || {
        let ending = path.name().rsplit_once('.').map(|(_, ending)| ending);
        ending.is_none_or(|ending| !NOT_A_PROGRAM.contains(&ending))
    };
    let is_found_by_search = || matches!(path.folder(), "/opt/bin" | "/opt/lib");
    is_library() || file.executable && is_program() || is_found_by_search()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The first bytes of a shared library or program for a machine.
    pub(crate) fn elf(number: u16, class: u8, data: u8) -> Vec<u8> {
        let mut head = vec![0; 64];
        head[..4].copy_from_slice(b"\x7fELF");
        (head[4], head[5]) = (class, data);
        let bytes = |number: u16| if data == 2 { number.to_be_bytes() } else { number.to_le_bytes() };
        head[16..18].copy_from_slice(&bytes(3));
        head[18..20].copy_from_slice(&bytes(number));
        head
    }

    #[test]
    fn machines_have_their_usual_names() {
        for (number, class, data, name) in [
            (62, 2, 1, "x86_64"),
            (62, 1, 1, "x32"),
            (3, 1, 1, "32-bit x86"),
            (183, 2, 1, "arm64"),
            (183, 2, 2, "big-endian arm64"),
            (40, 1, 1, "32-bit arm"),
            (21, 2, 1, "ppc64le"),
            (21, 2, 2, "ppc64"),
            (22, 2, 2, "s390x"),
            (243, 2, 1, "riscv64"),
            (999, 2, 1, "ELF machine 999"),
        ] {
            let machine = Machine::of(&elf(number, class, data)).unwrap();
            assert_eq!(machine.to_string(), name);
            assert_eq!(machine.fits(Architecture::X86_64), name == "x86_64");
            assert_eq!(machine.fits(Architecture::Arm64), name == "arm64");
        }
    }

    #[test]
    fn files_that_are_never_loaded_have_no_machine() {
        let whole = elf(62, 2, 1);
        for length in 0..20 {
            assert_eq!(Machine::of(&whole[..length]), None, "{length}");
        }
        let mut object = whole.clone();
        object[16] = 1;
        assert_eq!(Machine::of(&object), None);
        assert_eq!(Machine::of(&[b'#'; 64]), None);
    }

    #[test]
    fn only_likely_programs_and_libraries_are_opened() {
        let candidate = |path: &str, executable| {
            is_candidate(&path.parse().unwrap(), &FileNode::of_bytes(b"", executable))
        };
        for path in ["/opt/x/lib.so", "/opt/x/lib.so.1.2", "/opt/x/a.node", "/opt/bin/a", "/opt/lib/a.txt"] {
            assert!(candidate(path, false), "{path}");
        }
        assert!(candidate("/opt/x/tool", true) && candidate("/opt/x/tool-1.2", true));
        for path in ["/opt/x/a.py", "/opt/x/lib.so.md", "/opt/x/deep/tool", "/opt/bin/deep/tool"] {
            assert!(!candidate(path, false), "{path}");
        }
        for ending in ["sh", "js", "pyc", "jar", "png", "dll", "o", "zip"] {
            assert!(!candidate(&format!("/opt/x/run.{ending}"), true), "{ending}");
        }
    }
}
