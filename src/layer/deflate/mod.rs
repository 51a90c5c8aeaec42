//! Makes finished deflate streams (RFC 1951) ones that others can follow, without inflating them.
//!
//! Deflate streams can be joined into one if all but the last give up their claim to hold the last block, and if it is known
//! at which bit each ends. Compressors do not tell, so the codes are walked here, and nothing is decoded: that takes about
//! a tenth of the time of compressing. The streams may come from strangers; whatever is wrong with one is an error.

mod prefix_codes;

use std::io::{self, Read};

use prefix_codes::{BITS, Bits, Codes, SPECIAL, Step, fixed_codes, peek, read_codes};

/// How many bytes must be at hand for a step. The header of a block is the longest: 320 lengths of at most 14 bits, and those
/// of their code (RFC 1951, 3.2.7).
const LOOK_AHEAD: usize = 1024;

/// An empty stored block that is not the last, after its first three bits and what fills up their byte.
const EMPTY_STORED: [u8; 4] = [0, 0, 0xff, 0xff];

/// By how many bytes a stream grows at most when its end is opened.
pub(super) const OPEN_END: usize = 1 + EMPTY_STORED.len();

/// A stream that is not deflate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no valid deflate stream")]
pub(super) struct Malformed;

/// Makes whole streams ones that another can follow. What comes after their ends is cut off.
///
/// Two are walked at once. That takes less time than one after the other: most of the time of a walk is waiting for what
/// the table says.
///
/// # Errors
/// With the place of the first stream that is found to be no whole deflate stream. The streams are then of no use.
pub(super) fn open_ends<'a>(
    streams: impl IntoIterator<Item = &'a mut Vec<u8>>,
) -> Result<(), (usize, Malformed)> {
    let mut streams = streams.into_iter().enumerate().map(|(place, stream)| Lane::new(place, stream));
    let Some(mut one) = streams.next() else { return Ok(()) };
    for mut other in streams {
        while !one.walk.is_over && !other.walk.is_over {
            // Both before anything else, so that neither waits for the other.
            let moved = (one.walk.advance(one.stream), other.walk.advance(other.stream));
            if !moved.0 {
                one.look_closer()?;
            }
            if !moved.1 {
                other.look_closer()?;
            }
        }
        if one.walk.is_over {
            std::mem::swap(&mut one, &mut other);
        }
        other.open()?;
    }
    one.open()
}

/// Copies a whole stream as one that another can follow, in pieces of about so many bytes. What comes after its end is
/// left out.
///
/// # Errors
/// When the stream cannot be read, is no whole deflate stream, or a piece cannot be passed on. Pieces may have been passed
/// on then.
pub(super) fn copy_open(
    mut stream: impl Read,
    piece: usize,
    mut pass_on: impl FnMut(Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let (mut walk, mut held, mut is_open) = (Walk::new(), Vec::new(), false);
    loop {
        let before = held.len();
        held.reserve_exact(piece);
        stream.by_ref().take(piece as u64).read_to_end(&mut held)?;
        let is_whole = held.len() < before + piece;
        let limit = if is_whole { usize::MAX } else { held.len().saturating_sub(LOOK_AHEAD) * 8 };
        walk.go(&held, limit).map_err(io::Error::other)?;
        // Where the last block begins is still held when its header has just been read.
        if walk.is_last && !is_open {
            open_block(&mut held, walk.block);
            is_open = true;
        }
        if walk.is_over && walk.position <= held.len() * 8 {
            end_at(&mut held, walk.position);
            return pass_on(held);
        }
        if is_whole {
            return Err(io::Error::other(Malformed));
        }
        let rest = held.split_off((walk.position / 8).min(held.len()));
        walk.position -= held.len() * 8;
        pass_on(std::mem::replace(&mut held, rest))?;
    }
}

/// Makes the block that begins at this bit one that is not the last.
fn open_block(stream: &mut [u8], block: usize) {
    stream[block / 8] &= !(1 << (block % 8));
}

/// Cuts a stream off at this bit, and adds a block that ends at a whole byte.
fn end_at(stream: &mut Vec<u8>, end: usize) {
    stream.truncate(end.div_ceil(8));
    if let Some(last) = stream.last_mut().filter(|_| !end.is_multiple_of(8)) {
        *last &= (1 << (end % 8)) - 1;
    }
    // Three more bits begin the empty block: not the last, stored.
    stream.resize((end + 3).div_ceil(8), 0);
    stream.extend(EMPTY_STORED);
}

/// A stream that is held whole, and the walk through it.
struct Lane<'a> {
    place: usize,
    stream: &'a mut Vec<u8>,
    walk: Walk,
}

