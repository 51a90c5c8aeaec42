//! The file of the handler should be in the image, where the language's runtime looks for it, and export what the handler names.

use std::collections::BTreeSet;
use std::convert::Infallible;

use super::ImageSubject;
use crate::check::handler_exports::{self, Text};
use crate::check::handler_module::Module;
use crate::finding::{Code, Finding};
use crate::project::{ImagePath, RunConfig};
use crate::runtime::{Language, TASK_ROOT, WRAPPER_VARIABLE};

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
    let files: BTreeSet<ImagePath> = folders
        .iter()
        .flat_map(|folder| files_in(&module, folder))
        .filter(|path| subject.is_file(path.as_str()))
        .collect();
    let is_extension_module = |path: &ImagePath| {
        let stem = module.extension_module();
        let starts = |folder: &&str| {
            stem.as_ref().is_some_and(|stem| path.as_str().starts_with(&format!("{folder}/{stem}.")))
        };
        path.suffix() == Some("so") && folders.iter().any(starts)
    };
    let is_installed =
        |path: &ImagePath| module.installed().iter().any(|ending| path.as_str().ends_with(ending.as_str()));
    let has =
        |is_module: &dyn Fn(&ImagePath) -> bool| subject.files.contents().any(|(path, _)| is_module(path));
    if has(&is_extension_module) {
        return Vec::new();
    }
    if !files.is_empty() {
        let is_own = files.iter().all(|path| path.is_below(TASK_ROOT));
        // What a wrapper does with a handler is not known.
        let has_wrapper = subject.variable(WRAPPER_VARIABLE).is_some_and(|wrapper| !wrapper.is_empty());
        if !is_own || has_wrapper {
            return Vec::new();
        }
        let read = |path: &ImagePath| Ok::<_, Infallible>(text(subject, path));
        let Ok(found) = handler_exports::missing(handler, &module, &files, subject.place, read);
        return found.into_iter().collect();
    }
    if has(&is_installed) {
        return Vec::new();
    }
    let message =
        format!("the handler `{handler}` is in {}, which the image does not have", module.description());
    vec![
        Finding::warning(Code::HandlerNotFound, subject.place.clone(), message)
            .help(format!("correct CMD, or add the file to `{TASK_ROOT}`")),
    ]
}

/// The files whose texts the check reads: those that the handler may be in, and those that show how Node.js loads them.
#[must_use]
pub(crate) fn files_of_handler(run: &RunConfig) -> BTreeSet<ImagePath> {
    let Some([handler]) = run.command.as_deref() else { return BTreeSet::new() };
    let folders: Vec<&str> = [TASK_ROOT].into_iter().chain(run.working_directory.as_deref()).collect();
    let mut files = BTreeSet::new();
    for language in [Language::Python, Language::Node, Language::Ruby] {
        let module = Module::in_language(handler, language);
        let of_folders = folders.iter().flat_map(|folder| files_in(&module, folder));
        for path in of_folders.filter(handler_exports::is_source) {
            if language == Language::Node {
                files.extend(handler_exports::packages_of(&path));
            }
            files.insert(path);
        }
    }
    files
}

/// The files in a folder that a module may be.
fn files_in(module: &Module<'_>, folder: &str) -> impl Iterator<Item = ImagePath> {
    let path = move |name: String| if name.starts_with('/') { name } else { format!("{folder}/{name}") };
    module.files().into_iter().filter_map(move |name| path(name).parse().ok())
}

/// The text of a file of the image, if it was kept.
fn text(subject: &ImageSubject<'_>, path: &ImagePath) -> Text {
    let Ok(target) = subject.resolve(path.as_str()) else { return Text::Missing };
    let kept = subject.files.content(&target.path).and_then(|content| content.text.clone());
    kept.map_or(Text::Unknown, Text::Known)
}
