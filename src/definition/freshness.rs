//! Whether a package is newer than what it was made from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ignore::gitignore::Gitignore;

use crate::fs::{self, FsError};
use crate::project::{LOCK_FILE, OUTPUT_FOLDER};

/// How many files and folders are looked at. A service with all its dependencies has some ten thousand.
const ENTRIES_AT_MOST: usize = 200_000;

/// Folders without sources: what tools write, and installed packages, which are not edited.
const NOT_SOURCES: &[&str] = &[
    ".aws-sam",
    ".build",
    ".cache",
    ".esbuild",
    ".git",
    ".idea",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".serverless",
    ".venv",
    ".vscode",
    ".webpack",
    "__pycache__",
    "coverage",
    "node_modules",
    "target",
    "venv",
];

/// Whether a package can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::definition) enum Freshness {
    /// It is newer than all of its sources.
    Fresh,
    /// This source is newer.
    Stale(PathBuf),
    /// It was made for another stage, which is this one.
    OtherStage(String),
    /// There are too many files to find out.
    Unknown,
}

/// What of a folder a package was made from.
#[derive(Debug, Clone, Copy)]
pub(in crate::definition) enum Sources<'a> {
    /// All that patterns in gitignore syntax keep: the package has the same files.
    Packaged(&'a Gitignore),
    /// What a build plugin may read.
    Built,
}

/// The newest of some sources.
#[derive(Debug)]
pub(in crate::definition) enum Newest {
    /// This file.
    File(PathBuf),
    /// There is no file.
    Nothing,
    /// There are too many files.
    Unknown,
}

/// Finds the newest of the sources in a folder. A file is the only source in itself. Links are followed, as build tools do,
/// each folder once. What limg writes next to the definition is not a source.
///
/// # Errors
/// When a file or folder cannot be looked at.
pub(in crate::definition) fn newest(
    folder: &Path,
    sources: Sources<'_>,
    definition: &Path,
) -> Result<Newest, FsError> {
    let lock = definition.with_extension("lock");
    if !fs::metadata(folder)?.is_dir() {
        return Ok(Newest::File(folder.to_owned()));
    }
    let root = folder.canonicalize().map_err(FsError::because("access", folder))?;
    let mut linked = BTreeSet::new();
    let mut newest = None;
    let mut entries = 0;
    let mut folders = vec![String::new()];
    while let Some(below) = folders.pop() {
        let path = folder.join(&below);
        for name in fs::names_in(&path)? {
            entries += 1;
            if entries > ENTRIES_AT_MOST {
                return Ok(Newest::Unknown);
            }
            let path = path.join(&name);
            let metadata = metadata(&path)?;
            let below = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
            let is_own = path == lock || name == LOCK_FILE || (metadata.is_dir() && name == OUTPUT_FOLDER);
            if is_own || !sources.contain(&name, &below, metadata.is_dir()) {
                continue;
            }
            if metadata.is_dir() {
                let is_link = fs::symlink_metadata(&path)?.is_symlink();
                let target = is_link.then(|| path.canonicalize()).transpose();
                let target = target.map_err(FsError::because("access", &path))?;
                if target.is_none_or(|target| !root.starts_with(&target) && linked.insert(target)) {
                    folders.push(below);
                }
                continue;
            }
            let modified = metadata.modified().map_err(FsError::because("access", &path))?;
            if newest.as_ref().is_none_or(|(newest, _)| modified > *newest) {
                newest = Some((modified, path));
            }
        }
    }
    Ok(newest.map_or(Newest::Nothing, |(_, path)| Newest::File(path)))
}

/// Compares a package with the documents of its service and the newest of its sources.
///
/// # Errors
/// When a file cannot be looked at.
pub(in crate::definition) fn of_package(
    package: &Path,
    documents: &[&Path],
    newest: &Newest,
) -> Result<Freshness, FsError> {
    fs::metadata(package)?;
    for document in documents {
        if is_newer(document, package)? {
            return Ok(Freshness::Stale((*document).to_owned()));
        }
    }
    Ok(match newest {
        Newest::Unknown => Freshness::Unknown,
        Newest::File(path) if is_newer(path, package)? => Freshness::Stale(path.clone()),
        Newest::File(_) | Newest::Nothing => Freshness::Fresh,
    })
}

/// Whether a file was modified after another one.
///
/// # Errors
/// When one of them cannot be looked at.
pub(in crate::definition) fn is_newer(path: &Path, other: &Path) -> Result<bool, FsError> {
    let modified = |path: &Path| {
        metadata(path).and_then(|metadata| metadata.modified().map_err(FsError::because("access", path)))
    };
    Ok(modified(path)? > modified(other)?)
}

