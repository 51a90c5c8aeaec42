//! A directory of this machine as a tree: one walk on all processors, links kept, `.limgignore` and `exclude` respected.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs::{DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::Match;
use ignore::gitignore::Gitignore;
use rayon::Scope;

use super::patterns::{IGNORE_FILE, compile_file, compile_patterns};
use super::{Adjustment, Content, FileNode, HostPath, Node, Tree, TreeError, check_link, join, leaves};
use crate::fs::{self, FsError};
use crate::project::{ImagePath, OUTPUT_FOLDER, Source};

/// A path and what stands there.
type Placed = (ImagePath, Node);

/// How many files one thread looks at before another may take over: some packages have tens of thousands in one folder.
const FILES_AT_ONCE: usize = 512;

/// Lists a directory.
pub(super) fn load(source: &Source, root: &ImagePath) -> Result<Tree, TreeError> {
    let (nodes, mut adjustments) = walk(source, root)?;
    adjustments.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Tree { nodes: nodes.into_iter().collect(), adjustments, listed: None })
}

/// The nodes of a directory in the byte order of their paths, which spares a tree the comparing of long paths.
fn walk(source: &Source, root: &ImagePath) -> Result<(Vec<Placed>, Vec<Adjustment>), TreeError> {
    let exclude = compile_patterns(&source.exclude)?;
    let walk = Walk { exclude, follow: source.follow, listings: Mutex::default() };
    let folder = Folder {
        path: source.path.as_path().into(),
        place: root.clone(),
        below: String::new(),
        start: 0,
        ignored: None,
        entered: if source.follow { vec![real(&source.path)?] } else { Vec::new() }.into(),
    };
    rayon::scope(|scope| walk.enter(folder, scope));
    let listings = walk.listings.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (mut items, mut adjustments) = (HashMap::<_, Vec<_>>::new(), Vec::new());
    // Of several failures always the same one is told.
    for ((place, _), listing) in listings {
        let mut listing = listing?;
        adjustments.append(&mut listing.adjustments);
        items.entry(place).or_default().append(&mut listing.items);
    }
    for (place, items) in &mut items {
        // What is below a directory comes after files whose names begin with its name and go on with a character before `/`.
        if items.iter().any(|item| matches!(item, Item::Below(_))) {
            let names = place.as_str().len() + 1;
            items.sort_by(|one, other| order(one.key(names), other.key(names)));
        }
    }
    Ok((in_order(root, items), adjustments))
}

/// The nodes of all directories below one, what is below a directory in its place.
fn in_order(root: &ImagePath, mut items: HashMap<ImagePath, Vec<Item>>) -> Vec<Placed> {
    let mut nodes = Vec::with_capacity(items.values().map(Vec::len).sum());
    let mut of = |folder: &ImagePath| items.remove(folder).unwrap_or_default().into_iter();
    let mut open = vec![of(root)];
    while let Some(items) = open.last_mut() {
        match items.next() {
            Some(Item::Node(path, node)) => nodes.push((path, node)),
            Some(Item::Below(folder)) => open.push(of(&folder)),
            None => drop(open.pop()),
        }
    }
    nodes
}

/// The place of a directory in the image, and a number that is the higher the later its names come.
type Part = (ImagePath, usize);

/// What holds for a whole source, and what has been found of it.
struct Walk {
    exclude: Gitignore,
    follow: bool,
    /// What the directories hold, in one or more parts each.
    listings: Mutex<BTreeMap<Part, Result<Listing, TreeError>>>,
}

/// A directory to list.
struct Folder {
    path: Arc<Path>,
    /// Where it stands in the image.
    place: ImagePath,
    /// Its path below the source's root, with `/`; the root's is empty.
    below: String,
    /// Where in paths below the source's root those begin that links may not leave: behind the last link that was followed.
    start: usize,
    /// Its `.limgignore`, or the nearest above it.
    ignored: Option<Arc<Ignored>>,
    /// The real paths of the directories that followed links have led into, to notice a circle.
    entered: Arc<[PathBuf]>,
}

/// A `.limgignore`.
struct Ignored {
    patterns: Gitignore,
    /// The length of the paths, with a `/`, that lead to its folder.
    folder: usize,
    /// The next one above.
    above: Option<Arc<Self>>,
}

