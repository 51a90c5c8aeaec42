//! Trees of links as package managers make them, and worse.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::*;
use crate::project::SourceKind;

/// A workspace on this machine. The source is a folder in it.
struct Workspace {
    folder: tempfile::TempDir,
    source: &'static str,
}

impl Workspace {
    /// Files `PATH`, links `PATH -> TARGET`, and files with content `PATH=TEXT`.
    fn with(source: &'static str, nodes: &[&str]) -> Self {
        let workspace = Self { folder: tempfile::tempdir().unwrap(), source };
        fs::create_dir_all(workspace.path(source)).unwrap();
        for node in nodes {
            if let Some((link, target)) = node.split_once(" -> ") {
                workspace.link(link, target);
            } else {
                let (path, text) = node.split_once('=').unwrap_or((node, node));
                fs::create_dir_all(workspace.path(path).parent().unwrap()).unwrap();
                fs::write(workspace.path(path), text).unwrap();
            }
        }
        workspace
    }

    /// The workspace that pnpm makes for a function `fn` that uses the package `shared`, which uses `is-odd`.
    fn of_pnpm() -> Self {
        Self::with(
            "packages/fn",
            &[
                "package.json={\"name\": \"root\"}",
                "packages/fn/package.json={\"dependencies\": {\"debug\": \"4\", \"@ws/shared\": \"workspace:*\"}}",
                "packages/fn/index.js",
                "packages/fn/node_modules/debug -> ../../../node_modules/.pnpm/debug@4/node_modules/debug",
                "packages/fn/node_modules/@ws/shared -> ../../../shared",
                "packages/shared/package.json={\"dependencies\": {\"is-odd\": \"3\"}}",
                "packages/shared/index.js",
                "packages/shared/node_modules/is-odd -> ../../../node_modules/.pnpm/is-odd@3/node_modules/is-odd",
                "packages/shared/node_modules/debug -> ../../../node_modules/.pnpm/debug@4/node_modules/debug",
                "packages/shared/node_modules/fn -> ../../fn",
                "packages/shared/node_modules/root -> ../../..",
                "node_modules/.pnpm/debug@4/node_modules/debug/index.js",
                "node_modules/.pnpm/debug@4/node_modules/ms -> ../../ms@2/node_modules/ms",
                "node_modules/.pnpm/ms@2/node_modules/ms/index.js",
                "node_modules/.pnpm/is-odd@3/node_modules/is-odd/index.js",
                "node_modules/.pnpm/is-odd@3/node_modules/is-number -> ../../is-number@6/node_modules/is-number",
                "node_modules/.pnpm/is-number@6/node_modules/is-number/index.js",
                "node_modules/.pnpm/unused@1/node_modules/unused/index.js",
                "node_modules/.pnpm/node_modules/fn -> ../../../packages/fn",
            ],
        )
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    fn link(&self, link: &str, target: &str) {
        fs::create_dir_all(self.path(link).parent().unwrap()).unwrap();
        symlink(target, self.path(link)).unwrap();
    }

    fn tree(&self, follow: bool) -> Result<Tree, TreeError> {
        let source = Source::new(self.path(self.source), SourceKind::Directory);
        let source = Source { follow, exclude: vec!["*.log".to_owned()], ..source };
        Tree::load(&source, &"/var/task".parse().unwrap())
    }

    fn followed(&self) -> Tree {
        self.tree(true).unwrap()
    }
}

/// The files and links of a tree: each path below its root, with the target of a link.
fn files(tree: &Tree) -> BTreeMap<String, String> {
    let shown = |(path, node): (&ImagePath, &Node)| {
        let path = path.as_str()["/var/task/".len()..].to_owned();
        match node {
            Node::Directory => None,
            Node::File(_) => Some((path, String::new())),
            Node::Symlink(target) => Some((path, target.clone())),
        }
    };
    tree.iter().filter_map(shown).collect()
}

fn map(nodes: &[(&str, &str)]) -> BTreeMap<String, String> {
    nodes.iter().map(|(path, target)| ((*path).to_owned(), (*target).to_owned())).collect()
}

#[test]
fn links_out_of_a_tree_are_kept_and_those_to_this_machine_recorded() {
    let workspace = Workspace::with("code", &["code/app.py", "shared/lib.py"]);
    let absolute = workspace.path("code/app.py");
    for (link, target) in [
        ("to-image", "/opt/nodejs/node_modules"),
        ("to-layer", "../../opt/nodejs/node_modules"),
        ("to-tmp", "/tmp/cache"),
        ("to-shared", "../shared/lib.py"),
        ("to-people", "/home/ada/lib.py"),
        ("to-itself", absolute.to_str().unwrap()),
    ] {
        workspace.link(&format!("code/{link}"), target);
    }
    let tree = workspace.tree(false).unwrap();
    let found = files(&tree);
    assert_eq!(found["to-image"], "/opt/nodejs/node_modules");
    assert_eq!(found["to-layer"], "../../opt/nodejs/node_modules");
    let of_machine: Vec<_> = tree.machine_links().keys().map(ImagePath::name).collect();
    assert_eq!(of_machine, ["to-itself", "to-people", "to-shared"]);
}

#[test]
fn followed_links_become_what_they_point_to() {
    let workspace = Workspace::with(
        "code",
        &["code/app.py", "shared/lib/a.py", "shared/lib/deep/b.py", "shared/one.py", "shared/lib/skip.log"],
    );
    workspace.link("code/lib", workspace.path("shared/lib").to_str().unwrap());
    workspace.link("code/one.py", "../shared/one.py");
    workspace.link("code/gone.py", "../shared/gone.py");
    let mut expected = map(&[
        ("app.py", ""),
        ("gone.py", "../shared/gone.py"),
        ("lib/a.py", ""),
        ("lib/deep/b.py", ""),
        ("one.py", ""),
    ]);
    assert_eq!(files(&workspace.followed()), expected);
    // Patterns match the path of the link, not of its target.
    fs::write(workspace.path("code/.limgignore"), "/lib/deep\n").unwrap();
    expected.remove("lib/deep/b.py");
    assert_eq!(files(&workspace.followed()), expected);
    // What is in the tree already is not copied again.
    workspace.link("shared/lib/round", workspace.path("code").to_str().unwrap());
    workspace.link("code/z", "../shared/lib");
    expected.extend(map(&[("lib/round", ".."), ("z", "lib")]));
    assert_eq!(files(&workspace.followed()), expected);
}

#[test]
fn a_followed_link_into_the_store_of_pnpm_brings_what_its_package_needs() {
    let workspace = Workspace::of_pnpm();
    let tree = workspace.followed();
    let expected = map(&[
        ("index.js", ""),
        ("package.json", ""),
        ("node_modules/debug", ".pnpm/debug@4/node_modules/debug"),
        ("node_modules/.pnpm/debug@4/node_modules/debug/index.js", ""),
        ("node_modules/.pnpm/debug@4/node_modules/ms", "../../ms@2/node_modules/ms"),
        ("node_modules/.pnpm/ms@2/node_modules/ms/index.js", ""),
        ("node_modules/.pnpm/is-odd@3/node_modules/is-odd/index.js", ""),
        ("node_modules/.pnpm/is-odd@3/node_modules/is-number", "../../is-number@6/node_modules/is-number"),
        ("node_modules/.pnpm/is-number@6/node_modules/is-number/index.js", ""),
        ("node_modules/@ws/shared/index.js", ""),
        ("node_modules/@ws/shared/package.json", ""),
        ("node_modules/@ws/shared/node_modules/debug", "../../../.pnpm/debug@4/node_modules/debug"),
        ("node_modules/@ws/shared/node_modules/fn", "../../../.."),
        ("node_modules/@ws/shared/node_modules/is-odd", "../../../.pnpm/is-odd@3/node_modules/is-odd"),
    ]);
    assert_eq!(files(&tree), expected);
    // The root of the workspace, which `shared` does not declare to need.
    let [left_out] = tree.adjustments() else { panic!("{:?}", tree.adjustments()) };
    assert_eq!(left_out.path.as_str(), "/var/task/node_modules/@ws/shared/node_modules/root");
    assert_eq!(tree.followed_packages(), ["/var/task/node_modules/@ws/shared".parse().unwrap()]);
}

#[test]
fn a_source_with_a_store_of_its_own_keeps_it_apart() {
    let workspace = Workspace::of_pnpm();
    workspace.link("packages/fn/node_modules/own", ".pnpm/debug@4/node_modules/debug");
    let own = workspace.path("packages/fn/node_modules/.pnpm/debug@4/node_modules/debug");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("other.js"), "").unwrap();
    let found = files(&workspace.followed());
    assert_eq!(found["node_modules/own"], ".pnpm/debug@4/node_modules/debug");
    assert_eq!(found["node_modules/debug"], ".pnpm-2/debug@4/node_modules/debug");
    assert!(found.contains_key("node_modules/.pnpm-2/debug@4/node_modules/debug/index.js"));
}

