//! The prefix codes of deflate blocks (RFC 1951, 3.2), reduced to what a scanner needs: the length of each symbol, not its
//! meaning. This module does not know what streams are used for.

use super::Malformed;

/// The number of bits that one look-up covers. Few codes are longer.
const FAST_BITS: Skip = 11;

/// The length of the longest code in bits (RFC 1951, 3.2.7).
const LONGEST_CODE: usize = 15;

/// The order of the lengths of the code for code lengths (RFC 1951, 3.2.7).
const LENGTH_ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The symbol that ends a block.
const END_OF_BLOCK: usize = 256;

/// How to skip the next symbol: the low six bits contain the number of bits of its code and its extra bits; two flags are
/// [`DISTANCE_NEXT`] and [`SPECIAL`]. One skip may cover several literals and the symbol after them.
pub(super) type Skip = u8;

/// The part of a skip that is the number of bits.
pub(super) const BITS: Skip = DISTANCE_NEXT - 1;

/// Set for a length, which a distance follows. It also selects the table in [`Codes::fast`].
const DISTANCE_NEXT: Skip = 1 << 6;

/// Set at the end of a block, and for codes that are invalid or too long for the table.
pub(super) const SPECIAL: Skip = 1 << 7;

/// The bits of a stream from a position on, at least 57 of them. Bits after the end are zero.
#[inline]
pub(super) fn peek(stream: &[u8], position: usize) -> u64 {
    let byte = position / 8;
    let word = if let Some(bytes) = stream.get(byte..).and_then(<[u8]>::first_chunk) {
        u64::from_le_bytes(*bytes)
    } else {
        let mut bytes = [0; 8];
        let rest = stream.get(byte..).unwrap_or_default();
        bytes[..rest.len()].copy_from_slice(rest);
        u64::from_le_bytes(bytes)
    };
    word >> (position % 8)
}

/// A position in the bits of a stream.
pub(super) struct Bits<'a> {
    pub(super) stream: &'a [u8],
    pub(super) position: usize,
}

impl Bits<'_> {
    /// Fails if the position is beyond the end.
    fn check(&self) -> Result<(), Malformed> {
        if self.position <= self.stream.len() * 8 { Ok(()) } else { Err(Malformed) }
    }

    /// Reads the next bits, at most 16, as a number.
    pub(super) fn take(&mut self, count: u32) -> Result<usize, Malformed> {
        let value = peek(self.stream, self.position) & ((1 << count) - 1);
        self.position += count as usize;
        self.check()?;
        usize::try_from(value).map_err(|_| Malformed)
    }
}

/// The codes of a block.
pub(super) struct Codes {
    /// The skips by the next bits: first those of literals and lengths, then those of distances.
    fast: [Skip; 2 << FAST_BITS],
    literals: PrefixCode,
    distances: PrefixCode,
}

impl Codes {
    /// Empty codes, for a scanner that is not in a block with codes.
    pub(super) fn none() -> Self {
        const EMPTY: PrefixCode = PrefixCode { count: [0; LONGEST_CODE + 1], symbols: Vec::new() };
        Self { fast: [SPECIAL; 2 << FAST_BITS], literals: EMPTY, distances: EMPTY }
    }

    fn new(of_literals: &[u8], of_distances: &[u8]) -> Result<Self, Malformed> {
        let (literals, distances) = (PrefixCode::new(of_literals)?, PrefixCode::new(of_distances)?);
        let mut fast = [SPECIAL; 2 << FAST_BITS];
        let (of_literals, of_distances) = fast.split_at_mut(1 << FAST_BITS);
        literals.fill(of_literals, literal_skip);
        distances.fill(of_distances, distance_skip);
        join_literals(of_literals);
        Ok(Self { fast, literals, distances })
    }

    /// The skip for the next bits. `state` is the previous skip, or 0 after a distance.
    #[inline]
    pub(super) fn next(&self, state: Skip, word: u64) -> Skip {
        let table =
            usize::from(state & DISTANCE_NEXT) << (u32::from(FAST_BITS) - DISTANCE_NEXT.trailing_zeros());
        // The mask keeps the index within the table.
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits are used")]
        let index = word as usize & ((1 << FAST_BITS) - 1);
        self.fast[table + index]
    }

    /// As [`next`](Self::next), where that returns [`SPECIAL`]; none at the end of the block. Also returns the number of bits
    /// to skip.
    pub(super) fn next_special(&self, state: Skip, word: u64) -> Result<(Option<Skip>, usize), Malformed> {
        let (code, skip_of): (_, fn(usize) -> Option<Skip>) = match state & DISTANCE_NEXT {
            0 => (&self.literals, literal_skip),
            _ => (&self.distances, distance_skip),
        };
        let (symbol, taken) = code.decode(word).ok_or(Malformed)?;
        let skip = skip_of(symbol).ok_or(Malformed)?;
        let taken = taken + usize::from(skip & BITS);
        Ok((Some(skip).filter(|skip| skip & SPECIAL == 0), taken))
    }
}

/// The fixed codes (RFC 1951, 3.2.6).
pub(super) fn fixed_codes() -> Result<Codes, Malformed> {
    let mut lengths = [8; 288];
    lengths[144..256].fill(9);
    lengths[256..280].fill(7);
    Codes::new(&lengths, &[5; 30])
}

