//! A file and a directory cannot be at the same path.

use super::Subject;
use crate::files::{Conflict, Lower};
use crate::finding::{Code, Finding, Help, Setting};
use crate::tree::TreeError;

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    Ok(subject.plan.merge.conflicts.iter().map(finding).collect())
}

fn finding(Conflict { owner, path, kind, lower }: &Conflict) -> Finding {
    let (lower, help) = match lower {
        Lower::Tree { owner, kind } => {
            (format!("{owner} has a {kind}"), Help::from("rename one of them").or(Setting::Exclude))
        }
        Lower::Base { kind } => (
            format!("the base image has a {kind}"),
            Help::from("rename it").or(Setting::Exclude).or("use a base image without it"),
        ),
    };
    let message = format!("{} has a {kind} at `{path}` where {lower}", owner.name);
    Finding::error(Code::FileOverDirectory, owner.place.clone(), message).about([path]).help(help)
}
