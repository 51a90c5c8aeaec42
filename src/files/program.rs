//! What the kernel makes of a file that it is to execute.

use serde::{Deserialize, Serialize};

use super::target::{Machine, Target};

/// Enough bytes of a file to see what program it is: the headers of an executable. Of a script's first line, Linux reads 256.
pub const HEAD: usize = 4096;

/// What the kernel makes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// An ELF file, and its machine if it can be loaded.
    Elf(Option<Machine>),
    /// A program of another system.
    Foreign(Target),
    /// A script that begins with `#!`.
    Script,
    /// A script that the kernel cannot start.
    DamagedScript(ScriptFault),
    /// Not a program.
    Other,
}

/// Why the kernel cannot start a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
            _ => Target::of(head).map_or(Self::Other, Self::Foreign),
        }
    }
}
