//! Paths from the folder of the new `limg.yaml`.

use std::path::{Component, Path, PathBuf};

use super::MigrationError;
use crate::fs;

/// The folder of the new `limg.yaml`.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// Whether `..` leads from it to the folder that its path names before it: not where it is a symbolic link.
    is_plain: bool,
}

impl Folder {
    pub(super) fn of(output: &Path) -> Self {
        let path = fs::folder_of(output).to_owned();
        let is_plain = path.canonicalize().is_ok_and(|real| real == path);
        Self { path, is_plain }
    }

    /// The path relative to the folder, or absolute if none leads there. It is never empty.
    pub(super) fn relative(&self, path: &Path) -> PathBuf {
        let plain = fs::normal(path);
        // `..` after a symbolic link leads elsewhere.
        let is_same = plain == path || plain.canonicalize().ok() == path.canonicalize().ok();
        let path = if is_same { plain.as_path() } else { path };
        if let Ok(below) = path.strip_prefix(&self.path) {
            let is_folder = below.as_os_str().is_empty();
            return if is_folder { PathBuf::from(".") } else { below.to_owned() };
        }
        let common = self.path.components().zip(path.components()).take_while(|(one, other)| one == other);
        let common = common.count();
        // Only the root in common says nothing about where the two are.
        if !self.is_plain || common < 2 {
            return path.to_owned();
        }
        let up = self.path.components().skip(common).map(|_| Component::ParentDir);
        up.chain(path.components().skip(common)).collect()
    }

    /// The same as text, with `/` between names.
    pub(super) fn written(&self, path: &Path) -> Result<String, MigrationError> {
        text(&self.relative(path))
    }
}

/// A path as text, with `/` between names.
pub(super) fn text(path: &Path) -> Result<String, MigrationError> {
    let text = path.to_str().ok_or_else(|| MigrationError::NotUtf8 { path: path.to_owned() })?;
    Ok(if cfg!(windows) { text.replace('\\', "/") } else { text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_lead_from_the_folder_to_the_path() {
        let folder = |is_plain| Folder { path: "/home/shop".into(), is_plain };
        for (path, expected) in [
            ("/home/shop", "."),
            ("/home/shop/src", "src"),
            ("/home/shop/nested/../src", "src"),
            ("/home/bases", "../bases"),
            ("/srv/base", "/srv/base"),
        ] {
            assert_eq!(folder(true).relative(Path::new(path)), Path::new(expected));
        }
        assert_eq!(folder(false).relative(Path::new("/home/bases")), Path::new("/home/bases"));
    }
}
