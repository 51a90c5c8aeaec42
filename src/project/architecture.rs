//! Instruction sets, by the names that Lambda, OCI images, Linux and ELF files give them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An instruction set, by Lambda's names.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
pub enum Architecture {
    /// 64-bit x86; `amd64` in OCI JSON.
    #[default]
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM; `arm64` in OCI JSON too.
    #[serde(rename = "arm64")]
    Arm64,
}

impl Architecture {
    /// Both.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Arm64];

    /// Lambda's word: `x86_64` or `arm64`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// The word of the OCI image specification (config.md, `architecture`): `amd64` or `arm64`.
    #[must_use]
    pub fn oci_name(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The word of Linux, as `uname -m` prints it: `x86_64` or `aarch64`.
    #[must_use]
    pub fn linux_name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// `e_machine` of its programs: `EM_X86_64` or `EM_AARCH64` (System V ABI, "ELF Header").
    #[must_use]
    pub fn elf_machine(self) -> u16 {
        match self {
            Self::X86_64 => 62,
            Self::Arm64 => 183,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
