//! Compresses a stream on all processors into one gzip member (RFC 1952).
//!
//! The input is split into chunks of a fixed size. Threads compress each chunk separately, and the results are joined into one
//! deflate stream: the BFINAL bit of each chunk's last deflate block is cleared, and an empty stored block pads its last
//! byte. The output depends on the input alone, not on the number of threads or the sizes of the writes. Deflated data of
//! zip entries is copied as it is. Files that fit into a chunk are read by the thread that compresses the chunk. This module
//! knows nothing about layers.

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
use super::tar_writer::{TarOutput, read_exactly};
use crate::store::Digest;
use crate::tree::{Content, ZipEntry};

/// The libdeflate level, 0 to 12. Decision 013 explains the choice.
const LEVEL: i32 = 5;

/// The size of a chunk in bytes.
const CHUNK: usize = 1 << 20;

/// The memory of the chunks that a thread processes together, in bytes: two full chunks.
const BATCH: usize = 4 * CHUNK;

/// The largest zip entry, compressed or uncompressed, that is processed as one chunk.
const MAX_WHOLE_ENTRY: u64 = 4 << 20;

/// The size of the chunks of a larger entry.
const PIECE: usize = 256 * 1024;

/// The number of such chunks that may wait to be collected.
const PIECES: usize = 8;

/// The thread that hashes the input cannot keep more threads busy.
const MAX_THREADS: usize = 8;

/// The header of the member: no name, no time, operating system "unknown" (RFC 1952, 2.3).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// An empty deflate block with the BFINAL bit set.
const FINAL_BLOCK: [u8; 2] = [3, 0];

/// The threads that compress. They start with the first input of more than one chunk.
#[derive(Debug)]
pub(super) struct Workers {
    threads: usize,
    pool: OnceLock<ThreadPool>,
}

impl Workers {
    /// One thread for each processor of this machine.
    pub(super) fn all() -> &'static Self {
        static ALL: OnceLock<Workers> = OnceLock::new();
        ALL.get_or_init(|| Self::new(thread::available_parallelism().map_or(1, NonZero::get)))
    }

    pub(super) fn new(threads: usize) -> Self {
        Self { threads: threads.min(MAX_THREADS), pool: OnceLock::new() }
    }

    fn pool(&self) -> io::Result<&ThreadPool> {
        if let Some(pool) = self.pool.get() {
            return Ok(pool);
        }
        let name = |_| "compress".to_owned();
        let pool = ThreadPoolBuilder::new().num_threads(self.threads).thread_name(name).build();
        // If another thread has built a pool at the same time, this one is dropped.
        let pool = pool.map_err(io::Error::other)?;
        Ok(self.pool.get_or_init(|| pool))
    }
}

/// Compresses what is written to it into one gzip member, and computes the digest of the input.
///
/// Memory use is bounded: a write waits for the oldest chunk when too many are in progress.
#[derive(Debug)]
pub(super) struct GzipWriter<'a, W> {
    output: W,
    workers: &'a Workers,
    /// The chunk being filled.
    chunk: Chunk,
    /// Full chunks that are not yet enough for a thread.
    batch: Vec<Chunk>,
    /// The chunks in progress, in their order.
    pending: VecDeque<Pending>,
    /// Finished chunks whose memory is used again.
    spare: Vec<Chunk>,
    crc: Crc,
    /// The size of the input modulo 2^32, for the end of the member.
    size: u32,
    hasher: Sha256,
}

/// Chunks in progress. All have been received when the channel is closed.
#[derive(Debug)]
struct Pending {
    done: Receiver<io::Result<Chunk>>,
    /// Their memory in bytes.
    memory: usize,
}

/// A task for a thread, which emits finished chunks.
type Task = Box<dyn FnOnce(&mut dyn FnMut(Chunk) -> io::Result<()>) -> io::Result<()> + Send>;

/// A part of the input and its compressed form.
#[derive(Debug, Default)]
struct Chunk {
    /// If set, the chunk is this zip entry, whose deflated data is copied.
    entry: Option<ZipEntry>,
    input: Vec<u8>,
    /// Files that have yet to be read into the input, at these ranges.
    files: Vec<(Range<usize>, Content)>,
    output: Vec<u8>,
    crc: Crc,
}