/// What a directory holds, or a part of it.
#[derive(Default)]
struct Listing {
    items: Vec<Item>,
    folders: Vec<Folder>,
    adjustments: Vec<Adjustment>,
}

/// Something in a directory.
enum Item {
    Node(ImagePath, Node),
    /// All that lies below a directory.
    Below(ImagePath),
}

impl Item {
    /// What decides about its place in a listing whose names begin there in their paths: a name, and what follows it.
    fn key(&self, names: usize) -> (&str, &'static str) {
        match self {
            Self::Node(path, _) => (&path.as_str()[names..], ""),
            Self::Below(folder) => (&folder.as_str()[names..], "/"),
        }
    }
}

/// The byte order of two names and what follows each.
fn order((one, after_one): (&str, &str), (other, after_other): (&str, &str)) -> Ordering {
    let ((one, rest_of_one), (other, rest_of_other)) = {
        let common = one.len().min(other.len());
        (one.as_bytes().split_at(common), other.as_bytes().split_at(common))
    };
    let rest = |rest: &[u8], after: &str| rest.first().or(after.as_bytes().first()).copied();
    // At most one of them goes on beyond what they have in common; its next byte decides.
    one.cmp(other).then_with(|| rest(rest_of_one, after_one).cmp(&rest(rest_of_other, after_other)))
}

impl Walk {
    /// Lists a folder, and all below it on whatever thread is free. None waits for another: each could be waiting inside of
    /// what it took over meanwhile.
    fn enter<'a>(&'a self, mut folder: Folder, scope: &Scope<'a>) {
        let entries = match entries(&mut folder) {
            Ok(entries) => entries,
            Err(error) => return self.note((folder.place, 0), Err(error)),
        };
        let mut entries = entries.into_iter();
        let folder = Arc::new(folder);
        for part in 0_usize.. {
            let some: Vec<_> = entries.by_ref().take(FILES_AT_ONCE).collect();
            let folder = Arc::clone(&folder);
            if entries.len() == 0 {
                return self.take_all(&folder, part, some, scope);
            }
            scope.spawn(move |scope| self.take_all(&folder, part, some, scope));
        }
    }

    /// Lists a part of a folder, and all below it.
    fn take_all<'a>(&'a self, folder: &Folder, part: usize, entries: Vec<Named>, scope: &Scope<'a>) {
        let mut listing = Listing::default();
        let taken = entries.into_iter().try_for_each(|(name, entry)| {
            self.take(folder, HostPath::new(&folder.path, name), &entry, &mut listing)
        });
        for folder in listing.folders.drain(..) {
            scope.spawn(|scope| self.enter(folder, scope));
        }
        self.note((folder.place.clone(), part), taken.map(|()| listing));
    }

    fn note(&self, part: Part, listing: Result<Listing, TreeError>) {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner).insert(part, listing);
    }

    /// Adds an entry of a folder to its listing, unless it is left out.
    fn take(
        &self,
        folder: &Folder,
        file: HostPath,
        entry: &DirEntry,
        listing: &mut Listing,
    ) -> Result<(), TreeError> {
        let look_at = |source| FsError { verb: "look at", path: entry.path(), source };
        let kind = entry.file_type().map_err(look_at)?;
        let name = file.name();
        let is_output = kind.is_dir() && name == OUTPUT_FOLDER;
        if name == IGNORE_FILE || is_output {
            return Ok(());
        }
        if self.has_patterns(folder)
            && self.leaves_out(&folder.below(&name.to_string_lossy()), kind.is_dir(), folder)
        {
            return Ok(());
        }
        let name = utf8(name, &file)?;
        let path = join(&folder.place, name, &file)?;
        if kind.is_dir() {
            let (ignored, entered) = (folder.ignored.clone(), Arc::clone(&folder.entered));
            let (below, start) = (folder.below(name), folder.start);
            listing.folder(Folder { path: file.whole().into(), place: path, below, start, ignored, entered });
            Ok(())
        } else if kind.is_symlink() {
            let below = folder.below(name);
            self.link(folder, file, path, below, listing)
        } else {
            let metadata = entry.metadata().map_err(look_at)?;
            listing.file(file, &metadata, path)
        }
    }

    fn has_patterns(&self, folder: &Folder) -> bool {
        folder.ignored.is_some() || !self.exclude.is_empty()
    }

    /// Whether `exclude`, or the nearest `.limgignore` that says anything of a path, says to leave it out.
    fn leaves_out(&self, below: &str, is_directory: bool, folder: &Folder) -> bool {
        if self.exclude.matched(below, is_directory).is_ignore() {
            return true;
        }
        let mut nearest = folder.ignored.as_deref();
        while let Some(ignored) = nearest {
            match ignored.patterns.matched(&below[ignored.folder..], is_directory) {
                Match::None => nearest = ignored.above.as_deref(),
                found => return found.is_ignore(),
            }
        }
        false
    }

    /// Takes a link, or what it points to where it leaves the tree and is to be followed.
    fn link(
        &self,
        folder: &Folder,
        file: HostPath,
        path: ImagePath,
        below: String,
        listing: &mut Listing,
    ) -> Result<(), TreeError> {
        let link = file.whole();
        let target = std::fs::read_link(&link).map_err(FsError::because("read the link", &link))?;
        let target = utf8(target.as_os_str(), &file)?;
        let target = if cfg!(windows) { target.replace('\\', "/") } else { target.to_owned() };
        let name = &below[folder.start..];
        if !self.follow || !leaves(name, &target) {
            check_link(name, &target, &file)?;
            listing.items.push(Item::Node(path, Node::Symlink(target)));
            return Ok(());
        }
        let metadata = std::fs::metadata(&link).map_err(FsError::because("follow the link", &link))?;
        if !metadata.is_dir() {
            return listing.file(file, &metadata, path);
        }
        let real = real(&link)?;
        if folder.entered.contains(&real) {
            return Err(TreeError::Unsuitable {
                what: file.to_string(),
                why: "is a symbolic link that leads round in a circle".to_owned(),
                help: "exclude it",
            });
        }
        listing.folder(Folder {
            path: link.into(),
            place: path,
            start: below.len() + 1,
            below,
            ignored: folder.ignored.clone(),
            entered: folder.entered.iter().cloned().chain([real]).collect(),
        });
        Ok(())
    }
}

