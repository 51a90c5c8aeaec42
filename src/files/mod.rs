//! What is in an image: the files of its layers laid over each other by one set of rules, and where its links lead.
//!
//! An [`Overlay`] is read from layers; a [`FileIndex`] is the part of it that the store keeps. Nothing here knows where
//! Lambda looks for a file.

mod index;
mod layer_reader;
mod overlay;
mod resolve;
mod tar_entries;

pub use index::{FileIndex, IndexEntry};
pub use layer_reader::{LayerForm, LayerReadError, read_layer};
pub use overlay::{Origin, Overlay, OverlayEntry, OverlayFile, OverlayNode, is_whiteout};
pub use resolve::{Step, resolve};
pub use tar_entries::{TarEntries, TarEntry};

#[cfg(test)]
pub(crate) mod tests;
