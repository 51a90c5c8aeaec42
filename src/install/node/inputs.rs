//! What a tool of Node.js reads: the manifest, the lock file, and the settings next to them.
//!
//! The tools never run in the user's folder. What they need of it is read here, checked, and written to another folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::NodeError;
use super::manifest::{SECTIONS, SIZE_LIMIT, WITHOUT_DEVELOPMENT, dependencies, importers, is_local, json};
use super::workspace::{Workspace, WorkspaceLock};
use crate::fs::{self, FsError};
use crate::install::error::InstallError;
use crate::install::node_modules::MANIFEST;
use crate::project::{PackageList, PackageListKind};

/// How many files the folders below may have.
const FILES_AT_MOST: usize = 1000;

/// The settings of the tools in a project.
const SETTINGS: [&str; 5] = [".npmrc", ".pnpmfile.cjs", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml"];

/// Folders with what settings and lock files refer to: patches of packages, and the project's own Yarn.
const FOLDERS: [&str; 4] = ["patches", ".yarn/patches", ".yarn/plugins", ".yarn/releases"];

/// What a tool reads.
#[derive(Debug)]
pub(super) struct Inputs {
    /// `package.json` of the function.
    pub(super) manifest: Value,
    /// The text of the lock file.
    pub(super) lock: String,
    /// The user's lock file.
    pub(super) lock_path: PathBuf,
    /// How it is written.
    pub(super) kind: PackageListKind,
    /// The workspace that the lock file is for, if it is not for the function alone.
    pub(super) workspace: Option<Workspace>,
    /// The other files, by their paths in the folder of the lock file.
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
        let manifest = json(&fs::read_text(&path, SIZE_LIMIT)?, &path)?;
        let sections = if with_development { SECTIONS } else { WITHOUT_DEVELOPMENT };
        let has_dependencies = dependencies(&manifest, sections).next().is_some();
        if list.kind == PackageListKind::PackageJson {
            return if has_dependencies {
                Self::of_member(manifest, &path, with_development)
            } else {
                Ok(None)
            };
        }
        let lock = fs::read_text(&list.path, SIZE_LIMIT)?;
        if is_of_workspace(&manifest, list.kind, &lock) {
            return Err(NodeError::Workspace { lock: list.path.clone() }.into());
        }
        if !has_dependencies {
            return Ok(None);
        }
        let local = dependencies(&manifest, sections).find(|(_, location)| is_local(location));
        if let Some((package, location)) = local {
            let (package, location) = (package.to_owned(), location.to_owned());
            return Err(NodeError::Local { manifest: path, package, location }.into());
        }
        let (lock_path, kind) = (list.path.clone(), list.kind);
        let settings = settings(folder)?;
        Ok(Some(Self { manifest, lock, lock_path, kind, workspace: None, settings }))
    }

    /// Reads what there is for a manifest that has no lock file next to it.
    fn of_member(manifest: Value, path: &Path, with_development: bool) -> Result<Option<Self>, InstallError> {
        let (workspace, lock) = Workspace::above(fs::folder_of(path), with_development)?
            .ok_or_else(|| NodeError::NoLock { manifest: path.to_owned() })?;
        workspace.check_local()?;
        let WorkspaceLock { path: lock_path, kind, text: lock } = lock;
        let settings = settings(&workspace.root)?;
        Ok(Some(Self { manifest, lock, lock_path, kind, workspace: Some(workspace), settings }))
    }

    /// Writes them into another folder.
    pub(super) fn write(&self, folder: &Path) -> Result<(), FsError> {
        let manifests = self.workspace.iter().flat_map(Workspace::manifests).collect::<Vec<_>>();
        let manifests = manifests.iter().map(|(name, text)| (name.as_str(), text.as_bytes()));
        for (name, content) in self.files().chain(manifests) {
            let path = folder.join(name);
            fs::create_dir_all(fs::folder_of(&path))?;
            fs::write_atomically(&path, content)?;
        }
        Ok(())
    }

    /// The names and contents of all files, without the manifests of a workspace's members.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let name = self.lock_path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        self.settings().chain([(name, self.lock.as_bytes())])
    }

    /// As [`files`](Self::files), without the lock file: what decides which version of a tool runs.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.settings.iter().map(|(name, content)| (name.as_str(), content.as_slice()))
    }

    /// The manifest next to the lock file.
    pub(super) fn root_manifest(&self) -> Value {
        let root = self.settings.get(MANIFEST).and_then(|text| serde_json::from_slice(text).ok());
        root.unwrap_or_default()
    }
}

/// The manifest in a folder, and the settings next to it.
fn settings(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, InstallError> {
    let mut settings = BTreeMap::new();
    for name in [MANIFEST].into_iter().chain(SETTINGS) {
        let file = folder.join(name);
        if fs::is_file(&file) {
            settings.insert(name.to_owned(), fs::read(&file, SIZE_LIMIT)?);
        }
    }
    for name in FOLDERS {
        add_folder(name, &folder.join(name), &mut settings)?;
    }
    Ok(settings)
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
            if fs::is_file(&path) && files.len() < FILES_AT_MOST {
                files.insert(name, fs::read(&path, SIZE_LIMIT)?);
            } else {
                folders.push((name, path));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
impl Inputs {
    /// A manifest and a lock file.
    pub(super) fn for_test(manifest: Value, lock: String) -> Self {
        Self {
            manifest,
            lock,
            lock_path: PathBuf::from("package-lock.json"),
            kind: PackageListKind::PackageLock,
            workspace: None,
            settings: BTreeMap::new(),
        }
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
            "`package-lock.json` is the lock file of a workspace, and does not say which member to install"
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