impl Folder {
    /// The path below the source's root of what this folder holds.
    fn below(&self, name: &str) -> String {
        if self.below.is_empty() { name.to_owned() } else { format!("{}/{name}", self.below) }
    }

    /// Reads the folder's own `.limgignore`.
    fn ignored(&self, file: &Path) -> Result<Ignored, TreeError> {
        let patterns = compile_file(&mut fs::open(file)?, &file.display())?;
        Ok(Ignored { patterns, folder: self.below("").len(), above: self.ignored.clone() })
    }
}

impl Listing {
    /// Adds a directory.
    fn folder(&mut self, folder: Folder) {
        self.items.push(Item::Node(folder.place.clone(), Node::Directory));
        self.items.push(Item::Below(folder.place.clone()));
        self.folders.push(folder);
    }

    /// Adds what is neither a directory nor a link.
    fn file(&mut self, file: HostPath, metadata: &Metadata, path: ImagePath) -> Result<(), TreeError> {
        if !metadata.is_file() {
            return Err(TreeError::Unsuitable {
                what: file.to_string(),
                why: "is neither a file nor a directory nor a symbolic link".to_owned(),
                help: "exclude it; sockets, pipes and devices cannot be part of an image",
            });
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            if metadata.mode() & 0o6000 != 0 {
                let what = super::SPECIAL_BITS_LOST.to_owned();
                self.adjustments.push(Adjustment { path: path.clone(), what });
            }
        }
        self.items.push(Item::Node(path, Node::File(file_node(file, metadata)?)));
        Ok(())
    }
}

/// A file name and what else is known of it.
type Named = (OsString, DirEntry);