/// The metadata of what a path leads to, or of a link that leads nowhere.
fn metadata(path: &Path) -> Result<fs::Metadata, FsError> {
    fs::metadata(path).or_else(|_| fs::symlink_metadata(path))
}

impl Sources<'_> {
    fn contain(self, name: &str, below: &str, is_directory: bool) -> bool {
        match self {
            Self::Packaged(patterns) => !patterns.matched(below, is_directory).is_ignore(),
            Self::Built => !is_directory || !NOT_SOURCES.contains(&name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::write_atomically;
    use ignore::gitignore::GitignoreBuilder;
    use std::time::Duration;

    /// Files with their ages in seconds, and how fresh `p.zip`, which is 100 seconds old, is.
    fn freshness(files: &[(&str, u64)], patterns: Option<&str>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let now = std::time::SystemTime::now();
        for (name, age) in files.iter().chain(&[(".serverless/p.zip", 100)]) {
            let path = folder.path().join(name);
            crate::fs::create_dir_all(path.parent().unwrap()).unwrap();
            write_atomically(&path, b"x").unwrap();
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(now - Duration::from_secs(*age)).unwrap();
        }
        let mut builder = GitignoreBuilder::new("");
        builder.add_line(None, patterns.unwrap_or_default()).unwrap();
        builder.add_line(None, "/.serverless/").unwrap();
        let patterns = patterns.map(|_| builder.build().unwrap());
        let sources = patterns.as_ref().map_or(Sources::Built, Sources::Packaged);
        let package = folder.path().join(".serverless/p.zip");
        let definition = folder.path().join("serverless.yml");
        let newest = newest(folder.path(), sources, &definition).unwrap();
        match of_package(&package, &[&definition], &newest).unwrap() {
            Freshness::Stale(path) => path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_package_is_fresh_if_no_source_is_newer() {
        let service = ("serverless.yml", 200);
        let dependency = ("node_modules/a/index.js", 5);
        for (files, patterns, expected) in [
            (&[service][..], None, "Fresh"),
            (&[service, ("src/a.ts", 200)], None, "Fresh"),
            (&[service, ("src/a.ts", 100)], None, "Fresh"),
            (&[service, ("src/b/a.ts", 99)], None, "src/b/a.ts"),
            (&[("serverless.yml", 99)], None, "serverless.yml"),
            (&[service, dependency, (".git/HEAD", 1)], None, "Fresh"),
            (&[service, dependency], Some(""), "node_modules/a/index.js"),
            (&[service, dependency], Some("/node_modules/"), "Fresh"),
            (&[service, ("docs/x.md", 5)], Some("/docs/**"), "Fresh"),
            (&[service, ("serverless.lock", 5), (".limg/images/index.json", 5)], None, "Fresh"),
            (&[service, ("serverless.lock", 5), (".limg/images/index.json", 5)], Some(""), "Fresh"),
            (&[service, ("src/serverless.lock", 5)], None, "src/serverless.lock"),
            (&[service, ("limg.lock", 5)], None, "Fresh"),
            (&[service, ("limg.lock", 5)], Some(""), "Fresh"),
        ] {
            let expected = PathBuf::from(expected).display().to_string();
            assert_eq!(freshness(files, patterns), expected, "{files:?} {patterns:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn files_behind_links_are_sources() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        crate::fs::create_dir_all(&path("shared")).unwrap();
        crate::fs::create_dir_all(&path("code")).unwrap();
        for (name, age) in [("code/a.py", 300), ("package", 200), ("shared/b.py", 100)] {
            write_atomically(&path(name), b"x").unwrap();
            let file = std::fs::File::options().write(true).open(path(name)).unwrap();
            file.set_modified(std::time::SystemTime::now() - Duration::from_secs(age)).unwrap();
        }
        let freshness = || {
            let newest = newest(&path("code"), Sources::Built, &path("template.yaml")).unwrap();
            of_package(&path("package"), &[], &newest).unwrap()
        };
        assert_eq!(freshness(), Freshness::Fresh);
        std::os::unix::fs::symlink("../shared", path("code/shared")).unwrap();
        std::os::unix::fs::symlink("..", path("shared/all")).unwrap();
        assert_eq!(freshness(), Freshness::Stale(path("code/shared/b.py")));
        std::fs::remove_file(path("code/shared")).unwrap();
        std::os::unix::fs::symlink("../shared/b.py", path("code/b.py")).unwrap();
        assert_eq!(freshness(), Freshness::Stale(path("code/b.py")));
    }

    #[test]
    fn a_package_that_is_missing_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = of_package(&folder.path().join("p.zip"), &[], &Newest::Nothing).unwrap_err();
        assert_eq!(error.source.kind(), std::io::ErrorKind::NotFound);
    }
}
