//! The reader of deflate streams, for `crate::fuzzing`.

use std::io::Read as _;

use super::deflate;

/// Any stream is refused, or made joinable in both ways without changing what it inflates to.
pub(crate) fn joinable(bytes: &[u8]) {
    let mut whole = bytes.to_vec();
    let is_whole = deflate::make_joinable([&mut whole]).is_ok();
    let mut pieces = Vec::new();
    let append = |piece: Vec<u8>| {
        pieces.extend(piece);
        Ok(())
    };
    let is_copied = deflate::copy_joinable(bytes, 64, append).is_ok();
    assert_eq!(is_whole, is_copied, "only one of both ways refuses the stream");
    if is_whole && let Some(original) = inflated(bytes) {
        for joinable in [whole, pieces] {
            // The empty last block that ends a layer.
            assert_eq!(inflated(&[&joinable[..], &[1, 0, 0, 0xff, 0xff]].concat()), Some(original.clone()));
        }
    }
}

/// What a stream inflates to, unless it is damaged or larger than a few megabytes.
fn inflated(stream: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    flate2::read::DeflateDecoder::new(stream).take(1 << 22).read_to_end(&mut content).ok()?;
    (content.len() < 1 << 22).then_some(content)
}
