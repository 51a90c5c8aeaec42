//! The versions of Python whose bytecode limg can make.

use std::fmt;

/// The minor versions of Python 3 and their magic numbers, which no patch release changes.
const MAGIC: [(u32, u16); 6] = [(9, 3425), (10, 3439), (11, 3495), (12, 3531), (13, 3571), (14, 3627)];

/// A version of Python whose bytecode limg knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PythonVersion {
    pub(super) minor: u32,
    pub(super) magic: u16,
}

impl PythonVersion {
    /// That of a runtime id. Nothing for other languages, and for a Python that is not released.
    #[must_use]
    pub(crate) fn of(runtime: &str) -> Option<Self> {
        let minor: u32 = runtime.strip_prefix("python3.")?.parse().ok()?;
        MAGIC
            .iter()
            .find(|(known, _)| *known == minor)
            .map(|(minor, magic)| Self { minor: *minor, magic: *magic })
    }

    /// The tag in the names of its bytecode files (PEP 3147).
    #[must_use]
    pub(crate) fn tag(self) -> String {
        format!("cpython-3{}", self.minor)
    }

    /// The first four bytes of its bytecode files.
    pub(super) fn magic(self) -> [u8; 4] {
        let [low, high] = self.magic.to_le_bytes();
        [low, high, b'\r', b'\n']
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "3.{}", self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_released_python_of_lambda_is_known() {
        for id in crate::runtime::ids().into_iter().filter(|id| id.starts_with("python")) {
            let is_preview = crate::runtime::contract(id).unwrap().support.preview;
            assert_eq!(PythonVersion::of(id).is_none(), is_preview, "{id}");
        }
        let version = PythonVersion::of("python3.12").unwrap();
        assert_eq!((version.to_string().as_str(), version.tag().as_str()), ("3.12", "cpython-312"));
        assert_eq!(version.magic(), [0xcb, 0x0d, b'\r', b'\n']);
        assert_eq!(PythonVersion::of("nodejs22.x"), None);
    }
}
