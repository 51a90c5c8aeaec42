//! Lists of packages in all their forms, as requirements: what uv and pip both understand.
//!
//! Lock files become requirements with exact versions, markers and hashes, so that the tools only choose the files that fit.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::error::{InstallError, MEMBER, SOURCE_ARCHIVE};
use super::program::Program;
use super::pylock;
use super::requirement_files::{self, Position, Requirement, Requirements};
use super::text_files::{SIZE_LIMIT, of_toml, text_of};
use super::uv_workspace::{Member, UvProject};
use crate::event::Reporter;
use crate::fs;
use crate::project::{PackageList, PackageListKind};
use crate::store::{Digest, FieldHasher, Store};

/// The kind of the store's records of what uv exports.
const EXPORTED: &str = "uv-exports-2";

/// The manifest of the project that a `uv.lock` belongs to.
const MANIFEST: &str = "pyproject.toml";

/// What a list requires.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Requested {
    pub(super) requirements: Requirements,
    /// Whether these are all packages with exact versions, so that nothing is to be resolved.
    pub(super) is_resolved: bool,
    /// The members of a workspace that are needed too, whose wheels limg builds.
    pub(super) members: Vec<Member>,
}

impl Requested {
    /// What a list requires of an index.
    pub(super) fn new(requirements: Requirements, is_resolved: bool) -> Self {
        Self { requirements, is_resolved, members: Vec::new() }
    }
}

/// Reads a list. `uv` is needed for its own lock file.
///
/// # Errors
/// When the list cannot be read, or names something other than wheels.
pub(super) fn read(
    list: &PackageList,
    uv: Option<&Program>,
    store: &Store,
    reporter: &dyn Reporter,
) -> Result<Requested, InstallError> {
    let requirements = match list.kind {
        PackageListKind::Requirements => {
            let requirements = requirement_files::read(&list.path)?;
            let is_resolved = !requirements.lines.is_empty()
                && requirements.lines.iter().all(|requirement| !requirement.hashes.is_empty());
            return Ok(Requested::new(requirements, is_resolved));
        }
        PackageListKind::UvLock | PackageListKind::Pyproject => {
            return match UvProject::of(list)? {
                Some(project) => of_uv_project(list, project, uv, store, reporter),
                None => Ok(Requested::new(of_pyproject(list)?, false)),
            };
        }
        PackageListKind::Pylock => of_pylock(list)?,
        PackageListKind::PoetryLock => of_poetry_lock(list)?,
        PackageListKind::PipfileLock => of_pipfile_lock(list)?,
        PackageListKind::PackageLock
        | PackageListKind::Shrinkwrap
        | PackageListKind::PnpmLock
        | PackageListKind::YarnLock
        | PackageListKind::PackageJson => {
            let why = "it lists packages of Node.js".to_owned();
            return Err(InstallError::Lock { what: list.path.display().to_string(), why });
        }
    };
    Ok(Requested::new(requirements, true))
}

/// `[project]` of a `pyproject.toml`, with the extras and groups that are asked for (`PyPA`, pyproject.toml specification;
/// PEP 735).
fn of_pyproject(list: &PackageList) -> Result<Requirements, InstallError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct File {
        project: Option<Project>,
        #[serde(default)]
        dependency_groups: BTreeMap<String, Vec<toml::Value>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Project {
        #[serde(default)]
        dependencies: Vec<String>,
        #[serde(default)]
        optional_dependencies: BTreeMap<String, Vec<String>>,
        #[serde(default)]
        dynamic: Vec<String>,
    }
    let invalid = |why: String| InstallError::Lock { what: list.path.display().to_string(), why };
    let file: File = of_toml(&list.path)?;
    let project = file.project.ok_or_else(|| invalid("it has no `[project]`".to_owned()))?;
    if project.dynamic.iter().any(|key| key == "dependencies") {
        return Err(invalid("a build backend computes its dependencies, and would have to run".to_owned()));
    }
    let mut texts = project.dependencies;
    for extra in &list.extras {
        let own = project.optional_dependencies.get(extra);
        texts.extend(own.ok_or_else(|| invalid(format!("it has no extra `{extra}`")))?.iter().cloned());
    }
    for group in &list.groups {
        let own = file.dependency_groups.get(group);
        for entry in own.ok_or_else(|| invalid(format!("it has no group `{group}`")))? {
            let Some(text) = entry.as_str() else {
                return Err(invalid(format!("the group `{group}` includes others: name them instead")));
            };
            texts.push(text.to_owned());
        }
    }
    requirement_files::of_text(&texts.join("\n"), &list.path)
}

