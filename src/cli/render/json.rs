//! What `--format json` prints about findings and failures (`docs/findings.md`).

use serde::Serialize;

use super::terminal::Terminal;
use crate::cli::error::CommandError;
use crate::definition::Located;
use crate::failure::{Failure as _, FailureKind};
use crate::sync::lock;
use crate::text::{causes, without_user_information};

/// How many paths of a finding are printed.
const PATHS: usize = 100;

/// The result of a command with the warnings that were found on the way.
#[derive(Serialize)]
struct WithFindings<'a, T: Serialize> {
    #[serde(flatten)]
    result: &'a T,
    findings: Vec<FindingReport>,
}

/// The failure of a command, and what it has done nevertheless.
#[derive(Serialize)]
struct FailureReport<'a, T: Serialize> {
    error: ErrorReport,
    #[serde(flatten)]
    result: &'a T,
    findings: Vec<FindingReport>,
}

/// A result without fields.
#[derive(Serialize)]
struct Nothing {}

const NOTHING: Nothing = Nothing {};

#[derive(Serialize)]
struct ErrorReport {
    /// Who has to act.
    kind: &'static str,
    message: String,
    /// Why, from the immediate cause to the root cause.
    causes: Vec<String>,
    help: Option<String>,
}

#[derive(Serialize)]
struct FindingReport {
    code: &'static str,
    severity: &'static str,
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    message: String,
    paths: Vec<String>,
    help: Option<String>,
}

impl FindingReport {
    fn of(located: &Located) -> Self {
        let Located { finding, position, excerpt: _, help } = located;
        Self {
            code: finding.code.name(),
            severity: finding.severity.name(),
            file: finding.place.file().display().to_string(),
            line: position.map(|position| position.line),
            column: position.map(|position| position.column),
            message: shown(&finding.message),
            paths: finding.paths.iter().take(PATHS).cloned().collect(),
            help: help.as_deref().map(shown),
        }
    }
}

impl Terminal {
    /// A result with the warnings that no other result or failure contains yet.
    pub(in crate::cli) fn with_findings<'a, T: Serialize>(
        &self,
        result: &'a T,
    ) -> impl Serialize + use<'a, T> {
        let findings = std::mem::take(&mut *lock(&self.unreported));
        WithFindings { result, findings: findings.iter().map(FindingReport::of).collect() }
    }

    /// Prints why a command failed, with all findings, errors first, on one line.
    pub(super) fn print_failure(&self, error: &CommandError) {
        self.print_failed_result(&NOTHING, error);
    }

    /// The same with a result, if a command has one although it failed.
    pub(in crate::cli) fn print_failed_result(&self, result: &impl Serialize, error: &CommandError) {
        let mut findings = error.findings().map(|findings| findings.shown.clone()).unwrap_or_default();
        for warning in std::mem::take(&mut *lock(&self.unreported)) {
            if !findings.contains(&warning) {
                findings.push(warning);
            }
        }
        self.print_json_line(&FailureReport {
            error: ErrorReport {
                kind: kind(error.kind()),
                message: shown(&error.to_string()),
                causes: causes(error).skip(1).map(|cause| shown(&cause.to_string())).collect(),
                help: self.help_text(error.help().as_ref()).as_deref().map(shown),
            },
            result,
            findings: findings.iter().map(FindingReport::of).collect(),
        });
    }

    /// Prints what is wrong with the arguments of a command.
    pub(in crate::cli) fn print_usage_error(&self, message: &str, help: &str) {
        self.print_json_line(&FailureReport {
            error: ErrorReport {
                kind: kind(FailureKind::User),
                message: shown(message),
                causes: Vec::new(),
                help: Some(shown(help)),
            },
            result: &NOTHING,
            findings: Vec::new(),
        });
    }
}

/// A text as everyone may see it.
fn shown(text: &str) -> String {
    without_user_information(text).into_owned()
}

fn kind(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::User => "user",
        FailureKind::Environment => "environment",
        FailureKind::Work => "work",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::definition::Position;
    use crate::finding::{Code, Finding, Place};

    #[test]
    fn a_finding_of_every_code_has_all_fields() {
        for code in Code::ALL {
            let finding = Finding::warning(*code, Place::document(Path::new("/shop/limg.yaml")), "a \"b\"");
            let located = Located {
                finding,
                position: Some(Position { line: 3, column: 5 }),
                excerpt: None,
                help: None,
            };
            assert_eq!(
                serde_json::to_value(FindingReport::of(&located)).unwrap(),
                json!({
                    "code": code.name(), "severity": "warning", "file": "/shop/limg.yaml", "line": 3,
                    "column": 5, "message": "a \"b\"", "paths": [], "help": null,
                })
            );
        }
    }

    #[test]
    fn a_result_keeps_its_own_fields() {
        let report = WithFindings { result: &json!({ "changes": [] }), findings: Vec::new() };
        assert_eq!(serde_json::to_value(report).unwrap(), json!({ "changes": [], "findings": [] }));
    }
}
