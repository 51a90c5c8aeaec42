//! All trees of a function laid over its base: who has which path, and what is in the way of what.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::Findings;
use crate::event::Event;
use crate::problem::DocumentPath;
use crate::project::{Architecture, ImagePath};
use crate::tree::{FileIndex, FileNode, IndexEntry, Node, Step, Tree, follow};

/// The merged view.
pub(super) struct Merged<'a> {
    base: &'a FileIndex,
    /// The function's, which programs must be built for.
    pub(super) architecture: Architecture,
    /// What other functions have too.
    lower: Arc<Nodes>,
    /// What is laid over that.
    nodes: Nodes,
}

/// What trees have brought to each path.
pub(super) type Nodes = BTreeMap<ImagePath, Placed>;

/// A node and whose it is.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    owner: String,
    at: DocumentPath,
    node: Node,
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
    /// A view in which nothing is laid over `lower` yet.
    pub(super) fn new(base: &'a FileIndex, architecture: Architecture, lower: Arc<Nodes>) -> Self {
        Self { base, architecture, lower, nodes: Nodes::new() }
    }

    /// What was laid over the lower ones.
    pub(super) fn into_nodes(self) -> Nodes {
        self.nodes
    }

    fn placed(&self, path: &ImagePath) -> Option<&Placed> {
        self.nodes.get(path).or_else(|| self.lower.get(path))
    }

    /// Lays a tree over what is there.
    pub(super) fn add(&mut self, owner: &Owner<'_>, tree: &Tree, findings: &mut Findings) {
        for (path, node) in tree.iter() {
            let folders = path.ancestors().map(|folder| (folder, Node::Directory));
            for (path, node) in folders.chain([(path.clone(), node.clone())]) {
                if let Some((lower, whose)) = self.contradiction(&path, &node) {
                    let what = format!(
                        "a {node} at `{path}` where {} has a {lower}",
                        whose.unwrap_or("the base image")
                    );
                    let help = match whose {
                        Some(_) => "rename one of them, or exclude it",
                        None => "rename or exclude it, or use a base image without it",
                    };
                    findings.contradiction(owner, &what, help);
                    // What follows from one contradiction is not worth a word of its own.
                    break;
                }
                self.place(owner, path, node, findings);
            }
        }
    }

    /// What stands at a path and whose it is (nobody's: the base's), if it is of another kind: a file would hide a whole directory, and a
    /// directory entry would replace a file or link.
    fn contradiction(&self, path: &ImagePath, node: &Node) -> Option<(&'static str, Option<&str>)> {
        let directory = matches!(node, Node::Directory);
        if let Some(lower) = self.placed(path)
            && matches!(lower.node, Node::Directory) != directory
        {
            return Some((lower.node.kind(), Some(&lower.owner)));
        }
        let kind = match self.base.get(path)? {
            IndexEntry::Symlink(_) if directory => "symbolic link",
            IndexEntry::File(_) | IndexEntry::Other if directory => "file",
            IndexEntry::Directory(_) if !directory => "directory",
            _ => return None,
        };
        Some((kind, None))
    }

    fn place(&mut self, owner: &Owner<'_>, path: ImagePath, node: Node, findings: &mut Findings) {
        let loser = self.placed(&path).map(|placed| placed.owner.clone());
        if loser.is_some() && matches!(node, Node::Directory) {
            return;
        }
        if let Some(loser) = loser {
            let (path, winner) = (path.clone(), owner.name.to_owned());
            findings.notes.push(Event::Overwrite { path, winner, loser });
        }
        self.nodes.insert(path, Placed { owner: owner.name.to_owned(), at: owner.at.clone(), node });
    }

    /// The node of a tree at a path itself, no link followed.
    pub(super) fn get(&self, path: &ImagePath) -> Option<&Node> {
        self.placed(path).map(|placed| &placed.node)
    }

    /// What stands directly in a folder and whose it is, as far as trees brought it.
    pub(super) fn children<'s>(
        &'s self,
        folder: &'s str,
    ) -> impl Iterator<Item = (&'s ImagePath, Owner<'s>)> {
        let in_folder = move |path: &ImagePath| path.parent().is_some_and(|parent| parent.as_str() == folder);
        let below = |nodes: &'s Nodes| {
            // Neighbours in the order of paths; in it, what a folder holds has no other place.
            let from = folder.parse::<ImagePath>().map_or(Bound::Unbounded, Bound::Included);
            let near = nodes.range((from, Bound::Unbounded));
            near.take_while(move |(path, _)| path.as_str().starts_with(folder))
        };
        let placed: BTreeMap<&ImagePath, &Placed> =
            below(&self.lower).chain(below(&self.nodes)).filter(move |(path, _)| in_folder(path)).collect();
        placed.into_iter().map(|(path, placed)| (path, Owner { name: &placed.owner, at: &placed.at }))
    }

    /// Whose a path is, if a tree brought it.
    pub(super) fn owner(&self, path: &str) -> Option<Owner<'_>> {
        let placed = self.placed(&path.parse().ok()?)?;
        Some(Owner { name: &placed.owner, at: &placed.at })
    }

    /// Whether a path itself, no folder above it followed, is a symbolic link.
    pub(super) fn is_link(&self, path: &ImagePath) -> bool {
        match self.placed(path) {
            Some(placed) => matches!(placed.node, Node::Symlink(_)),
            None => matches!(self.base.get(path), Some(IndexEntry::Symlink(_))),
        }
    }

    /// What a path leads to when every link is followed, in the trees or the base.
    pub(super) fn resolve(&self, path: &ImagePath) -> Option<Found<'_>> {
        follow(path, |path| match self.placed(path) {
            Some(Placed { node: Node::Directory, .. }) => Some(Step::End(Found::Directory)),
            Some(Placed { node: Node::File(file), .. }) => Some(Step::End(Found::File(file))),
            Some(Placed { node: Node::Symlink(target), .. }) => Some(Step::Link(target)),
            None => match self.base.get(path)? {
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
