//! Patterns of dependencies should match something.

use super::Subject;
use crate::finding::{Code, Finding};
use crate::tree::TreeError;

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let function = subject.function;
    let warning = |pattern: &String| {
        let message = format!("no file of the code of `{}` matches `{pattern}`", function.name);
        Finding::warning(Code::IdlePattern, function.places.dependencies.clone(), message)
            .help("remove or correct it; patterns are relative to the root of the code")
    };
    Ok(subject.plan.idle_patterns.iter().map(warning).collect())
}
