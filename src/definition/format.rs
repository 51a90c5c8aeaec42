//! Which format a document has, by its content.

use super::document::{Node, Vocabulary};
use super::limg_yaml;

/// A format of definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// limg's own.
    LimgYaml,
}

impl Format {
    /// The format of a document with this value: limg's own unless it is another.
    pub(super) fn of(_root: &Node) -> Self {
        Self::LimgYaml
    }

    /// What the format calls things, in a command whose option may override the architecture of all functions.
    pub(super) fn vocabulary(self, has_architecture_option: bool) -> &'static Vocabulary {
        match (self, has_architecture_option) {
            (Self::LimgYaml, false) => &limg_yaml::VOCABULARY,
            (Self::LimgYaml, true) => &limg_yaml::VOCABULARY_UNDER_OPTION,
        }
    }
}
