//! Findings in the formats of other programs: SARIF 2.1.0, the workflow commands of GitHub Actions, and `JUnit`'s XML.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::terminal::Terminal;
use crate::cli::args::Format;
use crate::definition::{Located, Position};
use crate::explain::{self, FindingExplanation};
use crate::finding::{Code, Finding};
use crate::sync::lock;
use crate::text::without_user_information;

impl Terminal {
    /// Prints what a check has found, errors first. `checked` are the names of what was checked. Files below `folder` are named from
    /// there: services show findings at the files of a repository.
    pub(in crate::cli) fn print_check(&self, checked: &[String], errors: &[Located], folder: &Path) {
        let warnings = std::mem::take(&mut *lock(&self.unreported));
        let findings: Vec<Shown<'_>> =
            errors.iter().chain(&warnings).map(|it| Shown::of(it, folder)).collect();
        match self.format() {
            Format::Sarif => self.print_json(&sarif(&findings)),
            Format::Github => self.print_lines(findings.iter().map(github)),
            Format::Junit => self.print_lines(junit(checked, &findings)),
            Format::Human | Format::Json | Format::Refs => {}
        }
    }
}

/// A finding as these formats show it.
struct Shown<'a> {
    finding: &'a Finding,
    file: String,
    position: Option<Position>,
    /// What is wrong and what to do.
    text: String,
}

impl<'a> Shown<'a> {
    fn of(located: &'a Located, folder: &Path) -> Self {
        let Located { finding, position, help, .. } = located;
        let message = without_user_information(&finding.message).into_owned();
        let text = match help {
            Some(help) => format!("{message}\nhelp: {}", without_user_information(help)),
            None => message,
        };
        let file = finding.place.file();
        let file = file.strip_prefix(folder).unwrap_or(file).display().to_string();
        Self { finding, file, position: *position, text }
    }
}

fn sarif(findings: &[Shown<'_>]) -> Value {
    let codes: BTreeSet<Code> = findings.iter().map(|shown| shown.finding.code).collect();
    let rule = |code: &Code| {
        let FindingExplanation { code, meaning, lambda, fix } = explain::of_code(*code);
        let help: Vec<&str> = lambda.into_iter().chain([fix]).collect();
        json!({ "id": code, "shortDescription": { "text": meaning }, "help": { "text": help.join(" ") } })
    };
    let result = |Shown { finding, file, position, text }: &Shown<'_>| {
        let mut location = json!({ "artifactLocation": { "uri": file } });
        if let Some(Position { line, column }) = position {
            location["region"] = json!({ "startLine": line, "startColumn": column });
        }
        json!({
            "ruleId": finding.code.name(),
            "level": finding.severity.name(),
            "message": { "text": text },
            "locations": [{ "physicalLocation": location }],
        })
    };
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "limg",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().map(rule).collect::<Vec<_>>(),
            } },
            "results": findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

/// A workflow command (GitHub Actions documentation, "Workflow commands").
fn github(Shown { finding, file, position, text }: &Shown<'_>) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let at =
        position.map(|Position { line, column }| format!(",line={line},col={column}")).unwrap_or_default();
    let (severity, code) = (finding.severity.name(), finding.code.name());
    format!("::{severity} file={}{at},title={}::{}", property(file), property(code), data(text))
}

/// A test case for each finding, and one that passes for everything that was checked.
fn junit(checked: &[String], findings: &[Shown<'_>]) -> Vec<String> {
    let failures = findings.iter().filter(|shown| shown.finding.is_error()).count();
    let tests = checked.len() + findings.len();
    let suite = format!("<testsuite name=\"limg check\" tests=\"{tests}\" failures=\"{failures}\">");
    let passed =
        checked.iter().map(|name| format!("<testcase classname=\"checked\" name=\"{}\"/>", escaped(name)));
    let case = |Shown { finding, file, text, .. }: &Shown<'_>| {
        let name = escaped(&format!("{}: {file}", finding.code));
        let content = if finding.is_error() {
            format!("<failure message=\"{}\">{}</failure>", escaped(&finding.message), escaped(text))
        } else {
            format!("<system-out>{}</system-out>", escaped(text))
        };
        format!("<testcase classname=\"{}\" name=\"{name}\">{content}</testcase>", finding.severity.name())
    };
    let head = ["<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned(), "<testsuites>".to_owned(), suite];
    let end = ["</testsuite>".to_owned(), "</testsuites>".to_owned()];
    head.into_iter().chain(passed).chain(findings.iter().map(case)).chain(end).collect()
}

/// A text for XML, which most control characters cannot be part of (XML 1.0, "Characters").
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push(character),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::without_document;
    use crate::finding::Place;

    fn located() -> Vec<Located> {
        let place = Place::document("/shop/a,b.yaml".as_ref());
        let error =
            Finding::error(Code::NoHandler, place.clone(), "100% <wrong> & \"bad\"\u{1b}").help("set\nCMD");
        without_document(&[error, Finding::warning(Code::HardLink, place, "a link")]).shown
    }

    fn shown(located: &[Located]) -> Vec<Shown<'_>> {
        located.iter().map(|located| Shown::of(located, Path::new("/shop"))).collect()
    }

    #[test]
    fn github_gets_one_line_for_each_finding() {
        let located = located();
        let lines: Vec<_> = shown(&located).iter().map(github).collect();
        assert_eq!(
            lines[0],
            "::error file=a%2Cb.yaml,title=no-handler::100%25 <wrong> & \"bad\"\u{1b}%0Ahelp: set%0ACMD"
        );
        assert_eq!(lines[1], "::warning file=a%2Cb.yaml,title=hard-link::a link");
    }

    #[test]
    fn junit_is_well_formed() {
        let xml = junit(&["a&b".to_owned()], &shown(&located())).concat();
        assert!(xml.contains("tests=\"3\" failures=\"1\""), "{xml}");
        assert!(xml.contains("name=\"a&amp;b\""), "{xml}");
        assert!(xml.contains("100% &lt;wrong&gt; &amp; &quot;bad&quot;\u{fffd}"), "{xml}");
        assert!(xml.contains("<system-out>a link</system-out>"), "{xml}");
    }

    #[test]
    fn sarif_names_rules_and_levels() {
        let sarif = sarif(&shown(&located()));
        let run = &sarif["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"].as_array().unwrap().len(), 2);
        let results = &run["results"];
        assert_eq!((&results[0]["level"], &results[1]["level"]), (&json!("error"), &json!("warning")));
        let location = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(location["artifactLocation"]["uri"], "a,b.yaml");
    }
}
