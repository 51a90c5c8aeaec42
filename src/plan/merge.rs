//! All trees of a function laid over its base: who has which path, and what is in the way of what.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::event::Event;
use crate::problem::{DocumentPath, Problem};
use crate::project::ImagePath;
use crate::tree::{FileIndex, FileNode, IndexEntry, Node, Step, Tree, follow};

/// The merged view.
pub(super) struct Merged<'a> {
    base: &'a FileIndex,
    nodes: BTreeMap<ImagePath, Placed>,
}

/// A node and whose it is.
#[derive(Debug, Clone)]
struct Placed {
    owner: String,
    node: Node,
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
    pub(super) fn new(base: &'a FileIndex) -> Self {
        Self { base, nodes: BTreeMap::new() }
    }

    /// Lays a tree over what is there. Overwritten files go to `notes`, contradictions to `problems`.
    pub(super) fn add(
        &mut self,
        owner: &str,
        at: &DocumentPath,
        tree: &Tree,
        notes: &mut Vec<Event>,
        problems: &mut Vec<Problem>,
    ) {
        for (path, node) in tree.iter() {
            let folders = path.ancestors().map(|folder| (folder, Node::Directory));
            for (path, node) in folders.chain([(path.clone(), node.clone())]) {
                let known = problems.len();
                self.check_base(owner, at, &path, &node, problems);
                self.place(owner, at, path, node, notes, problems);
                if problems.len() > known {
                    // What follows from one contradiction is not worth a word of its own.
                    break;
                }
            }
        }
    }

    fn place(
        &mut self,
        owner: &str,
        at: &DocumentPath,
        path: ImagePath,
        node: Node,
        notes: &mut Vec<Event>,
        problems: &mut Vec<Problem>,
    ) {
        match self.nodes.entry(path) {
            Entry::Vacant(entry) => {
                entry.insert(Placed { owner: owner.to_owned(), node });
            }
            Entry::Occupied(mut entry) => {
                let (path, lower) = (entry.key().clone(), entry.get());
                match (matches!(lower.node, Node::Directory), matches!(node, Node::Directory)) {
                    (true, true) => {}
                    (false, false) => {
                        let loser = lower.owner.clone();
                        entry.insert(Placed { owner: owner.to_owned(), node });
                        notes.push(Event::Overwrite { path, winner: owner.to_owned(), loser });
                    }
                    _ => {
                        let message = format!(
                            "{owner} has a {node} at `{path}` where {} has a {}",
                            lower.owner, lower.node
                        );
                        if !problems.iter().any(|problem| problem.message == message) {
                            let help = "rename one of them, or exclude it";
                            problems
                                .push(Problem::new("file-over-directory", at.clone(), message).help(help));
                        }
                    }
                }
            }
        }
    }

    /// What the base has at a path must be of the same kind: a directory entry would replace a link of the base, and a
    /// file would hide a whole directory.
    fn check_base(
        &self,
        owner: &str,
        at: &DocumentPath,
        path: &ImagePath,
        node: &Node,
        problems: &mut Vec<Problem>,
    ) {
        let lower = match (self.base.get(path), node) {
            (Some(IndexEntry::Symlink(_)), Node::Directory) => "symbolic link",
            (Some(IndexEntry::File(_) | IndexEntry::Other), Node::Directory) => "file",
            (Some(IndexEntry::Directory(_)), Node::File(_) | Node::Symlink(_)) => "directory",
            _ => return,
        };
        let message = format!("{owner} has a {node} at `{path}` where the base image has a {lower}");
        if !problems.iter().any(|problem| problem.message == message) {
            problems.push(
                Problem::new("file-over-directory", at.clone(), message)
                    .help("rename or exclude it, or use another base image"),
            );
        }
    }

    /// The node of a tree at a path itself, no link followed.
    pub(super) fn get(&self, path: &ImagePath) -> Option<&Node> {
        self.nodes.get(path).map(|placed| &placed.node)
    }

    /// What stands directly in a folder, as far as trees brought it.
    pub(super) fn children<'s>(&'s self, folder: &'s str) -> impl Iterator<Item = (&'s ImagePath, &'s str)> {
        let in_folder =
            move |path: &&ImagePath| path.parent().is_some_and(|parent| parent.as_str() == folder);
        self.nodes
            .iter()
            .map(|(path, placed)| (path, placed.owner.as_str()))
            .filter(move |(path, _)| in_folder(path))
    }

    /// What a path leads to when every link is followed, in the trees or the base.
    pub(super) fn resolve(&self, path: &ImagePath) -> Option<Found<'_>> {
        follow(path, |path| match self.nodes.get(path) {
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
