//! Compresses a stream on all processors into one gzip member (RFC 1952).
//!
//! The input is cut into blocks of a fixed size. Each is compressed by itself, on whatever processor is free, and the results
//! are joined into one deflate stream: every block's own last one gives up its claim to be the last, and an empty stored
//! block fills up its last byte. So the bytes depend on the input alone, never on the number of threads or on how the input
//! comes in. This module knows nothing of layers.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::num::NonZero;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use flate2::Crc;
use libdeflater::{CompressionLvl, Compressor};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::deflate::{Extent, Malformed, extent};

/// The level of libdeflate that layers are compressed with, 0 to 12. Decision 013 has the curve that it comes from.
const LEVEL: i32 = 5;

/// How many bytes are compressed at a time.
const BLOCK: usize = 1 << 20;

/// More threads than this one reader of files cannot keep busy.
const THREADS_AT_MOST: usize = 16;

/// The header of the member: no name, no time, operating system "unknown" (RFC 1952, 2.3).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// An empty stored block that is not the last, after its first three bits and what fills up their byte.
const EMPTY_STORED: [u8; 4] = [0, 0, 0xff, 0xff];

/// An empty block that is the last.
const LAST: [u8; 2] = [3, 0];

/// The threads that compress. Making one starts none: they start with the first input of more than one block.
#[derive(Debug)]
pub(super) struct Processors {
    threads: usize,
    pool: OnceLock<ThreadPool>,
}

impl Processors {
    /// Those of this machine.
    pub(super) fn all() -> &'static Self {
        static ALL: OnceLock<Processors> = OnceLock::new();
        ALL.get_or_init(|| Self::new(thread::available_parallelism().map_or(1, NonZero::get)))
    }

    pub(super) fn new(threads: usize) -> Self {
        Self { threads: threads.min(THREADS_AT_MOST), pool: OnceLock::new() }
    }

    fn pool(&self) -> io::Result<&ThreadPool> {
        if let Some(pool) = self.pool.get() {
            return Ok(pool);
        }
        let name = |_| "compress".to_owned();
        let pool = ThreadPoolBuilder::new().num_threads(self.threads).thread_name(name).build();
        // Another thread may have made one meanwhile; then this one ends.
        let pool = pool.map_err(io::Error::other)?;
        Ok(self.pool.get_or_init(|| pool))
    }
}

/// Writes what is written to it as one gzip member.
///
/// Memory use is bounded by the number of threads: writing waits until the oldest block is done.
#[derive(Debug)]
pub(super) struct GzipWriter<'a, W> {
    output: W,
    processors: &'a Processors,
    /// The block that is being filled.
    block: Block,
    /// The blocks that are being compressed, in their order.
    pending: VecDeque<Receiver<Result<Block, Malformed>>>,
    /// Buffers to use again.
    spare: Vec<Block>,
    crc: Crc,
}

/// A stretch of the input, and what becomes of it.
#[derive(Debug, Default)]
struct Block {
    input: Vec<u8>,
    output: Vec<u8>,
    crc: Crc,
}

impl<'a, W: Write> GzipWriter<'a, W> {
    /// Begins the member.
    pub(super) fn new(mut output: W, processors: &'a Processors) -> io::Result<Self> {
        output.write_all(&HEADER)?;
        let (pending, spare) = (VecDeque::new(), Vec::new());
        Ok(Self { output, processors, block: Block::default(), pending, spare, crc: Crc::new() })
    }

    /// Ends the member and gives the writer below back.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let mut last = std::mem::take(&mut self.block);
        if !last.input.is_empty() {
            if self.pending.is_empty() {
                // What is small is done before a thread would have started.
                last.compress().map_err(io::Error::other)?;
                self.append(last)?;
            } else {
                self.hand_out(last)?;
            }
        }
        while !self.pending.is_empty() {
            self.take_in()?;
        }
        self.output.write_all(&LAST)?;
        self.output.write_all(&self.crc.sum().to_le_bytes())?;
        // The size in the trailer is that modulo 2^32, which is what `Crc` counts.
        self.output.write_all(&self.crc.amount().to_le_bytes())?;
        Ok(self.output)
    }

    /// Gives a full block to the threads.
    fn hand_out(&mut self, mut block: Block) -> io::Result<()> {
        // Two for each thread, so that none waits for this one to bring the next.
        if self.pending.len() >= 2 * self.processors.threads {
            self.take_in()?;
        }
        let (sender, receiver) = sync_channel(1);
        self.processors.pool()?.spawn(move || {
            let done = block.compress().map(|()| block);
            // Nobody waits for it any more when the layer has failed.
            drop(sender.send(done));
        });
        self.pending.push_back(receiver);
        Ok(())
    }

    /// Waits for the oldest block that is under way.
    fn take_in(&mut self) -> io::Result<()> {
        if let Some(receiver) = self.pending.pop_front() {
            let block = receiver.recv().map_err(io::Error::other)?.map_err(io::Error::other)?;
            self.append(block)?;
        }
        Ok(())
    }

    fn append(&mut self, mut block: Block) -> io::Result<()> {
        self.output.write_all(&block.output)?;
        self.crc.combine(&block.crc);
        block.input.clear();
        block.crc.reset();
        self.spare.push(block);
        Ok(())
    }
}

