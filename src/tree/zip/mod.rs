//! A zip archive as a tree, as Lambda would unpack it, or pip if it is a Python wheel.
//!
//! Archives come from many tools and from strangers. An entry with one sensible reading is accepted; where another
//! reading was possible, an adjustment is recorded. Everything else is rejected by name.
//!
//! | an entry | becomes |
//! | --- | --- |
//! | with a Unix mode | a directory, file or symbolic link by its mode; other types are rejected |
//! | without a mode, or from Windows without an `x` bit | a file, executable if it begins like a program |
//! | with a name that ends in `/` | a directory; directories need no entries |
//! | with the path of an earlier entry | the file at that path; the earlier entry is dropped |
//! | that an image cannot contain | an error, unless the entry is excluded |
//!
//! Nothing makes up for the faults of a wheel, since pip has one reading of it: links and repeated paths are errors, only a
//! mode makes a file executable, and nothing in it says what is left out.
//!
//! `entry_name` decides about names, `exclusions` about what is left out, `end_record` and `central_directory` about whole
//! archives, and `entry` verifies the bytes of entries. Files that other tools leave behind (`__MACOSX`) are ordinary files.

mod archive;
mod central_directory;
mod end_record;
mod entry;
mod entry_name;
mod exclusions;
mod fields;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

pub use archive::ZipArchive;
use central_directory::{EntryRecord, ListedArchive};
pub use entry::ZipEntry;
use entry_name::EntryName;
use exclusions::Exclusions;

use super::outward_link::{Outward, is_needless};
use super::path_rules::{abbreviated, join, leaves_root};
use super::{Content, FileNode, IMAGE_SIZE_LIMIT, Node, SPECIAL_BITS_REMOVED, Tree, TreeError, is_program};
use crate::finding::{Help, Setting};
use crate::fs::read_at_most;
use crate::project::{ImagePath, PATH_LIMIT, Source, SourceKind};
use crate::text::count;
use crate::units;

/// The types in a Unix mode (inode(7)).
const TYPE: u32 = 0o170_000;
const LINK: u32 = 0o120_000;
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;

/// Whose reading of an archive counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unpacker {
    /// Lambda, or the tools that unpack what it is given.
    Lambda,
    /// pip, for wheels.
    Pip,
}

/// Lists a zip archive.
pub(super) fn load(source: &Source, root: &ImagePath) -> Result<Tree, TreeError> {
    load_as(Unpacker::Lambda, source, root)
}

/// Lists a Python wheel.
pub(super) fn load_wheel(path: &Path, root: &ImagePath) -> Result<Tree, TreeError> {
    load_as(Unpacker::Pip, &Source::new(path.to_owned(), SourceKind::Zip), root)
}

fn load_as(unpacker: Unpacker, source: &Source, root: &ImagePath) -> Result<Tree, TreeError> {
    let archive = ZipArchive::open(&source.path)?;
    let records = central_directory::read(&archive)?;
    let listed = Arc::new(ListedArchive { archive, records });
    let mut exclusions = Exclusions::new(source)?;
    let mut entries = Vec::with_capacity(listed.records.len());
    for (index, record) in listed.records.iter().enumerate() {
        let name = read_name(&listed.archive, record)?;
        let kind = EntryKind::of(record, &name);
        let is_ignore_file = unpacker == Unpacker::Lambda
            && kind == EntryKind::File
            && exclusions.add_ignore_file(&name.path, || ZipEntry::new(&listed, index))?;
        if !is_ignore_file && !name.path.is_empty() {
            entries.push(Entry { name, kind, index });
        }
    }
    let all = entries.len();
    entries.retain(|entry| !exclusions.excludes(&entry.name.path, entry.kind == EntryKind::Directory));
    let mut tree = Tree::new();
    tree.left_out.by_patterns = entries.len() < all;
    let later_kinds = later_kinds(&entries);
    let mut builder = TreeBuilder {
        tree,
        nodes: Vec::with_capacity(entries.len()),
        listed: &listed,
        unpacker,
        root,
        size: 0,
        replaced: BTreeSet::new(),
        programs: SharedAdjustment::default(),
        cp437: SharedAdjustment::default(),
        backslashes: SharedAdjustment::default(),
    };
    for (entry, later_kind) in entries.into_iter().zip(later_kinds) {
        match later_kind {
            Some(kind) => builder.replace(&entry, kind)?,
            None => builder.add(&entry)?,
        }
    }
    listed.archive.check()?;
    builder.finish()
}

