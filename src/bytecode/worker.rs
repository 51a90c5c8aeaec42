//! One interpreter that compiles sources, one after the other.
//!
//! It compiles and never imports or runs a source. A source that makes it end is reported, and the next one gets a new process.

use std::io::{self, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use super::interpreter::Interpreter;
use super::marshal;
use super::version::PythonVersion;
use crate::fs::read_at_most;
use crate::text::excerpt;

/// What the interpreter runs.
const SCRIPT: &str = include_str!("compile.py");

/// The most bytes of the code of one source.
const CODE_LIMIT: u32 = 256 << 20;

/// The length of the hash of a source (PEP 552).
const HASH: usize = 8;

/// The flags of bytecode with a hash that Python does not compare with the source (PEP 552).
const UNCHECKED_HASH: u32 = 0b01;

/// A worker, which starts its process when it has something to compile.
pub(super) struct Worker {
    interpreter: Interpreter,
    version: PythonVersion,
    process: Option<Process>,
}

impl Worker {
    pub(super) fn new(interpreter: Interpreter, version: PythonVersion) -> Self {
        Self { interpreter, version, process: None }
    }

    /// Its interpreter.
    pub(super) fn interpreter(&self) -> &Interpreter {
        &self.interpreter
    }

    /// The bytecode of a source with its path in the image, or why it has none.
    ///
    /// # Errors
    /// When the interpreter cannot be started.
    pub(super) fn compile(&mut self, path: &str, source: &[u8]) -> io::Result<Result<Vec<u8>, String>> {
        let is_fresh = self.process.is_none();
        let mut answer = self.process()?.compile(path, source);
        if answer.is_err() && !is_fresh {
            // The sources before may have to do with it.
            self.process = None;
            answer = self.process()?.compile(path, source);
        }
        match answer {
            Ok(Ok(code)) => Ok(self.file(&code)),
            Ok(Err(message)) => Ok(Err(excerpt(&message))),
            Err(_) => {
                self.process = None;
                // If it compiles nothing at all, that is not because of the source.
                let works = self.process()?.compile("/empty.py", b"")?;
                works.map_err(io::Error::other)?;
                Ok(Err("the interpreter crashes, or takes too long or too much memory".to_owned()))
            }
        }
    }

    fn process(&mut self) -> io::Result<&mut Process> {
        match &mut self.process {
            Some(process) => Ok(process),
            none => Ok(none.insert(Process::start(&self.interpreter)?)),
        }
    }

    /// The bytecode file of a hash and code.
    fn file(&self, answer: &[u8]) -> Result<Vec<u8>, String> {
        let (hash, code) = answer.split_at_checked(HASH).ok_or(marshal::UnknownForm.to_string())?;
        let code = marshal::canonical(code, self.version).map_err(|error| error.to_string())?;
        let flags = UNCHECKED_HASH.to_le_bytes();
        Ok([&self.version.magic()[..], &flags, hash, &code].concat())
    }
}

struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(interpreter: &Interpreter) -> io::Result<Self> {
        let mut child = interpreter
            .command()
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Self { child, input, output: BufReader::new(output) }),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Sends a source, and then reads the answer: the interpreter reads all of it before it writes.
    fn compile(&mut self, path: &str, source: &[u8]) -> io::Result<Result<Vec<u8>, String>> {
        let length = |bytes: usize| u32::try_from(bytes).map(u32::to_le_bytes).map_err(io::Error::other);
        self.input.write_all(&length(path.len())?)?;
        self.input.write_all(&length(source.len())?)?;
        self.input.write_all(path.as_bytes())?;
        self.input.write_all(source)?;
        self.input.flush()?;
        let mut head = [0; 5];
        self.output.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let length = u32::from_le_bytes(length);
        if length > CODE_LIMIT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let content = read_at_most((&mut self.output).take(length.into()), length.into())?;
        if content.len() as u64 != u64::from(length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(if kind == b'c' { Ok(content) } else { Err(String::from_utf8_lossy(&content).into_owned()) })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has nothing to finish, and may have ended already.
        let _stopped = self.child.kill().and_then(|()| self.child.wait());
    }
}
