//! `limg.lock`: what was found under names that may come to mean something else, so that a later build uses the same.
//!
//! A tag of an image can be moved, and whoever owns a layer can publish something else under a name; a digest cannot be
//! moved. The file lies beside the definition and belongs under version control. This module keeps the pins; it asks nobody
//! what they should be.

mod format;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::fs::{self, FsError, TextError};
use crate::project::{Architecture, ImageReference, LayerVersionArn};
use crate::store::Digest;
use crate::strict_yaml::YamlError;

/// What the name of a definition ends with where its lock is: `limg.lock` beside `limg.yaml`.
pub const EXTENSION: &str = "lock";

/// Thousands of pins, and little enough to be read whole.
const BYTES_AT_MOST: u64 = 4 * 1024 * 1024;

/// The pins of one project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// No image is without a pin.
    images: BTreeMap<ImageReference, BTreeMap<Architecture, Digest>>,
    layers: BTreeMap<LayerVersionArn, Digest>,
}

/// Something that can be pinned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pin {
    /// An image of a registry, for one instruction set.
    Image {
        /// As the definition or a runtime's contract names it.
        reference: ImageReference,
        /// The instruction set.
        architecture: Architecture,
    },
    /// A layer that is published in Lambda.
    Layer(LayerVersionArn),
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image { reference, architecture } => write!(f, "{reference} ({architecture})"),
            Self::Layer(arn) => arn.fmt(f),
        }
    }
}

/// A pin that was added, moved or dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinChange {
    /// What is pinned.
    pub pin: Pin,
    /// To what it was pinned; nothing if it was not.
    pub before: Option<Digest>,
    /// To what it is pinned; nothing if it is not any more.
    pub after: Option<Digest>,
}

/// A lock file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file cannot be read as text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The file cannot be written.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Both sides of a merge stand in it.
    #[error("`{}` has a merge conflict in line {line}", path.display())]
    Conflict {
        /// The file.
        path: PathBuf,
        /// The line of the first mark, counted from 1.
        line: usize,
    },
    /// Another limg wrote it.
    #[error("`{}` is of the version {version}, and this limg knows version 1", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// It is not what limg writes.
    #[error("`{}` is not a lock file: {}{}", path.display(), error.message, in_line(error.line))]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        error: YamlError,
    },
}

/// ` (line 3)`, if a line is known.
fn in_line(line: Option<usize>) -> String {
    line.map(|line| format!(" (line {line})")).unwrap_or_default()
}

impl LockError {
    /// Whether the file could not be read or written, whatever is in it.
    #[must_use]
    pub fn is_environments(&self) -> bool {
        matches!(self, Self::Fs(_) | Self::Text(TextError::Fs(_)))
    }

    /// How to mend it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let anew = "take it from version control again, or remove it and `limg build` pins anew";
        match self {
            Self::Conflict { .. } => {
                Some("keep one side, or remove the file and `limg build` pins anew".to_owned())
            }
            Self::Version { .. } => Some("use the limg that wrote it, or a newer one".to_owned()),
            Self::Form { error: YamlError { help: Some(help), .. }, .. } => Some(help.clone()),
            Self::Form { .. } | Self::Text(TextError::TooLarge { .. } | TextError::NotUtf8 { .. }) => {
                Some(anew.to_owned())
            }
            Self::Text(TextError::Fs(_)) | Self::Fs(_) => None,
        }
    }
}

