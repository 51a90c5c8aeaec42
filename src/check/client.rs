//! The runtime interface client of the language must be in the image if it is what starts the handler.

use super::Subject;
use crate::finding::{Code, Finding, Help, Setting};
use crate::plan::Startup;
use crate::tree::TreeError;

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let Subject { function, contract, plan, .. } = subject;
    let Some(package) = contract.client.as_ref().and_then(|client| client.package.as_deref()) else {
        return Ok(Vec::new());
    };
    let is_started = match &plan.startup {
        Startup::Client(_) => true,
        Startup::Foreign(words) => words.iter().any(|word| word == package),
        _ => false,
    };
    let contains = |path: &str| path.split('/').any(|name| name.starts_with(package));
    // Wherever it is: the base may have search paths of its own.
    let is_there = || plan.merged.paths().any(|path| contains(path.as_str()));
    if !is_started || !plan.merged.base().is_full() || is_there() {
        return Ok(Vec::new());
    }
    let message = format!(
        "neither the base `{}`, a layer nor the code contains `{package}`, the runtime interface client that would start \
         the handler",
        function.base.name
    );
    let help = Help::from(format!("install `{package}` in the base or with the code"))
        .or(Setting::EntryPoint)
        .or(format!("use a base that keeps the contract of `{}`", contract.id));
    Ok(vec![Finding::error(Code::MissingClient, function.places.runtime.clone(), message).help(help)])
}
