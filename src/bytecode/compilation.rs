//! One run over the sources of a tree: what the store does not know is compiled, on all processors.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::error::BytecodeError;
use super::interpreter::{self, Interpreter};
use super::known::{Outcome, Packages, Range, TreeRecord};
use super::sources::Source;
use super::worker::Worker;
use super::{Compiler, Request};
use crate::event::{Activity, Event, Progress};
use crate::fs::FsError;
use crate::store::{BlobWriter, Digest};
use crate::sync::{into_inner, lock};
use crate::tree::TreeError;

use std::io::{Read as _, Write as _};

/// The most bytes of a source.
const SOURCE_LIMIT: u64 = 16 << 20;

/// How long compiling may take before its progress is reported.
const PROGRESS_DELAY: Duration = Duration::from_millis(500);

/// The most interpreters at once.
const MAX_WORKERS: usize = 16;

/// What became of one source in this run.
enum Done {
    /// The tree has its bytecode.
    Kept,
    /// The store knows it: the digest of the blob, its size, and the outcome.
    Known(Outcome, Option<(Digest, u64)>),
    /// It was compiled now, with this digest; the range is one of the new blob.
    Compiled(Digest, Outcome),
}

/// A run.
pub(super) struct Compilation<'a> {
    compiler: &'a Compiler<'a>,
    request: &'a Request<'a>,
    sources: &'a [Source<'a>],
    packages: Packages<'a>,
    /// The interpreter, once it has been looked for.
    interpreter: Mutex<Option<Interpreter>>,
    /// The blob of the new bytecode and its size, once there is any.
    output: Mutex<Option<(BlobWriter, u64)>>,
    /// The number of the next source in the order of work.
    next: AtomicUsize,
    has_failed: AtomicBool,
    bytes: AtomicU64,
    progress: Progress,
}

