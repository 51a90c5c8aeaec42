//! What a tool has installed: the files that belong into the image, and what the packages say about themselves.

use std::path::Path;

use serde_json::Value;

use crate::fs;
use crate::install::error::InstallError;
use crate::install::node_modules::{FOLDER, manifest, package_of_manifest, target_of};
use crate::project::{ImagePath, Source, SourceKind};
use crate::tree::{Node, Tree, TreeError};

/// What the tools write for themselves, with paths and times.
const STATE: [&str; 9] = [
    ".cache",
    ".modules.yaml",
    ".package-lock.json",
    ".package-map.json",
    ".pnpm",
    ".pnpm-workspace-state-v1.json",
    ".pnpm-workspace-state.json",
    ".yarn-integrity",
    ".yarn-state.yml",
];

/// The scripts that tools run when they install a package (npm documentation, "scripts").
const SCRIPTS: [&str; 3] = ["preinstall", "install", "postinstall"];

/// Without a script, npm builds a package with this file.
const NATIVE_SOURCES: &str = "binding.gyp";

/// What is in a folder of packages.
#[derive(Debug)]
pub(super) struct Installed {
    /// The packages.
    pub(super) tree: Tree,
    /// The names of the packages with install scripts.
    pub(super) with_scripts: Vec<String>,
    /// The names of the packages that are for another system or architecture. They are not in the tree.
    pub(super) foreign: Vec<String>,
}

/// Reads a folder of packages. `cpu` is the word of Node.js for the function's architecture; without it, they are for the
/// machine that builds, and all are taken.
///
/// # Errors
/// When it cannot be read, or has what an image cannot contain.
pub(super) fn read(folder: &Path, cpu: Option<&str>) -> Result<Installed, InstallError> {
    let root: ImagePath =
        format!("/{FOLDER}").parse().map_err(|source| TreeError::Path { what: FOLDER.to_owned(), source })?;
    // All dependencies may be optional, and for other systems.
    let tree = if fs::metadata(folder).is_ok_and(|metadata| metadata.is_dir()) {
        Tree::load(&Source::new(folder.to_owned(), SourceKind::Directory), &root)?
    } else {
        Tree::new()
    };
    of_tree(tree, root.as_str(), cpu)
}

/// What of the packages below a `node_modules` belongs into the image, as [`read`] does.
///
/// # Errors
/// When the manifest of a package cannot be read.
pub(super) fn of_tree(tree: Tree, folder: &str, cpu: Option<&str>) -> Result<Installed, InstallError> {
    let mut installed = Installed { tree, with_scripts: Vec::new(), foreign: Vec::new() };
    let mut dropped: Vec<String> = STATE.iter().map(|name| format!("{folder}/{name}")).collect();
    for (path, node) in installed.tree.iter() {
        let Some((package, name)) = package_of_manifest(path.as_str()) else { continue };
        let Node::File(file) = node else { continue };
        let manifest = manifest(file)?;
        let is_for = |key: &str, value: &str| accepts(manifest.get(key), value);
        let is_native = cpu.is_none_or(|cpu| is_for("os", "linux") && is_for("cpu", cpu));
        if !is_native {
            installed.foreign.push(name.to_owned());
        }
        if !is_native || (cpu.is_some() && !is_for("libc", "glibc")) {
            dropped.push(package.to_owned());
            continue;
        }
        let script =
            |script: &str| manifest.get("scripts").is_some_and(|scripts| scripts.get(script).is_some());
        let builds = installed.tree.get_or_implied(&format!("{package}/{NATIVE_SOURCES}")).is_some()
            && manifest.get("gypfile") != Some(&Value::Bool(false));
        if SCRIPTS.iter().any(|name| script(name)) || builds {
            installed.with_scripts.push(name.to_owned());
        }
    }
    installed.with_scripts.sort();
    installed.with_scripts.dedup();
    let is_dropped = |path: &str| {
        dropped.iter().any(|dropped| path.strip_prefix(dropped.as_str()).is_some_and(is_end_of_name))
    };
    let programs: Vec<ImagePath> = installed
        .tree
        .iter()
        .filter(|(path, node)| match node {
            Node::Symlink(target) => is_dropped(&target_of(path.folder(), target)),
            Node::File(_) | Node::Directory => false,
        })
        .map(|(path, _)| path.clone())
        .collect();
    let _dropped = installed.tree.split_off(|path| is_dropped(path.as_str()) || programs.contains(path));
    Ok(installed)
}

