//! The Python sources of a tree that can have bytecode, and whether they have it.

use sha2::{Digest as _, Sha256};

use super::version::PythonVersion;
use crate::project::ImagePath;
use crate::store::Digest;
use crate::tree::{BytecodeHeader, FileNode, Node, Tree, TreeError};

/// The folder of bytecode next to sources (PEP 3147).
const FOLDER: &str = "__pycache__";

/// A source.
pub(super) struct Source<'a> {
    pub(super) path: &'a ImagePath,
    pub(super) file: &'a FileNode,
    /// Where Python looks for its bytecode.
    pub(super) bytecode: ImagePath,
    /// The bytecode that the tree has for it.
    existing: Option<&'a FileNode>,
}

/// The sources of a tree for a version of Python, in the order of their paths.
pub(super) fn of_tree<'a>(
    tree: &'a Tree,
    version: PythonVersion,
    is_wanted: &dyn Fn(&ImagePath) -> bool,
) -> Vec<Source<'a>> {
    let tag = version.tag();
    let source = |(path, node): (&'a ImagePath, &'a Node)| {
        let Node::File(file) = node else { return None };
        let module = path.name().strip_suffix(".py")?;
        // No module has a name with a full stop, and no other Python's packages are found.
        if module.is_empty() || module.contains('.') || is_of_other_version(path, version) || !is_wanted(path)
        {
            return None;
        }
        let folder = path.parent()?;
        let cache = folder.join(FOLDER).ok()?;
        // There may be something else.
        if !matches!(tree.get(&cache), None | Some(Node::Directory)) {
            return None;
        }
        let bytecode = cache.join(&format!("{module}.{tag}.pyc")).ok()?;
        let existing = match tree.get(&bytecode) {
            Some(Node::File(file)) => Some(file),
            Some(_) => return None,
            None => None,
        };
        Some(Source { path, file, bytecode, existing })
    };
    tree.iter().filter_map(source).collect()
}

/// Whether a path is in the folder of packages of another version, such as `/opt/python/lib/python3.11/site-packages`.
fn is_of_other_version(path: &ImagePath, version: PythonVersion) -> bool {
    let rest = path.as_str().strip_prefix("/opt/python/lib/python3.");
    let minor = rest.and_then(|rest| rest.split('/').next()?.parse().ok());
    minor.is_some_and(|minor: u32| minor != version.minor)
}

impl Source<'_> {
    /// Whether the tree has valid bytecode for it, where every file gets the time `mtime`.
    pub(super) fn is_compiled(&self, version: PythonVersion, mtime: u64) -> Result<bool, TreeError> {
        let Some(existing) = self.existing else { return Ok(false) };
        let header = BytecodeHeader::of(&existing.content.head(BytecodeHeader::LENGTH)?);
        Ok(header.is_some_and(|header| {
            let fits = header.matches(self.file) || header.matches_at(self.file, mtime);
            header.magic == version.magic && fits
        }))
    }
}

/// A digest of everything that the bytecode of sources depends on, as far as `stat` shows it. No file is read.
pub(super) fn key(sources: &[Source<'_>], version: PythonVersion, mtime: u64) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(format!("{version} {mtime}"));
    for source in sources {
        hasher.update(source.path.as_str());
        for file in [Some(source.file), source.existing] {
            hasher.update(b"\0");
            if let Some(file) = file {
                hasher.update(file.size.to_le_bytes());
                hasher.update(file.modified.unwrap_or_default().to_le_bytes());
                file.content.fingerprint(&mut hasher);
            }
        }
    }
    Digest::finish(hasher)
}
