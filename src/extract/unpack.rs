//! Some files of an image unpacked into a folder, for a program of the image that runs on this machine.
//!
//! Only regular files are written, and only at places that the caller names: the links of the image are followed before,
//! so that nothing in the folder leads out of it.

use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use super::ExtractError;
use crate::files::{LayerReadError, Origin, Overlay, OverlayFile, TarEntries, read_layer};
use crate::fs::{self, FsError};
use crate::image::Layer;
use crate::project::ImagePath;

/// Bytes copied at a time.
const BUFFER: usize = 64 * 1024;

/// The permission bits that make a file executable.
const EXECUTABLE: u32 = 0o111;

/// The files that have the content of one entry, by their places.
type Places<'a> = BTreeMap<Origin, Vec<(&'a ImagePath, &'a OverlayFile)>>;

/// What the image that consists of these layers, the lowest first, has at each path.
///
/// # Errors
/// When a layer is damaged or cannot be read.
pub(crate) fn view(layers: &[Layer]) -> Result<Overlay, LayerReadError> {
    let mut image = Overlay::default();
    for layer in layers {
        image.add_blob(&layer.blob, &layer.digest, &layer.diff_id, |_, _, _| Ok(()))?;
    }
    Ok(image)
}

/// Unpacks files of the image that consists of these layers into an empty folder, by their places below it. Layers without any
/// of them are not read.
///
/// # Errors
/// When a layer is damaged or cannot be read, or the folder cannot be written. Then do not use what is in the folder.
pub(crate) fn unpack(
    layers: &[Layer],
    files: &BTreeMap<ImagePath, OverlayFile>,
    folder: &Path,
) -> Result<(), ExtractError> {
    let mut places = Places::new();
    for (place, file) in files {
        places.entry(file.origin).or_default().push((place, file));
    }
    for (number, layer) in (0..).zip(layers) {
        let of_layer = |entry| Origin { layer: number, entry };
        let wanted = places.range(of_layer(0)..=of_layer(u32::MAX));
        if let Some((last, _)) = wanted.into_iter().next_back() {
            let work = |tar: &mut dyn Read| unpack_layer(layer, tar, &places, *last, folder);
            read_layer(&layer.blob, &layer.digest, &layer.diff_id, work)?;
        }
    }
    Ok(())
}

/// Unpacks the wanted entries of one layer, of which `last` is the last.
fn unpack_layer(
    layer: &Layer,
    tar: &mut dyn Read,
    wanted: &Places<'_>,
    last: Origin,
    folder: &Path,
) -> Result<(), ExtractError> {
    let damaged = |source| LayerReadError::Tar { layer: layer.digest.clone(), source };
    let mut entries = TarEntries::new(tar);
    let mut origin = Origin { entry: 0, ..last };
    let mut buffer = vec![0; BUFFER];
    while origin <= last
        && let Some(_entry) = entries.next_entry().map_err(damaged)?
    {
        let mut written: Option<PathBuf> = None;
        for (place, file) in wanted.get(&origin).into_iter().flatten() {
            let path = folder.join(place.relative());
            fs::create_dir_all(fs::folder_of(&path))?;
            if let Some(first) = &written {
                duplicate(first, &path)?;
                continue;
            }
            let mut output = std::fs::File::create_new(&path).map_err(FsError::because("create", &path))?;
            loop {
                let read = entries.read(&mut buffer).map_err(damaged)?;
                if read == 0 {
                    break;
                }
                output.write_all(&buffer[..read]).map_err(FsError::because("write", &path))?;
            }
            if file.mode & EXECUTABLE != 0 {
                fs::make_executable(&path)?;
            }
            written = Some(path);
        }
        origin.entry += 1;
    }
    Ok(())
}

/// Gives a file that was written a second name; a copy where a file system has no hard links.
fn duplicate(first: &Path, path: &Path) -> Result<(), FsError> {
    let linked = std::fs::hard_link(first, path);
    linked.or_else(|_| std::fs::copy(first, path).map(drop)).map_err(FsError::because("write", path))
}