fn is_end_of_name(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('/')
}

/// Whether a package with such an `os`, `cpu` or `libc` can be used (npm documentation, package.json): a list of names, or of
/// names with `!` that are excluded.
pub(super) fn accepts(written: Option<&Value>, value: &str) -> bool {
    let names: Vec<&str> = match written {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => return true,
    };
    let (excluded, included): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.starts_with('!'));
    let is_included = included.is_empty() || included.iter().any(|name| *name == value || *name == "any");
    is_included && !excluded.iter().any(|name| &name[1..] == value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn names_exclude_and_include() {
        for (written, is_accepted) in [
            (json!(null), true),
            (json!([]), true),
            (json!("linux"), true),
            (json!(["darwin", "linux"]), true),
            (json!(["darwin"]), false),
            (json!(["!win32"]), true),
            (json!(["!linux"]), false),
            (json!(["!win32", "darwin"]), false),
            (json!(["any"]), true),
            (json!({ "linux": true }), true),
        ] {
            assert_eq!(accepts(Some(&written), "linux"), is_accepted, "{written}");
        }
        assert!(accepts(None, "linux"));
    }

    #[test]
    fn what_tools_write_for_themselves_and_packages_for_others_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join(FOLDER);
        for name in STATE {
            write(&root, name, "x");
        }
        write(&root, "ms/package.json", "{}");
        write(&root, "ms/index.js", "");
        write(&root, "broken/package.json", "{");
        write(&root, "native/package.json", r#"{"scripts": {"postinstall": "node-gyp rebuild"}}"#);
        write(&root, "native/node_modules/gyp/package.json", "{}");
        write(&root, "native/node_modules/gyp/binding.gyp", "{}");
        write(&root, "tested/package.json", r#"{"scripts": {"test": "x", "prepare": "x"}}"#);
        write(&root, "mac/package.json", r#"{"os": ["darwin"]}"#);
        write(&root, "mac/node_modules/ms/package.json", "{}");
        write(&root, "@a/arm/package.json", r#"{"cpu": ["arm64"], "scripts": {"install": "x"}}"#);
        write(&root, "@a/musl/package.json", r#"{"libc": ["musl"]}"#);
        write(&root, "mac-tools/package.json", "{}");
        #[cfg(unix)]
        {
            std::fs::create_dir(root.join(".bin")).unwrap();
            std::os::unix::fs::symlink("../mac/index.js", root.join(".bin/mac")).unwrap();
            std::os::unix::fs::symlink("../ms/index.js", root.join(".bin/ms")).unwrap();
        }
        let installed = read(&root, Some("x64")).unwrap();
        assert_eq!(installed.with_scripts, ["gyp", "native"]);
        assert_eq!(installed.foreign, ["@a/arm", "mac"]);
        let files = installed.tree.iter().filter(|(_, node)| !matches!(node, Node::Directory));
        let files: Vec<_> = files.map(|(path, _)| &path.as_str()["/node_modules/".len()..]).collect();
        let links: &[&str] = if cfg!(unix) { &[".bin/ms"] } else { &[] };
        let others = [
            "broken/package.json",
            "mac-tools/package.json",
            "ms/index.js",
            "ms/package.json",
            "native/node_modules/gyp/binding.gyp",
            "native/node_modules/gyp/package.json",
            "native/package.json",
            "tested/package.json",
        ];
        assert_eq!(files, [links, &others].concat());
        assert!(read(&folder.path().join("none"), Some("x64")).unwrap().tree.is_empty());
        let for_builds = read(&root, None).unwrap();
        assert_eq!(for_builds.with_scripts, ["@a/arm", "gyp", "native"]);
        assert!(for_builds.foreign.is_empty());
        assert!(for_builds.tree.get_or_implied("/node_modules/mac/package.json").is_some());
    }
}
