//! The workspace that a folder is a member of: several packages with one lock file at the root (npm, pnpm and Yarn
//! documentation, "workspaces").
//!
//! Which members there are says the lock file, where it does: what is in the folders only counts for Yarn 1. Nothing is written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::error::NodeError;
use super::manifest::{SECTIONS, SIZE_LIMIT, WITHOUT_DEVELOPMENT, dependencies, importers, is_local, json};
use crate::fs;
use crate::install::error::InstallError;
use crate::install::node_modules::{FOLDER, MANIFEST};
use crate::project::PackageListKind;
use crate::tree::compile_patterns;

/// The lock files of workspaces, in the order in which they are looked for.
const LOCKS: [&str; 4] = ["pnpm-lock.yaml", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock"];

/// How many folders deep members may be below the root if a pattern says nothing about it.
const DEPTH: usize = 8;

/// A workspace, and the member that a function needs.
#[derive(Debug)]
pub(super) struct Workspace {
    /// The root.
    pub(super) root: PathBuf,
    /// The folder of the member below the root.
    pub(super) member: String,
    /// Whether the member's packages for development are wanted too.
    pub(super) with_development: bool,
    /// The manifests of all members, by their folders below the root.
    members: BTreeMap<String, Manifest>,
}

#[derive(Debug)]
struct Manifest {
    text: String,
    value: Value,
}

/// The lock file of a workspace.
#[derive(Debug)]
pub(super) struct WorkspaceLock {
    pub(super) path: PathBuf,
    pub(super) kind: PackageListKind,
    pub(super) text: String,
}

impl Workspace {
    /// The workspace that has a folder as a member: the nearest one above.
    ///
    /// # Errors
    /// When one of its files cannot be read.
    pub(super) fn above(
        folder: &Path,
        with_development: bool,
    ) -> Result<Option<(Self, WorkspaceLock)>, InstallError> {
        for root in folder.ancestors().skip(1) {
            let Some(own) = below(folder, root) else { continue };
            for path in LOCKS.iter().map(|name| root.join(name)).filter(|path| fs::is_file(path)) {
                let text = fs::read_text(&path, SIZE_LIMIT)?;
                let kind = PackageListKind::of(&path);
                let folders = folders(kind, &text, root)?;
                if folders.contains(&own) {
                    let members = manifests(&folders, root)?;
                    let workspace = Self { root: root.to_owned(), member: own, with_development, members };
                    return Ok(Some((workspace, WorkspaceLock { path, kind, text })));
                }
            }
        }
        Ok(None)
    }

    /// The paths and texts of the manifests of all members, below the root.
    pub(super) fn manifests(&self) -> impl Iterator<Item = (String, &str)> {
        let manifests = self.members.iter();
        manifests.map(|(folder, manifest)| (format!("{folder}/{MANIFEST}"), manifest.text.as_str()))
    }

    /// The name of the member, if it has one that a tool cannot take for an option.
    pub(super) fn name(&self) -> Option<&str> {
        let manifest = self.members.get(&self.member)?;
        manifest.value.get("name")?.as_str().filter(|name| !name.starts_with('-'))
    }

    /// Whether a folder below the root is a member.
    pub(super) fn has(&self, folder: &str) -> bool {
        self.members.contains_key(folder)
    }

    /// The manifests that decide what is installed for the member.
    pub(super) fn deciding(&self) -> impl Iterator<Item = (&str, &str)> {
        let needed = self.needed().into_iter();
        needed.filter_map(|folder| Some((folder, self.members.get(folder)?.text.as_str())))
    }

    /// The folders of the member and of those members that it needs by name, and what these need.
    pub(super) fn needed(&self) -> BTreeSet<&str> {
        let folders = self.folders_by_name();
        let (mut needed, mut open) = (BTreeSet::new(), vec![self.member.as_str()]);
        while let Some(folder) = open.pop() {
            if let Some(manifest) = self.members.get(folder).filter(|_| needed.insert(folder)) {
                let names = dependencies(&manifest.value, self.sections(folder)).map(|(name, _)| name);
                open.extend(names.filter_map(|name| folders.get(name).copied()));
            }
        }
        needed
    }

    /// Refuses packages that are on this machine only, and no members.
    ///
    /// # Errors
    /// When the member, or one that it needs, has such a dependency.
    pub(super) fn check_local(&self) -> Result<(), NodeError> {
        let folders = self.folders_by_name();
        for folder in self.needed() {
            let Some(manifest) = self.members.get(folder) else { continue };
            let local = dependencies(&manifest.value, self.sections(folder)).find(|(name, location)| {
                is_local(location) && !location.starts_with("workspace:") && !folders.contains_key(name)
            });
            if let Some((package, location)) = local {
                return Err(NodeError::Local {
                    manifest: self.root.join(folder).join(MANIFEST),
                    package: package.to_owned(),
                    location: location.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The sections of a member's manifest that count.
    fn sections(&self, folder: &str) -> &'static [&'static str] {
        if self.with_development && folder == self.member { SECTIONS } else { WITHOUT_DEVELOPMENT }
    }

    fn folders_by_name(&self) -> BTreeMap<&str, &str> {
        let named = self.members.iter();
        named.filter_map(|(folder, it)| Some((it.value.get("name")?.as_str()?, folder.as_str()))).collect()
    }
}

/// The path of a folder below another one, with `/`.
fn below(folder: &Path, root: &Path) -> Option<String> {
    let names = folder.strip_prefix(root).ok()?.components().map(|name| match name {
        Component::Normal(name) => name.to_str(),
        _ => None,
    });
    Some(names.collect::<Option<Vec<_>>>()?.join("/"))
}

/// The folders of the members below the root.
fn folders(kind: PackageListKind, lock: &str, root: &Path) -> Result<BTreeSet<String>, InstallError> {
    let folders: BTreeSet<String> = match kind {
        PackageListKind::PnpmLock => importers(lock).map(str::to_owned).collect(),
        PackageListKind::YarnLock if lock.contains("__metadata:") => of_berry(lock).collect(),
        PackageListKind::YarnLock => of_patterns(root)?,
        _ => of_npm(lock),
    };
    Ok(folders.into_iter().filter(|folder| is_below(folder)).collect())
}

/// Whether a path leads to something below the root, and to no packages.
fn is_below(folder: &str) -> bool {
    !folder.is_empty()
        && Path::new(folder)
            .components()
            .all(|name| matches!(name, Component::Normal(name) if name != FOLDER))
}

/// Those in a `package-lock.json` of version 2 or 3, which names the place of every package.
fn of_npm(lock: &str) -> BTreeSet<String> {
    let lock: Value = serde_json::from_str(lock).unwrap_or_default();
    lock.get("packages")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(path, _)| path.clone())
        .collect()
}

/// Those in a `yarn.lock` of Yarn 2 or later. Yarn writes it in one form, so that lines are enough.
fn of_berry(lock: &str) -> impl Iterator<Item = String> {
    let resolutions = lock.lines().filter_map(|line| line.strip_prefix("  resolution: "));
    resolutions.filter_map(|it| Some(it.trim_matches('"').split_once("@workspace:")?.1.to_owned()))
}

/// Those that the manifest at the root names by patterns.
fn of_patterns(root: &Path) -> Result<BTreeSet<String>, InstallError> {
    let path = root.join(MANIFEST);
    if !fs::is_file(&path) {
        return Ok(BTreeSet::new());
    }
    let manifest = json(&fs::read_text(&path, SIZE_LIMIT)?, &path)?;
    let written = manifest.get("workspaces").map(|it| it.get("packages").unwrap_or(it));
    let written = written.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let anchored = |pattern: &str| match pattern.strip_prefix('!') {
        Some(excluded) => format!("!/{}", excluded.trim_start_matches("./")),
        None => format!("/{}", pattern.trim_start_matches("./")),
    };
    let written: Vec<String> = written.map(anchored).collect();
    let depth = |pattern: &String| {
        if pattern.contains("**") { DEPTH } else { pattern.trim_end_matches('/').matches('/').count() }
    };
    let deepest = written.iter().map(depth).max().unwrap_or_default();
    let patterns = compile_patterns(&written)?;
    let (mut members, mut open) = (BTreeSet::new(), vec![(String::new(), 0)]);
    while let Some((folder, depth)) = open.pop() {
        if patterns.matched(&folder, true).is_ignore() && fs::is_file(&root.join(&folder).join(MANIFEST)) {
            members.insert(folder.clone());
        }
        if depth == deepest {
            continue;
        }
        for name in fs::names_in(&root.join(&folder))? {
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            // A link could lead anywhere.
            let is_folder = fs::symlink_metadata(&root.join(&path)).is_ok_and(|metadata| metadata.is_dir());
            if is_folder && name != FOLDER && !name.starts_with('.') {
                open.push((path, depth + 1));
            }
        }
    }
    Ok(members)
}

/// The manifests in folders. The tool itself says if one is missing that it needs.
fn manifests(folders: &BTreeSet<String>, root: &Path) -> Result<BTreeMap<String, Manifest>, InstallError> {
    let mut manifests = BTreeMap::new();
    for folder in folders {
        let path = root.join(folder).join(MANIFEST);
        if fs::is_file(&path) {
            let text = fs::read_text(&path, SIZE_LIMIT)?;
            let value = json(&text, &path)?;
            manifests.insert(folder.clone(), Manifest { text, value });
        }
    }
    Ok(manifests)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PNPM: &str = "lockfileVersion: '9.0'\n\nimporters:\n\n  .: {}\n\n  packages/fn:\n    dependencies: {}\n\n  \
                        ../out: {}\n\n  packages/shared: {}\n\npackages:\n";
    const NPM: &str = r#"{"packages": {"": {}, "packages/fn": {}, "packages/shared": {}, "node_modules/ms": {},
        "packages/fn/node_modules/ms": {}, "../out": {}, "/etc": {}}}"#;
    const BERRY: &str = "__metadata:\n  version: 8\n\n\"fn@workspace:packages/fn\":\n  resolution: \
                         \"fn@workspace:packages/fn\"\n\n\"@ws/shared@workspace:*\":\n  resolution: \
                         \"@ws/shared@workspace:packages/shared\"\n\n\"root@workspace:.\":\n  resolution: \"root@workspace:.\"\n";

    fn workspace(
        root: &Path,
        lock: &str,
        text: &str,
        manifest: &Value,
    ) -> Option<(Workspace, WorkspaceLock)> {
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let root_manifest = json!({ "workspaces": ["packages/*", "./apps/**", "!packages/private"] });
        write("package.json", &root_manifest.to_string());
        write("packages/fn/package.json", &manifest.to_string());
        write("packages/shared/package.json", r#"{"name": "@ws/shared", "dependencies": {"deep": "*"}}"#);
        for folder in ["packages/private", "packages/fn/node_modules/ms", "apps/a/b", "other"] {
            write(&format!("{folder}/package.json"), r#"{"name": "deep"}"#);
        }
        write(lock, text);
        Workspace::above(&root.join("packages/fn"), false).unwrap()
    }

    #[test]
    fn the_members_are_those_of_the_lock_file() {
        for (lock, text) in [("pnpm-lock.yaml", PNPM), ("package-lock.json", NPM), ("yarn.lock", BERRY)] {
            let folder = tempfile::tempdir().unwrap();
            let (found, own_lock) = workspace(folder.path(), lock, text, &json!({})).unwrap();
            assert_eq!((own_lock.path, found.member.as_str()), (folder.path().join(lock), "packages/fn"));
            let members: Vec<_> = found.members.keys().collect();
            assert_eq!(members, ["packages/fn", "packages/shared"], "{lock}");
        }
        let folder = tempfile::tempdir().unwrap();
        let none = workspace(folder.path(), "package-lock.json", r#"{"packages": {"": {}}}"#, &json!({}));
        assert!(none.is_none());
    }

    #[test]
    fn those_of_yarn_1_are_where_patterns_say() {
        let folder = tempfile::tempdir().unwrap();
        let (found, _) = workspace(folder.path(), "yarn.lock", "# yarn lockfile v1\n", &json!({})).unwrap();
        let members: Vec<_> = found.members.keys().collect();
        assert_eq!(members, ["apps/a/b", "packages/fn", "packages/shared"]);
    }

    #[test]
    fn a_member_needs_others_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let needed = |manifest: Value| {
            let (found, _) = workspace(folder.path(), "yarn.lock", "", &manifest).unwrap();
            found.check_local().map_err(|error| error.to_string())?;
            Ok::<_, String>(found.needed().into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        let alone = json!({ "dependencies": { "ms": "2" }, "devDependencies": { "@ws/shared": "*" } });
        assert_eq!(needed(alone).unwrap(), ["packages/fn"]);
        for version in ["*", "workspace:^", "file:../shared"] {
            let manifest = json!({ "dependencies": { "@ws/shared": version } });
            assert_eq!(
                needed(manifest).unwrap(),
                ["apps/a/b", "packages/fn", "packages/shared"],
                "{version}"
            );
        }
        let error = needed(json!({ "dependencies": { "out": "file:../../../out" } })).unwrap_err();
        assert!(error.contains("needs `out` from `file:../../../out`"), "{error}");
    }
}
