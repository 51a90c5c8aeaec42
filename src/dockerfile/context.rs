//! Writes the context of a Dockerfile: each layer unpacked into a folder of its own, and the Dockerfile last.
//!
//! A layer may come from another image, so that its entries are not trusted: each must be in a directory that the same layer has
//! made before.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use super::{ContextLayer, Dockerfile, DockerfileError};
use crate::files::{LayerReadError, TarEntries, TarEntry, entry_path, read_layer};
use crate::fs::{self, FsError};
use crate::tree::source_of_bytecode;

/// Bytes copied at a time.
const BUFFER: usize = 64 * 1024;

/// The name of a Dockerfile in its context.
const NAME: &str = "Dockerfile";

/// Writes a context into a folder that does not exist or is empty, unless `stop` is set meanwhile. After a failure, nothing
/// that was written is left.
///
/// # Errors
/// When the folder is not empty or cannot be written, or a layer cannot be read or unpacked.
pub(crate) fn write(
    folder: &Path,
    layers: &[ContextLayer],
    dockerfile: &Dockerfile,
    stop: &AtomicBool,
) -> Result<(), DockerfileError> {
    fs::create_dir_all(folder)?;
    if !fs::is_empty_folder(folder)? {
        return Err(DockerfileError::NotEmpty { path: folder.to_owned() });
    }
    let write = || {
        let mut has_bytecode = false;
        for layer in layers {
            let root = folder.join(&layer.folder);
            fs::create_dir_all(&root)?;
            has_bytecode |= unpack(layer, &root, stop)?;
        }
        let text = dockerfile.text(has_bytecode);
        Ok(fs::write_atomically(&folder.join(NAME), text.as_bytes())?)
    };
    write().inspect_err(|_: &DockerfileError| {
        // The folder was empty; the error is more important than one while removing.
        let _left = std::fs::remove_dir_all(folder);
    })
}

/// Unpacks a layer. Returns whether it contains bytecode of Python.
fn unpack(layer: &ContextLayer, root: &Path, stop: &AtomicBool) -> Result<bool, DockerfileError> {
    let ContextLayer { layer: blob, .. } = layer;
    let damaged = |source| LayerReadError::Tar { layer: blob.digest.clone(), source };
    let work = |tar: &mut dyn Read| {
        let mut entries = TarEntries::new(tar);
        let mut has_bytecode = false;
        let mut folders = FolderModes::from([(root.to_owned(), None)]);
        while let Some(entry) = entries.next_entry().map_err(damaged)? {
            if stop.load(Ordering::Relaxed) {
                return Err(DockerfileError::Interrupted(io::ErrorKind::Interrupted.into()));
            }
            let Some(path) = entry_path(&entry.name) else { continue };
            has_bytecode |= source_of_bytecode(&path).is_some();
            let path = root.join(path.relative());
            if !folders.contains_key(fs::folder_of(&path)) || !entry.is_text {
                return Err(DockerfileError::Entry { layer: layer.name.clone(), path: entry.name });
            }
            let kind = entry.kind;
            if kind.is_dir() {
                std::fs::create_dir(&path).map_err(FsError::because("create the folder", &path))?;
                folders.insert(path, Some(entry.mode));
            } else if kind.is_symlink() {
                fs::symlink(&entry.target, &path)?;
            } else if kind.is_file() {
                write_file(&path, &entry, &mut entries, damaged)?;
            } else {
                return Err(DockerfileError::Entry { layer: layer.name.clone(), path: entry.name });
            }
        }
        set_modes(folders)?;
        Ok(has_bytecode)
    };
    read_layer(&blob.blob, &blob.digest, &blob.diff_id, work).map(|(has_bytecode, _)| has_bytecode)
}

/// The folders of a layer with their modes, which are set when nothing more is written into them; none for its root.
type FolderModes = BTreeMap<PathBuf, Option<u32>>;

fn set_modes(folders: FolderModes) -> Result<(), DockerfileError> {
    // The innermost first: a folder may not be readable afterwards.
    for (path, mode) in folders.into_iter().rev() {
        if let Some(mode) = mode {
            let set = File::open(&path).and_then(|folder| fs::set_mode(&folder, mode));
            set.map_err(FsError::because("set the mode of", &path))?;
        }
    }
    Ok(())
}

fn write_file(
    path: &Path,
    entry: &TarEntry,
    content: &mut impl Read,
    damaged: impl Fn(io::Error) -> LayerReadError,
) -> Result<(), DockerfileError> {
    let mut file = File::create_new(path).map_err(FsError::because("create", path))?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = content.read(&mut buffer).map_err(&damaged)?;
        if read == 0 {
            break;
        }
        file.write_all(&buffer[..read]).map_err(FsError::because("write", path))?;
    }
    // Python's bytecode is valid only while its source has the time that is in the bytecode.
    let seconds = entry.modified.and_then(|seconds| seconds.try_into().ok()).unwrap_or_default();
    let set = file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds));
    set.and_then(|()| fs::set_mode(&file, entry.mode))
        .map_err(FsError::because("set the metadata of", path))?;
    Ok(())
}
