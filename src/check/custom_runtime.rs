//! A custom runtime must be there and must be a program.

use super::{Subject, programs};
use crate::finding::{Code, Finding};
use crate::plan::{Startup, bootstraps};
use crate::tree::TreeError;

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let place = &subject.function.places.function;
    if matches!(subject.plan.startup, Startup::NoBootstrap) {
        let [task, layer] = bootstraps()?;
        let message = format!("there is neither `{task}` nor `{layer}` to run");
        return Ok(vec![Finding::error(Code::NoBootstrap, place.clone(), message).help(
            "name the program of the custom runtime `bootstrap`, at the root of the code or of a layer",
        )]);
    }
    let Some(path) = subject.plan.startup.bootstrap() else { return Ok(Vec::new()) };
    let finding = programs::check(subject, path, &format!("the custom runtime `{path}`"), place)?;
    Ok(finding.into_iter().collect())
}
