//! Extensions: what Lambda starts from `/opt/extensions` (facts 5).

use super::{ImageSubject, programs};
use crate::check::extensions::{LIMIT, SWITCH};
use crate::files::IndexEntry;
use crate::finding::{Code, Finding};
use crate::plan::EXTENSIONS;

pub(super) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    let place = || subject.place.clone();
    let own = subject.files.index.entries_in(EXTENSIONS);
    let own: Vec<_> = own.filter(|(_, entry)| !matches!(entry, IndexEntry::Directory { .. })).collect();
    let mut findings = Vec::new();
    for (path, _) in &own {
        let name = format!("the extension `{path}`");
        findings.extend(programs::check(subject, path.as_str(), &name, Code::NotAProgram));
    }
    if own.len() > LIMIT {
        let message =
            format!("`{EXTENSIONS}` has {} files, but Lambda starts at most {LIMIT} extensions", own.len());
        findings.push(
            Finding::error(Code::TooManyExtensions, place(), message)
                .help("remove some, or move support files to a folder of their own below `/opt`"),
        );
    }
    if subject.is_file(SWITCH) {
        let message =
            format!("the image has the file `{SWITCH}`, which keeps Lambda from starting any extension");
        findings.push(
            Finding::warning(Code::ExtensionsSwitchedOff, place(), message)
                .about([SWITCH])
                .help("remove the file, unless it is intended"),
        );
    }
    findings
}
