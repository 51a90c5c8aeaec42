//! A naive reading of the OCI image specification, and random images to compare with it.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::fixture::{TestEntry, parsed, tar};
use super::*;

/// An entry of a layer: its path, mode and kind.
#[derive(Debug, Clone)]
pub(crate) struct ModelEntry {
    path: String,
    mode: u32,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Directory,
    File,
    Symlink(String),
    HardLink(String),
    Whiteout,
    Opaque,
}

/// What an image has at a path, and the layer that it comes from.
#[derive(Debug, Clone)]
struct Placed {
    layer: usize,
    node: ModelNode,
}

#[derive(Debug, Clone)]
enum ModelNode {
    /// A directory and its mode; none if no layer names it.
    Directory(Option<u32>),
    /// A file; its content is the numbers of its layer and entry.
    File {
        content: String,
        mode: u32,
    },
    Symlink(String),
}

/// What an image has at each path, without the leading `/`.
#[derive(Debug, Default)]
pub(crate) struct Model(BTreeMap<String, Placed>);

impl Model {
    /// The image of these layers, or nothing if a hard link does not link to a file.
    fn of(layers: &[Vec<ModelEntry>]) -> Option<Self> {
        let mut image = Self::default();
        for (number, layer) in layers.iter().enumerate() {
            let mut own: Vec<(&str, ModelNode)> = Vec::new();
            for (position, entry) in layer.iter().enumerate() {
                let node = match &entry.kind {
                    Kind::Directory => ModelNode::Directory(Some(entry.mode)),
                    Kind::File => {
                        ModelNode::File { content: format!("{number}.{position}"), mode: entry.mode }
                    }
                    Kind::Symlink(target) => ModelNode::Symlink(target.clone()),
                    Kind::HardLink(target) => {
                        let before = own.iter().rev().find(|(path, _)| path == target).map(|(_, node)| node);
                        let linked = before.or_else(|| image.0.get(target).map(|placed| &placed.node));
                        linked.filter(|node| !matches!(node, ModelNode::Directory(_)))?.clone()
                    }
                    Kind::Whiteout | Kind::Opaque => continue,
                };
                own.push((&entry.path, node));
            }
            for entry in layer {
                match entry.kind {
                    Kind::Whiteout => image.hide(&entry.path, true),
                    Kind::Opaque => image.hide(&entry.path, false),
                    _ => {}
                }
            }
            for (path, node) in own {
                image.put(path, Placed { layer: number, node });
            }
        }
        Some(image)
    }

    fn hide(&mut self, path: &str, itself: bool) {
        let below = format!("{path}/");
        self.0.retain(|other, _| !(other.starts_with(&below) || itself && other == path));
    }

    fn is_directory(&self, path: &str) -> bool {
        matches!(self.0.get(path), Some(Placed { node: ModelNode::Directory(_), .. }))
    }

    /// Puts one entry over what is there: the folders above it become directories if they are not, and what is not a
    /// directory replaces everything at and below its path.
    fn put(&mut self, path: &str, placed: Placed) {
        for (end, _) in path.match_indices('/') {
            if !self.is_directory(&path[..end]) {
                let node = ModelNode::Directory(None);
                self.0.insert(path[..end].to_owned(), Placed { layer: placed.layer, node });
            }
        }
        if !matches!(placed.node, ModelNode::Directory(_)) {
            self.hide(path, true);
        }
        self.0.insert(path.to_owned(), placed);
    }

    /// Where a path leads when links are followed, one name after another; the root is the empty text.
    fn resolve(&self, path: &str, links: &mut usize) -> Option<String> {
        let mut place = String::new();
        for name in path.split('/') {
            if !place.is_empty() && !self.is_directory(&place[1..]) {
                return None;
            }
            match name {
                "" | "." => {}
                ".." => place.truncate(place.rfind('/').unwrap_or_default()),
                name => {
                    let next = format!("{place}/{name}");
                    place = match &self.0.get(&next[1..])?.node {
                        ModelNode::Symlink(target) => {
                            *links = links.checked_sub(1)?;
                            let from = if target.starts_with('/') { "" } else { &place };
                            self.resolve(&format!("{from}/{target}"), links)?
                        }
                        _ => next,
                    };
                }
            }
        }
        Some(place)
    }

