//! Writes images into an OCI image layout directory.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::NamedTempFile;

use super::{
    CheckedReader, DOCUMENT_LIMIT, LayoutError, NamedImage, OCI_LAYOUT, REF_NAME, index_json, unused_blobs,
};
use crate::fs::{self, FsError};
use crate::image::{Image, Layer, canonical};
use crate::store::Digest;

/// An OCI image layout directory that no other limg changes while this value exists: a blob that one finds must not be
/// dropped by another before the index names it.
#[derive(Debug)]
pub struct LayoutDirectory {
    path: PathBuf,
    _lock: File,
}

impl LayoutDirectory {
    /// Opens the layout in `path`, which is created if necessary. Waits while another process has it open.
    ///
    /// # Errors
    /// When the folder contains something else, or cannot be written to.
    pub fn open(path: &Path) -> Result<Self, LayoutError> {
        check_oci_directory(path)?;
        let blobs = blobs(path);
        fs::create_dir_all(&blobs)?;
        fs::remove_abandoned(path);
        fs::remove_abandoned(&blobs);
        Ok(Self { path: path.to_owned(), _lock: lock(&path.join("oci-layout"))? })
    }

    /// Adds images. An image with the same name is replaced; others stay.
    ///
    /// Existing blobs are not written again. `index.json` is replaced after them, so it never lists missing blobs. A blob
    /// of the store is added as a hard link if the file system allows it; any other blob is copied and verified. Last,
    /// blobs that no image needs are dropped if limg has created the layout.
    ///
    /// # Errors
    /// When a blob is damaged, an image has no manifest, or a file cannot be written.
    pub fn write(&self, images: &[NamedImage<'_>]) -> Result<(), LayoutError> {
        let blobs = blobs(&self.path);
        for named in images {
            let image = named.image;
            let manifest = image.manifest()?;
            for layer in image.unique_blobs() {
                add_layer(&blobs, layer)?;
            }
            add_bytes(&blobs, image.config_digest(), image.config())?;
            add_bytes(&blobs, &manifest.digest, &manifest.bytes)?;
        }
        let existing = read_index(&self.path)?;
        let is_own = existing.as_ref().is_none_or(unused_blobs::is_made_by_limg);
        let kept = existing.as_ref().map(|existing| kept_entries(existing, images)).unwrap_or_default();
        let mut index = index_json(&kept, images)?;
        if is_own {
            unused_blobs::mark(&mut index);
        }
        fs::write_atomically(&self.path.join("index.json"), &canonical(&index))?;
        if is_own {
            unused_blobs::drop_from(&blobs, &index);
        }
        Ok(())
    }

    /// Removes the layers of an image whose blobs in the layout are damaged, and returns their digests.
    ///
    /// # Errors
    /// When one cannot be read or removed.
    pub fn remove_damaged(&self, image: &Image) -> Result<Vec<Digest>, FsError> {
        let blobs = blobs(&self.path);
        let mut removed = Vec::new();
        for layer in image.unique_blobs() {
            let file = blobs.join(layer.digest.hex());
            if !is_present(&file, layer.size) {
                continue;
            }
            if Digest::of_file(&file)? != layer.digest {
                std::fs::remove_file(&file).map_err(FsError::because("remove", &file))?;
                removed.push(layer.digest.clone());
            }
        }
        Ok(removed)
    }
}

/// The layers of an image that the layout in `path` does not contain. Unless it is open as a [`LayoutDirectory`], another
/// process can drop others.
#[must_use]
pub fn missing_layers<'a>(path: &Path, image: &'a Image) -> Vec<&'a Layer> {
    let blobs = blobs(path);
    let is_missing = |layer: &&Layer| !is_present(&blobs.join(layer.digest.hex()), layer.size);
    image.unique_blobs().into_iter().filter(is_missing).collect()
}

