//! The member of a workspace of uv that a project is, and the other members that it needs (uv documentation, "workspaces").
//!
//! What else the lock file has, only uv reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::InstallError;
use super::text_files::of_toml;
use crate::fs;
use crate::project::{PackageList, PackageListKind};

/// The name of the lock file.
const LOCK: &str = "uv.lock";

/// A project in a lock file of uv.
#[derive(Debug)]
pub(super) struct UvProject {
    /// The lock file.
    pub(super) lock: PathBuf,
    /// Its name, unless the lock file has no project in this folder.
    pub(super) name: Option<String>,
    /// The other members of its workspace that it needs.
    pub(super) members: Vec<Member>,
}

/// A member of a workspace, which is a package that others need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Its name.
    pub(super) name: String,
    /// Its folder.
    pub(super) folder: PathBuf,
}

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: String,
    source: Option<Source>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<Dependency>>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, Vec<Dependency>>,
}

#[derive(Deserialize)]
struct Source {
    editable: Option<String>,
    r#virtual: Option<String>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    #[serde(default)]
    extra: Vec<String>,
}

impl UvProject {
    /// The project of a list: in the lock file that it is, or for a manifest in one above it that has its folder as a member.
    ///
    /// # Errors
    /// When a lock file cannot be read.
    pub(super) fn of(list: &PackageList) -> Result<Option<Self>, InstallError> {
        let folder = fs::folder_of(&list.path);
        if list.kind == PackageListKind::UvLock {
            let project = Self::read(&list.path, ".", list)?;
            let lock = list.path.clone();
            return Ok(Some(project.unwrap_or(Self { lock, name: None, members: Vec::new() })));
        }
        for root in folder.ancestors().skip(1) {
            let (lock, own) = (root.join(LOCK), folder.strip_prefix(root).ok().and_then(Path::to_str));
            let Some(own) = own.filter(|_| fs::is_file(&lock)) else {
                continue;
            };
            if let Some(project) = Self::read(&lock, &own.replace('\\', "/"), list)? {
                return Ok(Some(project));
            }
        }
        Ok(None)
    }

    /// The project in the folder `own` below the root of a workspace.
    fn read(path: &Path, own: &str, list: &PackageList) -> Result<Option<Self>, InstallError> {
        let lock: Lock = of_toml(path)?;
        let folder = |package: &Package| {
            let source = package.source.as_ref()?;
            source.editable.clone().or_else(|| source.r#virtual.clone())
        };
        let own = lock.package.iter().find(|package| folder(package).as_deref() == Some(own));
        let Some(own) = own else { return Ok(None) };
        let members: BTreeMap<&str, (&Package, String)> =
            lock.package.iter().filter_map(|it| Some((it.name.as_str(), (it, folder(it)?)))).collect();
        let groups = list.groups.iter().filter_map(|group| own.dev_dependencies.get(group)).flatten();
        let mut open: Vec<&Dependency> = groups.chain(needs(own, &list.extras)).collect();
        let mut seen = BTreeSet::new();
        let mut needed = BTreeMap::new();
        while let Some(Dependency { name, extra }) = open.pop() {
            let Some((package, folder)) = members.get(name.as_str()).filter(|_| *name != own.name) else {
                continue;
            };
            if seen.insert((name, extra)) {
                open.extend(needs(package, extra));
                needed.insert(name, fs::normal(&fs::folder_of(path).join(folder)));
            }
        }
        let members = needed.into_iter().map(|(name, folder)| Member { name: name.clone(), folder });
        Ok(Some(Self { lock: path.to_owned(), name: Some(own.name.clone()), members: members.collect() }))
    }
}

/// What a package needs with some extras.
fn needs<'p>(package: &'p Package, extras: &'p [String]) -> impl Iterator<Item = &'p Dependency> {
    let optional = extras.iter().filter_map(|extra| package.optional_dependencies.get(extra)).flatten();
    package.dependencies.iter().chain(optional)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = r#"
        version = 1
        package = [
            { name = "app", source = { virtual = "packages/app" }, dependencies = [{ name = "core" }, { name = "six" }],
              optional-dependencies = { web = [{ name = "http" }] }, dev-dependencies = { test = [{ name = "fixtures" }] } },
            { name = "core", source = { editable = "packages/core" }, dependencies = [{ name = "log", extra = ["json"] }] },
            { name = "log", source = { editable = "../log" }, optional-dependencies = { json = [{ name = "app" }, { name = "fast" }] } },
            { name = "fast", source = { editable = "packages/fast" } },
            { name = "http", source = { editable = "packages/http" } },
            { name = "fixtures", source = { editable = "packages/fixtures" } },
            { name = "root", source = { editable = "." }, dependencies = [{ name = "http" }] },
            { name = "six", source = { registry = "https://example.com/simple" } },
        ]
    "#;

    fn project(list: &str, groups: &[&str], extras: &[&str]) -> Option<(Option<String>, Vec<String>)> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("code/root");
        fs::create_dir_all(&root.join("packages/app")).unwrap();
        fs::write_atomically(&root.join(LOCK), WORKSPACE.as_bytes()).unwrap();
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let list =
            PackageList { groups: names(groups), extras: names(extras), ..PackageList::new(root.join(list)) };
        let project = UvProject::of(&list).unwrap()?;
        assert_eq!(project.lock, root.join(LOCK));
        let code = root.parent().unwrap();
        let member = |it: &Member| format!("{} {}", it.name, it.folder.strip_prefix(code).unwrap().display());
        Some((project.name, project.members.iter().map(member).collect()))
    }

    #[test]
    fn a_member_needs_other_members_directly_and_through_others() {
        let of_app =
            |groups: &[&str], extras: &[&str]| project("packages/app/pyproject.toml", groups, extras);
        let always = ["core root/packages/core", "fast root/packages/fast", "log log"].map(str::to_owned);
        assert_eq!(of_app(&[], &[]), Some((Some("app".to_owned()), always.to_vec())));
        let (_, more) = of_app(&["test"], &["web"]).unwrap();
        assert_eq!(more.len(), always.len() + 2);
        assert!(more.contains(&"http root/packages/http".to_owned()), "{more:?}");
        let root = project("uv.lock", &[], &[]);
        assert_eq!(root, Some((Some("root".to_owned()), vec!["http root/packages/http".to_owned()])));
    }

    #[test]
    fn a_folder_outside_of_the_workspace_has_no_project() {
        assert_eq!(project("packages/other/pyproject.toml", &[], &[]), None);
        assert_eq!(project("pyproject.toml", &[], &[]), None);
    }
}
