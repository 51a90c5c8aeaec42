//! The working directory must be absolute, in the image, and open to the function's user (facts 1.4, 1.5).

use super::{ImageSubject, access};
use crate::finding::{Code, Finding};
use crate::project::ImagePath;
use crate::runtime::TASK_ROOT;

/// The folders that the function's user must enter and cannot, with their modes.
pub(super) fn closed_folders(subject: &ImageSubject<'_>) -> Vec<(ImagePath, u32)> {
    let directory = subject.run.working_directory.as_deref().unwrap_or("/").trim_end_matches('/');
    let target = subject.resolve(directory).ok().filter(|target| target.is_directory);
    target.map(|target| access::closed_folders(subject, &target.path)).unwrap_or_default()
}

pub(super) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    let directory = subject.run.working_directory.as_deref().unwrap_or("/");
    let why = if !directory.starts_with('/') {
        Some("is not an absolute path".to_owned())
    } else if directory.trim_end_matches('/').is_empty() {
        None
    } else {
        match subject.resolve(directory.trim_end_matches('/')) {
            Ok(target) if target.is_directory => {
                access::closed_folders(subject, &target.path).first().map(|(folder, mode)| {
                    format!(
                        "is below or is `{folder}`, which only its owner and group can enter (mode {mode:04o})"
                    )
                })
            }
            Ok(_) => Some("is not a directory".to_owned()),
            Err(_) => Some("is not in the image".to_owned()),
        }
    };
    let finding = why.map(|why| {
        let message =
            format!("Lambda cannot start the function in the working directory `{directory}`: it {why}");
        Finding::error(Code::UnusableWorkdir, subject.place.clone(), message)
            .about([directory])
            .help(format!("set WORKDIR to a directory that all users can enter, such as `{TASK_ROOT}`"))
    });
    finding.into_iter().collect()
}
