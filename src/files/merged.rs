//! All trees of a function laid over its base: which tree a path belongs to, and what hides what.

use std::collections::{BTreeSet, HashMap};

use super::{DeadEnd, FileIndex, IndexEntry, Step, trace};
use crate::finding::Place;
use crate::project::ImagePath;
use crate::shared::Shared;
use crate::tree::{FileNode, Node, Tree};

/// The merged view. Nothing is copied: a path is looked up in one tree after the other.
#[derive(Debug)]
pub struct Merged<'a> {
    base: &'a FileIndex,
    /// The lowest first.
    trees: Vec<LaidTree>,
}

/// A tree and its owner.
#[derive(Debug, Clone)]
pub struct LaidTree {
    owner: Owner,
    tree: Shared<Tree>,
}

/// Which part of a definition a tree belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// Such as `layer utils`.
    pub name: String,
    /// Where the definition has it.
    pub place: Place,
}

/// What became hidden when trees were laid over each other.
#[derive(Debug, Clone, Default)]
pub struct Merge {
    /// Files that replace others.
    pub overwrites: Vec<Overwrite>,
    /// Nodes that cannot be where they are, each once.
    pub conflicts: Vec<Conflict>,
}

/// A file or link of one tree that replaces that of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Overwrite {
    /// The path in the image.
    pub path: ImagePath,
    /// The name of the owner whose file is in the image.
    pub winner: String,
    /// The name of the owner whose file was replaced.
    pub loser: String,
}

/// A node where something of another kind is: a file would hide a whole directory, and a directory entry would replace a
/// file or link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Whose node it is.
    pub owner: Owner,
    /// The path in the image.
    pub path: String,
    /// The kind of the node, such as `file`.
    pub kind: &'static str,
    /// What it conflicts with.
    pub lower: Lower,
}

/// What is below a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lower {
    /// A node of this kind, of the tree of the owner of this name.
    Tree {
        /// The owner's name.
        owner: String,
        /// Such as `directory`.
        kind: &'static str,
    },
    /// An entry of this kind of the base image.
    Base {
        /// Such as `directory`.
        kind: &'static str,
    },
}

/// Where a folder's nodes may hide something: for most folders nowhere, so that nothing need be looked up.
struct Below<'a> {
    /// The uppermost first.
    trees: Vec<&'a LaidTree>,
    base: bool,
}

impl Below<'_> {
    fn is_empty(&self) -> bool {
        self.trees.is_empty() && !self.base
    }
}

/// What a path leads to when links are followed.
#[derive(Debug)]
pub enum Found<'a> {
    /// A file of a tree.
    File(&'a FileNode),
    /// A file of the base, with its permission bits.
    BaseFile(u32),
    /// A directory.
    Directory,
}

impl<'a> Merged<'a> {
    /// A view of trees over a base, the lowest first.
    #[must_use]
    pub fn new(base: &'a FileIndex, trees: Vec<LaidTree>) -> Self {
        Self { base, trees }
    }

