//! Where the packages that a workspace's member needs belong in an image: the tools install for the whole workspace, and share
//! packages at its root.
//!
//! Each package goes as far up as it can without hiding another version from one that needs it, as the tools themselves do it
//! in one project. Members that are needed become packages; only their places are decided here, their files are read later.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use super::manifest::{DEVELOPMENT, dependencies};
use super::workspace::Workspace;
use crate::install::error::InstallError;
use crate::install::folder::{self, ROOT};
use crate::install::node_modules::{
    FOLDER, MANIFEST, manifest, needed, package_of, package_of_manifest, resolve, target_of,
};
use crate::project::{Source, SourceKind};
use crate::tree::{Node, Tree, TreeError};

/// Packages at their places.
#[derive(Debug)]
pub(super) struct Placed {
    /// `node_modules` with all files but those of members.
    pub(super) tree: Tree,
    /// The places of members, and their folders in the workspace.
    pub(super) members: BTreeMap<String, String>,
}

/// The packages that the member needs of those that a tool has installed in a copy of the workspace.
///
/// # Errors
/// When the copy cannot be read.
pub(super) fn of_member(copy: &Path, workspace: &Workspace) -> Result<Placed, InstallError> {
    let tree = Tree::load(&Source::new(copy.to_owned(), SourceKind::Directory), &folder::root()?)?;
    of_tree(&tree, workspace)
}

fn of_tree(tree: &Tree, workspace: &Workspace) -> Result<Placed, InstallError> {
    let mut placement = Placement::new(tree);
    let own = format!("{ROOT}/{}", workspace.member);
    if workspace.with_development {
        placement.add_development(&own)?;
        placement.add_development(ROOT)?;
    }
    placement.place(own, String::new());
    placement.run()?;
    if workspace.with_development {
        // A member's modules see these too, such as a bundler for all members.
        placement.place_needs(ROOT, "")?;
        placement.run()?;
    }
    let mut placed = Placed { tree: Tree::new(), members: BTreeMap::new() };
    for (place, folder) in placement.whole {
        let member = folder.strip_prefix(ROOT).and_then(|below| below.strip_prefix('/'));
        let member = member.filter(|member| workspace.has(member));
        if let Some(member) = member.filter(|_| !place.is_empty()) {
            placed.members.insert(place.clone(), member.to_owned());
        }
        for (path, node) in tree.below(&folder) {
            let below = &path.as_str()[folder.len()..];
            let is_own = !below.starts_with(&format!("/{FOLDER}/"));
            // What a link leads to has a place of its own, and programs are not run from an image.
            let is_link =
                matches!(node, Node::Symlink(_)) && package_of(path.as_str()) == Some(path.as_str());
            if (member.is_some() && is_own) || is_link || below.contains("/.bin/") {
                continue;
            }
            let path = format!("/{}", join(&place, below));
            let path = path.parse().map_err(|source| TreeError::Path { what: path, source })?;
            placed.tree.insert(path, node.clone());
        }
    }
    Ok(placed)
}

struct Placement<'t> {
    tree: &'t Tree,
    /// What the packages of the workspace need, by their folders.
    needs: BTreeMap<String, BTreeSet<String>>,
    /// The places of all packages, and their folders in the workspace.
    packages: BTreeMap<String, String>,
    /// The places of packages with all that is below their folders.
    whole: BTreeMap<String, String>,
    /// The places of the packages that need a name.
    uses: BTreeMap<String, BTreeSet<String>>,
    /// The packages whose needs have not been placed yet, and their places.
    open: VecDeque<(String, String)>,
}

impl<'t> Placement<'t> {
    fn new(tree: &'t Tree) -> Self {
        let (needs, uses) = (BTreeMap::new(), BTreeMap::new());
        Self { tree, needs, packages: BTreeMap::new(), whole: BTreeMap::new(), uses, open: VecDeque::new() }
    }

    /// Places a package, and those that are below it.
    fn place(&mut self, folder: String, place: String) {
        for package in self.inner(&folder) {
            let at = join(&place, &package[folder.len()..]);
            self.packages.insert(at.clone(), package.clone());
            self.open.push_back((package, at));
        }
        self.whole.insert(place, folder);
    }

    /// The folders of a package and of those below it, which come after it.
    fn inner(&self, folder: &str) -> Vec<String> {
        let below = format!("{folder}/{FOLDER}");
        let manifests = self.tree.below(&below).filter_map(|(path, _)| package_of_manifest(path.as_str()));
        let mut packages: Vec<String> = manifests.map(|(package, _)| package.to_owned()).collect();
        packages.push(folder.to_owned());
        packages.sort_by_key(String::len);
        packages
    }