impl<'a, W: Write> GzipWriter<'a, W> {
    /// Writes the header of the member.
    pub(super) fn new(mut output: W, workers: &'a Workers) -> io::Result<Self> {
        output.write_all(&HEADER)?;
        let (chunk, batch) = (Chunk::default(), Vec::new());
        let (pending, spare) = (VecDeque::new(), Vec::new());
        let (crc, hasher) = (Crc::new(), Sha256::new());
        Ok(Self { output, workers, chunk, batch, pending, spare, crc, size: 0, hasher })
    }

    /// Ends the member. Returns the wrapped writer and the digest of the input.
    pub(super) fn finish(mut self) -> io::Result<(W, Digest)> {
        if self.pending.is_empty() && self.batch.is_empty() {
            // Small input is compressed here, faster than a thread could start.
            let only = std::mem::take(&mut self.chunk);
            if !only.input.is_empty() {
                process(vec![only], &mut |chunk| self.append(&chunk))?;
            }
        } else {
            self.end_chunk()?;
            self.start_batch()?;
        }
        while !self.pending.is_empty() {
            self.collect()?;
        }
        self.output.write_all(&FINAL_BLOCK)?;
        self.output.write_all(&self.crc.finalize().to_le_bytes())?;
        self.output.write_all(&self.size.to_le_bytes())?;
        Ok((self.output, Digest::finish(self.hasher)))
    }

    /// Ends the chunk being filled, unless it is empty.
    fn end_chunk(&mut self) -> io::Result<()> {
        if self.chunk.input.is_empty() {
            return Ok(());
        }
        let chunk = if self.chunk.input.len() < CHUNK {
            // A partial chunk must not hold the memory of a full one while it waits.
            let files = std::mem::take(&mut self.chunk.files);
            let partial = Chunk { input: self.chunk.input.clone(), files, ..Chunk::default() };
            self.chunk.input.clear();
            partial
        } else {
            std::mem::replace(&mut self.chunk, self.spare.pop().unwrap_or_default())
        };
        self.add(chunk)
    }

    /// Adds a chunk to the batch, and starts the batch when it is large enough.
    fn add(&mut self, chunk: Chunk) -> io::Result<()> {
        self.batch.push(chunk);
        if memory_of(&self.batch) < BATCH { Ok(()) } else { self.start_batch() }
    }

    fn start_batch(&mut self) -> io::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let (memory, count) = (memory_of(&batch), batch.len());
        self.start(memory, count, vec![Box::new(|emit| process(batch, emit))])
    }

    /// Starts tasks in the thread pool. A task waits while `chunks` of its emitted chunks have not been collected.
    fn start(&mut self, memory: usize, chunks: usize, tasks: Vec<Task>) -> io::Result<()> {
        // A batch and a half for each thread, so that hardly any thread waits for the next one.
        let max = BATCH * self.workers.threads * 3 / 2;
        while !self.pending.is_empty()
            && memory + self.pending.iter().map(|one| one.memory).sum::<usize>() > max
        {
            self.collect()?;
        }
        let (sender, done) = sync_channel(chunks);
        for task in tasks {
            let sender = sender.clone();
            self.workers.pool()?.spawn(move || {
                // The receiver is gone if the layer has failed.
                let gone = |_| io::ErrorKind::BrokenPipe.into();
                if let Err(error) = task(&mut |chunk| sender.send(Ok(chunk)).map_err(gone)) {
                    drop(sender.send(Err(error)));
                }
            });
        }
        self.pending.push_back(Pending { done, memory });
        Ok(())
    }

    /// Waits for the oldest chunks in progress and appends them to the output.
    fn collect(&mut self) -> io::Result<()> {
        let Some(pending) = self.pending.pop_front() else { return Ok(()) };
        for chunk in pending.done {
            let mut chunk = chunk?;
            self.append(&chunk)?;
            if chunk.input.len() == CHUNK && chunk.entry.is_none() {
                chunk.input.clear();
                chunk.output.clear();
                chunk.crc.reset();
                self.spare.push(chunk);
            }
        }
        Ok(())
    }

    fn append(&mut self, chunk: &Chunk) -> io::Result<()> {
        self.hasher.update(&chunk.input);
        self.crc.combine(&chunk.crc);
        // Chunks are far smaller than 2^32.
        self.size = self.size.wrapping_add(u32::try_from(chunk.input.len()).map_err(io::Error::other)?);
        self.output.write_all(&chunk.output)
    }
}

