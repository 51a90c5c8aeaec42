//! What an image has at each path: its layers' entries laid over each other, and which entry each file's bytes are in.
//!
//! Like [`FileIndex`](crate::files::FileIndex), but it tells every file's origin, resolves hard links, and knows that a file
//! below another layer's file or link takes that one's place. No content is read here.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};
use std::ops::Bound;

use crate::files::{Step, TarEntries, TarEntry, Whiteout, entry_path, follow, whiteout};
use crate::project::ImagePath;

/// The longest path in bytes that Linux can open (`PATH_MAX`, limits.h).
const PATH_LIMIT: usize = 4096;

/// The merged view of the layers so far.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    /// By their paths. Nothing stands below what is no directory; folders that no entry names may be missing.
    nodes: BTreeMap<String, Placed>,
    /// What all entries so far count against the limit of a listing.
    listed: usize,
}

/// What stands at a path.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    /// The number of the layer that put it there, the lowest being 0.
    pub(super) layer: usize,
    pub(super) node: Node,
}

/// What an entry is.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Directory,
    File(File),
    /// A symbolic link and its target.
    Symlink(String),
    /// What limg cannot take, and why: a clause that follows its path.
    Unsuitable(&'static str),
}

/// A file, whose bytes may be in another entry than the one that put it there: that is what a hard link says.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) origin: Origin,
    /// Its permission bits.
    pub(super) mode: u32,
    /// Its size in bytes.
    pub(super) size: u64,
    /// When it was last modified, in seconds since 1970.
    pub(super) modified: Option<i64>,
}

/// An entry: the number of its layer, the lowest being 0, and its own, the first being 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    pub(super) layer: usize,
    pub(super) entry: u64,
}

/// The numbered entries of one layer, before they are laid over the layers below.
struct Added<'a> {
    layer: usize,
    nodes: Vec<(String, Node)>,
    /// Where each path last occurs in `nodes`, for hard links to it.
    places: HashMap<String, usize>,
    below: &'a BTreeMap<String, Placed>,
}

impl Overlay {
    /// Lays one more layer over those that are there (OCI image specification, layer.md, "Applying Changesets"). `see` is
    /// shown every entry and the path that it stands at; it has none if it is the root or would lie outside of it, where
    /// no extractor would place it.
    ///
    /// # Errors
    /// When the stream is no tar archive, or the layers have more files than limg can list.
    pub(super) fn add_layer(
        &mut self,
        layer: usize,
        tar: impl Read,
        mut see: impl FnMut(&TarEntry, Option<&ImagePath>),
    ) -> io::Result<()> {
        let mut entries = TarEntries::after(self.listed, tar);
        let mut added = Added { layer, nodes: Vec::new(), places: HashMap::new(), below: &self.nodes };
        let mut whiteouts = Vec::new();
        let mut number = 0;
        while let Some(entry) = entries.next_entry()? {
            let path = entry_path(&entry.name);
            see(&entry, path.as_ref());
            if let Some(path) = path {
                if path.as_str().len() > PATH_LIMIT {
                    let why = "it has a path of more than 4096 bytes, which no system can unpack";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, why));
                }
                match whiteout(&path) {
                    Some(whiteout) => whiteouts.push(whiteout),
                    None => added.push(path, number, entry),
                }
            }
            number += 1;
        }
        self.listed = entries.listed();
        let nodes = added.nodes;
        // Whiteouts hide what lower layers have, wherever in their own layer they stand.
        for whiteout in whiteouts {
            match whiteout {
                Whiteout::Below(Some(folder)) => self.remove_below(folder.as_str()),
                Whiteout::Below(None) => self.nodes.clear(),
                Whiteout::At(path) => {
                    self.remove_below(path.as_str());
                    self.nodes.remove(path.as_str());
                }
                Whiteout::Nothing => {}
            }
        }
        for (path, node) in nodes {
            self.place(path, Placed { layer, node });
        }
        Ok(())
    }

    fn place(&mut self, path: String, placed: Placed) {
        // An entry below a file or link of a lower layer makes a directory of it, as it does for overlayfs, where Docker and
        // containerd unpack every layer into a folder of its own.
        for (end, _) in path.rmatch_indices('/').filter(|(end, _)| *end > 0) {
            let folder = &path[..end];
            match self.nodes.get(folder).map(|above| matches!(above.node, Node::Directory)) {
                Some(true) => break,
                Some(false) => {
                    self.nodes.remove(folder);
                    break;
                }
                // Where something stands below it already, it is a directory, and so is all above it.
                None if self.below(folder).next().is_some() => break,
                None => {}
            }
        }
        if !matches!(placed.node, Node::Directory) {
            self.remove_below(&path);
        }
        self.nodes.insert(path, placed);
    }

    fn remove_below(&mut self, folder: &str) {
        let below: Vec<String> = self.below(folder).map(|(path, _)| path.to_owned()).collect();
        for path in below {
            self.nodes.remove(&path);
        }
    }

    /// What stands at a path itself, no link followed.
    pub(super) fn get(&self, path: &str) -> Option<&Placed> {
        self.nodes.get(path)
    }

    /// What stands below a folder, itself not included; the root is the empty text.
    pub(super) fn below(&self, folder: &str) -> impl Iterator<Item = (&str, &Placed)> {
        // The character that follows `/` is `0`, so that these are exactly the paths that begin with the folder and a `/`.
        let (start, end) = (format!("{folder}/"), format!("{folder}0"));
        let range: (Bound<&str>, Bound<&str>) = (Bound::Excluded(&start), Bound::Excluded(&end));
        self.nodes.range::<str, _>(range).map(|(path, placed)| (path.as_str(), placed))
    }

    /// Whether a directory stands at a path itself; the root is the empty text.
    pub(super) fn is_directory(&self, path: &str) -> bool {
        match self.get(path) {
            Some(placed) => matches!(placed.node, Node::Directory),
            None => path.is_empty() || self.below(path).next().is_some(),
        }
    }

    /// Where a path leads when every symbolic link on the way is followed, inside the image. Nothing when it leads nowhere,
    /// or to the root.
    pub(super) fn resolve(&self, path: &ImagePath) -> Option<ImagePath> {
        follow(path, |path| match self.get(path.as_str()) {
            Some(Placed { node: Node::Symlink(target), .. }) => Some(Step::Link(target)),
            Some(_) => Some(Step::End(path.clone())),
            None => self.is_directory(path.as_str()).then(|| Step::End(path.clone())),
        })
    }
}

