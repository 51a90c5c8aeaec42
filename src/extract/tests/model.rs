//! What is taken from any image is what a naive reading of the specification says.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::ExtractError;
use super::super::find::find;
use super::super::listing::{Entry, select};
use super::super::overlay::{Origin, Overlay};
use super::fixture::{Bench, Made, listed, made, path, tar};

/// An entry of a layer: its path and what it is.
#[derive(Debug, Clone)]
struct Step {
    path: String,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Directory,
    File,
    Symlink(String),
    HardLink(String),
    Whiteout,
    Opaque,
}

fn any_path() -> impl Strategy<Value = String> {
    // Few names, so that layers meet; `a-` and `a0` stand around `a/` in the order of bytes.
    vec(prop_oneof![Just("a"), Just("b"), Just("a-"), Just("a0")], 1..4).prop_map(|names| names.join("/"))
}

fn any_step() -> impl Strategy<Value = Step> {
    let what = prop_oneof![
        2 => Just(What::Directory),
        4 => Just(What::File),
        1 => any_path().prop_map(What::Symlink),
        2 => any_path().prop_map(What::HardLink),
        2 => Just(What::Whiteout),
        1 => Just(What::Opaque),
    ];
    (any_path(), what).prop_map(|(path, what)| Step { path, what })
}

/// What an image has at each path: a line as the fixture shows it, without the path.
type Model = BTreeMap<String, String>;

/// Folders are given by what is in them; `explicit` ones have an entry `/`.
fn is_directory(model: &Model, path: &str) -> bool {
    match model.get(path) {
        Some(shown) => shown == "/",
        None => model.keys().any(|other| other.starts_with(&format!("{path}/"))),
    }
}

fn hide(model: &mut Model, path: &str, itself: bool) {
    model.retain(|other, _| !(other.starts_with(&format!("{path}/")) || itself && other == path));
}

/// Puts one entry on what is there: folders above it that are none become some, what it replaces goes with all below.
fn put(model: &mut Model, path: &str, shown: &str) {
    for (end, _) in path.match_indices('/') {
        if model.contains_key(&path[..end]) && !is_directory(model, &path[..end]) {
            model.remove(&path[..end]);
        }
    }
    if shown != "/" {
        hide(model, path, true);
    }
    model.insert(path.to_owned(), shown.to_owned());
}

/// The image of these layers, or nothing if a hard link leads nowhere. Every layer is first unpacked alone, with nothing of
/// the lower ones, then laid over them, as overlayfs does.
fn model(layers: &[Vec<Step>]) -> Option<Model> {
    let mut image = Model::new();
    for (number, layer) in layers.iter().enumerate() {
        let mut own: Vec<(String, String)> = Vec::new();
        for (place, step) in layer.iter().enumerate() {
            let shown = match &step.what {
                What::Directory => "/".to_owned(),
                What::File => format!(": {number}.{place}"),
                What::Symlink(target) => format!(" -> {target}"),
                What::HardLink(target) => {
                    let before = own.iter().rev().find(|(path, _)| path == target).map(|(_, shown)| shown);
                    before.or_else(|| image.get(target)).filter(|shown| *shown != "/")?.clone()
                }
                What::Whiteout | What::Opaque => continue,
            };
            own.push((step.path.clone(), shown));
        }
        for step in layer {
            match step.what {
                What::Whiteout => hide(&mut image, &step.path, true),
                What::Opaque => hide(&mut image, &step.path, false),
                _ => {}
            }
        }
        for (path, shown) in own {
            put(&mut image, &path, &shown);
        }
    }
    Some(image)
}

fn entry(number: usize, place: usize, step: &Step) -> Made {
    let Step { path, what } = step;
    let (folder, name) = path
        .rsplit_once('/')
        .map_or((String::new(), path.as_str()), |(folder, name)| (format!("{folder}/"), name));
    made(&match what {
        What::Directory => format!("{path}/"),
        What::File => format!("{path}: {number}.{place}"),
        What::Symlink(target) => format!("{path} -> {target}"),
        What::HardLink(target) => format!("{path} => {target}"),
        What::Whiteout => format!("{folder}.wh.{name}"),
        What::Opaque => format!("{path}/.wh..wh..opq"),
    })
}

