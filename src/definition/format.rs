//! Which format a document has, by its content.

use std::path::{Path, PathBuf};

use super::document::{Node, Vocabulary};
use super::{cloudformation, limg_yaml, serverless, terraform};
use crate::project::LOCK_FILE;

/// A format of definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// limg's own.
    LimgYaml,
    /// AWS SAM and CloudFormation templates.
    CloudFormation,
    /// Services of the Serverless Framework.
    Serverless,
    /// Cloud assemblies of the AWS CDK.
    CdkAssembly,
    /// Plans of Terraform, in JSON.
    TerraformPlan,
}

impl Format {
    /// The format of a document with this value: limg's own unless it is another.
    pub(super) fn of(root: &Node) -> Self {
        let has = |key: &str| root.entries().iter().any(|entry| entry.key == key);
        let is_service = has("provider") && (has("service") || has("functions"));
        if is_service || serverless::is_state(root) {
            Self::Serverless
        } else if has("functions") {
            Self::LimgYaml
        } else if has("Resources") {
            Self::CloudFormation
        } else if has("artifacts") && has("version") {
            Self::CdkAssembly
        } else if terraform::is_plan(root) {
            Self::TerraformPlan
        } else {
            Self::LimgYaml
        }
    }

    /// Where the pins of a definition are. Every `limg.yaml` or file like it in a folder has a lock file of its own; next to
    /// the files of other tools, whose names say nothing about limg, it is `limg.lock`.
    pub(super) fn lock_file(self, definition: &Path, root: &Path) -> PathBuf {
        match self {
            Self::LimgYaml => definition.with_extension("lock"),
            Self::CloudFormation | Self::Serverless | Self::CdkAssembly | Self::TerraformPlan => {
                root.join(LOCK_FILE)
            }
        }
    }

    /// What the format calls things.
    pub(super) fn vocabulary(self) -> Vocabulary {
        match self {
            Self::LimgYaml => limg_yaml::VOCABULARY,
            Self::CloudFormation | Self::CdkAssembly => cloudformation::VOCABULARY,
            Self::Serverless => serverless::VOCABULARY,
            Self::TerraformPlan => terraform::VOCABULARY,
        }
    }
}
