//! An entry point that only runs its arguments would run the handler's name as a command, which does not start a handler.

use super::Subject;
use crate::finding::{Code, Finding, Help, Setting, Severity};
use crate::plan::Startup;
use crate::project::ImagePath;
use crate::runtime::TASK_ROOT;
use crate::tree::TreeError;

/// Programs that run their arguments as a command.
const RUNNERS: &[&str] = &["catatonit", "dumb-init", "env", "tini", "tini-static"];

/// Programs that run the arguments after a user as a command.
const USER_RUNNERS: &[&str] = &["gosu", "su-exec"];

/// Scripts of well-known images that end with running their arguments, unless an image has a changed one: Docker's official
/// images and Eclipse Temurin.
const SCRIPTS: &[&str] = &["__cacert_entrypoint.sh", "docker-entrypoint.sh"];

/// Programs that run the file that their first argument names.
const INTERPRETERS: &[&str] =
    &["bash", "dash", "dotnet", "java", "node", "nodejs", "python", "python3", "ruby", "sh"];

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    let Subject { function, contract, plan, .. } = subject;
    let Startup::Foreign(words) = &plan.startup else { return Ok(Vec::new()) };
    // The programs of OS-only bases need no handler.
    if contract.launcher.is_some() || is_command(subject) {
        return Ok(Vec::new());
    }
    let Some(severity) = runs_only_arguments(words) else { return Ok(Vec::new()) };
    let handler = plan.run.command.as_ref().and_then(|command| command.first());
    let message = format!(
        "the entry point `{}` of the base `{}` only runs its arguments as a command, and the handler `{}` is not a command",
        words.join(" "),
        function.base.name,
        handler.map(String::as_str).unwrap_or_default()
    );
    let help = if function.base.entrypoint.is_some() {
        Help::from("let the entry point start the language's runtime interface client")
    } else {
        Help::setting(Setting::EntryPoint)
    };
    let help = help.or(format!("use a base that keeps the contract of `{}`", contract.id));
    let place = function.base.entrypoint.as_ref().map_or(&function.places.runtime, |entry| &entry.place);
    let finding = Finding::error(Code::ForeignEntrypoint, place.clone(), message).help(help);
    Ok(vec![Finding { severity, ..finding }])
}

/// Whether the handler is the name of a program or file that an entry point can run.
fn is_command(Subject { plan, .. }: &Subject<'_>) -> bool {
    let Some(word) = plan.run.command.as_ref().and_then(|command| command.first()) else { return false };
    let is_file = |path: &str| path.parse::<ImagePath>().is_ok_and(|path| plan.merged.is_file(&path));
    let search_path = plan.run.environment.iter().find(|(name, _)| name == "PATH");
    let mut folders = search_path.into_iter().flat_map(|(_, value)| value.split(':')).chain([TASK_ROOT]);
    is_file(word) || folders.any(|folder| is_file(&format!("{folder}/{word}")))
}

/// Whether a command does nothing but run what follows it: certainly (an error), or by the name of a script that may have
/// been changed (a warning).
fn runs_only_arguments(words: &[String]) -> Option<Severity> {
    let mut severity = Severity::Error;
    let mut words = words.iter().map(String::as_str).peekable();
    loop {
        let Some(word) = words.next() else { return Some(severity) };
        let name = word.rsplit('/').next().unwrap_or_default();
        if SCRIPTS.contains(&name) {
            severity = Severity::Warning;
        } else if USER_RUNNERS.contains(&name) {
            words.next();
        } else if is_interpreter(name) {
            // `python3 -m` may run a module that starts handlers.
            let is_bare = words.all(|option| option.starts_with('-') && option != "-m");
            return is_bare.then_some(severity);
        } else if !RUNNERS.contains(&name) {
            return None;
        }
        // Options, and the variables of `env`.
        while words.next_if(|word| word.starts_with('-') || word.contains('=')).is_some() {}
    }
}

/// Whether a program is one of the interpreters, with or without a version such as that of `python3.12`.
fn is_interpreter(name: &str) -> bool {
    let unversioned = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    INTERPRETERS.contains(&name) || INTERPRETERS.contains(&unversioned)
}
