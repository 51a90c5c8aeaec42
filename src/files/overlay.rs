//! The layers of an image laid over each other: what is at each path, and which layer and entry it comes from.
//!
//! Whiteouts, opaque directories, hard links and paths that change their type follow the OCI image specification (layer.md,
//! "Applying Changesets") and overlayfs, with which Docker and containerd mount the layers. File contents are not read.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};
use std::ops::Bound;

use serde::Serialize;

use super::entry_path::{Whiteout, entry_path, whiteout};
use super::index::{FileIndex, IndexEntry};
use super::layer_reader::{LayerForm, LayerReadError, read_layer};
use super::resolve::{DeadEnd, Step, trace};
use super::tar_entries::{MORE_THAN_LIMG_LISTS, TarEntries, TarEntry};
use crate::project::{ImagePath, PATH_LIMIT, why_not_on_linux};
use crate::store::{Blob, Digest};
use crate::tree::{LISTED_PATH, LISTING_LIMIT};

/// The merged view of an image's layers.
#[derive(Debug, Default, Clone)]
pub struct Overlay {
    /// Every folder above an entry is a directory here, whether or not a layer names it.
    entries: BTreeMap<ImagePath, OverlayEntry>,
    /// How many layers have been added.
    layers: u32,
    /// What the entries of all layers count against the limit of a listing.
    pub(super) listed: usize,
    /// What is hidden, if that is kept.
    hidden: Option<Vec<HiddenEntry>>,
}

/// An entry that a higher layer hides, or a later entry of its own layer.
#[derive(Debug, Clone)]
pub struct HiddenEntry {
    /// Its path.
    pub path: ImagePath,
    /// What it is, and its layer.
    pub entry: OverlayEntry,
    /// The number of the layer that hides it.
    pub by: u32,
    /// How.
    pub how: Hiding,
}

/// How an entry is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hiding {
    /// A whiteout deletes it, or a folder above.
    Deleted,
    /// Another entry takes its place, or that of a folder above.
    Replaced,
    /// It is a directory, and another one at its path adds to it and sets the mode.
    Merged,
}

/// What is at a path.
#[derive(Debug, Clone)]
pub struct OverlayEntry {
    /// The number of the layer that it comes from, the lowest being 0.
    pub layer: u32,
    /// What it is.
    pub node: OverlayNode,
}

/// A directory, file, link or something else.
#[derive(Debug, Clone)]
pub enum OverlayNode {
    /// A directory with its permission bits; `None` if no layer names it and it exists only because of what is below it.
    Directory(Option<u32>),
    /// A file or a hard link to one.
    File(OverlayFile),
    /// A symbolic link and its target.
    Symlink(Box<str>),
    /// Something that limg does not put into a layer, and why: a clause that follows its path.
    Unsupported(&'static str),
}

/// A file. A hard link has everything from the file that it links to.
#[derive(Debug, Clone)]
pub struct OverlayFile {
    /// The entry that has its content.
    pub origin: Origin,
    /// Its permission bits.
    pub mode: u32,
    /// Its size in bytes.
    pub size: u64,
    /// Whether the archive leaves out its holes, and the entry does not have the whole content.
    pub is_sparse: bool,
}

/// An entry of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The number of the layer, the lowest being 0.
    pub layer: u32,
    /// The number of the entry in its layer, the first being 0.
    pub entry: u32,
}

/// The entries of one layer, before they are laid over the layers below.
struct Layer<'a> {
    number: u32,
    nodes: Vec<(ImagePath, OverlayNode)>,
    /// Where each path last occurs in `nodes`, once there is a hard link that may be to one of them.
    positions: Option<HashMap<ImagePath, usize>>,
    below: &'a BTreeMap<ImagePath, OverlayEntry>,
}

impl Overlay {
    /// An empty view that keeps what higher layers hide.
    #[must_use]
    pub fn keeping_hidden() -> Self {
        Self { hidden: Some(Vec::new()), ..Self::default() }
    }

    /// What higher layers hide, in the order in which it was hidden, if that is kept.
    #[must_use]
    pub fn hidden(&self) -> &[HiddenEntry] {
        self.hidden.as_deref().unwrap_or_default()
    }

    /// Lays the next layer, whose blob is read and checked as by [`read_layer`], over the layers so far. `see` is as in
    /// [`add_layer`](Self::add_layer).
    ///
    /// # Errors
    /// When the layer is damaged or cannot be read, or as in [`add_layer`](Self::add_layer).
    pub fn add_blob(
        &mut self,
        blob: &Blob,
        digest: &Digest,
        diff_id: &Digest,
        see: impl FnMut(&TarEntry, Option<&ImagePath>, &mut dyn Read) -> io::Result<()>,
    ) -> Result<LayerForm, LayerReadError> {
        let failed = |source| LayerReadError::Tar { layer: digest.clone(), source };
        let work = |tar: &mut dyn Read| self.add_layer(tar, see).map_err(failed);
        read_layer(blob, digest, diff_id, work).map(|((), form)| form)
    }

