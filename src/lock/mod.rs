//! `limg.lock`: the digests of base images, layer versions, objects in S3 and packages, so that later builds use the same bytes.
//!
//! An image tag can be moved, and a layer version can be deleted and published again; a digest always means the same bytes.
//! The file is next to the definition and belongs under version control. This module reads and writes pins; it does not
//! resolve them.

mod format;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, FailureKind, kind_of_input};
use crate::finding::{Help, S3Object};
use crate::fs::{self, FsError, Successor, TextError};
use crate::project::{Architecture, ImageReference, LayerVersionArn};
use crate::store::Digest;
use crate::strict_yaml::YamlError;
use crate::text::in_line;

/// Enough for thousands of pins, small enough to be read whole.
const BYTES_AT_MOST: u64 = 4 * 1024 * 1024;

/// The pins of one project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lock {
    pins: BTreeMap<Pin, Digest>,
}

/// A name that can be pinned to a digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pin {
    /// An image in a registry, for one architecture.
    Image {
        /// The reference in the definition or in a runtime's contract.
        reference: ImageReference,
        /// The architecture.
        architecture: Architecture,
    },
    /// A layer version published in Lambda.
    Layer(LayerVersionArn),
    /// An object in S3.
    Object(S3Object),
    /// A list of packages: the digest is that of what it requires.
    List(ListKey),
    /// A wheel that a list stands for, by its URL.
    Wheel(ListKey, String),
}

/// A list of packages and what it is for: `functions/requirements.txt python3.12 x86_64`.
pub(crate) type ListKey = String;

impl Pin {
    fn image(reference: &ImageReference, architecture: Architecture) -> Self {
        Self::Image { reference: reference.clone(), architecture }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image { reference, architecture } => write!(f, "{reference} ({architecture})"),
            Self::Layer(arn) => arn.fmt(f),
            Self::Object(object) => object.fmt(f),
            Self::List(list) => list.fmt(f),
            Self::Wheel(list, url) => write!(f, "{list}: {}", url.rsplit('/').next().unwrap_or_default()),
        }
    }
}

/// A pin that was added, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PinChange {
    /// The pinned name.
    pub pin: Pin,
    /// The old digest; none if the pin was added.
    pub before: Option<Digest>,
    /// The new digest; none if the pin was removed.
    pub after: Option<Digest>,
}

/// A lock file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// The file cannot be read as text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The file cannot be written.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The file contains both sides of a merge.
    #[error("`{}` has a merge conflict in line {line}", path.display())]
    Conflict {
        /// The file.
        path: PathBuf,
        /// The line of the first conflict marker, counted from 1.
        line: usize,
    },
    /// Another version of limg wrote the file.
    #[error("`{}` has lock file version {version}; this limg supports version 1", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version of its format.
        version: u64,
    },
    /// The file does not have the form that limg writes.
    #[error("`{}` is not a lock file: {}{}", path.display(), error.message, in_line(error.line))]
    Form {
        /// The file.
        path: PathBuf,
        /// The reason and its line.
        error: YamlError,
    },
}

impl Failure for LockError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Fs(_) => FailureKind::Environment,
            Self::Text(TextError::Fs(error)) => kind_of_input(error),
            _ => FailureKind::User,
        }
    }

    fn help(&self) -> Option<Help> {
        let help = match self {
            Self::Conflict { .. } => {
                "keep one side, or remove the file and run `limg build` to create it again"
            }
            Self::Version { .. } => "use a version of limg at least as new as the one that wrote the file",
            Self::Form { error: YamlError { help: Some(help), .. }, .. } => help.as_str(),
            Self::Form { .. } | Self::Text(TextError::TooLarge { .. } | TextError::NotUtf8 { .. }) => {
                "restore it from version control, or remove it and run `limg build` to create it again"
            }
            Self::Text(TextError::Fs(_)) | Self::Fs(_) => return None,
        };
        Some(help.into())
    }
}

