//! The system and machine that a program or library is built for, from the first bytes of the file.

use std::fmt;

use object::read::pe::{ImageNtHeaders, optional_header_magic};
use object::{macho, pe};
use serde::{Deserialize, Serialize};

use crate::project::Architecture;

/// The most architectures of a universal Mach-O file. Java's class files begin with the same four bytes, followed by their
/// version, which is at least 45 (Java virtual machine specification, `ClassFile`).
const UNIVERSAL_LIMIT: u32 = 30;

/// What a program or library is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Linux, or a system that shares its file format, on this machine.
    Linux(Machine),
    /// macOS, on a machine of this name.
    MacOs(&'static str),
    /// Windows, on a machine of this name.
    Windows(&'static str),
}

impl Target {
    /// Reads the beginning of a file. Nothing if it is neither a program nor a shared library, or an assembly of .NET, which
    /// has the format of Windows and runs everywhere.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x7f, b'E', b'L', b'F', ..] => Machine::of(head).map(Self::Linux),
            [b'M', b'Z', ..] => windows_machine(head).map(Self::Windows),
            _ => mac_machine(head).map(Self::MacOs),
        }
    }

    /// Whether it is for Linux on one of Lambda's architectures.
    #[must_use]
    pub fn is_usual(self) -> bool {
        Architecture::ALL.into_iter().any(|architecture| self.fits(architecture))
    }

    /// Whether a function of this architecture can load it.
    #[must_use]
    pub fn fits(self, architecture: Architecture) -> bool {
        matches!(self, Self::Linux(machine) if machine.fits(architecture))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linux(machine) => machine.fmt(f),
            Self::MacOs(machine) => write!(f, "macOS on {machine}"),
            Self::Windows(machine) => write!(f, "Windows on {machine}"),
        }
    }
}

/// The machine of a Mach-O file (`mach-o/loader.h`, `mach-o/fat.h`).
fn mac_machine(head: &[u8]) -> Option<&'static str> {
    let word = |at: usize| Some(u32::from_be_bytes(*head.get(at..)?.first_chunk()?));
    let size = match word(0)? {
        macho::MH_MAGIC | macho::MH_MAGIC_64 => return Some(mac_name(word(4)?)),
        macho::MH_CIGAM | macho::MH_CIGAM_64 => return Some(mac_name(word(4)?.swap_bytes())),
        macho::FAT_MAGIC => size_of::<macho::FatArch32>(),
        macho::FAT_MAGIC_64 => size_of::<macho::FatArch64>(),
        _ => return None,
    };
    match word(4)? {
        1 => Some(mac_name(word(8)?)),
        number @ 2..=UNIVERSAL_LIMIT => {
            let machines =
                (0..number as usize).filter_map(|position| word(8 + position * size)).map(mac_name);
            let is_usual = machines.clone().all(|name| matches!(name, "x86_64" | "arm64"));
            Some(if is_usual { "x86_64 and arm64" } else { "several machines" })
        }
        _ => None,
    }
}

fn mac_name(number: u32) -> &'static str {
    match macho::CpuType(number) {
        macho::CPU_TYPE_X86_64 => "x86_64",
        macho::CPU_TYPE_ARM64 => "arm64",
        macho::CPU_TYPE_X86 => "32-bit x86",
        _ => "another machine",
    }
}

/// The machine of a PE file with code of its own (Microsoft, "PE Format").
fn windows_machine(head: &[u8]) -> Option<&'static str> {
    match optional_header_magic(head).ok()? {
        pe::IMAGE_NT_OPTIONAL_HDR32_MAGIC => machine_of::<pe::ImageNtHeaders32>(head),
        pe::IMAGE_NT_OPTIONAL_HDR64_MAGIC => machine_of::<pe::ImageNtHeaders64>(head),
        _ => None,
    }
}

fn machine_of<Headers: ImageNtHeaders>(head: &[u8]) -> Option<&'static str> {
    let mut offset = pe::ImageDosHeader::parse(head).ok()?.nt_headers_offset().into();
    let (headers, directories) = Headers::parse(head, &mut offset).ok()?;
    if directories.get(pe::IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR).is_some() {
        return None;
    }
    Some(match headers.file_header().machine.get(object::LittleEndian) {
        pe::IMAGE_FILE_MACHINE_AMD64 => "x86_64",
        pe::IMAGE_FILE_MACHINE_ARM64 => "arm64",
        pe::IMAGE_FILE_MACHINE_I386 => "32-bit x86",
        _ => "another machine",
    })
}

/// The machine that an ELF file is built for, from its header (System V ABI, "ELF Header").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

    /// The first bytes of a Mach-O file for these machines, which is universal if there are several.
    pub(crate) fn mach_o(machines: &[u32]) -> Vec<u8> {
        let mut head = Vec::new();
        if let [machine] = machines {
            head.extend(0xfeed_facf_u32.to_le_bytes());
            head.extend(machine.to_le_bytes());
        } else {
            head.extend(0xcafe_babe_u32.to_be_bytes());
            head.extend(u32::try_from(machines.len()).unwrap().to_be_bytes());
            for machine in machines {
                head.extend(machine.to_be_bytes());
                head.resize(head.len() + 16, 0);
            }
        }
        head.resize(64, 0);
        head
    }

    /// The first bytes of a PE file of 64 bits; an assembly of .NET has a header of the common language runtime.
    pub(crate) fn windows(machine: u16, is_assembly: bool) -> Vec<u8> {
        let mut head = vec![0; 0x200];
        head[..2].copy_from_slice(b"MZ");
        head[0x3c] = 0x80;
        head[0x80..0x84].copy_from_slice(b"PE\0\0");
        head[0x84..0x86].copy_from_slice(&machine.to_le_bytes());
        let optional = 0x80 + 24;
        head[0x94..0x96].copy_from_slice(&240_u16.to_le_bytes());
        head[optional..optional + 2].copy_from_slice(&0x20b_u16.to_le_bytes());
        head[optional + 108] = 16;
        head[optional + 112 + 14 * 8] = u8::from(is_assembly);
        head
    }

    #[test]
    fn other_systems_are_known_from_their_headers() {
        const X86_64: u32 = 0x0100_0007;
        const ARM64: u32 = 0x0100_000c;
        let named = |head: &[u8]| Target::of(head).map(|target| target.to_string());
        for (head, name) in [
            (mach_o(&[ARM64]), "macOS on arm64"),
            (mach_o(&[X86_64]), "macOS on x86_64"),
            (mach_o(&[X86_64, ARM64]), "macOS on x86_64 and arm64"),
            (mach_o(&[18, X86_64]), "macOS on several machines"),
            (windows(0x8664, false), "Windows on x86_64"),
            (windows(0xaa64, false), "Windows on arm64"),
        ] {
            assert_eq!(named(&head).as_deref(), Some(name));
            for length in 0..head.len() {
                _ = Target::of(&head[..length]);
            }
        }
        let class = [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61, 0, 16];
        for head in [&windows(0x8664, true), &class[..], b"MZ is a text", b"MZ", b"\xca\xfe\xba\xbe"] {
            assert_eq!(named(head), None, "an assembly of .NET, a class of Java, a text");
        }
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
}
