//! Errors and findings: what failed, where, and what to do about it.

use std::error::Error as _;
use std::sync::Arc;

use super::terminal::{ERROR, HELP, PLAIN, STRONG, Terminal, WARNING};
use crate::cli::error::CommandError;
use crate::definition::{DefinitionError, DocumentError, Loaded, Located, Position};
use crate::finding::Finding;
use crate::sync::lock;

impl Terminal {
    /// Prints the warnings of a definition, to which later findings refer.
    pub(in crate::cli) fn definition(&self, loaded: &Loaded) {
        *lock(&self.sources) = Some(Arc::clone(&loaded.sources));
        self.warnings(&loaded.warnings);
    }

    /// Prints a finding that does not stop the work.
    pub(super) fn finding(&self, finding: Finding) {
        let sources = lock(&self.sources).clone();
        self.warnings(&sources.map(|sources| sources.locate(&[finding])).unwrap_or_default());
    }

    /// Prints warnings, each once.
    fn warnings(&self, warnings: &[Located]) {
        for warning in warnings {
            let mut printed = lock(&self.warnings);
            if printed.contains(warning) {
                continue;
            }
            printed.push(warning.clone());
            drop(printed);
            if !self.is_quiet() {
                self.located(warning);
            }
        }
    }

    /// Prints why a command failed.
    pub(in crate::cli) fn error(&self, error: &CommandError) {
        self.line(&[(ERROR, "error"), (PLAIN, &format!(": {error}"))]);
        match error {
            CommandError::Definition(DefinitionError::Findings { findings, .. })
            | CommandError::Findings { findings, .. } => {
                for finding in findings {
                    self.located(finding);
                }
            }
            CommandError::Definition(DefinitionError::Document(DocumentError::Syntax {
                file,
                syntax,
                ..
            })) => {
                self.essential(&format!("  at {}{}", file.display(), suffix(syntax.position)));
            }
            error => {
                let mut cause = error.source();
                while let Some(error) = cause {
                    self.essential(&format!("  cause: {error}"));
                    cause = error.source();
                }
            }
        }
        if let Some(help) = error.help() {
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
