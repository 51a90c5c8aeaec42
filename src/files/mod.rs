//! What is in an image: its layers laid over each other by one set of rules, limg's own trees over them, and where symbolic
//! links lead.
//!
//! An [`Overlay`] is read from layers, a [`FileIndex`] is the part of it that the store keeps, and [`Merged`] adds trees. Of
//! files, only the parts are read that show what they are: the beginnings of programs, and the lists of installed packages.
//! Nothing here knows where Lambda looks for a file.

mod binary;
mod elf_dynamic;
mod elf_facts;
mod elf_links;
mod entry_path;
mod file_facts;
mod file_state;
mod image_files;
mod index;
mod javascript_imports;
mod layer_reader;
mod merged;
mod overlay;
mod packages;
mod program;
mod python_imports;
mod python_packages;
mod resolve;
mod secret_files;
mod source_tree;
mod tar_entries;
mod target;

pub use binary::Binary;
pub use elf_facts::ElfFacts;
#[cfg(test)]
pub(crate) use elf_facts::tests::elf_file;
#[cfg(test)]
pub(crate) use elf_links::tests::linked;
pub use elf_links::{Libc, NodeInterface, program_libc};
pub use entry_path::{entry_path, is_whiteout};
pub use file_state::FileState;
pub use image_files::{FileContent, FileProgram, ImageFiles, LayerFacts, PackageMetadata};
pub use index::{FileIndex, IndexEntry};
pub use javascript_imports::JavaScriptImports;
pub use layer_reader::{LayerForm, LayerReadError, read_layer};
pub use merged::{Conflict, Found, LaidTree, Lower, Merge, Merged, Overwrite, Owner};
pub use overlay::{HiddenEntry, Hiding, Origin, Overlay, OverlayEntry, OverlayFile, OverlayNode};
pub use packages::{node_manifest, node_package_folder, python_distribution};
pub use program::{HEAD, Program, ScriptFault};
pub use python_imports::{PythonImport, PythonImports, PythonModule};
pub use python_packages::{
    EditablePackage, PythonPackages, Wheel, for_each_recorded, package_of_metadata, recorded, recorded_by,
};
pub use resolve::{DeadEnd, Step, resolve, trace};
pub use source_tree::SourceTree;
pub use tar_entries::{RawEntry, TarEntries, TarEntry};
#[cfg(test)]
pub(crate) use target::tests::{elf, mach_o, windows};
pub use target::{Machine, Target};
#[cfg(test)]
pub(crate) use tests::fixture::{TestEntry, entry, gzip, parsed, tar};
#[cfg(test)]
pub(crate) use tests::{base_of, base_of_entries, index_of};

#[cfg(test)]
pub(crate) mod tests;
