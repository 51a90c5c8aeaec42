//! `.limg/pushed.json` next to the definition: the image that each function was pushed as, for later commands.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::CommandError;
use crate::fs::{self, TextError};
use crate::project::{OUTPUT_FOLDER, Project};

/// The most bytes of the file: a thousand times the usual.
const SIZE_LIMIT: u64 = 16 * 1024 * 1024;

/// The images that were pushed last, by function.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct PushedImages {
    /// The version of the format.
    version: u32,
    /// The names of images by digest.
    images: BTreeMap<String, String>,
    /// The digests of the tars of their layers.
    #[serde(default)]
    layers: BTreeMap<String, BTreeSet<String>>,
}

/// An image that was pushed.
pub(super) struct PushedImage {
    /// The function.
    pub(super) function: String,
    /// The image by digest.
    pub(super) image: String,
    /// The digests of the tars of its layers.
    pub(super) layers: BTreeSet<String>,
}

impl PushedImages {
    /// The version that this limg writes.
    const VERSION: u32 = 1;

    /// Reads the file of a project. A file that is missing, or of another version, is as good as an empty one.
    pub(super) fn read(project: &Project) -> Result<Self, CommandError> {
        let text = match fs::read_text(&file(project), SIZE_LIMIT) {
            Ok(text) => text,
            Err(TextError::Fs(error)) if error.source.kind() == ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(CommandError::PushedImages(error)),
        };
        let images: Option<Self> = serde_json::from_str(&text).ok();
        Ok(images.filter(|images| images.version == Self::VERSION).unwrap_or_default())
    }

    /// The image of a function.
    pub(super) fn get(&self, function: &str) -> Option<&str> {
        self.images.get(function).map(String::as_str)
    }

    /// The digests of the tars of the layers of a function's image, if they are known.
    pub(super) fn layers(&self, function: &str) -> Option<&BTreeSet<String>> {
        self.layers.get(function)
    }

    /// Adds images to the file of a project.
    pub(super) fn add(
        project: &Project,
        images: impl IntoIterator<Item = PushedImage>,
    ) -> Result<(), CommandError> {
        let mut all = Self { version: Self::VERSION, ..Self::read(project)? };
        for PushedImage { function, image, layers } in images {
            all.layers.insert(function.clone(), layers);
            all.images.insert(function, image);
        }
        let file = file(project);
        fs::create_dir_all(fs::folder_of(&file))?;
        let text = serde_json::to_string_pretty(&all).unwrap_or_default();
        Ok(fs::write_atomically(&file, format!("{text}\n").as_bytes())?)
    }
}

fn file(project: &Project) -> PathBuf {
    project.root.join(OUTPUT_FOLDER).join("pushed.json")
}
