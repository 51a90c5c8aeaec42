//! The walk through a directory on this machine, on all processors. It keeps links that stay inside the directory and does
//! not enter what is excluded.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::{DirEntry, Metadata};
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use rayon::Scope;

use super::content::HostPath;
use super::exclusions::{Exclusions, FolderRules, Kept, Verdict};
use super::path_rules::{abbreviated, join, leaves_root};
use super::{Adjustment, Content, FileNode, LeftOut, Node, TreeError};
use crate::finding::{Help, Setting};
use crate::fs::{self, FsError};
use crate::project::{IGNORE_FILE, ImagePath, OUTPUT_FOLDER, Source};
use crate::sync;

/// Nodes in the byte order of their paths.
pub(super) type Nodes = Vec<(ImagePath, Node)>;

/// How many files one task lists. Some packages have tens of thousands of files in one folder, which several threads
/// share.
const FILES_AT_ONCE: usize = 512;

/// What a walk has found.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// In the byte order of their paths: a map is then built without comparing long paths.
    pub(super) nodes: Nodes,
    pub(super) adjustments: Vec<Adjustment>,
    pub(super) left_out: LeftOut,
    /// The links that leave their tree, in the order of their paths. They have no nodes yet.
    pub(super) outward: Vec<OutwardLink>,
}

/// A link that leaves its tree.
#[derive(Debug)]
pub(super) struct OutwardLink {
    /// The link on this machine.
    pub(super) file: HostPath,
    /// Its path in the image.
    pub(super) path: ImagePath,
    /// Its path below the source's root.
    pub(super) below_root: String,
    /// Its target as written, with `/` between names.
    pub(super) target: String,
    /// What would be excluded of a folder in its place.
    pub(super) rules: FolderRules,
}

/// The nodes of all folders, the content of each folder at its position.
fn in_order(root: &ImagePath, mut items: HashMap<ImagePath, Vec<Item>>) -> Nodes {
    let mut nodes = Vec::with_capacity(items.values().map(Vec::len).sum());
    let mut content_of = |folder: &ImagePath| items.remove(folder).unwrap_or_default().into_iter();
    let mut open = vec![content_of(root)];
    while let Some(items) = open.last_mut() {
        match items.next() {
            Some(Item::Node(path, node)) => nodes.push((path, node)),
            Some(Item::ContentOf(folder)) => open.push(content_of(&folder)),
            None => drop(open.pop()),
        }
    }
    nodes
}

/// A folder by its path in the image, and a number that orders the listings of one folder.
type ListingKey = (ImagePath, usize);

/// A walk through a source.
pub(super) struct Walk {
    exclusions: Exclusions,
}

/// The walk through one folder and everything below it.
struct FolderWalk<'w> {
    exclusions: &'w Exclusions,
    /// The number of entries so far, and how many there may be.
    entries: AtomicUsize,
    limit: usize,
    /// What the folders contain, in one or more listings each.
    listings: Mutex<BTreeMap<ListingKey, Result<FolderListing, TreeError>>>,
}

/// A folder to list.
pub(super) struct Folder {
    pub(super) path: Arc<Path>,
    pub(super) image_path: ImagePath,
    /// Its path below the source's root, with `/`; empty for the root.
    pub(super) below_root: String,
    /// Where the part of such a path starts that a link must not leave: after the folder where the walk began.
    pub(super) link_root: usize,
    /// What of it is excluded.
    pub(super) rules: FolderRules,
}

/// What a folder contains, or a part of that.
#[derive(Default)]
struct FolderListing {
    items: Vec<Item>,
    folders: Vec<Folder>,
    adjustments: Vec<Adjustment>,
    left_out: LeftOut,
    /// Whether the folder itself is left out.
    is_left_out: bool,
    outward: Vec<OutwardLink>,
}

enum Item {
    Node(ImagePath, Node),
    /// All that is below a folder.
    ContentOf(ImagePath),
}

impl Item {
    fn path(&self) -> &ImagePath {
        match self {
            Self::Node(path, _) | Self::ContentOf(path) => path,
        }
    }

    /// The sort key: the name, which begins at the index `names` of the path, and what follows it.
    fn key(&self, names: usize) -> (&str, &'static str) {
        match self {
            Self::Node(path, _) => (&path.as_str()[names..], ""),
            Self::ContentOf(folder) => (&folder.as_str()[names..], "/"),
        }
    }
}

