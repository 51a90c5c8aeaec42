//! Python wheels as trees of image files, without unpacking them: `pip install --target`, but nothing is written, and what is
//! deflated stays deflated.
//!
//! A [`WheelName`] and a [`PythonTarget`] tell whether a wheel fits a function. A [`WheelArchive`] is a wheel that is read and
//! checked, and [`install`] lays several of them into one [`Tree`](crate::tree::Tree). The formats are those of the `PyPA`
//! specifications: binary distribution format, core metadata, entry points, recording installed projects, platform
//! compatibility tags.
//!
//! Wheels come from an index and are not trusted. The caller has compared each with the hash in the lock file; this room makes
//! sure that it is a wheel with one reading:
//!
//! | checked | when | costs |
//! | --- | --- | --- |
//! | names, sizes, types of all entries; that its metadata has the package and version of its name; that `RECORD` lists exactly these files, each with a hash | [`WheelArchive::read`] | its lists are read |
//! | every file has the hash in `RECORD` | [`WheelArchive::verify`] | everything is inflated |
//! | every file has the size and checksum in the zip | by the tree, when a file is read | nothing |
//!
//! `verify` is for the moment at which a wheel enters the store: later the bytes are those with the hash of the lock file.
//! Nothing here downloads, resolves requirements or knows where Lambda looks for packages.

mod archive;
mod console_script;
mod entry_points;
mod error;
mod headers;
mod install;
mod mismatch;
mod name;
mod placement;
mod record;
mod target;
#[cfg(test)]
mod tests;
mod version;

pub use archive::{DirectUrl, WheelArchive};
pub use entry_points::EntryPoint;
pub use error::WheelError;
pub use headers::Metadata;
pub use install::{FileConflict, Installation, install};
pub use mismatch::Mismatch;
pub use name::{InvalidWheelName, WheelName, normalised};
pub use target::PythonTarget;
