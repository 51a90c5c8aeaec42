//! Keeps Python bytecode valid although the modification time of its source changes.
//!
//! A `.pyc` file contains the modification time and size of its source (PEP 3147; PEP 552 for the layout). Every file of an
//! image gets the same fixed time, which would make each `.pyc` stale: Lambda's file system is read-only, so Python would
//! compile the source again at every cold start. If a `.pyc` matches its source on disk, the fixed time is written into its
//! header. One that does not match is not changed: it must stay stale, or old code would run.

use std::io::{self, Cursor, Read};

use crate::project::ImagePath;
use crate::tree::{FileNode, Node, Tree, source_of_bytecode};

/// Magic number, flags, modification time, source size: four bytes each, little-endian.
const HEADER: usize = 16;

/// The content of `file`, with an adjusted header if it is bytecode that matches its source in the same tree.
pub(super) fn adjust<'a>(
    mut content: impl Read + 'a,
    path: &ImagePath,
    tree: &Tree,
    file: &FileNode,
    mtime: u64,
) -> io::Result<Box<dyn Read + 'a>> {
    let Some((source, modified)) = source_of(path, tree).filter(|_| file.size >= HEADER as u64) else {
        return Ok(Box::new(content));
    };
    let mut header = [0; HEADER];
    content.read_exact(&mut header)?;
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    // Time and size are stored modulo 2^32. If the flags are not 0, a hash takes the place of the time.
    let matches =
        word(4) == 0 && word(8) == low_bits(modified.cast_unsigned()) && word(12) == low_bits(source.size);
    if matches {
        header[8..12].copy_from_slice(&low_bits(mtime).to_le_bytes());
    }
    Ok(Box::new(Cursor::new(header).chain(content)))
}

fn low_bits(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default()
}

/// The source of bytecode in the same tree, and its modification time.
fn source_of<'a>(path: &ImagePath, tree: &'a Tree) -> Option<(&'a FileNode, i64)> {
    match tree.get(&source_of_bytecode(path)?)? {
        Node::File(source) => Some((source, source.modified?)),
        _ => None,
    }
}
