//! Media types: an image uses either Docker's or OCI's throughout.
//!
//! Lambda supports both but rejects all others, and is not known to accept a mixture (Lambda developer guide,
//! images-create; OCI image specification, media-types.md).

use super::ImageError;

/// The media types of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaTypes {
    /// `application/vnd.docker.…`, image manifest version 2, schema 2.
    Docker,
    /// `application/vnd.oci.…`.
    Oci,
}

/// The compression of a base's layer blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Gzip, as in every image that limg builds.
    Gzip,
    /// A plain tar, which must be compressed before it can be used.
    None,
    /// Zstandard, which Lambda is not known to accept: it must be compressed again.
    Zstd,
}

impl MediaTypes {
    /// The media type of an image manifest.
    #[must_use]
    pub fn manifest(self) -> &'static str {
        match self {
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
            Self::Oci => "application/vnd.oci.image.manifest.v1+json",
        }
    }

    /// The media type of an image config.
    #[must_use]
    pub fn config(self) -> &'static str {
        match self {
            Self::Docker => "application/vnd.docker.container.image.v1+json",
            Self::Oci => "application/vnd.oci.image.config.v1+json",
        }
    }

    /// The media type of a gzip layer.
    #[must_use]
    pub fn layer(self) -> &'static str {
        match self {
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            Self::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
        }
    }

    /// The media types of a manifest: determined by its own or, since OCI manifests may omit it, by its config's.
    pub(super) fn of(manifest: Option<&str>, config: &str) -> Result<Self, ImageError> {
        let named = manifest.unwrap_or(if config == Self::Docker.config() {
            Self::Docker.manifest()
        } else {
            Self::Oci.manifest()
        });
        [Self::Docker, Self::Oci]
            .into_iter()
            .find(|types| types.manifest() == named)
            .ok_or_else(|| ImageError::MediaType { what: "manifest", media_type: named.to_owned() })
    }
}

/// Whether a media type is that of an index: a list of images for several platforms.
#[must_use]
pub fn is_index(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json"
    )
}

/// The compression of a layer with this media type.
///
/// # Errors
/// When Lambda does not support the media type and limg cannot convert it.
pub(super) fn compression(media_type: &str) -> Result<Compression, ImageError> {
    match media_type {
        "application/vnd.docker.image.rootfs.diff.tar.gzip"
        | "application/vnd.oci.image.layer.v1.tar+gzip" => Ok(Compression::Gzip),
        "application/vnd.docker.image.rootfs.diff.tar" | "application/vnd.oci.image.layer.v1.tar" => {
            Ok(Compression::None)
        }
        "application/vnd.docker.image.rootfs.diff.tar.zstd"
        | "application/vnd.oci.image.layer.v1.tar+zstd" => Ok(Compression::Zstd),
        _ => Err(ImageError::MediaType { what: "layer", media_type: media_type.to_owned() }),
    }
}
