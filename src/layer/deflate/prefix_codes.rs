//! The prefix codes of deflate blocks (RFC 1951, 3.2), as far as a walk needs them: how long each symbol is, not what it
//! stands for. This module knows nothing of what is done with a stream.

use super::Malformed;

/// How many bits of a code are looked up at once. Few codes are longer.
const FAST_BITS: Step = 11;

/// The longest code in bits (RFC 1951, 3.2.7).
const LONGEST_CODE: usize = 15;

/// The order in which the lengths of the code of code lengths come (RFC 1951, 3.2.7).
const LENGTH_ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The symbol that ends a block.
const END_OF_BLOCK: usize = 256;

/// What the walk knows of the next symbol: in the low six bits how many bits it takes, with its code and what belongs to it;
/// further whether a distance comes next, and whether the walk has to look closer. Several literals and what comes after
/// them may be one step.
pub(super) type Step = u8;

/// The bits of a step that say how many it takes.
pub(super) const BITS: Step = DISTANCE_NEXT - 1;

/// Set in the step of a length. It is also half of what tells the tables in [`Codes::fast`] apart.
const DISTANCE_NEXT: Step = 1 << 6;

/// Set where a block ends, and where a code is too long for the table, or none.
pub(super) const SPECIAL: Step = 1 << 7;

/// The bits of a stream from a position on, at least 57 of them; those after the end are zero.
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
    /// Fails if the position has moved beyond the end.
    fn check(&self) -> Result<(), Malformed> {
        if self.position <= self.stream.len() * 8 { Ok(()) } else { Err(Malformed) }
    }

    /// The next bits, at most 16 of them, as a number.
    pub(super) fn take(&mut self, count: u32) -> Result<usize, Malformed> {
        let value = peek(self.stream, self.position) & ((1 << count) - 1);
        self.position += count as usize;
        self.check()?;
        usize::try_from(value).map_err(|_| Malformed)
    }
}

/// The codes of a block, and a table for the walk.
pub(super) struct Codes {
    /// The steps by the next bits: those of literals and lengths, then those of distances.
    fast: [Step; 2 << FAST_BITS],
    literals: Canonical,
    distances: Canonical,
}

impl Codes {
    /// Those of a walk that is in no block yet.
    pub(super) fn none() -> Self {
        const EMPTY: Canonical = Canonical { count: [0; LONGEST_CODE + 1], symbols: Vec::new() };
        Self { fast: [SPECIAL; 2 << FAST_BITS], literals: EMPTY, distances: EMPTY }
    }

    fn new(of_literals: &[u8], of_distances: &[u8]) -> Result<Self, Malformed> {
        let (literals, distances) = (Canonical::new(of_literals)?, Canonical::new(of_distances)?);
        let mut fast = [SPECIAL; 2 << FAST_BITS];
        let (of_literals, of_distances) = fast.split_at_mut(1 << FAST_BITS);
        literals.fill(of_literals, literal_step);
        distances.fill(of_distances, distance_step);
        join_literals(of_literals);
        Ok(Self { fast, literals, distances })
    }

    /// The step that the next bits ask for. `state` is the step before, or 0 after a distance.
    #[inline]
    pub(super) fn next(&self, state: Step, word: u64) -> Step {
        let table =
            usize::from(state & DISTANCE_NEXT) << (u32::from(FAST_BITS) - DISTANCE_NEXT.trailing_zeros());
        // The mask keeps the index inside the table, whatever the word's size.
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits are wanted")]
        let place = word as usize & ((1 << FAST_BITS) - 1);
        self.fast[table + place]
    }

    /// As [`next`](Self::next), where that does not tell; nothing for the end of the block. Both with the bits that are
    /// taken.
    pub(super) fn look_closer(&self, state: Step, word: u64) -> Result<(Option<Step>, usize), Malformed> {
        let (code, step_of): (_, fn(usize) -> Option<Step>) = match state & DISTANCE_NEXT {
            0 => (&self.literals, literal_step),
            _ => (&self.distances, distance_step),
        };
        let (symbol, taken) = code.decode(word).ok_or(Malformed)?;
        let step = step_of(symbol).ok_or(Malformed)?;
        let taken = taken + usize::from(step & BITS);
        Ok((Some(step).filter(|step| step & SPECIAL == 0), taken))
    }
}