    /// Lays the next layer, an uncompressed tar stream, over the layers so far. `see` is shown every entry, its path, and its
    /// content, which need not be read. The path is `None` for the root and for names that lead out of the image: extractors
    /// place neither.
    ///
    /// # Errors
    /// When the stream is not a tar archive, a path is too long, the layers together have more files than limg lists, or `see`
    /// fails.
    pub fn add_layer(
        &mut self,
        tar: impl Read,
        mut see: impl FnMut(&TarEntry, Option<&ImagePath>, &mut dyn Read) -> io::Result<()>,
    ) -> io::Result<()> {
        let number = self.layers;
        let mut entries = TarEntries::after(self.listed, tar);
        let mut layer = Layer { number, nodes: Vec::new(), positions: None, below: &self.entries };
        let mut whiteouts = Vec::new();
        let mut position = 0;
        while let Some(entry) = entries.next_entry()? {
            let path = entry_path(&entry.name);
            see(&entry, path.as_ref(), &mut entries)?;
            if let Some(path) = path {
                if let Some(why) = why_not_on_linux(path.as_str()) {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, format!("an entry {why}")));
                }
                match whiteout(&path) {
                    Some(whiteout) => whiteouts.push(whiteout),
                    None => layer.push(path, position, entry),
                }
            }
            position += 1;
        }
        self.listed = entries.listed();
        let nodes = layer.nodes;
        // Whiteouts hide what lower layers have, wherever in their own layer they are.
        for whiteout in whiteouts {
            match whiteout {
                Whiteout::Below(folder) => {
                    self.remove_below(folder.as_ref().map_or("", ImagePath::as_str), number, Hiding::Deleted);
                }
                Whiteout::At(path) => {
                    self.remove_below(path.as_str(), number, Hiding::Deleted);
                    if let Some(entry) = self.entries.remove(&path) {
                        self.hide(path, entry, number, Hiding::Deleted);
                    }
                }
                Whiteout::Nothing => {}
            }
        }
        for (path, node) in nodes {
            self.place(path, OverlayEntry { layer: number, node });
            // The folders that only the paths of others imply count too.
            if self.listed > LISTING_LIMIT {
                return Err(io::Error::new(io::ErrorKind::InvalidData, MORE_THAN_LIMG_LISTS));
            }
        }
        self.layers += 1;
        Ok(())
    }

    fn place(&mut self, path: ImagePath, entry: OverlayEntry) {
        if !self.is_directory(path.folder()) {
            self.make_folders(&path, entry.layer);
        }
        let (by, is_directory) = (entry.layer, matches!(entry.node, OverlayNode::Directory(_)));
        match self.entries.entry(path) {
            Entry::Vacant(vacant) => drop(vacant.insert(entry)),
            Entry::Occupied(mut occupied) => {
                let replaced = occupied.insert(entry);
                let was_directory = matches!(replaced.node, OverlayNode::Directory(_));
                if was_directory && !is_directory {
                    let path = occupied.key().clone();
                    self.remove_below(path.as_str(), by, Hiding::Replaced);
                    self.hide(path, replaced, by, Hiding::Replaced);
                } else if self.hidden.is_some() {
                    let path = occupied.key().clone();
                    let how = if was_directory { Hiding::Merged } else { Hiding::Replaced };
                    self.hide(path, replaced, by, how);
                }
            }
        }
    }

    fn hide(&mut self, path: ImagePath, entry: OverlayEntry, by: u32, how: Hiding) {
        if let Some(hidden) = &mut self.hidden {
            hidden.push(HiddenEntry { path, entry, by, how });
        }
    }

    /// Makes the folders above a path that no layer names, also where a lower layer has a file or link: a layer is unpacked
    /// into a folder of its own, and there they are directories.
    fn make_folders(&mut self, path: &ImagePath, layer: u32) {
        let mut above = path.parent();
        while let Some(folder) = above.filter(|folder| !self.is_directory(folder.as_str())) {
            above = folder.parent();
            self.listed += folder.as_str().len() + LISTED_PATH;
            let implied = OverlayEntry { layer, node: OverlayNode::Directory(None) };
            if let Some(replaced) = self.entries.insert(folder.clone(), implied) {
                self.hide(folder, replaced, layer, Hiding::Replaced);
            }
        }
    }

    /// Removes everything below a folder, since the layer `by` hides it.
    fn remove_below(&mut self, folder: &str, by: u32, how: Hiding) {
        let below: Vec<ImagePath> = self.below(folder).map(|(path, _)| path.clone()).collect();
        for path in below {
            if let Some(entry) = self.entries.remove(&path) {
                self.hide(path, entry, by, how);
            }
        }
    }

    /// What is at a path itself, without following links.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&OverlayEntry> {
        self.entries.get(path)
    }

    /// Everything, in the byte order of the paths: a folder always comes before its content.
    pub fn iter(&self) -> impl Iterator<Item = (&ImagePath, &OverlayEntry)> {
        self.entries.iter()
    }

    /// Everything below a folder; the root is the empty text.
    pub fn below(&self, folder: &str) -> impl Iterator<Item = (&ImagePath, &OverlayEntry)> {
        // The character after `/` is `0`: these are exactly the paths that begin with the folder and a `/`.
        let (start, end) = (format!("{folder}/"), format!("{folder}0"));
        let range: (Bound<&str>, Bound<&str>) = (Bound::Excluded(&start), Bound::Excluded(&end));
        self.entries.range::<str, _>(range)
    }

    /// What layers name at and below a path, itself first: folders that exist only because of what is below them are left
    /// out.
    pub fn named(&self, path: &ImagePath) -> impl Iterator<Item = (&ImagePath, &OverlayEntry)> {
        let entries = self.entries.get_key_value(path).into_iter().chain(self.below(path.as_str()));
        entries.filter(|(_, entry)| !matches!(entry.node, OverlayNode::Directory(None)))
    }

    /// Whether a path itself is a directory; the root is the empty text.
    #[must_use]
    pub fn is_directory(&self, path: &str) -> bool {
        path.is_empty() || self.get(path).is_some_and(|entry| matches!(entry.node, OverlayNode::Directory(_)))
    }

    /// Where a path leads when all links are followed; `None` if that is nowhere or the root.
    #[must_use]
    pub fn resolve(&self, path: &ImagePath) -> Option<&ImagePath> {
        self.trace(path).ok()
    }

    /// As [`resolve`](Self::resolve), with the reason if a path leads to nothing.
    ///
    /// # Errors
    /// When it does: where it stops.
    pub fn trace(&self, path: &ImagePath) -> Result<&ImagePath, DeadEnd> {
        trace(path, |path| {
            let (path, entry) = self.entries.get_key_value(path)?;
            Some(match &entry.node {
                OverlayNode::Symlink(target) => Step::Link(target),
                OverlayNode::Directory(_) => Step::Directory(path),
                OverlayNode::File(_) | OverlayNode::Unsupported(_) => Step::Other(path),
            })
        })
    }

    /// What is at each path, without where the contents are.
    #[must_use]
    pub fn into_index(self) -> FileIndex {
        let entry = |OverlayEntry { layer, node }| match node {
            OverlayNode::Directory(mode) => IndexEntry::Directory { mode: mode.unwrap_or(0o755), layer },
            OverlayNode::File(OverlayFile { mode, size, .. }) => IndexEntry::File { mode, size, layer },
            OverlayNode::Symlink(target) => IndexEntry::Symlink { target, layer },
            OverlayNode::Unsupported(_) => IndexEntry::Other { layer },
        };
        FileIndex::full(self.entries.into_iter().map(|(path, placed)| (path, entry(placed))))
    }
}

