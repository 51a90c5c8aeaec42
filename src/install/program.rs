//! Runs the programs that resolve and download packages.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;

use super::error::InstallError;
use crate::event::{Event, Reporter};
use crate::fs::{self, FsError};
use crate::store::Digest;
use crate::text::excerpt;

/// How many bytes of output are kept.
const OUTPUT_LIMIT: u64 = 256 * 1024 * 1024;

/// How many characters of a command are shown.
const SHOWN: usize = 100;

/// How many of its last lines an error shows.
const LINES: usize = 20;

/// How many of its last lines are kept, more than any tool's explanation of an error has.
const KEPT_LINES: usize = 1000;

/// The longest line of a program, in bytes. A longer one counts as several.
const LONGEST_LINE: u64 = 64 * 1024;

/// The system of the machine that builds.
const SYSTEM: &str = if cfg!(windows) {
    "windows"
} else if cfg!(target_os = "macos") {
    "macos"
} else {
    "linux"
};

/// Its architecture.
const PROCESSOR: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };

/// The machine that builds, which decides what programs for it make.
pub(super) fn machine() -> String {
    format!("{SYSTEM} {PROCESSOR}")
}

/// A program with its first arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    path: PathBuf,
    /// What a user would type: `uv`, `python3 -m pip`.
    shown: String,
    arguments: Vec<String>,
}

/// The folders in which programs are found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Programs(Arc<[PathBuf]>);

impl Programs {
    /// The folders of the search path. Relative ones are skipped: they may be a project's.
    #[must_use]
    pub(crate) fn new(folders: &[PathBuf]) -> Self {
        Self(folders.iter().filter(|folder| folder.is_absolute()).cloned().collect())
    }

    /// The paths of all programs of a name, in the order of the search path.
    pub(crate) fn paths<'a>(&'a self, name: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
        // The programs of Node.js are scripts there.
        let suffixes = if cfg!(windows) { &[".exe", ".cmd"][..] } else { &[""] };
        let paths = self.0.iter().flat_map(move |folder| {
            suffixes.iter().map(move |suffix| folder.join(format!("{name}{suffix}")))
        });
        paths.filter(|path| path.is_file())
    }

    /// A program by its name.
    pub(super) fn find(&self, name: &str) -> Option<Program> {
        let path = self.paths(name).next()?;
        Some(Program { path, shown: name.to_owned(), arguments: Vec::new() })
    }
}

impl Program {
    /// The program at a path; `shown` is what a user would type.
    pub(super) fn at(path: PathBuf, shown: &str) -> Self {
        Self { path, shown: shown.to_owned(), arguments: Vec::new() }
    }

    /// An interpreter with a script; `shown` is what a user would type.
    pub(super) fn with_script(mut self, script: &Path, shown: &str) -> Self {
        self.arguments.push(script.display().to_string());
        shown.clone_into(&mut self.shown);
        self
    }

    /// The same with further arguments, which are part of what runs: `python3 -m pip`.
    pub(super) fn with(mut self, arguments: &[&str]) -> Self {
        for argument in arguments {
            self.shown.push(' ');
            self.shown.push_str(argument);
            self.arguments.push((*argument).to_owned());
        }
        self
    }

    /// Python with a program of its own; `shown` is what a user would type instead.
    pub(super) fn with_code(mut self, code: &str, shown: &str) -> Self {
        self.shown = format!("{} {shown}", self.shown);
        self.arguments.extend(["-c".to_owned(), code.to_owned()]);
        self
    }

