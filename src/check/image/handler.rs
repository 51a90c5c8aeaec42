//! The file of the handler should be in the image, where the language's runtime looks for it.

use super::ImageSubject;
use crate::check::handler_module::Module;
use crate::finding::{Code, Finding};
use crate::runtime::{Language, TASK_ROOT};

pub(super) fn check(subject: &ImageSubject<'_>) -> Vec<Finding> {
    let (Some(contract), true) = (subject.contract(), subject.has_entry_script()) else { return Vec::new() };
    let Some([handler]) = subject.run.command.as_deref() else { return Vec::new() };
    if handler.is_empty() {
        return Vec::new();
    }
    let Some(module) = Module::of(handler, &contract.id) else { return Vec::new() };
    // Classes may be in archives, and a wrapper may start a script.
    let is_judged = matches!(module.language(), Language::Python | Language::Node | Language::Ruby);
    if !is_judged || subject.is_file(&format!("{TASK_ROOT}/{handler}")) {
        return Vec::new();
    }
    let of_variables = module.variables().iter().filter_map(|name| subject.variable(name));
    let searched = module.variables().iter().flat_map(|name| contract.search_path(name));
    let folders = [TASK_ROOT].into_iter().chain(subject.run.working_directory.as_deref());
    let folders: Vec<&str> =
        folders.chain(of_variables.flat_map(|value| value.split(':'))).chain(searched).collect();
    let has_file = |folder: &str| {
        let is_own = |name: &String| subject.is_file(&format!("{folder}/{name}"));
        let stem = module.extension_module().map(|stem| format!("{folder}/{stem}."));
        let has_extension_module = || {
            stem.as_ref().is_some_and(|stem| {
                subject
                    .files
                    .contents()
                    .any(|(path, _)| path.as_str().starts_with(stem) && path.suffix() == Some("so"))
            })
        };
        module.files().iter().any(is_own) || has_extension_module()
    };
    let is_installed = || {
        let endings = module.installed();
        subject
            .files
            .contents()
            .any(|(path, _)| endings.iter().any(|ending| path.as_str().ends_with(ending.as_str())))
    };
    if folders.iter().any(|folder| has_file(folder)) || is_installed() {
        return Vec::new();
    }
    let message =
        format!("the handler `{handler}` is in {}, which the image does not have", module.description());
    vec![
        Finding::warning(Code::HandlerNotFound, subject.place.clone(), message)
            .help(format!("correct CMD, or add the file to `{TASK_ROOT}`")),
    ]
}
