//! Which names and links a tree may contain, from any source.

use std::fmt::Display;
use std::path::Path;

use super::TreeError;
use crate::finding::{Help, Setting};
use crate::project::ImagePath;

/// The image path of a file with this path below a source's root. `what` names the file in messages.
pub(crate) fn join(root: &ImagePath, relative: &str, what: &dyn Display) -> Result<ImagePath, TreeError> {
    let path = root.join(relative).map_err(|source| TreeError::Path { what: what.to_string(), source })?;
    check_name(&path, what)?;
    Ok(path)
}

/// Rejects a path that an image layer cannot contain.
pub(crate) fn check_name(path: &ImagePath, what: &dyn Display) -> Result<(), TreeError> {
    // OCI image specification, layer.md, "Whiteouts": such a name deletes a file of a layer below. The same is true
    // for the names of folders, which have entries of their own.
    if path.as_str().contains("/.wh.") {
        let why = "has a name that begins with `.wh.`, which marks a deleted file in an image layer";
        return Err(TreeError::unsuitable(what, why, Help::from("rename it").or(Setting::Exclude)));
    }
    Ok(())
}

/// Whether a link's target is absolute or above the root. `below_root` is the link's own path below it.
pub(super) fn leaves_root(below_root: &str, target: &str) -> bool {
    if target.starts_with('/') || Path::new(target).is_absolute() {
        return true;
    }
    let mut depth = below_root.matches('/').count();
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_leave_when_they_climb_above_the_root() {
        for (link, target) in [("a", "b"), ("d/a", "../b"), ("d/a", "./x/../../b"), ("a", "d/e/..")] {
            assert!(!leaves_root(link, target), "{link} -> {target}");
        }
        for (link, target) in [("a", "../b"), ("d/a", "../../b"), ("a", "/opt/b"), ("a", "d/../../b")] {
            assert!(leaves_root(link, target), "{link} -> {target}");
        }
    }

    #[test]
    fn names_of_whiteouts_are_rejected() {
        let root = "/opt".parse().unwrap();
        assert!(join(&root, "a/.wh.b", &"a/.wh.b").is_err());
        assert!(join(&root, ".wh.a/b", &".wh.a/b").is_err());
        assert!(join(&root, "a/.wh", &"a/.wh").is_ok());
    }
}
