//! The two output streams and their colours.
//!
//! Text can come from anywhere, so control characters in it are escaped before a terminal gets them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::bars::Bars;
use crate::cli::args::Format;
use crate::definition::{Located, Sources};
use crate::sync::lock;
use crate::text::{visible_json, visible_line, visible_output, without_user_information};

pub(super) const PLAIN: Style = Style::new();
pub(super) const STRONG: Style = Style::new().bold();
pub(super) const ERROR: Style = AnsiColor::Red.on_default().bold();
pub(super) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const HELP: Style = AnsiColor::Cyan.on_default().bold();

/// Which output the user asked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct TerminalOptions {
    /// The format of results.
    pub(in crate::cli) format: Format,
    /// Only results and errors.
    pub(in crate::cli) quiet: bool,
    /// More details.
    pub(in crate::cli) verbose: bool,
    /// When to use colours on standard error. Results have none.
    pub(in crate::cli) color: ColorChoice,
    /// Pass on to a terminal what a function prints and returns, with all control characters.
    pub(in crate::cli) raw: bool,
}

/// Standard output and standard error, which may be a terminal, a file or a pipe.
#[derive(Debug)]
pub(in crate::cli) struct Terminal {
    options: TerminalOptions,
    /// Progress bars, if standard error is a terminal.
    pub(super) bars: Option<Bars>,
    /// What blobs contain, by their digests.
    pub(super) layer_names: Mutex<HashMap<String, String>>,
    /// The number of overwritten files that were reported.
    pub(super) overwrites: Mutex<usize>,
    /// The definition that findings refer to, once it was read.
    pub(super) sources: Mutex<Option<Arc<Sources>>>,
    /// The warnings that were reported.
    pub(super) warnings: Mutex<Vec<Located>>,
    /// Those of them that no result in JSON contains yet.
    pub(super) unreported: Mutex<Vec<Located>>,
    /// Why a result could not be written.
    write_error: Mutex<Option<io::Error>>,
}

impl Terminal {
    pub(in crate::cli) fn new(mut options: TerminalOptions) -> Self {
        if options.color == ColorChoice::Auto {
            options.color = AutoStream::choice(&io::stderr());
        }
        Self {
            options,
            bars: (io::stderr().is_terminal() && !options.quiet).then(Bars::new),
            layer_names: Mutex::default(),
            overwrites: Mutex::default(),
            sources: Mutex::default(),
            warnings: Mutex::default(),
            unreported: Mutex::default(),
            write_error: Mutex::default(),
        }
    }

    pub(in crate::cli) fn format(&self) -> Format {
        self.options.format
    }

    pub(in crate::cli) fn is_quiet(&self) -> bool {
        self.options.quiet
    }

    pub(in crate::cli) fn is_verbose(&self) -> bool {
        self.options.verbose
    }

    /// Prints a result: as one JSON document with `--format json`, otherwise as lines.
    pub(in crate::cli) fn print<L: IntoIterator<Item = String>>(
        &self,
        json: &impl Serialize,
        lines: impl FnOnce() -> L,
    ) {
        match self.options.format {
            Format::Json => self.print_json(json),
            _ => self.print_lines(lines()),
        }
    }

