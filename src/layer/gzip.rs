//! Compresses a stream on all workers into one gzip member (RFC 1952).
//!
//! The input is cut into blocks of a fixed size. Each is compressed by itself, on whatever processor is free, and the results
//! are joined into one deflate stream: every block's own last one gives up its claim to be the last, and an empty stored
//! block fills up its last byte. So the bytes depend on the input alone, never on the number of threads or on how the input
//! comes in. What a zip archive has deflated is joined in as it is there. Files that lie within a block are read where it is
//! compressed. This module knows nothing of layers.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use crc32fast::Hasher as Crc;
use libdeflater::{CompressionLvl, Compressor};
use rayon::{ThreadPool, ThreadPoolBuilder};
use sha2::{Digest as _, Sha256};

use super::deflate;
use super::tar::{TarOutput, read_exactly};
use crate::store::Digest;
use crate::tree::{Content, TreeError, ZipEntry};

/// The level of libdeflate that layers are compressed with, 0 to 12. Decision 013 has the curve that it comes from.
const LEVEL: i32 = 5;

/// How many bytes are compressed at a time.
const BLOCK: usize = 1 << 20;

/// How much memory the blocks take that a thread works on at once, in bytes: two full ones.
const BATCH: usize = 4 * BLOCK;

/// The largest entry of an archive, in bytes unpacked or as it is there, that is held whole while it is worked on.
const HELD_WHOLE: u64 = 4 << 20;

/// How many bytes of a larger one are worked on at a time, and how many such pieces wait to be taken in.
const PIECE: usize = 256 * 1024;
const PIECES: usize = 8;

/// More threads than this one that hashes their input cannot keep busy.
const THREADS_AT_MOST: usize = 8;

/// The header of the member: no name, no time, operating system "unknown" (RFC 1952, 2.3).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// An empty block that is the last.
const LAST: [u8; 2] = [3, 0];

/// The threads that compress. Making one starts none: they start with the first input of more than one block.
#[derive(Debug)]
pub(super) struct Workers {
    threads: usize,
    pool: OnceLock<ThreadPool>,
}

impl Workers {
    /// Those of this machine.
    pub(super) fn all() -> &'static Self {
        static ALL: OnceLock<Workers> = OnceLock::new();
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

/// Writes what is written to it as one gzip member, and computes the digest of what was written.
///
/// Memory use is bounded: writing waits for the oldest block when enough is under way.
#[derive(Debug)]
pub(super) struct GzipWriter<'a, W> {
    output: W,
    workers: &'a Workers,
    /// The block that is being filled.
    block: Block,
    /// Those before it that wait for others: threads work on several at once.
    batch: Vec<Block>,
    /// What is being worked on, in its order.
    pending: VecDeque<Pending>,
    /// Full blocks of bytes that are done with, whose memory is used again.
    spare: Vec<Block>,
    crc: Crc,
    /// The size of the input modulo 2^32, which is what the member ends with.
    size: u32,
    hasher: Sha256,
}

/// Blocks that are being worked on. They have all come when nobody sends any more.
#[derive(Debug)]
struct Pending {
    done: Receiver<io::Result<Block>>,
    /// The memory that they take, in bytes.
    memory: usize,
}

/// What a thread is to do: it passes blocks on.
type Work = Box<dyn FnOnce(&mut dyn FnMut(Block) -> io::Result<()>) -> io::Result<()> + Send>;

/// A stretch of the input, and what becomes of it.
#[derive(Debug, Default)]
struct Block {
    /// The entry of an archive that this is, and is to be taken from there.
    entry: Option<ZipEntry>,
    input: Vec<u8>,
    /// Files whose bytes have yet to be read, to their places in the input.
    files: Vec<(Range<usize>, Content)>,
    output: Vec<u8>,
    crc: Crc,
}

impl<'a, W: Write> GzipWriter<'a, W> {
    /// Begins the member.
    pub(super) fn new(mut output: W, workers: &'a Workers) -> io::Result<Self> {
        output.write_all(&HEADER)?;
        let (block, batch) = (Block::default(), Vec::new());
        let (pending, spare) = (VecDeque::new(), Vec::new());
        let (crc, hasher) = (Crc::new(), Sha256::new());
        Ok(Self { output, workers, block, batch, pending, spare, crc, size: 0, hasher })
    }

    /// Ends the member. Gives the writer below back, and the digest of the input.
    pub(super) fn finish(mut self) -> io::Result<(W, Digest)> {
        if self.pending.is_empty() && self.batch.is_empty() {
            // What is small is done before a thread would have started.
            let only = std::mem::take(&mut self.block);
            if !only.input.is_empty() {
                work_on(vec![only], &mut |block| self.append(&block))?;
            }
        } else {
            self.end_block()?;
            self.start_batch()?;
        }
        while !self.pending.is_empty() {
            self.take_in()?;
        }
        self.output.write_all(&LAST)?;
        self.output.write_all(&self.crc.finalize().to_le_bytes())?;
        self.output.write_all(&self.size.to_le_bytes())?;
        Ok((self.output, Digest::finish(self.hasher)))
    }

