//! Trees of files as lists that can be compared: those of an image or a folder, or those that a test expects.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::image::sha256;

/// The entry at each path. Paths have no leading `/`.
pub(crate) type Files = BTreeMap<String, Entry>;

/// A file, folder or link. It has no time, since not all tools keep times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The permission bits.
    pub(crate) mode: u32,
    /// User and group, if they are compared.
    pub(crate) owner: Option<(u64, u64)>,
    pub(crate) node: Node,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Folder,
    /// The digest and size of the content.
    File(String, u64),
    Link(String),
    /// A device or another special file.
    Other(String),
}

impl Entry {
    pub(crate) fn folder(mode: u32) -> Self {
        Self { mode, owner: None, node: Node::Folder }
    }

    pub(crate) fn file(mode: u32, content: &[u8]) -> Self {
        Self { mode, owner: None, node: Node::File(sha256(content), content.len() as u64) }
    }

    pub(crate) fn link(target: &str) -> Self {
        Self { mode: 0o777, owner: None, node: Node::Link(target.to_owned()) }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.mode)?;
        if let Some((user, group)) = self.owner {
            write!(f, " {user}:{group}")?;
        }
        match &self.node {
            Node::Folder => write!(f, " folder"),
            Node::File(digest, size) => write!(f, " file of {size} bytes, {}", &digest[..12]),
            Node::Link(target) => write!(f, " link to {target:?}"),
            Node::Other(kind) => write!(f, " {kind}"),
        }
    }
}

/// Lists the contents of a folder, without owners.
pub(crate) fn listing(folder: &Path) -> Files {
    let mut files = Files::new();
    add(folder, "", &mut files);
    files
}

fn add(folder: &Path, prefix: &str, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().expect("a name in UTF-8"));
        let metadata = fs::symlink_metadata(&path).unwrap();
        let kind = metadata.file_type();
        let node = if kind.is_dir() {
            add(&path, &format!("{name}/"), files);
            Node::Folder
        } else if kind.is_file() {
            Node::File(sha256(&fs::read(&path).unwrap()), metadata.len())
        } else if kind.is_symlink() {
            Node::Link(fs::read_link(&path).unwrap().to_str().unwrap().to_owned())
        } else {
            Node::Other(format!("{kind:?}"))
        };
        files.insert(name, Entry { mode: metadata.mode() & 0o7777, owner: None, node });
    }
}

/// The same files without owners.
pub(crate) fn without_owners(files: &Files) -> Files {
    files.iter().map(|(path, entry)| (path.clone(), Entry { owner: None, ..entry.clone() })).collect()
}

/// Fails with the paths at which two lists differ.
pub(crate) fn assert_same(first: &str, one: &Files, second: &str, other: &Files) {
    if let Some(differences) = differences(first, one, second, other) {
        panic!("{differences}");
    }
}

/// The paths at which two lists differ, if there are any.
pub(crate) fn differences(first: &str, one: &Files, second: &str, other: &Files) -> Option<String> {
    let show = |entry: Option<&Entry>| entry.map_or_else(|| "nothing".to_owned(), Entry::to_string);
    let mut differences = Vec::new();
    for path in one.keys().chain(other.keys().filter(|path| !one.contains_key(*path))) {
        let (left, right) = (one.get(path), other.get(path));
        if left != right {
            differences.push(format!("{path:?}\n  {first}: {}\n  {second}: {}", show(left), show(right)));
        }
    }
    let number = differences.len();
    differences.truncate(40);
    (number > 0)
        .then(|| format!("{first} and {second} differ at {number} paths:\n{}", differences.join("\n")))
}