#[test]
fn two_packages_of_one_name_in_stores_elsewhere_have_places_of_their_own() {
    let workspace = Workspace::with(
        "code",
        &[
            "code/node_modules/a -> ../../store/a/1/hash/node_modules/a",
            "code/node_modules/b -> ../../store/b/1/hash/node_modules/b",
            "store/a/1/hash/node_modules/a/index.js",
            "store/b/1/hash/node_modules/b/index.js",
        ],
    );
    let found = files(&workspace.followed());
    assert_eq!(found["node_modules/a"], ".pnpm/hash/node_modules/a");
    assert_eq!(found["node_modules/b"], ".pnpm/hash-2/node_modules/b");
    assert!(found.contains_key("node_modules/.pnpm/hash-2/node_modules/b/index.js"), "{found:?}");
}

#[test]
fn a_link_of_pnpm_to_the_workspace_does_not_stop_a_build() {
    let deployed = Workspace::with(
        "deployed",
        &[
            "deployed/index.js",
            "deployed/node_modules/.pnpm/node_modules/fn -> ../../../../packages/fn",
            "packages/fn/index.js",
        ],
    );
    for follow in [false, true] {
        let tree = deployed.tree(follow).unwrap();
        assert_eq!(files(&tree), map(&[("index.js", "")]));
        assert!(tree.machine_links().is_empty());
        assert_eq!(tree.adjustments().len(), 1, "{:?}", tree.adjustments());
    }
}

