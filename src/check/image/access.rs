//! Files and folders that the function needs must be open to all users: Lambda runs it as one that the image does not know (facts
//! 1.5).

use super::{ImageSubject, is_of_function};
use crate::check::named;
use crate::files::IndexEntry;
use crate::finding::{Code, Finding};
use crate::project::ImagePath;

/// The function's folders that its user cannot enter, and its files that it cannot read.
pub(super) fn closed<'a>(subject: &ImageSubject<'a>) -> (Vec<&'a ImagePath>, Vec<&'a ImagePath>) {
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
    (folders, unreadable)
}

pub(super) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    let (folders, unreadable) = closed(subject);
    let finding = |message: String, paths: &[&ImagePath], help: &'static str| {
        Finding::error(Code::ClosedPath, subject.place.clone(), message).about(paths).help(help)
    };
    let mut findings = Vec::new();
    if !folders.is_empty() {
        let message = format!("the function's user cannot enter {}", named(&folders));
        let help = "run `limg fix`, or give folders the mode 755 before they are added";
        findings.push(finding(message, &folders, help));
    }
    if !unreadable.is_empty() {
        let message = format!("the function's user cannot read {}", named(&unreadable));
        let help = "run `limg fix`, or give files the mode 644, or 755 for programs, before they are added";
        findings.push(finding(message, &unreadable, help));
    }
    findings
}

/// Whether a file is probably closed on purpose, and for others than the function.
fn is_secret(path: &ImagePath) -> bool {
    matches!(path.suffix(), Some("key" | "pem")) || path.name().starts_with("id_")
}

/// A folder and those above it that the function's user cannot enter, with their modes.
pub(super) fn closed_folders(subject: &ImageSubject<'_>, folder: &str) -> Vec<(ImagePath, u32)> {
    let Ok(folder) = folder.parse::<ImagePath>() else { return Vec::new() };
    let all = folder.ancestors().chain([folder.clone()]);
    all.filter_map(|folder| {
        let mode = subject.files.mode(folder.as_str()).filter(|mode| mode & 0o001 == 0)?;
        Some((folder, mode))
    })
    .collect()
}
