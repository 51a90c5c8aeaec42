//! The packages of Python and Node.js in an image, and which of them each file belongs to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Layers;
use super::layers::Amount;
use crate::files::{Origin, Overlay, OverlayNode, node_package_folder, python_distribution};
use crate::project::ImagePath;
use crate::tree::source_of_bytecode;

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

/// All packages of an image.
pub(super) struct Packages<'a> {
    /// The packages, the largest first.
    pub(super) all: Vec<Package>,
    /// The positions of the packages in `all`, by their files.
    pub(super) of_files: BTreeMap<&'a ImagePath, usize>,
}

impl<'a> Packages<'a> {
    pub(super) fn of(read: &'a Layers) -> Self {
        let distributions = Distributions::of(read);
        let mut packages: BTreeMap<&str, (Package, Vec<&ImagePath>)> = BTreeMap::new();
        for (path, entry) in read.overlay.iter() {
            let (package, files) = if let Some(folder) = node_package_folder(path.as_str()) {
                packages.entry(folder).or_insert_with(|| (node_package(folder, read), Vec::new()))
            } else if let Some(metadata) = distributions.of_file(path) {
                packages.entry(metadata).or_insert_with(|| (python_package(metadata), Vec::new()))
            } else {
                continue;
            };
            package.amount += &entry.node;
            files.push(path);
        }
        let mut packages: Vec<_> = packages.into_values().collect();
        packages.sort_by(|(one, _), (other, _)| {
            (other.amount.size, &one.path).cmp(&(one.amount.size, &other.path))
        });
        let (mut all, mut of_files) = (Vec::new(), BTreeMap::new());
        for (position, (package, files)) in packages.into_iter().enumerate() {
            all.push(package);
            of_files.extend(files.into_iter().map(|path| (path, position)));
        }
        Self { all, of_files }
    }
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
