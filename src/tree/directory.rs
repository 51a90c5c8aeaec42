//! A directory of this machine as a tree: one walk, links kept, `.limgignore` and `exclude` respected.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::{Content, FileNode, Node, Tree, TreeError, check_link, join, leaves};
use crate::fs::FsError;
use crate::project::{ImagePath, OUTPUT_FOLDER, Source};

/// The name of the files that list what is left out, in gitignore syntax, in the directory that holds one.
pub(super) const IGNORE_FILE: &str = ".limgignore";

/// Lists a directory.
pub(super) fn load(source: &Source, root: &ImagePath) -> Result<Tree, TreeError> {
    let exclude = compile_patterns(&source.exclude)?;
    let mut walk = Walk { tree: Tree::new(), exclude: &exclude, follow: source.follow, entered: Vec::new() };
    walk.directory(&source.path, root, Path::new(""))?;
    Ok(walk.tree)
}

/// Compiles patterns in gitignore syntax; they are anchored at a source's root, as in a `.gitignore` there.
///
/// # Errors
/// When one of them is none.
pub fn compile_patterns(patterns: &[String]) -> Result<Gitignore, TreeError> {
    let pattern_error = |pattern: &str| {
        let pattern = pattern.to_owned();
        |source| TreeError::Pattern { pattern, source }
    };
    // The root is empty because patterns are matched with paths below the source's root.
    let mut builder = GitignoreBuilder::new("");
    for pattern in patterns {
        builder.add_line(None, pattern).map_err(pattern_error(pattern))?;
    }
    builder.build().map_err(pattern_error(&patterns.join("`, `")))
}

struct Walk<'a> {
    tree: Tree,
    exclude: &'a Gitignore,
    follow: bool,
    /// The real paths of the directories that followed links have led into, to notice a circle.
    entered: Vec<PathBuf>,
}

impl Walk<'_> {
    /// Lists `directory`, which stands at `place` in the image and at `below` below the source's root.
    fn directory(&mut self, directory: &Path, place: &ImagePath, below: &Path) -> Result<(), TreeError> {
        let real = directory.canonicalize().map_err(FsError::because("open", directory))?;
        if self.entered.contains(&real) {
            return Err(TreeError::Unsuitable {
                what: directory.display().to_string(),
                why: "is a symbolic link that leads round in a circle".to_owned(),
                help: "exclude it",
            });
        }
        self.entered.push(real);
        let exclude = self.exclude.clone();
        let (start, prefix) = (directory.to_owned(), below.to_owned());
        let walk = WalkBuilder::new(directory)
            .standard_filters(false)
            .require_git(false)
            .add_custom_ignore_filename(IGNORE_FILE)
            .follow_links(false)
            .filter_entry(move |entry| {
                let is_directory = entry.file_type().is_some_and(|kind| kind.is_dir());
                if is_directory && entry.file_name() == OUTPUT_FOLDER {
                    return false;
                }
                entry.path().strip_prefix(&start).map_or(true, |relative| {
                    relative.as_os_str().is_empty()
                        || !exclude.matched(prefix.join(relative), is_directory).is_ignore()
                })
            })
            .build();
        for entry in walk {
            let entry = entry.map_err(|source| TreeError::Walk { path: directory.to_owned(), source })?;
            if entry.depth() == 0 || entry.file_name() == IGNORE_FILE {
                continue;
            }
            let relative = entry.path().strip_prefix(directory).unwrap_or(entry.path());
            let name = image_name(relative, entry.path())?;
            let path = join(place, &name, &entry.path().display())?;
            let metadata = entry
                .metadata()
                .map_err(|source| TreeError::Walk { path: entry.path().to_owned(), source })?;
            self.node(entry.path(), &metadata, path, &name, &below.join(relative))?;
        }
        self.entered.pop();
        Ok(())
    }

    /// Adds what stands at `file`; `name` is its path below the directory that is being walked.
    fn node(
        &mut self,
        file: &Path,
        metadata: &Metadata,
        path: ImagePath,
        name: &str,
        below: &Path,
    ) -> Result<(), TreeError> {
        let kind = metadata.file_type();
        if kind.is_dir() {
            self.tree.insert(path, Node::Directory);
        } else if kind.is_file() {
            self.file(file, metadata, path)?;
        } else if kind.is_symlink() {
            let target = std::fs::read_link(file).map_err(FsError::because("read the link", file))?;
            let target = image_name(&target, file)?;
            if self.follow && leaves(name, &target) {
                return self.followed(file, path, below);
            }
            check_link(name, &target, &file.display())?;
            self.tree.insert(path, Node::Symlink(target));
        } else {
            return Err(TreeError::Unsuitable {
                what: file.display().to_string(),
                why: "is neither a file nor a directory nor a symbolic link".to_owned(),
                help: "exclude it; sockets, pipes and devices cannot be part of an image",
            });
        }
        Ok(())
    }

    fn file(&mut self, file: &Path, metadata: &Metadata, path: ImagePath) -> Result<(), TreeError> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            if metadata.mode() & 0o6000 != 0 {
                self.tree.adjusted(&path, super::SPECIAL_BITS_LOST);
            }
        }
        self.tree.insert(path, Node::File(file_node(file, metadata)?));
        Ok(())
    }

    /// Takes what a link that leaves the tree points to.
    fn followed(&mut self, file: &Path, path: ImagePath, below: &Path) -> Result<(), TreeError> {
        let metadata = std::fs::metadata(file).map_err(FsError::because("follow the link", file))?;
        if metadata.is_dir() {
            self.tree.insert(path.clone(), Node::Directory);
            return self.directory(file, &path, below);
        }
        self.node(file, &metadata, path, "", below)
    }
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
