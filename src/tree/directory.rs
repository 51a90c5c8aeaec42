//! A directory of this machine as a tree: one walk on all processors, links kept, `.limgignore` and `exclude` respected.

use std::fs::{DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::Gitignore;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::patterns::{IGNORE_FILE, compile_file, compile_patterns};
use super::{Adjustment, Content, FileNode, Node, Tree, TreeError, check_link, join, leaves};
use crate::fs::{self, FsError};
use crate::project::{ImagePath, OUTPUT_FOLDER, Source};

/// Lists a directory.
pub(super) fn load(source: &Source, root: &ImagePath) -> Result<Tree, TreeError> {
    let walk = Walk { exclude: compile_patterns(&source.exclude)?, follow: source.follow };
    let mut folders = vec![Folder {
        path: source.path.clone(),
        place: root.clone(),
        below: String::new(),
        start: 0,
        ignored: None,
        entered: if source.follow { vec![real(&source.path)?] } else { Vec::new() }.into(),
    }];
    let (mut nodes, mut adjustments) = (Vec::new(), Vec::new());
    // Level by level: no folder lies too deep for the stack.
    while !folders.is_empty() {
        let listings: Vec<_> = folders.par_iter().map(|folder| walk.list(folder)).collect();
        folders.clear();
        for listing in listings {
            let mut listing = listing?;
            nodes.append(&mut listing.nodes);
            adjustments.append(&mut listing.adjustments);
            folders.append(&mut listing.folders);
        }
    }
    adjustments.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Tree { nodes: nodes.into_iter().collect(), adjustments, listed: None })
}

/// What holds for a whole source.
struct Walk {
    exclude: Gitignore,
    follow: bool,
}

/// A directory to list.
struct Folder {
    path: PathBuf,
    /// Where it stands in the image.
    place: ImagePath,
    /// Its path below the source's root, with `/`; the root's is empty.
    below: String,
    /// Where in paths below the source's root those begin that links may not leave: behind the last link that was followed.
    start: usize,
    /// The nearest `.limgignore` above it.
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

/// What a directory holds.
#[derive(Default)]
struct Listing {
    nodes: Vec<(ImagePath, Node)>,
    folders: Vec<Folder>,
    adjustments: Vec<Adjustment>,
}

impl Walk {
    fn list(&self, folder: &Folder) -> Result<Listing, TreeError> {
        let failed = FsError::because("list", &folder.path);
        let entries = std::fs::read_dir(&folder.path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries: Vec<_> =
            entries.map_err(failed)?.into_iter().map(|entry| (entry.file_name(), entry)).collect();
        // So that of several failures always the same one is told.
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        let ignored = match entries.iter().find(|(name, _)| name == IGNORE_FILE) {
            Some((_, entry)) => Some(Arc::new(folder.ignored(&entry.path())?)),
            None => folder.ignored.clone(),
        };
        let mut listing = Listing::default();
        for (name, entry) in &entries {
            let kind = entry.file_type().map_err(FsError::because("look at", &entry.path()))?;
            let below = folder.below(&name.to_string_lossy());
            let is_output = kind.is_dir() && name == OUTPUT_FOLDER;
            if name == IGNORE_FILE || is_output || self.leaves_out(&below, kind.is_dir(), ignored.as_deref())
            {
                continue;
            }
            let file = entry.path();
            let path = join(&folder.place, &image_name(Path::new(name), &file)?, &file.display())?;
            if kind.is_dir() {
                listing.nodes.push((path.clone(), Node::Directory));
                let (ignored, entered) = (ignored.clone(), Arc::clone(&folder.entered));
                let start = folder.start;
                listing.folders.push(Folder { path: file, place: path, below, start, ignored, entered });
            } else if kind.is_symlink() {
                self.link(folder, entry, path, below, ignored.as_ref(), &mut listing)?;
            } else {
                let metadata = entry.metadata().map_err(FsError::because("look at", &file))?;
                listing.file(&file, &metadata, path)?;
            }
        }
        Ok(listing)
    }

    /// Whether `exclude`, or the nearest `.limgignore` that says anything of a path, says to leave it out.
    fn leaves_out(&self, below: &str, is_directory: bool, ignored: Option<&Ignored>) -> bool {
        if self.exclude.matched(below, is_directory).is_ignore() {
            return true;
        }
        let mut nearest = ignored;
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
        entry: &DirEntry,
        path: ImagePath,
        below: String,
        ignored: Option<&Arc<Ignored>>,
        listing: &mut Listing,
    ) -> Result<(), TreeError> {
        let file = entry.path();
        let target = std::fs::read_link(&file).map_err(FsError::because("read the link", &file))?;
        let target = image_name(&target, &file)?;
        let name = &below[folder.start..];
        if !self.follow || !leaves(name, &target) {
            check_link(name, &target, &file.display())?;
            listing.nodes.push((path, Node::Symlink(target)));
            return Ok(());
        }
        let metadata = std::fs::metadata(&file).map_err(FsError::because("follow the link", &file))?;
        if !metadata.is_dir() {
            return listing.file(&file, &metadata, path);
        }
        let real = real(&file)?;
        if folder.entered.contains(&real) {
            return Err(TreeError::Unsuitable {
                what: file.display().to_string(),
                why: "is a symbolic link that leads round in a circle".to_owned(),
                help: "exclude it",
            });
        }
        listing.nodes.push((path.clone(), Node::Directory));
        listing.folders.push(Folder {
            path: file,
            place: path,
            start: below.len() + 1,
            below,
            ignored: ignored.cloned(),
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
    /// Adds what is neither a directory nor a link.
    fn file(&mut self, file: &Path, metadata: &Metadata, path: ImagePath) -> Result<(), TreeError> {
        if !metadata.is_file() {
            return Err(TreeError::Unsuitable {
                what: file.display().to_string(),
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
        self.nodes.push((path, Node::File(file_node(file, metadata)?)));
        Ok(())
    }
}

/// The path of a directory without links.
fn real(directory: &Path) -> Result<PathBuf, TreeError> {
    Ok(directory.canonicalize().map_err(FsError::because("open", directory))?)
}

/// The node of a regular file.
pub(super) fn file_node(file: &Path, metadata: &Metadata) -> Result<FileNode, TreeError> {
    let content = Content::host(file, metadata);
    Ok(FileNode {
        executable: is_executable(metadata, &content)?,
        size: metadata.len(),
        modified: metadata
            .modified()
            .ok()
            .and_then(|time| i64::try_from(super::since_epoch(time).div_euclid(1_000_000_000)).ok()),
        content,
    })
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

/// A path of this machine in the image's form: UTF-8 with `/` between the names.
fn image_name(path: &Path, file: &Path) -> Result<String, TreeError> {
    let text = path.to_str().ok_or_else(|| TreeError::Unsuitable {
        what: file.display().to_string(),
        why: "has a name that is not UTF-8".to_owned(),
        help: "rename or exclude it",
    })?;
    Ok(if cfg!(windows) { text.replace('\\', "/") } else { text.to_owned() })
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
