//! The file of the handler should be in the image, where the language's runtime looks for it.
//!
//! How a runtime reads a handler is that of its client (aws-lambda-python-runtime-interface-client and its siblings). What
//! limg cannot know is not judged: the content of Java archives, and entry points that do what they want with a handler.

use std::collections::BTreeSet;

use super::Subject;
use super::handler_exports::{self, Text};
use super::handler_module::Module;
use crate::exports;
use crate::files::Found;
use crate::finding::{Code, Finding, Help, Place};
use crate::plan::Startup;
use crate::project::ImagePath;
use crate::runtime::{AWS_ENTRYPOINT, LAYER_ROOT, RUNTIME_DIR, TASK_ROOT};
use crate::tree::TreeError;

/// Where bases have the archives of Lambda's Java client and of the JDK: those of AWS in the first two.
const OF_JAVA: [&str; 3] = [RUNTIME_DIR, "/var/lang", "/usr/lib/jvm"];

pub(super) fn check(subject: &Subject<'_>) -> Result<Vec<Finding>, TreeError> {
    if !calls_handlers(subject) {
        return Ok(Vec::new());
    }
    let function = subject.function;
    let extensions = function.extensions.iter().filter_map(|extension| {
        extension.handler_wrapper.as_ref().map(|wrapper| (wrapper.handler.as_str(), &extension.place))
    });
    let places = &function.places;
    let wrapper =
        function.handler_wrapper.as_ref().map(|wrapper| (wrapper.handler.as_str(), &places.function));
    let own = function.handler.as_deref().map(|handler| (handler, &places.handler));
    let handlers = extensions.chain(wrapper).chain(own);
    let mut findings = Vec::new();
    for (handler, place) in handlers {
        findings.extend(missing(subject, handler, place)?);
    }
    Ok(findings)
}

/// Whether the language's client gets the handler.
pub(super) fn calls_handlers(Subject { contract, plan, .. }: &Subject<'_>) -> bool {
    let package = contract.client.as_ref().and_then(|client| client.package.as_deref());
    match &plan.startup {
        Startup::Script { .. } | Startup::Client(_) => true,
        Startup::Foreign(words) => {
            words.iter().any(|word| word == AWS_ENTRYPOINT || Some(word.as_str()) == package)
        }
        _ => false,
    }
}

fn missing(subject: &Subject<'_>, handler: &str, place: &Place) -> Result<Option<Finding>, TreeError> {
    let Subject { contract, plan, .. } = subject;
    let Some(module) = Module::of(handler, &contract.id) else { return Ok(None) };
    let script = || format!("{TASK_ROOT}/{handler}").parse().ok();
    let is_script = !plan.wrappers.is_empty() && script().is_some_and(|path| plan.merged.is_file(&path));
    if is_script {
        return Ok(None);
    }
    // What a wrapper does with a handler is not known.
    if module.lacks_function() && plan.wrappers.is_empty() {
        let message =
            format!("the handler `{handler}` names {}, but no function in it", module.description());
        let help = format!("add the function's name: `{}.handler`", module.name());
        return Ok(Some(Finding::warning(Code::HandlerNotFound, place.clone(), message).help(help)));
    }
    if exists(subject, &module) {
        let is_known = plan.wrappers.is_empty();
        let Some(files) = own_files(subject, &module).filter(|_| is_known) else { return Ok(None) };
        return handler_exports::missing(handler, &module, &files, place, |path| text(subject, path));
    }
    let message = format!(
        "the handler `{handler}` is in {}, which is neither in the code nor in a layer or the base",
        module.description()
    );
    Ok(Some(Finding::warning(Code::HandlerNotFound, place.clone(), message).help(help(subject, &module))))
}

fn exists(subject: &Subject<'_>, module: &Module<'_>) -> bool {
    let Subject { plan, .. } = subject;
    if module.may_be_in_archive() && plan.merged.paths().any(|path| may_be_on_class_path(subject, path)) {
        return true;
    }
    folders(subject, module).iter().any(|folder| is_in_folder(subject, module, folder))
        || is_installed(subject, module)
}

/// The folders in which the module is searched.
fn folders<'a>(Subject { function, contract, plan, .. }: &Subject<'a>, module: &Module<'_>) -> Vec<&'a str> {
    let configuration = function.configuration.iter();
    let image = plan.run.environment.iter().map(|(name, value)| (name, value));
    let environment = image.chain(configuration);
    let of_variables = environment.filter(|(name, _)| module.variables().contains(&name.as_str()));
    let of_variables = of_variables.flat_map(|(_, value)| value.split(':'));
    let searched =
        contract.search_paths.iter().filter(|(name, _)| module.variables().contains(&name.as_str()));
    let searched = searched.flat_map(|(_, entries)| entries).map(String::as_str);
    let directory = plan.run.working_directory.as_deref();
    [TASK_ROOT].into_iter().chain(directory).chain(of_variables).chain(searched).collect()
}

