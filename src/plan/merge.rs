//! All trees of a function laid over its base: who has which path, and what is in the way of what.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Findings;
use crate::event::Event;
use crate::files::{FileIndex, IndexEntry, Step, follow};
use crate::problem::DocumentPath;
use crate::project::{Architecture, ImagePath};
use crate::tree::{FileNode, Node, Tree};

/// The merged view: nothing is copied, a path is looked up in one tree after the other.
pub(super) struct Merged<'a> {
    base: &'a FileIndex,
    /// The function's, which programs must be built for.
    pub(super) architecture: Architecture,
    /// The lowest first.
    trees: Vec<Laid>,
}

/// A tree and whose it is.
#[derive(Debug, Clone)]
pub(super) struct Laid {
    owner: String,
    at: DocumentPath,
    tree: Arc<Tree>,
}

/// What a folder's nodes may be in the way of: for most folders nothing, so that nothing need be looked up.
struct Below<'a> {
    /// The uppermost first.
    trees: Vec<&'a Laid>,
    base: bool,
}

impl Below<'_> {
    fn is_empty(&self) -> bool {
        self.trees.is_empty() && !self.base
    }
}

/// Whose tree it is, and where the definition names it.
pub(super) struct Owner<'a> {
    pub(super) name: &'a str,
    pub(super) at: &'a DocumentPath,
}

/// What a path leads to when links are followed.
pub(super) enum Found<'a> {
    /// A file of a tree.
    File(&'a FileNode),
    /// A file of the base, with its permission bits.
    BaseFile(u32),
    /// A directory.
    Directory,
}

impl<'a> Merged<'a> {
    /// A view of trees over a base, the lowest first.
    pub(super) fn new(base: &'a FileIndex, architecture: Architecture, trees: Vec<Laid>) -> Self {
        Self { base, architecture, trees }
    }

    /// The trees, the lowest first.
    pub(super) fn into_trees(self) -> Vec<Laid> {
        self.trees
    }

    /// What stands at a path, and the tree that has it: of a folder the lowest, of all else the uppermost.
    fn placed(&self, path: &str) -> Option<(&Laid, &Node)> {
        let mut placed = self.trees.iter().filter_map(|laid| Some((laid, laid.tree.get_or_implied(path)?)));
        let lowest = placed.next()?;
        match placed.next_back() {
            Some(uppermost) if !matches!(uppermost.1, Node::Directory) => Some(uppermost),
            _ => Some(lowest),
        }
    }

    /// Lays a tree over what is there.
    pub(super) fn add(&mut self, owner: &Owner<'_>, tree: Arc<Tree>, findings: &mut Findings) {
        let all = Below { trees: self.trees.iter().rev().collect(), base: true };
        let (mut below, mut known) = (vec![all], HashMap::new());
        let (mut last, mut number) = ("", 0);
        for (path, node) in tree.iter() {
            if path.folder() != last {
                (last, number) = (path.folder(), 0);
                for folder in path.folders() {
                    if below[number].is_empty() {
                        break;
                    }
                    number = *known.entry(folder).or_insert_with(|| {
                        let above = &below[number];
                        self.compare(owner, folder, &Node::Directory, above, findings);
                        below.push(self.below(folder, above));
                        below.len() - 1
                    });
                }
            }
            if !below[number].is_empty() {
                self.compare(owner, path.as_str(), node, &below[number], findings);
            }
        }
        let (owner, at) = (owner.name.to_owned(), owner.at.clone());
        self.trees.push(Laid { owner, at, tree });
    }

