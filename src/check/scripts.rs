//! Scripts that something in the image runs by their name: those on the search path of layers, and a handler that is a
//! script, which a wrapper runs. What Lambda itself starts has its own rules.

use super::{Subject, programs};
use crate::files::{Found, HEAD, Program};
use crate::finding::{Code, Finding};
use crate::plan::PROGRAMS;
use crate::project::ImagePath;
use crate::runtime::TASK_ROOT;
use crate::tree::TreeError;

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let Subject { function, plan, .. } = subject;
    let mut findings = Vec::new();
    for path in &plan.merged.children(PROGRAMS) {
        let Some(owner) = plan.merged.owner(path.as_str()) else { continue };
        if let Some((why, help)) = damaged(subject, path)? {
            // Nothing may ever run it.
            let message = format!("the script `{path}` of {} {why}", owner.name);
            findings.push(
                Finding::warning(Code::NotAProgram, owner.place.clone(), message).about([path]).help(help),
            );
        }
    }
    if let Some(path) = handler(subject)
        && let Some((why, help)) = damaged(subject, &path)?
    {
        let message = format!("the handler `{path}`, a script, {why}");
        findings.push(
            Finding::error(Code::NotAProgram, function.places.code.clone(), message).about([path]).help(help),
        );
    }
    Ok(findings)
}

/// The path of the handler if it is the name of a file that a wrapper runs, as with the Lambda Web Adapter.
fn handler(Subject { function, plan, .. }: &Subject<'_>) -> Option<ImagePath> {
    let handler = function.handler.as_deref().filter(|_| !plan.wrappers.is_empty())?;
    format!("{TASK_ROOT}/{handler}").parse().ok()
}

fn damaged(
    subject: &Subject<'_>,
    path: &ImagePath,
) -> Result<Option<(&'static str, &'static str)>, TreeError> {
    let Some(Found::File(file)) = subject.plan.merged.resolve(path) else { return Ok(None) };
    Ok(match Program::of(&file.content.head(HEAD)?) {
        Program::DamagedScript(fault) => Some(programs::damaged(fault)),
        Program::Elf(_) | Program::Foreign(_) | Program::Script | Program::Other => None,
    })
}
