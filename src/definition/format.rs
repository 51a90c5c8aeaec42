//! Which format a document has, by its content.

use super::document::{Node, Vocabulary};
use super::{cloudformation, limg_yaml, serverless};

/// A format of definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// limg's own.
    LimgYaml,
    /// AWS SAM and CloudFormation templates.
    CloudFormation,
    /// Services of the Serverless Framework.
    Serverless,
}

impl Format {
    /// The format of a document with this value: limg's own unless it is another.
    pub(super) fn of(root: &Node) -> Self {
        let has = |key: &str| root.entries().iter().any(|entry| entry.key == key);
        let is_service = has("provider") && (has("service") || has("functions"));
        if is_service || serverless::is_state(root) {
            Self::Serverless
        } else if has("Resources") && !has("functions") {
            Self::CloudFormation
        } else {
            Self::LimgYaml
        }
    }

    /// What the format calls things, in a command whose option may override the architecture of all functions.
    pub(super) fn vocabulary(self, has_architecture_option: bool) -> &'static Vocabulary {
        match (self, has_architecture_option) {
            (Self::LimgYaml, false) => &limg_yaml::VOCABULARY,
            (Self::LimgYaml, true) => &limg_yaml::VOCABULARY_UNDER_OPTION,
            (Self::CloudFormation, false) => &cloudformation::VOCABULARY,
            (Self::CloudFormation, true) => &cloudformation::VOCABULARY_UNDER_OPTION,
            (Self::Serverless, false) => &serverless::VOCABULARY,
            (Self::Serverless, true) => &serverless::VOCABULARY_UNDER_OPTION,
        }
    }
}