    /// Ends the block that is being filled, if there is anything in it.
    fn end_block(&mut self) -> io::Result<()> {
        if self.block.input.is_empty() {
            return Ok(());
        }
        let block = if self.block.input.len() < BLOCK {
            // What waits as a part of a block does not hold the memory of a whole one.
            let files = std::mem::take(&mut self.block.files);
            let part = Block { input: self.block.input.clone(), files, ..Block::default() };
            self.block.input.clear();
            part
        } else {
            std::mem::replace(&mut self.block, self.spare.pop().unwrap_or_default())
        };
        self.add(block)
    }

    /// Adds a block to the batch, and lets a thread work on that when it is large enough.
    fn add(&mut self, block: Block) -> io::Result<()> {
        self.batch.push(block);
        if memory_of(&self.batch) < BATCH { Ok(()) } else { self.start_batch() }
    }

    fn start_batch(&mut self) -> io::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let (memory, count) = (memory_of(&batch), batch.len());
        self.start(memory, count, vec![Box::new(|pass_on| work_on(batch, pass_on))])
    }

    /// Lets threads work, which pass on at most so many blocks before these are taken in.
    fn start(&mut self, memory: usize, blocks: usize, works: Vec<Work>) -> io::Result<()> {
        // Two batches for each thread, so that none waits for this one to bring the next.
        let most = 2 * BATCH * self.workers.threads;
        while !self.pending.is_empty()
            && memory + self.pending.iter().map(|one| one.memory).sum::<usize>() > most
        {
            self.take_in()?;
        }
        let (sender, done) = sync_channel(blocks);
        for work in works {
            let sender = sender.clone();
            self.workers.pool()?.spawn(move || {
                // Nobody takes anything in any more when the layer has failed.
                let gone = |_| io::ErrorKind::BrokenPipe.into();
                if let Err(error) = work(&mut |block| sender.send(Ok(block)).map_err(gone)) {
                    drop(sender.send(Err(error)));
                }
            });
        }
        self.pending.push_back(Pending { done, memory });
        Ok(())
    }

    /// Takes in the oldest blocks that are under way.
    fn take_in(&mut self) -> io::Result<()> {
        let Some(pending) = self.pending.pop_front() else { return Ok(()) };
        for block in pending.done {
            let mut block = block?;
            self.append(&block)?;
            if block.input.len() == BLOCK && block.entry.is_none() {
                block.input.clear();
                block.output.clear();
                block.crc.reset();
                self.spare.push(block);
            }
        }
        Ok(())
    }

    fn append(&mut self, block: &Block) -> io::Result<()> {
        self.hasher.update(&block.input);
        self.crc.combine(&block.crc);
        // Blocks are far smaller than 2^32.
        self.size = self.size.wrapping_add(u32::try_from(block.input.len()).map_err(io::Error::other)?);
        self.output.write_all(&block.output)
    }
}

impl<W: Write> Write for GzipWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.block.input.len() == BLOCK {
            self.end_block()?;
        }
        let room = BLOCK - self.block.input.len();
        self.block.input.reserve_exact(room);
        let count = bytes.len().min(room);
        self.block.input.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Blocks have their fixed size whenever somebody flushes.
        self.output.flush()
    }
}

impl<W: Write> TarOutput for GzipWriter<'_, W> {
    fn take_over(&mut self, entry: &ZipEntry) -> io::Result<bool> {
        self.end_block()?;
        if entry.size().max(entry.compressed_size()) <= HELD_WHOLE {
            self.add(Block { entry: Some(entry.clone()), ..Block::default() })?;
        } else {
            self.start_batch()?;
            let (content, deflated) = (entry.clone(), entry.clone());
            let works: Vec<Work> = vec![
                Box::new(move |pass_on| inflate_pieces(&content, pass_on)),
                Box::new(move |pass_on| take_over_pieces(&deflated, pass_on)),
            ];
            self.start((PIECES + works.len()) * PIECE, PIECES, works)?;
        }
        Ok(true)
    }

    fn take_on(&mut self, content: &Content, size: u64) -> io::Result<bool> {
        let begin = self.block.input.len();
        let Some(end) = usize::try_from(size).ok().and_then(|size| begin.checked_add(size)) else {
            return Ok(false);
        };
        // A file that goes on in the next block is read as it comes.
        if end > BLOCK {
            return Ok(false);
        }
        self.block.input.resize(end, 0);
        self.block.files.push((begin..end, content.clone()));
        Ok(true)
    }
}

/// The memory that blocks take while they are worked on, in bytes.
fn memory_of(blocks: &[Block]) -> usize {
    blocks.iter().map(Block::memory).sum()
}

