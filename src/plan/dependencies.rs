//! Separates a function's dependencies from its own code, so that an edit of the code does not change their layer; and large
//! packages from the others, so that another version of one package does not change the layer of all.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ignore::Match;
use ignore::gitignore::{Gitignore, Glob};

use crate::project::{Dependencies, Function, ImagePath};
use crate::runtime::TASK_ROOT;
use crate::tree::{Node, Tree, TreeError, compile_patterns, source_of_bytecode};

/// The least size of the files of a package with a layer of its own, in bytes. What it costs and saves is in
/// docs/decisions/031-layers-of-large-packages.md.
const LARGE: u64 = 8 * 1024 * 1024;

/// How many packages have a layer of their own at most.
const LARGE_AT_MOST: usize = 8;

/// Divides packages that are at `root`: first the large ones by their names, then all others, without a name. Nothing of
/// nothing.
pub(super) fn by_size(mut packages: Tree, root: &str) -> Vec<(Option<String>, Tree)> {
    if packages.is_empty() {
        return Vec::new();
    }
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    for (path, node) in packages.iter() {
        if let (Some(name), Node::File(file)) = (package_of(path, root), node) {
            let size = sizes.entry(name.to_owned()).or_default();
            *size = size.saturating_add(file.size);
        }
    }
    let mut large: Vec<(String, u64)> = sizes.into_iter().filter(|(_, size)| *size >= LARGE).collect();
    large.sort_by_key(|(_, size)| Reverse(*size));
    large.truncate(LARGE_AT_MOST);
    let mut large: Vec<String> = large.into_iter().map(|(name, _)| name).collect();
    large.sort();
    let own = packages.split_off_parts(large.len(), |path| {
        let name = package_of(path, root)?;
        large.binary_search_by(|large| large.as_str().cmp(name)).ok()
    });
    let mut parts: Vec<_> = large.into_iter().map(Some).zip(own).collect();
    let has_files = packages.iter().any(|(_, node)| !matches!(node, Node::Directory));
    match parts.as_mut_slice() {
        // Directories alone are no reason for a layer.
        [.., (_, last)] if !has_files => {
            for (path, node) in packages.iter() {
                last.insert(path.clone(), node.clone());
            }
        }
        _ => parts.push((None, packages)),
    }
    parts
}

/// The package that a path at `root` belongs to, as its first name tells: `numpy` for `numpy`, `numpy.libs/a.so` and
/// `numpy-2.0.dist-info/RECORD`; `@a/b` for `node_modules/@a/b/c.js`.
fn package_of<'a>(path: &'a ImagePath, root: &str) -> Option<&'a str> {
    let below = path.as_str().strip_prefix(root)?.strip_prefix('/')?;
    if let Some(packages) = below.strip_prefix("node_modules/") {
        let mut ends = packages.match_indices('/').map(|(end, _)| end).chain([packages.len()]);
        return packages.get(..ends.nth(usize::from(packages.starts_with('@')))?);
    }
    let name = below.split('/').next()?;
    name.split(['.', '-']).next().filter(|name| !name.is_empty())
}

/// Moves dependencies out of the code; `recorded` are the paths that installed packages list as theirs, and `installed` those
/// that limg has installed, if it has. Bytecode goes
/// where its source goes: only next to it can be checked whether the two fit. Gives the dependencies, and the patterns that
/// match nothing.
pub(super) fn split_off(
    code: &mut Tree,
    function: &Function,
    recorded: &BTreeSet<ImagePath>,
    installed: Option<&BTreeSet<ImagePath>>,
) -> Result<(Tree, Vec<String>), TreeError> {
    match &function.dependencies {
        Dependencies::Unsplit => Ok((Tree::new(), Vec::new())),
        Dependencies::Installed => Ok((packages(code, recorded, installed), Vec::new())),
        Dependencies::Matching(patterns) => matching(code, patterns),
    }
}

/// Moves out what is below a `node_modules`, what Python packages list, and the jars of `lib`.
fn packages(
    code: &mut Tree,
    recorded: &BTreeSet<ImagePath>,
    installed: Option<&BTreeSet<ImagePath>>,
) -> Tree {
    let jars = format!("{TASK_ROOT}/lib");
    code.split_off(|path| {
        let names = path.as_str().split('/');
        let is_jar = || path.folder() == jars && path.suffix() == Some("jar");
        let listed = source_of_bytecode(path)
            .map_or_else(|| recorded.contains(path), |source| recorded.contains(&source));
        let is_of_node = names.into_iter().any(|name| name == "node_modules")
            && installed.is_none_or(|installed| installed.contains(path));
        is_of_node || listed || is_jar()
    })
}

