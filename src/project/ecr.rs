//! Settings of the ECR repositories that limg creates.

use std::collections::BTreeMap;

/// The settings of a new repository. An existing one keeps its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EcrSettings {
    /// Whether ECR scans each pushed image for known vulnerabilities.
    pub scan_on_push: bool,
    /// Whether a tag can be written only once.
    pub immutable_tags: bool,
    /// How the images are encrypted.
    pub encryption: Encryption,
    /// How many of the newest images ECR keeps, at least 1; nothing to keep all. A function stops working when ECR
    /// removes the image that it runs.
    pub keep: Option<u32>,
    /// The repository's tags, for cost allocation and access rules.
    pub tags: BTreeMap<String, String>,
    /// Other AWS accounts, 12 digits each, whose functions may run the images.
    pub lambda_accounts: Vec<String>,
}

/// How ECR encrypts a repository (ECR API reference, `EncryptionConfiguration`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Encryption {
    /// With keys that Amazon S3 manages: `AES256`.
    #[default]
    Aes256,
    /// With a key of the Key Management Service: `KMS`.
    Kms {
        /// The key's ARN, id or alias; nothing for the account's default key, `aws/ecr`.
        key: Option<String>,
    },
}
