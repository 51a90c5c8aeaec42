//! A custom runtime must be there and must be a program.

use super::{Subject, programs};
use crate::finding::{Code, Finding};
use crate::plan::{Startup, bootstraps};
use crate::project::Architecture;
use crate::runtime::TASK_ROOT;
use crate::tree::TreeError;

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let place = &subject.function.places.function;
    if matches!(subject.plan.startup, Startup::NoBootstrap) {
        let [task, layer] = bootstraps()?;
        let message = format!("there is neither `{task}` nor `{layer}` to run");
        return Ok(vec![Finding::error(Code::NoBootstrap, place.clone(), message).help(help(subject))]);
    }
    let Some(path) = subject.plan.startup.bootstrap() else { return Ok(Vec::new()) };
    let finding = programs::check(subject, path, &format!("the custom runtime `{path}`"), place)?;
    Ok(finding.into_iter().collect())
}

/// How to make the program, if the code is a project that a tool compiles to one.
fn help(subject: &Subject<'_>) -> String {
    let has = |name: &str| subject.trees.code.tree.get_or_implied(&format!("{TASK_ROOT}/{name}")).is_some();
    let architecture = subject.function.architecture;
    if has("Cargo.toml") {
        let option = if architecture == Architecture::Arm64 { " --arm64" } else { "" };
        format!(
            "run `cargo lambda build --release{option}`, and use the folder with the function's name in `target/lambda` as the code"
        )
    } else if has("go.mod") {
        let architecture = architecture.oci_name();
        format!(
            "run `CGO_ENABLED=0 GOOS=linux GOARCH={architecture} go build -o bootstrap .` where `go.mod` is"
        )
    } else {
        "name the program of the custom runtime `bootstrap`, at the root of the code or of a layer".to_owned()
    }
}