/// Reads the dynamic codes of a block (RFC 1951, 3.2.7).
pub(super) fn read_codes(bits: &mut Bits<'_>) -> Result<Codes, Malformed> {
    let literals = bits.take(5)? + 257;
    let distances = bits.take(5)? + 1;
    let given = bits.take(4)? + 4;
    if literals > 286 || distances > 30 {
        return Err(Malformed);
    }
    let mut of_lengths = [0; 19];
    for symbol in &LENGTH_ORDER[..given] {
        of_lengths[*symbol] = u8::try_from(bits.take(3)?).map_err(|_| Malformed)?;
    }
    let code = PrefixCode::new(&of_lengths)?;
    let mut lengths = Vec::with_capacity(literals + distances);
    while lengths.len() < literals + distances {
        let (symbol, taken) = code.decode(peek(bits.stream, bits.position)).ok_or(Malformed)?;
        bits.position += taken;
        let (value, times) = match symbol {
            16 => (*lengths.last().ok_or(Malformed)?, bits.take(2)? + 3),
            17 => (0, bits.take(3)? + 3),
            18 => (0, bits.take(7)? + 11),
            length => (u8::try_from(length).map_err(|_| Malformed)?, 1),
        };
        lengths.resize(lengths.len() + times, value);
    }
    bits.check()?;
    if lengths.len() > literals + distances || lengths[END_OF_BLOCK] == 0 {
        return Err(Malformed);
    }
    let (of_literals, of_distances) = lengths.split_at(literals);
    Codes::new(of_literals, of_distances)
}

/// The skip for a literal or length, without its code (RFC 1951, 3.2.5).
fn literal_skip(symbol: usize) -> Option<Skip> {
    match symbol {
        0..END_OF_BLOCK => Some(0),
        END_OF_BLOCK => Some(SPECIAL),
        257..265 | 285 => Some(DISTANCE_NEXT),
        265..285 => Some(DISTANCE_NEXT | extra_bits((symbol - 261) / 4)?),
        _ => None,
    }
}

/// The skip for a distance, without its code (RFC 1951, 3.2.5).
fn distance_skip(symbol: usize) -> Option<Skip> {
    match symbol {
        0..4 => Some(0),
        4..30 => extra_bits((symbol - 2) / 2),
        _ => None,
    }
}

fn extra_bits(count: usize) -> Option<Skip> {
    u8::try_from(count).ok()
}

/// Joins literals and the symbol after them into one skip, where one look-up covers all their bits.
fn join_literals(fast: &mut [Skip]) {
    let single = fast.to_vec();
    for (word, skip) in fast.iter_mut().enumerate() {
        while *skip < FAST_BITS {
            let next = single[word >> *skip];
            // The shift fills with zeros: only symbols within the known bits count.
            if next & SPECIAL != 0 || (next & BITS) + *skip > FAST_BITS {
                break;
            }
            *skip += next;
        }
    }
}

/// A canonical prefix code (RFC 1951, 3.2.2).
struct PrefixCode {
    /// The number of code words of each length.
    count: [u16; LONGEST_CODE + 1],
    /// The symbols in the order of their code words.
    symbols: Vec<u16>,
}

impl PrefixCode {
    /// The code with these lengths of code words by symbol; 0 means that the symbol is not used.
    fn new(lengths: &[u8]) -> Result<Self, Malformed> {
        let mut count = [0; LONGEST_CODE + 1];
        for length in lengths {
            *count.get_mut(usize::from(*length)).ok_or(Malformed)? += 1;
        }
        count[0] = 0;
        let mut left: i32 = 1;
        for count in &count[1..] {
            left = left * 2 - i32::from(*count);
            if left < 0 {
                return Err(Malformed);
            }
        }
        let mut next = [0; LONGEST_CODE + 2];
        for length in 1..=LONGEST_CODE {
            next[length + 1] = next[length] + usize::from(count[length]);
        }
        let mut symbols = vec![0; next[LONGEST_CODE + 1]];
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let next = &mut next[usize::from(*length)];
            symbols[*next] = u16::try_from(symbol).map_err(|_| Malformed)?;
            *next += 1;
        }
        Ok(Self { count, symbols })
    }

    /// Fills a table with the skips of all code words that are short enough, at all indexes that start with the word.
    fn fill(&self, fast: &mut [Skip], skip_of: fn(usize) -> Option<Skip>) {
        let mut word: usize = 0;
        let mut symbols = self.symbols.iter();
        for length in 1..=FAST_BITS {
            for symbol in symbols.by_ref().take(self.count[usize::from(length)].into()) {
                // Code words are stored highest bit first, everything else lowest bit first (RFC 1951, 3.1.1).
                let first = word.reverse_bits() >> (usize::BITS - u32::from(length));
                if let Some(skip) = skip_of(usize::from(*symbol)).filter(|skip| skip & SPECIAL == 0) {
                    fast.iter_mut().skip(first).step_by(1 << length).for_each(|entry| *entry = skip + length);
                }
                word += 1;
            }
            word <<= 1;
        }
    }

    /// The symbol of the next bits, and the length of its code word.
    fn decode(&self, bits: u64) -> Option<(usize, usize)> {
        let (mut word, mut first, mut index) = (0, 0, 0);
        for length in 1..=LONGEST_CODE {
            word |= usize::from(bits >> (length - 1) & 1 == 1);
            let count = usize::from(self.count[length]);
            if word < first + count {
                return Some((usize::from(*self.symbols.get(index + word - first)?), length));
            }
            index += count;
            first = (first + count) << 1;
            word <<= 1;
        }
        None
    }
}
