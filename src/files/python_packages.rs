//! What installed Python packages list of themselves.

use std::collections::BTreeSet;

use crate::project::ImagePath;
use crate::tree::{FileNode, Node, Tree, TreeError};

/// The file in which an installed package lists its files.
const RECORD: &str = "RECORD";

/// Far more than the list of files of any package.
const RECORD_LIMIT: usize = 16 * 1024 * 1024;

/// Far more than the list of tags of any package.
const WHEEL_LIMIT: usize = 64 * 1024;

/// A Python package that came as a wheel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wheel {
    /// The folder of its metadata, `NAME-VERSION.dist-info`.
    pub metadata: ImagePath,
    /// The file in it that has the tags.
    pub file: ImagePath,
    /// The tags of what it is built for, such as `cp312-cp312-manylinux_2_17_x86_64`.
    pub tags: Vec<String>,
}

impl Wheel {
    /// The name of the package.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata.name().split('-').next().unwrap_or_default()
    }
}

/// The wheels of a tree, from their `WHEEL` files (binary distribution format, "File contents").
///
/// # Errors
/// When a file cannot be read.
pub(super) fn wheels(tree: &Tree) -> Result<Vec<Wheel>, TreeError> {
    let mut wheels = Vec::new();
    for (path, file) in metadata_files(tree, "WHEEL") {
        let Some(metadata) = path.parent() else { continue };
        let text = file.content.head(WHEEL_LIMIT)?;
        let text = String::from_utf8_lossy(&text);
        let tags = text.lines().filter_map(|line| line.strip_prefix("Tag:")).map(|tag| tag.trim().to_owned());
        wheels.push(Wheel { metadata, file: path.clone(), tags: tags.collect() });
    }
    Ok(wheels)
}

/// All paths that the `RECORD` files of a tree's Python packages list (Core metadata specifications, "Recording installed
/// projects"), with the folders of their metadata.
///
/// # Errors
/// When a file cannot be read.
pub fn recorded(tree: &Tree) -> Result<BTreeSet<ImagePath>, TreeError> {
    let mut recorded = BTreeSet::new();
    for (path, file) in metadata_files(tree, RECORD) {
        let Some(metadata) = path.parent() else { continue };
        recorded.extend(listed(tree, file, &metadata)?);
        recorded.insert(path.clone());
        recorded.insert(metadata);
    }
    Ok(recorded)
}

/// The paths that the `RECORD` file of one package lists.
///
/// # Errors
/// When the file cannot be read.
pub fn recorded_by(tree: &Tree, metadata: &ImagePath) -> Result<BTreeSet<ImagePath>, TreeError> {
    match metadata.join(RECORD).ok().and_then(|path| tree.get(&path)) {
        Some(Node::File(file)) => listed(tree, file, metadata),
        _ => Ok(BTreeSet::new()),
    }
}

/// The files of this name in the metadata of packages.
fn metadata_files<'a>(tree: &'a Tree, name: &'a str) -> impl Iterator<Item = (&'a ImagePath, &'a FileNode)> {
    tree.iter().filter_map(move |(path, node)| {
        let Node::File(file) = node else { return None };
        let text = path.as_str();
        // The end is compared first because it decides for nearly all files.
        let is_metadata =
            text.ends_with(name) && path.name() == name && path.folder().ends_with(".dist-info");
        is_metadata.then_some((path, file))
    })
}

fn listed(tree: &Tree, record: &FileNode, metadata: &ImagePath) -> Result<BTreeSet<ImagePath>, TreeError> {
    let Some(site) = metadata.parent() else { return Ok(BTreeSet::new()) };
    let text = record.content.head(RECORD_LIMIT)?;
    let text = String::from_utf8_lossy(&text);
    // `join` rejects paths that climb out of the site's folder, such as those of scripts.
    let paths = text.lines().filter_map(|line| site.join(first_field(line)).ok());
    Ok(paths.filter(|path| tree.get(path).is_some()).collect())
}

/// The first field of a line of comma-separated values. A name that contains a quotation mark is not worth a parser: it
/// counts as not listed.
fn first_field(line: &str) -> &str {
    match line.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => line.split(',').next().unwrap_or_default(),
    }
}
