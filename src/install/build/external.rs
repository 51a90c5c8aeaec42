//! The packages that a bundle leaves out: the image needs them and what they depend on, unless the runtime has them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::install::node_modules;
use crate::project::{Bundle, BundleOption, ImagePath};
use crate::tree::{Node, Tree, TreeError};

/// The pattern with which the AWS SAM CLI leaves out all packages (AWS Lambda Builders, `nodejs_npm_esbuild`).
const ALL: &str = "./node_modules/*";

/// Packages with all that they depend on.
pub(super) struct External {
    pub(super) tree: Tree,
    /// The names of the packages.
    pub(super) names: BTreeSet<String>,
}

/// Whether a bundle leaves out all packages by the AWS SAM CLI's own pattern.
pub(super) fn are_all(bundle: &Bundle) -> bool {
    patterns(bundle).any(|pattern| pattern == ALL)
}

/// The packages of a manifest that a bundle leaves out, and that no pattern of `provided` names.
pub(super) fn packages<'m>(manifest: &'m Value, bundle: &Bundle, provided: &[&str]) -> Vec<&'m str> {
    let leaves_out_all = are_all(bundle)
        || bundle.option("packages").is_some_and(|value| *value == BundleOption::Text("external".to_owned()));
    ["dependencies", "optionalDependencies"]
        .iter()
        .filter_map(|section| manifest.get(section)?.as_object())
        .flatten()
        .map(|(name, _)| name.as_str())
        .filter(|name| leaves_out_all || patterns(bundle).any(|pattern| leaves_out(pattern, name)))
        .filter(|name| !provided.iter().any(|pattern| leaves_out(pattern, name)))
        .collect()
}

fn patterns(bundle: &Bundle) -> impl Iterator<Item = &str> {
    let items = match bundle.option("external") {
        Some(BundleOption::List(items)) => &items[..],
        _ => &[],
    };
    items.iter().map(String::as_str)
}

/// Whether a pattern leaves out a package: its name, something in it, or a name with `*` (esbuild documentation, external).
fn leaves_out(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
        None => pattern.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    }
}

/// Of installed packages with `node_modules` below `root`, those with such names and what they depend on.
pub(super) fn with_dependencies(
    names: &[&str],
    mut installed: Tree,
    root: &ImagePath,
) -> Result<External, TreeError> {
    let find = |name: &str, from: &str| {
        let exists = |path: &str| installed.get_or_implied(path).is_some();
        node_modules::resolve(name, from, root.as_str(), exists)
    };
    let direct = names.iter().filter_map(|name| find(name, root.as_str())).collect();
    let folders = node_modules::reachable(direct, |package| {
        let names = dependencies(&installed, package)?;
        Ok::<_, TreeError>(names.iter().filter_map(|name| find(name, package)).collect())
    })?;
    let tree = installed.split_off(|path| {
        node_modules::package_of(path.as_str()).is_some_and(|package| folders.contains(package))
    });
    Ok(External {
        tree,
        names: folders.iter().map(|folder| node_modules::name_of(folder).to_owned()).collect(),
    })
}

/// The names of the packages that a package may import.
fn dependencies(installed: &Tree, package: &str) -> Result<BTreeSet<String>, TreeError> {
    let manifest = format!("{package}/{}", node_modules::MANIFEST);
    let Some(Node::File(file)) = installed.get_or_implied(&manifest) else { return Ok(BTreeSet::new()) };
    Ok(node_modules::needed(&node_modules::manifest(file)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::FileNode;

    fn bundle(options: &[(&str, BundleOption)]) -> Bundle {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Bundle { packages: None, entry_points: Vec::new(), options }
    }

    fn external(items: &[&str]) -> Bundle {
        let items = items.iter().map(|item| (*item).to_owned()).collect();
        bundle(&[("external", BundleOption::List(items))])
    }

    #[test]
    fn packages_that_a_bundle_leaves_out_are_found_by_name_and_pattern() {
        let manifest = serde_json::json!({
            "dependencies": { "sharp": "1", "@aws-sdk/client-s3": "3", "@a/b": "1", "ms": "2" },
            "devDependencies": { "esbuild": "1" },
        });
        let provided = ["@aws-sdk/*"];
        for (bundle, expected) in [
            (external(&[]), &[][..]),
            (external(&["sharp", "esbuild", "fsevents"]), &["sharp"]),
            (external(&["sharp/lib", "@a/*"]), &["@a/b", "sharp"]),
            (external(&["@aws-sdk/*", "@aws-sdk/client-s3"]), &[]),
            (external(&["*"]), &["@a/b", "ms", "sharp"]),
            (external(&["./node_modules/*"]), &["@a/b", "ms", "sharp"]),
            (external(&["./src/*", "shar", "ms-x"]), &[]),
            (bundle(&[("packages", BundleOption::Text("external".to_owned()))]), &["@a/b", "ms", "sharp"]),
        ] {
            let mut found = packages(&manifest, &bundle, &provided);
            found.sort_unstable();
            assert_eq!(found, expected, "{bundle:?}");
        }
        let old = packages(&manifest, &external(&["@aws-sdk/*"]), &["aws-sdk"]);
        assert_eq!(old, ["@aws-sdk/client-s3"]);
    }

    #[test]
    fn packages_come_with_what_they_depend_on_and_without_the_rest() {
        let mut tree = Tree::new();
        let manifest = |dependencies: &str| format!("{{\"dependencies\": {{{dependencies}}}}}");
        for (path, text) in [
            ("sharp/package.json", manifest(r#""color": "1", "@img/colour": "1", "missing": "1""#)),
            ("sharp/lib/index.js", String::new()),
            ("color/package.json", manifest(r#""ms": "1", "sharp": "1""#)),
            ("color/node_modules/ms/package.json", manifest("")),
            ("ms/package.json", manifest("")),
            ("@img/colour/package.json", "not JSON".to_owned()),
            ("@img/other/package.json", manifest("")),
            ("express/package.json", manifest(r#""ms": "1""#)),
            (".bin/sharp", String::new()),
        ] {
            let path = format!("/var/task/node_modules/{path}").parse().unwrap();
            tree.insert(path, Node::File(FileNode::of_bytes(text.as_bytes(), false)));
        }
        let found = with_dependencies(&["sharp"], tree, &"/var/task".parse().unwrap()).unwrap();
        let paths: Vec<_> =
            found.tree.iter().map(|(path, _)| &path.as_str()["/var/task/node_modules/".len()..]).collect();
        let expected = [
            "@img/colour/package.json",
            "color/node_modules/ms/package.json",
            "color/package.json",
            "sharp/lib/index.js",
            "sharp/package.json",
        ];
        assert_eq!(paths, expected);
        assert_eq!(found.names.into_iter().collect::<Vec<_>>(), ["@img/colour", "color", "ms", "sharp"]);
    }
}