/// The files of the module, if all are in the code and none is an extension module.
fn own_files(subject: &Subject<'_>, module: &Module<'_>) -> Option<BTreeSet<ImagePath>> {
    let folders = folders(subject, module);
    if folders.iter().any(|folder| has_extension_module(subject, module, folder)) {
        return None;
    }
    let files = folders.iter().flat_map(|folder| files_in(subject, module, folder)).collect::<BTreeSet<_>>();
    files.iter().all(|path| path.is_below(TASK_ROOT)).then_some(files)
}

/// The text of a file in the image.
fn text(Subject { plan, .. }: &Subject<'_>, path: &ImagePath) -> Result<Text, TreeError> {
    Ok(match plan.merged.resolve(path) {
        Some(Found::File(file)) => Text::of(&file.content.head(exports::LONGEST + 1)?),
        Some(Found::BaseFile(_)) => Text::Unknown,
        Some(Found::Directory) | None => Text::Missing,
    })
}

/// Whether a path is an archive from which Lambda loads classes: in `lib` of the code, in `java/lib` of a layer (facts 2.5), or
/// anywhere in the base but in the folders of Lambda's client and of the JDK, which contain no handlers. A base with another
/// working directory or a `CLASSPATH` is not judged.
fn may_be_on_class_path(Subject { function, plan, .. }: &Subject<'_>, path: &ImagePath) -> bool {
    let is_variable = |(name, _): &(String, String)| name == "CLASSPATH";
    let is_changed = plan.run.working_directory.as_deref().is_some_and(|folder| folder != TASK_ROOT)
        || plan.run.environment.iter().any(is_variable)
        || function.configuration.contains_key("CLASSPATH");
    let is_of_base = ![TASK_ROOT, LAYER_ROOT].iter().chain(&OF_JAVA).any(|folder| path.is_below(folder));
    let folder = path.folder();
    path.suffix() == Some("jar")
        && (is_changed
            || is_of_base
            || folder == format!("{TASK_ROOT}/lib")
            || folder == format!("{LAYER_ROOT}/java/lib"))
}

fn is_in_folder(subject: &Subject<'_>, module: &Module<'_>, folder: &str) -> bool {
    files_in(subject, module, folder).next().is_some() || has_extension_module(subject, module, folder)
}

/// The files in a folder that the module may be.
fn files_in(
    Subject { plan, .. }: &Subject<'_>,
    module: &Module<'_>,
    folder: &str,
) -> impl Iterator<Item = ImagePath> {
    module.files().into_iter().filter_map(move |name| {
        let path = if name.starts_with('/') { name } else { format!("{folder}/{name}") };
        path.parse().ok().filter(|path| plan.merged.is_file(path))
    })
}

/// Whether a folder has the module as one that is compiled for Python.
fn has_extension_module(Subject { plan, .. }: &Subject<'_>, module: &Module<'_>, folder: &str) -> bool {
    // `MODULE.cpython-312-x86_64-linux-gnu.so`
    let Some(stem) = module.extension_module() else { return false };
    let Ok(stem) = format!("{folder}/{stem}").parse::<ImagePath>() else { return false };
    let is_module = |path: &ImagePath| {
        let rest = path.name().strip_prefix(stem.name()).filter(|rest| rest.starts_with('.'));
        rest.is_some()
            && path.suffix() == Some("so")
            && matches!(plan.merged.resolve(path), Some(Found::File(_)))
    };
    plan.merged.children(stem.folder()).iter().any(is_module)
}

/// Whether a package in the image has the module, in a folder that only the language knows.
fn is_installed(Subject { plan, .. }: &Subject<'_>, module: &Module<'_>) -> bool {
    let endings = module.installed();
    !endings.is_empty()
        && plan.merged.paths().any(|path| {
            let is_own = path.is_below(TASK_ROOT) && !path.as_str().contains("/vendor/bundle/");
            !is_own && endings.iter().any(|ending| path.as_str().ends_with(ending.as_str()))
        })
}

/// What the user may have meant.
fn help(subject: &Subject<'_>, module: &Module<'_>) -> Help {
    let code = &subject.trees.code.tree;
    let own = code.below(TASK_ROOT).map(|(path, _)| &path.as_str()[TASK_ROOT.len() + 1..]);
    let own: Vec<_> = own.filter(|path| !path.contains("node_modules/")).collect();
    if let Some(source) = own.iter().find(|path| module.is_uncompiled(path)) {
        return format!("compile `{source}` to JavaScript before the build").into();
    }
    let candidates: Vec<_> = own.iter().filter_map(|path| Some((module.name_of(path)?, *path))).collect();
    if let Some(handler) = module.slip(candidates.iter().map(|(name, _)| name.as_str())) {
        return format!("use `{handler}`").into();
    }
    let files = module.nearest(&candidates);
    if files.is_empty() {
        return "add its file to the code, or correct the handler".into();
    }
    let files: Vec<_> = files.iter().map(|file| format!("`{file}`")).collect();
    format!("correct the handler; the nearest files are {}", files.join(", ")).into()
}
