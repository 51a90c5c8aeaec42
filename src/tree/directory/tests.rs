//! The walk through a directory.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use std::path::PathBuf;

use super::*;
use crate::project::SourceKind;
use crate::tree::Tree;

struct Fixture(tempfile::TempDir);

impl Fixture {
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

    fn source(&self, exclude: &[&str]) -> Source {
        let exclude = exclude.iter().map(|pattern| (*pattern).to_owned()).collect();
        let source = Source::new(self.0.path().to_owned(), SourceKind::Directory);
        Source { exclude, ..source }
    }

    fn load(&self, exclude: &[&str]) -> Result<Vec<String>, TreeError> {
        let tree = Tree::load(&self.source(exclude), &"/opt".parse().unwrap())?;
        Ok(tree.iter().map(|(path, _)| path.relative()["opt/".len()..].to_owned()).collect())
    }
}

#[test]
fn all_files_of_a_directory_are_listed_even_hidden_ones() {
    let folder = Fixture::with(&["a.py", "d/.hidden", ".gitignore", ".git/config"]);
    folder.write(".gitignore", "a.py\n");
    let all = [".git", ".git/config", ".gitignore", "a.py", "d", "d/.hidden"];
    assert_eq!(folder.load(&[]).unwrap(), all);
}

#[test]
fn a_walk_returns_nodes_in_the_order_of_their_paths() {
    let mut files: Vec<_> = (0..3 * FILES_AT_ONCE).map(|number| format!("many/{number}")).collect();
    files.extend(
        ["a/b/c", "a-b", "a.js", "a/b-c", "a/b.d/e", "a0", "a!/b", "a/0", "many-more/x", "many.x/1"]
            .map(String::from),
    );
    files.extend((0..5).map(|number| format!("many/{}/a", FILES_AT_ONCE * 10 + number)));
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    let folder = Fixture::with(&files);
    let source = folder.source(&[]);
    let root = Folder {
        path: folder.0.path().into(),
        image_path: "/opt".parse().unwrap(),
        below_root: String::new(),
        link_root: 0,
        rules: FolderRules::of_root(&source).unwrap(),
    };
    let Walked { nodes, .. } = Walk::new(&source).unwrap().list(root).unwrap();
    assert!(nodes.is_sorted_by(|(one, _), (other, _)| one < other));
    assert_eq!(nodes.iter().filter(|(_, node)| matches!(node, Node::File(_))).count(), files.len());
}

#[test]
fn exclude_and_limgignore_files_exclude() {
    let folder = Fixture::with(&["a.py", "tests/t.py", "d/tests/t.py", "d/x.log", "keep.log", "d/e/f"]);
    folder.write(".limgignore", "*.log\n!keep.log\n");
    folder.write("d/.limgignore", "e/\n");
    assert_eq!(folder.load(&["/tests"]).unwrap(), ["a.py", "d", "d/tests", "d/tests/t.py", "keep.log"]);
    assert_eq!(
        folder.load(&["tests/**"]).unwrap(),
        ["a.py", "d", "d/tests", "d/tests/t.py", "keep.log", "tests"]
    );
}

#[test]
fn a_limgignore_must_contain_valid_patterns() {
    let folder = Fixture::with(&["a.py", "d/e.py"]);
    folder.write("d/.limgignore", "{a,b\n");
    let error = folder.load(&[]).unwrap_err().to_string();
    assert!(error.contains("d/.limgignore") && error.contains("invalid pattern"), "{error}");
}

#[test]
fn deeply_nested_folders_are_listed() {
    let folder = Fixture::with(&[]);
    let mut path = folder.0.path().to_owned();
    // One level is that of the root.
    for _ in 0..1023 {
        path.push("d");
        std::fs::create_dir(&path).unwrap();
    }
    assert_eq!(folder.load(&[]).unwrap().len(), 1023);
    std::fs::create_dir(path.join("d")).unwrap();
    let error = folder.load(&[]).unwrap_err().to_string();
    assert!(
        error.ends_with("is in more than 1024 folders, which tools that unpack images may not support"),
        "{error}"
    );
}

#[test]
fn modes_are_reduced_to_the_executable_bit() {
    let folder = Fixture::with(&["plain", "program"]);
    for (file, mode) in [("plain", 0o600), ("program", 0o4710)] {
        std::fs::set_permissions(folder.path(file), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let tree = Tree::load(&folder.source(&[]), &"/opt".parse().unwrap()).unwrap();
    let executable: Vec<_> =
        tree.iter().map(|(_, node)| matches!(node, Node::File(file) if file.executable)).collect();
    assert_eq!(executable, [false, true]);
    assert_eq!(tree.adjustments().len(), 1, "the setuid bit is reported: {:?}", tree.adjustments());
}

#[test]
fn links_that_stay_inside_are_kept() {
    let folder = Fixture::with(&["d/real"]);
    symlink("real", folder.path("d/link")).unwrap();
    symlink("../d", folder.path("d/up")).unwrap();
    symlink("nowhere", folder.path("broken")).unwrap();
    assert_eq!(folder.load(&[]).unwrap(), ["broken", "d", "d/link", "d/real", "d/up"]);
}

#[test]
fn what_an_image_cannot_contain_is_rejected() {
    let folder = Fixture::with(&["app.py"]);
    let socket = std::os::unix::net::UnixListener::bind(folder.path("socket")).unwrap();
    assert!(folder.load(&[]).unwrap_err().to_string().contains("socket"));
    drop(socket);

    let folder = Fixture::with(&["app.py"]);
    std::fs::write(folder.0.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "x").unwrap();
    assert!(folder.load(&[]).unwrap_err().to_string().contains("not UTF-8"));
}

#[test]
fn a_file_that_changed_after_listing_is_not_read() {
    let folder = Fixture::with(&["a"]);
    let tree = Tree::load(&folder.source(&[]), &"/opt".parse().unwrap()).unwrap();
    folder.write("a", "longer than before");
    let Some(Node::File(file)) = tree.get(&"/opt/a".parse().unwrap()) else { panic!("no file") };
    let error = file.content.head(1).unwrap_err();
    assert!(error.to_string().contains("a` changed while limg was reading it"), "{error:?}");
}