fn read_name(archive: &ZipArchive, record: &EntryRecord) -> Result<EntryName, TreeError> {
    let name = entry_name::normalise(record.name(), record.is_from_windows()).and_then(|name| {
        // The root needs no entry, and an entry with bytes is not the root.
        if name.path.is_empty() && record.size > 0 { Err("has no name") } else { Ok(name) }
    });
    name.map_err(|why| {
        let help = "create the archive again with names relative to its root";
        TreeError::unsuitable(abbreviated(&archive.name_of(record.name())), why, help)
    })
}

/// For each entry, the kind of the next one with the same path, if there is one.
fn later_kinds(entries: &[Entry]) -> Vec<Option<EntryKind>> {
    let mut kinds = HashMap::with_capacity(entries.len());
    let mut later: Vec<_> =
        entries.iter().rev().map(|entry| kinds.insert(entry.name.path.as_str(), entry.kind)).collect();
    later.reverse();
    later
}

/// An entry that is not excluded.
struct Entry {
    name: EntryName,
    kind: EntryKind,
    /// Which record of the archive it is.
    index: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EntryKind {
    Directory,
    File,
    Link,
    Special,
}

impl EntryKind {
    fn of(record: &EntryRecord, name: &EntryName) -> Self {
        let is_directory = name.is_directory || (record.is_dos_directory() && record.size == 0);
        match record.mode() & TYPE {
            LINK => Self::Link,
            DIRECTORY => Self::Directory,
            0 if is_directory => Self::Directory,
            REGULAR if name.is_directory => Self::Directory,
            0 | REGULAR => Self::File,
            _ => Self::Special,
        }
    }
}

/// Makes a tree of the entries of an archive.
struct TreeBuilder<'a> {
    tree: Tree,
    /// The nodes of the tree, which becomes a map when it is known how many there are: one that is filled node by node is
    /// half empty.
    nodes: Vec<(ImagePath, Node)>,
    listed: &'a Arc<ListedArchive>,
    unpacker: Unpacker,
    root: &'a ImagePath,
    /// The uncompressed size so far.
    size: u64,
    /// The paths of which an earlier entry was dropped.
    replaced: BTreeSet<ImagePath>,
    programs: SharedAdjustment,
    cp437: SharedAdjustment,
    backslashes: SharedAdjustment,
}

