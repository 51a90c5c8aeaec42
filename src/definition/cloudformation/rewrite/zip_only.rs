//! The properties and metadata that only functions from zip archives have.

/// The properties that Lambda or SAM reject in image functions, or that describe the code of a zip function.
///
/// SAM rejects `Runtime`, `Handler` and `Layers` and ignores code other than `ImageUri` (aws-sam-translator,
/// `SamFunction`). Code signing and runtime management do not apply to images (Lambda developer guide, "Creating code
/// signing configurations", "Lambda runtime management"). `SourceKMSKeyArn` encrypts the archive. An
/// `AutoPublishCodeSha256` that stays would keep SAM from publishing a version of the image.
pub(super) const SERVERLESS: &[&str] = &[
    "PackageType",
    "Runtime",
    "Handler",
    "Layers",
    "CodeUri",
    "InlineCode",
    "ImageUri",
    "CodeSigningConfigArn",
    "RuntimeManagementConfig",
    "SourceKMSKeyArn",
    "AutoPublishCodeSha256",
];

/// The same of `AWS::Lambda::Function`. `Code` gets a new value.
pub(super) const LAMBDA: &[&str] = &[
    "PackageType",
    "Runtime",
    "Handler",
    "Layers",
    "Code",
    "CodeSigningConfigArn",
    "RuntimeManagementConfig",
];

/// The properties that no image function may get from `Globals`.
pub(super) const GLOBALS: &[&str] = &[
    "Runtime",
    "Handler",
    "Layers",
    "CodeUri",
    "InlineCode",
    "CodeSigningConfigArn",
    "RuntimeManagementConfig",
    "SourceKMSKeyArn",
];

/// Whether a key of a function's metadata tells `sam build` or CDK how its code is built. What `sam` would build from it is
/// not the image.
pub(super) fn is_build_metadata(key: &str) -> bool {
    matches!(key, "BuildMethod" | "BuildProperties" | "BuildArchitecture" | "SkipBuild")
        || key.starts_with("Docker")
        || key.starts_with("aws:asset:")
}
