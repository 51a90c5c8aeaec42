//! A layer's blob as a stream of its tar, read to its end, its digests checked on the way.
//!
//! Nothing here knows what the tar holds.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::ExtractError;
use crate::image::Layer;
use crate::store::HashingReader;
use crate::tree::IMAGE_SIZE_LIMIT;

/// Bytes read from a blob at a time.
const BUFFER: usize = 64 * 1024;

/// The size of everything in a tar archive is a multiple of this.
const BLOCK: u64 = 512;

/// What was seen of a layer's form when it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// Whether the blob is one gzip member.
    pub(super) is_one_member: bool,
    /// Whether the tar ends as it should: with two empty blocks, on the boundary of a block.
    pub(super) is_complete: bool,
}

/// Lets `work` read the tar of a layer until it has seen the archive's end. Only when all bytes are what the layer's digests
/// say is there a result.
///
/// # Errors
/// When the layer cannot be read, inflates to more than 10 GB, is damaged, or `work` fails.
pub(super) fn read<T>(
    layer: &Layer,
    work: impl FnOnce(&mut dyn Read) -> Result<T, ExtractError>,
) -> Result<(T, Form), ExtractError> {
    read_limited(layer, IMAGE_SIZE_LIMIT, work)
}

fn read_limited<T>(
    layer: &Layer,
    limit: u64,
    work: impl FnOnce(&mut dyn Read) -> Result<T, ExtractError>,
) -> Result<(T, Form), ExtractError> {
    let failed = |source| ExtractError::Layer { layer: layer.digest.clone(), source };
    let mut blob = HashingReader::new(layer.blob.open()?);
    let mut inflated = if layer.digest == layer.diff_id {
        Inflated::Plain(&mut blob)
    } else {
        Inflated::Gzip(Box::new(Members::new(BufReader::with_capacity(BUFFER, &mut blob))))
    };
    // One more, to tell what reaches the limit from what goes beyond.
    let mut tar = HashingReader::new(&mut inflated).take(limit + 1);
    let result = work(&mut tar);
    let rest = io::copy(&mut tar, &mut io::sink());
    if tar.limit() == 0 {
        let why = "it inflates to more than the 10 GB that Lambda takes";
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, why)));
    }
    let result = result?;
    let rest = rest.map_err(failed)?;
    let size = limit + 1 - tar.limit();
    let diff_id = tar.into_inner().finish().map_err(failed)?;
    let is_one_member = matches!(&inflated, Inflated::Gzip(members) if members.number == 1);
    let digest = blob.finish().map_err(failed)?;
    if diff_id != layer.diff_id || digest != layer.digest {
        return Err(ExtractError::Digest { expected: layer.digest.clone() });
    }
    // The first of the empty blocks tells that the archive has ended.
    let is_complete = rest >= BLOCK && size.is_multiple_of(BLOCK);
    Ok((result, Form { is_one_member, is_complete }))
}

/// The content of a blob.
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

/// The content of all members of a gzip file (RFC 1952, "File format"), and how many they are.
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
    use crate::store::{Digest, Store};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn layer(store: &Store, blob: &[u8], tar: &[u8]) -> Layer {
        let kept = store.add_blob(blob).unwrap();
        Layer { digest: Digest::of(blob), diff_id: Digest::of(tar), size: kept.size, blob: kept }
    }

    fn read_all(layer: &Layer, limit: u64) -> Result<(Vec<u8>, Form), ExtractError> {
        read_limited(layer, limit, |tar| {
            let mut bytes = Vec::new();
            tar.read_to_end(&mut bytes)
                .map_err(|source| ExtractError::Layer { layer: layer.digest.clone(), source })?;
            Ok(bytes)
        })
    }

    #[test]
    fn blobs_are_plain_or_any_number_of_members() {
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
        }
    }

    #[test]
    fn what_follows_the_gzip_is_refused() {
        let (_folder, store) = Store::for_test();
        let blob = [gzip(b"hello"), b"rubbish".to_vec()].concat();
        assert!(read_all(&layer(&store, &blob, b"hello"), 100).is_err());
    }

    #[test]
    fn both_digests_are_checked() {
        let (_folder, store) = Store::for_test();
        let good = layer(&store, &gzip(b"hello"), b"hello");
        assert!(read_all(&good, 100).is_ok());
        let bad = [
            Layer { digest: Digest::of(b"other"), ..good.clone() },
            Layer { diff_id: Digest::of(b"other"), ..good.clone() },
            Layer { blob: store.add_blob(&gzip(b"hallo")).unwrap(), ..good },
        ];
        for layer in bad {
            assert!(matches!(read_all(&layer, 100), Err(ExtractError::Digest { .. })));
        }
    }

    #[test]
    fn a_layer_that_inflates_without_end_is_refused() {
        let (_folder, store) = Store::for_test();
        let layer = layer(&store, &gzip(&[0; 1000]), &[0; 1000]);
        assert!(read_all(&layer, 1000).is_ok());
        let error = read_all(&layer, 999).unwrap_err();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("10 GB"), "{error:?}");
    }

    #[test]
    fn the_end_of_a_tar_is_two_empty_blocks() {
        let (_folder, store) = Store::for_test();
        // `work` stops behind the first empty block, as a reader of tar does.
        for (size, is_complete) in [(512, false), (1000, false), (1024, true), (1025, false), (10240, true)] {
            let tar = vec![0; size];
            let layer = layer(&store, &tar, &tar);
            let work = |tar: &mut dyn Read| {
                io::copy(&mut tar.take(512), &mut io::sink()).unwrap();
                Ok(())
            };
            assert_eq!(read_limited(&layer, 1 << 20, work).unwrap().1.is_complete, is_complete, "{size}");
        }
    }
}
