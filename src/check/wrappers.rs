//! Wrapper scripts: programs, each at a path of its own, that something runs.

use super::{Subject, programs};
use crate::finding::{Code, Finding};
use crate::plan::{PlacedWrapper, Startup};
use crate::project::ImagePath;
use crate::runtime::{LIMG_ENTRYPOINT, Language, WRAPPER_VARIABLE};
use crate::tree::TreeError;

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let mut findings: Vec<Finding> = of_base(subject).into_iter().collect();
    let wrappers = &subject.plan.wrappers;
    for (position, wrapper) in wrappers.iter().enumerate() {
        findings.extend(wrapper_at(subject, wrapper, &wrappers[..position])?);
    }
    findings.extend(arguments(subject));
    findings.extend(ignored(subject));
    Ok(findings)
}

/// A base may name a wrapper itself, by its path in the image.
fn of_base(Subject { function, base, .. }: &Subject<'_>) -> Option<Finding> {
    let (_, value) = base.environment.iter().find(|(name, _)| name == WRAPPER_VARIABLE)?;
    let error = Some(value).filter(|value| !value.is_empty())?.parse::<ImagePath>().err()?;
    let message = format!("`{WRAPPER_VARIABLE}` of the base is not a path in the image: {error}");
    let finding = Finding::error(Code::BadWrapper, function.places.runtime.clone(), message);
    Some(finding.help("give the absolute path of a program in the image"))
}

/// A wrapper that cannot be started ends the runtime with exit code 127 or 126.
fn wrapper_at(
    subject: &Subject<'_>,
    wrapper: &PlacedWrapper,
    before: &[PlacedWrapper],
) -> Result<Option<Finding>, TreeError> {
    let PlacedWrapper { path, file, place, .. } = wrapper;
    let collides = |other: &PlacedWrapper| other.path == *path && other.file != *file;
    if file.is_some() && before.iter().any(collides) {
        let message = format!("two wrappers would be at `{path}`");
        let finding = Finding::error(Code::WrapperCollision, place.clone(), message).about([path]);
        return Ok(Some(finding.help("rename one of the files")));
    }
    let name = format!("the wrapper `{path}`");
    if subject.plan.merged.resolve(path).is_none() {
        let message = format!("{name} is not in the image");
        return Ok(Some(Finding::error(Code::MissingWrapper, place.clone(), message).about([path]).help(
            "add it to a layer, an extension, the code or the base; for a local file, write the path without a leading `/`",
        )));
    }
    programs::check(subject, path, &name, place)
}

/// A wrapper that counts its arguments from the end counts otherwise on Lambda's own bases, whose Python command ends with
/// `bootstrap.py`. The example of the Lambda developer guide (runtimes-modify) does.
fn arguments(Subject { function, contract, plan, .. }: &Subject<'_>) -> Option<Finding> {
    let is_own_script = plan.run.entrypoint.as_ref()?.first()? == LIMG_ENTRYPOINT;
    let is_python = contract.language() == Some(Language::Python);
    let wrapper = plan.wrappers.last().filter(|_| is_own_script && is_python)?;
    let message = format!(
        "on the base `{}`, the last argument of the wrapper `{}` is the handler and not a script",
        function.base.name, wrapper.path
    );
    let warning =
        Finding::warning(Code::WrapperArguments, wrapper.place.clone(), message).about([&wrapper.path]);
    Some(warning.help(
        "put options for the interpreter right after its name; a wrapper that ends with `exec \"$@\"` needs no change",
    ))
}

/// A base's own bootstrap may not run wrappers.
fn ignored(Subject { function, plan, .. }: &Subject<'_>) -> Option<Finding> {
    let may_ignore = matches!(plan.startup, Startup::Script { honours_wrapper: false, .. });
    (may_ignore && !plan.wrappers.is_empty()).then(|| {
        let message =
            "the base contains its own bootstrap, and limg does not know whether that runs wrappers";
        Finding::error(Code::WrapperIgnored, function.places.function.clone(), message)
            .help("remove the wrappers, or use a base without a bootstrap and add the bootstrap as a layer")
    })
}