/// Compresses blocks, or takes them over.
fn work_on(mut blocks: Vec<Block>, pass_on: &mut dyn FnMut(Block) -> io::Result<()>) -> io::Result<()> {
    blocks.iter_mut().try_for_each(Block::fill)?;
    deflate::open_ends(blocks.iter_mut().map(|block| &mut block.output)).map_err(|(place, malformed)| {
        match &blocks[place].entry {
            Some(entry) => unreadable(entry, io::Error::other(malformed)),
            None => io::Error::other(malformed),
        }
    })?;
    blocks.into_iter().try_for_each(pass_on)
}

/// Inflates an entry piece by piece.
fn inflate_pieces(entry: &ZipEntry, pass_on: &mut dyn FnMut(Block) -> io::Result<()>) -> io::Result<()> {
    let mut content = entry.open().map_err(io::Error::other)?;
    loop {
        let mut block = Block::default();
        let read = content.by_ref().take(PIECE as u64).read_to_end(&mut block.input);
        if read.map_err(|error| unreadable(entry, error))? == 0 {
            return Ok(());
        }
        block.crc.update(&block.input);
        pass_on(block)?;
    }
}

/// Takes over piece by piece what the archive has of an entry.
fn take_over_pieces(entry: &ZipEntry, pass_on: &mut dyn FnMut(Block) -> io::Result<()>) -> io::Result<()> {
    let deflated = entry.open_deflated().map_err(io::Error::other)?;
    deflate::copy_open(deflated, PIECE, |output| pass_on(Block { output, ..Block::default() }))
        .map_err(|error| unreadable(entry, error))?;
    // Its bytes were checked when they were inflated, which another thread did.
    entry.check_archive().map_err(io::Error::other)
}

/// Names the entry that could not be read.
fn unreadable(entry: &ZipEntry, source: io::Error) -> io::Error {
    io::Error::other(TreeError::Read { what: entry.to_string(), source })
}

impl Block {
    /// The memory that it takes while it is worked on, in bytes.
    fn memory(&self) -> usize {
        match &self.entry {
            Some(entry) => usize::try_from(entry.size() + entry.compressed_size()).unwrap_or(usize::MAX),
            None => 2 * self.input.len(),
        }
    }

    /// Brings the input, and the output to it.
    fn fill(&mut self) -> io::Result<()> {
        if let Some(entry) = &self.entry {
            let size = usize::try_from(entry.compressed_size()).map_err(io::Error::other)?;
            self.output.reserve_exact(size + deflate::OPEN_END);
            let mut deflated = entry.open_deflated().map_err(io::Error::other)?;
            deflated.read_to_end(&mut self.output).map_err(|error| unreadable(entry, error))?;
            self.crc = entry.inflate(&self.output, &mut self.input).map_err(io::Error::other)?;
            return Ok(());
        }
        for (place, content) in self.files.drain(..) {
            read_exactly(&content, &mut self.input[place]).map_err(io::Error::other)?;
        }
        self.compress()
    }

    /// Compresses the input into a stream of its own.
    fn compress(&mut self) -> io::Result<()> {
        thread_local! {
            static COMPRESSOR: RefCell<Option<(Compressor, Vec<u8>)>> = const { RefCell::new(None) };
        }
        let Self { input, output, crc, .. } = self;
        crc.update(input);
        COMPRESSOR.with_borrow_mut(|compressor| -> io::Result<()> {
            let (compressor, room) = match compressor {
                Some(compressor) => compressor,
                none => {
                    let level = CompressionLvl::new(LEVEL).map_err(|_| io::ErrorKind::InvalidInput)?;
                    none.insert((Compressor::new(level), Vec::new()))
                }
            };
            // The room for the worst case is not kept with every block.
            room.resize(room.len().max(compressor.deflate_compress_bound(input.len())), 0);
            let length = compressor.deflate_compress(input, room).map_err(io::Error::other)?;
            output.reserve_exact(length + deflate::OPEN_END);
            output.extend_from_slice(&room[..length]);
            Ok(())
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Read as _;
    use std::process::{Command, Stdio};

    use flate2::bufread::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn compressed(input: &[u8], threads: usize, piece: usize) -> Vec<u8> {
        let workers = Workers::new(threads);
        let mut writer = GzipWriter::new(Vec::new(), &workers).unwrap();
        for piece in input.chunks(piece) {
            writer.write_all(piece).unwrap();
        }
        let (bytes, digest) = writer.finish().unwrap();
        assert_eq!(digest, Digest::of(input));
        bytes
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
    pub(in crate::layer) fn through(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
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
    pub(in crate::layer) const PYTHON: &str = "import sys, zlib; d = zlib.decompressobj(31); \
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
        let workers = Workers::new(2);
        let mut writer = GzipWriter::new(Full(100_000), &workers).unwrap();
        let written = writer.write_all(&mixed(20 * BLOCK, 7));
        let error = written.and_then(|()| writer.finish().map(drop)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