/// Rejects a folder that contains something else. An interrupted run leaves a folder with blobs only, which is accepted.
///
/// # Errors
/// When [`LayoutDirectory::open`] or [`LayoutDirectory::write`] would reject it.
pub fn check_oci_directory(path: &Path) -> Result<(), LayoutError> {
    check_folder(path)?;
    let occupied = std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
    if occupied && !path.join("index.json").exists() && !path.join("blobs").is_dir() {
        return Err(LayoutError::Invalid {
            path: path.to_owned(),
            why: "is neither empty nor an OCI image layout".to_owned(),
            help: "use another folder".to_owned(),
        });
    }
    read_index(path).map(drop)
}

/// Rejects a path for a folder if it, or a path above it, is something else.
///
/// # Errors
/// When there is something else.
pub fn check_folder(path: &Path) -> Result<(), LayoutError> {
    match path.ancestors().find(|above| std::fs::symlink_metadata(above).is_ok()) {
        Some(existing) if !existing.is_dir() => Err(LayoutError::Invalid {
            path: existing.to_owned(),
            why: "is not a folder".to_owned(),
            help: "use another path; for a file, use `oci-archive:` or `docker-archive:`".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Locks the file `oci-layout`, and writes it first if necessary. The lock ends when the result is dropped.
fn lock(path: &Path) -> Result<File, FsError> {
    let lock = || -> io::Result<File> {
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        file.lock()?;
        if file.metadata()?.len() == 0 {
            fs::set_mode(&file, 0o644)?;
            file.write_all(OCI_LAYOUT)?;
            file.sync_all()?;
        }
        Ok(file)
    };
    lock().map_err(FsError::because("lock", path))
}

/// The index, if there is one.
fn read_index(path: &Path) -> Result<Option<Value>, LayoutError> {
    let index = path.join("index.json");
    if !index.exists() {
        return Ok(None);
    }
    let invalid = |why: String| LayoutError::Invalid {
        path: index.clone(),
        why: format!("is not the index of an OCI image layout: {why}"),
        help: "remove the folder or use another one".to_owned(),
    };
    let parsed: Value = serde_json::from_slice(&fs::read(&index, DOCUMENT_LIMIT)?)
        .map_err(|error| invalid(error.to_string()))?;
    // The file may belong to another program; then it must not be replaced.
    match parsed.get("manifests") {
        Some(Value::Array(_)) => Ok(Some(parsed)),
        _ => Err(invalid("it has no list of `manifests`".to_owned())),
    }
}

/// The entries of the index that the new images do not replace.
fn kept_entries(index: &Value, images: &[NamedImage<'_>]) -> Vec<Value> {
    let name = |entry: &Value| entry.get("annotations")?.get(REF_NAME)?.as_str().map(str::to_owned);
    let replaced =
        |entry: &&Value| name(entry).is_some_and(|name| images.iter().any(|named| named.name == name));
    index["manifests"].as_array().into_iter().flatten().filter(|entry| !replaced(entry)).cloned().collect()
}

fn add_layer(blobs: &Path, layer: &Layer) -> Result<(), LayoutError> {
    let target = blobs.join(layer.digest.hex());
    if is_present(&target, layer.size) {
        return Ok(());
    }
    // Files of the store never change, so a hard link is as good as a copy. It fails on another file system, or if a file with
    // the wrong length exists; then the blob is copied.
    if layer.blob.in_store && std::fs::hard_link(&layer.blob.path, &target).is_ok() {
        return Ok(());
    }
    let mut content = CheckedReader::open(layer)?;
    let mut copy = || -> io::Result<NamedTempFile> {
        let mut temporary = fs::temporary_file(blobs)?;
        io::copy(&mut content, &mut temporary)?;
        Ok(temporary)
    };
    let temporary = copy().map_err(FsError::because("write", &target))?;
    content.finish()?;
    fs::persist(temporary, &target).map_err(FsError::because("write", &target))?;
    Ok(())
}

fn add_bytes(blobs: &Path, digest: &Digest, bytes: &[u8]) -> Result<(), LayoutError> {
    let target = blobs.join(digest.hex());
    if is_present(&target, bytes.len() as u64) {
        return Ok(());
    }
    Ok(fs::write_atomically(&target, bytes)?)
}

/// The folder of a layout's blobs.
fn blobs(path: &Path) -> PathBuf {
    path.join("blobs").join("sha256")
}

fn is_present(path: &Path, size: u64) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == size)
}
