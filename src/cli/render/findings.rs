//! Errors and findings: what failed, where, and what to do about it.

use std::error::Error as _;
use std::path::Path;

use super::terminal::{ERROR, HELP, PLAIN, STRONG, Terminal, WARNING};
use crate::cli::error::CommandError;
use crate::definition::{DefinitionError, Located};

impl Terminal {
    /// Prints the warnings of a definition.
    pub(in crate::cli) fn warnings(&self, file: &Path, warnings: &[Located]) {
        if !self.is_quiet() {
            for warning in warnings {
                self.located(file, warning, "warning: ");
            }
        }
    }

    /// Prints why a command failed.
    pub(in crate::cli) fn error(&self, error: &CommandError) {
        self.line(&[(ERROR, "error"), (PLAIN, &format!(": {error}"))]);
        match error {
            CommandError::Definition(DefinitionError::Problems { file, problems, warnings }) => {
                for problem in problems {
                    self.located(file, problem, "");
                }
                for warning in warnings {
                    self.located(file, warning, "warning: ");
                }
            }
            CommandError::Definition(DefinitionError::Syntax { file, syntax }) => {
                self.essential(&format!("  at {}{}", file.display(), place(syntax.line, syntax.column)));
            }
            CommandError::Problems { file, problems } => {
                for problem in problems {
                    self.located(file, problem, "");
                }
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

    /// Prints a problem of the definition with its line.
    fn located(&self, file: &Path, located: &Located, severity: &str) {
        let problem = &located.problem;
        self.line(&[
            (STRONG, &format!("{}{}", file.display(), place(located.line, located.column))),
            (PLAIN, ": "),
            (WARNING, severity),
            (PLAIN, &format!("{} [{}]", problem.message, problem.code)),
        ]);
        if let (Some(line), Some(excerpt)) = (located.line, &located.excerpt) {
            self.essential(&format!("{line:>6} | {}", excerpt.trim_end()));
        }
        self.indented_help(problem.help.as_deref());
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
