//! Keeps Python bytecode valid although the modification time of its source changes.
//!
//! A `.pyc` file contains the modification time and size of its source (PEP 3147; PEP 552 for the layout). Every file of an
//! image gets the same fixed time, which would make each `.pyc` stale: Lambda's file system is read-only, so Python would
//! compile the source again at every cold start. If a `.pyc` matches its source on disk, the fixed time is written into its
//! header. One that does not match is not changed: it must stay stale, or old code would run.

use std::io::{self, Cursor, Read};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use serde::{Deserialize, Serialize};

use super::LayerError;
use crate::project::ImagePath;
use crate::store::{Digest, Store};
use crate::tree::{BytecodeHeader, FileNode, Node, Tree, TreeError, source_of_bytecode};

/// The length of a header.
const HEADER: usize = BytecodeHeader::LENGTH;

/// The kind of the records of stale bytecode, by the key of the layer.
const RECORD: &str = "stale-bytecode-1";

/// The bytecode of a layer that does not match its source.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleBytecode {
    /// The number of files.
    pub files: u64,
    /// The first of them in the order of paths.
    pub first: Option<ImagePath>,
}

/// Compares the headers of all bytecode with the sources in the same tree, as they are in the layer, where everything has the
/// time `mtime`. Files are read once: the result is recorded for `key`, which is what [`super::key()`] returns for the tree.
///
/// # Errors
/// When a file cannot be read.
pub fn stale_bytecode(
    tree: &Tree,
    mtime: u64,
    key: &Digest,
    store: &Store,
) -> Result<StaleBytecode, LayerError> {
    if let Some(known) = store.record(RECORD, key) {
        return Ok(known);
    }
    let files: Vec<_> = tree.iter().filter_map(|(path, node)| with_source(path, node, tree)).collect();
    let is_stale = |(path, file, source): &(&ImagePath, &FileNode, &FileNode)| {
        let header = file.content.head(HEADER)?;
        let stale = BytecodeHeader::of(&header)
            .is_some_and(|header| !header.matches(source) && !header.matches_at(source, mtime));
        Ok::<_, TreeError>(stale.then(|| (*path).clone()))
    };
    let stale =
        files.into_par_iter().filter_map(|it| is_stale(&it).transpose()).collect::<Result<Vec<_>, _>>()?;
    let stale = StaleBytecode { files: stale.len() as u64, first: stale.into_iter().next() };
    if tree.has_reliable_times() {
        // The record only saves work, and the store may be read-only.
        let _unrecorded = store.write_record(RECORD, key, &stale);
    }
    Ok(stale)
}

/// The content of `file`, with an adjusted header if it is bytecode that matches its source in the same tree.
pub(super) fn adjust<'a>(
    mut content: impl Read + 'a,
    path: &ImagePath,
    tree: &Tree,
    file: &FileNode,
    mtime: u64,
) -> io::Result<Box<dyn Read + 'a>> {
    let Some(source) = source_of(path, tree).filter(|_| file.size >= HEADER as u64) else {
        return Ok(Box::new(content));
    };
    let mut header = [0; HEADER];
    content.read_exact(&mut header)?;
    if BytecodeHeader::of(&header).is_some_and(|header| header.matches(source)) {
        header[BytecodeHeader::MODIFIED].copy_from_slice(&BytecodeHeader::time(mtime));
    }
    Ok(Box::new(Cursor::new(header).chain(content)))
}

/// A bytecode file of a tree and its source in the same tree.
fn with_source<'a>(
    path: &'a ImagePath,
    node: &'a Node,
    tree: &'a Tree,
) -> Option<(&'a ImagePath, &'a FileNode, &'a FileNode)> {
    match node {
        Node::File(file) => Some((path, file, source_of(path, tree)?)),
        Node::Directory | Node::Symlink(_) => None,
    }
}

/// The source of bytecode in the same tree.
fn source_of<'a>(path: &ImagePath, tree: &'a Tree) -> Option<&'a FileNode> {
    match tree.get(&source_of_bytecode(path)?)? {
        Node::File(source) => Some(source),
        _ => None,
    }
}
