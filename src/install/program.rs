//! Runs the programs that resolve and download packages.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use super::error::InstallError;
use crate::event::{Event, Reporter};
use crate::text::excerpt;

/// How many bytes of output are kept.
const OUTPUT_LIMIT: u64 = 256 * 1024 * 1024;

/// How many characters of a command are shown.
const SHOWN: usize = 100;

/// How many of its last lines an error shows.
const LINES: usize = 20;

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

    /// A program by its name.
    pub(super) fn find(&self, name: &str) -> Option<Program> {
        let suffix = if cfg!(windows) { ".exe" } else { "" };
        let mut paths = self.0.iter().map(|folder| folder.join(format!("{name}{suffix}")));
        let path = paths.find(|path| path.is_file())?;
        Some(Program { path, shown: name.to_owned(), arguments: Vec::new() })
    }
}

impl Program {
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
        let words: Vec<_> = arguments.iter().map(|it| it.as_ref().to_string_lossy().into_owned()).collect();
        let command = format!("{} {}", self.shown, words.first().cloned().unwrap_or_default());
        reporter.report(Event::Program { line: format!("running `{}`", shortened(&self.shown, &words)) });
        let failed = |source| InstallError::Run { command: command.clone(), source };
        let mut child = Command::new(&self.path)
            .args(&self.arguments)
            .args(arguments)
            .envs(variables.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let output = child.stdout.take();
        let output = thread::spawn(move || {
            let mut text = Vec::new();
            // What a program writes after its output was closed is lost, and its status tells.
            let _read = output.map(|output| output.take(OUTPUT_LIMIT).read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        });
        let messages = child.stderr.take().map(|errors| BufReader::new(errors).lines());
        let messages: Vec<String> = messages.into_iter().flatten().map_while(Result::ok).collect();
        let status = child.wait().map_err(failed)?;
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
}

/// A command as it is shown: long lists of options are cut.
fn shortened(program: &str, words: &[String]) -> String {
    let command = format!("{program} {}", words.join(" "));
    match command.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} …", command[..end].trim_end()),
        None => command,
    }
}