impl<W: Write> Write for GzipWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunk.input.len() == CHUNK {
            self.end_chunk()?;
        }
        let free = CHUNK - self.chunk.input.len();
        self.chunk.input.reserve_exact(free);
        let count = bytes.len().min(free);
        self.chunk.input.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Chunks keep their fixed size.
        self.output.flush()
    }
}

impl<W: Write> TarOutput for GzipWriter<'_, W> {
    fn append_deflated(&mut self, entry: &ZipEntry) -> io::Result<bool> {
        self.end_chunk()?;
        if entry.size().max(entry.compressed_size()) <= MAX_WHOLE_ENTRY {
            self.add(Chunk { entry: Some(entry.clone()), ..Chunk::default() })?;
        } else {
            self.start_batch()?;
            let (content, deflated) = (entry.clone(), entry.clone());
            let tasks: Vec<Task> = vec![
                Box::new(move |emit| inflate_pieces(&content, emit)),
                Box::new(move |emit| copy_pieces(&deflated, emit)),
            ];
            self.start((PIECES + tasks.len()) * PIECE, PIECES, tasks)?;
        }
        Ok(true)
    }

    fn append_file(&mut self, content: &Content, size: u64) -> io::Result<bool> {
        let begin = self.chunk.input.len();
        let Some(end) = usize::try_from(size).ok().and_then(|size| begin.checked_add(size)) else {
            return Ok(false);
        };
        // The caller writes a file that does not fit into the chunk.
        if end > CHUNK {
            return Ok(false);
        }
        self.chunk.input.resize(end, 0);
        self.chunk.files.push((begin..end, content.clone()));
        Ok(true)
    }
}

/// The memory of chunks in progress, in bytes.
fn memory_of(chunks: &[Chunk]) -> usize {
    chunks.iter().map(Chunk::memory).sum()
}

/// Compresses chunks or copies their deflated data.
fn process(mut chunks: Vec<Chunk>, emit: &mut dyn FnMut(Chunk) -> io::Result<()>) -> io::Result<()> {
    chunks.iter_mut().try_for_each(Chunk::fill)?;
    deflate::make_joinable(chunks.iter_mut().map(|chunk| &mut chunk.output)).map_err(
        |(index, malformed)| match &chunks[index].entry {
            Some(entry) => unreadable(entry, io::Error::other(malformed)),
            None => io::Error::other(malformed),
        },
    )?;
    chunks.into_iter().try_for_each(emit)
}

/// Inflates an entry in pieces.
fn inflate_pieces(entry: &ZipEntry, emit: &mut dyn FnMut(Chunk) -> io::Result<()>) -> io::Result<()> {
    let mut content = entry.open().map_err(io::Error::other)?;
    loop {
        let mut chunk = Chunk::default();
        let read = content.by_ref().take(PIECE as u64).read_to_end(&mut chunk.input);
        if read.map_err(|error| unreadable(entry, error))? == 0 {
            return Ok(());
        }
        chunk.crc.update(&chunk.input);
        emit(chunk)?;
    }
}

/// Copies the deflated data of an entry in pieces.
fn copy_pieces(entry: &ZipEntry, emit: &mut dyn FnMut(Chunk) -> io::Result<()>) -> io::Result<()> {
    let deflated = entry.open_deflated().map_err(io::Error::other)?;
    deflate::copy_joinable(deflated, PIECE, |output| emit(Chunk { output, ..Chunk::default() }))
        .map_err(|error| unreadable(entry, error))?;
    // Another thread inflates the entry and checks its content.
    entry.check_archive().map_err(io::Error::other)
}

