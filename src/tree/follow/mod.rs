//! A directory on this machine as a tree, with the links that leave it: kept, or followed if the source says so.
//!
//! What a link leads to is copied to one place, and every further link to it becomes a link to that place. So two
//! links to one package are one package in the image too, and folders that link to each other end. A package that is
//! installed in isolation, in a folder whose `node_modules` has its dependencies next to it (pnpm, `npm install
//! --install-strategy=linked`, Bun), is brought with that folder: Node.js looks for dependencies from the real path of a
//! package.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::Metadata;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::directory::{Folder, OutwardLink, Walk, plain_file};
use super::exclusions::FolderRules;
use super::outward_link::{Outward, is_needless};
use super::path_rules::join;
use super::{Node, Tree, TreeError};
use crate::finding::Setting;
use crate::fs::{self, FsError};
use crate::project::{ImagePath, Source};

/// How many files and folders all links together may lead to: several times what the largest projects install.
const FOLLOWED_LIMIT: usize = 1_000_000;

/// The folder of installed packages of Node.js.
const MODULES: &str = "node_modules";

/// The folder in `node_modules` to which isolated packages are copied, as pnpm names it.
const STORE: &str = ".pnpm";

/// The folders of the kernel, whose files have no sizes and no end.
const OF_KERNEL: &[&str] = &["/dev", "/proc", "/sys"];

/// More than any `package.json`.
const MANIFEST_LIMIT: u64 = 4 * 1024 * 1024;

/// Lists a directory.
pub(super) fn load(source: &Source, root: &ImagePath) -> Result<Tree, TreeError> {
    let walk = Walk::new(source)?;
    let walked = walk.list(Folder {
        path: source.path.as_path().into(),
        image_path: root.clone(),
        below_root: String::new(),
        link_root: 0,
        rules: FolderRules::of_root(source)?,
    })?;
    let mut tree = Tree { adjustments: walked.adjustments, left_out: walked.left_out, ..Tree::default() };
    let mut nodes = walked.nodes;
    if source.follow && !walked.outward.is_empty() {
        let mut follower = Follower::new(source, root, &walk, tree, nodes)?;
        follower.follow(walked.outward)?;
        Follower { tree, nodes, .. } = follower;
    } else {
        for link in walked.outward {
            nodes.extend(keep(link, source, &mut tree));
        }
    }
    tree.nodes = nodes.into_iter().collect();
    tree.adjustments.sort_by(|one, other| one.path.cmp(&other.path));
    tree.left_out.by_default.sort();
    Ok(tree)
}

/// Keeps a link as it is, and records it if it seems to mean something of this machine.
fn keep(link: OutwardLink, source: &Source, tree: &mut Tree) -> Option<(ImagePath, Node)> {
    if is_needless(&link.below_root) {
        tree.leave_out_link(&link.path, &link.target);
        return None;
    }
    let file = link.file.full_path();
    let machine_link = outward(&link, &file, source).machine_link();
    tree.machine_links.extend(machine_link.map(|what| (link.path.clone(), what)));
    Some((link.path, Node::Symlink(link.target)))
}

fn outward<'a>(link: &'a OutwardLink, file: &'a Path, source: &'a Source) -> Outward<'a> {
    Outward { path: &link.path, target: &link.target, on_machine: Some((file, &source.path)) }
}

/// The state of following the links of one source.
struct Follower<'a> {
    source: &'a Source,
    root: &'a ImagePath,
    walk: &'a Walk,
    tree: Tree,
    nodes: Vec<(ImagePath, Node)>,
    /// The directories that are in the tree with all that is below them, by their real paths, and their places.
    placed: HashMap<PathBuf, ImagePath>,
    real_root: PathBuf,
    /// For each `node_modules` of the image, the folder in it for isolated packages.
    stores: BTreeMap<ImagePath, ImagePath>,
    /// The places of isolated packages.
    isolated: BTreeSet<ImagePath>,
    /// The links that cannot be followed, with the reasons.
    unfollowable: Vec<String>,
}

impl<'a> Follower<'a> {
    fn new(
        source: &'a Source,
        root: &'a ImagePath,
        walk: &'a Walk,
        tree: Tree,
        nodes: Vec<(ImagePath, Node)>,
    ) -> Result<Self, TreeError> {
        let real_root = source.path.canonicalize().map_err(FsError::because("open", &source.path))?;
        let placed = HashMap::from([(real_root.clone(), root.clone())]);
        let (stores, isolated, unfollowable) = <_>::default();
        Ok(Self { source, root, walk, tree, nodes, placed, real_root, stores, isolated, unfollowable })
    }