/// Moves out what patterns match, and gives the patterns that match nothing.
fn matching(code: &mut Tree, patterns: &[String]) -> Result<(Tree, Vec<String>), TreeError> {
    let all = compile_patterns(patterns)?;
    let mut idle = Vec::new();
    for pattern in patterns {
        let alone = compile_patterns(std::slice::from_ref(pattern))?;
        if !code.iter().any(|(path, node)| !matched(&alone, path, node).is_none()) {
            idle.push(pattern.clone());
        }
    }
    let is_dependency = |(path, node): (&ImagePath, &Node)| {
        let source = source_of_bytecode(path).and_then(|source| Some((code.get(&source)?, source)));
        let matched = match &source {
            Some((node, source)) => matched(&all, source, node),
            None => matched(&all, path, node),
        };
        matched.is_ignore().then(|| path.clone())
    };
    let dependencies: BTreeSet<ImagePath> = code.iter().filter_map(is_dependency).collect();
    Ok((code.split_off(|path| dependencies.contains(path)), idle))
}

/// How patterns match a path of the code, or a folder above it.
fn matched<'a>(patterns: &'a Gitignore, path: &ImagePath, node: &Node) -> Match<&'a Glob> {
    match path.as_str().strip_prefix(TASK_ROOT).and_then(|rest| rest.strip_prefix('/')) {
        Some(path) => patterns.matched_path_or_any_parents(path, matches!(node, Node::Directory)),
        None => Match::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::FileNode;

    /// What each part of a tree has: files of a size below `/var/task`.
    fn parts(files: &[(&str, u64)]) -> Vec<(Option<String>, Vec<String>)> {
        let mut tree = Tree::new();
        tree.insert("/var/task/lib".parse().unwrap(), Node::Directory);
        for (path, size) in files {
            let file = FileNode { size: *size, ..FileNode::of_bytes(b"", false) };
            tree.insert(format!("/var/task/{path}").parse().unwrap(), Node::File(file));
        }
        let paths = |tree: Tree| {
            tree.iter().map(|(path, _)| path.as_str()["/var/task/".len()..].to_owned()).collect()
        };
        by_size(tree, "/var/task").into_iter().map(|(name, tree)| (name, paths(tree))).collect()
    }

    fn part(name: &str, paths: &[&str]) -> (Option<String>, Vec<String>) {
        let name = Some(name.to_owned()).filter(|name| !name.is_empty());
        (name, paths.iter().map(|&path| path.to_owned()).collect())
    }

    #[test]
    fn a_large_package_is_apart_with_its_libraries_and_metadata() {
        let files = [
            ("numpy/core.so", LARGE - 2),
            ("numpy.libs/blas.so", 1),
            ("numpy-2.0.dist-info/RECORD", 1),
            ("numpydoc/a.py", 1),
            ("six.py", LARGE),
            ("six-1.0.dist-info/RECORD", 1),
            ("requests/api.py", LARGE - 1),
            ("node_modules/@a/b/c.js", LARGE),
            ("node_modules/@a/c/c.js", 1),
            ("node_modules/.package-lock.json", 1),
        ];
        let expected = [
            part("@a/b", &["node_modules/@a/b/c.js"]),
            part("numpy", &["numpy-2.0.dist-info/RECORD", "numpy.libs/blas.so", "numpy/core.so"]),
            part("six", &["six-1.0.dist-info/RECORD", "six.py"]),
            part(
                "",
                &[
                    "lib",
                    "node_modules/.package-lock.json",
                    "node_modules/@a/c/c.js",
                    "numpydoc/a.py",
                    "requests/api.py",
                ],
            ),
        ];
        assert_eq!(parts(&files), expected);
    }

    #[test]
    fn directories_alone_are_no_part_and_that_of_a_package_is_with_it() {
        let mut tree = Tree::new();
        let file = FileNode { size: LARGE, ..FileNode::of_bytes(b"", false) };
        for path in ["/var/task/node_modules", "/var/task/node_modules/@a", "/var/task/node_modules/@a/b"] {
            tree.insert(path.parse().unwrap(), Node::Directory);
        }
        tree.insert("/var/task/node_modules/@a/b/c.js".parse().unwrap(), Node::File(file));
        tree.insert("/var/task/node_modules/d.js".parse().unwrap(), Node::Symlink("x".to_owned()));
        let rest = by_size(tree, "/var/task").pop().unwrap().1;
        let paths: Vec<_> = rest.iter().map(|(path, _)| path.as_str().to_owned()).collect();
        assert_eq!(
            paths,
            ["/var/task/node_modules", "/var/task/node_modules/@a", "/var/task/node_modules/d.js"]
        );
        assert_eq!(parts(&[("numpy/core.so", LARGE)]), [part("numpy", &["lib", "numpy/core.so"])]);
        assert_eq!(parts(&[("a/b.py", 1)]), [part("", &["a/b.py", "lib"])]);
        assert_eq!(parts(&[]), [part("", &["lib"])]);
    }

    #[test]
    fn only_the_largest_are_apart_if_there_are_many() {
        let paths: Vec<String> = (0..2 * LARGE_AT_MOST).map(|number| format!("p{number:02}/a.so")).collect();
        let files: Vec<(&str, u64)> =
            paths.iter().zip(0..).map(|(path, number)| (path.as_str(), LARGE + number)).collect();
        let names: Vec<_> = parts(&files).into_iter().filter_map(|(name, _)| name).collect();
        assert_eq!(names, ["p08", "p09", "p10", "p11", "p12", "p13", "p14", "p15"]);
    }
}