/// The byte order of two names and what follows each of them.
fn order((one, after_one): (&str, &str), (other, after_other): (&str, &str)) -> Ordering {
    let ((one, rest_of_one), (other, rest_of_other)) = {
        let common = one.len().min(other.len());
        (one.as_bytes().split_at(common), other.as_bytes().split_at(common))
    };
    let next_byte = |rest: &[u8], after: &str| rest.first().or(after.as_bytes().first()).copied();
    // At most one of them is longer than the common length; its next byte decides.
    one.cmp(other).then_with(|| next_byte(rest_of_one, after_one).cmp(&next_byte(rest_of_other, after_other)))
}

impl Walk {
    pub(super) fn new(source: &Source) -> Result<Self, TreeError> {
        Ok(Self { exclusions: Exclusions::new(source)? })
    }

    /// Lists a folder and everything below it.
    pub(super) fn list(&self, folder: Folder) -> Result<Walked, TreeError> {
        Ok(self.list_at_most(usize::MAX, folder)?.unwrap_or_default())
    }

    /// As [`list`](Self::list), but gives up, with nothing, once there are more than so many entries.
    pub(super) fn list_at_most(&self, limit: usize, folder: Folder) -> Result<Option<Walked>, TreeError> {
        let root = folder.image_path.clone();
        let (exclusions, entries) = (&self.exclusions, AtomicUsize::new(0));
        let walk = FolderWalk { exclusions, entries, limit, listings: Mutex::default() };
        rayon::scope(|scope| walk.list(folder, scope));
        if walk.is_over_limit() {
            return Ok(None);
        }
        let (mut walked, mut items, mut left_out_folders) =
            (Walked::default(), HashMap::<_, Vec<_>>::new(), HashSet::new());
        // The listings are in order, so of several errors always the same one is reported.
        for ((folder, _), listing) in sync::into_inner(walk.listings) {
            let mut listing = listing?;
            walked.adjustments.append(&mut listing.adjustments);
            walked.left_out.append(&mut listing.left_out);
            walked.outward.append(&mut listing.outward);
            if listing.is_left_out {
                left_out_folders.insert(folder);
                continue;
            }
            items.entry(folder).or_default().append(&mut listing.items);
        }
        for (folder, items) in &mut items {
            if !left_out_folders.is_empty() {
                items.retain(|item| !left_out_folders.contains(item.path()));
            }
            // The content of a folder `a` comes after a file `a-b`, because `-` is less than `/`.
            if items.iter().any(|item| matches!(item, Item::ContentOf(_))) {
                let names = folder.as_str().len() + 1;
                items.sort_by(|one, other| order(one.key(names), other.key(names)));
            }
        }
        walked.nodes = in_order(&root, items);
        walked.outward.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Some(walked))
    }
}

