//! Where a path leads in an image, and what to say when it leads nowhere.

use super::ExtractError;
use super::overlay::{Node, Overlay, Placed};
use crate::project::ImagePath;
use crate::text::nearest;

/// The most names of folders that an error lists.
const NAMES: usize = 12;

/// Where `path` leads when every symbolic link on the way is followed, inside the image.
///
/// # Errors
/// When there is nothing, with what there is instead.
pub(super) fn find(overlay: &Overlay, path: &ImagePath) -> Result<ImagePath, ExtractError> {
    overlay.resolve(path).ok_or_else(|| missing(overlay, path))
}

fn missing(overlay: &Overlay, path: &ImagePath) -> ExtractError {
    // As far as the path leads to folders: as it was given, where that is, and the name that is not there.
    let mut shown = String::new();
    let mut place = String::new();
    let mut lost = path.relative();
    for folder in path.ancestors() {
        let resolved = overlay.resolve(&folder).filter(|resolved| overlay.is_directory(resolved.as_str()));
        let Some(resolved) = resolved else { break };
        place = resolved.into();
        lost = &path.as_str()[folder.as_str().len() + 1..];
        shown = folder.into();
    }
    let lost = lost.split('/').next().unwrap_or_default();
    let why = match overlay.get(&format!("{place}/{lost}")).map(|Placed { node, .. }| node) {
        Some(Node::Symlink(target)) => {
            format!(": `{shown}/{lost}` is a symbolic link to `{target}`, where there is none")
        }
        Some(_) => format!(": `{shown}/{lost}` is no folder"),
        None => String::new(),
    };
    ExtractError::Missing { path: path.clone(), why, help: instead(overlay, &shown, &place, lost) }
}

/// What the folder at `place` has instead of the name `lost`.
fn instead(overlay: &Overlay, shown: &str, place: &str, lost: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (path, _) in overlay.below(place) {
        let name = path[place.len() + 1..].split('/').next().unwrap_or_default();
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    let near = nearest(lost, names.iter().copied().filter(|name| *name != lost));
    let meant = near.map(|near| format!("did you mean `{shown}/{near}`? ")).unwrap_or_default();

    let folder = if shown.is_empty() { "/" } else { shown };
    let leads_to_folder = |name: &&str| {
        let path = format!("{place}/{name}").parse().ok();
        let resolved = path.and_then(|path| overlay.resolve(&path));
        resolved.is_some_and(|resolved| overlay.is_directory(resolved.as_str()))
    };
    let mut folders: Vec<_> = names.into_iter().filter(leads_to_folder).collect();
    // Names sort by the paths below them, so that one may come twice.
    folders.sort_unstable();
    folders.dedup();
    if folders.is_empty() {
        return format!("{meant}`{folder}` has no folders");
    }
    let more = folders.len().saturating_sub(NAMES);
    folders.truncate(NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{meant}`{folder}` has the folders `{}`{more}", folders.join("`, `"))
}
