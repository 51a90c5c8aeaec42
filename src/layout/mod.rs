//! Images in files: OCI image layouts as directories and archives, and the archives of Docker; read as bases, written
//! as destinations.
//!
//! What is written is whole or absent: blobs and `index.json` are renamed into place, archives too. This module knows
//! nothing of Lambda and talks to nobody.

mod archive_writer;
mod directory_writer;
mod reader;

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use serde_json::{Value, json};

pub use archive_writer::{write_docker_archive, write_oci_archive};
pub use directory_writer::{check_oci_directory, missing_layers, remove_damaged, write_oci_directory};
pub use reader::{read_docker_archive, read_imported, read_oci_archive, read_oci_directory};

use crate::fs::FsError;
use crate::image::{Image, ImageError, Layer, canonical};
use crate::layer::LayerError;
use crate::store::{Blob, Digest, HashingReader};

/// The content of `oci-layout` (OCI image specification, image-layout.md, "oci-layout file").
const OCI_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// The annotation of an entry of `index.json` that holds the image's name.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// An image and the name that it is to have at its destination.
#[derive(Debug, Clone, Copy)]
pub struct NamedImage<'a> {
    /// The image.
    pub image: &'a Image,
    /// In an OCI layout the reference, such as `orders`; for Docker `REPOSITORY:TAG`.
    pub name: &'a str,
}

/// A layout or archive that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A file call failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The image in it cannot be used.
    #[error("failed to use the image in `{}`", path.display())]
    Image {
        /// The layout or archive.
        path: PathBuf,
        /// Why.
        #[source]
        source: ImageError,
    },
    /// A layer of the image in it cannot be taken over.
    #[error("failed to take over a layer of `{}`", path.display())]
    Layer {
        /// The layout or archive.
        path: PathBuf,
        /// Why.
        #[source]
        source: LayerError,
    },
    /// It is not what its name says.
    #[error("`{}` {why}", path.display())]
    Invalid {
        /// The layout or archive.
        path: PathBuf,
        /// Why, after its name.
        why: String,
        /// How to mend it.
        help: String,
    },
    /// A layer has other bytes than its digest says.
    #[error("`{}` has other bytes than the layer's digest {digest} says", blob.path.display())]
    Damaged {
        /// Where the bytes are.
        blob: Blob,
        /// What they should be.
        digest: Digest,
    },
    /// An image has no manifest.
    #[error(transparent)]
    Manifest(#[from] ImageError),
    /// A layer of limg's own cannot be written.
    #[error("failed to write a layer into an image archive")]
    OwnLayer(#[source] LayerError),
    /// Writing an archive failed.
    #[error("failed to write an image archive")]
    Write(#[source] io::Error),
}

impl LayoutError {
    /// How to mend it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Invalid { help, .. } => Some(help.clone()),
            Self::Damaged { blob, .. } if blob.in_store => {
                Some("run the command with `--verify`, and limg makes or fetches it again".to_owned())
            }
            Self::Damaged { .. } | Self::Layer { .. } => Some("copy the base image again".to_owned()),
            Self::Image { source, .. } | Self::Manifest(source) => source.help(),
            Self::OwnLayer(source) => source.help(),
            Self::Fs(_) | Self::Write(_) => None,
        }
    }
}

/// The bytes of a layer, checked against its digest on the way: what a base was when it was listed says nothing about what
/// it is now, and a damaged layer must not spread.
struct CheckedReader<'a> {
    layer: &'a Layer,
    content: HashingReader<io::Take<File>>,
}

impl<'a> CheckedReader<'a> {
    fn open(layer: &'a Layer) -> Result<Self, LayoutError> {
        Ok(Self { layer, content: HashingReader::new(layer.blob.open()?) })
    }

    /// Fails unless everything that was read is the layer.
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

/// The bytes of an `index.json` that has `kept` entries and then `images`.
fn index_json(kept: &[Value], images: &[NamedImage<'_>]) -> Result<Vec<u8>, ImageError> {
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
    Ok(canonical(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": entries,
    })))
}

/// Where a layout keeps a blob.
fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

#[cfg(test)]
mod tests;
