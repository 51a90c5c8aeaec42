//! Each kind of problem, with its line and its mend.

use super::{Folder, meaning_cases, shape_cases};
use crate::definition::codes;

/// A definition and all that is said about it.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) report: &'static str,
}

fn cases() -> impl Iterator<Item = &'static Case> {
    shape_cases::CASES.iter().chain(meaning_cases::CASES)
}

#[test]
fn every_problem_has_its_line_and_its_mend() {
    let folder = Folder::new();
    for Case { name, text, report } in cases() {
        pretty(name, &folder.report(text), report.trim());
    }
}

/// Fails with the whole text, which can be taken over into the case when it is right.
fn pretty(name: &str, found: &str, expected: &str) {
    assert!(found == expected, "{name}\n--- expected\n{expected}\n--- found\n{found}\n");
}

#[test]
fn every_code_has_a_case() {
    let mut reports: String = cases().map(|case| case.report).collect();
    reports.push_str(&oversized());
    #[cfg(unix)]
    reports.push_str(&special_files());
    for (code, _) in codes::ALL {
        assert!(reports.contains(&format!("[{code}]")), "no case has `{code}`");
    }
}

fn oversized() -> String {
    let (handler, value) = ("h".repeat(129), "b".repeat(4096));
    Folder::new().report(&format!(
        "functions:
  a: {{ runtime: python3.12, handler: {handler}, code: functions }}
  b: {{ runtime: python3.12, handler: a.b, code: functions, environment: {{ BIG: {value} }} }}
"
    ))
}

#[test]
fn what_is_too_long_is_told_by_its_length() {
    let report = oversized();
    assert!(report.contains("[bad-handler] this handler has 129 characters; Lambda allows 128"), "{report}");
    assert!(
        report.contains("[large-environment] the environment of `b` has 4099 bytes; Lambda allows 4096"),
        "{report}"
    );
}

#[cfg(unix)]
fn special_files() -> String {
    let folder = Folder::new();
    std::os::unix::fs::symlink("nowhere", folder.path("dangling")).unwrap();
    std::os::unix::fs::symlink("loop", folder.path("loop")).unwrap();
    std::os::unix::fs::symlink("functions", folder.path("linked")).unwrap();
    folder.report(
        "defaults: { runtime: python3.12, handler: a.b }
functions:
  dangling: { code: dangling }
  loop: { code: loop }
  device: { code: /dev/null }
  linked: { code: linked }
",
    )
}

#[cfg(unix)]
#[test]
fn links_and_devices_are_told_from_files() {
    let report = special_files();
    assert!(
        report.contains("3:21 error[missing-path] there is no `ROOT/dangling`")
            && report.contains("help: it is a symbolic link to something that is not there"),
        "{report}"
    );
    assert!(report.contains("4:17 error[unreadable-path] failed to look at `ROOT/loop`: "), "{report}");
    assert!(
        report.contains("5:19 error[wrong-file] `/dev/null` is neither a directory nor a file"),
        "{report}"
    );
    assert!(!report.contains("linked"), "a link to a directory is one: {report}");
}
