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
    /// The format of a document with this value in a file: limg's own unless it is another.
    pub(super) fn of(root: &Node, file: &Path) -> Self {
        let has = |key: &str| root.entries().iter().any(|entry| entry.key == key);
        // A service may lack any of its keys by mistake; templates may have the name of one.
        let keys = ["service", "provider", "functions"].into_iter().filter(|key| has(key)).count();
        let has_name = serverless::is_file_name(file);
        if keys >= 2 || (has_name && keys == 1) || serverless::is_state(root) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::document::Document;

    #[test]
    fn a_service_is_one_although_a_key_is_missing() {
        for (file, text, expected) in [
            ("x.yml", "service: s\nprovider: aws\n", Format::Serverless),
            ("x.yml", "service: s\nfunctions: {}\n", Format::Serverless),
            ("x.yml", "provider: aws\nfunctions: {}\n", Format::Serverless),
            ("x.yml", "functions: {}\n", Format::LimgYaml),
            ("serverless.yml", "functions: {}\n", Format::Serverless),
            ("serverless.json", "{ \"service\": \"s\" }", Format::Serverless),
            ("serverless.yaml", "x: 1\n", Format::LimgYaml),
            ("serverless.yml", "Resources: {}\n", Format::CloudFormation),
            ("serverless.template", "{ \"Resources\": {} }", Format::CloudFormation),
        ] {
            let document = Document::parse(Path::new(file), text.to_owned()).unwrap();
            assert_eq!(Format::of(document.root(), document.file()), expected, "{file}: {text}");
        }
    }
}
