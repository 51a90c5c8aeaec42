//! Bytecode files of Python: which source one belongs to, and what its header says about that.

use super::default_excludes::BYTECODE_FOLDER;
use super::{FileNode, Node, Tree};
use crate::project::ImagePath;

/// The head of a bytecode file, as far as Python decides by it whether the file fits its source (PEP 552): magic number, flags,
/// and the time and size of the source or its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BytecodeHeader {
    /// The first two bytes of the magic number, which is that of one version of Python.
    pub magic: u16,
    /// The time of modification of the source. Time and size are stored modulo 2^32.
    modified: u32,
    size: u32,
}

impl BytecodeHeader {
    /// Magic number, flags, modification time, source size: four bytes each, little-endian.
    pub const LENGTH: usize = 16;

    /// Where the modification time is.
    pub const MODIFIED: std::ops::Range<usize> = 8..12;

    /// Reads the start of a file. Nothing if a hash takes the place of the time, which is so if the flags are not 0; or if it
    /// is not a whole header.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let magic = u16::from_le_bytes(bytes.get(..2)?.try_into().ok()?);
        (word(4)? == 0).then_some(Self { magic, modified: word(8)?, size: word(12)? })
    }

    /// Whether a source on disk has its time and size.
    #[must_use]
    pub fn matches(&self, source: &FileNode) -> bool {
        source.modified.is_some_and(|modified| self.is_of(source, low_bits(modified.cast_unsigned())))
    }

    /// Whether the source has its size, and would have its time if that were `mtime`.
    #[must_use]
    pub fn matches_at(&self, source: &FileNode, mtime: u64) -> bool {
        self.is_of(source, low_bits(mtime))
    }

    /// The bytes of a time in a header.
    #[must_use]
    pub fn time(mtime: u64) -> [u8; 4] {
        low_bits(mtime).to_le_bytes()
    }

    fn is_of(&self, source: &FileNode, modified: u32) -> bool {
        self.size == low_bits(source.size) && self.modified == modified
    }
}

fn low_bits(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default()
}

impl Tree {
    /// Removes the bytecode whose source is in the tree, and the folders that this leaves empty.
    pub fn strip_bytecode(&mut self) {
        let has_source = |(path, node): &(&ImagePath, &Node)| {
            let source = source_of_bytecode(path).and_then(|source| self.get(&source));
            matches!((node, source), (Node::File(_), Some(Node::File(_))))
        };
        let bytecode: Vec<ImagePath> = self.iter().filter(has_source).map(|(path, _)| path.clone()).collect();
        for path in &bytecode {
            self.nodes.remove(path);
        }
        for folder in bytecode.iter().filter_map(ImagePath::parent) {
            if folder.name() == BYTECODE_FOLDER && self.below(folder.as_str()).next().is_none() {
                self.nodes.remove(&folder);
            }
        }
    }
}

/// The Python source of a bytecode file: `DIR/NAME.py` of `DIR/__pycache__/NAME.TAG.pyc` or of `DIR/NAME.pyc` (PEP
/// 3147). Nothing for other files.
#[must_use]
pub fn source_of_bytecode(path: &ImagePath) -> Option<ImagePath> {
    // Checked first because it decides for nearly all files.
    let name = path.as_str().strip_suffix(".pyc")?.rsplit('/').next()?;
    let module = name.split('.').next().filter(|module| !module.is_empty())?;
    let folder = path.parent()?;
    let folder = if folder.name() == BYTECODE_FOLDER { folder.parent()? } else { folder };
    folder.join(&format!("{module}.py")).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(size: u64, modified: Option<i64>) -> FileNode {
        FileNode { size, modified, ..FileNode::of_bytes(b"", false) }
    }

    #[test]
    fn bytecode_with_its_source_is_stripped_and_folders_that_it_leaves_empty() {
        let mut tree = Tree::new();
        for path in [
            "/a/m.py",
            "/a/m.pyc",
            "/a/__pycache__/m.cpython-312.pyc",
            "/b/__pycache__/n.cpython-312.pyc",
            "/a/alone.pyc",
            "/a/data.bin",
        ] {
            tree.insert(path.parse().unwrap(), Node::File(file(1, None)));
        }
        for path in ["/a/__pycache__", "/b/__pycache__"] {
            tree.insert(path.parse().unwrap(), Node::Directory);
        }
        tree.strip_bytecode();
        let paths: Vec<_> = tree.iter().map(|(path, _)| path.as_str()).collect();
        let left =
            ["/a/alone.pyc", "/a/data.bin", "/a/m.py", "/b/__pycache__", "/b/__pycache__/n.cpython-312.pyc"];
        assert_eq!(paths, left);
    }

    proptest! {
        #[test]
        fn a_header_fits_the_time_and_size_that_it_contains(
            magic in any::<u16>(), flags in 0_u32..4, time in any::<u32>(), size in any::<u32>(),
            high in 0_u64..3, rest in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let head = [&magic.to_le_bytes()[..], b"\r\n", &flags.to_le_bytes(), &time.to_le_bytes(), &size.to_le_bytes()];
            let bytes = [&head.concat()[..], &rest].concat();
            for length in 0..BytecodeHeader::LENGTH {
                prop_assert_eq!(BytecodeHeader::of(&bytes[..length]), None);
            }
            let header = BytecodeHeader::of(&bytes);
            prop_assert_eq!(header.is_some(), flags == 0, "a hash is in the place of the time");
            let Some(header) = header else { return Ok(()) };
            prop_assert_eq!(header.magic, magic);
            let source = |size: u64, time: i64| file(size, Some(time));
            let (long, time) = (u64::from(size) + (high << 32), i64::from(time));
            prop_assert!(header.matches(&source(long, time)) && header.matches(&source(long, time + (1 << 32))));
            prop_assert!(!header.matches(&source(long + 1, time)) && !header.matches(&source(long, time + 1)));
            prop_assert!(!header.matches(&file(long, None)));
            prop_assert!(header.matches_at(&file(long, None), time.cast_unsigned()));
        }
    }
}
