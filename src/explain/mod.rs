//! Explains findings, and errors of Lambda, Amazon ECR, CloudFormation and the runtime interface emulator: their causes, how to
//! confirm each, and the fix.
//!
//! What is known is in `findings.yaml` and `errors.yaml`. A pasted text may contain secrets, so an explanation repeats no part of it:
//! it names the text of the table by which the error was found. This room reads and prints nothing.

mod log_text;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use self::log_text::LogText;
use crate::finding::Code;
use crate::strict_yaml;
use crate::text::nearest;

const FINDINGS: &str = include_str!("findings.yaml");
const ERRORS: &str = include_str!("errors.yaml");

/// The most bytes of a word that may be a code with a typing error.
const WORD_AT_MOST: usize = 64;

/// What is known about a text.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Explanation {
    /// The text names a finding of limg.
    Finding(FindingExplanation),
    /// The text contains an error.
    Error(ErrorExplanation),
}

/// What a finding means.
#[derive(Debug, Serialize)]
pub(crate) struct FindingExplanation {
    /// The code of the finding.
    pub code: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What Lambda would do without the fix; `None` if limg alone rejects it.
    pub lambda: Option<&'static str>,
    /// What to do.
    pub fix: &'static str,
}

/// What an error means.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorExplanation {
    /// The stable name of the error.
    pub name: &'static str,
    /// What it means, without a full stop.
    pub title: &'static str,
    /// The text of the table that was found, with `…` for what varies.
    pub matched: &'static str,
    /// The line of the pasted text, from 1.
    pub line: usize,
    /// The causes, the most likely first.
    pub causes: &'static [Cause],
    /// The codes of the findings by which limg predicts the error.
    pub predicted_by: &'static [String],
}

/// A cause of an error.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cause {
    /// Why it happens.
    #[serde(rename = "cause")]
    pub why: String,
    /// How to find out whether this is the cause.
    pub confirm: String,
    /// What to do about it.
    pub fix: String,
}

/// An entry of `findings.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownFinding {
    lambda: Option<String>,
    fix: String,
}

/// An entry of `errors.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownError {
    title: String,
    texts: Vec<String>,
    #[serde(default)]
    covers: Vec<String>,
    causes: Vec<Cause>,
    #[serde(default)]
    findings: Vec<String>,
}

/// What Lambda would do about a finding, and what to do.
#[must_use]
pub(crate) fn of_code(code: Code) -> FindingExplanation {
    let known = KNOWN_FINDINGS.get(code.name());
    FindingExplanation {
        code: code.name(),
        meaning: code.description(),
        lambda: known.and_then(|known| known.lambda.as_deref()),
        fix: known.map_or("Correct what the finding names.", |known| &known.fix),
    }
}

#[expect(clippy::expect_used, reason = "the file is compiled in, and a test reads it")]
static KNOWN_FINDINGS: LazyLock<BTreeMap<String, KnownFinding>> = LazyLock::new(|| {
    let table: strict_yaml::UniqueKeys<_, _> =
        strict_yaml::parse(FINDINGS).expect("the table is well-formed");
    table.0
});

/// The errors with their names, in the order of the file.
static KNOWN_ERRORS: LazyLock<Vec<(String, KnownError)>> = LazyLock::new(known_errors);

#[expect(clippy::expect_used, reason = "the file is compiled in, and a test reads it")]
fn known_errors() -> Vec<(String, KnownError)> {
    let table: strict_yaml::UniqueKeys<String, _> =
        strict_yaml::parse(ERRORS).expect("the table is well-formed");
    let mut errors: Vec<_> = table.0.into_iter().collect();
    errors.sort_by_key(|(name, _)| ERRORS.find(&format!("\n{name}:\n")));
    errors
}

/// Explains a finding by its code, or the findings and errors in a text, the most specific first. Empty if nothing is known.
#[must_use]
pub(crate) fn explain(text: &str) -> Vec<Explanation> {
    let codes = Code::ALL.iter().copied();
    if let Some(code) = codes.clone().find(|code| code.name() == text.trim()) {
        return vec![finding(code)];
    }
    let text = LogText::new(text);
    // limg prints the code of a finding in brackets, behind its message.
    let findings = codes.filter(|code| text.find(&format!("[{code}]")).is_some()).map(finding);
    findings.chain(errors(&text).into_iter().map(Explanation::Error)).collect()
}

/// The code that was meant by a text, if that is a word. Comparing takes time that grows with its length.
#[must_use]
pub(crate) fn code_like(text: &str) -> Option<&'static str> {
    let is_word = text.len() <= WORD_AT_MOST && !text.contains(char::is_whitespace);
    is_word.then(|| nearest(text, Code::ALL.iter().map(|code| code.name()))).flatten()
}

fn finding(code: Code) -> Explanation {
    Explanation::Finding(of_code(code))
}

fn errors(text: &LogText) -> Vec<ErrorExplanation> {
    let found = KNOWN_ERRORS.iter().filter_map(|(name, error)| {
        let texts = error.texts.iter();
        let found = texts.filter_map(|known| Some((text.find(known)?, known)));
        let (line, matched) = found.min_by_key(|(line, _)| *line)?;
        Some((name, error, line, matched))
    });
    let found: Vec<_> = found.collect();
    let is_found = |name: &String| found.iter().any(|(other, ..)| *other == name);
    let listed = found.iter().filter(|(_, error, ..)| !error.covers.iter().any(is_found));
    let explained = listed.map(|(name, error, line, matched)| ErrorExplanation {
        name,
        title: &error.title,
        matched,
        line: *line,
        causes: &error.causes,
        predicted_by: &error.findings,
    });
    explained.collect()
}
