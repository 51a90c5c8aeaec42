//! A layer's blob read to its end as the tar in it, its digests checked on the way.
//!
//! Nothing here knows what the tar contains.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use crate::failure::{Failure, FailureKind, kind_of_input};
use crate::finding::Help;
use crate::fs::FsError;
use crate::store::{Blob, Digest, HashingReader};
use crate::tree::IMAGE_SIZE_LIMIT;
use crate::units;

/// Bytes read from a blob at a time.
const BUFFER: usize = 64 * 1024;

/// The size of everything in a tar archive is a multiple of this.
const BLOCK: u64 = 512;

/// A layer that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LayerReadError {
    /// It is not a tar archive, is incomplete, or is larger than an image may be.
    #[error("failed to read the image layer {layer}")]
    Tar {
        /// Its digest.
        layer: Digest,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its bytes are not those that the manifest or the config declares.
    #[error("the image layer {layer} does not match its digest")]
    Digest {
        /// The digest that the manifest declares.
        layer: Digest,
    },
    /// The blob could not be opened.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Failure for LayerReadError {
    fn kind(&self) -> FailureKind {
        kind_of_input(self)
    }

    fn help(&self) -> Option<Help> {
        match self {
            Self::Tar { .. } | Self::Digest { .. } => Some("fetch or copy the image again".into()),
            Self::Fs(_) => None,
        }
    }
}

/// The form of a layer, as far as reading it shows.
#[derive(Debug, Clone, Copy)]
pub struct LayerForm {
    /// The size of its tar in bytes.
    pub size: u64,
    /// Whether the blob is one gzip member.
    pub is_one_member: bool,
    /// Whether the tar ends with two empty blocks, on the boundary of a block, as it should.
    pub is_complete: bool,
}

/// Lets `work` read the tar of a layer until it has seen the end of the archive. `blob` is the tar itself if `digest` and
/// `diff_id` are the same, otherwise gzip of any number of members.
///
/// There is a result only if all bytes match both digests.
///
/// # Errors
/// When the layer cannot be read, is larger than Lambda's limit for an image, or is damaged, or when `work` fails.
pub fn read_layer<T, E: From<LayerReadError>>(
    blob: &Blob,
    digest: &Digest,
    diff_id: &Digest,
    work: impl FnOnce(&mut dyn Read) -> Result<T, E>,
) -> Result<(T, LayerForm), E> {
    read_limited(blob, digest, diff_id, IMAGE_SIZE_LIMIT, work)
}

fn read_limited<T, E: From<LayerReadError>>(
    blob: &Blob,
    digest: &Digest,
    diff_id: &Digest,
    limit: u64,
    work: impl FnOnce(&mut dyn Read) -> Result<T, E>,
) -> Result<(T, LayerForm), E> {
    let failed = |source| LayerReadError::Tar { layer: digest.clone(), source };
    let mut compressed = HashingReader::new(blob.open().map_err(LayerReadError::Fs)?);
    let mut inflated = if digest == diff_id {
        Inflated::Plain(&mut compressed)
    } else {
        Inflated::Gzip(Box::new(Members::new(BufReader::with_capacity(BUFFER, &mut compressed))))
    };
    // One byte more, to distinguish a tar that reaches the limit from one that exceeds it.
    let mut tar = HashingReader::new(&mut inflated).take(limit + 1);
    let result = work(&mut tar);
    let rest = io::copy(&mut tar, &mut io::sink());
    if tar.limit() == 0 {
        let why = format!("its files are larger than Lambda's limit of {} for an image", units::limit(limit));
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, why)).into());
    }
    let result = result?;
    let rest = rest.map_err(failed)?;
    let size = limit + 1 - tar.limit();
    let tar_digest = tar.into_inner().finish().map_err(failed)?;
    let is_one_member = matches!(&inflated, Inflated::Gzip(members) if members.number == 1);
    let blob_digest = compressed.finish().map_err(failed)?;
    if tar_digest != *diff_id || blob_digest != *digest {
        return Err(LayerReadError::Digest { layer: digest.clone() }.into());
    }
    // `work` has read the first of the empty blocks, which ends the archive.
    let is_complete = rest >= BLOCK && size.is_multiple_of(BLOCK);
    Ok((result, LayerForm { size, is_one_member, is_complete }))
}

/// The tar in a blob.
enum Inflated<R> {
    Plain(R),
    Gzip(Box<Members<BufReader<R>>>),
}

impl<R: Read> Read for Inflated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(plain) => plain.read(buffer),
            Self::Gzip(members) => members.read(buffer),
        }
    }
}

/// The content of all members of a gzip file (RFC 1952, "File format"), and how many there are.
struct Members<R> {
    /// The member that is being read; none at the end.
    current: Option<GzDecoder<R>>,
    number: u64,
}