/// A project in a `uv.lock`, which only uv reads. With `--frozen` it neither builds nor changes anything, and what it exports
/// depends on the lock file and the manifests of the project and its workspace alone, so that uv runs once for these.
fn of_uv_project(
    list: &PackageList,
    project: UvProject,
    uv: Option<&Program>,
    store: &Store,
    reporter: &dyn Reporter,
) -> Result<Requested, InstallError> {
    let UvProject { lock, name, members } = project;
    if let Some(member) = members.first().filter(|_| !list.allow_source) {
        return Err(InstallError::NotAWheel { package: member.name.clone(), list: lock, what: MEMBER });
    }
    let requested = |text: &str| {
        let requirements = requirement_files::of_text(text, &lock)?;
        Ok(Requested { members, ..Requested::new(requirements, true) })
    };
    let key = key_of_export(list, &lock)?;
    if let Some(text) = store.record::<String>(EXPORTED, &key) {
        return requested(&text);
    }
    let uv = uv.ok_or_else(|| InstallError::no_uv(&lock))?;
    let mut arguments = vec!["export", "--frozen", "--no-dev", "--no-emit-workspace", "--no-header"];
    arguments.extend(["--no-annotate", "--quiet", "--format", "requirements.txt"]);
    arguments.extend(name.iter().flat_map(|name| ["--package", name]));
    for (option, names) in [("--extra", &list.extras), ("--group", &list.groups)] {
        arguments.extend(names.iter().flat_map(|name| [option, name.as_str()]));
    }
    let text = uv.run(&arguments, &[], fs::folder_of(&lock), reporter)?;
    let requested = requested(&text)?;
    // The record only saves work, and the store may be read-only.
    let _unrecorded = store.write_record(EXPORTED, &key, &text);
    Ok(requested)
}

/// The digest of all that decides what uv exports.
fn key_of_export(list: &PackageList, lock: &Path) -> Result<Digest, InstallError> {
    let mut hasher = FieldHasher::default();
    hasher.add(text_of(lock)?);
    for path in [lock.with_file_name(MANIFEST), list.path.with_file_name(MANIFEST)] {
        // If it is not there, uv says so.
        hasher.add(fs::read_text(&path, SIZE_LIMIT).unwrap_or_default());
    }
    for (kind, names) in [("extras", &list.extras), ("groups", &list.groups)] {
        hasher.add(kind);
        for name in names {
            hasher.add(name);
        }
    }
    Ok(hasher.finish())
}

fn of_pylock(list: &PackageList) -> Result<Requirements, InstallError> {
    let what = list.path.display().to_string();
    let packages = pylock::parse(&text_of(&list.path)?, &what, &list.path)?;
    let mut requirements = Requirements::default();
    for package in packages {
        let source = package.sdist.iter().filter(|_| list.allow_source);
        let hashes = package.wheels.iter().chain(source).filter_map(|file| Some(file.sha256()?.to_string()));
        let hashes: Vec<_> = hashes.collect();
        let locked = Locked {
            name: &package.name,
            version: package.version.as_deref().unwrap_or_default(),
            marker: package.marker.as_deref(),
            hashes,
        };
        requirements.lines.push(locked.requirement(list)?);
    }
    Ok(requirements)
}

