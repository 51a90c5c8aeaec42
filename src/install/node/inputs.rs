//! What a tool of Node.js reads: the manifest, the lock file, and the settings next to them.
//!
//! The tools never run in the user's folder. What they need of it is read here, checked, and written to another folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::NodeError;
use crate::fs::{self, FsError};
use crate::install::error::InstallError;
use crate::project::{PackageList, PackageListKind};

/// The largest file that is read, in bytes: a release of Yarn in the project has some.
const SIZE_LIMIT: u64 = 64 * 1024 * 1024;

/// How many files the folders below may have.
const FILES_AT_MOST: usize = 1000;

const MANIFEST: &str = "package.json";

/// The sections of a manifest with packages: those for development first, then those that are needed when it runs.
const SECTIONS: [&str; 4] = ["devDependencies", "dependencies", "optionalDependencies", "peerDependencies"];

/// The settings of the tools in a project.
const SETTINGS: [&str; 5] = [".npmrc", ".pnpmfile.cjs", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml"];

/// Folders with what settings and lock files refer to: patches of packages, and the project's own Yarn.
const FOLDERS: [&str; 4] = ["patches", ".yarn/patches", ".yarn/plugins", ".yarn/releases"];

/// How the locations of packages begin that are on this machine only.
const LOCAL: [&str; 8] = ["file:", "link:", "portal:", "workspace:", "./", "../", "/", "~/"];

/// What a tool reads.
#[derive(Debug)]
pub(super) struct Inputs {
    /// `package.json`.
    pub(super) manifest: Value,
    /// The text of the lock file.
    pub(super) lock: String,
    /// The name of the lock file.
    lock_name: String,
    /// The other files, by their paths in the folder.
    settings: BTreeMap<String, Vec<u8>>,
}

impl Inputs {
    /// Reads what there is. Nothing if there are no dependencies, of which those for development count only if they are wanted.
    ///
    /// # Errors
    /// When a file cannot be read, or names what cannot be installed elsewhere.
    pub(super) fn read(list: &PackageList, with_development: bool) -> Result<Option<Self>, InstallError> {
        let folder = fs::folder_of(&list.path);
        let path = folder.join(MANIFEST);
        let text = fs::read_text(&path, SIZE_LIMIT)?;
        let manifest: Value = serde_json::from_str(&text).map_err(|error| InstallError::Lock {
            what: path.display().to_string(),
            why: error.to_string(),
        })?;
        let sections = if with_development { &SECTIONS[..] } else { &SECTIONS[1..] };
        if dependencies(&manifest, sections).next().is_none() {
            return Ok(None);
        }
        if list.kind == PackageListKind::PackageJson {
            return Err(NodeError::NoLock { manifest: path }.into());
        }
        let local = dependencies(&manifest, sections).find(|(_, location)| is_local(location));
        if let Some((package, location)) = local {
            let (package, location) = (package.to_owned(), location.to_owned());
            return Err(NodeError::Local { manifest: path, package, location }.into());
        }
        let lock = fs::read_text(&list.path, SIZE_LIMIT)?;
        if is_of_workspace(&manifest, list.kind, &lock) {
            return Err(NodeError::Workspace { lock: list.path.clone() }.into());
        }
        let mut settings = BTreeMap::from([(MANIFEST.to_owned(), text.into_bytes())]);
        for name in SETTINGS {
            let file = folder.join(name);
            if is_file(&file) {
                settings.insert(name.to_owned(), fs::read(&file, SIZE_LIMIT)?);
            }
        }
        for name in FOLDERS {
            add_folder(name, &folder.join(name), &mut settings)?;
        }
        let lock_name = list.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Some(Self { manifest, lock, lock_name, settings }))
    }

    /// Writes them into another folder.
    pub(super) fn write(&self, folder: &Path) -> Result<(), FsError> {
        for (name, content) in self.files() {
            let path = folder.join(name);
            fs::create_dir_all(fs::folder_of(&path))?;
            fs::write_atomically(&path, content)?;
        }
        Ok(())
    }

    /// The names and contents of all files.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.settings().chain([(self.lock_name.as_str(), self.lock.as_bytes())])
    }

    /// As [`files`](Self::files), without the lock file: what decides which version of a tool runs.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.settings.iter().map(|(name, content)| (name.as_str(), content.as_slice()))
    }
}

/// The packages that a manifest has in some sections, and where they are.
fn dependencies<'m>(manifest: &'m Value, sections: &'m [&str]) -> impl Iterator<Item = (&'m str, &'m str)> {
    let sections = sections.iter().filter_map(|key| manifest.get(key)?.as_object());
    sections.flatten().map(|(name, location)| (name.as_str(), location.as_str().unwrap_or_default()))
}

fn is_local(location: &str) -> bool {
    LOCAL.iter().any(|start| location.starts_with(start))
}

/// Whether a lock file has the packages of several manifests.
fn is_of_workspace(manifest: &Value, kind: PackageListKind, lock: &str) -> bool {
    let workspaces = match manifest.get("workspaces") {
        Some(Value::Array(patterns)) => !patterns.is_empty(),
        Some(Value::Object(_)) => true,
        _ => false,
    };
    workspaces || (kind == PackageListKind::PnpmLock && importers(lock).any(|importer| importer != "."))
}

