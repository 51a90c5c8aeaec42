//! Errors and findings: what failed, where, and what to do about it.

use std::sync::Arc;

use super::terminal::{ERROR, HELP, PLAIN, STRONG, Terminal, WARNING};
use crate::cli::args::Format;
use crate::cli::error::CommandError;
use crate::definition::{self, Listed, Loaded, Located, Position};
use crate::failure::Failure as _;
use crate::finding::{Finding, Help};
use crate::sync::lock;
use crate::text::{causes, count};

impl Terminal {
    /// Later findings refer to this definition.
    pub(in crate::cli) fn definition(&self, loaded: &Loaded) {
        *lock(&self.sources) = Some(Arc::clone(&loaded.sources));
    }

    /// Reports a finding that does not stop the work.
    pub(in crate::cli) fn finding(&self, finding: Finding) {
        let sources = lock(&self.sources).clone();
        self.warnings(&sources.map(|sources| sources.locate(&[finding])).unwrap_or_default());
    }

    /// Reports warnings, each once: prints them, or keeps them for the result in JSON.
    pub(in crate::cli) fn warnings(&self, warnings: &Listed) {
        for warning in &warnings.shown {
            let mut printed = lock(&self.warnings);
            if printed.contains(warning) {
                continue;
            }
            printed.push(warning.clone());
            drop(printed);
            if !matches!(self.format(), Format::Human | Format::Refs) {
                lock(&self.unreported).push(warning.clone());
            } else if !self.is_quiet() {
                self.located(warning);
            }
        }
        if self.format() == Format::Human && !self.is_quiet() {
            self.more(warnings);
        }
    }

    /// How many warnings were reported, of those that are listed.
    pub(in crate::cli) fn number_of_warnings(&self) -> usize {
        lock(&self.warnings).len()
    }

    /// Prints how many findings are not listed.
    fn more(&self, findings: &Listed) {
        for (more, noun) in [(findings.more_errors, "error"), (findings.more_warnings, "warning")] {
            if more > 0 {
                self.essential(&format!("… and {}", count(more, &format!("more {noun}"))));
            }
        }
    }

    /// Help in the words of the definition's format.
    pub(super) fn help_text(&self, help: Option<&Help>) -> Option<String> {
        let sources = lock(&self.sources).clone();
        help?.render(|setting| match &sources {
            Some(sources) => sources.words(setting),
            None => definition::words(setting),
        })
    }

    /// Prints why a command failed: on standard error, or in JSON on standard output if that can be written.
    pub(in crate::cli) fn error(&self, error: &CommandError) {
        if self.format() == Format::Json {
            self.print_failure(error);
            if self.take_write_error().is_none() {
                return;
            }
        }
        self.line(&[(ERROR, "error"), (PLAIN, &format!(": {error}"))]);
        if let Some(findings) = error.findings() {
            for finding in &findings.shown {
                self.located(finding);
            }
            self.more(findings);
        } else {
            for cause in causes(error).skip(1) {
                self.essential(&format!("  cause: {cause}"));
            }
        }
        if let Some(help) = self.help_text(error.help().as_ref()) {
            self.line(&[(HELP, "help"), (PLAIN, &format!(": {help}"))]);
        }
    }

    /// Prints a finding with its line.
    fn located(&self, located: &Located) {
        let Located { finding, position, excerpt, help } = located;
        self.line(&[
            (STRONG, &format!("{}{}", finding.place.file().display(), suffix(*position))),
            (PLAIN, ": "),
            (WARNING, if finding.is_error() { "" } else { "warning: " }),
            (PLAIN, &format!("{} [{}]", finding.message, finding.code)),
        ]);
        if let (Some(Position { line, .. }), Some(excerpt)) = (position, excerpt) {
            self.essential(&format!("{line:>6} | {}", excerpt.trim_end()));
        }
        self.indented_help(help.as_deref());
    }
}

/// `:12:5`, as compilers and editors write a position after the name of a file.
fn suffix(position: Option<Position>) -> String {
    position.map(|Position { line, column }| format!(":{line}:{column}")).unwrap_or_default()
}
