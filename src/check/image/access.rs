//! Files and folders that the function needs must be open to all users: Lambda runs it as one that the image does not know (facts
//! 1.5).

use super::{ImageSubject, is_of_function};
use crate::check::named;
use crate::files::IndexEntry;
use crate::finding::{Code, Finding};
use crate::project::ImagePath;

pub(super) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    let entries =
        subject.files.index.entries().filter(|(path, _)| {
            is_of_function(path) || matches!(path.as_str(), "/var" | "/var/task" | "/opt")
        });
    let (mut folders, mut unreadable) = (Vec::new(), Vec::new());
    for (path, entry) in entries {
        match entry {
            IndexEntry::Directory { mode, .. } if mode & 0o005 != 0o005 => folders.push(path),
            IndexEntry::File { mode, .. } if mode & 0o004 == 0 && !is_secret(path) => unreadable.push(path),
            _ => {}
        }
    }
    let finding = |message: String, paths: &[&ImagePath], help: &'static str| {
        Finding::error(Code::ClosedPath, subject.place.clone(), message).about(paths).help(help)
    };
    let mut findings = Vec::new();
    if !folders.is_empty() {
        let message = format!("the function's user cannot enter {}", named(&folders));
        findings.push(finding(message, &folders, "give folders the mode 755 before they are added"));
    }
    if !unreadable.is_empty() {
        let message = format!("the function's user cannot read {}", named(&unreadable));
        findings.push(finding(
            message,
            &unreadable,
            "give files the mode 644, or 755 for programs, before they are added",
        ));
    }
    findings
}

/// Whether a file is probably closed on purpose, and for others than the function.
fn is_secret(path: &ImagePath) -> bool {
    matches!(path.suffix(), Some("key" | "pem")) || path.name().starts_with("id_")
}

/// The first folder on the way to a path that the function's user cannot enter, as a clause.
pub(super) fn closed_folder(subject: &ImageSubject<'_>, path: &str) -> Option<String> {
    let path: ImagePath = path.parse().ok()?;
    path.ancestors().find_map(|folder| {
        let mode = subject.files.mode(folder.as_str()).filter(|mode| mode & 0o001 == 0)?;
        Some(format!("is below or is `{folder}`, which only its owner and group can enter (mode {mode:04o})"))
    })
}
