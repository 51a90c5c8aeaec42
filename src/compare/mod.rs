//! Compares two images: their layers, packages, files and settings.
//!
//! Layers that both have below all others are read once, and contents only where sizes do not tell. Where the images are, and what
//! is shown of the result, is decided elsewhere.

mod contents;
mod packages;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::files::{FileState, LayerReadError, Origin, Overlay, OverlayEntry, OverlayNode};
use crate::image::BaseImage;
use crate::layer::Layer;
use crate::project::RunConfig;
use contents::Contents;

/// How one image differs from another.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Comparison {
    /// The layers that only one has, or that have other bytes.
    pub layers: Vec<Change<LayerState>>,
    /// The packages of Python and Node.js of which the versions differ.
    pub packages: Vec<Change<String>>,
    /// The files and symbolic links.
    pub files: Vec<Change<FileState>>,
    /// What the config says about the start of the program.
    pub settings: Vec<Change<String>>,
    /// The compressed size of all layers.
    pub size: Sizes,
}

/// The sizes of two images in bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Sizes {
    /// That of the first one.
    pub before: u64,
    /// That of the second one.
    pub after: u64,
}

impl Comparison {
    /// Whether nothing differs.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { layers, packages, files, settings, size: _ } = self;
        layers.is_empty() && packages.is_empty() && files.is_empty() && settings.is_empty()
    }
}

/// Something that one image has, or both in different states.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Change<T> {
    /// What it is: the name of a layer or package, a path, a setting.
    pub name: String,
    /// What the first image has.
    pub before: Option<T>,
    /// What the second image has.
    pub after: Option<T>,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LayerState {
    /// The digest of its blob.
    pub digest: String,
    /// Its compressed size in bytes.
    pub size: u64,
}

/// Compares images whose layers are on this machine.
///
/// # Errors
/// When a layer cannot be read or is damaged.
pub(crate) fn compare(before: &BaseImage, after: &BaseImage) -> Result<Comparison, LayerReadError> {
    let both = before.layers().iter().zip(after.layers());
    let common = both.take_while(|(one, other)| one.digest == other.digest).count();
    let mut below = Overlay::default();
    add(&mut below, &before.layers()[..common])?;
    let mut sides = [below.clone(), below];
    for (side, image) in sides.iter_mut().zip([before, after]) {
        add(side, &image.layers()[common..])?;
    }
    let differing = differing(&sides, common);
    let wanted = |side: usize| differing.iter().filter_map(move |(_, nodes)| origin(nodes[side].as_ref()?));
    let layers = [before.layers(), after.layers()];
    let contents =
        [Contents::read(layers[0], &wanted(0).collect())?, Contents::read(layers[1], &wanted(1).collect())?];
    let changed: Vec<_> = differing
        .into_iter()
        .filter(|(_, [one, other])| !is_same(one.as_ref(), other.as_ref(), &contents))
        .collect();
    let files = changed.iter().map(|(path, [one, other])| Change {
        name: (*path).to_owned(),
        before: one.as_ref().map(FileState::of),
        after: other.as_ref().map(FileState::of),
    });
    Ok(Comparison {
        layers: layer_changes(before, after),
        packages: packages::version_changes(&changed, &contents),
        files: files.collect(),
        settings: changes(&settings(&before.run_config()), &settings(&after.run_config())),
        size: Sizes { before: total(before.layers()), after: total(after.layers()) },
    })
}

fn add(overlay: &mut Overlay, layers: &[Layer]) -> Result<(), LayerReadError> {
    layers.iter().try_for_each(|layer| {
        overlay.add_blob(&layer.blob, &layer.digest, &layer.diff_id, |_, _, _| Ok(())).map(drop)
    })
}

fn total(layers: &[Layer]) -> u64 {
    layers.iter().map(|layer| layer.size).fold(0, u64::saturating_add)
}

/// A path and what both images have there.
type Pair<'a> = (&'a str, [Option<OverlayNode>; 2]);

/// The paths where images may differ. The first `common` layers are those of both.
fn differing(sides: &[Overlay; 2], common: usize) -> Vec<Pair<'_>> {
    let mut nodes: BTreeMap<&str, [Option<&OverlayEntry>; 2]> = BTreeMap::new();
    for (number, side) in sides.iter().enumerate() {
        for (path, entry) in side.below("") {
            nodes.entry(path.as_str()).or_default()[number] = Some(entry);
        }
    }
    let is_common = |entry: &OverlayEntry| (entry.layer as usize) < common;
    let differs = |pair: &[Option<&OverlayEntry>; 2]| match pair {
        [Some(one), Some(other)] if is_common(one) && is_common(other) => false,
        // Every layer names the directories above its files.
        [one, other] => {
            [one, other].into_iter().flatten().any(|entry| !matches!(entry.node, OverlayNode::Directory(_)))
        }
    };
    let nodes = nodes.into_iter().filter(|(_, pair)| differs(pair));
    nodes.map(|(path, pair)| (path, pair.map(|entry| entry.map(|entry| entry.node.clone())))).collect()
}

fn origin(node: &OverlayNode) -> Option<Origin> {
    match node {
        OverlayNode::File(file) => Some(file.origin),
        _ => None,
    }
}

fn is_same(one: Option<&OverlayNode>, other: Option<&OverlayNode>, contents: &[Contents; 2]) -> bool {
    match (one, other) {
        (Some(OverlayNode::File(one)), Some(OverlayNode::File(other))) => {
            one.mode == other.mode
                && one.size == other.size
                && contents[0].digest(one.origin) == contents[1].digest(other.origin)
        }
        (Some(one), Some(other)) => FileState::of(one) == FileState::of(other),
        _ => false,
    }
}

/// The layers that differ, by their names, in the order of the images.
fn layer_changes(before: &BaseImage, after: &BaseImage) -> Vec<Change<LayerState>> {
    let own = |image: &BaseImage, other: &BaseImage| {
        let others: BTreeSet<_> = other.layers().iter().map(|layer| layer.digest.clone()).collect();
        let named = image.layer_names().into_iter().zip(image.layers().to_vec());
        let own = named.filter(|(_, layer)| !others.contains(&layer.digest));
        own.map(|(name, layer)| (name, LayerState { digest: layer.digest.to_string(), size: layer.size }))
            .collect::<Vec<_>>()
    };
    let (before, mut after) = (own(before, after), own(after, before));
    let mut changes = Vec::new();
    for (name, state) in before {
        let same = after.iter().position(|(other, _)| *other == name);
        let after = same.map(|position| after.remove(position).1);
        changes.push(Change { name, before: Some(state), after });
    }
    changes.extend(after.into_iter().map(|(name, state)| Change { name, before: None, after: Some(state) }));
    changes
}

/// The settings of a config, as text.
fn settings(run: &RunConfig) -> BTreeMap<String, String> {
    let words = |words: &Option<Vec<String>>| words.as_ref().map(|words| words.join(" "));
    let fixed = [
        ("Entrypoint", words(&run.entrypoint)),
        ("Cmd", words(&run.command)),
        ("WorkingDir", run.working_directory.clone()),
    ];
    let fixed = fixed.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let variables = run.environment.iter().map(|(name, value)| (format!("Env {name}"), value.clone()));
    fixed.chain(variables).collect()
}

/// What differs between two maps.
fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Change<String>> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let change = |name: &String| {
        let (before, after) = (before.get(name).cloned(), after.get(name).cloned());
        (before != after).then(|| Change { name: name.clone(), before, after })
    };
    names.into_iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests;
