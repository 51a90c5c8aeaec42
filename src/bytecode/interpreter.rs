//! Finds an interpreter of a version of Python on this machine, and knows how one is started.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::version::PythonVersion;
use crate::install::Programs;
use crate::store::TemporaryFolder;

/// How an interpreter is run: without the folder it is run in, the environment's settings of Python, and modules of the user or
/// the machine; it writes no bytecode and no warnings.
const ISOLATED: [&str; 7] = ["-I", "-S", "-B", "-X", "utf8", "-W", "ignore"];

/// Says what an interpreter is, and where: another program may have started it.
const PROBE: &str = "import sys\nfrom importlib.util import MAGIC_NUMBER as magic\n\
    print(sys.implementation.cache_tag, magic.hex(), getattr(sys, 'abiflags', '') or '-', sys.executable)";

/// How long an interpreter may take to say that.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most bytes that it may write.
const ANSWER_LIMIT: u64 = 64 * 1024;

/// An interpreter that has been found to be one of the version.
#[derive(Debug, Clone)]
pub(crate) enum Interpreter {
    /// One of this machine, by its path.
    Installed(PathBuf),
    /// That of a base image.
    OfBase(Arc<Unpacked>),
}

/// An interpreter of a base image with everything that it loads, in a folder of its own.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// The folder.
    pub(crate) folder: TemporaryFolder,
    /// The loader of ELF programs, relative to the folder like all that follows.
    pub(crate) loader: String,
    /// The folder of the shared libraries.
    pub(crate) libraries: &'static str,
    /// The interpreter.
    pub(crate) program: String,
    /// What it is, for messages.
    pub(crate) name: String,
}

impl Interpreter {
    /// The interpreter of a base image, if it runs on this machine and is one of the version.
    #[must_use]
    pub(crate) fn of_base(unpacked: Unpacked, version: PythonVersion) -> Option<Self> {
        let interpreter = Self::OfBase(Arc::new(unpacked));
        identify(&mut interpreter.command(), version).map(|_| interpreter)
    }

    /// A command that starts it, for code that follows.
    pub(super) fn command(&self) -> Command {
        let mut command = match self {
            Self::Installed(path) => Command::new(path),
            Self::OfBase(unpacked) => unpacked.command(),
        };
        command.args(ISOLATED);
        command
    }
}

impl fmt::Display for Interpreter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installed(path) => path.display().fmt(f),
            Self::OfBase(unpacked) => f.write_str(&unpacked.name),
        }
    }
}

impl Unpacked {
    /// Its loader starts it, since the kernel would take this machine's. It gets nothing of the environment, which may have
    /// secrets, and libraries that only this machine's programs can load.
    fn command(&self) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new(folder.join(&self.loader));
        // A list of folders cannot have every path of a store; a relative one always works.
        command.args(["--inhibit-cache", "--library-path", self.libraries]);
        command.arg(folder.join(&self.program)).current_dir(folder).env_clear();
        command
    }
}

/// An interpreter of a version: one on the search path, or else one that uv knows.
pub(super) fn find(programs: &Programs, version: PythonVersion) -> Option<Interpreter> {
    let names = [format!("python{version}"), "python3".to_owned(), "python".to_owned()];
    let mut on_path = names.iter().flat_map(|name| programs.paths(name));
    on_path.find_map(|path| accept(&path, version)).or_else(|| {
        let uv = programs.paths("uv").next()?;
        let mut find = Command::new(uv);
        find.args(["python", "find", "--no-project", "--offline", &version.to_string()]);
        let path = PathBuf::from(answer(&mut find)?.trim_end());
        accept(&path, version)
    })
}

/// The interpreter that a program is or starts, if it is one of a version.
fn accept(program: &Path, version: PythonVersion) -> Option<Interpreter> {
    let mut command = Interpreter::Installed(program.to_owned()).command();
    identify(&mut command, version).map(Interpreter::Installed)
}

/// The path that the interpreter which a command starts gives as its own, if it is `CPython` of a version, in its usual build.
fn identify(command: &mut Command, version: PythonVersion) -> Option<PathBuf> {
    let answer = answer(command.args(["-c", PROBE]))?;
    let expected = format!("{} {} - ", version.tag(), crate::text::hex(&version.magic()));
    let path = PathBuf::from(answer.trim_end().strip_prefix(&expected)?);
    path.is_absolute().then_some(path)
}

/// What a program writes, if it succeeds in time.
fn answer(command: &mut Command) -> Option<String> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let output = child.stdout.take()?;
    let reader = thread::spawn(move || {
        let mut text = String::new();
        output.take(ANSWER_LIMIT).read_to_string(&mut text).map(|_| text)
    });
    let has_succeeded = succeeds(&mut child);
    // Whatever a program that was stopped has started may keep its output open.
    if has_succeeded { reader.join().ok()?.ok() } else { None }
}

/// Waits for a program, and stops it if that takes too long.
fn succeeds(child: &mut Child) -> bool {
    let end = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(1);
    while Instant::now() < end {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => thread::sleep(pause),
            Err(_) => break,
        }
        pause = (pause * 2).min(Duration::from_millis(20));
    }
    // It may have ended just now.
    let _stopped = child.kill().and_then(|()| child.wait());
    false
}
