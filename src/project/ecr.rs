//! What an ECR repository is to be like that limg creates.

use std::collections::BTreeMap;

/// The settings of a new repository. One that exists keeps its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EcrSettings {
    /// Whether ECR looks for known vulnerabilities in each image that is pushed.
    pub scan_on_push: bool,
    /// Whether a tag can be given only once.
    pub immutable_tags: bool,
    /// How the images are encrypted.
    pub encryption: Encryption,
    /// How many images are kept, the newest ones, from 1; nothing for all. An image that a function still runs and that
    /// is removed stops that function.
    pub keep: Option<u32>,
    /// The repository's tags, for cost allocation and access rules.
    pub tags: BTreeMap<String, String>,
    /// Other accounts, 12 digits each, whose functions may run the images.
    pub lambda_accounts: Vec<String>,
}

/// How ECR encrypts a repository (ECR API reference, `EncryptionConfiguration`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Encryption {
    /// With keys of S3's: `AES256`.
    #[default]
    Aes256,
    /// With a key of the Key Management Service: `KMS`.
    Kms {
        /// The key's ARN, id or alias; nothing for the account's own key for ECR, `aws/ecr`.
        key: Option<String>,
    },
}