    /// Places all that is needed.
    ///
    /// This ends: the tools place packages above or next to those that need them, so that on the way from the function to a package
    /// none comes twice.
    fn run(&mut self) -> Result<(), TreeError> {
        while let Some((package, at)) = self.open.pop_front() {
            self.place_needs(&package, &at)?;
        }
        Ok(())
    }

    /// Places what a package needs that is at a place, unless it finds it.
    fn place_needs(&mut self, package: &str, at: &str) -> Result<(), TreeError> {
        for name in self.needs(package)? {
            let Some(target) = self.installed(&name, package) else { continue };
            let found = resolve(&name, at, "", |place| self.packages.contains_key(place));
            let is_found = found.as_ref().and_then(|found| self.packages.get(found)) == Some(&target);
            // What the function needs counts for more than what is at the root of the workspace.
            if !is_found && (found.is_none() || !at.is_empty()) {
                let place = self.highest(&name, at, found.as_deref());
                self.place(target, place);
            }
            self.uses.entry(name).or_default().insert(at.to_owned());
        }
        Ok(())
    }

    /// The highest place for a package that is found from `at`, and below what is `found` so far, that hides nothing from others.
    fn highest(&self, name: &str, at: &str, found: Option<&str>) -> String {
        let suffix = format!("{FOLDER}/{name}");
        let separator = format!("/{FOLDER}/");
        let ends = at.match_indices(&separator).map(|(end, _)| end).chain([at.len()]);
        let above = [0].into_iter().chain(ends).map(|end| join(&at[..end], &format!("/{suffix}")));
        let users = self.uses.get(name);
        let is_free = |place: &String| {
            let folder = place.strip_suffix(&suffix).unwrap_or_default();
            let is_below = |user: &String| format!("{user}/").starts_with(folder);
            found.is_none_or(|found| place.len() > found.len()) && !users.into_iter().flatten().any(is_below)
        };
        above.into_iter().find(is_free).unwrap_or_else(|| join(at, &format!("/{suffix}")))
    }

    /// The folder of the package that a name means in a package of the workspace. What is optional may not be there.
    fn installed(&self, name: &str, package: &str) -> Option<String> {
        let found = resolve(name, package, ROOT, |path| self.tree.get_or_implied(path).is_some())?;
        match self.tree.get_or_implied(&found)? {
            Node::Symlink(target) => Some(target_of(found.rsplit_once('/')?.0, target)),
            _ => Some(found),
        }
    }

    /// Adds the packages for development to those that a package needs.
    fn add_development(&mut self, package: &str) -> Result<(), TreeError> {
        let mut needs = self.needs(package)?;
        if let Some(Node::File(file)) = self.tree.get_or_implied(&format!("{package}/{MANIFEST}")) {
            let manifest = manifest(file)?;
            needs.extend(dependencies(&manifest, DEVELOPMENT).map(|(name, _)| name.to_owned()));
        }
        self.needs.insert(package.to_owned(), needs);
        Ok(())
    }

    fn needs(&mut self, package: &str) -> Result<BTreeSet<String>, TreeError> {
        if let Some(needs) = self.needs.get(package) {
            return Ok(needs.clone());
        }
        let needs = match self.tree.get_or_implied(&format!("{package}/{MANIFEST}")) {
            Some(Node::File(file)) => needed(&manifest(file)?),
            _ => BTreeSet::new(),
        };
        self.needs.insert(package.to_owned(), needs.clone());
        Ok(needs)
    }
}