impl<'a> Lane<'a> {
    fn new(place: usize, stream: &'a mut Vec<u8>) -> Self {
        Self { place, stream, walk: Walk::new() }
    }

    fn look_closer(&mut self) -> Result<(), (usize, Malformed)> {
        self.walk.look_closer(self.stream).map_err(|malformed| (self.place, malformed))
    }

    /// Goes to the end, and opens it.
    fn open(mut self) -> Result<(), (usize, Malformed)> {
        self.walk.go_to_end(self.stream).map_err(|malformed| (self.place, malformed))?;
        open_block(self.stream, self.walk.block);
        end_at(self.stream, self.walk.position);
        Ok(())
    }
}

/// A walk through the codes of a stream. Whoever moves it says what the stream is, or what is at hand of it.
struct Walk {
    /// Where it is, in bits from the start of what is at hand; the lowest bit of a byte is its first. A stored block may take
    /// it beyond the end of that.
    position: usize,
    /// Those of the block that the walk is in.
    codes: Codes,
    /// The step before, or 0 after a distance.
    state: Step,
    /// Where the block that the walk is in begins, in bits from the start of what was at hand when its header was read.
    block: usize,
    /// Whether the next block begins here, and its header has not been read.
    is_between: bool,
    is_last: bool,
    /// Whether the last block has ended.
    is_over: bool,
}

impl Walk {
    fn new() -> Self {
        let codes = Codes::none();
        Self { position: 0, codes, state: 0, block: 0, is_between: true, is_last: false, is_over: false }
    }

    /// Reads the header of a block, and skips what it holds if that is stored.
    fn begin_block(&mut self, stream: &[u8]) -> Result<(), Malformed> {
        let mut bits = Bits { stream, position: self.position };
        self.block = self.position;
        self.is_last = bits.take(1)? == 1;
        self.state = 0;
        let codes = match bits.take(2)? {
            0 => {
                skip_stored(&mut bits)?;
                None
            }
            1 => Some(fixed_codes()?),
            2 => Some(read_codes(&mut bits)?),
            _ => return Err(Malformed),
        };
        self.position = bits.position;
        self.is_between = codes.is_none();
        self.is_over = self.is_between && self.is_last;
        self.codes = codes.unwrap_or_else(Codes::none);
        Ok(())
    }

    /// Goes a few steps on, or says that it has to look closer.
    #[inline]
    fn advance(&mut self, stream: &[u8]) -> bool {
        // There is no branch on what the symbols are: nobody could foresee which way it goes. Two steps take at most 16 and
        // 24 bits, so that the code of a third is still at hand.
        let word = peek(stream, self.position);
        let first = self.codes.next(self.state, word);
        let word = word >> (first & BITS);
        let second = self.codes.next(first, word);
        let third = self.codes.next(second, word >> (second & BITS));
        if (first | second) & SPECIAL != 0 {
            return false;
        }
        self.position += usize::from(first & BITS) + usize::from(second & BITS);
        self.state = second;
        if third & SPECIAL == 0 {
            self.position += usize::from(third & BITS);
            self.state = third;
        }
        self.position <= stream.len() * 8
    }

