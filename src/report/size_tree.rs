//! The files of an image summed by layer, package and folder, down to what is large enough to be seen.
//!
//! The number of nodes depends on the sizes and not on the number of files, so that a report of any image stays small.

use std::collections::BTreeMap;

use crate::inspect::{Amount, LayerFacts, SeenFile, WholeImage};
use crate::secret::without_secrets;
use crate::text::count;

/// A node is at least this part of the image, or its siblings of that kind are summed.
const SMALLEST_PART: u64 = 250;

/// How many folders are shown in each other; of a base fewer, since its files are rarely changed one by one.
const DEPTH: usize = 10;
const DEPTH_OF_BASE: usize = 3;

/// What is too small or too deep to be shown on its own.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// The smallest size that is shown, in bytes.
    smallest: u64,
    /// How many more folders are shown in each other.
    depth: usize,
}

/// A layer, package, folder or file, or several small ones.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its name; several folders of which each is the only thing in the one before are one node.
    pub(super) name: String,
    /// What it is.
    pub(super) kind: NodeKind,
    /// Its files.
    pub(super) amount: Amount,
    /// What is in it, the largest first, as far as that is large enough.
    pub(super) children: Vec<Node>,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeKind {
    Layer(LayerKind),
    Package,
    Folder,
    File,
    /// What is too small to be shown.
    Rest,
}

/// What a layer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LayerKind {
    Base,
    /// Of Lambda layers and extensions, or made by an instruction of a Dockerfile.
    Layer,
    Packages,
    Code,
}

impl LayerKind {
    pub(super) const ALL: [Self; 4] = [Self::Base, Self::Layer, Self::Packages, Self::Code];

    /// That of a layer that was made by this.
    pub(super) fn of(made_by: &str) -> Self {
        match made_by {
            "base" => Self::Base,
            "packages" => Self::Packages,
            "code" => Self::Code,
            _ => Self::Layer,
        }
    }

    /// The class of its colour in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Layer => "layer",
            Self::Packages => "packages",
            Self::Code => "code",
        }
    }

    /// Its name in a legend.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Base => "Base image",
            Self::Layer => "Layers and extensions",
            Self::Packages => "Packages of the function",
            Self::Code => "Code",
        }
    }
}

/// The layers of an image that have files in it, the lowest first.
pub(super) fn layers(image: &WholeImage) -> Vec<Node> {
    let total: u64 = image.files.iter().map(|file| file.size).sum();
    let smallest = (total / SMALLEST_PART).max(1);
    let mut nodes = Vec::new();
    for layer in &image.layers.layers {
        let files: Vec<_> = image.files.iter().filter(|file| file.layer == layer.number).collect();
        if files.iter().any(|file| file.size > 0) {
            nodes.push(layer_node(layer, &files, image, smallest));
        }
    }
    nodes
}

fn layer_node(layer: &LayerFacts, files: &[&SeenFile], image: &WholeImage, smallest: u64) -> Node {
    let kind = LayerKind::of(layer.made_by);
    let limits = Limits { smallest, depth: if kind == LayerKind::Base { DEPTH_OF_BASE } else { DEPTH } };
    let mut of_packages: BTreeMap<usize, Vec<&SeenFile>> = BTreeMap::new();
    let mut others = Vec::new();
    for file in files {
        file.package.map_or(&mut others, |package| of_packages.entry(package).or_default()).push(*file);
    }
    let mut nodes = Vec::new();
    for (package, files) in of_packages {
        let Some(package) = image.packages.get(package) else { continue };
        let name =
            package.version.as_ref().map_or(package.name.clone(), |it| format!("{} {it}", package.name));
        let children = in_folder(&files, 1, limits);
        nodes.push(Node { name, kind: NodeKind::Package, amount: sum(&files), children });
    }
    nodes.extend(grouped(&others, 1, limits));
    let children = shown(nodes, smallest);
    Node { name: without_secrets(&layer.name), kind: NodeKind::Layer(kind), amount: sum(files), children }
}

/// What is in a folder, the path of which takes the first `start` bytes of the paths of these files.
fn in_folder(files: &[&SeenFile], start: usize, limits: Limits) -> Vec<Node> {
    shown(grouped(files, start, limits), limits.smallest)
}

/// The files, by their names behind the first `start` bytes of their sorted paths.
fn grouped(files: &[&SeenFile], start: usize, limits: Limits) -> Vec<Node> {
    let Limits { smallest, depth } = limits;
    let name = |file: &SeenFile| {
        let rest = file.path.get(start..).unwrap_or_default();
        rest.split('/').next().unwrap_or_default().len()
    };
    let same = |one: &&SeenFile, other: &&SeenFile| {
        let end = start + name(one);
        // Names that begin alike are next to each other, and none is that of a file and of a folder.
        name(one) == name(other) && one.path.get(start..end) == other.path.get(start..end)
    };
    let groups = files.chunk_by(same).filter_map(|group| {
        let end = start + name(group.first()?);
        let first = group.first()?;
        let text = first.path.get(start..end)?.to_owned();
        let is_folder = first.path.len() > end;
        let kind = if is_folder { NodeKind::Folder } else { NodeKind::File };
        let amount = sum(group);
        let children = if is_folder && depth > 1 && amount.size >= smallest {
            in_folder(group, end + 1, Limits { depth: depth - 1, ..limits })
        } else {
            Vec::new()
        };
        Some(joined(Node { name: text, kind, amount, children }))
    });
    groups.collect()
}

/// A folder together with the only thing in it.
fn joined(mut node: Node) -> Node {
    match node.children.pop() {
        Some(only) if node.children.is_empty() && only.amount == node.amount => {
            Node { name: format!("{}/{}", node.name, only.name), ..only }
        }
        last => {
            node.children.extend(last);
            node
        }
    }
}

/// The nodes that are large enough, the largest first, and the sum of the others. Nothing if no node is large enough.
fn shown(nodes: Vec<Node>, smallest: u64) -> Vec<Node> {
    let (mut shown, mut small): (Vec<_>, Vec<_>) =
        nodes.into_iter().partition(|node| node.amount.size >= smallest);
    if shown.is_empty() {
        return shown;
    }
    if small.len() == 1 {
        shown.append(&mut small);
    }
    shown.sort_by(|one, other| (other.amount.size, &one.name).cmp(&(one.amount.size, &other.name)));
    if !small.is_empty() {
        let mut amount = Amount::default();
        for node in &small {
            amount.files += node.amount.files;
            amount.size += node.amount.size;
        }
        let name = count(small.len(), "smaller item");
        shown.push(Node { name, kind: NodeKind::Rest, amount, children: Vec::new() });
    }
    shown
}

fn sum(files: &[&SeenFile]) -> Amount {
    Amount { files: files.len() as u64, size: files.iter().map(|file| file.size).sum() }
}
