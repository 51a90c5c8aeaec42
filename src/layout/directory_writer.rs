//! Writing images into an OCI image layout directory.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use serde_json::Value;
use tempfile::NamedTempFile;

use super::{CheckedReader, LayoutError, NamedImage, OCI_LAYOUT, REF_NAME, index_json};
use crate::fs::{self, FsError};
use crate::image::{Image, Layer};
use crate::store::Digest;

/// Adds images to the layout in `path`, which is created if need be. An image of the same name is replaced; others stay.
///
/// Blobs that are there are not written again. `index.json` is replaced last, so that it never names what is not there.
/// A blob of the store comes as a hard link where the file system allows; any other is copied, and its digest checked.
///
/// # Errors
/// When something else is in the way, a blob is damaged, an image has no manifest, or a file cannot be written.
pub fn write_oci_directory(path: &Path, images: &[NamedImage<'_>]) -> Result<(), LayoutError> {
    check_oci_directory(path)?;
    let blobs = path.join("blobs").join("sha256");
    fs::create_dir_all(&blobs)?;
    fs::remove_abandoned(&blobs);
    for named in images {
        let image = named.image;
        let manifest = image.manifest()?;
        for layer in image.unique_blobs() {
            place_layer(&blobs, layer)?;
        }
        place_bytes(&blobs, image.config_digest(), image.config())?;
        place_bytes(&blobs, &manifest.digest, &manifest.bytes)?;
    }
    // Another run must not replace the index between our reading and our writing.
    let _lock = lock(&path.join("oci-layout"))?;
    let kept = kept_entries(path, images)?;
    fs::write_atomically(&path.join("index.json"), &index_json(&kept, images)?)?;
    Ok(())
}

/// The layers of an image that the layout in `path` does not have yet.
#[must_use]
pub fn missing_layers<'a>(path: &Path, image: &'a Image) -> Vec<&'a Layer> {
    let blobs = path.join("blobs").join("sha256");
    let lacks = |layer: &&Layer| !is_there(&blobs.join(layer.digest.hex()), layer.size);
    image.unique_blobs().into_iter().filter(lacks).collect()
}

/// Removes the layers of an image that the layout in `path` has with other bytes than their digests say, which are then
/// missing, and returns those digests.
///
/// # Errors
/// When one cannot be read or removed.
pub fn remove_damaged(path: &Path, image: &Image) -> Result<Vec<Digest>, FsError> {
    let blobs = path.join("blobs").join("sha256");
    let mut removed = Vec::new();
    for layer in image.unique_blobs() {
        let file = blobs.join(layer.digest.hex());
        if !is_there(&file, layer.size) {
            continue;
        }
        if Digest::of_file(&file)? != layer.digest {
            std::fs::remove_file(&file).map_err(FsError::because("remove", &file))?;
            removed.push(layer.digest.clone());
        }
    }
    Ok(removed)
}

/// Refuses a folder that holds something else. The folder of blobs alone is what an interrupted run leaves.
///
/// # Errors
/// When [`write_oci_directory`] would refuse it.
pub fn check_oci_directory(path: &Path) -> Result<(), LayoutError> {
    let occupied = std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
    if occupied && !path.join("index.json").exists() && !path.join("blobs").is_dir() {
        return Err(LayoutError::Invalid {
            path: path.to_owned(),
            why: "is neither empty nor an OCI image layout".to_owned(),
            help: "name another folder".to_owned(),
        });
    }
    kept_entries(path, &[]).map(drop)
}

/// Writes the file that marks a layout, if need be, and locks it until the result is dropped.
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

/// The entries of the layout's index that the new images do not replace.
fn kept_entries(path: &Path, images: &[NamedImage<'_>]) -> Result<Vec<Value>, LayoutError> {
    let index = path.join("index.json");
    if !index.exists() {
        return Ok(Vec::new());
    }
    let form = |why: String| LayoutError::Invalid {
        path: index.clone(),
        why: format!("is no index of an OCI image layout: {why}"),
        help: "remove the folder or name another one".to_owned(),
    };
    let parsed: Value =
        serde_json::from_slice(&fs::read(&index)?).map_err(|error| form(error.to_string()))?;
    // Somebody else's file of that name must not be lost.
    let entries = parsed.get("manifests").and_then(Value::as_array).cloned();
    let entries = entries.ok_or_else(|| form("it has no list of `manifests`".to_owned()))?;
    let name = |entry: &Value| entry.get("annotations")?.get(REF_NAME)?.as_str().map(str::to_owned);
    let replaced =
        |entry: &Value| name(entry).is_some_and(|name| images.iter().any(|named| named.name == name));
    Ok(entries.into_iter().filter(|entry| !replaced(entry)).collect())
}

fn place_layer(blobs: &Path, layer: &Layer) -> Result<(), LayoutError> {
    let target = blobs.join(layer.digest.hex());
    if is_there(&target, layer.size) {
        return Ok(());
    }
    // The store's files never change, so that a second name for one is as good as a copy. Where that does not work
    // (another file system, or a file of the wrong length in the way), it is copied over.
    if layer.blob.in_store && std::fs::hard_link(&layer.blob.path, &target).is_ok() {
        return Ok(());
    }
    let mut content = CheckedReader::open(layer)?;
    let mut copy = || -> io::Result<NamedTempFile> {
        let mut temporary = fs::temporary_file(blobs)?;
        io::copy(&mut content, &mut temporary)?;
        temporary.as_file().sync_all()?;
        Ok(temporary)
    };
    let temporary = copy().map_err(FsError::because("write", &target))?;
    content.finish()?;
    temporary.persist(&target).map_err(|error| FsError::because("write", &target)(error.error))?;
    Ok(())
}

fn place_bytes(blobs: &Path, digest: &Digest, bytes: &[u8]) -> Result<(), LayoutError> {
    let target = blobs.join(digest.hex());
    if is_there(&target, bytes.len() as u64) {
        return Ok(());
    }
    Ok(fs::write_atomically(&target, bytes)?)
}

fn is_there(path: &Path, size: u64) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == size)
}