    /// Whether a path leads through a symbolic link or is one.
    pub(crate) fn leads_through_link(&self, path: &str) -> bool {
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        let is_link = |path| matches!(self.0.get(path), Some(Placed { node: ModelNode::Symlink(_), .. }));
        folders.chain([path]).any(is_link)
    }

    /// What layers name at and below a path, as lines that [`parsed`] reads, in order. The path itself is shown as `/to`.
    pub(crate) fn listed(&self, from: &str) -> Vec<String> {
        let below = format!("{from}/");
        let lines = self.0.iter().filter(|(path, _)| *path == from || path.starts_with(&below));
        let mut lines: Vec<_> = lines
            .filter_map(|(path, placed)| {
                let path = format!("/to{}", &path[from.len()..]);
                match &placed.node {
                    ModelNode::Directory(None) => None,
                    ModelNode::Directory(Some(_)) => Some(format!("{path}/")),
                    ModelNode::File { content, .. } => Some(format!("{path}: {content}")),
                    ModelNode::Symlink(target) => Some(format!("{path} -> {target}")),
                }
            })
            .collect();
        if lines.is_empty() && self.is_directory(from) {
            lines.push("/to/".to_owned());
        }
        lines.sort();
        lines
    }

    /// What the index of the image must have.
    fn index(&self) -> Vec<(ImagePath, IndexEntry)> {
        let entry = |placed: &Placed| {
            let layer = placed.layer.try_into().unwrap();
            match &placed.node {
                ModelNode::Directory(mode) => IndexEntry::Directory { mode: mode.unwrap_or(0o755), layer },
                ModelNode::File { content, mode } => {
                    IndexEntry::File { mode: *mode, size: content.len() as u64, layer }
                }
                ModelNode::Symlink(target) => IndexEntry::Symlink { target: target.as_str().into(), layer },
            }
        };
        self.0.iter().map(|(path, placed)| (format!("/{path}").parse().unwrap(), entry(placed))).collect()
    }
}

/// A path without the leading `/`.
pub(crate) fn any_path() -> impl Strategy<Value = String> {
    // Few names, for layers to meet; `a-` and `a0` are before and after `a/` in the order of bytes.
    vec(prop_oneof![Just("a"), Just("b"), Just("a-"), Just("a0")], 1..4).prop_map(|names| names.join("/"))
}

fn any_target() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any_path(),
        1 => any_path().prop_map(|path| format!("/{path}")),
        1 => any_path().prop_map(|path| format!("../{path}")),
        1 => any_path().prop_map(|path| format!("{path}/..")),
        1 => Just(".".to_owned()),
    ]
}

fn any_entry() -> impl Strategy<Value = ModelEntry> {
    let kind = prop_oneof![
        2 => Just(Kind::Directory),
        4 => Just(Kind::File),
        1 => any_target().prop_map(Kind::Symlink),
        2 => any_path().prop_map(Kind::HardLink),
        2 => Just(Kind::Whiteout),
        1 => Just(Kind::Opaque),
    ];
    let mode = prop_oneof![Just(0o755), Just(0o644), Just(0o4711)];
    (any_path(), mode, kind).prop_map(|(path, mode, kind)| ModelEntry { path, mode, kind })
}