    /// Runs it and gives what it writes to its standard output. Its messages are reported, or part of the error.
    pub(super) fn run<A: AsRef<OsStr>>(
        &self,
        arguments: &[A],
        variables: &[(&str, &str)],
        folder: &Path,
        reporter: &dyn Reporter,
    ) -> Result<String, InstallError> {
        let (command, mut child) = self.start(arguments, variables, folder, reporter)?;
        let output = child.stdout.take();
        let output = thread::spawn(move || {
            let mut text = Vec::new();
            // What a program writes after its output was closed is lost, and its status tells.
            let _read = output.map(|output| output.take(OUTPUT_LIMIT).read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        });
        let messages = child.stderr.take().map(|errors| BufReader::new(errors).lines());
        let messages: Vec<String> = messages.into_iter().flatten().map_while(Result::ok).collect();
        let status = child.wait().map_err(|source| InstallError::Run { command: command.clone(), source })?;
        let output = output.join().unwrap_or_default();
        if status.success() {
            for line in messages.into_iter().filter(|line| !line.trim().is_empty()) {
                reporter.report(Event::Program { line });
            }
            return Ok(output);
        }
        let lines: Vec<&str> =
            messages.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
        let last = lines.len().saturating_sub(LINES);
        let message = if lines.is_empty() { status.to_string() } else { excerpt(&lines[last..].join("; ")) };
        Err(InstallError::Program { command, message })
    }

    /// Runs one that writes its messages to both of its outputs. They are reported as they come.
    pub(super) fn run_to_its_end<A: AsRef<OsStr>>(
        &self,
        arguments: &[A],
        variables: &[(&str, &str)],
        folder: &Path,
        reporter: &dyn Reporter,
    ) -> Result<Ended, InstallError> {
        let (command, mut child) = self.start(arguments, variables, folder, reporter)?;
        let (sender, receiver) = mpsc::channel();
        let outputs: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|output| Box::new(output) as _),
            child.stderr.take().map(|output| Box::new(output) as _),
        ];
        for output in outputs.into_iter().flatten() {
            let sender = sender.clone();
            thread::spawn(move || {
                // What a program writes after its output was closed is lost, and its status tells.
                let send = |line: &str| drop(sender.send(line.trim_end().to_owned()));
                let _read = fs::for_each_line(output, LONGEST_LINE, send);
            });
        }
        drop(sender);
        let mut lines = VecDeque::new();
        for line in receiver.into_iter().filter(|line| !line.is_empty()) {
            reporter.report(Event::Program { line: line.clone() });
            lines.push_back(line);
            if lines.len() > KEPT_LINES {
                lines.pop_front();
            }
        }
        match child.wait() {
            Ok(status) => Ok(Ended { command, status, lines: lines.into() }),
            Err(source) => Err(InstallError::Run { command, source }),
        }
    }

    /// Starts it and gives what is shown of its command.
    fn start<A: AsRef<OsStr>>(
        &self,
        arguments: &[A],
        variables: &[(&str, &str)],
        folder: &Path,
        reporter: &dyn Reporter,
    ) -> Result<(String, Child), InstallError> {
        let words: Vec<_> = arguments.iter().map(|it| it.as_ref().to_string_lossy().into_owned()).collect();
        let command = format!("{} {}", self.shown, words.first().cloned().unwrap_or_default());
        reporter.report(Event::Program { line: format!("running `{}`", shortened(&self.shown, &words)) });
        let child = Command::new(&self.path)
            .args(&self.arguments)
            .args(arguments)
            .envs(variables.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        match child {
            Ok(child) => Ok((command, child)),
            Err(source) => Err(InstallError::Run { command, source }),
        }
    }

    /// What changes when the program is replaced by another version: where its file is, its size and time.
    pub(super) fn stamp(&self) -> Result<Digest, FsError> {
        let path = self.path.canonicalize().map_err(FsError::because("look at", &self.path))?;
        let metadata = fs::metadata(&path)?;
        let text = format!("{}\0{}\0{:?}", path.display(), metadata.len(), metadata.modified().ok());
        Ok(Digest::of(text.as_bytes()))
    }
}

/// A program that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) command: String,
    pub(super) status: ExitStatus,
    /// What it has written.
    pub(super) lines: Vec<String>,
}

/// A command as it is shown: long lists of options are cut.
fn shortened(program: &str, words: &[String]) -> String {
    let command = format!("{program} {}", words.join(" "));
    match command.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} …", command[..end].trim_end()),
        None => command,
    }
}
