//! The tar in a layer's blob of any usual compression, which its first bytes show.
//!
//! Digests are checked by those who import it.

use std::io::{self, BufRead, BufReader, Read};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::fs::FsError;
use crate::store::Blob;

/// What gzip begins with (RFC 1952, "Member header").
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What a frame of Zstandard begins with, and a frame that is to be skipped, but for its first four bits (RFC 8878).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const ZSTD_SKIPPED: [u8; 3] = [0x2a, 0x4d, 0x18];

/// Reads the tar in a blob.
///
/// # Errors
/// When the blob cannot be opened or its beginning cannot be read.
pub fn decompressed(blob: &Blob) -> Result<Box<dyn Read>, FsError> {
    let mut content = BufReader::new(blob.open()?);
    let head = content.fill_buf().map_err(FsError::because("read", &blob.path))?;
    let is_zstd = head.starts_with(&ZSTD) || head.get(1..4).is_some_and(|magic| magic == ZSTD_SKIPPED);
    Ok(if head.starts_with(&GZIP) {
        Box::new(MultiGzDecoder::new(content))
    } else if is_zstd {
        Box::new(Frames { content, decoder: FrameDecoder::new(), is_in_frame: false })
    } else {
        Box::new(content)
    })
}

/// The content of all frames of a Zstandard file.
struct Frames<R> {
    content: R,
    decoder: FrameDecoder,
    /// Whether the decoder has begun a frame and not ended it.
    is_in_frame: bool,
}

impl<R: BufRead> Frames<R> {
    /// Begins the next frame. False at the end of the file.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.content.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.content) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut self.content.by_ref().take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.is_in_frame || self.begin()? {
            self.is_in_frame = true;
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.content, one).map_err(io::Error::other)?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            self.is_in_frame = false;
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;
    use crate::store::Store;

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let (_folder, store) = Store::for_test();
        let mut content = Vec::new();
        decompressed(&store.add_blob(bytes).unwrap()).unwrap().read_to_end(&mut content)?;
        Ok(content)
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    #[test]
    fn the_compression_shows_in_the_first_bytes() {
        let text: Vec<u8> = (0..300_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&text).unwrap();
        let gzip = gzip.finish().unwrap();
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"any"].concat();
        let (one, other) = text.split_at(1000);
        for bytes in [
            text.clone(),
            [&gzip[..], &[]].concat(),
            zstd(&text),
            [zstd(one), skipped.clone(), zstd(other)].concat(),
            [skipped, zstd(b""), zstd(&text)].concat(),
        ] {
            assert!(read(&bytes).unwrap() == text);
        }
        assert_eq!(read(b"").unwrap(), b"");
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let whole = zstd(&vec![7; 100_000]);
        assert!(read(&whole[..whole.len() - 1]).is_err());
        assert!(read(&[&whole[..], b"rubbish"].concat()).is_err());
    }
}
