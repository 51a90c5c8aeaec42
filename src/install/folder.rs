//! The files that a program works on: they are listed and read once, and copied into the folder where it works.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::error::InstallError;
use crate::fs::{self, FsError};
use crate::project::{ImagePath, Source};
use crate::store::{Digest, FieldHasher, HashingWriter};
use crate::tree::{FileNode, Node, Tree, TreeError};

/// Where the trees of these folders have their root: every path of a tree is below a folder.
pub(super) const ROOT: &str = "/code";

/// A copy of a user's folder.
#[derive(Debug)]
pub(super) struct Sources {
    tree: Tree,
    /// The digest of the paths and contents of all files.
    pub(super) digest: Digest,
}

/// [`ROOT`] as a path.
pub(super) fn root() -> Result<ImagePath, TreeError> {
    ROOT.parse().map_err(|source| TreeError::Path { what: ROOT.to_owned(), source })
}

impl Sources {
    /// Reads a folder without what some patterns, in gitignore syntax, leave out.
    pub(super) fn read(source: &Source, left_out: &[&str]) -> Result<Self, InstallError> {
        let mut source = Source { follow: true, ..source.clone() };
        source.exclude.extend(left_out.iter().map(|pattern| (*pattern).to_owned()));
        let tree = Tree::load(&source, &root()?)?;
        let digest = digest(&tree)?;
        Ok(Self { tree, digest })
    }

    /// Whether there is a file with this path below the folder.
    pub(super) fn has_file(&self, path: &str) -> bool {
        self.tree
            .get_or_implied(&format!("{ROOT}/{path}"))
            .is_some_and(|node| !matches!(node, Node::Directory))
    }

    /// The paths of all files below the folder.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let files = self.tree.iter().filter(|(_, node)| matches!(node, Node::File(_)));
        files.filter_map(|(path, _)| path.as_str().strip_prefix(ROOT)?.strip_prefix('/'))
    }

    /// Copies the files into a folder.
    pub(super) fn write(&self, folder: &Path) -> Result<(), InstallError> {
        write(&self.tree, folder)
    }
}

/// The digest of the paths and contents of a tree.
fn digest(tree: &Tree) -> Result<Digest, TreeError> {
    let mut hasher = FieldHasher::default();
    for (path, node) in tree.iter() {
        hasher.add(path.as_str());
        match node {
            Node::Directory => hasher.add("directory"),
            Node::Symlink(target) => {
                hasher.add("link");
                hasher.add(target);
            }
            Node::File(file) => {
                let mut content = HashingWriter::new(io::sink());
                let read = io::copy(&mut file.content.open()?, &mut content);
                read.map_err(TreeError::reading(&file.content))?;
                let (_, digest, _) = content.finish();
                hasher.add(if file.executable { "program" } else { "file" });
                hasher.add(digest.as_str());
            }
        }
    }
    Ok(hasher.finish())
}

/// Writes what a tree has below [`ROOT`] into a folder.
pub(super) fn write(tree: &Tree, folder: &Path) -> Result<(), InstallError> {
    for (path, node) in tree.iter() {
        let Some(below) = path.as_str().strip_prefix(ROOT).and_then(|below| below.strip_prefix('/')) else {
            continue;
        };
        let target = folder.join(below);
        match node {
            Node::Directory => fs::create_dir_all(&target)?,
            Node::Symlink(to) => {
                fs::create_dir_all(fs::folder_of(&target))?;
                link(to, &target)?;
            }
            Node::File(file) => {
                fs::create_dir_all(fs::folder_of(&target))?;
                write_file(file, &target)?;
            }
        }
    }
    Ok(())
}

/// Files keep their times, by which make decides what is up to date. Nothing is synced: the folder is temporary.
fn write_file(file: &FileNode, target: &Path) -> Result<(), InstallError> {
    let because = || FsError::because("write", target);
    let mut output = File::create(target).map_err(because())?;
    io::copy(&mut file.content.open()?, &mut output).map_err(TreeError::reading(&file.content))?;
    output.flush().map_err(because())?;
    if file.executable {
        fs::set_mode(&output, 0o755).map_err(because())?;
    }
    if let Some(seconds) = file.modified.and_then(|seconds| u64::try_from(seconds).ok()) {
        output.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).map_err(because())?;
    }
    Ok(())
}

#[cfg(unix)]
fn link(to: &str, at: &Path) -> Result<(), FsError> {
    // A tool may have written the file that the sources have as a link, too.
    let _absent = std::fs::remove_file(at);
    std::os::unix::fs::symlink(to, at).map_err(FsError::because("create", at))
}

#[cfg(windows)]
fn link(to: &str, at: &Path) -> Result<(), FsError> {
    let _absent = std::fs::remove_file(at);
    std::os::windows::fs::symlink_file(to, at).map_err(FsError::because("create", at))
}
