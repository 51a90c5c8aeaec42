//! Media types: the Docker family and the OCI family, of which an image uses one throughout.
//!
//! Lambda takes both families but rejects what it does not know, and a mixed manifest is not known to be accepted
//! (Lambda developer guide, images-create; OCI image specification, media-types.md).

use super::ImageError;

/// A family of media types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaTypes {
    /// `application/vnd.docker.…`, image manifest version 2, schema 2.
    Docker,
    /// `application/vnd.oci.…`.
    Oci,
}

/// How a layer blob of a base is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// One gzip stream: what every layer of an image of limg is.
    Gzip,
    /// A plain tar: must be compressed before it can be used.
    None,
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

    /// The media type of a layer in gzip.
    #[must_use]
    pub fn layer(self) -> &'static str {
        match self {
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            Self::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
        }
    }

    /// The family of a manifest, by its own media type or, where an OCI manifest leaves it out, its config's.
    pub(super) fn of(manifest: Option<&str>, config: &str) -> Result<Self, ImageError> {
        let named = manifest.unwrap_or(if config == Self::Docker.config() {
            Self::Docker.manifest()
        } else {
            Self::Oci.manifest()
        });
        [Self::Docker, Self::Oci]
            .into_iter()
            .find(|family| family.manifest() == named)
            .ok_or_else(|| ImageError::MediaType { what: "manifest", media_type: named.to_owned() })
    }
}

/// Whether a media type is that of a list of images for several architectures.
#[must_use]
pub fn is_index(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json"
    )
}

/// How a layer of this media type is stored.
///
/// # Errors
/// When Lambda would not read it, and limg cannot turn it into something that Lambda reads.
pub(super) fn compression(media_type: &str) -> Result<Compression, ImageError> {
    match media_type {
        "application/vnd.docker.image.rootfs.diff.tar.gzip"
        | "application/vnd.oci.image.layer.v1.tar+gzip" => Ok(Compression::Gzip),
        "application/vnd.docker.image.rootfs.diff.tar" | "application/vnd.oci.image.layer.v1.tar" => {
            Ok(Compression::None)
        }
        _ => Err(ImageError::MediaType { what: "layer", media_type: media_type.to_owned() }),
    }
}