    /// The files of the base.
    #[must_use]
    pub fn base(&self) -> &'a FileIndex {
        self.base
    }

    /// The trees, the lowest first.
    #[must_use]
    pub fn into_trees(self) -> Vec<LaidTree> {
        self.trees
    }

    /// The paths of all trees and of the base; one that several have occurs several times.
    pub fn paths(&self) -> impl Iterator<Item = &ImagePath> {
        let of_trees = self.trees.iter().flat_map(|laid| laid.tree.iter().map(|(path, _)| path));
        of_trees.chain(self.base.paths())
    }

    /// What is at a path, and the tree that has it: of a folder the lowest, of all else the uppermost.
    fn placed(&self, path: &str) -> Option<(&LaidTree, &Node)> {
        let mut placed = self.trees.iter().filter_map(|laid| Some((laid, laid.tree.get_or_implied(path)?)));
        let lowest = placed.next()?;
        match placed.next_back() {
            Some(uppermost) if !matches!(uppermost.1, Node::Directory) => Some(uppermost),
            _ => Some(lowest),
        }
    }

    /// Lays a tree over the others, and records what it hides.
    pub fn add(&mut self, owner: Owner, tree: Shared<Tree>, merge: &mut Merge) {
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
                        self.compare(&owner, folder, &Node::Directory, above, merge);
                        below.push(self.below(folder, above));
                        below.len() - 1
                    });
                }
            }
            if !below[number].is_empty() {
                self.compare(&owner, path.as_str(), node, &below[number], merge);
            }
        }
        self.trees.push(LaidTree { owner, tree });
    }

    /// What has anything in a folder, of what has anything in the one above.
    fn below<'b>(&self, folder: &str, above: &Below<'b>) -> Below<'b> {
        let trees = above.trees.iter().copied().filter(|laid| laid.tree.get_or_implied(folder).is_some());
        Below { trees: trees.collect(), base: above.base && self.base.has_below(folder) }
    }

    /// Records what a node hides of the trees below, or of the base.
    fn compare(&self, owner: &Owner, path: &str, node: &Node, below: &Below<'_>, merge: &mut Merge) {
        let is_directory = matches!(node, Node::Directory);
        let hidden =
            below.trees.iter().find_map(|laid| Some((laid.tree.get_or_implied(path)?, &laid.owner.name)));
        let lower = match hidden {
            Some((lower, name)) if matches!(lower, Node::Directory) != is_directory => {
                Some(Lower::Tree { owner: name.clone(), kind: lower.kind() })
            }
            _ if below.base => self
                .base
                .get(path)
                .and_then(|entry| conflicting(entry, is_directory))
                .map(|kind| Lower::Base { kind }),
            _ => None,
        };
        if let Some(lower) = lower {
            let conflict = Conflict { owner: owner.clone(), path: path.to_owned(), kind: node.kind(), lower };
            if !merge.conflicts.contains(&conflict) {
                merge.conflicts.push(conflict);
            }
        } else if let Some((_, replaced)) = hidden
            && !is_directory
            && let Ok(path) = path.parse()
        {
            let winner = owner.name.clone();
            merge.overwrites.push(Overwrite { path, winner, loser: replaced.clone() });
        }
    }

    /// The node of a tree at a path itself, no link followed.
    #[must_use]
    pub fn get(&self, path: &ImagePath) -> Option<&Node> {
        self.placed(path.as_str()).map(|(_, node)| node)
    }

    /// The paths directly in a folder that belong to trees.
    #[must_use]
    pub fn children(&self, folder: &str) -> BTreeSet<ImagePath> {
        let below = self.trees.iter().flat_map(|laid| laid.tree.below(folder));
        let child = |path: &ImagePath| {
            let name = path.as_str()[folder.len() + 1..].split('/').next()?;
            format!("{folder}/{name}").parse().ok()
        };
        below.filter_map(|(path, _)| child(path)).collect()
    }

    /// The owner of a path, if it belongs to a tree.
    #[must_use]
    pub fn owner(&self, path: &str) -> Option<&Owner> {
        self.placed(path).map(|(laid, _)| &laid.owner)
    }

    /// Whether a path itself, no folder above it followed, is a symbolic link.
    #[must_use]
    pub fn is_link(&self, path: &ImagePath) -> bool {
        match self.placed(path.as_str()) {
            Some((_, node)) => matches!(node, Node::Symlink(_)),
            None => matches!(self.base.get(path.as_str()), Some(IndexEntry::Symlink { .. })),
        }
    }

    /// What a path leads to when every link is followed, in the trees or the base.
    #[must_use]
    pub fn resolve(&self, path: &ImagePath) -> Option<Found<'_>> {
        self.trace(path).ok()
    }

    /// As [`resolve`](Self::resolve), with the reason if a path leads to nothing.
    ///
    /// # Errors
    /// When it does: where it stops.
    pub fn trace(&self, path: &ImagePath) -> Result<Found<'_>, DeadEnd> {
        trace(path, |path| self.step(path))
    }

    /// The path that a path leads to when every link is followed.
    #[must_use]
    pub fn real_path(&self, path: &ImagePath) -> Option<String> {
        let look = |path: &str| {
            Some(match self.step(path)? {
                Step::Directory(_) => Step::Directory(path.to_owned()),
                Step::Other(_) => Step::Other(path.to_owned()),
                Step::Link(target) => Step::Link(target),
            })
        };
        trace(path, look).ok()
    }

    /// What is at a path itself.
    fn step(&self, path: &str) -> Option<Step<'_, Found<'_>>> {
        match self.placed(path) {
            Some((_, Node::Directory)) => Some(Step::Directory(Found::Directory)),
            Some((_, Node::File(file))) => Some(Step::Other(Found::File(file))),
            Some((_, Node::Symlink(target))) => Some(Step::Link(target)),
            None => match self.base.get(path)? {
                IndexEntry::Directory { .. } => Some(Step::Directory(Found::Directory)),
                IndexEntry::File { mode, .. } => Some(Step::Other(Found::BaseFile(*mode))),
                IndexEntry::Symlink { target, .. } => Some(Step::Link(target)),
                IndexEntry::Other { .. } => None,
            },
        }
    }

    /// Whether a path leads to a file.
    #[must_use]
    pub fn is_file(&self, path: &ImagePath) -> bool {
        matches!(self.resolve(path), Some(Found::File(_) | Found::BaseFile(_)))
    }

    /// Whether a path leads to a directory.
    #[must_use]
    pub fn is_directory(&self, path: &str) -> bool {
        path.parse().is_ok_and(|path| matches!(self.resolve(&path), Some(Found::Directory)))
    }
}

/// The kind of an entry of the base that conflicts with a directory, or with anything else.
fn conflicting(entry: &IndexEntry, is_directory: bool) -> Option<&'static str> {
    match entry {
        IndexEntry::Symlink { .. } if is_directory => Some("symbolic link"),
        IndexEntry::File { .. } | IndexEntry::Other { .. } if is_directory => Some("file"),
        IndexEntry::Directory { .. } if !is_directory => Some("directory"),
        _ => None,
    }
}
