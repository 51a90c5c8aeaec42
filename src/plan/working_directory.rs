//! The directory that the function starts in. Lambda does not start a function in one that is relative, missing, or closed to
//! the user that it runs as (facts 1.4, 1.5).

use crate::files::{IndexEntry, Merged};
use crate::project::ImagePath;
use crate::runtime::TASK_ROOT;

/// The directory that the function starts in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkingDirectory {
    /// Its absolute path.
    pub path: String,
    /// Why it is another one than the base's own.
    pub replaced: Option<String>,
    /// Why Lambda cannot start the function there.
    pub obstacle: Option<String>,
}

impl WorkingDirectory {
    /// The base's directory if it has one that can be used, else the task root. What is not known of the base is taken as
    /// right.
    pub(super) fn choose(inherited: Option<&str>, merged: &Merged<'_>) -> Self {
        let given = inherited.unwrap_or(TASK_ROOT);
        let path = absolute(given);
        match missing(&path, merged).or_else(|| closed(&path, merged)) {
            Some(why) if path != TASK_ROOT => {
                let obstacle = closed(TASK_ROOT, merged);
                Self { path: TASK_ROOT.to_owned(), replaced: Some(why), obstacle }
            }
            _ => {
                let replaced = (!given.starts_with('/')).then(|| "it is relative".to_owned());
                let obstacle = closed(&path, merged);
                Self { path, replaced, obstacle }
            }
        }
    }
}

/// A path from the root, without `.` and `..`.
fn absolute(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

/// What the image lacks of a directory, if the files of the base are known.
fn missing(path: &str, merged: &Merged<'_>) -> Option<String> {
    let is_present = path == "/" || !merged.base().is_full() || merged.is_directory(path);
    (!is_present).then(|| format!("the image has no directory `{path}`"))
}

/// What keeps the function's user from entering a directory, if the files of the base are known.
fn closed(path: &str, merged: &Merged<'_>) -> Option<String> {
    let path: ImagePath = path.parse().ok()?;
    path.ancestors().chain([path.clone()]).find_map(|folder| match merged.base().resolve(&folder) {
        Some(IndexEntry::Directory { mode, .. }) if mode & 0o001 == 0 => {
            Some(format!("only its owner and group can enter `{folder}` (mode {mode:04o})"))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_absolute() {
        for (path, expected) in [
            ("/", "/"),
            ("/app/", "/app"),
            ("app", "/app"),
            ("./a/../b//c", "/b/c"),
            ("../..", "/"),
            (".", "/"),
        ] {
            assert_eq!(absolute(path), expected);
        }
    }
}
