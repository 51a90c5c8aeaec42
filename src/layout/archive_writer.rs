//! Writes images into one tar file: a Docker archive, or an OCI image layout as an archive.
//!
//! Order and metadata are fixed: the same images give the same file.

use std::collections::BTreeSet;
use std::io::{Read, Write};

use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use super::{CheckedReader, LayoutError, NamedImage, blob_name, index_json};
use crate::image::{ImageLayer, Layer, canonical};
use crate::layer::TarLayer;
use crate::store::Digest;

/// Writes an archive for `docker load`: `manifest.json`, configs and layers. Gzip layers stay compressed, which Docker has
/// always supported.
///
/// The files of the layers in `without` (by [`ImageLayer::digest`]) are left out: an engine that has them does not need
/// them.
///
/// # Errors
/// When a layer cannot be read, is damaged or has changed, or the output cannot be written.
pub fn write_docker_archive(
    images: &[NamedImage<'_>],
    without: &BTreeSet<Digest>,
    output: impl Write,
) -> Result<(), LayoutError> {
    let mut archive = TarWriter::new(output);
    for named in images {
        archive.file(&config_name(named.image.config_digest()), named.image.config())?;
        for layer in named.image.unique_layers() {
            if without.contains(layer.digest()) {
                continue;
            }
            match layer {
                ImageLayer::Blob(blob) => archive.layer(&layer_name(layer), blob)?,
                ImageLayer::Tar(tar) => archive.tar(&layer_name(layer), tar)?,
            }
        }
    }
    let list: Vec<Value> = images
        .iter()
        .map(|named| {
            json!({
                "Config": config_name(named.image.config_digest()),
                "RepoTags": [named.name],
                "Layers": named.image.layers().iter().map(layer_name).collect::<Vec<_>>(),
            })
        })
        .collect();
    archive.file("manifest.json", &canonical(&Value::Array(list)))?;
    archive.finish()
}

fn config_name(digest: &Digest) -> String {
    format!("{}.json", digest.hex())
}

fn layer_name(layer: &ImageLayer) -> String {
    match layer {
        ImageLayer::Blob(layer) => format!("{}.tar.gz", layer.digest.hex()),
        ImageLayer::Tar(layer) => format!("{}.tar", layer.diff_id().hex()),
    }
}

/// Writes an OCI image layout as a tar (OCI image specification, image-layout.md).
///
/// # Errors
/// When a layer cannot be read or is damaged, an image has no manifest, or the output cannot be written.
pub fn write_oci_archive(images: &[NamedImage<'_>], output: impl Write) -> Result<(), LayoutError> {
    let mut archive = TarWriter::new(output);
    archive.file("oci-layout", super::OCI_LAYOUT)?;
    archive.file("index.json", &canonical(&index_json(&[], images)?))?;
    for named in images {
        let image = named.image;
        let manifest = image.manifest()?;
        archive.file(&blob_name(&manifest.digest), &manifest.bytes)?;
        archive.file(&blob_name(image.config_digest()), image.config())?;
        for layer in image.unique_blobs() {
            archive.layer(&blob_name(&layer.digest), layer)?;
        }
    }
    archive.finish()
}

/// Writes a tar archive, and each name only once.
struct TarWriter<W: Write> {
    archive: Builder<W>,
    names: BTreeSet<String>,
}

impl<W: Write> TarWriter<W> {
    fn new(output: W) -> Self {
        Self { archive: Builder::new(output), names: BTreeSet::new() }
    }

    fn file(&mut self, name: &str, content: &[u8]) -> Result<(), LayoutError> {
        self.append(name, content.len() as u64, content)
    }

    fn layer(&mut self, name: &str, layer: &Layer) -> Result<(), LayoutError> {
        if self.names.contains(name) {
            return Ok(());
        }
        let mut content = CheckedReader::open(layer)?;
        self.append(name, layer.size, &mut content)?;
        content.finish()
    }

    /// Adds a layer that is written from its files.
    fn tar(&mut self, name: &str, layer: &TarLayer) -> Result<(), LayoutError> {
        if !self.names.insert(name.to_owned()) {
            return Ok(());
        }
        let mut header = header(layer.size());
        header.set_path(name).map_err(LayoutError::Write)?;
        header.set_cksum();
        let output = self.archive.get_mut();
        output.write_all(header.as_bytes()).map_err(LayoutError::Write)?;
        // A tar consists of whole blocks, so it needs no padding.
        layer.write(output).map_err(LayoutError::OwnLayer)
    }

    /// Adds a file, unless another image has added it.
    fn append(&mut self, name: &str, size: u64, content: impl Read) -> Result<(), LayoutError> {
        if !self.names.insert(name.to_owned()) {
            return Ok(());
        }
        self.archive.append_data(&mut header(size), name, content).map_err(LayoutError::Write)
    }

    fn finish(self) -> Result<(), LayoutError> {
        self.archive.into_inner().and_then(|mut output| output.flush()).map_err(LayoutError::Write)
    }
}

/// The header of a file, without its name.
fn header(size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}
