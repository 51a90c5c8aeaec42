//! Where the entries of a layer are in the image, and which of them delete something.

use crate::project::ImagePath;

/// What an entry of a layer deletes of the layers below (OCI image specification, layer.md, "Whiteouts").
#[derive(Debug)]
pub(super) enum Whiteout {
    /// Everything in this folder, or in the root.
    Below(Option<ImagePath>),
    /// What is at this path, and everything below.
    At(ImagePath),
    /// Nothing, although it has the name of a whiteout.
    Nothing,
}

/// Whether an entry with this path would be a whiteout, never a file.
#[must_use]
pub fn is_whiteout(path: &ImagePath) -> bool {
    path.name().starts_with(".wh.")
}

/// The whiteout at a path, if there is one.
pub(super) fn whiteout(path: &ImagePath) -> Option<Whiteout> {
    let deleted = path.name().strip_prefix(".wh.")?;
    let folder = path.parent();
    if deleted == ".wh..opq" {
        return Some(Whiteout::Below(folder));
    }
    let sibling = match folder {
        Some(folder) => folder.join(deleted),
        None => format!("/{deleted}").parse(),
    };
    Some(sibling.map_or(Whiteout::Nothing, Whiteout::At))
}

/// The image path of a tar entry's name: `./etc/` is `/etc`. `None` for the root and for a name that leads out of it.
#[must_use]
pub fn entry_path(name: &str) -> Option<ImagePath> {
    let mut path = String::with_capacity(name.len() + 1);
    for name in name.split('/').filter(|name| !matches!(*name, "" | ".")) {
        path.extend(["/", name]);
    }
    path.try_into().ok()
}