/// Takes what stands at a path of an image of these layers: lines as the fixture shows them.
type Take = fn(&[Vec<Made>], &str) -> Result<Vec<String>, ExtractError>;

/// Compares what `take` takes of an image of these layers with what the model has.
fn check(layers: Vec<Vec<Step>>, from: &str, take: Take) -> Result<(), TestCaseError> {
    // Every link leads somewhere: those that do not are left out.
    let mut kept: Vec<Vec<Step>> = Vec::new();
    for layer in layers {
        kept.push(Vec::new());
        for step in layer {
            kept.last_mut().unwrap().push(step);
            if model(&kept).is_none() {
                kept.last_mut().unwrap().pop();
            }
        }
    }
    let image = model(&kept).unwrap();
    let leads_through_link = from
        .match_indices('/')
        .map(|(end, _)| &from[..end])
        .chain([from])
        .any(|path| image.get(path).is_some_and(|shown| shown.starts_with(" -> ")));
    prop_assume!(!leads_through_link);
    let below = format!("{from}/");
    let mut expected: Vec<_> = image
        .iter()
        .filter(|(path, _)| *path == from || path.starts_with(&below))
        .map(|(path, shown)| format!("/to{}{shown}", &path[from.len()..]))
        .collect();
    let entries: Vec<Vec<Made>> = kept
        .iter()
        .enumerate()
        .map(|(number, layer)| {
            layer.iter().enumerate().map(|(place, step)| entry(number, place, step)).collect()
        })
        .collect();
    let mut found = match take(&entries, &format!("/{from}")) {
        Err(ExtractError::Missing { .. }) => Vec::new(),
        taken => taken.unwrap(),
    };
    expected.sort();
    found.sort();
    prop_assert_eq!(found, expected, "{} of {:?}", from, kept);
    Ok(())
}

/// From blobs to a tree whose contents are read.
fn whole_way(layers: &[Vec<Made>], from: &str) -> Result<Vec<String>, ExtractError> {
    let mut bench = Bench::new();
    for layer in layers {
        bench.add(layer);
    }
    Ok(listed(&bench.extract(from, "/to")?.tree))
}

/// The same without a file: the origin of a content is what it holds.
fn in_memory(layers: &[Vec<Made>], from: &str) -> Result<Vec<String>, ExtractError> {
    let mut image = Overlay::default();
    for (number, layer) in layers.iter().enumerate() {
        image.add_layer(number, &tar(layer)[..], |_, _| ()).unwrap();
    }
    let root = find(&image, &path(from))?;
    let taken = select(&image, &root, &path(from))?;
    let shown = |(path, entry): (&String, &Entry<Origin>)| {
        let slash = if path.is_empty() { "" } else { "/" };
        let shown = match entry {
            Entry::Directory => "/".to_owned(),
            Entry::Symlink(target) => format!(" -> {target}"),
            Entry::File { content: Origin { layer, entry }, .. } => format!(": {layer}.{entry}"),
        };
        format!("/to{slash}{path}{shown}")
    };
    Ok(taken.iter().map(shown).collect())
}

fn any_layers() -> impl Strategy<Value = Vec<Vec<Step>>> {
    vec(vec(any_step(), 0..12), 1..5)
}

fn any_start() -> impl Strategy<Value = String> {
    prop_oneof![Just("a".to_owned()), any_path()]
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(1024))]

    #[test]
    fn any_image_is_what_the_model_says(layers in any_layers(), from in any_start()) {
        check(layers, &from, in_memory)?;
    }
}

proptest! {
    // Few, since the store waits for the disk.
    #![proptest_config(cases(32))]

    #[test]
    fn any_image_is_taken_as_the_model_says(layers in any_layers(), from in any_start()) {
        check(layers, &from, whole_way)?;
    }
}
