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
    /// Whether install scripts of Node.js packages run, if the definition says so.
    pub scripts: Option<bool>,
    /// Whether packages that the base image has are left to it.
    pub base_provides: bool,
    /// Whether source distributions of Python packages are built, which runs their code.
    pub allow_source: bool,
}

impl PackageList {
    /// A list with nothing but what is installed by default.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            kind: PackageListKind::of(&path),
            path,
            groups: Vec::new(),
            extras: Vec::new(),
            scripts: None,
            base_provides: false,
            allow_source: false,
        }
    }
}

/// Packages that are installed below a function's code.
#[derive(Debug, Clone)]
pub struct Install {
    /// Which ones.
    pub list: PackageList,
    /// Where the definition asks for them.
    pub place: Place,
}

/// How a list of packages is written.
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
    /// `package-lock.json`.
    PackageLock,
    /// `npm-shrinkwrap.json`.
    Shrinkwrap,
    /// `pnpm-lock.yaml`.
    PnpmLock,
    /// `yarn.lock`.
    YarnLock,
    /// `package.json`, which pins nothing.
    PackageJson,
}

impl PackageListKind {
    /// The names of lists of Python packages that are found without being named, those that pin the most first.
    pub const OF_PYTHON: &[&str] =
        &["uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock", "requirements.txt", "pyproject.toml"];

    /// The names of lists of Node.js packages that are found without being named, lock files first.
    pub const OF_NODE: &[&str] =
        &["package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "package.json"];

    /// The kind of a file, by its name: a requirement file may have any.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        match &*name {
            "uv.lock" => Self::UvLock,
            "poetry.lock" => Self::PoetryLock,
            "Pipfile.lock" => Self::PipfileLock,
            "pyproject.toml" => Self::Pyproject,
            "package-lock.json" => Self::PackageLock,
            "npm-shrinkwrap.json" => Self::Shrinkwrap,
            "pnpm-lock.yaml" => Self::PnpmLock,
            "yarn.lock" => Self::YarnLock,
            "package.json" => Self::PackageJson,
            name if name.starts_with("pylock.") && path.extension().is_some_and(|it| it == "toml") => {
                Self::Pylock
            }
            _ => Self::Requirements,
        }
    }

    /// Whether it lists packages of Node.js, and not of Python.
    #[must_use]
    pub fn is_of_node(self) -> bool {
        match self {
            Self::PackageLock | Self::Shrinkwrap | Self::PnpmLock | Self::YarnLock | Self::PackageJson => {
                true
            }
            Self::UvLock
            | Self::Pylock
            | Self::PoetryLock
            | Self::PipfileLock
            | Self::Requirements
            | Self::Pyproject => false,
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
            ("package-lock.json", PackageListKind::PackageLock),
            ("web/npm-shrinkwrap.json", PackageListKind::Shrinkwrap),
            ("pnpm-lock.yaml", PackageListKind::PnpmLock),
            ("yarn.lock", PackageListKind::YarnLock),
            ("package.json", PackageListKind::PackageJson),
        ] {
            assert_eq!(PackageListKind::of(Path::new(name)), kind, "{name}");
        }
    }

    #[test]
    fn every_list_that_is_found_belongs_to_the_language_that_looks_for_it() {
        for name in PackageListKind::OF_PYTHON {
            assert!(!PackageListKind::of(Path::new(name)).is_of_node(), "{name}");
        }
        for name in PackageListKind::OF_NODE {
            assert!(PackageListKind::of(Path::new(name)).is_of_node(), "{name}");
        }
    }
}