impl FolderWalk<'_> {
    /// Lists a folder and, on any free thread, everything below it. No task waits for another, because each could be
    /// waiting inside of the other.
    fn list<'a>(&'a self, mut folder: Folder, scope: &Scope<'a>) {
        if self.is_over_limit() {
            return;
        }
        let entries = match entries(&mut folder) {
            Ok(entries) => entries,
            Err(error) => return self.record((folder.image_path, 0), Err(error)),
        };
        if self.exclusions.leaves_out_folder(&folder.rules, entries.iter().map(|(name, _)| name.as_os_str()))
        {
            if !self.exclusions.leads_to_kept(&folder.below_root, &folder.rules) {
                let left_out = LeftOut::by_default(format!("{}/", folder.below_root));
                let listing = FolderListing { left_out, is_left_out: true, ..FolderListing::default() };
                return self.record((folder.image_path, 0), Ok(listing));
            }
            folder.rules.kept = Kept::Partly;
        }
        self.entries.fetch_add(entries.len(), Relaxed);
        let mut entries = entries.into_iter();
        let folder = Arc::new(folder);
        for number in 0_usize.. {
            let some: Vec<_> = entries.by_ref().take(FILES_AT_ONCE).collect();
            let folder = Arc::clone(&folder);
            if entries.len() == 0 {
                return self.list_entries(&folder, number, some, scope);
            }
            scope.spawn(move |scope| self.list_entries(&folder, number, some, scope));
        }
    }

    /// Lists some entries of a folder and everything below them.
    fn list_entries<'a>(
        &'a self,
        folder: &Folder,
        number: usize,
        entries: Vec<NamedEntry>,
        scope: &Scope<'a>,
    ) {
        let mut listing = FolderListing::default();
        let listed = entries.into_iter().try_for_each(|(name, entry)| {
            self.add_entry(folder, HostPath::new(&folder.path, name), &entry, &mut listing)
        });
        for folder in listing.folders.drain(..) {
            scope.spawn(|scope| self.list(folder, scope));
        }
        self.record((folder.image_path.clone(), number), listed.map(|()| listing));
    }

    fn is_over_limit(&self) -> bool {
        self.entries.load(Relaxed) > self.limit
    }

    fn record(&self, key: ListingKey, listing: Result<FolderListing, TreeError>) {
        sync::lock(&self.listings).insert(key, listing);
    }

    /// Adds an entry of a folder to its listing, unless it is excluded.
    fn add_entry(
        &self,
        folder: &Folder,
        file: HostPath,
        entry: &DirEntry,
        listing: &mut FolderListing,
    ) -> Result<(), TreeError> {
        let look_at = |source| FsError { verb: "look at", path: entry.path(), source };
        let kind = entry.file_type().map_err(look_at)?;
        let name = file.name();
        let is_output = kind.is_dir() && name == OUTPUT_FOLDER;
        if name == IGNORE_FILE || is_output || fs::is_temporary(name) {
            return Ok(());
        }
        let below_root = |name: &str| folder.below_root(name).into();
        let kept = match self.exclusions.verdict(&folder.path, &folder.rules, name, kind.is_dir(), below_root)
        {
            Verdict::Kept(kept) => kept,
            Verdict::Excluded => {
                listing.left_out.by_patterns = true;
                return Ok(());
            }
            Verdict::LeftOut => {
                // What is not brought back of a folder has no line of its own.
                if folder.rules.kept != Kept::Partly {
                    let end = if kind.is_dir() { "/" } else { "" };
                    let path = folder.below_root(&name.to_string_lossy());
                    listing.left_out.by_default.push(format!("{path}{end}"));
                }
                return Ok(());
            }
        };
        let name = utf8(name, &file, "has a name that is not UTF-8")?;
        let path = join(&folder.image_path, name, &file)?;
        if kind.is_dir() {
            listing.add_folder(Folder {
                path: file.full_path().into(),
                image_path: path,
                below_root: folder.below_root(name),
                link_root: folder.link_root,
                rules: folder.rules.below(name, kept),
            });
            Ok(())
        } else if kind.is_symlink() {
            listing.add_link(folder, file, path, kept)
        } else {
            let metadata = entry.metadata().map_err(look_at)?;
            listing.add_file(file, &metadata, path)
        }
    }
}

impl Folder {
    /// The path of one of its entries below the source's root.
    fn below_root(&self, name: &str) -> String {
        if self.below_root.is_empty() { name.to_owned() } else { format!("{}/{name}", self.below_root) }
    }
}

impl FolderListing {
    fn add_folder(&mut self, folder: Folder) {
        self.items.push(Item::Node(folder.image_path.clone(), Node::Directory));
        self.items.push(Item::ContentOf(folder.image_path.clone()));
        self.folders.push(folder);
    }

    /// Adds a link that stays in its tree, or remembers one that leaves it.
    fn add_link(
        &mut self,
        folder: &Folder,
        file: HostPath,
        path: ImagePath,
        kept: Kept,
    ) -> Result<(), TreeError> {
        let link = file.full_path();
        let target = std::fs::read_link(&link).map_err(FsError::because("read the link", &link))?;
        let target = utf8(target.as_os_str(), &file, "is a symbolic link to a path that is not UTF-8")?;
        let target = if cfg!(windows) { target.replace('\\', "/") } else { target.to_owned() };
        let below_root = folder.below_root(path.name());
        if leaves_root(&below_root[folder.link_root..], &target) {
            let rules = folder.rules.below(path.name(), kept);
            self.outward.push(OutwardLink { file, path, below_root, target, rules });
        } else {
            self.items.push(Item::Node(path, Node::Symlink(target)));
        }
        Ok(())
    }