impl<'a> Compilation<'a> {
    pub(super) fn new(
        compiler: &'a Compiler<'a>,
        request: &'a Request<'a>,
        sources: &'a [Source<'a>],
    ) -> Self {
        let activity = Activity::Compile { what: request.name.to_owned() };
        let total = sources.iter().map(|source| source.file.size).fold(0, u64::saturating_add);
        Self {
            compiler,
            request,
            sources,
            packages: Packages::read(sources, request.version, compiler.store),
            interpreter: Mutex::new(None),
            output: Mutex::new(None),
            next: AtomicUsize::new(0),
            has_failed: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
            progress: Progress::begin_after(PROGRESS_DELAY, Arc::clone(compiler.reporter), activity, total),
        }
    }

    /// Compiles all sources. The first failure ends the run.
    pub(super) fn run(self) -> Result<TreeRecord, BytecodeError> {
        // Large ones first, so that the last ones end together.
        let mut order: Vec<usize> = (0..self.sources.len()).collect();
        order.sort_by_key(|at| std::cmp::Reverse(self.sources[*at].file.size));
        let done: Mutex<Vec<(usize, Done)>> = Mutex::new(Vec::with_capacity(order.len()));
        let failure: Mutex<Option<BytecodeError>> = Mutex::new(None);
        let work = || {
            let mut worker = None;
            while let Some(at) = order.get(self.next.fetch_add(1, Ordering::Relaxed)) {
                if self.has_failed.load(Ordering::Relaxed) {
                    return;
                }
                match self.one(&self.sources[*at], &mut worker) {
                    Ok(result) => lock(&done).push((*at, result)),
                    Err(error) => {
                        self.has_failed.store(true, Ordering::Relaxed);
                        lock(&failure).get_or_insert(error);
                    }
                }
            }
        };
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let workers = processors.min(order.len()).min(MAX_WORKERS);
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(work);
            }
        });
        if let Some(error) = into_inner(failure) {
            return Err(error);
        }
        let mut done = into_inner(done);
        done.sort_by_key(|(at, _)| *at);
        self.finish(done.into_iter().map(|(_, done)| done).collect())
    }

    /// Reads one source, and compiles it unless its bytecode is known.
    fn one(&self, source: &Source<'_>, worker: &mut Option<Worker>) -> Result<Done, BytecodeError> {
        let done = if source.is_compiled(self.request.version, self.request.mtime)? {
            Done::Kept
        } else if source.file.size > SOURCE_LIMIT {
            Done::Known(
                Outcome::Failed(format!("it is larger than {}", crate::units::limit(SOURCE_LIMIT))),
                None,
            )
        } else {
            let mut bytes = Vec::new();
            let content = &source.file.content;
            content
                .open()?
                .take(SOURCE_LIMIT)
                .read_to_end(&mut bytes)
                .map_err(TreeError::reading(content))?;
            let digest = Digest::of(&bytes);
            match self.packages.find(source.path, &digest) {
                Some((outcome, blob)) => Done::Known(outcome, blob),
                None => Done::Compiled(digest, self.compile(source, &bytes, worker)?),
            }
        };
        let bytes = self.bytes.fetch_add(source.file.size, Ordering::Relaxed);
        self.progress.at(bytes.saturating_add(source.file.size));
        Ok(done)
    }

    fn compile(
        &self,
        source: &Source<'_>,
        bytes: &[u8],
        worker: &mut Option<Worker>,
    ) -> Result<Outcome, BytecodeError> {
        let worker = match worker {
            Some(worker) => worker,
            none => none.insert(Worker::new(self.interpreter()?, self.request.version)),
        };
        let compiled = worker
            .compile(source.path.as_str(), bytes)
            .map_err(|source| BytecodeError::Run { interpreter: worker.interpreter().to_string(), source })?;
        match compiled {
            Ok(code) => Ok(Outcome::Code(self.write(&code)?)),
            Err(why) => Ok(Outcome::Failed(why)),
        }
    }

    /// The interpreter, which is looked for once.
    fn interpreter(&self) -> Result<Interpreter, BytecodeError> {
        let mut known = lock(&self.interpreter);
        if let Some(interpreter) = &*known {
            return Ok(interpreter.clone());
        }
        let Request { name, version, base, unpacked, .. } = self.request;
        let find = || interpreter::find(self.compiler.programs, *version);
        let found = unpacked.cloned().or_else(find);
        let missing = || BytecodeError::NoInterpreter { version: *version, base: base.clone() };
        let interpreter = found.ok_or_else(missing)?;
        self.compiler
            .reporter
            .report(Event::Program { line: format!("compiling the {name} with {interpreter}") });
        Ok(known.insert(interpreter).clone())
    }

    /// Adds bytecode to the new blob, which is the first of this run's until it is finished.
    fn write(&self, code: &[u8]) -> Result<Range, BytecodeError> {
        let digest = Digest::of(code);
        let mut output = lock(&self.output);
        let (writer, offset) = match &mut *output {
            Some(output) => output,
            none => none.insert((self.compiler.store.writer()?, 0)),
        };
        writer.write_all(code).map_err(FsError::because("write into", self.compiler.store.root()))?;
        let start = *offset;
        *offset += code.len() as u64;
        Ok(Range(0, start, code.len() as u64, digest))
    }

    /// Adds the new blob to the store, and records what became of all sources.
    fn finish(self, done: Vec<Done>) -> Result<TreeRecord, BytecodeError> {
        let new = into_inner(self.output).map(|(writer, size)| Ok::<_, FsError>((writer.commit()?.0, size)));
        let new = new.transpose()?;
        let mut packages = self.packages;
        let (mut record, mut compiled) = (TreeRecord::default(), Vec::new());
        for (source, done) in self.sources.iter().zip(done) {
            let (outcome, blob) = match done {
                Done::Kept => (Outcome::Kept, None),
                Done::Known(outcome, blob) => (outcome, blob),
                Done::Compiled(digest, outcome) => {
                    compiled.push((source.path.clone(), digest, outcome.clone()));
                    (outcome, new.clone())
                }
            };
            let outcome = match (outcome, blob) {
                (Outcome::Code(Range(_, offset, size, digest)), Some((blob, length))) => {
                    Outcome::Code(Range(record.number(&blob, length), offset, size, digest))
                }
                (outcome, _) => outcome,
            };
            record.outcomes.push(outcome);
        }
        packages.add(&compiled, new.as_slice());
        Ok(record)
    }
}
