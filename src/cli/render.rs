//! What a user sees: results on standard output, everything else on standard error.
//!
//! User text may come from anywhere, so that control characters never reach the terminal as such.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use serde::Serialize;

use super::failure::Failure;
use super::settings::Settings;
use crate::definition::{DefinitionError, Located};
use crate::event::{Event, LayerEvent, Reporter};
use crate::pipeline::{Built, Delivered};

/// How many overwritten files are told of one by one, unless the user asks for more.
const OVERWRITES: usize = 5;

/// The terminal, or whatever the two streams are connected to.
#[derive(Debug)]
pub(super) struct Terminal {
    quiet: bool,
    verbose: bool,
    color: bool,
    overwrites: Mutex<usize>,
}

/// How a piece of text stands out.
#[derive(Clone, Copy)]
enum Style {
    Error,
    Warning,
    Help,
    Strong,
}

impl Terminal {
    pub(super) fn new(settings: &Result<Settings, Failure>) -> Self {
        let settings = settings.as_ref().ok();
        let color =
            settings.and_then(|settings| settings.color).unwrap_or_else(|| std::io::stderr().is_terminal());
        Self {
            quiet: settings.is_some_and(|settings| settings.quiet),
            verbose: settings.is_some_and(|settings| settings.verbose),
            color,
            overwrites: Mutex::new(0),
        }
    }

    /// Whether the user asked for more.
    pub(super) fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// Prints a value as the result, in JSON.
    pub(super) fn json(&self, value: &impl Serialize) {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        self.result(&text);
    }

    /// Prints a line of the result. A reader that has gone away is no reason to fail.
    pub(super) fn result(&self, line: &str) {
        self.result_bytes(format!("{line}\n").as_bytes());
    }

    /// Prints bytes of the result as they are.
    #[expect(clippy::unused_self, reason = "all printing goes through the terminal")]
    pub(super) fn result_bytes(&self, bytes: &[u8]) {
        let mut output = std::io::stdout().lock();
        let _gone = output.write_all(bytes).and_then(|()| output.flush());
    }

    /// Prints a line about what was done.
    pub(super) fn status(&self, line: &str) {
        if !self.quiet {
            self.line(line);
        }
    }

    /// Passes on what a function prints, as it is.
    #[expect(clippy::unused_self, reason = "all printing goes through the terminal")]
    pub(super) fn log(&self, bytes: &[u8]) {
        let mut output = std::io::stderr().lock();
        let _gone = output.write_all(bytes);
    }

    /// The human result of a build.
    pub(super) fn built(&self, built: &[(Built, Vec<Delivered>)]) {
        for (built, delivered) in built {
            for delivered in delivered {
                self.result(&format!("{}  {}  {}", built.name, built.image.digest(), delivered.location));
            }
        }
    }

    /// The warnings of a definition.
    pub(super) fn warnings(&self, file: &Path, warnings: &[Located]) {
        if !self.quiet {
            for warning in warnings {
                self.located(file, warning, Style::Warning);
            }
        }
    }

    /// Tells what was held back.
    pub(super) fn finish(&self) {
        let overwrites = *self.overwrites.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if overwrites > OVERWRITES && !self.verbose {
            self.status(&format!("  … and {} more files replaced; `-v` shows all", overwrites - OVERWRITES));
        }
    }

    /// Why a command ended badly.
    pub(super) fn failure(&self, failure: &Failure) {
        self.line(&format!("{}: {failure}", self.styled(Style::Error, "error")));
        match failure {
            Failure::Definition(DefinitionError::Problems { file, problems, warnings }) => {
                for problem in problems {
                    self.located(file, problem, Style::Error);
                }
                for warning in warnings {
                    self.located(file, warning, Style::Warning);
                }
            }
            Failure::Definition(DefinitionError::Syntax { file, syntax }) => {
                self.line(&format!("  at {}{}", file.display(), place(syntax.line, syntax.column)));
            }
            Failure::Problems { file, problems } => {
                for problem in problems {
                    self.located(file, problem, Style::Error);
                }
            }
            failure => {
                let mut cause = failure.source();
                while let Some(error) = cause {
                    self.line(&format!("  cause: {error}"));
                    cause = error.source();
                }
            }
        }
        if let Some(help) = failure.help() {
            self.line(&format!("{}: {help}", self.styled(Style::Help, "help")));
        }
    }