impl Added<'_> {
    fn push(&mut self, path: ImagePath, number: u64, entry: TarEntry) {
        let path = String::from(path);
        let node = self.node(number, entry);
        self.places.insert(path.clone(), self.nodes.len());
        self.nodes.push((path, node));
    }

    fn node(&self, number: u64, entry: TarEntry) -> Node {
        let kind = entry.kind;
        if !entry.is_text {
            return Node::Unsuitable("has a name or target that is not UTF-8");
        }
        if entry.is_sparse {
            return Node::Unsuitable("is stored as a sparse file, which limg cannot read");
        }
        if kind.is_hard_link() {
            return self.linked(&entry.target);
        }
        if kind.is_symlink() {
            return if entry.target.is_empty() || entry.target.contains('\0') {
                Node::Unsuitable("is a symbolic link without a possible target")
            } else {
                Node::Symlink(entry.target)
            };
        }
        if kind.is_dir() {
            Node::Directory
        } else if kind.is_file() || kind.is_contiguous() {
            let TarEntry { mode, size, modified, .. } = entry;
            Node::File(File { origin: Origin { layer: self.layer, entry: number }, mode, size, modified })
        } else if kind.is_fifo() {
            Node::Unsuitable("is a pipe")
        } else if kind.is_character_special() || kind.is_block_special() {
            Node::Unsuitable("is a device")
        } else {
            Node::Unsuitable("is neither a file nor a directory nor a symbolic link")
        }
    }

    /// What a hard link is: another name of a file that came before it, in its own layer or in one below.
    fn linked(&self, target: &str) -> Node {
        let found = entry_path(target).and_then(|target| match self.places.get(target.as_str()) {
            Some(place) => self.nodes.get(*place).map(|(_, node)| node),
            None => self.below.get(target.as_str()).map(|placed| &placed.node),
        });
        match found {
            Some(Node::Directory) => Node::Unsuitable("is a hard link to a directory"),
            Some(node) => node.clone(),
            None => Node::Unsuitable("is a hard link to a file that the image does not have"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_layers_share_one_limit_of_names() {
        let mut header = tar::Header::new_gnu();
        header.set_path("a").unwrap();
        header.set_mode(0o644);
        header.set_size(0);
        header.set_cksum();
        let layer = header.as_bytes();
        let mut image = Overlay::default();
        image.add_layer(0, &layer[..], |_, _| ()).unwrap();
        let once = image.listed;
        assert!(once > 0);
        image.add_layer(1, &layer[..], |_, _| ()).unwrap();
        assert_eq!(image.listed, 2 * once);
    }
}