    /// Prints the lines of a result.
    pub(super) fn print_lines(&self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            self.print_bytes(format!("{}\n", visible_line(&line)).as_bytes());
        }
    }

    /// Prints a result in JSON.
    pub(in crate::cli) fn print_json(&self, value: &impl Serialize) {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        self.print_bytes(format!("{}\n", visible_json(&text)).as_bytes());
    }

    /// Prints one of several results, in JSON on one line.
    pub(in crate::cli) fn print_json_line(&self, value: &impl Serialize) {
        // A response that the function wrote can have line ends, but only between tokens, where a space means the same.
        let text = serde_json::to_string(value).unwrap_or_default().replace(['\n', '\r'], " ");
        self.print_bytes(format!("{}\n", visible_json(&text)).as_bytes());
    }

    /// Prints bytes of a result: unchanged, unless a terminal gets them, where control characters are escaped. A reader that has
    /// closed the pipe is not an error.
    pub(in crate::cli) fn print_bytes(&self, bytes: &[u8]) {
        let write = || {
            let mut output = io::stdout().lock();
            let bytes = self.shown(bytes, output.is_terminal());
            output.write_all(&bytes).and_then(|()| output.flush())
        };
        match self.without_bars(write) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                // The first error is the cause of the others.
                lock(&self.write_error).get_or_insert(error);
            }
            _ => {}
        }
    }

    /// Why a result could not be written, for example because the disk is full.
    pub(in crate::cli) fn take_write_error(&self) -> Option<io::Error> {
        lock(&self.write_error).take()
    }

    /// Prints a line that `--quiet` silences.
    pub(in crate::cli) fn status(&self, line: &str) {
        self.styled_status(&[(PLAIN, line)]);
    }

    /// The same in several styles.
    pub(super) fn styled_status(&self, pieces: &[(Style, &str)]) {
        if !self.options.quiet {
            self.line(pieces);
        }
    }

    /// Prints a line that even `--quiet` does not silence.
    pub(in crate::cli) fn essential(&self, line: &str) {
        self.line(&[(PLAIN, line)]);
    }

    /// Prints a warning, and what to do about it, unless `--quiet` silences both.
    pub(in crate::cli) fn warning(&self, message: &str, help: Option<&str>) {
        if !self.options.quiet {
            self.line(&[(WARNING, "warning"), (PLAIN, ": "), (PLAIN, message)]);
            self.indented_help(help);
        }
    }

    /// Prints what to do about the finding above.
    pub(super) fn indented_help(&self, help: Option<&str>) {
        if let Some(help) = help {
            self.line(&[(PLAIN, "  "), (HELP, "help"), (PLAIN, ": "), (PLAIN, help)]);
        }
    }

    /// Passes on what a container prints: unchanged, unless a terminal gets it, where control characters are escaped.
    pub(in crate::cli) fn container_output(&self, bytes: &[u8]) {
        if !self.options.quiet {
            let bytes = self.shown(bytes, io::stderr().is_terminal());
            let _closed = self.without_bars(|| io::stderr().lock().write_all(&bytes));
        }
    }

    /// Bytes from outside as a terminal or something else gets them.
    fn shown<'a>(&self, bytes: &'a [u8], on_terminal: bool) -> Cow<'a, [u8]> {
        if on_terminal && !self.options.raw {
            Cow::Owned(visible_output(bytes).into_bytes())
        } else {
            Cow::Borrowed(bytes)
        }
    }

    /// Prints an error that has its colors already.
    pub(in crate::cli) fn print_styled_error(text: &str) {
        let mut stderr = AutoStream::auto(io::stderr().lock());
        let _closed = stderr.write_all(without_user_information(text).as_bytes());
    }

    /// Writes one line to standard error, in one piece.
    pub(super) fn line(&self, pieces: &[(Style, &str)]) {
        let mut line = String::new();
        for (style, text) in pieces.iter().filter(|(_, text)| !text.is_empty()) {
            let style = if self.options.color == ColorChoice::Never { PLAIN } else { *style };
            let _infallible =
                write!(line, "{style}{}{style:#}", visible_line(&without_user_information(text)));
        }
        line.push('\n');
        let write = || AutoStream::new(io::stderr().lock(), self.options.color).write_all(line.as_bytes());
        let _closed = self.without_bars(write);
    }

    /// Removes the progress bars of work that will not end.
    pub(in crate::cli) fn end_bars(&self) {
        if let Some(bars) = &self.bars {
            bars.end_all();
        }
    }

    /// Writes something while the progress bars are hidden.
    fn without_bars<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bars {
            Some(bars) => bars.hide_while(write),
            None => write(),
        }
    }
}