    /// What has anything in a folder, of what has anything in the one above.
    fn below<'b>(&self, folder: &str, above: &Below<'b>) -> Below<'b> {
        let trees = above.trees.iter().copied().filter(|laid| laid.tree.get_or_implied(folder).is_some());
        Below { trees: trees.collect(), base: above.base && self.base.has_below(folder) }
    }

    /// Tells what a node hides of the trees below, or of the base. It cannot stand where something of
    /// another kind is: a file would hide a whole directory, and a directory entry would replace a file or link.
    fn compare(
        &self,
        owner: &Owner<'_>,
        path: &str,
        node: &Node,
        below: &Below<'_>,
        findings: &mut Findings,
    ) {
        let directory = matches!(node, Node::Directory);
        let hidden =
            below.trees.iter().find_map(|laid| Some((laid.tree.get_or_implied(path)?, laid.owner.as_str())));
        if let Some((lower, whose)) = hidden
            && matches!(lower, Node::Directory) != directory
        {
            let what = format!("a {node} at `{path}` where {whose} has a {lower}");
            findings.contradiction(owner, &what, "rename one of them, or exclude it");
        } else if below.base
            && let Some(kind) = self.base.get(path).and_then(|entry| contradicted(entry, directory))
        {
            let what = format!("a {node} at `{path}` where the base image has a {kind}");
            let help = "rename or exclude it, or use a base image without it";
            findings.contradiction(owner, &what, help);
        } else if let Some((_, loser)) = hidden
            && !directory
            && let Ok(path) = path.parse()
        {
            let (winner, loser) = (owner.name.to_owned(), loser.to_owned());
            findings.notes.push(Event::Overwrite { path, winner, loser });
        }
    }

    /// The node of a tree at a path itself, no link followed.
    pub(super) fn get(&self, path: &ImagePath) -> Option<&Node> {
        self.placed(path.as_str()).map(|(_, node)| node)
    }

    /// What stands directly in a folder, as far as trees brought it.
    pub(super) fn children(&self, folder: &str) -> BTreeSet<ImagePath> {
        let below = self.trees.iter().flat_map(|laid| laid.tree.below(folder));
        let child = |path: &ImagePath| {
            let name = path.as_str()[folder.len() + 1..].split('/').next()?;
            format!("{folder}/{name}").parse().ok()
        };
        below.filter_map(|(path, _)| child(path)).collect()
    }

    /// Whose a path is, if a tree brought it.
    pub(super) fn owner(&self, path: &str) -> Option<Owner<'_>> {
        self.placed(path).map(|(laid, _)| Owner { name: &laid.owner, at: &laid.at })
    }

    /// Whether a path itself, no folder above it followed, is a symbolic link.
    pub(super) fn is_link(&self, path: &ImagePath) -> bool {
        match self.placed(path.as_str()) {
            Some((_, node)) => matches!(node, Node::Symlink(_)),
            None => matches!(self.base.get(path.as_str()), Some(IndexEntry::Symlink(_))),
        }
    }

    /// What a path leads to when every link is followed, in the trees or the base.
    pub(super) fn resolve(&self, path: &ImagePath) -> Option<Found<'_>> {
        follow(path, |path| match self.placed(path.as_str()) {
            Some((_, Node::Directory)) => Some(Step::End(Found::Directory)),
            Some((_, Node::File(file))) => Some(Step::End(Found::File(file))),
            Some((_, Node::Symlink(target))) => Some(Step::Link(target)),
            None => match self.base.get(path.as_str())? {
                IndexEntry::Directory(_) => Some(Step::End(Found::Directory)),
                IndexEntry::File(mode) => Some(Step::End(Found::BaseFile(*mode))),
                IndexEntry::Symlink(target) => Some(Step::Link(target)),
                IndexEntry::Other => None,
            },
        })
    }

    pub(super) fn is_file(&self, path: &ImagePath) -> bool {
        matches!(self.resolve(path), Some(Found::File(_) | Found::BaseFile(_)))
    }

    pub(super) fn is_directory(&self, path: &str) -> bool {
        path.parse().is_ok_and(|path| matches!(self.resolve(&path), Some(Found::Directory)))
    }
}

/// What the base has in the way of a directory, or of something else.
fn contradicted(entry: &IndexEntry, directory: bool) -> Option<&'static str> {
    match entry {
        IndexEntry::Symlink(_) if directory => Some("symbolic link"),
        IndexEntry::File(_) | IndexEntry::Other if directory => Some("file"),
        IndexEntry::Directory(_) if !directory => Some("directory"),
        _ => None,
    }
}
