//! What registries do differently from each other.

/// How a registry behaves where the specification leaves a choice, or where registries violate it.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is an independent property of a registry")]
pub(crate) struct Behaviour {
    /// As Amazon ECR: PATCH is answered with 201 and a range that does not advance, and the response to a manifest has no
    /// location.
    pub(crate) ecr: bool,
    /// Whether it omits the header with the digest.
    pub(crate) omits_digest: bool,
    /// Whether it mounts blobs from its other repositories.
    pub(crate) mounts: bool,
    /// Whether it stores a blob that is sent in the request that starts its upload.
    pub(crate) accepts_content_in_post: bool,
    /// Whether a tag cannot be changed.
    pub(crate) immutable_tags: bool,
    /// Whether a repository must exist before a push.
    pub(crate) requires_repository: bool,
    pub(crate) ranges: Ranges,
    pub(crate) locations: Locations,
    /// The host to which requests for blobs are redirected.
    pub(crate) storage: Option<String>,
}

/// How it answers a request for a part of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Ranges {
    #[default]
    Supported,
    /// With the whole blob.
    Ignored,
    /// With another part.
    Wrong,
}

/// The form of the URLs at which uploads continue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Locations {
    #[default]
    Relative,
    Absolute,
    /// On another host.
    OtherHost(String),
}