impl Lock {
    /// Reads a lock file. If it does not exist, nothing is pinned.
    ///
    /// # Errors
    /// When it cannot be read or is not a lock file.
    pub(crate) fn read(path: &Path) -> Result<Self, LockError> {
        match fs::read_text(path, BYTES_AT_MOST) {
            Ok(text) => format::parse(&text, path),
            Err(TextError::Fs(error)) if error.source.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Changes a lock file. What other processes write at the same time is not lost, and a reader sees the old file or the
    /// new one. A file whose text stays the same is not written.
    ///
    /// # Errors
    /// When the existing file cannot be read or is not a lock file, or the new one cannot be written.
    pub(crate) fn update(path: &Path, change: impl FnOnce(&mut Self)) -> Result<(), LockError> {
        let successor = Successor::of(path)?;
        let before = Self::read(path)?;
        let mut after = before.clone();
        change(&mut after);
        if after != before {
            successor.replace(format::render(&after).as_bytes())?;
        }
        Ok(())
    }

    /// The pinned digest of an image's manifest.
    #[must_use]
    pub(crate) fn image(&self, reference: &ImageReference, architecture: Architecture) -> Option<&Digest> {
        self.pins.get(&Pin::image(reference, architecture))
    }

    /// Pins an image for an architecture, replacing an older pin.
    pub(crate) fn pin_image(
        &mut self,
        reference: &ImageReference,
        architecture: Architecture,
        digest: Digest,
    ) {
        self.pins.insert(Pin::image(reference, architecture), digest);
    }

    /// Removes the pin of an image for an architecture.
    pub(crate) fn unpin_image(&mut self, reference: &ImageReference, architecture: Architecture) {
        self.pins.remove(&Pin::image(reference, architecture));
    }

    /// The pinned digest of a layer version's zip archive.
    #[must_use]
    pub(crate) fn layer(&self, arn: &LayerVersionArn) -> Option<&Digest> {
        self.pins.get(&Pin::Layer(arn.clone()))
    }

    /// Pins a layer version, replacing an older pin.
    pub(crate) fn pin_layer(&mut self, arn: &LayerVersionArn, digest: Digest) {
        self.pins.insert(Pin::Layer(arn.clone()), digest);
    }

    /// The pinned digest of an object's content.
    #[must_use]
    #[cfg_attr(not(any(test, feature = "aws")), expect(dead_code, reason = "only AWS can fetch"))]
    pub(crate) fn object(&self, object: &S3Object) -> Option<&Digest> {
        self.pins.get(&Pin::Object(object.clone()))
    }

    /// Pins an object, replacing an older pin.
    pub(crate) fn pin_object(&mut self, object: &S3Object, digest: Digest) {
        self.pins.insert(Pin::Object(object.clone()), digest);
    }

    /// Removes the pins of all objects that `is_used` rejects.
    pub(crate) fn retain_objects(&mut self, is_used: impl Fn(&S3Object) -> bool) {
        self.pins.retain(|pin, _| match pin {
            Pin::Object(object) => is_used(object),
            Pin::Image { .. } | Pin::Layer(_) | Pin::List(_) | Pin::Wheel(..) => true,
        });
    }

    /// What a list of packages stands for: the digest of what it requires, and the URLs and digests of its wheels.
    #[must_use]
    pub(crate) fn packages(&self, list: &str) -> Option<(Digest, Vec<(String, Digest)>)> {
        let digest = self.pins.get(&Pin::List(list.to_owned()))?;
        let wheels = self.pins.iter().filter_map(|(pin, digest)| match pin {
            Pin::Wheel(own, url) if own == list => Some((url.clone(), digest.clone())),
            _ => None,
        });
        Some((digest.clone(), wheels.collect()))
    }

    /// Pins a list of packages to wheels, replacing older pins.
    pub(crate) fn pin_packages(
        &mut self,
        list: &str,
        digest: Digest,
        wheels: impl IntoIterator<Item = (String, Digest)>,
    ) {
        self.pins.retain(|pin, _| !matches!(pin, Pin::Wheel(own, _) if own == list));
        self.pins.insert(Pin::List(list.to_owned()), digest);
        self.pins.extend(wheels.into_iter().map(|(url, digest)| (Pin::Wheel(list.to_owned(), url), digest)));
    }

    /// Removes the pins of all lists of packages that `is_used` rejects.
    pub(crate) fn retain_packages(&mut self, is_used: impl Fn(&str) -> bool) {
        self.pins.retain(|pin, _| match pin {
            Pin::List(list) | Pin::Wheel(list, _) => is_used(list),
            Pin::Image { .. } | Pin::Layer(_) | Pin::Object(_) => true,
        });
    }

    /// Applies a change from [`changes`](Self::changes) of another lock.
    pub(crate) fn apply(&mut self, change: &PinChange) {
        match &change.after {
            Some(digest) => drop(self.pins.insert(change.pin.clone(), digest.clone())),
            None => drop(self.pins.remove(&change.pin)),
        }
    }

    /// Removes the pins of images and layers that a project no longer uses. An image that it uses keeps its pins for all architectures: builds
    /// for the others need them.
    pub(crate) fn retain(&mut self, references: &BTreeSet<ImageReference>, arns: &BTreeSet<LayerVersionArn>) {
        self.pins.retain(|pin, _| match pin {
            Pin::Image { reference, .. } => references.contains(reference),
            Pin::Layer(arn) => arns.contains(arn),
            Pin::Object(_) | Pin::List(_) | Pin::Wheel(..) => true,
        });
    }

    /// The differences from `before`, in the order of the file.
    #[must_use]
    pub(crate) fn changes(&self, before: &Self) -> Vec<PinChange> {
        let pins: BTreeSet<&Pin> = before.pins.keys().chain(self.pins.keys()).collect();
        let change = |pin: &Pin| PinChange {
            pin: pin.clone(),
            before: before.pins.get(pin).cloned(),
            after: self.pins.get(pin).cloned(),
        };
        pins.into_iter().map(change).filter(|change| change.before != change.after).collect()
    }
}

#[cfg(test)]
mod tests;
