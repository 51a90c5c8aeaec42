//! A zip archive as a tree, laid out as Lambda lays it out.
//!
//! Archives come from anywhere: from `zip`, from Windows, from build tools, from strangers. What has one sensible reading
//! is taken, and noted as an adjustment where another reading was possible; the rest is refused with the entry's name.
//!
//! | an entry | becomes |
//! | --- | --- |
//! | with a Unix mode | what its mode says: directory, file, symbolic link; other types are refused |
//! | without one, or from Windows without an `x` bit | a file, executable if it begins as programs do |
//! | whose name ends in `/` | a directory; directories need no entries |
//! | with the name of an earlier one | that entry, in place of the earlier one |
//! | that an image cannot hold | refused, unless it is excluded |
//!
//! `name` says what becomes of names, `ignored` what is left out, `central` which archives are none, and `archive` what is
//! checked when an entry is read. Files that other tools leave behind, such as `__MACOSX`, are taken like all others.

mod archive;
mod central;
mod ignored;
mod name;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::Arc;

use ::zip::System;

pub use archive::{ZipArchive, ZipEntry};
use central::Record;
use ignored::Ignored;
use name::Name;

use super::{
    Content, FileNode, Node, SIZE_LIMIT, SPECIAL_BITS_LOST, Tree, TreeError, begins_as_program, check_link,
    join,
};
use crate::project::{ImagePath, Source};

/// The longest target that a link can have (`PATH_MAX` of limits.h).
const TARGET_LIMIT: u64 = 4096;

/// What to do about an archive that its own tool made wrong.
const MAKE_AGAIN: &str = "exclude it, or make the archive again without it";

/// The types in a Unix mode (inode(7)).
const TYPE: u32 = 0o170_000;
const LINK: u32 = 0o120_000;
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;

/// A directory in DOS's attributes (APPNOTE.TXT 4.4.15).
const DOS_DIRECTORY: u32 = 0x10;

/// Lists a zip.
pub(super) fn load(source: &Source, root: &ImagePath) -> Result<Tree, TreeError> {
    let archive = ZipArchive::open(&source.path)?;
    let directory = central::read(&archive)?;
    let mut ignored = Ignored::new(source)?;
    let mut named = Vec::with_capacity(directory.records.len());
    for record in directory.records {
        let name = read_name(&archive, &record)?;
        let kind = Kind::of(&record, &name);
        let record = Arc::new(record);
        let is_patterns = kind == Kind::File
            && ignored.takes(&name.path, || ZipEntry::new(&archive, Arc::clone(&record)))?;
        if !is_patterns && !name.path.is_empty() {
            named.push((name, kind, record));
        }
    }
    let mut listing = Listing::new(&archive, root, &directory.repeated);
    for (name, kind, record) in named {
        if !ignored.leave_out(&name.path, kind == Kind::Directory) {
            listing.place(&name, kind, &record)?;
        }
    }
    listing.finish()
}

fn read_name(archive: &ZipArchive, record: &Record) -> Result<Name, TreeError> {
    let name = name::read(record.name(), from_windows(record)).and_then(|name| {
        // The root needs no entry; one with bytes is no directory.
        if name.path.is_empty() && record.size > 0 { Err("has no name") } else { Ok(name) }
    });
    name.map_err(|why| TreeError::Unsuitable {
        what: archive.name_of(record.name()),
        why: why.to_owned(),
        help: "make the archive again, with names relative to its root",
    })
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
    Link,
    Special,
}

impl Kind {
    fn of(record: &Record, name: &Name) -> Self {
        let dos_directory = record.attributes & DOS_DIRECTORY != 0 && record.size == 0;
        match mode(record) & TYPE {
            LINK => Self::Link,
            DIRECTORY => Self::Directory,
            0 if dos_directory || name.directory => Self::Directory,
            REGULAR if name.directory => Self::Directory,
            0 | REGULAR => Self::File,
            _ => Self::Special,
        }
    }
}

/// The Unix mode of an entry, or 0. On Windows too tools write one, to say that a file is executable or a link; other
/// systems have other things there.
fn mode(record: &Record) -> u32 {
    let has_mode = from_windows(record) || matches!(record.system, System::Unix | System::OsDarwin);
    if has_mode { record.attributes >> 16 } else { 0 }
}

/// Whether the archive says that it was made on DOS or Windows. Tools that say nothing say so too: DOS is number 0.
fn from_windows(record: &Record) -> bool {
    matches!(record.system, System::Dos | System::WindowsNTFS | System::VFAT)
}

/// A tree in the making.
struct Listing<'a> {
    tree: Tree,
    archive: &'a ZipArchive,
    root: &'a ImagePath,
    repeated: &'a BTreeSet<Box<[u8]>>,
    /// How many bytes there are so far, unpacked.
    size: u64,
    programs: Similar,
    guessed: Similar,
    backslashes: Similar,
}

impl<'a> Listing<'a> {
    fn new(archive: &'a ZipArchive, root: &'a ImagePath, repeated: &'a BTreeSet<Box<[u8]>>) -> Self {
        let (programs, guessed, backslashes) = (Similar::default(), Similar::default(), Similar::default());
        Self { tree: Tree::new(), archive, root, repeated, size: 0, programs, guessed, backslashes }
    }

