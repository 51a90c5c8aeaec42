//! Packages of the AWS SDK for JavaScript that are left to the base.
//!
//! Node.js looks for a package from the folder of the module that imports it. So the SDK in the base uses its own dependencies,
//! and what is installed uses the installed ones: only what the code itself imports can be left out, and what nothing else
//! needs. Versions do not matter to this.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Choice;
use crate::fs;
use crate::install::error::InstallError;
use crate::install::node_modules::{self, MANIFEST, MANIFEST_LIMIT};
use crate::project::ImagePath;
use crate::tree::{Node, Tree, TreeError};

/// The scopes of the SDK and of the libraries that are made for it.
const SCOPES: [&str; 2] = ["@aws-sdk/", "@smithy/"];

/// Removes the packages of the SDK that the manifest next to `list` names and the base has, and their dependencies that nothing
/// else needs, from the folder of packages below `root`.
///
/// # Errors
/// When a manifest cannot be read.
pub(crate) fn leave_out(
    tree: &mut Tree,
    root: &ImagePath,
    list: &Path,
    base: &BTreeSet<String>,
) -> Result<Choice, InstallError> {
    let packages = packages(tree, root)?;
    let manifest = fs::read_text(&list.with_file_name(MANIFEST), MANIFEST_LIMIT as u64)?;
    // The tool has read it.
    let manifest = serde_json::from_str(&manifest).unwrap_or_default();
    let is_provided =
        |name: &&String| SCOPES.iter().any(|scope| name.starts_with(scope)) && base.contains(*name);
    let direct = node_modules::needed(&manifest);
    let find = |name: &str, from: &str| {
        node_modules::resolve(name, from, root.as_str(), |path| packages.contains_key(path))
    };
    let reachable = |provided: bool| {
        let names = direct.iter().filter(|name| is_provided(name) == provided);
        let open = names.filter_map(|name| find(name, root.as_str())).collect();
        node_modules::reachable(open, |package| {
            let names = packages.get(package).into_iter().flatten();
            Ok::<_, InstallError>(names.filter_map(|name| find(name, package)).collect())
        })
    };
    let (kept, mut removed) = (reachable(false)?, reachable(true)?);
    let needed = |path: &String| kept.contains(path);
    let provided = direct.iter().filter(is_provided);
    let (installed, left_out): (Vec<_>, Vec<_>) =
        provided.partition(|name| find(name, root.as_str()).is_some_and(|path| needed(&path)));
    removed.retain(|path| !needed(path));
    remove(tree, &removed);
    let why = "another package needs it".to_owned();
    Ok(Choice {
        left_out: left_out.into_iter().map(|name| (name.clone(), None)).collect(),
        installed: installed.into_iter().map(|name| (name.clone(), why.clone())).collect(),
    })
}

/// The folders of packages, with the names of their dependencies.
fn packages(tree: &Tree, root: &ImagePath) -> Result<BTreeMap<String, BTreeSet<String>>, TreeError> {
    let mut packages = BTreeMap::new();
    for (path, node) in tree.below(root.as_str()) {
        let Node::File(file) = node else { continue };
        if let Some((folder, _)) = node_modules::package_of_manifest(path.as_str()) {
            packages.insert(folder.to_owned(), node_modules::needed(&node_modules::manifest(file)?));
        }
    }
    Ok(packages)
}

/// Removes packages, but not those in them that stay, and links to what is removed.
fn remove(tree: &mut Tree, removed: &BTreeSet<String>) {
    let is_removed =
        |path: &str| node_modules::package_of(path).is_some_and(|package| removed.contains(package));
    let links: BTreeSet<ImagePath> = tree
        .iter()
        .filter(|(path, node)| match node {
            Node::Symlink(target) => is_removed(&node_modules::target_of(path.folder(), target)),
            Node::File(_) | Node::Directory => false,
        })
        .map(|(path, _)| path.clone())
        .collect();
    let _removed = tree.split_off(|path| is_removed(path.as_str()) || links.contains(path));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::FileNode;

    const ROOT: &str = "/var/task";

    fn tree(packages: &[(&str, &[&str])]) -> Tree {
        let mut tree = Tree::new();
        let mut add = |path: String, node| tree.insert(path.parse().unwrap(), node);
        for (path, needs) in packages {
            let needs: BTreeMap<_, _> = needs.iter().map(|name| (*name, "*")).collect();
            let manifest = serde_json::json!({ "dependencies": needs }).to_string();
            let file = |bytes: &str| Node::File(FileNode::of_bytes(bytes.as_bytes(), false));
            let folder = format!("{ROOT}/node_modules/{path}");
            add(format!("{folder}/package.json"), file(&manifest));
            add(format!("{folder}/dist/index.js"), file(""));
            add(format!("{folder}/dist/package.json"), file("{}"));
        }
        tree
    }

    fn left(packages: &[(&str, &[&str])], manifest: &str, base: &[&str]) -> (Choice, Vec<String>) {
        let mut tree = tree(packages);
        let link = format!("{ROOT}/node_modules/.bin/parse");
        tree.insert(link.parse().unwrap(), Node::Symlink("../xml-parser/dist/index.js".to_owned()));
        let base = base.iter().map(|&name| name.to_owned()).collect();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(MANIFEST), manifest).unwrap();
        let list = folder.path().join("package-lock.json");
        let choice = leave_out(&mut tree, &ROOT.parse().unwrap(), &list, &base).unwrap();
        let start = format!("{ROOT}/node_modules/");
        let paths = tree.iter().map(|(path, _)| path.as_str().strip_prefix(&start).unwrap().to_owned());
        (choice, paths.filter(|path| !path.contains("/dist/")).collect())
    }

    const CLIENT: &str = "@aws-sdk/client-s3";
    const PACKAGES: &[(&str, &[&str])] = &[
        (CLIENT, &["@smithy/core", "xml-parser", "tslib"]),
        ("@aws-sdk/client-s3/node_modules/tslib", &[]),
        ("@smithy/core", &["tslib"]),
        ("xml-parser", &[]),
        ("tslib", &[]),
        ("express", &["tslib"]),
    ];
    const PROJECT: &str = r#"{ "dependencies": { "@aws-sdk/client-s3": "3", "express": "5" } }"#;

    #[test]
    fn the_sdk_goes_with_what_only_it_needs() {
        let (choice, paths) = left(PACKAGES, PROJECT, &[CLIENT, "@smithy/core", "express"]);
        assert_eq!(paths, ["express/package.json", "tslib/package.json"]);
        assert_eq!(choice.left_out, [(CLIENT.to_owned(), None)]);
        assert_eq!(choice.installed, []);
    }

    #[test]
    fn what_the_base_lacks_or_another_package_needs_stays() {
        let (choice, paths) = left(PACKAGES, PROJECT, &["@smithy/core"]);
        assert_eq!((choice, paths.len()), (Choice::default(), 7));
        let more = [PACKAGES, &[("tools", &[CLIENT])]].concat();
        let manifest = PROJECT.replace("express", "tools");
        let (choice, paths) = left(&more, &manifest, &[CLIENT]);
        assert_eq!(paths.len(), 8);
        assert_eq!(choice.installed, [(CLIENT.to_owned(), "another package needs it".to_owned())]);
        assert_eq!(choice.left_out, []);
    }
}