impl<R: BufRead> Members<R> {
    fn new(input: R) -> Self {
        Self { current: Some(GzDecoder::new(input)), number: 1 }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.current {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            if let Some(mut input) = self.current.take().map(GzDecoder::into_inner)
                && !input.fill_buf()?.is_empty()
            {
                self.current = Some(GzDecoder::new(input));
                self.number += 1;
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::store::Store;

    struct Layer {
        blob: Blob,
        digest: Digest,
        diff_id: Digest,
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn layer(store: &Store, blob: &[u8], tar: &[u8]) -> Layer {
        Layer { blob: store.add_blob(blob).unwrap(), digest: Digest::of(blob), diff_id: Digest::of(tar) }
    }

    fn read_all(layer: &Layer, limit: u64) -> Result<(Vec<u8>, LayerForm), LayerReadError> {
        read_limited(&layer.blob, &layer.digest, &layer.diff_id, limit, |tar| {
            let mut bytes = Vec::new();
            tar.read_to_end(&mut bytes)
                .map_err(|source| LayerReadError::Tar { layer: layer.digest.clone(), source })?;
            Ok(bytes)
        })
    }

    #[test]
    fn a_blob_is_plain_or_has_any_number_of_gzip_members() {
        let (_folder, store) = Store::for_test();
        let cases: [(&[u8], Vec<u8>, bool); 5] = [
            (b"hello world", b"hello world".to_vec(), false),
            (b"hello world", gzip(b"hello world"), true),
            (b"hello world", [gzip(b"hello "), gzip(b"world")].concat(), false),
            (b"hello world", [gzip(b"hello world"), gzip(b"")].concat(), false),
            (b"", gzip(b""), true),
        ];
        for (tar, blob, is_one_member) in cases {
            let (bytes, form) = read_all(&layer(&store, &blob, tar), 100).unwrap();
            assert_eq!((&bytes[..], form.is_one_member), (tar, is_one_member));
            assert_eq!(form.size, tar.len() as u64);
        }
    }

    #[test]
    fn anything_after_the_gzip_members_is_refused() {
        let (_folder, store) = Store::for_test();
        let blob = [gzip(b"hello"), b"rubbish".to_vec()].concat();
        assert!(read_all(&layer(&store, &blob, b"hello"), 100).is_err());
    }

    #[test]
    fn a_member_whose_trailer_does_not_match_its_content_is_refused() {
        let (_folder, store) = Store::for_test();
        let whole = gzip(b"hello");
        assert!(read_all(&layer(&store, &whole, b"hello"), 100).is_ok());
        // The last eight bytes are the checksum and the size (RFC 1952, "Member format").
        for from_the_end in [8, 4] {
            let mut damaged = whole.clone();
            damaged[whole.len() - from_the_end] ^= 1;
            for blob in [damaged.clone(), [&damaged[..], &gzip(b"")].concat()] {
                let error = read_all(&layer(&store, &blob, b"hello"), 100).unwrap_err();
                assert!(matches!(error, LayerReadError::Tar { .. }), "{from_the_end}: {error:?}");
            }
        }
        for missing in [1, 4, 8] {
            let blob = &whole[..whole.len() - missing];
            assert!(read_all(&layer(&store, blob, b"hello"), 100).is_err(), "{missing} bytes are missing");
        }
    }

    #[test]
    fn both_digests_are_checked() {
        let (_folder, store) = Store::for_test();
        let good = || layer(&store, &gzip(b"hello"), b"hello");
        assert!(read_all(&good(), 100).is_ok());
        let bad = [
            Layer { digest: Digest::of(b"other"), ..good() },
            Layer { diff_id: Digest::of(b"other"), ..good() },
            Layer { blob: store.add_blob(&gzip(b"hallo")).unwrap(), ..good() },
        ];
        for layer in bad {
            assert!(matches!(read_all(&layer, 100), Err(LayerReadError::Digest { .. })));
        }
    }

    #[test]
    fn a_layer_larger_than_the_limit_is_refused() {
        let (_folder, store) = Store::for_test();
        let layer = layer(&store, &gzip(&[0; 2048]), &[0; 2048]);
        assert_eq!(read_all(&layer, 2048).unwrap().1.size, 2048);
        for (limit, shown) in [(2047, "2047 bytes"), (1024, "1 KiB"), (0, "0 bytes")] {
            let error = read_all(&layer, limit).unwrap_err();
            assert!(crate::text::with_causes(&error).contains(&format!("limit of {shown}")), "{error:?}");
        }
    }

    #[test]
    fn the_end_of_a_tar_is_two_empty_blocks() {
        let (_folder, store) = Store::for_test();
        // `work` stops after the first empty block, as a reader of tar does.
        for (size, is_complete) in [(512, false), (1000, false), (1024, true), (1025, false), (10240, true)] {
            let tar = vec![0; size];
            let layer = layer(&store, &tar, &tar);
            let work = |tar: &mut dyn Read| {
                io::copy(&mut tar.take(512), &mut io::sink()).unwrap();
                Ok::<_, LayerReadError>(())
            };
            let (blob, digest) = (&layer.blob, &layer.digest);
            let ((), form) = read_limited(blob, digest, &layer.diff_id, 1 << 20, work).unwrap();
            assert_eq!(form.is_complete, is_complete, "{size}");
        }
    }
}
