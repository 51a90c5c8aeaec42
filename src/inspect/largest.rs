//! The largest files and packages of an image.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Layers;
use super::layers::{Amount, FileEntry};
use crate::files::{Origin, Overlay, OverlayEntry, OverlayNode, node_package_folder, python_distribution};
use crate::project::ImagePath;
use crate::tree::source_of_bytecode;

/// The largest files and packages.
#[derive(Debug, Serialize)]
pub(crate) struct Largest {
    /// The files, the largest first.
    pub files: Vec<FileEntry>,
    /// The packages of Python and Node.js, the largest first.
    pub packages: Vec<Package>,
}

/// A package.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Package {
    /// `python` or `node`.
    pub language: &'static str,
    /// Its name.
    pub name: String,
    /// Its version, if its metadata has it.
    pub version: Option<String>,
    /// The folder of its metadata in Python, and of its files in Node.js.
    pub path: String,
    /// Its files. Those of packages of Node.js in it do not count.
    #[serde(flatten)]
    pub amount: Amount,
}

impl Largest {
    pub(super) fn of(read: &Layers, number: usize) -> Self {
        let size = |entry: &OverlayEntry| match &entry.node {
            OverlayNode::File(file) => file.size,
            _ => 0,
        };
        let files = read.overlay.iter().filter(|(_, entry)| matches!(entry.node, OverlayNode::File(_)));
        let mut files: Vec<_> = files.collect();
        files.sort_by_key(|(path, entry)| (Reverse(size(entry)), *path));
        files.truncate(number);
        let mut packages = packages(read);
        packages.sort_by(|one, other| (other.amount.size, &one.path).cmp(&(one.amount.size, &other.path)));
        packages.truncate(number);
        let file = |(path, entry): (&ImagePath, &OverlayEntry)| FileEntry::new(path.as_str(), entry, None);
        Self { files: files.into_iter().map(file).collect(), packages }
    }
}

/// All packages of an image.
fn packages(read: &Layers) -> Vec<Package> {
    let distributions = Distributions::of(read);
    let mut packages: BTreeMap<&str, Package> = BTreeMap::new();
    for (path, entry) in read.overlay.iter() {
        if let Some(folder) = node_package_folder(path.as_str()) {
            let package = packages.entry(folder).or_insert_with(|| node_package(folder, read));
            package.amount += &entry.node;
        } else if let Some(metadata) = distributions.of_file(path) {
            let package = packages.entry(metadata).or_insert_with(|| python_package(metadata));
            package.amount += &entry.node;
        }
    }
    packages.into_values().collect()
}

fn node_package(folder: &str, read: &Layers) -> Package {
    let manifest = match read.overlay.get(&format!("{folder}/package.json")).map(|entry| &entry.node) {
        Some(OverlayNode::File(file)) => read.contents.node_packages.get(&file.origin),
        _ => None,
    };
    let name = || folder.rsplit("node_modules/").next().unwrap_or_default().to_owned();
    let (name, version) =
        manifest.cloned().map_or_else(|| (name(), None), |(name, version)| (name, Some(version)));
    Package { language: "node", name, version, path: folder.to_owned(), amount: Amount::default() }
}

fn python_package(metadata: &str) -> Package {
    let (name, version) = python_distribution(metadata).unwrap_or_default();
    let path = metadata.to_owned();
    Package { language: "python", name, version: Some(version), path, amount: Amount::default() }
}

/// Which distribution of Python a file belongs to.
#[derive(Default)]
struct Distributions<'a> {
    /// The folders of their metadata, by the files that they list.
    listed: BTreeMap<ImagePath, &'a str>,
    /// The same, by their folders and modules, of distributions that list nothing.
    guessed: BTreeMap<String, &'a str>,
}

impl<'a> Distributions<'a> {
    fn of(read: &'a Layers) -> Self {
        let mut found = Self::default();
        let folders: BTreeSet<&str> = read
            .overlay
            .iter()
            .map(|(path, _)| path.folder())
            .filter(|folder| python_distribution(folder).is_some())
            .collect();
        for metadata in folders {
            let (site, name) = metadata.rsplit_once('/').unwrap_or(("", metadata));
            let listed =
                record(&read.overlay, metadata).and_then(|origin| read.contents.records.get(&origin));
            if let Some(paths) = listed {
                let site: Option<ImagePath> = site.parse().ok();
                // `join` rejects paths that climb out of the folder, such as those of scripts.
                let paths = paths.iter().filter_map(|path| match &site {
                    Some(site) => site.join(path).ok(),
                    None => format!("/{path}").parse().ok(),
                });
                for path in paths {
                    found.listed.entry(path).or_insert(metadata);
                }
            } else {
                let module = name.split('-').next().unwrap_or_default();
                found.guessed.insert(format!("{site}/{module}"), metadata);
                found.guessed.insert(format!("{site}/{module}.py"), metadata);
            }
            found.guessed.insert(metadata.to_owned(), metadata);
        }
        found
    }

    /// The folder of the metadata of the distribution that a file belongs to. Bytecode belongs to that of its source.
    fn of_file(&self, path: &ImagePath) -> Option<&'a str> {
        let listed = |path: &ImagePath| self.listed.get(path).copied();
        let guessed = || {
            let folders = path.ancestors();
            let mut places = folders.chain([path.clone()]);
            places.find_map(|place| self.guessed.get(place.as_str()).copied())
        };
        listed(path).or_else(|| listed(&source_of_bytecode(path)?)).or_else(guessed)
    }
}

/// The entry that has the list of a distribution's files.
fn record(overlay: &Overlay, metadata: &str) -> Option<Origin> {
    match &overlay.get(&format!("{metadata}/RECORD"))?.node {
        OverlayNode::File(file) => Some(file.origin),
        _ => None,
    }
}