#[test]
fn a_package_that_needs_the_root_of_its_workspace_is_an_error() {
    let workspace = Workspace::of_pnpm();
    fs::write(
        workspace.path("packages/shared/package.json"),
        "{\"dependencies\": {\"root\": \"workspace:*\"}}",
    )
    .unwrap();
    let error = workspace.tree(true).unwrap_err().to_string();
    assert!(error.contains("node_modules/root") && error.contains("which contains it"), "{error}");
}

#[test]
fn all_links_that_cannot_be_followed_are_named_at_once() {
    let workspace = Workspace::with(
        "packages/fn",
        &[
            "packages/fn/package.json={}",
            "packages/fn/up -> ../..",
            "packages/fn/root -> /",
            "packages/fn/node_modules/.bin/semver -> ../../../../node_modules/semver/bin/semver.js",
            "node_modules/semver/bin/semver.js",
            "node_modules/semver/package.json",
        ],
    );
    let error = workspace.tree(true).unwrap_err().to_string();
    assert!(error.starts_with("failed to follow 3 symbolic links: "), "{error}");
    for name in ["fn/up` leads to", "fn/root` leads to `/`", ".bin/semver` leads to"] {
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn links_to_folders_of_the_kernel_are_never_followed() {
    let workspace =
        Workspace::with("code", &["code/proc -> /proc", "code/self -> ../kernel", "kernel -> /proc/self"]);
    let error = workspace.tree(true).unwrap_err().to_string();
    assert!(
        error.starts_with("failed to follow 1 symbolic link: ") && error.contains("code/self`"),
        "{error}"
    );
    fs::remove_file(workspace.path("code/self")).unwrap();
    assert_eq!(files(&workspace.followed()), map(&[("proc", "/proc")]));
}

#[test]
fn folders_that_link_to_each_other_are_copied_once() {
    let workspace = Workspace::with("code", &["code/start -> ../folders/0"]);
    let number = 30;
    for folder in 0..number {
        for other in 0..number {
            workspace.link(&format!("folders/{folder}/{other}"), &format!("../{other}"));
        }
    }
    let start = Instant::now();
    let links = files(&workspace.followed());
    // One link of each pair of folders, except for the first link to each folder, in whose place it is.
    assert_eq!(links.len(), number * number - (number - 1));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}
