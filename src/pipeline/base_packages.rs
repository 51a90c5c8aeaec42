//! The packages that base images have, as their file lists show, for lists with `base_provides`.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::FileIndex;
use crate::wheel::normalised;

/// The folders in which Lambda's runtimes and Linux distributions have packages for every program of Python; `{version}` is
/// that of the runtime, and the metadata of a package is directly in one of them (facts 2.4).
const OF_PYTHON: [&str; 6] = [
    "/var/runtime",
    "/var/lang/lib/python{version}/site-packages",
    "/usr/lib/python{version}/site-packages",
    "/usr/lib/python3/dist-packages",
    "/usr/local/lib/python{version}/site-packages",
    "/usr/local/lib/python{version}/dist-packages",
];

/// The folder in which AWS's runtimes have packages of Node.js (facts 2.5).
const OF_NODE: &str = "/var/runtime/node_modules";

/// What a base has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BasePackages {
    /// The versions of packages of Python by their normalised names.
    pub(super) python: BTreeMap<String, String>,
    /// The names of packages of Node.js.
    pub(super) node: BTreeSet<String>,
}

impl BasePackages {
    /// Reads the file list of a base for a runtime.
    pub(super) fn of(index: &FileIndex, runtime: &str) -> Self {
        let version = runtime.strip_prefix("python").unwrap_or_default();
        let folders = OF_PYTHON.map(|folder| folder.replace("{version}", version));
        let mut packages = Self::default();
        for path in index.paths() {
            let metadata = path.as_str().strip_suffix(".dist-info/METADATA");
            if let Some((folder, package)) = metadata.and_then(|path| path.rsplit_once('/'))
                && let Some((name, version)) = package.rsplit_once('-')
                && folders.iter().any(|own| own == folder)
            {
                packages.python.insert(normalised(name), version.to_owned());
            }
            let of_node = path.as_str().strip_prefix(OF_NODE).and_then(|path| path.strip_prefix('/'));
            if let Some(name) = of_node.and_then(|path| path.strip_suffix("/package.json"))
                && name.matches('/').count() == usize::from(name.starts_with('@'))
            {
                packages.node.insert(name.to_owned());
            }
        }
        packages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::base_of;

    #[test]
    fn packages_are_found_where_the_runtime_looks_for_them() {
        let index = base_of(&[&[
            "var/runtime/boto3-1.40.4.dist-info/METADATA",
            "var/runtime/boto3-1.40.4.dist-info/licenses/six-1.dist-info/METADATA",
            "var/lang/lib/python3.12/site-packages/Python_Dateutil-2.9.0.post0.dist-info/METADATA",
            "var/lang/lib/python3.11/site-packages/other-1.dist-info/METADATA",
            "var/task/own-1.dist-info/METADATA",
            "var/runtime/node_modules/@aws-sdk/client-s3/package.json",
            "var/runtime/node_modules/@aws-sdk/client-s3/dist-cjs/package.json",
            "var/runtime/node_modules/tslib/package.json",
            "var/runtime/node_modules/tslib/node_modules/x/package.json",
        ]]);
        let packages = BasePackages::of(&index, "python3.12");
        let python: Vec<_> =
            packages.python.iter().map(|(name, version)| format!("{name} {version}")).collect();
        assert_eq!(python, ["boto3 1.40.4", "python-dateutil 2.9.0.post0"]);
        assert_eq!(packages.node.iter().collect::<Vec<_>>(), ["@aws-sdk/client-s3", "tslib"]);
    }
}
