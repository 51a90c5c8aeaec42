//! Python packages that are installed in editable mode are not in the image: only their paths on the build machine are
//! (`pip install -e`, workspaces of uv and Poetry).

use std::collections::BTreeMap;

use serde_json::Value;

use super::{LISTED, Source, Subject};
use crate::files::Found;
use crate::finding::{Code, Finding, Help, Setting};
use crate::project::ImagePath;
use crate::runtime::Language;
use crate::text::first_of;
use crate::tree::{FileNode, Node, TreeError};

/// More than any of the files that describe an installation.
const FILE_LIMIT: usize = 64 * 1024;

/// What is installed in editable mode in one source.
#[derive(Default)]
struct Installed {
    /// The packages whose modules are known and not in the image.
    absent: Vec<String>,
    /// The packages of which only the name is known, and the files that name folders of the build machine.
    unknown: Vec<String>,
}

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let mut findings = Vec::new();
    if subject.contract.language() == Some(Language::Python) {
        for source in subject.sources() {
            let Installed { absent, unknown } = installed(subject, &source)?;
            findings.extend(finding(&source, &absent, Finding::error));
            findings.extend(finding(&source, &unknown, Finding::warning));
        }
    }
    Ok(findings)
}

fn installed(subject: &Subject<'_>, source: &Source<'_>) -> Result<Installed, TreeError> {
    let mut installed = Installed::default();
    // Paths of the build machine, by the file that names them.
    let mut listed = BTreeMap::new();
    let mut packages = Vec::new();
    for (path, node) in source.tree.tree.iter() {
        let Node::File(file) = node else { continue };
        if path.as_str().ends_with("/direct_url.json") {
            packages.extend(package(path, file)?);
        } else if path.suffix() == Some("pth") {
            listed.extend(folder_of_machine(subject, file)?.map(|folder| (path, folder)));
        }
    }
    for Package { site, name, folder, metadata } in packages {
        listed.retain(|_, listed| !listed.starts_with(&folder));
        let known = modules(subject, &metadata)?;
        let is_known = known.is_some();
        let modules = known.unwrap_or_else(|| vec![name.replace(['-', '.'], "_")]);
        if !modules.iter().any(|module| subject.has_python_module(module, Some(&site))) {
            let list = if is_known { &mut installed.absent } else { &mut installed.unknown };
            list.push(format!("`{name}` (`{folder}`)"));
        }
    }
    installed.unknown.extend(listed.into_iter().map(|(path, folder)| format!("`{path}` (`{folder}`)")));
    Ok(installed)
}

/// A package that is installed in editable mode.
struct Package {
    /// The folder of Python packages.
    site: ImagePath,
    name: String,
    /// Where its files are on the build machine.
    folder: String,
    /// The folder that describes it.
    metadata: ImagePath,
}

/// The package that a `direct_url.json` describes (`PyPA` specifications, "Recording the Direct URL Origin of installed
/// distributions"), if it is installed in editable mode.
fn package(path: &ImagePath, file: &FileNode) -> Result<Option<Package>, TreeError> {
    let Ok(origin) = serde_json::from_slice::<Value>(&file.content.head(FILE_LIMIT)?) else {
        return Ok(None);
    };
    if origin["dir_info"]["editable"] != Value::Bool(true) {
        return Ok(None);
    }
    let folder = origin["url"].as_str().unwrap_or_default().trim_start_matches("file://").to_owned();
    Ok(path.parent().and_then(|metadata| {
        let site = metadata.parent()?;
        let name = metadata.name().strip_suffix(".dist-info")?.rsplit_once('-')?.0.to_owned();
        Some(Package { site, name, folder, metadata })
    }))
}

/// The modules of a package, if setuptools has listed them.
fn modules(subject: &Subject<'_>, metadata: &ImagePath) -> Result<Option<Vec<String>>, TreeError> {
    let list = metadata.join("top_level.txt").ok();
    let Some(Found::File(file)) = list.and_then(|path| subject.plan.merged.resolve(&path)) else {
        return Ok(None);
    };
    let text = file.content.head(FILE_LIMIT)?;
    let lines = String::from_utf8_lossy(&text);
    Ok(Some(lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()))
}

/// The first line of a `.pth` file that is an absolute path which the image does not have.
fn folder_of_machine(subject: &Subject<'_>, file: &FileNode) -> Result<Option<String>, TreeError> {
    let text = file.content.head(FILE_LIMIT)?;
    let text = String::from_utf8_lossy(&text);
    let is_of_machine =
        |line: &&str| line.starts_with('/') && !subject.plan.merged.is_directory(line.trim_end_matches('/'));
    Ok(text.lines().map(str::trim).find(is_of_machine).map(str::to_owned))
}

fn finding(
    source: &Source<'_>,
    packages: &[String],
    new: impl FnOnce(Code, crate::finding::Place, String) -> Finding,
) -> Option<Finding> {
    if packages.is_empty() {
        return None;
    }
    let message = format!(
        "{} contains packages in editable mode, whose files are on the build machine and not in the image: {}",
        source.name,
        first_of(LISTED, packages.iter())
    );
    let help = Help::from(
        "install them without editable mode (`uv sync --no-editable`, `pip install` without `-e`)",
    );
    let help = if source.has_exclude { help.or(Setting::Exclude) } else { help };
    Some(new(Code::EditableInstall, source.place.clone(), message).help(help))
}
