//! Keeps Python's bytecode valid although the time of its source changes.
//!
//! A `.pyc` file names the modification time and size of the source that it was compiled from (PEP 3147; PEP 552 for
//! the layout). Every file of an image gets the same fixed time, which would make each `.pyc` stale; on Lambda's
//! read-only file system it could never be replaced, and every cold start would compile anew. So where a `.pyc` fits its
//! source as it lies on disk, its header is made to name the fixed time. One that does not fit is left alone: it must
//! stay stale, or old code would run.

use std::io::{self, Cursor, Read};

use crate::project::ImagePath;
use crate::tree::{FileNode, Node, Tree, source_of_bytecode};

/// Magic number, flags, modification time, source size: four bytes each, little-endian.
const HEADER: usize = 16;

/// The content of `file`, its header adjusted if it is bytecode that fits its source in the same tree.
pub(super) fn refresh<'a>(
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
    // The format keeps the low 32 bits of both. Flags other than 0 mean that a hash stands in the place of the time.
    let fits =
        word(4) == 0 && word(8) == low_bits(modified.cast_unsigned()) && word(12) == low_bits(source.size);
    if fits {
        header[8..12].copy_from_slice(&low_bits(mtime).to_le_bytes());
    }
    Ok(Box::new(Cursor::new(header).chain(content)))
}

fn low_bits(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default()
}

/// The source of bytecode in the same tree, and when it was modified.
fn source_of<'a>(path: &ImagePath, tree: &'a Tree) -> Option<(&'a FileNode, i64)> {
    match tree.get(&source_of_bytecode(path)?)? {
        Node::File(source) => Some((source, source.modified?)),
        _ => None,
    }
}