impl<W: Write> Write for GzipWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.block.input.len() == BLOCK {
            let next = self.spare.pop().unwrap_or_default();
            let full = std::mem::replace(&mut self.block, next);
            self.hand_out(full)?;
        }
        let count = bytes.len().min(BLOCK - self.block.input.len());
        self.block.input.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Blocks have their fixed size whenever somebody flushes.
        self.output.flush()
    }
}

impl Block {
    /// Compresses the input so that it can stand anywhere in a deflate stream but at its end.
    fn compress(&mut self) -> Result<(), Malformed> {
        thread_local! {
            static COMPRESSOR: RefCell<Option<Compressor>> = const { RefCell::new(None) };
        }
        let Self { input, output, crc } = self;
        crc.update(input);
        COMPRESSOR.with_borrow_mut(|compressor| -> Result<(), Malformed> {
            let compressor = match compressor {
                Some(compressor) => compressor,
                none => none.insert(Compressor::new(CompressionLvl::new(LEVEL).map_err(|_| Malformed)?)),
            };
            output.resize(compressor.deflate_compress_bound(input.len()), 0);
            let length = compressor.deflate_compress(input, output).map_err(|_| Malformed)?;
            output.truncate(length);
            Ok(())
        })?;
        let Extent { last_block, end } = extent(output)?;
        output[last_block / 8] &= !(1 << (last_block % 8));
        // Three more bits begin the empty block: not the last, stored.
        output.resize((end + 3).div_ceil(8), 0);
        output.extend(EMPTY_STORED);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::process::{Command, Stdio};

    use flate2::bufread::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn compressed(input: &[u8], threads: usize, piece: usize) -> Vec<u8> {
        let processors = Processors::new(threads);
        let mut writer = GzipWriter::new(Vec::new(), &processors).unwrap();
        for piece in input.chunks(piece) {
            writer.write_all(piece).unwrap();
        }
        writer.finish().unwrap()
    }

    /// What one member holds, if there is nothing after it.
    fn one_member(bytes: &[u8]) -> Vec<u8> {
        let mut decoder = GzDecoder::new(bytes);
        let mut output = Vec::new();
        decoder.read_to_end(&mut output).unwrap();
        assert!(decoder.into_inner().is_empty(), "there is more than one member");
        output
    }

    /// What a program writes that is given `input`.
    fn through(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input).unwrap());
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{program} refuses it");
            output.stdout
        })
    }

    /// One member as Python's zlib sees it, to its last byte.
    const PYTHON: &str = "import sys, zlib; d = zlib.decompressobj(31); \
        out = d.decompress(sys.stdin.buffer.read()) + d.flush(); \
        assert d.eof and not d.unused_data; sys.stdout.buffer.write(out)";

    /// Text-like bytes, noise and long runs.
    fn mixed(length: usize, seed: u64) -> Vec<u8> {
        let mut state = seed | 1;
        let mut bytes = Vec::with_capacity(length + 64);
        while bytes.len() < length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let word = state.to_be_bytes();
            match word[0] % 4 {
                0 => bytes.extend_from_slice(&word),
                1 => bytes.extend(std::iter::repeat_n(word[1], usize::from(word[2]))),
                _ => bytes.extend(format!("import module_{}\n", word[3] % 50).into_bytes()),
            }
        }
        bytes.truncate(length);
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn the_bytes_depend_on_the_input_alone(
            length in prop_oneof![0..3_usize, 0..BLOCK, BLOCK - 1..BLOCK + 2, 0..6 * BLOCK],
            seed in any::<u64>(),
            piece in prop_oneof![1000..5000_usize, Just(BLOCK), Just(3 * BLOCK)],
        ) {
            let input = mixed(length, seed);
            let one = compressed(&input, 1, 64 * 1024);
            for threads in [2, 3, 64] {
                prop_assert!(compressed(&input, threads, piece) == one, "{threads} threads");
            }
            prop_assert!(one_member(&one) == input);
            prop_assert!(through("gzip", &["-dc"], &one) == input);
            prop_assert!(through("python3", &["-c", PYTHON], &one) == input);
        }
    }

    #[test]
    fn an_input_of_zeros_stays_small() {
        let input = vec![0; 8 * BLOCK];
        let output = compressed(&input, 2, BLOCK);
        assert!(output.len() < 16 * 1024, "{} bytes", output.len());
        assert!(one_member(&output) == input);
    }

    #[test]
    fn a_failing_output_ends_the_work() {
        struct Full(usize);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let processors = Processors::new(2);
        let mut writer = GzipWriter::new(Full(100_000), &processors).unwrap();
        let written = writer.write_all(&mixed(20 * BLOCK, 7));
        let error = written.and_then(|()| writer.finish().map(drop)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
