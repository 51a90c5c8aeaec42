//! What becomes of the bytecode of Python.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What becomes of the bytecode of Python in a file tree.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum BytecodeMode {
    /// What is there stays.
    Keep,
    /// Sources without valid bytecode are compiled.
    Compile,
    /// What has its source is left out.
    Strip,
}

impl BytecodeMode {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Keep, Self::Compile, Self::Strip];

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Compile => "compile",
            Self::Strip => "strip",
        }
    }
}

impl fmt::Display for BytecodeMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
