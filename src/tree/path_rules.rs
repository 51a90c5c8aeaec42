//! Which names and links a tree may contain, from any source.

use std::fmt::Display;
use std::path::Path;

use super::TreeError;
use crate::finding::{Help, Setting};
use crate::project::{ImagePath, why_not_on_linux};

/// The most bytes that a listing may take: enough for a million files.
pub const LISTING_LIMIT: usize = 256 * 1024 * 1024;

/// What a path counts against [`LISTING_LIMIT`] in addition to its bytes.
pub const LISTED_PATH: usize = 128;

/// The image path of a file with this path below a source's root. `what` names the file in messages.
pub(crate) fn join(root: &ImagePath, relative: &str, what: &dyn Display) -> Result<ImagePath, TreeError> {
    let path = root.join(relative).map_err(|source| TreeError::Path { what: what.to_string(), source })?;
    check_name(&path, what)?;
    Ok(path)
}

/// Rejects a path that an image layer cannot contain.
pub(crate) fn check_name(path: &ImagePath, what: &dyn Display) -> Result<(), TreeError> {
    if let Some(why) = why_not_on_linux(path.as_str()) {
        return Err(TreeError::unsuitable(
            abbreviated(what),
            why,
            Help::from("rename it").or(Setting::Exclude),
        ));
    }
    // OCI image specification, layer.md, "Whiteouts": such a name deletes a file of a layer below. The same is true
    // for the names of folders, which have entries of their own.
    if path.as_str().contains("/.wh.") {
        let why = "has a name that begins with `.wh.`, which marks a deleted file in an image layer";
        return Err(TreeError::unsuitable(what, why, Help::from("rename it").or(Setting::Exclude)));
    }
    Ok(())
}

/// The beginning of a name that may be too long for a message.
pub(super) fn abbreviated(what: &dyn Display) -> String {
    const SHOWN: usize = 500;
    let name = what.to_string();
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    }
}

/// Rejects a tree whose paths, with those of the folders above them, take more memory than any image needs: a few names
/// with many levels each imply far more folders than there are names. `paths` are in their order.
pub(super) fn check_listing<'a>(
    paths: impl Iterator<Item = &'a ImagePath>,
    what: &dyn Display,
) -> Result<(), TreeError> {
    let (mut size, mut previous, mut last_folder) = (0_usize, "", "");
    for path in paths {
        let (folder, path) = (path.folder(), path.as_str());
        size += path.len() + LISTED_PATH;
        // Neighbours are often in the same folder.
        if std::mem::replace(&mut last_folder, folder) != folder {
            let common = path.bytes().zip(previous.bytes()).take_while(|(one, other)| one == other).count();
            let new_folders = path.match_indices('/').map(|(end, _)| end).filter(|end| *end > common);
            size += new_folders.map(|length| length + LISTED_PATH).sum::<usize>();
        }
        if size > LISTING_LIMIT {
            let help = Help::from("remove files from it").or(Setting::Exclude);
            return Err(TreeError::unsuitable(what, "has more files and folders than limg can list", help));
        }
        previous = path;
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
