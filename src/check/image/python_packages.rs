//! Python packages: those for another Python than the runtime's, and those that are there more than once (Python packaging user
//! guide, "Core metadata", `Requires-Python`).

use std::collections::BTreeMap;
use std::str::FromStr as _;

use pep440_rs::{Version, VersionSpecifiers};

use super::{ImageSubject, is_of_function};
use crate::check::missing_packages::requirements::normalised;
use crate::files::PackageMetadata;
use crate::finding::{Code, Finding};
use crate::project::ImagePath;
use crate::runtime::TASK_ROOT;

/// A patch release that is later than all there are: which one the base has is not known, and a package that needs a later patch
/// release than the first is not reported.
const LATEST_PATCH: &str = "99";

pub(super) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    let Some(contract) = subject.contract() else { return Vec::new() };
    let Some(python) = contract.id.strip_prefix("python") else { return Vec::new() };
    let mut found: BTreeMap<String, Vec<(&ImagePath, &PackageMetadata)>> = BTreeMap::new();
    for (path, content) in subject.files.contents().filter(|(path, _)| is_of_function(path)) {
        if let Some(package) = &content.package {
            found.entry(normalised(&package.name)).or_default().push((path, package));
        }
    }
    let mut findings = Vec::new();
    for packages in found.values() {
        findings.extend(
            packages.iter().filter_map(|(path, package)| other_python(subject, path, package, python)),
        );
        findings.extend(twice(subject, packages));
    }
    findings
}

fn other_python(
    subject: &ImageSubject<'_>,
    path: &ImagePath,
    package: &PackageMetadata,
    python: &str,
) -> Option<Finding> {
    let required = package.requires_python.as_deref()?;
    let specifiers = VersionSpecifiers::from_str(required).ok()?;
    let patches = ["0", LATEST_PATCH].map(|patch| Version::from_str(&format!("{python}.{patch}")).ok());
    if patches.into_iter().flatten().any(|version| specifiers.contains(&version)) {
        return None;
    }
    let PackageMetadata { name, version, .. } = package;
    let message = format!(
        "`{name}` {version} in `{}` is for Python {required}, and the image has {python}",
        path.folder()
    );
    Some(
        Finding::warning(Code::OtherPython, subject.place.clone(), message)
            .about([path.folder()])
            .help(format!("install a version of `{name}` for Python {python}")),
    )
}

/// Several versions of one package in folders that are all searched.
fn twice(subject: &ImageSubject<'_>, packages: &[(&ImagePath, &PackageMetadata)]) -> Option<Finding> {
    let (first_path, first) = packages.first()?;
    let (other_path, other) = packages.iter().find(|(_, package)| package.version != first.version)?;
    let folder = |path: &ImagePath| {
        path.folder().rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned())
    };
    let is_code = |path: &ImagePath| path.is_below(TASK_ROOT);
    // The code comes first in the search path; two layers share one folder, where files are mixed.
    let wins = match (is_code(first_path), is_code(other_path)) {
        (true, false) => format!("Python uses {}", first.version),
        (false, true) => format!("Python uses {}", other.version),
        _ if folder(first_path) == folder(other_path) => "their files are mixed".to_owned(),
        _ => "Python uses the one in the folder that it searches first".to_owned(),
    };
    let message = format!(
        "`{}` is in the image as {} in `{}` and as {} in `{}`: {wins}",
        first.name,
        first.version,
        folder(first_path),
        other.version,
        folder(other_path)
    );
    Some(
        Finding::warning(Code::DuplicatePackage, subject.place.clone(), message)
            .about([first_path.folder(), other_path.folder()])
            .help("keep one of them, in the code or in one layer"),
    )
}
