//! The state of sources at one moment, to detect a change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::stamp::Stamp;
use super::{Content, Node, Tree, TreeError};
use crate::project::{ImagePath, Source, SourceKind};

/// The state of each watched path. What a source excludes is not watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<PathBuf, PathState>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum PathState {
    Directory,
    File {
        stamp: Stamp,
        executable: bool,
    },
    Link(String),
    /// It cannot be read, for this reason.
    Unusable(String),
}

/// How a path differs from one snapshot to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// It did not exist before.
    New,
    /// Its kind or content may have changed.
    Changed,
    /// It does not exist any more.
    Removed,
}

impl Snapshot {
    /// Adds one file, which may not exist.
    pub fn add_file(&mut self, path: &Path) {
        let state = match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => PathState::Directory,
            Ok(metadata) => PathState::File { stamp: Stamp::of(&metadata), executable: false },
            Err(error) => PathState::Unusable(error.kind().to_string()),
        };
        self.0.insert(path.to_owned(), state);
    }

    /// Adds everything that a source contains. A zip archive counts as one file.
    pub fn add(&mut self, source: &Source) {
        if let Some(file) = source.outer_ignore_file() {
            self.add_file(&file);
        }
        match source.kind {
            SourceKind::File | SourceKind::Zip => self.add_file(&source.path),
            SourceKind::Directory => {
                if let Err(error) = self.add_directory(source) {
                    self.0.insert(source.path.clone(), PathState::Unusable(error.to_string()));
                }
            }
        }
    }

    fn add_directory(&mut self, source: &Source) -> Result<(), TreeError> {
        // The place in the image does not matter.
        let root: ImagePath = "/source"
            .parse()
            .map_err(|error| TreeError::Path { what: source.path.display().to_string(), source: error })?;
        let tree = Tree::load(source, &root)?;
        for (path, node) in tree.iter() {
            let state = match node {
                Node::Directory => PathState::Directory,
                Node::Symlink(target) => PathState::Link(target.clone()),
                Node::File(file) => match &file.content {
                    Content::Host(host) => {
                        PathState::File { stamp: host.stamp(), executable: file.executable }
                    }
                    Content::Zip(_) | Content::Stored(_) | Content::Bytes(_) => continue,
                },
            };
            let below = path.relative().split_once('/').map_or("", |(_, below)| below);
            self.0.insert(source.path.join(below), state);
        }
        Ok(())
    }

    /// This snapshot with the states of an earlier one where both have a path.
    #[must_use]
    pub fn with(mut self, earlier: Self) -> Self {
        self.0.extend(earlier.0);
        self
    }

    /// The paths that differ in a later snapshot. Folders are included only if no file differs.
    #[must_use]
    pub fn differences<'a>(&'a self, later: &'a Self) -> Vec<(&'a Path, Difference)> {
        let is_folder = |state: &PathState| *state == PathState::Directory;
        let removed = self.0.iter().filter(|(path, _)| !later.0.contains_key(*path));
        let removed = removed.map(|(path, state)| (path, state, Difference::Removed));
        let differing = later.0.iter().filter_map(|(path, state)| match self.0.get(path) {
            None => Some((path, state, Difference::New)),
            Some(before) => (before != state).then_some((path, state, Difference::Changed)),
        });
        let all: Vec<_> = removed.chain(differing).collect();
        let files: Vec<_> = all.iter().filter(|(_, state, _)| !is_folder(state)).collect();
        let reported = if files.is_empty() { all.iter().collect() } else { files };
        reported.into_iter().map(|(path, _, difference)| (path.as_path(), *difference)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(root: &Path) -> Snapshot {
        let exclude = vec!["*.log".to_owned()];
        let source = Source { exclude, ..Source::new(root.join("code"), SourceKind::Directory) };
        let mut snapshot = Snapshot::default();
        snapshot.add_file(&root.join("limg.yaml"));
        snapshot.add(&source);
        snapshot
    }

    #[test]
    fn a_snapshot_differs_when_the_image_may_differ() {
        use Difference::{Changed, New, Removed};
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let write = |path: &str, text: &str| {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), text).unwrap();
        };
        write("limg.yaml", "a");
        write("code/app.py", "one");
        write("code/lib/x.py", "one");
        let mut before = take(root);
        let mut expect = |expected: &[(&str, Difference)]| {
            let now = take(root);
            let expected: Vec<_> =
                expected.iter().map(|(path, difference)| (root.join(path), *difference)).collect();
            let found: Vec<_> = before.differences(&now);
            let found: Vec<_> =
                found.into_iter().map(|(path, difference)| (path.to_owned(), difference)).collect();
            assert_eq!(found, expected);
            assert_eq!(before == now, expected.is_empty());
            before = now;
        };
        expect(&[]);
        write("code/lib/x.py", "three");
        expect(&[("code/lib/x.py", Changed)]);
        // Many editors save like this.
        write("code/.app.py.new", "two");
        std::fs::rename(root.join("code/.app.py.new"), root.join("code/app.py")).unwrap();
        expect(&[("code/app.py", Changed)]);
        write("code/new/y.py", "");
        expect(&[("code/new/y.py", New)]);
        std::fs::remove_dir_all(root.join("code/new")).unwrap();
        expect(&[("code/new/y.py", Removed)]);
        std::fs::create_dir(root.join("code/empty")).unwrap();
        expect(&[("code/empty", New)]);
        // What the source, or every source, excludes.
        write("code/noise.log", "x");
        write("code/.limg/images/index.json", "x");
        expect(&[]);
        std::fs::remove_file(root.join("limg.yaml")).unwrap();
        expect(&[("limg.yaml", Changed)]);
        std::fs::remove_dir_all(root.join("code")).unwrap();
        let gone = take(root);
        assert!(before.differences(&gone).iter().any(|(path, _)| *path == root.join("code")));
        write("code/app.py", "back");
        assert!(gone.differences(&take(root)).iter().any(|(path, _)| *path == root.join("code/app.py")));
    }
}