    /// Goes one step on where [`advance`](Self::advance) does not.
    fn look_closer(&mut self, stream: &[u8]) -> Result<(), Malformed> {
        if self.is_between {
            return self.begin_block(stream);
        }
        let word = peek(stream, self.position);
        let step = self.codes.next(self.state, word);
        let (step, taken) = if step & SPECIAL == 0 {
            (Some(step), usize::from(step & BITS))
        } else {
            self.codes.look_closer(self.state, word)?
        };
        self.position += taken;
        if self.position > stream.len() * 8 {
            return Err(Malformed);
        }
        match step {
            Some(step) => self.state = step,
            None if self.is_last => self.is_over = true,
            None => self.begin_block(stream)?,
        }
        Ok(())
    }

    /// Goes on until the stream is over or this many bits have been passed.
    fn go(&mut self, stream: &[u8], limit: usize) -> Result<(), Malformed> {
        while !self.is_over && self.position < limit {
            if !self.advance(stream) {
                self.look_closer(stream)?;
            }
        }
        Ok(())
    }

    /// Goes to the end of a stream that is at hand as a whole.
    fn go_to_end(&mut self, stream: &[u8]) -> Result<(), Malformed> {
        self.go(stream, usize::MAX)?;
        if self.position <= stream.len() * 8 { Ok(()) } else { Err(Malformed) }
    }
}

