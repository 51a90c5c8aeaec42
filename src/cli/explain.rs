//! `limg explain`.

use std::io::{self, IsTerminal as _, Read as _};
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::args::ExplainArguments;
use super::error::CommandError;
use super::explain_error::ExplainError;
use super::render::Terminal;
use crate::explain::{self, ErrorExplanation, Explanation, FindingExplanation};

/// The most bytes of a text: a hundred times the log of an invocation that fails.
const TEXT_LIMIT: u64 = 4 * 1024 * 1024;

/// The result in JSON.
#[derive(Serialize)]
struct Report {
    explanations: Vec<Explanation>,
}

pub(super) async fn run(
    arguments: ExplainArguments,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
    let text = match arguments.text.as_slice() {
        [] if io::stdin().is_terminal() => return Err(ExplainError::NoText.into()),
        [] => from_standard_input().await?,
        [word] if word == "-" => from_standard_input().await?,
        words => words.join(" "),
    };
    let has_lines = text.trim().contains('\n');
    let meant = explain::code_like(text.trim());
    let explanations = in_background("explain the text", move || Ok(explain::explain(&text))).await?;
    let report = Report { explanations };
    if report.explanations.is_empty() {
        return Err(ExplainError::Unknown { meant }.into());
    }
    terminal.print(&terminal.with_findings(&report), || lines(&report.explanations, has_lines));
    Ok(ExitCode::SUCCESS)
}

/// The text on standard input, of at most [`TEXT_LIMIT`] bytes. What is not UTF-8 is replaced.
async fn from_standard_input() -> Result<String, CommandError> {
    let read = || {
        let mut bytes = Vec::new();
        io::stdin().take(TEXT_LIMIT + 1).read_to_end(&mut bytes).map(|_| bytes)
    };
    let bytes = in_background("read the text from standard input", read).await?;
    if bytes.len() as u64 > TEXT_LIMIT {
        return Err(ExplainError::TooLong { at_most: TEXT_LIMIT }.into());
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Runs blocking work so that an interrupt ends limg meanwhile.
async fn in_background<T: Send + 'static>(
    action: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, CommandError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(io::Error::other).flatten();
    done.map_err(|source| CommandError::System { action, source })
}

fn lines(explanations: &[Explanation], has_lines: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for explanation in explanations {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        match explanation {
            Explanation::Finding(finding) => finding_lines(finding, &mut lines),
            Explanation::Error(error) => error_lines(error, has_lines, &mut lines),
        }
    }
    lines
}

fn finding_lines(finding: &FindingExplanation, lines: &mut Vec<String>) {
    let FindingExplanation { code, meaning, lambda, fix } = finding;
    lines.push(format!("{code}: {meaning}"));
    lines.extend(lambda.map(|lambda| format!("  in Lambda: {lambda}")));
    lines.push(format!("  fix: {fix}"));
}

fn error_lines(error: &ErrorExplanation, has_lines: bool, lines: &mut Vec<String>) {
    let ErrorExplanation { name: _, title, matched, line, causes, predicted_by } = error;
    lines.push((*title).to_owned());
    let place = if has_lines { format!(", in line {line}") } else { String::new() };
    lines.push(format!("  found: {matched}{place}"));
    for (number, cause) in causes.iter().enumerate() {
        lines.push(format!("  {}. {}", number + 1, cause.why));
        lines.push(format!("     confirm: {}", cause.confirm));
        lines.push(format!("     fix: {}", cause.fix));
    }
    if !predicted_by.is_empty() {
        lines.push(format!("  limg predicts it with: {}", predicted_by.join(", ")));
    }
}
