//! Lists of packages: which one a directory has.

use std::path::Path;

use crate::fs;
use crate::project::{PackageList, PackageListKind};
use crate::runtime::Language;

/// How the folder of an installed package's metadata ends (`PyPA`, recording installed projects).
const METADATA: &str = ".dist-info";

/// The folder of installed packages of Node.js.
const NODE_MODULES: &str = "node_modules";

/// The names of lists that are found for a runtime, those that pin the most first.
pub(in crate::definition) fn names_for(runtime: Option<&str>) -> &'static [&'static str] {
    match runtime.and_then(Language::of) {
        Some(Language::Node) => PackageListKind::OF_NODE,
        _ => PackageListKind::OF_PYTHON,
    }
}

/// The list for a runtime in a directory that pins the most.
pub(in crate::definition) fn find(folder: &Path, runtime: Option<&str>) -> Option<PackageList> {
    find_named(folder, names_for(runtime))
}

fn find_named(folder: &Path, names: &[&str]) -> Option<PackageList> {
    let mut paths = names.iter().map(|name| folder.join(name));
    paths.find(|path| fs::is_file(path)).map(PackageList::new)
}

/// The list in a directory that has nothing else: a layer of which only the packages are wanted.
pub(in crate::definition) fn alone_in(folder: &Path) -> Option<PackageList> {
    let names = fs::names_in(folder).ok()?;
    let lists = [PackageListKind::OF_PYTHON, PackageListKind::OF_NODE];
    let lists = lists.into_iter().find(|lists| names.iter().all(|name| lists.contains(&name.as_str())))?;
    find_named(folder, lists)
}

/// Whether a directory has installed packages, such as the result of another build.
pub(in crate::definition) fn has_packages(folder: &Path) -> bool {
    fs::names_in(folder)
        .is_ok_and(|names| names.iter().any(|name| name.ends_with(METADATA) || name == NODE_MODULES))
}
