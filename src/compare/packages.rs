//! The packages of Python and Node.js among the files of an image, and their versions.

use std::collections::BTreeMap;

use super::contents::Contents;
use super::{Change, Pair, changes};
use crate::files::{OverlayNode, python_distribution};

/// The packages of which the versions differ, of those whose files do.
pub(super) fn version_changes(pairs: &[Pair<'_>], contents: &[Contents; 2]) -> Vec<Change<String>> {
    let versions = |side: usize| {
        let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (path, nodes) in pairs {
            let Some(OverlayNode::File(file)) = &nodes[side] else { continue };
            let of_python = || python_distribution(path.strip_suffix("/METADATA")?);
            let found = of_python().or_else(|| contents[side].package(file.origin).cloned());
            if let Some((name, version)) = found {
                versions.entry(name).or_default().push(version);
            }
        }
        let joined = versions.into_iter().map(|(name, mut versions)| {
            versions.sort();
            versions.dedup();
            (name, versions.join(", "))
        });
        joined.collect::<BTreeMap<_, _>>()
    };
    changes(&versions(0), &versions(1))
}
