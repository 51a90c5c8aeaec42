//! What installed Python packages list of themselves.

use std::collections::BTreeSet;
use std::io::{self, Read};

use serde_json::Value;

use crate::fs;
use crate::project::{ImagePath, PATH_LIMIT};
use crate::tree::{FileNode, Node, Tree, TreeError};

/// The file in which an installed package lists its files.
const RECORD: &str = "RECORD";

/// The longest line of a list, in bytes: a path whose quotation marks are doubled, a checksum and a size.
const LONGEST_LINE: u64 = 3 * PATH_LIMIT as u64;

/// More than any of the other files that describe an installation.
const FILE_LIMIT: usize = 64 * 1024;

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

/// A Python package whose files are elsewhere, on the build machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditablePackage {
    /// The folder of its metadata, `NAME-VERSION.dist-info`.
    pub metadata: ImagePath,
    /// The folder of its files on the build machine.
    pub folder: String,
}

/// What a tree contains of Python packages. Their files are read once, for all functions that share the tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PythonPackages {
    /// Those that came as a wheel, from their `WHEEL` files (binary distribution format, "File contents").
    pub wheels: Vec<Wheel>,
    /// Those that are installed in editable mode, from their `direct_url.json` (`PyPA` specifications, "Recording the Direct
    /// URL Origin of installed distributions").
    pub editable: Vec<EditablePackage>,
    /// The absolute paths that each `.pth` file lists.
    pub listed_folders: Vec<(ImagePath, Vec<String>)>,
    /// The names of all packages with metadata, as the metadata has them.
    pub names: BTreeSet<String>,
    /// Whether there are modules at all.
    pub has_modules: bool,
}

impl PythonPackages {
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn of(tree: &Tree) -> Result<Self, TreeError> {
        let mut packages = Self::default();
        let mut last_folder = "";
        for (path, node) in tree.iter() {
            // Neighbours are often in the same folder.
            if std::mem::replace(&mut last_folder, path.folder()) != path.folder() {
                packages.names.extend(package_of_metadata(path.folder()));
            }
            let Node::File(file) = node else { continue };
            match path.suffix() {
                Some("py") => packages.has_modules = true,
                Some("dist-info" | "egg-info") => packages.names.extend(package_of_metadata(path.as_str())),
                Some("pth") => packages.listed_folders.push((path.clone(), listed_folders(file)?)),
                Some("json") if path.as_str().ends_with("/direct_url.json") => {
                    packages.editable.extend(EditablePackage::read(path, file)?);
                }
                None if path.as_str().ends_with("/WHEEL") => packages.wheels.extend(Wheel::read(path, file)?),
                _ => {}
            }
        }
        Ok(packages)
    }
}

impl Wheel {
    fn read(path: &ImagePath, file: &FileNode) -> Result<Option<Self>, TreeError> {
        let Some(metadata) = metadata_of(path) else { return Ok(None) };
        let text = read(file)?;
        let tags = text.lines().filter_map(|line| line.strip_prefix("Tag:")).map(|tag| tag.trim().to_owned());
        Ok(Some(Self { metadata, file: path.clone(), tags: tags.collect() }))
    }
}

impl EditablePackage {
    fn read(path: &ImagePath, file: &FileNode) -> Result<Option<Self>, TreeError> {
        let Some(metadata) = metadata_of(path) else { return Ok(None) };
        let origin: Value = serde_json::from_str(&read(file)?).unwrap_or_default();
        let is_editable = origin["dir_info"]["editable"] == Value::Bool(true);
        let folder = origin["url"].as_str().unwrap_or_default().trim_start_matches("file://").to_owned();
        Ok(is_editable.then_some(Self { metadata, folder }))
    }
}

/// The folder of metadata that has this file.
fn metadata_of(path: &ImagePath) -> Option<ImagePath> {
    path.parent().filter(|folder| folder.as_str().ends_with(".dist-info"))
}

/// The name of the package whose metadata is at a path: `NAME-VERSION.dist-info` or `NAME-VERSION.egg-info`.
#[must_use]
pub fn package_of_metadata(path: &str) -> Option<String> {
    let name = path.strip_suffix(".dist-info").or_else(|| path.strip_suffix(".egg-info"))?;
    let name = name.rsplit('/').next().unwrap_or(name);
    Some(name.split('-').next().unwrap_or(name).to_owned())
}

/// The lines of a `.pth` file that are absolute paths.
fn listed_folders(file: &FileNode) -> Result<Vec<String>, TreeError> {
    let text = read(file)?;
    Ok(text.lines().map(str::trim).filter(|line| line.starts_with('/')).map(str::to_owned).collect())
}

fn read(file: &FileNode) -> Result<String, TreeError> {
    Ok(String::from_utf8_lossy(&file.content.head(FILE_LIMIT)?).into_owned())
}

/// All paths that the `RECORD` files of a tree's Python packages list (Core metadata specifications, "Recording installed
/// projects"), with the folders of their metadata.
///
/// # Errors
/// When a file cannot be read.
pub fn recorded(tree: &Tree) -> Result<BTreeSet<ImagePath>, TreeError> {
    let mut recorded = BTreeSet::new();
    for (path, node) in tree.iter() {
        // The end decides for nearly all files.
        let metadata = path.as_str().ends_with("/RECORD").then(|| metadata_of(path)).flatten();
        let (Node::File(file), Some(metadata)) = (node, metadata) else { continue };
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

fn listed(tree: &Tree, record: &FileNode, metadata: &ImagePath) -> Result<BTreeSet<ImagePath>, TreeError> {
    let Some(site) = metadata.parent() else { return Ok(BTreeSet::new()) };
    let mut listed = BTreeSet::new();
    for_each_recorded(record.content.open()?, |name| {
        // `join` rejects paths that climb out of the site's folder, such as those of scripts.
        listed.extend(site.join(name).ok().filter(|path| tree.get(path).is_some()));
    })
    .map_err(TreeError::reading(&record.content))?;
    Ok(listed)
}

/// Calls `work` with each path that a `RECORD` file lists, relative to the folder that the package is installed in.
///
/// # Errors
/// When the file cannot be read.
pub fn for_each_recorded(record: impl Read, mut work: impl FnMut(&str)) -> io::Result<()> {
    fs::for_each_line(record, LONGEST_LINE, |line| work(first_field(line)))
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