/// A path below a place; nothing is the folder of the function.
fn join(place: &str, below: &str) -> String {
    if place.is_empty() { below.trim_start_matches('/').to_owned() } else { format!("{place}{below}") }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use serde_json::{Value, json};

    use super::*;

    /// A copy of a workspace with the function `fn` and the members `shared` and `@ws/other`.
    struct Copy(tempfile::TempDir);

    impl Copy {
        fn new(needs: &[&str]) -> Self {
            let copy = Self(tempfile::tempdir().unwrap());
            copy.write(
                "package.json",
                &json!({ "workspaces": ["*"], "devDependencies": { "esbuild": "1" } }),
            );
            copy.write("package-lock.json", &json!({ "packages": { "fn": {}, "shared": {}, "other": {} } }));
            copy.add("fn", "", needs);
            copy.add("shared", "", &["a"]);
            copy.write("other/package.json", &json!({ "name": "@ws/other" }));
            copy.link("node_modules/fn", "../fn");
            copy.link("node_modules/shared", "../shared");
            copy.link("node_modules/@ws/other", "../../other");
            copy
        }

        fn write(&self, path: &str, value: &Value) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, value.to_string()).unwrap();
        }

        fn link(&self, path: &str, target: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(target, path).unwrap();
        }

        /// A package whose manifest has a label.
        fn add(&self, folder: &str, label: &str, needs: &[&str]) {
            let needs: BTreeMap<_, _> = needs.iter().map(|name| (*name, "1")).collect();
            let name = folder.rsplit('/').next();
            let manifest = json!({ "name": name, "dependencies": needs, "description": label });
            self.write(&format!("{folder}/package.json"), &manifest);
        }

        fn placed_for(&self, with_development: bool) -> Vec<String> {
            let workspace = Workspace::above(&self.0.path().join("fn"), with_development);
            let placed = of_member(self.0.path(), &workspace.unwrap().unwrap().0);
            let Placed { tree, members } = placed.unwrap();
            let short = |place: &str| {
                let place = place.trim_start_matches('/').strip_prefix("node_modules/").unwrap();
                place.replace("/node_modules/", " > ")
            };
            let packages = tree.iter().filter_map(|(path, node)| {
                let (folder, _) = package_of_manifest(path.as_str())?;
                let Node::File(file) = node else { return None };
                let manifest = manifest(file).unwrap();
                Some(format!("{}: {}", short(folder), manifest["description"].as_str()?))
            });
            let members = members.iter().map(|(place, folder)| format!("{} = {folder}", short(place)));
            packages.chain(members).collect()
        }

        fn placed(&self) -> Vec<String> {
            self.placed_for(false)
        }
    }

    #[test]
    fn a_member_gets_what_it_needs_and_nothing_else() {
        let copy = Copy::new(&["a", "shared", "absent"]);
        copy.add("node_modules/a", "a 1", &["b"]);
        copy.add("node_modules/b", "b 1", &["a"]);
        copy.add("node_modules/of-others", "1", &[]);
        copy.link("node_modules/.bin/a", "../a/package.json");
        assert_eq!(copy.placed(), ["a: a 1", "b: b 1", "shared = shared"]);
    }

    #[test]
    fn every_package_finds_the_version_that_it_found_in_the_workspace() {
        let copy = Copy::new(&["a", "b", "shared", "@s/c"]);
        copy.add("fn/node_modules/a", "a of fn", &["b"]);
        copy.add("node_modules/a", "a of all", &["b"]);
        copy.add("node_modules/b", "b of all", &["a"]);
        copy.add("node_modules/@s/c", "c", &["a", "b", "d"]);
        copy.add("node_modules/@s/c/node_modules/d", "d of c", &["a"]);
        copy.add("shared/node_modules/b", "b of shared", &["a"]);
        copy.add("shared", "", &["a", "b"]);
        let expected = [
            "@s/c > a: a of all",
            "@s/c > d: d of c",
            "@s/c: c",
            "a: a of fn",
            "b > a: a of all",
            "b: b of all",
            "shared > a > b: b of all",
            "shared > a: a of all",
            "shared > b: b of shared",
            "shared = shared",
        ];
        assert_eq!(copy.placed(), expected);
    }

    #[test]
    fn a_link_of_a_tool_to_a_member_is_followed_where_it_is() {
        let copy = Copy::new(&["@ws/other", "renamed"]);
        copy.link("fn/node_modules/renamed", "../../shared");
        copy.add("node_modules/a", "a", &["shared"]);
        let expected = ["a: a", "@ws/other = other", "renamed = shared", "shared = shared"];
        assert_eq!(copy.placed(), expected);
    }

    #[test]
    fn a_build_gets_what_is_for_development_of_the_member_and_at_the_root() {
        let copy = Copy::new(&["a"]);
        let manifest = json!({ "dependencies": { "a": "1" }, "devDependencies": { "types": "1" } });
        copy.write("fn/package.json", &manifest);
        copy.add("node_modules/a", "a", &[]);
        copy.add("node_modules/types", "types", &[]);
        copy.add("node_modules/esbuild", "esbuild", &[]);
        assert_eq!(copy.placed(), ["a: a"]);
        assert_eq!(copy.placed_for(true), ["a: a", "esbuild: esbuild", "types: types"]);
    }

    #[test]
    fn versions_that_need_each_other_are_placed_once() {
        let copy = Copy::new(&["a", "b", "x", "y"]);
        copy.add("node_modules/a", "a 1", &["b"]);
        copy.add("node_modules/b", "b 1", &["a"]);
        copy.add("fn/node_modules/a", "a 2", &["b"]);
        copy.add("fn/node_modules/b", "b 2", &["a"]);
        copy.add("node_modules/x", "x", &["a"]);
        let expected = ["a: a 2", "b: b 2", "x > a: a 1", "x > b: b 1", "x: x"];
        assert_eq!(copy.placed(), expected);
    }
}