    /// Adds what is neither a directory nor a link.
    fn add_file(&mut self, file: HostPath, metadata: &Metadata, path: ImagePath) -> Result<(), TreeError> {
        let node = plain_file(file, metadata, &path, &mut self.adjustments)?;
        self.items.push(Item::Node(path, node));
        Ok(())
    }
}

/// The node of what is neither a directory nor a link, which must be a regular file.
pub(super) fn plain_file(
    file: HostPath,
    metadata: &Metadata,
    path: &ImagePath,
    adjustments: &mut Vec<Adjustment>,
) -> Result<Node, TreeError> {
    if !metadata.is_file() {
        let why = "is a socket, pipe or device, which an image cannot contain";
        return Err(TreeError::unsuitable(file, why, Setting::Exclude));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        if metadata.mode() & 0o6000 != 0 {
            let what = super::SPECIAL_BITS_REMOVED.to_owned();
            adjustments.push(Adjustment { path: path.clone(), what });
        }
    }
    #[cfg(not(unix))]
    let _none = (path, adjustments);
    Ok(Node::File(file_node(file, metadata)?))
}

type NamedEntry = (OsString, DirEntry);

/// The entries of a folder in the order of their names. Reads the folder's `.limgignore`, if there is one.
fn entries(folder: &mut Folder) -> Result<Vec<NamedEntry>, TreeError> {
    let entries = std::fs::read_dir(&folder.path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidFilename => too_long(&folder.path),
        _ => FsError::because("list", &folder.path)(error).into(),
    })?;
    let mut entries: Vec<_> = entries.into_iter().map(|entry| (entry.file_name(), entry)).collect();
    // With this order, of several errors always the same one is reported.
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    if let Some((_, entry)) = entries.iter().find(|(name, _)| name == IGNORE_FILE) {
        let length = folder.below_root("").len();
        folder.rules.read_ignore_file(&entry.path(), length)?;
    }
    let name = folder.path.file_name().unwrap_or_default().to_string_lossy();
    let names = entries.iter().map(|(name, _)| name.as_os_str());
    folder.rules.modules = folder.rules.modules.clone().of_folder(&name, &folder.path, names);
    Ok(entries)
}

/// The error about a folder that can only be reached level by level.
fn too_long(folder: &Path) -> TreeError {
    let help = Help::from("move the project to a shorter path").or(Setting::Exclude);
    TreeError::unsuitable(
        abbreviated(&folder.display()),
        "has a longer path than the operating system accepts",
        help,
    )
}

/// The node of a regular file.
pub(super) fn file_node(file: HostPath, metadata: &Metadata) -> Result<FileNode, TreeError> {
    let content = Content::host(file, metadata);
    Ok(FileNode {
        executable: is_executable(metadata, &content)?,
        size: metadata.len(),
        modified: modified(metadata),
        content,
    })
}

/// When a file was last modified, in seconds since 1970.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems may not have the time")]
fn modified(metadata: &Metadata) -> Option<i64> {
    use std::os::unix::fs::MetadataExt as _;
    Some(metadata.mtime())
}

/// When a file was last modified, in seconds since 1970.
#[cfg(not(unix))]
fn modified(metadata: &Metadata) -> Option<i64> {
    metadata.modified().ok().map(|time| super::since_epoch(time).div_euclid(1_000_000_000))
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "on other systems the content must be read, which can fail")]
fn is_executable(metadata: &Metadata, _: &Content) -> Result<bool, TreeError> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(metadata.mode() & 0o111 != 0)
}

/// Without mode bits, a file is executable if its first bytes are those of a program.
#[cfg(not(unix))]
fn is_executable(_: &Metadata, content: &Content) -> Result<bool, TreeError> {
    Ok(super::is_program(&content.head(4)?))
}

/// A file name or a link's target as text: image layers contain no others.
fn utf8<'a>(text: &'a OsStr, file: &HostPath, why: &str) -> Result<&'a str, TreeError> {
    text.to_str()
        .ok_or_else(|| TreeError::unsuitable(file, why, Help::from("rename it").or(Setting::Exclude)))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
