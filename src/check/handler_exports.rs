//! Whether a handler's module exports the function that the handler names.
//!
//! Nothing is reported if the text of the module does not show its exports for certain. The caller reads the files: those of a
//! planned image are in its trees, those of a finished one among the texts that were kept of it.

use std::collections::BTreeSet;

use super::handler_module::Module;
use super::named;
use crate::exports::node::Format;
use crate::exports::{self, Exports, Names};
use crate::finding::{Code, Finding, Help, Place};
use crate::project::ImagePath;
use crate::runtime::{Language, TASK_ROOT};
use crate::text;

/// The name of the file that decides how Node.js loads the modules in its folder and below.
const PACKAGE: &str = "package.json";

/// The text of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Text {
    /// It is this.
    Known(String),
    /// There is a file, but its text is not known or too long.
    Unknown,
    /// The file does not exist.
    Missing,
}

impl Text {
    /// The text of the first bytes of a file, of at most [`exports::LONGEST`] and one.
    pub(super) fn of(head: &[u8]) -> Self {
        if head.len() > exports::LONGEST {
            return Self::Unknown;
        }
        Self::Known(String::from_utf8_lossy(head).into_owned())
    }
}

/// The warning about a function that a module lacks. Which of the module's files the runtime takes does not matter if none has the
/// function.
///
/// # Errors
/// When `read` fails.
pub(super) fn missing<E>(
    handler: &str,
    module: &Module<'_>,
    files: &BTreeSet<ImagePath>,
    place: &Place,
    read: impl Fn(&ImagePath) -> Result<Text, E>,
) -> Result<Option<Finding>, E> {
    let (Some(function), Some(first)) = (module.function(), files.first()) else { return Ok(None) };
    let mut known = Names::default();
    for path in files {
        let Exports::Known(names) = of_file(path, module, &read)? else { return Ok(None) };
        if names.all.contains(function.name) {
            return Ok(None);
        }
        known.functions.extend(names.functions);
    }
    let file = first.as_str().strip_prefix(TASK_ROOT).unwrap_or(first.as_str()).trim_start_matches('/');
    let what = if module.language() == Language::Ruby { "defines" } else { "exports" };
    let receiver = function.receiver.map_or_else(String::new, |receiver| format!("{receiver}."));
    let message = format!(
        "the handler `{handler}` names the function `{receiver}{}`, but `{file}` {what} no such function",
        function.name
    );
    let help = help(module, &receiver, function.name, &known.functions);
    Ok(Some(Finding::warning(Code::HandlerNotFound, place.clone(), message).help(help)))
}

/// The files that show how Node.js loads a module: those of its folder and of the folders above it, the nearest first. A package
/// does not inherit from what is around `node_modules`.
pub(super) fn packages_of(path: &ImagePath) -> Vec<ImagePath> {
    let folders: Vec<&str> = [""].into_iter().chain(path.folders()).collect();
    let folders = folders.into_iter().rev().take_while(|folder| !folder.ends_with("/node_modules"));
    folders.filter_map(|folder| format!("{folder}/{PACKAGE}").parse().ok()).collect()
}

/// Whether a file is one whose text shows what it exports.
pub(super) fn is_source(path: &ImagePath) -> bool {
    matches!(path.suffix(), Some("py" | "js" | "mjs" | "cjs" | "rb"))
}

/// What a file exports.
fn of_file<E>(
    path: &ImagePath,
    module: &Module<'_>,
    read: &impl Fn(&ImagePath) -> Result<Text, E>,
) -> Result<Exports, E> {
    let Text::Known(text) = (if is_source(path) { read(path)? } else { Text::Unknown }) else {
        return Ok(Exports::Unknowable);
    };
    Ok(match module.language() {
        Language::Python => exports::python::exports(&text),
        Language::Node => match format(path, read)? {
            Some(format) => exports::node::exports(&text, format),
            None => Exports::Unknowable,
        },
        Language::Ruby => {
            exports::ruby::exports(&text, module.function().and_then(|function| function.receiver))
        }
        Language::Java | Language::DotNet => Exports::Unknowable,
    })
}

/// How Node.js loads a file: by its ending, or as the nearest `package.json` says (Node.js documentation, "Determining module
/// system"). Nothing if that is not known.
fn format<E>(path: &ImagePath, read: &impl Fn(&ImagePath) -> Result<Text, E>) -> Result<Option<Format>, E> {
    match path.suffix() {
        Some("mjs") => return Ok(Some(Format::EsModule)),
        Some("cjs") => return Ok(Some(Format::CommonJs)),
        _ => {}
    }
    for package in packages_of(path) {
        let text = match read(&package)? {
            Text::Known(text) => text,
            Text::Unknown => return Ok(None),
            Text::Missing => continue,
        };
        let package: Option<serde_json::Value> = serde_json::from_str(&text).ok();
        return Ok(package.map(|package| match package["type"].as_str() {
            Some("module") => Format::EsModule,
            _ => Format::CommonJs,
        }));
    }
    Ok(Some(Format::CommonJs))
}

/// What the user may have meant.
fn help(module: &Module<'_>, receiver: &str, name: &str, functions: &BTreeSet<String>) -> Help {
    let handler = |function: &str| format!("{}.{receiver}{function}", module.name());
    let functions: Vec<&str> = functions.iter().map(String::as_str).collect();
    if let Some(near) = text::nearest(name, functions.iter().copied()) {
        return format!("did you mean `{}`?", handler(near)).into();
    }
    let mut handlers = functions.iter().filter(|function| function.to_lowercase().contains("handler"));
    if let (Some(only), None) = (handlers.next(), handlers.next()) {
        return format!("did you mean `{}`?", handler(only)).into();
    }
    if functions.is_empty() {
        return "correct the handler, or add the function to the file".into();
    }
    format!("name one of the file's functions: {}", named(&functions)).into()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn format_of(path: &str, files: &[(&str, Text)]) -> Option<Format> {
        let read = |path: &ImagePath| {
            let text = files.iter().find(|(own, _)| *own == path.as_str()).map(|(_, text)| text.clone());
            Ok::<_, Infallible>(text.unwrap_or(Text::Missing))
        };
        format(&path.parse().unwrap(), &read).unwrap()
    }

    #[test]
    fn the_nearest_package_says_how_a_file_is_loaded() {
        let package = |path, text: &str| (path, Text::Known(text.to_owned()));
        let root = package("/var/task/package.json", r#"{"type": "module"}"#);
        let plain = package("/var/task/src/package.json", "{}");
        let (esm, cjs) = (Some(Format::EsModule), Some(Format::CommonJs));
        for (path, files, expected) in [
            ("/var/task/a.mjs", vec![], esm),
            ("/var/task/a.cjs", vec![root.clone()], cjs),
            ("/var/task/a.js", vec![], cjs),
            ("/var/task/a.js", vec![root.clone()], esm),
            ("/var/task/lib/deep/a.js", vec![root.clone()], esm),
            ("/var/task/src/a.js", vec![root.clone(), plain], cjs),
            ("/var/task/a.js", vec![package("/package.json", r#"{"type": "module"}"#)], esm),
            ("/var/task/a.js", vec![package("/var/task/package.json", "{")], None),
            ("/var/task/a.js", vec![("/var/task/package.json", Text::Unknown)], None),
            ("/var/task/node_modules/a.js", vec![root], cjs),
        ] {
            assert_eq!(format_of(path, &files), expected, "{path} {files:?}");
        }
    }
}
