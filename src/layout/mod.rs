//! Images in files: OCI image layouts as directories and archives, and Docker archives. They are read as bases and written as
//! destinations.
//!
//! Layout files are renamed into place, so they are complete or absent. This module knows nothing about Lambda and does not
//! use the network.

mod archive_members;
mod archive_writer;
mod directory_writer;
mod existing_archive;
mod reader;
mod unpacked_archive;
mod unused_blobs;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

pub use archive_writer::{write_docker_archive, write_oci_archive};
pub use directory_writer::{LayoutDirectory, check_folder, check_oci_directory, missing_layers};
pub use existing_archive::check_replaced_archive;
pub use reader::{read_docker_archive, read_imported, read_oci_archive, read_oci_directory};

use crate::failure::{Failure, FailureKind, kind_of_work};
use crate::finding::Help;
use crate::fs::FsError;
use crate::image::{Image, ImageError, Layer};
use crate::layer::LayerError;
use crate::store::{Blob, Digest, HashingReader};

/// The content of `oci-layout` (OCI image specification, image-layout.md, "oci-layout file").
const OCI_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// The annotation in an entry of `index.json` that contains the image's name.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The largest manifest, index or config that is read, in bytes. Real ones are far smaller.
const DOCUMENT_LIMIT: u64 = 16 * 1024 * 1024;

/// An image and its name at the destination.
#[derive(Debug, Clone, Copy)]
pub struct NamedImage<'a> {
    /// The image.
    pub image: &'a Image,
    /// The reference in an OCI layout, such as `orders`, or `REPOSITORY:TAG` for Docker.
    pub name: &'a str,
}

/// A layout or archive that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A file system call failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The image in it cannot be used.
    #[error("failed to use the image in `{}`", path.display())]
    Image {
        /// The layout or archive.
        path: PathBuf,
        /// The cause.
        #[source]
        source: ImageError,
    },
    /// A layer of the image in it cannot be imported.
    #[error("failed to import a layer of `{}`", path.display())]
    Layer {
        /// The layout or archive.
        path: PathBuf,
        /// The cause.
        #[source]
        source: LayerError,
    },
    /// It cannot be used as the kind of layout or archive that the user named.
    #[error("`{}` {why}", path.display())]
    Invalid {
        /// The layout or archive.
        path: PathBuf,
        /// The reason, as the rest of a sentence that starts with the path.
        why: String,
        /// A suggested fix.
        help: String,
    },
    /// The content of a layer does not match its digest.
    #[error("the content of `{}` does not match the layer's digest {digest}", blob.path.display())]
    Damaged {
        /// The damaged blob.
        blob: Blob,
        /// The digest of the layer.
        digest: Digest,
    },
    /// An image has no manifest.
    #[error(transparent)]
    Manifest(#[from] ImageError),
    /// A layer that is written from its files failed.
    #[error("failed to write a layer into an image archive")]
    OwnLayer(#[source] LayerError),
    /// Writing an archive failed.
    #[error("failed to write an image archive")]
    Write(#[source] io::Error),
}

impl Failure for LayoutError {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Invalid { .. } => FailureKind::User,
            Self::OwnLayer(source) => source.kind(),
            _ => kind_of_work(self),
        }
    }

    fn help(&self) -> Option<Help> {
        match self {
            Self::Invalid { help, .. } => Some(help.as_str().into()),
            Self::Damaged { blob, .. } if blob.in_store => {
                Some("run the command with `--verify` to build or fetch it again".into())
            }
            Self::Damaged { .. } | Self::Layer { .. } => Some("copy the base image again".into()),
            Self::Image { source, .. } | Self::Manifest(source) => source.help(),
            Self::OwnLayer(source) => source.help(),
            Self::Fs(_) | Self::Write(_) => None,
        }
    }
}

/// The bytes of a layer, verified against its digest while they are read: the blob may have changed since it was listed, and
/// damage must not spread.
struct CheckedReader<'a> {
    layer: &'a Layer,
    content: HashingReader<io::Take<File>>,
}

impl<'a> CheckedReader<'a> {
    fn open(layer: &'a Layer) -> Result<Self, LayoutError> {
        Ok(Self { layer, content: HashingReader::new(layer.blob.open()?) })
    }

    /// Reads the rest and verifies the digest.
    fn finish(self) -> Result<(), LayoutError> {
        let Layer { blob, digest, .. } = self.layer;
        if self.content.finish().map_err(FsError::because("read", &blob.path))? == *digest {
            Ok(())
        } else {
            Err(LayoutError::Damaged { blob: blob.clone(), digest: digest.clone() })
        }
    }
}

impl Read for CheckedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.read(buffer)
    }
}

/// An `index.json` with the `kept` entries followed by `images`.
fn index_json(kept: &[Value], images: &[NamedImage<'_>]) -> Result<Value, ImageError> {
    let mut entries = kept.to_vec();
    for NamedImage { image, name } in images {
        let manifest = image.manifest()?;
        entries.push(json!({
            "mediaType": manifest.media_types.manifest(),
            "digest": manifest.digest.as_str(),
            "size": manifest.bytes.len(),
            "platform": { "architecture": image.architecture().oci_name(), "os": "linux" },
            "annotations": { REF_NAME: name },
        }));
    }
    Ok(json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": entries,
    }))
}

/// The error about something that cannot be used as the kind of layout or archive that the user named.
fn invalid(path: &Path, why: &str, help: &str) -> LayoutError {
    LayoutError::Invalid { path: path.to_owned(), why: why.to_owned(), help: help.to_owned() }
}

/// The path of a blob in a layout.
fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

#[cfg(test)]
mod tests;
