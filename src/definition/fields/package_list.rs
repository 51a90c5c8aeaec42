//! Lists of packages: which one a directory has.

use std::path::Path;

use crate::fs;
use crate::project::{PackageList, PackageListKind};

/// How the folder of an installed package's metadata ends (`PyPA`, recording installed projects).
const METADATA: &str = ".dist-info";

/// The list in a directory that pins the most.
pub(in crate::definition) fn find(folder: &Path) -> Option<PackageList> {
    let mut paths = PackageListKind::FOUND.iter().map(|name| folder.join(name));
    let path = paths.find(|path| is_file(path))?;
    Some(PackageList { kind: PackageListKind::of(&path), path, groups: Vec::new(), extras: Vec::new() })
}

/// The list in a directory that has nothing else: a layer of which only the packages are wanted.
pub(in crate::definition) fn alone_in(folder: &Path) -> Option<PackageList> {
    let names = fs::names_in(folder).ok()?;
    let is_list = |name: &String| PackageListKind::FOUND.contains(&name.as_str());
    names.iter().all(is_list).then(|| find(folder)).flatten()
}

/// Whether a directory has installed packages, such as the result of another build.
pub(in crate::definition) fn has_packages(folder: &Path) -> bool {
    fs::names_in(folder).is_ok_and(|names| names.iter().any(|name| name.ends_with(METADATA)))
}

/// Whether a path leads to a file.
pub(in crate::definition) fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
}
