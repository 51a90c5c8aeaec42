//! The working directory must be one that the function's user can enter (facts 1.4, 1.5).

use super::Subject;
use crate::finding::{Code, Finding};
use crate::plan::WorkingDirectory;
use crate::tree::TreeError;

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let Subject { function, base, plan, .. } = subject;
    let WorkingDirectory { path, replaced, obstacle } = &plan.directory;
    let place = || function.base.place.clone();
    let replaced = replaced.as_ref().map(|why| {
        let own = base.working_directory.as_deref().unwrap_or_default();
        let message = format!(
            "Lambda would not start the function in the working directory `{own}` of the base `{}`: {why}; limg uses `{path}`",
            function.base.name
        );
        Finding::warning(Code::UnusableWorkdir, place(), message).help("correct WORKDIR in the base")
    });
    let obstacle = obstacle.as_ref().map(|why| {
        let message = format!("Lambda cannot start the function in `{path}`: {why}");
        Finding::error(Code::UnusableWorkdir, place(), message)
            .about([path])
            .help("use a base in which all users can enter the directory and those above it")
    });
    Ok(replaced.into_iter().chain(obstacle).collect())
}