    /// Follows links, those in what they lead to, and so on. The order is that of their paths, so that the same input
    /// always gives the same tree.
    fn follow(&mut self, mut links: Vec<OutwardLink>) -> Result<(), TreeError> {
        let mut left = FOLLOWED_LIMIT;
        while !links.is_empty() {
            let mut folders = Vec::new();
            for link in links {
                folders.extend(self.follow_one(&link)?);
            }
            links = Vec::new();
            for folder in folders {
                let path = folder.path.clone();
                let mut walked = self.walk.list_at_most(left, folder)?.ok_or_else(|| {
                    let why =
                        format!("is where a symbolic link leads, and has more than {FOLLOWED_LIMIT} files");
                    TreeError::unsuitable(path.display(), why, Setting::Exclude)
                })?;
                left = left.saturating_sub(walked.nodes.len());
                self.nodes.append(&mut walked.nodes);
                self.tree.adjustments.append(&mut walked.adjustments);
                self.tree.left_out.append(&mut walked.left_out);
                links.append(&mut walked.outward);
            }
            links.sort_by(|one, other| one.path.cmp(&other.path));
        }
        let links = std::mem::take(&mut self.unfollowable);
        if links.is_empty() { Ok(()) } else { Err(TreeError::Unfollowable { links }) }
    }

    /// Adds the node of a link, or gives the folder to add in its place.
    fn follow_one(&mut self, link: &OutwardLink) -> Result<Option<Folder>, TreeError> {
        let file = link.file.full_path();
        if is_needless(&link.below_root) {
            self.tree.leave_out_link(&link.path, &link.target);
            return Ok(None);
        }
        let outward = outward(link, &file, self.source);
        let real = if outward.is_of_image() { None } else { real_path(&file)? };
        let Some(real) = real else {
            let machine_link = outward.machine_link();
            self.tree.machine_links.extend(machine_link.map(|what| (link.path.clone(), what)));
            self.add(link, Node::Symlink(link.target.clone()));
            return Ok(None);
        };
        if let Some(place) = self.place_of(&real) {
            self.add(link, Node::Symlink(relative(&link.path, &place)));
            return Ok(None);
        }
        let metadata = std::fs::metadata(&real).map_err(FsError::because("follow the link", &file))?;
        if self.real_root.starts_with(&real) {
            self.add_link_above(link, &file, &real);
            return Ok(None);
        }
        if OF_KERNEL.iter().any(|folder| real.starts_with(folder)) {
            self.reject(&file, &real, "which the kernel provides");
            return Ok(None);
        }
        if let Some(folder) = isolated_in(&real) {
            return self.add_isolated(link, &real, folder).map(Some);
        }
        if metadata.is_dir() {
            return Ok(Some(self.add_folder(link, real)));
        }
        self.add_file(link, &real, &metadata)?;
        Ok(None)
    }

    fn add(&mut self, link: &OutwardLink, node: Node) {
        self.nodes.push((link.path.clone(), node));
    }

    fn reject(&mut self, file: &Path, real: &Path, why: &str) {
        self.unfollowable.push(format!("`{}` leads to `{}`, {why}", file.display(), real.display()));
    }

    /// Where something of this machine is in the tree, if it is.
    fn place_of(&self, real: &Path) -> Option<String> {
        real.ancestors().find_map(|folder| {
            let place = self.placed.get(folder)?;
            let below = real.strip_prefix(folder).ok()?.to_str()?;
            Some(if below.is_empty() { place.to_string() } else { format!("{place}/{below}") })
        })
    }

    /// A link to a folder that contains the source. A package may have one to the root of its workspace, without needing
    /// it.
    fn add_link_above(&mut self, link: &OutwardLink, file: &Path, real: &Path) {
        match installed_name(file) {
            Some((package, name)) if !declares(package, &name) => {
                self.tree.leave_out_link(&link.path, &link.target);
            }
            _ => self.reject(file, real, "which contains it"),
        }
    }

    fn add_file(&mut self, link: &OutwardLink, real: &Path, metadata: &Metadata) -> Result<(), TreeError> {
        let file = link.file.full_path();
        let in_modules = real.components().any(|name| name.as_os_str() == MODULES);
        let is_command = file.parent().is_some_and(|folder| folder.ends_with("node_modules/.bin"));
        if in_modules && is_command {
            self.reject(&file, real, "which does not work without its package and the packages next to that");
            return Ok(());
        }
        let node = plain_file(link.file.clone(), metadata, &link.path, &mut self.tree.adjustments)?;
        self.add(link, node);
        Ok(())
    }

    /// Puts a folder in the place of the link.
    fn add_folder(&mut self, link: &OutwardLink, real: PathBuf) -> Folder {
        if real.join("package.json").is_file() {
            self.tree.followed_packages.push(link.path.clone());
        }
        self.add(link, Node::Directory);
        self.placed.insert(real, link.path.clone());
        Folder {
            path: link.file.full_path().into(),
            image_path: link.path.clone(),
            below_root: link.below_root.clone(),
            link_root: link.below_root.len() + 1,
            rules: link.rules.clone(),
        }
    }

