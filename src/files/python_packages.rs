//! What installed Python packages list of themselves.

use std::collections::BTreeSet;

use crate::fs;
use crate::project::{ImagePath, PATH_LIMIT};
use crate::tree::{FileNode, Node, Tree, TreeError};

/// The file in which an installed package lists its files.
const RECORD: &str = "RECORD";

/// The longest line of a list, in bytes: a path whose quotation marks are doubled, a checksum and a size.
const LONGEST_LINE: u64 = 3 * PATH_LIMIT as u64;

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
    let mut listed = BTreeSet::new();
    fs::for_each_line(record.content.open()?, LONGEST_LINE, |line| {
        // `join` rejects paths that climb out of the site's folder, such as those of scripts.
        listed.extend(site.join(first_field(line)).ok().filter(|path| tree.get(path).is_some()));
    })
    .map_err(TreeError::reading(&record.content))?;
    Ok(listed)
}

/// The first field of a line of comma-separated values. A name that contains a quotation mark is not worth a parser: it
/// counts as not listed.
fn first_field(line: &str) -> &str {
    match line.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => line.split(',').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::FileNode;

    #[test]
    fn a_list_of_any_length_is_read_to_its_end() {
        let folder: ImagePath = "/opt/python/a-1.dist-info".parse().unwrap();
        // One line of 17 MiB, and then one that names a file.
        let mut list = vec![b'x'; 17 * 1024 * 1024];
        list.extend(b"\na/last.py,sha256=x,1\r\n");
        let mut tree = Tree::new();
        let file = |bytes: &[u8]| Node::File(FileNode::of_bytes(bytes, false));
        tree.insert(folder.join("RECORD").unwrap(), file(&list));
        let module: ImagePath = "/opt/python/a/last.py".parse().unwrap();
        tree.insert(module.clone(), file(b"1"));
        assert!(recorded(&tree).unwrap().contains(&module));
    }
}
