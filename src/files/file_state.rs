//! What is at a path of an image, as results show it.

use std::fmt;

use serde::Serialize;

use super::overlay::OverlayNode;
use crate::units::size;

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FileState {
    /// A file, or a hard link to one.
    File {
        /// The permission bits.
        mode: u32,
        /// The size in bytes.
        size: u64,
    },
    /// A symbolic link.
    Symlink {
        /// Its target, as written.
        target: String,
    },
    /// A directory.
    Directory {
        /// The permission bits; none if no layer has an entry for it.
        mode: Option<u32>,
    },
    /// Something that limg does not put into images.
    Other {
        /// What it is: a clause that follows the path.
        what: &'static str,
    },
}

impl FileState {
    /// That of a node.
    #[must_use]
    pub fn of(node: &OverlayNode) -> Self {
        match node {
            OverlayNode::File(file) => Self::File { mode: file.mode, size: file.size },
            OverlayNode::Symlink(target) => Self::Symlink { target: target.to_string() },
            OverlayNode::Directory(mode) => Self::Directory { mode: *mode },
            OverlayNode::Unsupported(what) => Self::Other { what },
        }
    }
}

impl fmt::Display for FileState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { mode, size: bytes } => write!(f, "{mode:04o} {}", size(*bytes)),
            Self::Symlink { target } => write!(f, "link to {target}"),
            Self::Directory { mode: Some(mode) } => write!(f, "{mode:04o} directory"),
            Self::Directory { mode: None } => f.write_str("directory"),
            Self::Other { what } => f.write_str(what),
        }
    }
}
