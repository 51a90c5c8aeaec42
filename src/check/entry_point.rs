//! The entry point: it must be there, must not be a link, and must start the handler.

use super::{Subject, programs};
use crate::finding::{Code, Finding, Help, Setting};
use crate::plan::Startup;
use crate::project::ImagePath;
use crate::tree::TreeError;

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let given = given(subject)?;
    Ok(given.into_iter().chain(absent(subject)).chain(no_handler(subject)).chain(link(subject)).collect())
}

/// The program of an entry point that the definition gives must be in the image.
fn given(subject: &Subject<'_>) -> Result<Option<Finding>, TreeError> {
    let Some(entry) = &subject.function.base.entrypoint else { return Ok(None) };
    let Some(path) = entry.command.first().and_then(|word| word.parse::<ImagePath>().ok()) else {
        return Ok(None);
    };
    let name = format!("the entry point `{path}`");
    if subject.plan.merged.resolve(&path).is_none() {
        let message = format!("{name} is not in the image");
        return Ok(Some(
            Finding::error(Code::MissingEntrypoint, entry.place.clone(), message)
                .about([path])
                .help("add it to the base, a layer, an extension or the code"),
        ));
    }
    programs::check(subject, &path, &name, &entry.place)
}

/// A base for a language needs an entry point, or the program that starts the language's client.
fn absent(Subject { function, contract, plan, .. }: &Subject<'_>) -> Option<Finding> {
    if !matches!(plan.startup, Startup::NoEntryPoint) {
        return None;
    }
    let why = match contract.client.as_ref().and_then(|client| client.command.first()) {
        Some(program) => {
            format!("and does not contain `{program}`, which would start the runtime interface client")
        }
        None => "so nothing in it would start the handler".to_owned(),
    };
    let message = format!("the base `{}` has no entry point, {why}", function.base.name);
    let help = Help::setting(Setting::EntryPoint)
        .or(format!("use a base that keeps the contract of `{}`", contract.id));
    Some(Finding::error(Code::NoEntrypoint, function.places.runtime.clone(), message).help(help))
}

/// Lambda's entry script requires a handler as its argument.
fn no_handler(Subject { function, plan, .. }: &Subject<'_>) -> Option<Finding> {
    let lacks_handler = matches!(plan.startup, Startup::Script { .. }) && plan.run.command.is_none();
    lacks_handler.then(|| {
        let message = "the base's entry script requires a handler";
        Finding::error(Code::NoHandler, function.places.function.clone(), message).help(Setting::Handler)
    })
}

/// The program of the entry point must not be a link (Lambda developer guide, troubleshooting-images).
fn link(Subject { function, plan, .. }: &Subject<'_>) -> Option<Finding> {
    let program = plan.run.entrypoint.as_ref()?.first()?.parse::<ImagePath>().ok()?;
    plan.merged.is_link(&program).then(|| {
        let message = format!("the entry point `{program}` is a symbolic link, which Lambda rejects");
        Finding::error(Code::EntryPointLink, function.places.function.clone(), message)
            .about([program])
            .help("put the program itself there instead of a link to it")
    })
}