impl TreeBuilder<'_> {
    /// Drops an entry in favour of a later one with the same path, as tools do that unpack one entry after the other.
    fn replace(&mut self, entry: &Entry, later_kind: EntryKind) -> Result<(), TreeError> {
        let is_directory = entry.kind == EntryKind::Directory;
        if is_directory != (later_kind == EntryKind::Directory) {
            return Err(self.rejected(entry, "is both a directory and a file in the archive"));
        }
        if !is_directory {
            if self.unpacker == Unpacker::Pip {
                return Err(self.rejected(entry, "is in the wheel more than once"));
            }
            self.replaced.insert(self.path(entry)?);
        }
        Ok(())
    }

    fn add(&mut self, entry: &Entry) -> Result<(), TreeError> {
        let Entry { name, kind, index } = entry;
        let record = &self.listed.records[*index];
        let path = self.path(entry)?;
        let node = match kind {
            EntryKind::Directory if record.size > 0 => {
                return Err(self.rejected(entry, "is a directory but has content"));
            }
            EntryKind::Special => {
                return Err(
                    self.rejected(entry, "is a socket, pipe or device, which an image cannot contain")
                );
            }
            EntryKind::Link if self.unpacker == Unpacker::Pip => {
                return Err(self.rejected(entry, "is a symbolic link, which a wheel cannot contain"));
            }
            EntryKind::Directory => Some(Node::Directory),
            EntryKind::Link => self.link(entry, &path)?,
            EntryKind::File => Some(self.file(&path, *index)?),
        };
        let Some(node) = node else { return Ok(()) };
        if record.is_cp437 {
            self.cp437.add(&path);
        }
        if name.has_backslashes {
            self.backslashes.add(&path);
        }
        self.nodes.push((path, node));
        Ok(())
    }

    fn path(&self, entry: &Entry) -> Result<ImagePath, TreeError> {
        // Only a message needs the name.
        join(self.root, &entry.name.path, &fmt::from_fn(|f| f.write_str(&self.name_of(entry))))
    }

    /// How messages name an entry.
    fn name_of(&self, entry: &Entry) -> String {
        self.listed.archive.name_of(self.listed.records[entry.index].name())
    }

    fn rejected(&self, entry: &Entry, why: &str) -> TreeError {
        TreeError::unsuitable(self.name_of(entry), why, remove_entry())
    }

    /// The node of a link, unless nothing needs it.
    fn link(&mut self, entry: &Entry, path: &ImagePath) -> Result<Option<Node>, TreeError> {
        let bytes = ZipEntry::new(self.listed, entry.index)?;
        if bytes.size() > PATH_LIMIT as u64 {
            let why = "is a symbolic link to a path longer than 4095 bytes, the limit of Linux";
            return Err(self.rejected(entry, why));
        }
        let target =
            read_at_most(bytes.open()?, PATH_LIMIT as u64).map_err(|error| bytes.read_error(error))?;
        let Ok(target) = String::from_utf8(target) else {
            return Err(self.rejected(entry, "is a symbolic link to a path that is not UTF-8"));
        };
        if target.is_empty() || target.contains('\0') {
            return Err(self.rejected(entry, "is a symbolic link without a valid target"));
        }
        if leaves_root(&entry.name.path, &target) {
            if is_needless(&entry.name.path) {
                self.tree.leave_out_link(path, &target);
                return Ok(None);
            }
            let outward = Outward { path, target: &target, on_machine: None };
            self.tree.machine_links.extend(outward.machine_link().map(|what| (path.clone(), what)));
        }
        Ok(Some(Node::Symlink(target)))
    }

    fn file(&mut self, path: &ImagePath, index: usize) -> Result<Node, TreeError> {
        let record = &self.listed.records[index];
        self.size = self.size.saturating_add(record.size);
        if self.size > IMAGE_SIZE_LIMIT {
            return Err(TreeError::unsuitable(
                self.listed.archive.path().display(),
                format!("unpacks to more than {}, the limit for an image", units::limit(IMAGE_SIZE_LIMIT)),
                Help::from("remove files from it").or(Setting::Exclude),
            ));
        }
        let content = Content::Zip(ZipEntry::new(self.listed, index)?);
        let mode = record.mode();
        if mode & 0o6000 != 0 {
            self.tree.add_adjustment(path, SPECIAL_BITS_REMOVED);
        }
        let executable = if self.unpacker == Unpacker::Pip {
            // pip ignores a mode without a type.
            mode & TYPE == REGULAR && mode & 0o111 != 0
        } else if mode & 0o111 != 0 {
            true
        } else if mode != 0 && !record.is_from_windows() {
            false
        } else {
            // On Windows there is no such bit, so a bit that is not set means nothing.
            let is_program = is_program(&content.head(4)?);
            if is_program {
                self.programs.add(path);
            }
            is_program
        };
        Ok(Node::File(FileNode { executable, size: record.size, modified: record.modified(), content }))
    }

    fn finish(mut self) -> Result<Tree, TreeError> {
        self.tree.nodes = std::mem::take(&mut self.nodes).into_iter().collect();
        self.check_parents()?;
        for path in &self.replaced {
            self.tree.add_adjustment(path, "is in the archive more than once; the last entry was used");
        }
        self.cp437
            .record(&mut self.tree, "has a name in the archive that is not UTF-8 and was read as CP437");
        self.backslashes.record(
            &mut self.tree,
            "has `\\` in its name in the archive, which was read as `/`, as on Windows",
        );
        self.programs.record(
            &mut self.tree,
            "made executable: the archive has no permissions for it, and its first bytes are those of a program",
        );
        Ok(self.tree)
    }

    /// Makes sure that everything above a node is a directory.
    fn check_parents(&self) -> Result<(), TreeError> {
        let mut checked = None;
        for (path, _) in self.tree.iter() {
            let folder = path.parent();
            // In the order of paths, those of one folder are next to each other.
            if folder == checked {
                continue;
            }
            for parent in path.ancestors() {
                if let Some(node @ (Node::File(_) | Node::Symlink(_))) = self.tree.get(&parent) {
                    let below = path.as_str().strip_prefix(self.root.as_str()).unwrap_or(path.as_str());
                    return Err(TreeError::unsuitable(
                        self.listed.archive.name_of(below.trim_start_matches('/')),
                        format!("is below `{parent}`, which is a {} in the same archive", node.kind()),
                        remove_entry(),
                    ));
                }
            }
            checked = folder;
        }
        Ok(())
    }
}

/// What to do about an entry that an image cannot contain.
fn remove_entry() -> Help {
    Help::setting(Setting::Exclude).or("create the archive again without it")
}

/// An adjustment that may concern every entry of an archive and is recorded once.
#[derive(Debug, Default)]
struct SharedAdjustment {
    first: Option<ImagePath>,
    more: u64,
}

impl SharedAdjustment {
    fn add(&mut self, path: &ImagePath) {
        if self.first.is_some() {
            self.more += 1;
        } else {
            self.first = Some(path.clone());
        }
    }

    fn record(self, tree: &mut Tree, what: &str) {
        match (self.first, self.more) {
            (None, _) => {}
            (Some(path), 0) => tree.add_adjustment(&path, what),
            (Some(path), more) => {
                tree.add_adjustment(&path, &format!("{what} (and {})", count(more, "more file")));
            }
        }
    }
}
