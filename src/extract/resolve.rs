//! Where a path leads in an image, and what an error says if it leads nowhere.

use super::ExtractError;
use crate::files::{Overlay, OverlayEntry, OverlayNode};
use crate::project::ImagePath;
use crate::text::{first_of, nearest};

/// The most names of folders that an error lists.
const NAMES: usize = 12;

/// Where `path` leads when all symbolic links are followed, inside the image.
///
/// # Errors
/// When there is nothing; the error lists what there is instead.
pub(super) fn resolve(overlay: &Overlay, path: &ImagePath) -> Result<ImagePath, ExtractError> {
    overlay.resolve(path).cloned().ok_or_else(|| missing(overlay, path))
}

fn missing(overlay: &Overlay, path: &ImagePath) -> ExtractError {
    // `shown` is as much of the path as leads to a folder, `place` that folder, and `lost` the name that is not in it.
    let mut shown = String::new();
    let mut place = String::new();
    let mut lost = path.relative();
    for folder in path.ancestors() {
        let resolved = overlay.resolve(&folder).filter(|resolved| overlay.is_directory(resolved.as_str()));
        let Some(resolved) = resolved else { break };
        resolved.as_str().clone_into(&mut place);
        lost = &path.as_str()[folder.as_str().len() + 1..];
        shown = folder.into();
    }
    let lost = lost.split('/').next().unwrap_or_default();
    let why = match overlay.get(&format!("{place}/{lost}")) {
        Some(OverlayEntry { node: OverlayNode::Symlink(target), .. }) => {
            format!(": `{shown}/{lost}` is a symbolic link to `{target}`, which does not exist")
        }
        Some(_) => format!(": `{shown}/{lost}` is not a folder"),
        None => String::new(),
    };
    ExtractError::Missing { path: path.clone(), why, help: alternatives(overlay, &shown, &place, lost) }
}

/// What the folder at `place`, which the user knows as `shown`, contains instead of the name `lost`.
fn alternatives(overlay: &Overlay, shown: &str, place: &str, lost: &str) -> String {
    let below = overlay.below(place);
    let names: Vec<&str> =
        below.filter(|(path, _)| path.folder() == place).map(|(path, _)| path.name()).collect();
    let near = nearest(lost, names.iter().copied().filter(|name| *name != lost));
    let meant = near.map(|near| format!("did you mean `{shown}/{near}`? ")).unwrap_or_default();

    let folder = if shown.is_empty() { "/" } else { shown };
    let leads_to_folder = |name: &&str| {
        let path = format!("{place}/{name}").parse().ok();
        let resolved = path.and_then(|path| overlay.resolve(&path));
        resolved.is_some_and(|resolved| overlay.is_directory(resolved.as_str()))
    };
    let folders: Vec<_> = names.into_iter().filter(leads_to_folder).collect();
    if folders.is_empty() {
        return format!("{meant}`{folder}` has no folders");
    }
    let listed = first_of(NAMES, folders.iter().map(|name| format!("`{name}`")));
    format!("{meant}`{folder}` has the folders {listed}")
}
