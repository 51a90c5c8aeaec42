//! Recognizes archives of images, so that a new archive replaces nothing else.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::archive_members::{ArchiveMembers, normalised};
use super::reader::DockerManifest;
use super::unpacked_archive::GZIP;
use super::{DOCUMENT_LIMIT, LayoutError, invalid};
use crate::files::TarEntries;
use crate::fs::{self, FsError};
use crate::store::Blob;
use crate::tree::IMAGE_SIZE_LIMIT;

/// The file that marks an archive as an OCI image layout.
const LAYOUT_MARK: &str = "oci-layout";

/// The list of images in an archive of `docker save`.
const DOCKER_LIST: &str = "manifest.json";

/// Rejects a file that a new archive must not replace: one that is neither empty nor an archive of images.
///
/// # Errors
/// When it is such a file, or cannot be read.
pub fn check_replaced_archive(path: &Path) -> Result<(), LayoutError> {
    let mut file = fs::open(path)?;
    let mut start = Vec::new();
    (&mut file).take(GZIP.len() as u64).read_to_end(&mut start).map_err(FsError::because("read", path))?;
    file.rewind().map_err(FsError::because("read", path))?;
    let has_images = match &start[..] {
        [] => true,
        GZIP => compressed_has_images(file),
        _ => plain_has_images(path, &file),
    };
    if has_images {
        return Ok(());
    }
    let why = "is neither empty nor an archive of images, and is not replaced";
    Err(invalid(path, why, "choose another path, or remove it"))
}

/// A file that cannot be read as an archive is not one.
fn plain_has_images(path: &Path, file: &File) -> bool {
    let Ok(members) = ArchiveMembers::list(file) else { return false };
    let list = members.get(DOCKER_LIST).filter(|range| range.size <= DOCUMENT_LIMIT).map(|range| Blob {
        path: path.to_owned(),
        offset: range.offset,
        size: range.size,
        in_store: false,
    });
    members.get(LAYOUT_MARK).is_some()
        || list.and_then(|list| list.read().ok()).is_some_and(|list| lists_images(&list))
}

fn compressed_has_images(file: File) -> bool {
    let tar = MultiGzDecoder::new(BufReader::new(file)).take(IMAGE_SIZE_LIMIT);
    let mut entries = TarEntries::new(tar);
    while let Ok(Some(entry)) = entries.next_entry() {
        let is_mark = match &*normalised(&entry.name, "") {
            _ if !entry.kind.is_file() => false,
            LAYOUT_MARK => true,
            DOCKER_LIST => {
                fs::read_at_most(&mut entries, DOCUMENT_LIMIT).is_ok_and(|list| lists_images(&list))
            }
            _ => false,
        };
        if is_mark {
            return true;
        }
    }
    false
}

/// The archive of a website may have a `manifest.json` too.
fn lists_images(document: &[u8]) -> bool {
    serde_json::from_slice::<Vec<DockerManifest>>(document).is_ok()
}
