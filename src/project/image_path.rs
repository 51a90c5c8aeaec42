//! Paths inside an image.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use memchr::memrchr;
use serde::{Deserialize, Serialize};

/// The most bytes of a path on Linux, or of a symbolic link's target (`PATH_MAX` in limits.h, which counts a NUL at the
/// end).
pub const PATH_LIMIT: usize = 4095;

/// The most bytes of a name on Linux (`NAME_MAX` in limits.h).
const NAME_LIMIT: usize = 255;

/// The most names in a path. No package has so many folders in each other, and tools that unpack or remove them may keep a
/// file open for each level, of which a process has 1,024 by default.
const LEVEL_LIMIT: usize = 1024;

/// An absolute, normalised path inside an image, with `/` between its names; never the root itself.
///
/// No name is empty, `.` or `..`, so that joining one to a folder can never lead out of it. Clones share the text: a file's
/// path is in its source's tree, in the layer's, and in what all layers together have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImagePath(Arc<str>);

/// Why a path, absolute or not, cannot be unpacked on Linux: a clause that follows it.
#[must_use]
pub fn why_not_on_linux(path: &str) -> Option<&'static str> {
    if path.len() <= NAME_LIMIT {
        // Nearly all paths: too short for any of what follows.
        None
    } else if path.len() > PATH_LIMIT {
        Some("has a path longer than 4095 bytes, the limit of Linux")
    } else if path.split('/').any(|name| name.len() > NAME_LIMIT) {
        Some("has a name longer than 255 bytes, the limit of Linux")
    } else if path.split('/').filter(|name| !name.is_empty()).count() > LEVEL_LIMIT {
        Some("is in more than 1024 folders, which tools that unpack images may not support")
    } else {
        None
    }
}

/// Whether an absolute path is a folder or lies below it.
#[must_use]
pub fn is_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Why a text is not an [`ImagePath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImagePathError {
    /// It does not begin with `/`.
    #[error("`{0}` is not absolute")]
    NotAbsolute(String),
    /// It names the root.
    #[error("`{0}` is the root of the image")]
    Root(String),
    /// It has an empty name, `.`, `..` or a NUL.
    #[error("`{0}` is not a plain path: it has an empty name, `.`, `..` or a NUL")]
    NotPlain(String),
}

impl ImagePath {
    /// Joins a relative path, `/` between its names, below this one.
    ///
    /// # Errors
    /// When `relative` is empty, absolute, or has an empty name, `.`, `..` or a NUL.
    pub fn join(&self, relative: &str) -> Result<Self, ImagePathError> {
        let text = format!("{}/{relative}", self.0);
        if are_plain(relative) { Ok(Self(text.into())) } else { Err(ImagePathError::NotPlain(text)) }
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its leading `/`, as a tar archive names it.
    #[must_use]
    pub fn relative(&self) -> &str {
        &self.0[1..]
    }

    /// The last name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0[self.end_of_folder() + 1..]
    }

    /// What follows the last full stop of its name, if there is one: `env` for `.env`.
    #[must_use]
    pub fn suffix(&self) -> Option<&str> {
        // Endings are short, so the search from the end is too.
        let end = self.0.rfind(['.', '/'])?;
        self.0[end..].strip_prefix('.')
    }

    /// The folder that holds it, or none when that is the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        Some(self.folder()).filter(|folder| !folder.is_empty()).map(|folder| Self(folder.into()))
    }

    /// All folders above it, the outermost first, without the root.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        self.folders().map(|folder| Self(folder.into()))
    }

    /// As [`parent`](Self::parent), of its text; nothing when that is the root.
    #[must_use]
    pub fn folder(&self) -> &str {
        &self.0[..self.end_of_folder()]
    }

    /// Where the last `/` stands.
    fn end_of_folder(&self) -> usize {
        // A path begins with one.
        memrchr(b'/', self.0.as_bytes()).unwrap_or_default()
    }

    /// As [`ancestors`](Self::ancestors), of their texts.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').skip(1).map(|(end, _)| &self.0[..end])
    }

    /// Whether it lies below `folder`.
    #[must_use]
    pub fn is_below(&self, folder: &str) -> bool {
        self.0.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl Borrow<str> for ImagePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for ImagePath {
    type Err = ImagePathError;

    fn from_str(text: &str) -> Result<Self, ImagePathError> {
        text.to_owned().try_into()
    }
}

/// Whether names with `/` between them lead down and nowhere else.
fn are_plain(names: &str) -> bool {
    !names.contains('\0') && !names.split('/').any(|name| matches!(name, "" | "." | ".."))
}

impl TryFrom<String> for ImagePath {
    type Error = ImagePathError;

    fn try_from(text: String) -> Result<Self, ImagePathError> {
        match text.strip_prefix('/') {
            None => Err(ImagePathError::NotAbsolute(text)),
            Some("") => Err(ImagePathError::Root(text)),
            Some(names) if are_plain(names) => Ok(Self(text.into())),
            Some(_) => Err(ImagePathError::NotPlain(text)),
        }
    }
}

impl From<ImagePath> for String {
    fn from(path: ImagePath) -> Self {
        path.0.as_ref().to_owned()
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_paths_are_absolute_and_plain() {
        for good in ["/opt", "/opt/extensions/log-shipper", "/var/task/a b/ü.py", "/opt/.wh.x"] {
            assert_eq!(good.parse::<ImagePath>().unwrap().as_str(), good);
        }
        for bad in ["", "/", "opt", "opt/x", "/opt/", "//opt", "/opt/../etc", "/./opt", "/opt/..", "/a\0b"] {
            assert!(bad.parse::<ImagePath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn paths_have_the_limits_of_linux() {
        let levels = |number: usize| "/a".repeat(number);
        let name = |bytes: usize| format!("/{}/a", "x".repeat(bytes));
        // Names of 90 bytes, and one that fills the path.
        let path =
            |bytes: usize| format!("/{}", "x".repeat(90)).repeat(44) + "/" + &"y".repeat(bytes - 44 * 91 - 1);
        for (good, bad) in [(levels(1024), levels(1025)), (name(255), name(256)), (path(4095), path(4096))] {
            assert_eq!(why_not_on_linux(&good), None, "{good}");
            assert!(why_not_on_linux(&bad).is_some(), "{bad}");
        }
        assert!(why_not_on_linux(&levels(30_000)).is_some());
    }

    #[test]
    fn image_paths_know_their_folders() {
        let path: ImagePath = "/opt/extensions/a".parse().unwrap();
        let above: Vec<_> = path.ancestors().map(String::from).collect();
        assert_eq!(above, ["/opt", "/opt/extensions"]);
        assert_eq!(path.parent().unwrap().as_str(), "/opt/extensions");
        assert_eq!("/opt".parse::<ImagePath>().unwrap().parent(), None);
        assert!(path.is_below("/opt") && path.is_below("/opt/extensions") && !path.is_below("/op"));
        assert!(path.join("../x").is_err() && path.join("/x").is_err() && path.join("").is_err());
    }
}