/// The folders of the manifests in a `pnpm-lock.yaml`. pnpm writes it in one form, so that lines are enough.
fn importers(lock: &str) -> impl Iterator<Item = &str> {
    let lines = lock.lines().skip_while(|line| line.trim_end() != "importers:").skip(1);
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    let keys = lines.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    keys.filter_map(|key| key.split_once(':')).map(|(key, _)| key.trim_matches(['\'', '"']))
}

/// Adds the files of a folder and those below it, if it exists.
fn add_folder(name: &str, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), InstallError> {
    let mut folders: Vec<(String, PathBuf)> = vec![(name.to_owned(), folder.to_owned())];
    while let Some((name, folder)) = folders.pop() {
        // A link could lead anywhere.
        if !fs::symlink_metadata(&folder).is_ok_and(|metadata| metadata.is_dir()) {
            continue;
        }
        for entry in fs::names_in(&folder)? {
            let (name, path) = (format!("{name}/{entry}"), folder.join(&entry));
            if is_file(&path) && files.len() < FILES_AT_MOST {
                files.insert(name, fs::read(&path, SIZE_LIMIT)?);
            } else {
                folders.push((name, path));
            }
        }
    }
    Ok(())
}

fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}

#[cfg(test)]
impl Inputs {
    /// A manifest and a lock file.
    pub(super) fn for_test(manifest: Value, lock: String) -> Self {
        Self { manifest, lock, lock_name: "package-lock.json".to_owned(), settings: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)], list: &str) -> Result<Option<Vec<String>>, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let list = PackageList::new(folder.path().join(list));
        let names = |inputs: Inputs| inputs.files().map(|(name, _)| name.to_owned()).collect();
        Inputs::read(&list, false)
            .map(|inputs| inputs.map(names))
            .map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    const ONE: &str = r#"{"dependencies": {"ms": "2"}}"#;

    #[test]
    fn manifest_lock_and_settings_are_read_and_nothing_else() {
        let files = [
            ("package.json", ONE),
            ("yarn.lock", "__metadata:\n"),
            ("package-lock.json", "{}"),
            (".npmrc", ""),
            (".yarnrc.yml", ""),
            (".yarn/releases/yarn-4.cjs", ""),
            (".yarn/cache/ms.zip", ""),
            ("patches/deep/ms.patch", ""),
            ("index.js", ""),
        ];
        let names = read(&files, "yarn.lock").unwrap().unwrap();
        let expected = [
            ".npmrc",
            ".yarn/releases/yarn-4.cjs",
            ".yarnrc.yml",
            "package.json",
            "patches/deep/ms.patch",
            "yarn.lock",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn without_dependencies_there_is_nothing_to_install() {
        for manifest in ["{}", r#"{"dependencies": {}}"#, r#"{"devDependencies": {"typescript": "5"}}"#] {
            assert_eq!(read(&[("package.json", manifest)], "package.json"), Ok(None), "{manifest}");
        }
    }

    #[test]
    fn what_pins_nothing_or_is_on_this_machine_only_is_refused() {
        let error = read(&[("package.json", ONE)], "package.json").unwrap_err();
        assert_eq!(error, "`package.json` has dependencies and no lock file next to it");
        for location in ["file:../x", "link:../x", "portal:../x", "workspace:*", "../x", "./x.tgz", "~/x"] {
            for section in ["dependencies", "optionalDependencies"] {
                let manifest = format!(r#"{{"{section}": {{"x": "{location}"}}}}"#);
                let files = [("package.json", manifest.as_str()), ("package-lock.json", "{}")];
                let error = read(&files, "package-lock.json").unwrap_err();
                let expected =
                    format!("`package.json` needs `x` from `{location}`, which is not in a registry");
                assert_eq!(error, expected);
            }
        }
    }

    #[test]
    fn lock_files_of_workspaces_are_refused() {
        let npm = r#"{"dependencies": {"ms": "2"}, "workspaces": ["packages/*"]}"#;
        let error =
            read(&[("package.json", npm), ("package-lock.json", "{}")], "package-lock.json").unwrap_err();
        assert_eq!(
            error,
            "`package-lock.json` is the lock file of a workspace, which limg cannot install from"
        );
        let lock = |importers: &str| {
            format!("lockfileVersion: '9.0'\n\nimporters:\n\n{importers}\npackages:\n\n  ms@2:\n")
        };
        let read = |lock: &str| read(&[("package.json", ONE), ("pnpm-lock.yaml", lock)], "pnpm-lock.yaml");
        assert!(
            read(&lock("  .:\n    dependencies:\n      ms:\n        version: 2.1.3\n")).unwrap().is_some()
        );
        assert!(read(&lock("  .:\n    dependencies: {}\n\n  packages/a:\n    dependencies:\n")).is_err());
        assert!(read("lockfileVersion: '6.0'\n\ndependencies:\n  ms: 2\n").unwrap().is_some());
    }

    #[test]
    fn a_manifest_that_is_not_json_or_not_there_is_an_error() {
        assert!(
            read(&[("package.json", "{"), ("yarn.lock", "")], "yarn.lock")
                .unwrap_err()
                .starts_with("package.json is not valid")
        );
        assert!(read(&[("yarn.lock", "")], "yarn.lock").unwrap_err().contains("package.json"));
    }
}