/// `poetry.lock` of Poetry 2, which says for each package when it is installed.
fn of_poetry_lock(list: &PackageList) -> Result<Requirements, InstallError> {
    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        package: Vec<Package>,
        #[serde(default)]
        extras: BTreeMap<String, Vec<String>>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
        #[serde(default)]
        optional: bool,
        groups: Option<Vec<String>>,
        markers: Option<toml::Value>,
        #[serde(default)]
        files: Vec<PackageFile>,
        source: Option<Source>,
    }
    #[derive(Deserialize)]
    struct PackageFile {
        file: String,
        hash: String,
    }
    #[derive(Deserialize)]
    struct Source {
        r#type: String,
        url: String,
    }
    const MAIN: &str = "main";
    let File { package: packages, extras } = of_toml(&list.path)?;
    let mut wanted = Vec::new();
    for extra in &list.extras {
        let names = extras.get(extra).ok_or_else(|| InstallError::Lock {
            what: list.path.display().to_string(),
            why: format!("it has no extra `{extra}`"),
        })?;
        wanted.extend(names.iter().map(|name| crate::wheel::normalised(name)));
    }
    let mut requirements = Requirements::default();
    for package in packages {
        let groups = package.groups.ok_or_else(|| InstallError::Lock {
            what: list.path.display().to_string(),
            why: "it does not say which groups a package belongs to: lock it again with Poetry 2".to_owned(),
        })?;
        let group = [MAIN].into_iter().chain(list.groups.iter().map(String::as_str));
        let Some(group) = group.into_iter().find(|group| groups.iter().any(|own| own == group)) else {
            continue;
        };
        if package.optional && !wanted.contains(&crate::wheel::normalised(&package.name)) {
            continue;
        }
        match package.source.as_ref().map(|source| (source.r#type.as_str(), &source.url)) {
            None => {}
            Some(("legacy", url)) => {
                let option = format!("--extra-index-url {url}");
                if !requirements.options.contains(&option) {
                    requirements.options.push(option);
                }
            }
            Some((kind, _)) => {
                let what = if kind == "git" { "a repository" } else { "a folder or an archive" };
                return Err(InstallError::NotAWheel { package: package.name, list: list.path.clone(), what });
            }
        }
        let marker = match &package.markers {
            Some(toml::Value::Table(by_group)) => by_group.get(group).and_then(toml::Value::as_str),
            Some(other) => other.as_str(),
            None => None,
        };
        let is_usable = |file: &&PackageFile| list.allow_source || requirement_files::is_wheel(&file.file);
        let hashes = package.files.iter().filter(is_usable).map(|file| file.hash.clone()).collect();
        let locked = Locked { name: &package.name, version: &package.version, marker, hashes };
        requirements.lines.push(locked.requirement(list)?);
    }
    Ok(requirements)
}

/// `Pipfile.lock` of pipenv.
fn of_pipfile_lock(list: &PackageList) -> Result<Requirements, InstallError> {
    #[derive(Deserialize)]
    struct File {
        #[serde(rename = "_meta")]
        meta: Meta,
        #[serde(flatten)]
        categories: BTreeMap<String, BTreeMap<String, Package>>,
    }
    #[derive(Deserialize)]
    struct Meta {
        #[serde(default)]
        sources: Vec<Source>,
    }
    #[derive(Deserialize)]
    struct Source {
        url: String,
    }
    #[derive(Deserialize)]
    struct Package {
        version: Option<String>,
        markers: Option<String>,
        #[serde(default)]
        hashes: Vec<String>,
    }
    let invalid = |why: String| InstallError::Lock { what: list.path.display().to_string(), why };
    let file: File =
        serde_json::from_str(&text_of(&list.path)?).map_err(|error| invalid(error.to_string()))?;
    let mut requirements = Requirements::default();
    for (position, Source { url }) in file.meta.sources.iter().enumerate() {
        let option = if position == 0 { "--index-url" } else { "--extra-index-url" };
        requirements.options.push(format!("{option} {url}"));
    }
    for category in ["default"].into_iter().chain(list.groups.iter().map(String::as_str)) {
        let Some(packages) = file.categories.get(category) else {
            return Err(invalid(format!("it has no category `{category}`")));
        };
        for (name, Package { version, markers, hashes }) in packages {
            let Some(version) = version.as_deref() else {
                return Err(InstallError::NotAWheel {
                    package: name.clone(),
                    list: list.path.clone(),
                    what: "a folder, an archive or a repository",
                });
            };
            let Some(version) = version.strip_prefix("==") else {
                // pipenv loses version, hashes and marker of a package that its own machine does not need.
                return Err(invalid(format!("it has no version of `{name}`: lock it again on Linux")));
            };
            let locked = Locked { name, version, marker: markers.as_deref(), hashes: hashes.clone() };
            requirements.lines.push(locked.requirement(list)?);
        }
    }
    Ok(requirements)
}

