//! Lists of packages that limg installs.

use std::path::{Path, PathBuf};

use crate::finding::Place;

/// A list of packages that limg installs below a function's code, or as a layer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageList {
    /// The absolute path of the list. It existed when the definition was read.
    pub path: PathBuf,
    /// How it is written.
    pub kind: PackageListKind,
    /// The dependency groups that are installed too.
    pub groups: Vec<String>,
    /// The extras that are installed too.
    pub extras: Vec<String>,
}

/// Packages that are installed below a function's code.
#[derive(Debug, Clone)]
pub struct Install {
    /// Which ones.
    pub list: PackageList,
    /// Where the definition asks for them.
    pub place: Place,
}

/// How a list of Python packages is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PackageListKind {
    /// `uv.lock`.
    UvLock,
    /// `pylock.toml`, or `pylock.NAME.toml`.
    Pylock,
    /// `poetry.lock`.
    PoetryLock,
    /// `Pipfile.lock`.
    PipfileLock,
    /// A requirement file of pip.
    Requirements,
    /// `pyproject.toml`.
    Pyproject,
}

impl PackageListKind {
    /// The names of lists that are found without being named, those that pin the most first.
    pub const FOUND: [&str; 6] =
        ["uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock", "requirements.txt", "pyproject.toml"];

    /// The kind of a file, by its name: a requirement file may have any.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        match &*name {
            "uv.lock" => Self::UvLock,
            "poetry.lock" => Self::PoetryLock,
            "Pipfile.lock" => Self::PipfileLock,
            "pyproject.toml" => Self::Pyproject,
            name if name.starts_with("pylock.") && path.extension().is_some_and(|it| it == "toml") => {
                Self::Pylock
            }
            _ => Self::Requirements,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_known_by_its_name() {
        for (name, kind) in [
            ("uv.lock", PackageListKind::UvLock),
            ("pylock.toml", PackageListKind::Pylock),
            ("pylock.lambda.toml", PackageListKind::Pylock),
            ("poetry.lock", PackageListKind::PoetryLock),
            ("Pipfile.lock", PackageListKind::PipfileLock),
            ("pyproject.toml", PackageListKind::Pyproject),
            ("requirements.txt", PackageListKind::Requirements),
            ("requirements/lambda.in", PackageListKind::Requirements),
        ] {
            assert_eq!(PackageListKind::of(Path::new(name)), kind, "{name}");
        }
    }
}
