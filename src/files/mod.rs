//! What is in an image: the entries of its layers laid over each other, limg's own trees over them, and where symbolic
//! links lead.
//!
//! Of files, only the parts are read that say what they are: the beginnings of programs, and the lists of installed
//! packages. Nothing here knows where Lambda looks for a file.

mod index;
mod merged;
mod program;
mod python_packages;
mod resolve;
mod source_tree;
mod tar_entries;

pub use index::{FileIndex, IndexEntry, IndexError};
pub(crate) use index::{Whiteout, entry_path, whiteout};
pub use merged::{Conflict, Found, LaidTree, Lower, Merge, Merged, Overwrite, Owner};
#[cfg(test)]
pub(crate) use program::tests::elf;
pub use program::{HEAD, Machine, Program};
pub use python_packages::recorded;
pub use resolve::{Step, follow};
pub use source_tree::SourceTree;
pub use tar_entries::{TarEntries, TarEntry};
#[cfg(test)]
pub(crate) use tests::base_of;

#[cfg(test)]
mod tests;
