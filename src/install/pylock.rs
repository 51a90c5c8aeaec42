//! `pylock.toml`: the files of resolved packages (`PyPA`, pylock.toml specification). uv writes the same form.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::error::InstallError;
use crate::store::Digest;

/// A resolved package.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LockedPackage {
    /// Its normalised name.
    pub(super) name: String,
    /// Its version, which packages from folders do not have.
    pub(super) version: Option<String>,
    /// When it is installed (PEP 508).
    pub(super) marker: Option<String>,
    /// Its wheels.
    #[serde(default)]
    pub(super) wheels: Vec<LockedFile>,
    /// Its source distribution.
    pub(super) sdist: Option<LockedFile>,
    vcs: Option<toml::Table>,
    directory: Option<toml::Table>,
    archive: Option<toml::Table>,
}

/// A wheel or source distribution.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct LockedFile {
    name: Option<String>,
    /// Where it is.
    pub(super) url: Option<String>,
    /// Where it is on this machine, next to the lock file.
    pub(super) path: Option<String>,
    hashes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Lock {
    lock_version: String,
    #[serde(default)]
    packages: Vec<LockedPackage>,
}

/// Reads the packages of a lock; `what` names it in errors, and `file` is where it is, if it is a file.
///
/// # Errors
/// When the text is not such a lock, or names something other than wheels.
pub(super) fn parse(text: &str, what: &str, file: &Path) -> Result<Vec<LockedPackage>, InstallError> {
    let invalid = |why: String| InstallError::Lock { what: what.to_owned(), why };
    let lock: Lock = toml::from_str(text).map_err(|error| invalid(error.message().to_owned()))?;
    if !lock.lock_version.starts_with("1.") {
        return Err(invalid(format!("its version is {}, and limg reads version 1", lock.lock_version)));
    }
    for package in &lock.packages {
        let other = [
            (&package.vcs, "a repository"),
            (&package.directory, "a folder"),
            (&package.archive, "an archive"),
        ];
        if let Some((_, what)) = other.into_iter().find(|(it, _)| it.is_some()) {
            let (package, list) = (package.name.clone(), file.to_owned());
            return Err(InstallError::NotAWheel { package, list, what });
        }
    }
    Ok(lock.packages)
}

impl LockedPackage {
    /// A package of which one wheel is known.
    pub(super) fn of_wheel(
        name: &str,
        version: String,
        url: String,
        hashes: BTreeMap<String, String>,
    ) -> Self {
        let wheel = LockedFile { name: None, url: Some(url), path: None, hashes };
        let (vcs, directory, archive) = (None, None, None);
        let (name, version) = (name.to_owned(), Some(version));
        Self { name, version, marker: None, wheels: vec![wheel], sdist: None, vcs, directory, archive }
    }
}

impl LockedPackage {
    /// Whether its source distribution is at an address.
    pub(super) fn has_source(&self, url: &str) -> bool {
        self.sdist.as_ref().is_some_and(|source| source.url.as_deref() == Some(url))
    }

    /// Whether it has compiled code, as all its wheels say.
    pub(super) fn is_compiled(&self) -> bool {
        let is_pure = |wheel: &LockedFile| wheel.file_name().is_some_and(|name| name.ends_with("-any.whl"));
        !self.wheels.is_empty() && !self.wheels.iter().any(is_pure)
    }
}

impl LockedFile {
    /// The name of its file.
    pub(super) fn file_name(&self) -> Option<&str> {
        let location = self.url.as_deref().or(self.path.as_deref());
        let last = |location: &'_ str| -> Option<usize> { location.rfind('/').map(|slash| slash + 1) };
        self.name.as_deref().or_else(|| {
            let location = location?.split(['#', '?']).next()?;
            location.get(last(location).unwrap_or(0)..)
        })
    }

    /// Its SHA-256 digest, if the lock has it.
    pub(super) fn sha256(&self) -> Option<Digest> {
        format!("sha256:{}", self.hashes.get("sha256")?).parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
lock-version = "1.0"
created-by = "uv"
requires-python = ">=3.12"

[[packages]]
name = "six"
version = "1.17.0"
sdist = { url = "https://example.com/six-1.17.0.tar.gz", hashes = { sha256 = "ff" } }
wheels = [{ url = "https://example.com/b7/six-1.17.0-py2.py3-none-any.whl", upload-time = 2024-12-04T17:35:26Z, size = 11050, hashes = { sha256 = "4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274" } }]

[[packages]]
name = "own"
version = "1"
marker = "python_version > '3'"
wheels = [{ name = "own-1-py3-none-any.whl", path = "wheels/x", hashes = { md5 = "aa" } }]
"#;

    #[test]
    fn packages_have_wheels_with_names_and_digests() {
        let packages = parse(LOCK, "pylock.toml", Path::new("pylock.toml")).unwrap();
        let six = &packages[0];
        assert_eq!((six.name.as_str(), six.version.as_deref(), &six.marker), ("six", Some("1.17.0"), &None));
        assert_eq!(six.wheels[0].file_name(), Some("six-1.17.0-py2.py3-none-any.whl"));
        assert!(six.wheels[0].sha256().unwrap().hex().starts_with("4721f3"));
        let own = &packages[1].wheels[0];
        assert_eq!((own.file_name(), own.sha256()), (Some("own-1-py3-none-any.whl"), None));
        assert_eq!(packages[1].marker.as_deref(), Some("python_version > '3'"));
    }

    #[test]
    fn what_is_not_a_wheel_is_named() {
        let error =
            |text: &str| parse(text, "pylock.toml", Path::new("pylock.toml")).unwrap_err().to_string();
        let package =
            |rest: &str| error(&format!("lock-version = '1.0'\n[[packages]]\nname = 'x'\n{rest}\n"));
        assert_eq!(package("directory = { path = '.' }"), "x is not a wheel in pylock.toml, but a folder");
        assert_eq!(package("vcs = { type = 'git' }"), "x is not a wheel in pylock.toml, but a repository");
        assert!(error("lock-version = '2.0'").contains("its version is 2.0"));
        assert!(error("x").starts_with("pylock.toml is not valid: "));
        assert!(error("").contains("lock-version"));
    }
}