/// A package of a lock file.
struct Locked<'a> {
    name: &'a str,
    version: &'a str,
    marker: Option<&'a str>,
    hashes: Vec<String>,
}

impl Locked<'_> {
    fn requirement(self, list: &PackageList) -> Result<Requirement, InstallError> {
        let Self { name, version, marker, hashes } = self;
        let is_line = |text: &str| !text.contains(['\n', '\r']) && !text.contains(" --");
        let is_version = !version.is_empty()
            && version.chars().all(|it| it.is_ascii_alphanumeric() || "._-+!".contains(it));
        if !is_version || !is_line(marker.unwrap_or_default()) || !super::requirement_files::is_name(name) {
            return Err(InstallError::Lock {
                what: list.path.display().to_string(),
                why: format!("it has no valid name, version or marker of `{}`", crate::text::excerpt(name)),
            });
        }
        if hashes.is_empty() {
            let (package, list, what) = (name.to_owned(), list.path.clone(), SOURCE_ARCHIVE);
            return Err(InstallError::NotAWheel { package, list, what });
        }
        let marker = marker.filter(|marker| !marker.is_empty());
        let marker = marker.map(|marker| format!(" ; {marker}")).unwrap_or_default();
        let at = Position { file: list.path.clone(), line: 0 };
        Ok(Requirement { text: format!("{name}=={version}{marker}"), hashes, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::solver::Silent;

    /// The requirements of a list with this name and text, and of the extras and groups `more`.
    fn requirements(name: &str, text: &str, more: &[&str]) -> Result<Vec<String>, String> {
        let (_store_folder, store) = Store::for_test();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let more: Vec<String> = more.iter().map(|&name| name.to_owned()).collect();
        let kind = PackageListKind::of(&path);
        let (groups, extras) = match kind {
            PackageListKind::PipfileLock => (more, Vec::new()),
            _ => (Vec::new(), more),
        };
        let list = PackageList { groups, extras, ..PackageList::new(path) };
        let requested = read(&list, None, &store, &Silent).map_err(|error| error.to_string())?;
        let line = |it: &Requirement| format!("{} {}", it.text, it.hashes.join(" ")).trim().to_owned();
        let options = requested.requirements.options.iter().cloned();
        Ok(options.chain(requested.requirements.lines.iter().map(line)).collect())
    }

    const POETRY: &str = r#"
[[package]]
name = "six"
version = "1.17.0"
optional = false
groups = ["main"]
markers = "python_version >= \"3.8\""
files = [
    {file = "six-1.17.0-py2.py3-none-any.whl", hash = "sha256:aa"},
    {file = "six-1.17.0.tar.gz", hash = "sha256:bb"},
]

[[package]]
name = "idna"
version = "3.10"
optional = true
groups = ["main", "dev"]
files = [{file = "idna-3.10-py3-none-any.whl", hash = "sha256:cc"}]

[package.markers]
main = "extra == \"names\""
dev = "python_version >= \"3.9\""

[[package]]
name = "pytest"
version = "8.0"
optional = false
groups = ["dev"]
files = [{file = "pytest-8.0-py3-none-any.whl", hash = "sha256:dd"}]

[package.source]
type = "legacy"
url = "https://example.com/simple"

[extras]
names = ["idna"]

[metadata]
lock-version = "2.1"
"#;

    #[test]
    fn poetry_says_which_packages_are_for_production() {
        let six = "six==1.17.0 ; python_version >= \"3.8\" sha256:aa";
        assert_eq!(requirements("poetry.lock", POETRY, &[]).unwrap(), [six]);
        let with_extra = requirements("poetry.lock", POETRY, &["names"]).unwrap();
        assert_eq!(with_extra[0], six);
        assert!(with_extra[1].starts_with("idna==3.10"), "{with_extra:?}");
        let error = requirements("poetry.lock", POETRY, &["other"]).unwrap_err();
        assert!(error.ends_with("it has no extra `other`"), "{error}");
        let old = POETRY.replace("groups = [\"main\"]\n", "");
        assert!(requirements("poetry.lock", &old, &[]).unwrap_err().contains("with Poetry 2"));
        let git = POETRY.replace("type = \"legacy\"", "type = \"git\"").replace("[\"dev\"]", "[\"main\"]");
        assert!(requirements("poetry.lock", &git, &[]).unwrap_err().contains("but a repository"));
        let only_source = POETRY.replace("-py2.py3-none-any.whl", ".zip");
        assert!(requirements("poetry.lock", &only_source, &[]).unwrap_err().contains("but a source archive"));
    }

    #[test]
    fn pipenv_has_categories_and_indexes() {
        let lock = r#"{
            "_meta": { "sources": [
                { "name": "pypi", "url": "https://example.com/simple", "verify_ssl": true },
                { "name": "own", "url": "https://${USER}@own.example/simple" }
            ] },
            "default": { "six": { "hashes": ["sha256:aa"], "index": "pypi", "markers": "python_version >= '3'", "version": "==1.17.0" } },
            "develop": { "idna": { "hashes": ["sha256:bb"], "version": "==3.10" } }
        }"#;
        let indexes = [
            "--index-url https://example.com/simple",
            "--extra-index-url https://${USER}@own.example/simple",
        ];
        let six = "six==1.17.0 ; python_version >= '3' sha256:aa";
        let read = requirements("Pipfile.lock", lock, &[]).unwrap();
        assert_eq!(read, [indexes[0], indexes[1], six]);
        assert_eq!(requirements("Pipfile.lock", lock, &["develop"]).unwrap().len(), 4);
        let lost = lock.replace("==1.17.0", "*");
        assert!(requirements("Pipfile.lock", &lost, &[]).unwrap_err().contains("lock it again on Linux"));
        let path = lock.replace("\"version\": \"==1.17.0\"", "\"path\": \".\"");
        assert!(requirements("Pipfile.lock", &path, &[]).unwrap_err().contains("six is not a wheel"));
    }

    #[test]
    fn a_project_has_dependencies_and_extras() {
        let text = "[project]\nname = \"x\"\ndependencies = [\"six>=1\"]\n\
                    [project.optional-dependencies]\nnames = [\"idna\"]\n";
        assert_eq!(requirements("pyproject.toml", text, &[]).unwrap(), ["six>=1"]);
        assert_eq!(requirements("pyproject.toml", text, &["names"]).unwrap(), ["six>=1", "idna"]);
        let dynamic = "[project]\nname = \"x\"\ndynamic = [\"dependencies\"]\n";
        assert!(requirements("pyproject.toml", dynamic, &[]).unwrap_err().contains("would have to run"));
        assert!(requirements("pyproject.toml", "[tool.x]\n", &[]).unwrap_err().contains("no `[project]`"));
        let folder = text.replace("six>=1", "own @ file:///own");
        assert!(requirements("pyproject.toml", &folder, &[]).unwrap_err().contains("built from source"));
    }

    #[test]
    fn a_lock_cannot_add_lines() {
        let lock = "lock-version = '1.0'\n[[packages]]\nname = 'six'\nversion = \"1\\n--no-binary six\"\n\
                    wheels = [{ url = 'https://e.com/six-1-py3-none-any.whl', hashes = { sha256 = 'aa' } }]\n";
        let error = requirements("pylock.toml", lock, &[]).unwrap_err();
        assert!(error.contains("no valid name, version or marker"), "{error}");
    }

    #[test]
    fn the_lock_of_uv_needs_uv() {
        let error = requirements("uv.lock", "version = 1\n", &[]).unwrap_err();
        assert!(error.contains("there is no `uv`"), "{error}");
    }
}