    /// Adds an entry.
    fn place(&mut self, name: &Name, kind: Kind, record: &Arc<Record>) -> Result<(), TreeError> {
        let what = self.archive.name_of(record.name());
        let path = join(self.root, &name.path, &what)?;
        let unsuitable =
            |why: &str| Err(TreeError::Unsuitable { what, why: why.to_owned(), help: MAKE_AGAIN });
        let node = match kind {
            Kind::Directory if record.size > 0 => return unsuitable("is a directory, but has bytes"),
            Kind::Special => return unsuitable("is neither a file nor a directory nor a symbolic link"),
            Kind::Directory => Node::Directory,
            Kind::Link => self.link(name, record)?,
            Kind::File => self.file(&path, record)?,
        };
        let is_directory = |node: &Node| matches!(node, Node::Directory);
        match self.tree.get(&path) {
            Some(before) if is_directory(before) != is_directory(&node) => {
                return unsuitable("stands for a directory and for a file at once");
            }
            Some(_) if is_directory(&node) => return Ok(()),
            None if is_directory(&node) || !self.repeated.contains(&record.header_name) => {}
            _ => {
                self.tree.adjusted(&path, "the archive has several entries of this name; the last was taken");
            }
        }
        if record.guessed {
            self.guessed.add(&path);
        }
        if name.backslashes {
            self.backslashes.add(&path);
        }
        self.tree.insert(path, node);
        Ok(())
    }

    fn link(&self, name: &Name, record: &Arc<Record>) -> Result<Node, TreeError> {
        let entry = ZipEntry::new(self.archive, Arc::clone(record))?;
        let unsuitable = |why: &str| {
            Err(TreeError::Unsuitable { what: entry.to_string(), why: why.to_owned(), help: MAKE_AGAIN })
        };
        if record.size > TARGET_LIMIT {
            return unsuitable("is a symbolic link to a path longer than the 4096 bytes that Linux takes");
        }
        let mut target = Vec::new();
        entry
            .open()?
            .read_to_end(&mut target)
            .map_err(|source| TreeError::Read { what: entry.to_string(), source })?;
        let Ok(target) = String::from_utf8(target) else {
            return unsuitable("is a symbolic link to a path that is not UTF-8");
        };
        if target.is_empty() || target.contains('\0') {
            return unsuitable("is a symbolic link to something that is no path");
        }
        check_link(&name.path, &target, &entry)?;
        Ok(Node::Symlink(target))
    }

    fn file(&mut self, path: &ImagePath, record: &Arc<Record>) -> Result<Node, TreeError> {
        self.size = self.size.saturating_add(record.size);
        if self.size > SIZE_LIMIT {
            return Err(TreeError::Unsuitable {
                what: self.archive.path().display().to_string(),
                why: "unpacks to more than the 10 GiB that an image may hold".to_owned(),
                help: "put less into it or exclude some of it",
            });
        }
        let content = Content::Zip(ZipEntry::new(self.archive, Arc::clone(record))?);
        let mode = mode(record);
        if mode & 0o6000 != 0 {
            self.tree.adjusted(path, SPECIAL_BITS_LOST);
        }
        let executable = if mode & 0o111 != 0 {
            true
        } else if mode != 0 && !from_windows(record) {
            false
        } else {
            // Windows knows no such bit: that it is not set says nothing.
            let program = begins_as_program(&content.head(4)?);
            if program {
                self.programs.add(path);
            }
            program
        };
        Ok(Node::File(FileNode { executable, size: record.size, modified: record.modified, content }))
    }

    fn finish(mut self) -> Result<Tree, TreeError> {
        let mut checked = None;
        for (path, _) in self.tree.iter() {
            let folder = path.parent();
            // In order of paths, those of one folder come together.
            if folder == checked {
                continue;
            }
            let solid =
                |above: &ImagePath| self.tree.get(above).filter(|node| !matches!(node, Node::Directory));
            if let Some((above, node)) =
                path.ancestors().find_map(|above| Some((above.clone(), solid(&above)?)))
            {
                let below = path.as_str().strip_prefix(self.root.as_str()).unwrap_or(path.as_str());
                return Err(TreeError::Unsuitable {
                    what: self.archive.name_of(below.trim_start_matches('/')),
                    why: format!("is below `{above}`, which is a {node} in the same archive"),
                    help: MAKE_AGAIN,
                });
            }
            checked = folder;
        }
        // Nodes that came one by one leave room for others between them.
        self.tree.nodes = std::mem::take(&mut self.tree.nodes).into_iter().collect();
        self.guessed.tell(&mut self.tree, "its name in the archive is not UTF-8 and was read as CP437");
        self.backslashes.tell(&mut self.tree, "`\\` in its name was read as `/`, as Windows means it");
        self.programs.tell(
            &mut self.tree,
            "made executable: the archive does not say whether it is, and it begins as programs do",
        );
        Ok(self.tree)
    }
}

/// An adjustment that may befall every entry of an archive, and is told once.
#[derive(Debug, Default)]
struct Similar {
    first: Option<ImagePath>,
    more: usize,
}

impl Similar {
    fn add(&mut self, path: &ImagePath) {
        if self.first.is_some() {
            self.more += 1;
        } else {
            self.first = Some(path.clone());
        }
    }

    fn tell(self, tree: &mut Tree, what: &str) {
        match (self.first, self.more) {
            (None, _) => {}
            (Some(path), 0) => tree.adjusted(&path, what),
            (Some(path), more) => tree.adjusted(&path, &format!("{what} (so with {more} more)")),
        }
    }
}
