//! Python packages that are installed in editable mode are not in the image: only their paths on the build machine are
//! (`pip install -e`, workspaces of uv and Poetry).

use std::collections::BTreeMap;

use super::{LISTED, Source, Subject};
use crate::files::{EditablePackage, Found};
use crate::finding::{Code, Finding, Help, Setting};
use crate::project::ImagePath;
use crate::runtime::Language;
use crate::text::first_of;
use crate::tree::TreeError;

/// More than any list of modules.
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
    let python = &source.tree.python;
    let mut installed = Installed::default();
    // Paths of the build machine, by the file that names them.
    let machine_folder = |(path, folders): &'_ (ImagePath, Vec<String>)| {
        let is_of_machine =
            |folder: &&String| !subject.plan.merged.is_directory(folder.trim_end_matches('/'));
        Some((path.clone(), folders.iter().find(is_of_machine)?.clone()))
    };
    let mut listed: BTreeMap<_, _> = python.listed_folders.iter().filter_map(machine_folder).collect();
    for EditablePackage { metadata, folder } in &python.editable {
        let name = metadata.name().strip_suffix(".dist-info").and_then(|name| name.rsplit_once('-'));
        let (Some(site), Some((name, _))) = (metadata.parent(), name) else { continue };
        listed.retain(|_, listed| !listed.starts_with(folder));
        let known = modules(subject, metadata)?;
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