/// The entries of a folder in the order of their names, and its `.limgignore` read.
fn entries(folder: &mut Folder) -> Result<Vec<Named>, TreeError> {
    let entries = std::fs::read_dir(&folder.path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(FsError::because("list", &folder.path))?;
    let mut entries: Vec<_> = entries.into_iter().map(|entry| (entry.file_name(), entry)).collect();
    // So that of several failures always the same one is told.
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    if let Some((_, entry)) = entries.iter().find(|(name, _)| name == IGNORE_FILE) {
        folder.ignored = Some(Arc::new(folder.ignored(&entry.path())?));
    }
    Ok(entries)
}

/// The path of a directory without links.
fn real(directory: &Path) -> Result<PathBuf, TreeError> {
    Ok(directory.canonicalize().map_err(FsError::because("open", directory))?)
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
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there may be none")]
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
#[expect(clippy::unnecessary_wraps, reason = "elsewhere the content must be read, which can fail")]
fn is_executable(metadata: &Metadata, _: &Content) -> Result<bool, TreeError> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(metadata.mode() & 0o111 != 0)
}

/// Without mode bits, what a file begins with tells whether it is a program.
#[cfg(not(unix))]
fn is_executable(_: &Metadata, content: &Content) -> Result<bool, TreeError> {
    Ok(super::begins_as_program(&content.head(4)?))
}

/// A name or a link's target as text, which it must be to stand in an image.
fn utf8<'a>(text: &'a OsStr, file: &HostPath) -> Result<&'a str, TreeError> {
    text.to_str().ok_or_else(|| TreeError::Unsuitable {
        what: file.to_string(),
        why: "has a name that is not UTF-8".to_owned(),
        help: "rename or exclude it",
    })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::project::SourceKind;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn with(files: &[&str]) -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            for file in files {
                folder.write(file, file);
            }
            folder
        }

        fn path(&self, relative: &str) -> PathBuf {
            self.0.path().join(relative)
        }

        fn write(&self, relative: &str, content: &str) {
            std::fs::create_dir_all(self.path(relative).parent().unwrap()).unwrap();
            std::fs::write(self.path(relative), content).unwrap();
        }

        fn source(&self, exclude: &[&str], follow: bool) -> Source {
            let exclude = exclude.iter().map(|pattern| (*pattern).to_owned()).collect();
            Source { path: self.0.path().to_owned(), kind: SourceKind::Directory, follow, exclude }
        }

        fn load(&self, exclude: &[&str], follow: bool) -> Result<Vec<String>, TreeError> {
            let tree = Tree::load(&self.source(exclude, follow), &"/opt".parse().unwrap())?;
            Ok(tree.iter().map(|(path, _)| path.relative()["opt/".len()..].to_owned()).collect())
        }
    }

    #[test]
    fn a_directory_is_listed_whole_with_hidden_files() {
        let folder = Folder::with(&["a.py", "d/.hidden", ".gitignore", ".git/config"]);
        folder.write(".gitignore", "a.py\n");
        let all = [".git", ".git/config", ".gitignore", "a.py", "d", "d/.hidden"];
        assert_eq!(folder.load(&[], false).unwrap(), all);
    }

    #[test]
    fn a_walk_gives_the_order_of_paths() {
        let mut files: Vec<_> = (0..3 * FILES_AT_ONCE).map(|number| format!("many/{number}")).collect();
        files.extend(
            ["a/b/c", "a-b", "a.js", "a/b-c", "a/b.d/e", "a0", "a!/b", "a/0", "many-more/x", "many.x/1"]
                .map(String::from),
        );
        files.extend((0..5).map(|number| format!("many/{}/a", FILES_AT_ONCE * 10 + number)));
        let files: Vec<_> = files.iter().map(String::as_str).collect();
        let folder = Folder::with(&files);
        let (nodes, _) = walk(&folder.source(&[], false), &"/opt".parse().unwrap()).unwrap();
        assert!(nodes.is_sorted_by(|(one, _), (other, _)| one < other));
        assert_eq!(nodes.iter().filter(|(_, node)| matches!(node, Node::File(_))).count(), files.len());
    }

    #[test]
    fn exclude_and_limgignore_leave_out() {
        let folder = Folder::with(&["a.py", "tests/t.py", "d/tests/t.py", "d/x.log", "keep.log", "d/e/f"]);
        folder.write(".limgignore", "*.log\n!keep.log\n");
        folder.write("d/.limgignore", "e/\n");
        assert_eq!(
            folder.load(&["/tests"], false).unwrap(),
            ["a.py", "d", "d/tests", "d/tests/t.py", "keep.log"]
        );
        assert_eq!(
            folder.load(&["tests/**"], false).unwrap(),
            ["a.py", "d", "d/tests", "d/tests/t.py", "keep.log", "tests"]
        );
    }

    #[test]
    fn a_limgignore_must_have_patterns() {
        let folder = Folder::with(&["a.py", "d/e.py"]);
        folder.write("d/.limgignore", "{a,b\n");
        let error = folder.load(&[], false).unwrap_err().to_string();
        assert!(error.contains("d/.limgignore") && error.contains("pattern that is none"), "{error}");
    }

    #[test]
    fn no_folder_lies_too_deep() {
        let folder = Folder::with(&[]);
        let mut path = folder.0.path().to_owned();
        for _ in 0..1500 {
            path.push("d");
            std::fs::create_dir(&path).unwrap();
        }
        assert_eq!(folder.load(&[], false).unwrap().len(), 1500);
    }

    #[test]
    fn modes_are_reduced_to_the_executable_bit() {
        let folder = Folder::with(&["plain", "program"]);
        for (file, mode) in [("plain", 0o600), ("program", 0o4710)] {
            std::fs::set_permissions(folder.path(file), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let tree = Tree::load(&folder.source(&[], false), &"/opt".parse().unwrap()).unwrap();
        let executable: Vec<_> =
            tree.iter().map(|(_, node)| matches!(node, Node::File(file) if file.executable)).collect();
        assert_eq!(executable, [false, true]);
        assert_eq!(tree.adjustments().len(), 1, "the setuid bit is told of: {:?}", tree.adjustments());
    }

    #[test]
    fn links_inside_are_kept_and_links_outside_refused() {
        let folder = Folder::with(&["d/real"]);
        symlink("real", folder.path("d/link")).unwrap();
        symlink("../d", folder.path("d/up")).unwrap();
        symlink("nowhere", folder.path("broken")).unwrap();
        assert_eq!(folder.load(&[], false).unwrap(), ["broken", "d", "d/link", "d/real", "d/up"]);

        for target in ["/etc/passwd", "../../outside"] {
            symlink(target, folder.path("d/out")).unwrap();
            let error = folder.load(&[], false).unwrap_err().to_string();
            assert!(error.contains("d/out") && error.contains(target), "{error}");
            assert!(folder.load(&["out"], false).is_ok());
            std::fs::remove_file(folder.path("d/out")).unwrap();
        }
    }

    #[test]
    fn follow_takes_what_a_link_points_to() {
        let shared = Folder::with(&["lib/a.py", "lib/deep/b.py", "one.py", "lib/skip.log"]);
        let folder = Folder::with(&["app.py"]);
        symlink(shared.path("lib"), folder.path("lib")).unwrap();
        symlink(shared.path("one.py"), folder.path("one.py")).unwrap();
        let all = ["app.py", "lib", "lib/a.py", "lib/deep", "lib/deep/b.py", "one.py"];
        assert_eq!(folder.load(&["*.log"], true).unwrap(), all);
        // What a link points to stands in the link's place.
        folder.write(".limgignore", "/lib/skip.log\n");
        assert_eq!(folder.load(&[], true).unwrap(), all);

        symlink(folder.path("."), shared.path("lib/round")).unwrap();
        assert!(folder.load(&["*.log"], true).unwrap_err().to_string().contains("circle"));
    }

    #[test]
    fn what_an_image_cannot_hold_is_refused() {
        let folder = Folder::with(&["app.py"]);
        let socket = std::os::unix::net::UnixListener::bind(folder.path("socket")).unwrap();
        assert!(folder.load(&[], false).unwrap_err().to_string().contains("socket"));
        drop(socket);

        let folder = Folder::with(&["app.py"]);
        std::fs::write(folder.0.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "x").unwrap();
        assert!(folder.load(&[], false).unwrap_err().to_string().contains("not UTF-8"));
    }

    #[test]
    fn a_file_that_changed_since_is_not_read() {
        let folder = Folder::with(&["a"]);
        let tree = Tree::load(&folder.source(&[], false), &"/opt".parse().unwrap()).unwrap();
        folder.write("a", "longer than before");
        let Some(Node::File(file)) = tree.get(&"/opt/a".parse().unwrap()) else { panic!("no file") };
        let error = file.content.head(1).unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("changed"), "{error:?}");
    }
}