/// An error of reading an entry, in a message that names it.
fn unreadable(entry: &ZipEntry, source: io::Error) -> io::Error {
    io::Error::other(entry.read_error(source))
}

impl Chunk {
    /// Its memory while in progress, in bytes.
    fn memory(&self) -> usize {
        match &self.entry {
            Some(entry) => usize::try_from(entry.size() + entry.compressed_size()).unwrap_or(usize::MAX),
            None => 2 * self.input.len(),
        }
    }

    /// Reads the input and computes the output.
    fn fill(&mut self) -> io::Result<()> {
        if let Some(entry) = &self.entry {
            let size = usize::try_from(entry.compressed_size()).map_err(io::Error::other)?;
            self.output.reserve_exact(size + deflate::MAX_GROWTH);
            let deflated = entry.open_deflated().map_err(io::Error::other)?;
            let deflated = deflated.take(entry.compressed_size()).read_to_end(&mut self.output);
            deflated.map_err(|error| unreadable(entry, error))?;
            self.crc = entry.inflate(&self.output, &mut self.input).map_err(io::Error::other)?;
            return Ok(());
        }
        for (range, content) in self.files.drain(..) {
            read_exactly(&content, &mut self.input[range]).map_err(io::Error::other)?;
        }
        self.compress()
    }

    /// Compresses the input into a separate deflate stream.
    fn compress(&mut self) -> io::Result<()> {
        thread_local! {
            static COMPRESSOR: RefCell<Option<(Compressor, Vec<u8>)>> = const { RefCell::new(None) };
        }
        let Self { input, output, crc, .. } = self;
        crc.update(input);
        COMPRESSOR.with_borrow_mut(|compressor| -> io::Result<()> {
            let (compressor, buffer) = match compressor {
                Some(compressor) => compressor,
                none => {
                    let level = CompressionLvl::new(LEVEL).map_err(|_| io::ErrorKind::InvalidInput)?;
                    none.insert((Compressor::new(level), Vec::new()))
                }
            };
            // A buffer for the worst case is shared by all chunks of a thread.
            buffer.resize(buffer.len().max(compressor.deflate_compress_bound(input.len())), 0);
            let length = compressor.deflate_compress(input, buffer).map_err(io::Error::other)?;
            output.reserve_exact(length + deflate::MAX_GROWTH);
            output.extend_from_slice(&buffer[..length]);
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

    /// The content of one member. Fails if anything follows it.
    fn one_member(bytes: &[u8]) -> Vec<u8> {
        let mut decoder = GzDecoder::new(bytes);
        let mut output = Vec::new();
        decoder.read_to_end(&mut output).unwrap();
        assert!(decoder.into_inner().is_empty(), "there is more than one member");
        output
    }

    /// The output of a program for `input`.
    pub(in crate::layer) fn through(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input).unwrap());
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{program} rejects it");
            output.stdout
        })
    }

    /// Decompresses one member with Python's zlib. Fails if anything follows it.
    pub(in crate::layer) const PYTHON: &str = "import sys, zlib; d = zlib.decompressobj(31); \
        out = d.decompress(sys.stdin.buffer.read()) + d.flush(); \
        assert d.eof and not d.unused_data; sys.stdout.buffer.write(out)";

    /// Text, noise and long runs.
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
        fn the_output_depends_on_the_input_alone(
            length in prop_oneof![0..3_usize, 0..CHUNK, CHUNK - 1..CHUNK + 2, 0..6 * CHUNK],
            seed in any::<u64>(),
            piece in prop_oneof![1000..5000_usize, Just(CHUNK), Just(3 * CHUNK)],
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
    fn zeros_compress_well() {
        let input = vec![0; 8 * CHUNK];
        let output = compressed(&input, 2, CHUNK);
        assert!(output.len() < 16 * 1024, "{} bytes", output.len());
        assert!(one_member(&output) == input);
    }

    #[test]
    fn a_failing_output_is_reported() {
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
        let written = writer.write_all(&mixed(20 * CHUNK, 7));
        let error = written.and_then(|()| writer.finish().map(drop)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