/// The codes of a block that does not bring its own (RFC 1951, 3.2.6).
pub(super) fn fixed_codes() -> Result<Codes, Malformed> {
    let mut lengths = [8; 288];
    lengths[144..256].fill(9);
    lengths[256..280].fill(7);
    Codes::new(&lengths, &[5; 30])
}

/// Reads the codes of a block that brings its own (RFC 1951, 3.2.7).
pub(super) fn read_codes(bits: &mut Bits<'_>) -> Result<Codes, Malformed> {
    let literals = bits.take(5)? + 257;
    let distances = bits.take(5)? + 1;
    let given = bits.take(4)? + 4;
    if literals > 286 || distances > 30 {
        return Err(Malformed);
    }
    let mut of_lengths = [0; 19];
    for place in &LENGTH_ORDER[..given] {
        of_lengths[*place] = u8::try_from(bits.take(3)?).map_err(|_| Malformed)?;
    }
    let code = Canonical::new(&of_lengths)?;
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

/// What a literal or length takes beside its code (RFC 1951, 3.2.5).
fn literal_step(symbol: usize) -> Option<Step> {
    match symbol {
        0..END_OF_BLOCK => Some(0),
        END_OF_BLOCK => Some(SPECIAL),
        257..265 | 285 => Some(DISTANCE_NEXT),
        265..285 => Some(DISTANCE_NEXT | extra_bits((symbol - 261) / 4)?),
        _ => None,
    }
}

/// What a distance takes beside its code (RFC 1951, 3.2.5).
fn distance_step(symbol: usize) -> Option<Step> {
    match symbol {
        0..4 => Some(0),
        4..30 => extra_bits((symbol - 2) / 2),
        _ => None,
    }
}

fn extra_bits(count: usize) -> Option<Step> {
    u8::try_from(count).ok()
}

/// Makes one step of literals and the symbol after them, where all are told by the bits that are looked up.
fn join_literals(fast: &mut [Step]) {
    let single = fast.to_vec();
    for (word, step) in fast.iter_mut().enumerate() {
        while *step < FAST_BITS {
            let next = single[word >> *step];
            // The bits of a word that are not known count as zero, so that what is joined must lie within the others.
            if next & SPECIAL != 0 || (next & BITS) + *step > FAST_BITS {
                break;
            }
            *step += next;
        }
    }
}

/// A canonical prefix code (RFC 1951, 3.2.2).
struct Canonical {
    /// How many words there are of each length.
    count: [u16; LONGEST_CODE + 1],
    /// The symbols in the order of their words.
    symbols: Vec<u16>,
}

impl Canonical {
    /// The code whose words have these lengths, by symbol; 0 means that a symbol has none.
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
        let mut place = [0; LONGEST_CODE + 2];
        for length in 1..=LONGEST_CODE {
            place[length + 1] = place[length] + usize::from(count[length]);
        }
        let mut symbols = vec![0; place[LONGEST_CODE + 1]];
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let place = &mut place[usize::from(*length)];
            symbols[*place] = u16::try_from(symbol).map_err(|_| Malformed)?;
            *place += 1;
        }
        Ok(Self { count, symbols })
    }

    /// Fills a table with the steps of the words that are short enough, by the bits that begin with them.
    fn fill(&self, fast: &mut [Step], step_of: fn(usize) -> Option<Step>) {
        let mut word: usize = 0;
        let mut symbols = self.symbols.iter();
        for length in 1..=FAST_BITS {
            for symbol in symbols.by_ref().take(self.count[usize::from(length)].into()) {
                // Words come highest bit first, all else lowest first (RFC 1951, 3.1.1).
                let first = word.reverse_bits() >> (usize::BITS - u32::from(length));
                if let Some(step) = step_of(usize::from(*symbol)).filter(|step| step & SPECIAL == 0) {
                    fast.iter_mut().skip(first).step_by(1 << length).for_each(|entry| *entry = step + length);
                }
                word += 1;
            }
            word <<= 1;
        }
    }

    /// The symbol that the next bits stand for, and how many bits its word has.
    fn decode(&self, bits: u64) -> Option<(usize, usize)> {
        let (mut word, mut first, mut place) = (0, 0, 0);
        for length in 1..=LONGEST_CODE {
            word |= usize::from(bits >> (length - 1) & 1 == 1);
            let count = usize::from(self.count[length]);
            if word < first + count {
                return Some((usize::from(*self.symbols.get(place + word - first)?), length));
            }
            place += count;
            first = (first + count) << 1;
            word <<= 1;
        }
        None
    }
}
