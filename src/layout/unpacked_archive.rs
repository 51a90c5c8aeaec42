//! Archives that are compressed as a whole, as `docker save | gzip` writes them.
//!
//! The members of an archive are read in any order, which compressed data does not allow. So the tar is written into the
//! store, once for each content. What a file is shows in its first bytes, not in its name.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::{LayoutError, invalid};
use crate::fs::{self, FsError};
use crate::store::{Digest, HashingReader, Store};
use crate::tree::IMAGE_SIZE_LIMIT;
use crate::units::limit;

/// The kind of the records of tars, by the digest of the compressed archive: the digest of the tar.
const RECORD: &str = "unpacked-archives-1";

/// The first bytes of compressed files.
pub(super) const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
const BZIP2: &[u8] = b"BZh";

/// The tar of an archive: the archive itself, or what it is decompressed to.
///
/// # Errors
/// When it cannot be read, is compressed with something other than gzip, or is not a file.
pub(super) fn tar(path: &Path, store: &Store) -> Result<PathBuf, LayoutError> {
    // A pipe must not be opened: that would wait for a writer.
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(metadata) if metadata.is_dir() => {
            return Err(invalid(path, "is a folder, not an archive", "use `oci:` for an OCI image layout"));
        }
        Ok(_) => return Err(invalid(path, "is not a regular file", "write the archive into a file first")),
        Err(error) if is_missing(&error) => return Err(invalid(path, "does not exist", "check the path")),
        Err(error) => return Err(error.into()),
    }
    let mut archive = fs::open(path)?;
    let mut start = Vec::new();
    (&mut archive).take(6).read_to_end(&mut start).map_err(FsError::because("read", path))?;
    let other = [(ZSTD, "zstd"), (XZ, "xz"), (BZIP2, "bzip2")];
    if let Some((_, name)) = other.into_iter().find(|(magic, _)| start.starts_with(magic)) {
        let why = format!("is compressed with {name}; limg reads plain archives and gzip");
        return Err(invalid(path, &why, &format!("decompress it with `{name} -d`")));
    }
    if start.starts_with(GZIP) { decompressed(path, archive, store) } else { Ok(path.to_owned()) }
}

/// Whether a file or a folder on the path does not exist.
pub(super) fn is_missing(error: &FsError) -> bool {
    matches!(error.source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn decompressed(path: &Path, mut archive: File, store: &Store) -> Result<PathBuf, LayoutError> {
    archive.rewind().map_err(FsError::because("read", path))?;
    let key = HashingReader::new(&archive).finish().map_err(FsError::because("read", path))?;
    if let Some(known) = store.record::<Digest>(RECORD, &key).and_then(|digest| store.blob(&digest)) {
        return Ok(known.path);
    }
    archive.rewind().map_err(FsError::because("read", path))?;
    let mut tar = MultiGzDecoder::new(BufReader::new(archive)).take(IMAGE_SIZE_LIMIT + 1);
    let mut writer = store.writer()?;
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        let length = tar.read(&mut buffer).map_err(|error| {
            let why = format!("cannot be decompressed: {error}");
            invalid(path, &why, "copy the archive again")
        })?;
        if length == 0 {
            break;
        }
        size += length as u64;
        writer.write_all(&buffer[..length]).map_err(FsError::because("write into", store.root()))?;
    }
    if size > IMAGE_SIZE_LIMIT {
        let why = format!("contains more than {}, the size of the largest image", limit(IMAGE_SIZE_LIMIT));
        return Err(invalid(path, &why, "check the archive"));
    }
    let (digest, blob) = writer.commit()?;
    store.write_record(RECORD, &key, &digest)?;
    Ok(blob.path)
}