impl Lock {
    /// Reads a lock file. Where there is none, nothing is pinned.
    ///
    /// # Errors
    /// When it cannot be read or is not a lock file.
    pub fn read(path: &Path) -> Result<Self, LockError> {
        match fs::read_text(path, BYTES_AT_MOST) {
            Ok(text) => format::parse(&text, path),
            Err(TextError::Fs(error)) if error.source.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the lock file, unless it has the same text already or there is none and nothing to pin. A reader sees the old
    /// file or the new one.
    ///
    /// Returns whether it was written.
    ///
    /// # Errors
    /// When the file that is there cannot be looked at, or the new one cannot be written.
    pub fn write(&self, path: &Path) -> Result<bool, LockError> {
        let text = format::render(self);
        let is_needed = match fs::read_text(path, BYTES_AT_MOST) {
            // Git may give a text the line ends of the system.
            Ok(old) => old.replace("\r\n", "\n") != text,
            Err(TextError::Fs(error)) if error.source.kind() == ErrorKind::NotFound => {
                *self != Self::default()
            }
            Err(TextError::Fs(error)) => return Err(error.into()),
            Err(TextError::TooLarge { .. } | TextError::NotUtf8 { .. }) => true,
        };
        if is_needed {
            fs::write_atomically(path, text.as_bytes())?;
        }
        Ok(is_needed)
    }

    /// The digest of an image's manifest for an instruction set.
    #[must_use]
    pub fn image(&self, reference: &ImageReference, architecture: Architecture) -> Option<&Digest> {
        self.images.get(reference)?.get(&architecture)
    }

    /// Pins an image for an instruction set, whatever it was pinned to.
    pub fn pin_image(&mut self, reference: &ImageReference, architecture: Architecture, digest: Digest) {
        self.images.entry(reference.clone()).or_default().insert(architecture, digest);
    }

    /// The digest of a layer version's zip.
    #[must_use]
    pub fn layer(&self, arn: &LayerVersionArn) -> Option<&Digest> {
        self.layers.get(arn)
    }

    /// Pins a layer version, whatever it was pinned to.
    pub fn pin_layer(&mut self, arn: &LayerVersionArn, digest: Digest) {
        self.layers.insert(arn.clone(), digest);
    }

    /// Drops the pin of an image for an instruction set.
    pub fn unpin_image(&mut self, reference: &ImageReference, architecture: Architecture) {
        if let Some(digests) = self.images.get_mut(reference) {
            digests.remove(&architecture);
            if digests.is_empty() {
                self.images.remove(reference);
            }
        }
    }

    /// Makes a change that another lock has gone through.
    pub fn apply(&mut self, change: &PinChange) {
        match (&change.pin, &change.after) {
            (Pin::Image { reference, architecture }, Some(digest)) => {
                self.pin_image(reference, *architecture, digest.clone());
            }
            (Pin::Image { reference, architecture }, None) => self.unpin_image(reference, *architecture),
            (Pin::Layer(arn), Some(digest)) => self.pin_layer(arn, digest.clone()),
            (Pin::Layer(arn), None) => drop(self.layers.remove(arn)),
        }
    }

    /// Drops the pins of what a project does not use any more. Of an image that it uses, the pins of all instruction sets
    /// stay: a build for another one needs them.
    pub fn retain(&mut self, references: &BTreeSet<ImageReference>, arns: &BTreeSet<LayerVersionArn>) {
        self.images.retain(|reference, _| references.contains(reference));
        self.layers.retain(|arn, _| arns.contains(arn));
    }

    /// What is pinned otherwise than `before`, in the order of the file.
    #[must_use]
    pub fn changes(&self, before: &Self) -> Vec<PinChange> {
        let (old, new) = (before.pins(), self.pins());
        let pins: BTreeSet<&Pin> = old.keys().chain(new.keys()).collect();
        let change = |pin: &Pin| PinChange {
            pin: pin.clone(),
            before: old.get(pin).map(|digest| (*digest).clone()),
            after: new.get(pin).map(|digest| (*digest).clone()),
        };
        pins.into_iter().map(change).filter(|change| change.before != change.after).collect()
    }

    fn pins(&self) -> BTreeMap<Pin, &Digest> {
        let images = self.images.iter().flat_map(|(reference, digests)| {
            digests.iter().map(|(architecture, digest)| {
                (Pin::Image { reference: reference.clone(), architecture: *architecture }, digest)
            })
        });
        let layers = self.layers.iter().map(|(arn, digest)| (Pin::Layer(arn.clone()), digest));
        images.chain(layers).collect()
    }
}

#[cfg(test)]
mod tests;