/// Skips the content of a stored block (RFC 1951, 3.2.4), which may lie beyond what is at hand.
fn skip_stored(bits: &mut Bits<'_>) -> Result<(), Malformed> {
    bits.position = bits.position.next_multiple_of(8);
    let length = bits.take(16)?;
    let complement = bits.take(16)?;
    if length ^ complement != 0xffff {
        return Err(Malformed);
    }
    bits.position += length * 8;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::DeflateDecoder;
    use libdeflater::{CompressionLvl, Compressor};
    use proptest::prelude::*;

    use super::*;

    fn libdeflate(input: &[u8], level: i32) -> Vec<u8> {
        let mut compressor = Compressor::new(CompressionLvl::new(level).unwrap());
        let mut output = vec![0; compressor.deflate_compress_bound(input.len())];
        let length = compressor.deflate_compress(input, &mut output).unwrap();
        output.truncate(length);
        output
    }

    fn zlib(input: &[u8], level: u32) -> Vec<u8> {
        let mut output = Vec::new();
        let mut encoder = flate2::read::DeflateEncoder::new(input, flate2::Compression::new(level));
        encoder.read_to_end(&mut output).unwrap();
        output
    }

    /// Where a stream ends, and where its last block begins, in bits from its start.
    #[derive(Debug, PartialEq, Eq)]
    struct End {
        last_block: usize,
        position: usize,
    }

    fn end(stream: &[u8]) -> Result<End, Malformed> {
        let mut walk = Walk::new();
        walk.go_to_end(stream)?;
        Ok(End { last_block: walk.block, position: walk.position })
    }

    /// What [`copy_open`] makes of a stream that comes in pieces of this size.
    fn copied(stream: &[u8], piece: usize) -> io::Result<Vec<u8>> {
        let mut output = Vec::new();
        copy_open(stream, piece, |passed| {
            assert!(passed.len() <= piece + LOOK_AHEAD + OPEN_END, "{} bytes at once", passed.len());
            output.extend(passed);
            Ok(())
        })?;
        Ok(output)
    }

    /// Makes of `one` a stream that goes on with `other`, and inflates both.
    fn joined(mut one: Vec<u8>, other: &[u8]) -> Vec<u8> {
        assert_eq!(end(&one).unwrap().position.div_ceil(8), one.len());
        open_ends([&mut one]).unwrap();
        one.extend(other);
        let mut decoder = DeflateDecoder::new(&one[..]);
        let mut output = Vec::new();
        decoder.read_to_end(&mut output).unwrap();
        assert_eq!(decoder.total_in(), one.len() as u64);
        output
    }

    /// Bytes with more or less repetition in them, so that all kinds of blocks come up.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        (1..=255_u8, 0..400_000_usize, any::<u64>()).prop_map(|(symbols, length, seed)| {
            let mut state = seed | 1;
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) as usize
            };
            let mut bytes: Vec<u8> = Vec::new();
            while bytes.len() < length {
                let from = next() % (bytes.len() + 1);
                match next() % 3 {
                    0 => bytes.extend_from_within(from..(from + next() % 400).min(bytes.len())),
                    _ => bytes.extend((0..next() % 40).map(|_| next().to_le_bytes()[0] % symbols)),
                }
            }
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn streams_can_be_joined_where_they_end(one in bytes(), other in bytes(), level in 0..=9_u8) {
            let expected = [&one[..], &other].concat();
            let tail = zlib(&other, u32::from(level));
            prop_assert!(joined(libdeflate(&one, i32::from(level)), &tail) == expected);
            prop_assert!(joined(zlib(&one, u32::from(level)), &tail) == expected);
        }

        #[test]
        fn several_at_once_are_as_one_after_the_other(one in bytes(), other in bytes(), level in 0..=9_u8) {
            let streams = [libdeflate(&one, 6), zlib(&other, u32::from(level)), zlib(&one, 1)];
            let mut alone = streams.clone();
            for stream in &mut alone { open_ends([stream]).unwrap(); }
            let mut together = streams;
            open_ends(&mut together).unwrap();
            prop_assert!(together == alone);
        }

        #[test]
        fn a_stream_is_opened_as_it_passes(one in bytes(), level in 0..=9_u8, piece in 1..50_000_usize) {
            for mut stream in [libdeflate(&one, 6), zlib(&one, u32::from(level))] {
                let copied = copied(&[&stream[..], b"more"].concat(), piece).unwrap();
                open_ends([&mut stream]).unwrap();
                prop_assert!(copied == stream);
            }
        }

        #[test]
        fn whatever_is_no_stream_is_an_error_or_ends_inside(
            noise in prop::collection::vec(any::<u8>(), 0..300),
            before in 0..3000_usize,
        ) {
            // Blocks that are not the last.
            let mut begun = libdeflate(&vec![b'x'; before], 0);
            open_ends([&mut begun]).unwrap();
            let noise = [&begun[..], &noise].concat();
            if let Ok(End { last_block, position }) = end(&noise) {
                prop_assert!(last_block < position && position <= noise.len() * 8);
            }
            let copied = copied(&noise, 7);
            let mut opened = noise;
            prop_assert_eq!(copied.ok(), open_ends([&mut opened]).ok().map(|()| opened));
        }

        #[test]
        fn a_stream_that_is_cut_is_malformed(
            one in bytes(),
            level in 0..=6,
            cut in any::<prop::sample::Index>(),
        ) {
            let stream = libdeflate(&one, level);
            let cut = &stream[..cut.index(stream.len())];
            prop_assert_eq!(end(cut), Err(Malformed));
            prop_assert_eq!(open_ends([&mut cut.to_vec(), &mut stream.clone()]), Err((0, Malformed)));
            prop_assert_eq!(open_ends([&mut stream.clone(), &mut cut.to_vec()]), Err((1, Malformed)));
            prop_assert!(copied(cut, 1000).is_err());
        }
    }

    #[test]
    fn the_kinds_of_blocks_are_told_apart() {
        assert_eq!(end(&[3, 0]), Ok(End { last_block: 0, position: 10 }));
        // A stored block that is not the last, then an empty fixed one that is.
        let stream = [0, 1, 0, 0xfe, 0xff, b'x', 3, 0];
        assert_eq!(end(&stream), Ok(End { last_block: 48, position: 58 }));
        for bad in
            [&[][..], &[7], &[0, 1, 0, 0xfe], &[0, 1, 0, 0, 0, b'x'], &[1, 2, 0, 0xfd, 0xff, b'x'], &[3]]
        {
            assert_eq!(end(bad), Err(Malformed), "{bad:?}");
        }
    }
}