    /// A problem of the definition with its line.
    fn located(&self, file: &Path, located: &Located, style: Style) {
        let problem = &located.problem;
        let word = if matches!(style, Style::Warning) { "warning: " } else { "" };
        let place = format!("{}{}", file.display(), place(located.line, located.column));
        self.line(&format!(
            "{}: {}{} [{}]",
            self.styled(Style::Strong, &place),
            self.styled(style, word),
            problem.message,
            problem.code
        ));
        if let (Some(line), Some(excerpt)) = (located.line, &located.excerpt) {
            self.line(&format!("{line:>6} | {}", excerpt.trim_end()));
        }
        if let Some(help) = &problem.help {
            self.line(&format!("  {}: {help}", self.styled(Style::Help, "help")));
        }
    }

    fn layer(&self, layer: &LayerEvent) {
        let word = if layer.reused { "reused" } else { "built " };
        let files = if layer.files == 1 { "1 file".to_owned() } else { format!("{} files", layer.files) };
        self.status(&format!(
            "{word}  {:<32} {files:>12} {:>10} {:>8}",
            layer.name,
            size(layer.size),
            seconds(layer.took)
        ));
    }

    fn overwrite(&self, line: &str) {
        let mut overwrites = self.overwrites.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *overwrites += 1;
        if self.verbose || *overwrites <= OVERWRITES {
            self.status(line);
        }
    }

    /// Every line on standard error goes through here.
    fn line(&self, line: &str) {
        let mut output = std::io::stderr().lock();
        let _gone = writeln!(output, "{}", visible(line, self.color));
    }

    fn styled(&self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Error => "1;31",
            Style::Warning => "1;33",
            Style::Help => "1;36",
            Style::Strong => "1",
        };
        if self.color && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

impl Reporter for Terminal {
    fn report(&self, event: Event) {
        match event {
            Event::Layer(layer) => self.layer(&layer),
            Event::BaseImport { base } => self.status(&format!("taking over the base {base}")),
            Event::Overwrite { path, winner, loser } => {
                self.overwrite(&format!("note: {winner} replaces `{path}` of {loser}"));
            }
            Event::Adjusted { path, what } => self.status(&format!("note: `{path}` {what}")),
            Event::Warning(problem) if !self.quiet => {
                let word = self.styled(Style::Warning, "warning");
                self.line(&format!("{word}: {}: {}", problem.at, problem.message));
                if let Some(help) = &problem.help {
                    self.line(&format!("  {}: {help}", self.styled(Style::Help, "help")));
                }
            }
            Event::Warning(_) => {}
        }
    }
}

/// `:12:5`, as compilers and editors write it.
fn place(line: Option<usize>, column: Option<usize>) -> String {
    match (line, column) {
        (Some(line), Some(column)) => format!(":{line}:{column}"),
        (Some(line), None) => format!(":{line}"),
        (None, _) => String::new(),
    }
}

/// Makes control characters visible, but for line ends and limg's own colours.
fn visible(text: &str, color: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(length) = escape(rest).filter(|_| color) {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        if character.is_control() && !matches!(character, '\n' | '\t') {
            let _infallible = write!(out, "{}", character.escape_unicode());
        } else {
            out.push(character);
        }
        rest = &rest[character.len_utf8()..];
    }
    out
}

/// The length of an escape sequence of the kind that [`Terminal::styled`] writes: only a colour can be meant by it.
fn escape(text: &str) -> Option<usize> {
    let code = text.strip_prefix("\x1b[")?;
    let end = code.find('m')?;
    code[..end].bytes().all(|byte| byte.is_ascii_digit() || byte == b';').then_some(end + 3)
}

/// A size as people say it.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 3] = ["kB", "MB", "GB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    // One digit behind the point is all that is shown, so that tenths in whole numbers are exact.
    let mut tenths = bytes / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_234_567, "1.2 MB"),
            (999_999, "999.9 kB"),
            (12_345_678_901, "12.3 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(visible("a\x1b]0;title\x07b", true), "a\\u{1b}]0;title\\u{7}b");
        assert_eq!(visible("\x1b[1;31merror\x1b[0m: x\r", true), "\x1b[1;31merror\x1b[0m: x\\u{d}");
        assert_eq!(visible("\x1b[1;31mx", false), "\\u{1b}[1;31mx");
    }
}