impl Layer<'_> {
    fn push(&mut self, path: ImagePath, position: u32, entry: TarEntry) {
        let node = self.node(position, entry);
        if let Some(positions) = &mut self.positions {
            positions.insert(path.clone(), self.nodes.len());
        }
        self.nodes.push((path, node));
    }

    fn node(&mut self, position: u32, entry: TarEntry) -> OverlayNode {
        let TarEntry { kind, target, mode, size, is_text, is_sparse, .. } = entry;
        if !is_text {
            OverlayNode::Unsupported("has a name or link target that is not valid UTF-8")
        } else if kind.is_hard_link() {
            self.linked(&target)
        } else if kind.is_symlink()
            && (target.is_empty() || target.contains('\0') || target.len() > PATH_LIMIT)
        {
            OverlayNode::Unsupported("is a symbolic link with an invalid target")
        } else if kind.is_symlink() {
            OverlayNode::Symlink(target.into())
        } else if kind.is_dir() {
            OverlayNode::Directory(Some(mode))
        } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
            let origin = Origin { layer: self.number, entry: position };
            OverlayNode::File(OverlayFile { origin, mode, size, is_sparse })
        } else if kind.is_fifo() {
            OverlayNode::Unsupported("is a named pipe")
        } else if kind.is_character_special() || kind.is_block_special() {
            OverlayNode::Unsupported("is a device")
        } else {
            OverlayNode::Unsupported("is neither a file nor a directory nor a symbolic link")
        }
    }

    /// What a hard link is: another name of a file that comes before it in its own layer, or is in a layer below.
    fn linked(&mut self, target: &str) -> OverlayNode {
        let nodes = self.nodes.iter().enumerate();
        let positions = self
            .positions
            .get_or_insert_with(|| nodes.map(|(position, (path, _))| (path.clone(), position)).collect());
        let found = entry_path(target).and_then(|target| match positions.get(&target) {
            Some(position) => self.nodes.get(*position).map(|(_, node)| node),
            None => self.below.get(&target).map(|entry| &entry.node),
        });
        match found {
            Some(OverlayNode::Directory(_)) => OverlayNode::Unsupported("is a hard link to a directory"),
            Some(node) => node.clone(),
            None => OverlayNode::Unsupported("is a hard link to a file that the image does not have"),
        }
    }
}
