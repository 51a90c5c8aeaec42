//! Each kind of finding, with its line and its help.

use super::{Folder, meaning_cases, remote_cases, report, shape_cases};
use crate::finding::Code;

/// A definition and everything that is reported about it.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    pub(super) report: &'static str,
}

fn cases() -> impl Iterator<Item = &'static Case> {
    shape_cases::CASES.iter().chain(meaning_cases::CASES).chain(remote_cases::CASES)
}

#[test]
fn every_finding_has_its_line_and_its_help() {
    let folder = Folder::new();
    for Case { name, text, report: expected } in cases() {
        pretty(name, &report(&folder, text), expected.trim());
    }
}

/// Fails with the whole text, which can be copied into the case when it is right.
fn pretty(name: &str, found: &str, expected: &str) {
    assert!(found == expected, "{name}\n--- expected\n{expected}\n--- found\n{found}\n");
}

#[test]
fn every_code_has_a_case() {
    let mut reports: String = cases().map(|case| case.report).collect();
    reports.push_str(&oversized());
    #[cfg(unix)]
    reports.push_str(&special_files());
    // Text that is not YAML has no keys, and a test of its own.
    let lower = |code: &Code| {
        (Code::EmptyDefinition..Code::IdlePattern).contains(code)
            || (Code::PossibleSecret..=Code::Unused).contains(code)
    };
    for code in Code::ALL.iter().filter(|code| lower(code)) {
        assert!(reports.contains(&format!("[{code}]")), "no case has `{code}`");
    }
}

fn oversized() -> String {
    let (handler, value) = ("h".repeat(129), "b".repeat(4096));
    report(
        &Folder::new(),
        &format!(
            "functions:
  a: {{ runtime: python3.12, handler: {handler}, code: functions }}
  b: {{ runtime: python3.12, handler: a.b, code: functions, environment: {{ BIG: {value} }} }}
"
        ),
    )
}

#[test]
fn a_text_that_is_too_long_is_reported_with_its_length() {
    let report = oversized();
    assert!(
        report.contains("[bad-handler] this handler has 129 characters, but Lambda allows 128"),
        "{report}"
    );
    assert!(
        report.contains("[large-environment] the environment of `b` has 4099 bytes, but Lambda allows 4096"),
        "{report}"
    );
}

#[test]
fn tags_keep_to_the_limits_of_ecr() {
    let (long, longer) = ("k".repeat(128), "v".repeat(256));
    let many = (0..49).map(|number| format!("    t{number}: x\n")).collect::<Vec<_>>().concat();
    let report = |last: &str| {
        report(
            &Folder::new(),
            &format!(
                "functions: {{ a: {{ runtime: python3.12, handler: a.b, code: functions }} }}
ecr:
  tags:
{many}    {last}
"
            ),
        )
    };
    assert_eq!(report(&format!("{long}: {longer}")), "");
    for (last, expected) in [
        (format!("{long}k: x"), "[bad-tag] the key of this tag has 129 characters"),
        (format!("key: {longer}v"), "[bad-tag] the value of the tag `key` has 257 characters"),
        ("one: x\n    two: x".to_owned(), "[bad-tag] there are 51 tags, but ECR allows 50"),
    ] {
        assert!(report(&last).contains(expected), "{}", report(&last));
    }
}

#[test]
fn archives_that_limg_does_not_unpack_are_named() {
    let folder = Folder::new();
    let tar = [&[0; 257][..], b"ustar\x0000"].concat();
    let jar = [b"#!/bin/bash\nexec java -jar \"$0\"\n", &b"PK\x03\x04content"[..], b"PK\x05\x06", &[0; 18]]
        .concat();
    for (name, content, expected) in [
        ("a.tgz", b"\x1f\x8b\x08\0rest".to_vec(), "`ROOT/a.tgz` is compressed with gzip, such as a .tar.gz"),
        ("a.tar", tar.clone(), "`ROOT/a.tar` is a tar archive"),
        ("a.zip", tar, "`ROOT/a.zip` is a tar archive"),
        ("a.txz", b"\xfd7zXZ\0rest".to_vec(), "`ROOT/a.txz` is compressed with xz"),
        ("a.jar", jar.clone(), "`ROOT/a.jar` is an executable jar"),
    ] {
        std::fs::write(folder.path(name), content).unwrap();
        let text = format!("functions: {{ a: {{ runtime: python3.12, handler: a.b, code: {name} }} }}");
        let report = report(&folder, &text);
        assert!(report.contains(expected) && report.contains("error[wrong-file]"), "{report}");
        assert!(report.contains("help: "), "{report}");
    }
    // A program of a custom runtime may contain an archive.
    std::fs::write(folder.path("bootstrap"), jar).unwrap();
    let text = "functions: { a: { runtime: provided.al2023, code: bootstrap } }";
    assert_eq!(report(&folder, text), "");
}

#[cfg(unix)]
fn special_files() -> String {
    let folder = Folder::new();
    std::os::unix::fs::symlink("nowhere", folder.path("dangling")).unwrap();
    std::os::unix::fs::symlink("loop", folder.path("loop")).unwrap();
    std::os::unix::fs::symlink("functions", folder.path("linked")).unwrap();
    report(
        &folder,
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
fn links_and_devices_are_distinguished_from_files() {
    let report = special_files();
    assert!(
        report.contains("3:21 error[missing-path] `ROOT/dangling` does not exist")
            && report.contains("help: correct the symbolic link: its target does not exist"),
        "{report}"
    );
    assert!(report.contains("4:17 error[unreadable-path] failed to access `ROOT/loop`: "), "{report}");
    assert!(
        report.contains("5:19 error[wrong-file] `/dev/null` is neither a directory nor a file"),
        "{report}"
    );
    assert!(!report.contains("linked"), "a link to a directory is one: {report}");
}
