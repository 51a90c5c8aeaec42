//! What is in an image: the entries of its layers laid over each other, and where its symbolic links lead.
//!
//! No file content is read here, and nothing here knows where Lambda looks for a file.

mod index;
mod resolve;
mod tar_entries;

pub use index::{FileIndex, IndexEntry, IndexError};
pub(crate) use index::{Whiteout, entry_path, whiteout};
pub use resolve::{Step, follow};
pub use tar_entries::{TarEntries, TarEntry};
#[cfg(test)]
pub(crate) use tests::base_of;

#[cfg(test)]
mod tests;
