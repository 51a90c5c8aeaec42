//! What each layer has at a path, which of them wins, and where links lead.

use serde::Serialize;

use super::layers::{Amount, Hidden};
use super::origin;
use crate::files::{DeadEnd, FileState, Overlay, OverlayEntry};
use crate::image::BaseImage;
use crate::project::ImagePath;

/// What is at a path.
#[derive(Debug, Serialize)]
pub(crate) struct PathView {
    /// The path.
    pub path: String,
    /// What layers have there, the lowest first. The image has the one that is not hidden.
    pub versions: Vec<Version>,
    /// Where the path leads, if there is a link at it or on the way to it.
    pub leads_to: Option<Destination>,
    /// What is below it, if it is a directory.
    pub below: Option<Amount>,
}

/// What a layer has at a path.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Version {
    /// The number of the layer, the lowest being 1.
    pub layer: u32,
    /// What the layer is called.
    pub name: String,
    /// What it has.
    #[serde(flatten)]
    pub state: FileState,
    /// What hides it.
    pub hidden: Option<Hidden>,
}

/// The end of links.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Destination {
    /// Something in the image.
    Found {
        /// Its path.
        path: String,
        /// What it is.
        #[serde(flatten)]
        state: FileState,
    },
    /// Nothing.
    Nothing {
        /// Why, as a sentence without its full stop.
        problem: String,
    },
}

impl PathView {
    pub(super) fn of(path: &ImagePath, image: &BaseImage, overlay: &Overlay) -> Self {
        let names: Vec<String> = origin::of_layers(image).into_iter().map(|origin| origin.name).collect();
        let version = |entry: &OverlayEntry, hidden| Version {
            layer: entry.layer + 1,
            name: names.get(entry.layer as usize).cloned().unwrap_or_default(),
            state: FileState::of(&entry.node),
            hidden,
        };
        let hidden =
            overlay.hidden().iter().filter(|hidden| hidden.path == *path).map(|hidden| {
                version(&hidden.entry, Some(Hidden { by_layer: hidden.by + 1, how: hidden.how }))
            });
        // In the order in which they were hidden, which is that of the layers.
        let mut versions: Vec<_> = hidden.collect();
        let seen = overlay.get(path.as_str());
        versions.extend(seen.map(|entry| version(entry, None)));
        let end = overlay.trace(path);
        let leads_to = match &end {
            Ok(end) if *end == path => None,
            Err(_) if seen.is_none() && !has_link_above(path, overlay) => None,
            end => Some(Destination::of(end.as_ref().copied(), overlay)),
        };
        let below = end.ok().filter(|end| overlay.is_directory(end.as_str())).map(|end| {
            let mut below = Amount::default();
            overlay.below(end.as_str()).for_each(|(_, entry)| below += &entry.node);
            below
        });
        Self { path: path.as_str().to_owned(), versions, leads_to, below }
    }

    /// Whether no layer has anything there, and no link on the way leads to anything.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.versions.is_empty() && !matches!(self.leads_to, Some(Destination::Found { .. }))
    }
}

/// Whether there is a link on the way to a path.
fn has_link_above(path: &ImagePath, overlay: &Overlay) -> bool {
    path.ancestors().any(|folder| {
        let entry = overlay.get(folder.as_str());
        entry.is_some_and(|entry| matches!(FileState::of(&entry.node), FileState::Symlink { .. }))
    })
}

impl Destination {
    fn of(end: Result<&ImagePath, &DeadEnd>, overlay: &Overlay) -> Self {
        let nothing = |problem: String| Self::Nothing { problem };
        match end {
            Ok(path) => match overlay.get(path.as_str()) {
                Some(entry) => {
                    Self::Found { path: path.as_str().to_owned(), state: FileState::of(&entry.node) }
                }
                None => nothing(missing(path.as_str())),
            },
            Err(DeadEnd::Root) => {
                Self::Found { path: "/".to_owned(), state: FileState::Directory { mode: None } }
            }
            Err(DeadEnd::At(place)) => nothing(missing(place)),
            Err(DeadEnd::Loop) => nothing("the links lead to each other, or are too many".to_owned()),
        }
    }
}

fn missing(place: &str) -> String {
    format!("`{place}` does not exist, or is not a directory")
}