    /// Copies an isolated package and its neighbours to the store in the image, and links to it from there.
    fn add_isolated(&mut self, link: &OutwardLink, real: &Path, folder: &Path) -> Result<Folder, TreeError> {
        let store = self.store_in(&self.modules_of(link)?)?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let place = first_free(&store, &name, |place| self.isolated.contains(place))?;
        self.isolated.insert(place.clone());
        self.placed.insert(folder.to_owned(), place.clone());
        let target = self.place_of(real).unwrap_or_default();
        self.add(link, Node::Symlink(relative(&link.path, &target)));
        let below_root = place.as_str()[self.root.as_str().len() + 1..].to_owned();
        Ok(Folder {
            path: folder.into(),
            image_path: place,
            link_root: below_root.len() + 1,
            rules: link.rules.clone().moved(&link.below_root, &below_root),
            below_root,
        })
    }

    /// The outermost `node_modules` of the source that contains a link, or that of the source's root.
    fn modules_of(&self, link: &OutwardLink) -> Result<ImagePath, TreeError> {
        let is_modules = |folder: &ImagePath| folder.name() == MODULES && folder.is_below(self.root.as_str());
        let own = link.path.ancestors().find(is_modules);
        own.map_or_else(|| join(self.root, MODULES, &MODULES), Ok)
    }

    /// The folder for isolated packages in a `node_modules`: one that the source does not have itself.
    fn store_in(&mut self, modules: &ImagePath) -> Result<ImagePath, TreeError> {
        if let Some(store) = self.stores.get(modules) {
            return Ok(store.clone());
        }
        let is_taken = |store: &ImagePath| {
            self.nodes.iter().any(|(path, _)| path == store || path.is_below(store.as_str()))
        };
        let store = first_free(modules, STORE, is_taken)?;
        self.stores.insert(modules.clone(), store.clone());
        Ok(store)
    }
}

/// `NAME` in a folder, or `NAME-2` and so on if that is taken.
fn first_free(
    folder: &ImagePath,
    name: &str,
    is_taken: impl Fn(&ImagePath) -> bool,
) -> Result<ImagePath, TreeError> {
    let mut number = 1;
    loop {
        let name = if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
        let place = join(folder, &name, &name)?;
        if !is_taken(&place) {
            return Ok(place);
        }
        number += 1;
    }
}

/// The path of what a link leads to, without links; nothing if it leads nowhere.
fn real_path(link: &Path) -> Result<Option<PathBuf>, TreeError> {
    match link.canonicalize() {
        Ok(real) => Ok(Some(real)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(FsError::because("follow the link", link)(error).into()),
    }
}

/// The folder that has nothing but a `node_modules` with this path in it: a package that is installed in isolation, with
/// its dependencies next to it.
fn isolated_in(real: &Path) -> Option<&Path> {
    real.ancestors().filter(|path| path.file_name().is_some_and(|name| name == MODULES)).find_map(|modules| {
        let folder = modules.parent()?;
        let mut names = std::fs::read_dir(folder).ok()?.map(|entry| entry.map(|entry| entry.file_name()));
        // A package needs a name, and `node_modules` itself is not one.
        let is_in_package = real != modules;
        (is_in_package && names.all(|name| name.is_ok_and(|name| name == MODULES))).then_some(folder)
    })
}

/// If a path is that of a package in a `node_modules`: the folder above that, and the name of the package.
fn installed_name(file: &Path) -> Option<(&Path, String)> {
    let (name, folder) = (file.file_name()?.to_str()?, file.parent()?);
    let scope = folder.file_name()?.to_str()?;
    let (name, folder) = if scope.starts_with('@') {
        (format!("{scope}/{name}"), folder.parent()?)
    } else {
        (name.to_owned(), folder)
    };
    (folder.file_name()? == MODULES).then_some((folder.parent()?, name))
}

/// Whether a package needs another one, or may: if its `package.json` cannot be read.
fn declares(package: &Path, name: &str) -> bool {
    let manifest = || -> Option<Value> {
        let mut bytes = Vec::new();
        let file = fs::open(&package.join("package.json")).ok()?;
        file.take(MANIFEST_LIMIT).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    let needs = |manifest: Value| {
        ["dependencies", "optionalDependencies"].iter().any(|kind| manifest[kind].get(name).is_some())
    };
    manifest().is_none_or(needs)
}

/// The target of a link at a path of the image that leads to another.
fn relative(link: &ImagePath, place: &str) -> String {
    let folder: Vec<&str> = link.folder().split('/').collect();
    let place: Vec<&str> = place.split('/').collect();
    let common = folder.iter().zip(&place).take_while(|(one, other)| one == other).count();
    let up = folder[common..].iter().map(|_| "..");
    let names: Vec<&str> = up.chain(place[common..].iter().copied()).collect();
    if names.is_empty() { ".".to_owned() } else { names.join("/") }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
