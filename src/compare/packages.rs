//! The packages of Python and Node.js among the files of an image, and their versions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::contents::Contents;
use super::{Change, Pair, changes};
use crate::files::OverlayNode;

/// The packages of which the versions differ, of those whose files do.
pub(super) fn version_changes(pairs: &[Pair<'_>], contents: &[Contents; 2]) -> Vec<Change<String>> {
    let versions = |side: usize| {
        let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (path, nodes) in pairs {
            let Some(OverlayNode::File(file)) = &nodes[side] else { continue };
            let found = of_python(path).or_else(|| of_node(contents[side].manifest(file.origin)?));
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

/// Name and version of the package of Python whose metadata is at a path (`PyPA`, recording installed projects).
fn of_python(path: &str) -> Option<(String, String)> {
    let folder = path.strip_suffix("/METADATA")?.rsplit('/').next()?;
    let (name, version) = folder.strip_suffix(".dist-info")?.split_once('-')?;
    Some((name.replace('_', "-").to_lowercase(), version.to_owned()))
}

/// Name and version of a package of Node.js.
fn of_node(manifest: &[u8]) -> Option<(String, String)> {
    let manifest: Value = serde_json::from_slice(manifest).ok()?;
    let text = |key: &str| manifest.get(key)?.as_str().map(str::to_owned);
    Some((text("name")?, text("version")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_known_by_their_metadata() {
        let python = of_python("/var/task/Flask_Cors-4.0.1.dist-info/METADATA");
        assert_eq!(python, Some(("flask-cors".to_owned(), "4.0.1".to_owned())));
        assert_eq!(of_python("/var/task/app/METADATA"), None);
        assert_eq!(
            of_node(b"{\"name\": \"ms\", \"version\": \"2\"}"),
            Some(("ms".to_owned(), "2".to_owned()))
        );
        assert_eq!(of_node(b"{"), None);
    }
}