/// The layers of an image, the lowest first.
pub(crate) fn any_layers() -> impl Strategy<Value = Vec<Vec<ModelEntry>>> {
    // Hard links that do not link to a file are left out.
    vec(vec(any_entry(), 0..12), 1..5).prop_map(|layers| {
        let mut kept: Vec<Vec<ModelEntry>> = Vec::new();
        for layer in layers {
            kept.push(Vec::new());
            for entry in layer {
                kept.last_mut().unwrap().push(entry);
                if Model::of(&kept).is_none() {
                    kept.last_mut().unwrap().pop();
                }
            }
        }
        kept
    })
}

/// The image of some layers, and each layer's entries for a tar.
pub(crate) fn image(layers: &[Vec<ModelEntry>]) -> (Model, Vec<Vec<TestEntry>>) {
    let entries = |(number, layer): (usize, &Vec<ModelEntry>)| {
        layer.iter().enumerate().map(|(position, entry)| tar_entry(number, position, entry)).collect()
    };
    (Model::of(layers).unwrap(), layers.iter().enumerate().map(entries).collect())
}

fn tar_entry(number: usize, position: usize, entry: &ModelEntry) -> TestEntry {
    let ModelEntry { path, mode, kind } = entry;
    let (folder, name) = path
        .rsplit_once('/')
        .map_or((String::new(), path.as_str()), |(folder, name)| (format!("{folder}/"), name));
    parsed(&match kind {
        Kind::Directory => format!("{path}/"),
        Kind::File => format!("{path}: {number}.{position}"),
        Kind::Symlink(target) => format!("{path} -> {target}"),
        Kind::HardLink(target) => format!("{path} => {target}"),
        Kind::Whiteout => format!("{folder}.wh.{name}"),
        Kind::Opaque => format!("{path}/.wh..wh..opq"),
    })
    .mode(*mode)
}

pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// What an overlay has at and below a path, as [`Model::listed`] shows it. The origin of a file is its content.
fn listed(overlay: &Overlay, from: &ImagePath) -> Vec<String> {
    let line = |(path, entry): (&ImagePath, &OverlayEntry)| {
        let path = format!("/to{}", &path.as_str()[from.as_str().len()..]);
        match &entry.node {
            OverlayNode::Directory(_) => format!("{path}/"),
            OverlayNode::Symlink(target) => format!("{path} -> {target}"),
            OverlayNode::File(OverlayFile { origin, .. }) => {
                format!("{path}: {}.{}", origin.layer, origin.entry)
            }
            OverlayNode::Unsupported(why) => format!("{path} {why}"),
        }
    };
    let mut lines: Vec<_> = overlay.named(from).map(line).collect();
    if lines.is_empty() && overlay.is_directory(from.as_str()) {
        lines.push("/to/".to_owned());
    }
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(cases(1024))]

    #[test]
    fn overlay_and_index_of_any_image_are_those_of_the_model(
        layers in any_layers(),
        paths in vec(any_path(), 1..6),
    ) {
        let (model, layers) = image(&layers);
        let tars: Vec<_> = layers.iter().map(|layer| tar(layer)).collect();
        let overlay = overlay_of(&tars.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let mut leads_to = Vec::new();
        for path in &paths {
            let image_path = format!("/{path}").parse().unwrap();
            prop_assert_eq!(listed(&overlay, &image_path), model.listed(path), "{}", path);
            let resolved = model.resolve(path, &mut 40).filter(|resolved| !resolved.is_empty());
            let found = overlay.resolve(&image_path).map(ImagePath::as_str);
            prop_assert_eq!(found, resolved.as_deref(), "{} of {:?}", path, model);
            leads_to.push((image_path, resolved));
        }
        let index = overlay.into_index();
        prop_assert_eq!(&index.entries, &model.index());
        for (path, resolved) in leads_to {
            let expected = resolved.and_then(|resolved| index.get(&resolved));
            prop_assert_eq!(index.resolve(&path), expected);
            let has_below = index.entries.iter().any(|(other, _)| other.is_below(path.as_str()));
            prop_assert_eq!(index.has_below(path.as_str()), has_below);
        }
    }
}
