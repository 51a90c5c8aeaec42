//! Whether a handler's module has the function that the handler names.
//!
//! Texts are searched, not parsed: a module lacks a function if its text does not even contain the function's name, and has
//! nothing that could define names that are not in it. What is minified or bundled is not judged.

use super::Subject;
use super::handler_module::Module;
use crate::files::Found;
use crate::finding::{Code, Finding, Place};
use crate::project::ImagePath;
use crate::runtime::{Language, TASK_ROOT};
use crate::tree::TreeError;

/// The longest file that is searched, in bytes: more than people write.
const READ: usize = 256 * 1024;

/// The longest line that people write, in bytes.
const LONGEST_LINE: usize = 1000;

/// What may define names that are not in a text, by language.
const DYNAMIC: [(Language, &[&str]); 3] = [
    (
        Language::Python,
        &[
            "import *",
            "__all__",
            "__getattr__",
            "__dict__",
            "globals(",
            "locals(",
            "vars(",
            "setattr(",
            "exec(",
            "sys.modules",
        ],
    ),
    (
        Language::Node,
        &[
            "export *",
            "export*",
            "exports[",
            "(exports",
            "(module",
            ", exports",
            ", module",
            "...",
            "eval(",
            "Function(",
            "__export",
            "_export",
        ],
    ),
    (
        Language::Ruby,
        &[
            "require_relative",
            "require './",
            "require \"./",
            "load",
            "include",
            "extend",
            "prepend",
            "<",
            "eval",
            "define_method",
            "method_missing",
            "delegate",
            "forwardable",
            "Struct",
        ],
    ),
];

/// The warning about a function that the handler's module in the code lacks.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn missing(
    subject: &Subject<'_>,
    handler: &str,
    module: &Module<'_>,
    place: &Place,
) -> Result<Option<Finding>, TreeError> {
    let Some(name) = module.function_name() else { return Ok(None) };
    let merged = &subject.plan.merged;
    let files = module.files().into_iter().filter_map(|file| format!("{TASK_ROOT}/{file}").parse().ok());
    let files: Vec<ImagePath> = files.filter(|path| merged.is_file(path)).collect();
    let Some(first) = files.first() else { return Ok(None) };
    let mut text = String::new();
    // Which of several files the runtime takes does not matter if none has the function.
    for path in &files {
        let is_source = matches!(path.suffix(), Some("py" | "js" | "mjs" | "cjs" | "rb"));
        let Some(Found::File(file)) = merged.resolve(path).filter(|_| is_source) else { return Ok(None) };
        let head = file.content.head(READ)?;
        let own = String::from_utf8_lossy(&head);
        let is_written = head.len() < READ && own.lines().all(|line| line.len() <= LONGEST_LINE);
        if !is_written || has_word(&own, name) || may_define(&own, module.language()) {
            return Ok(None);
        }
        text.push_str(&own);
    }
    let file = &first.as_str()[TASK_ROOT.len() + 1..];
    let message =
        format!("the handler `{handler}` names the function `{name}`, which `{file}` does not have");
    let help = match meant(&text, module.language()) {
        Some(meant) => format!("use `{}.{meant}`", module.name()),
        None => "correct the handler, or add the function to the file".to_owned(),
    };
    Ok(Some(Finding::warning(Code::HandlerNotFound, place.clone(), message).help(help)))
}

/// Whether a text may define names that it does not contain.
fn may_define(text: &str, language: Language) -> bool {
    let words = DYNAMIC.iter().find(|(own, _)| *own == language).map(|(_, words)| *words);
    let Some(words) = words else { return true };
    words.iter().any(|word| text.contains(word)) || (language == Language::Node && exports_value(text))
}

/// Whether a module of Node.js exports something whose names are not known: anything but an object in braces.
fn exports_value(text: &str) -> bool {
    let mut assigned = text.match_indices("exports").filter_map(|(at, word)| {
        let rest = text[at + word.len()..].trim_start();
        rest.strip_prefix('=').filter(|rest| !rest.starts_with('='))
    });
    assigned.any(|value| !value.trim_start().starts_with('{'))
}

/// Whether a text contains a name as a word.
fn has_word(text: &str, name: &str) -> bool {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + name.len()..].starts_with(is_part))
}

/// The function that was meant: the only one whose name has the word `handler`.
fn meant(text: &str, language: Language) -> Option<&str> {
    let starts: &[&str] = match language {
        Language::Node => {
            &["exports.", "export const ", "export let ", "export function ", "export async function "]
        }
        _ => &["def ", "async def "],
    };
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let lines = text.lines().map(|line| line.strip_prefix("module.").unwrap_or(line));
    let rests = lines.filter_map(|line| starts.iter().find_map(|start| line.strip_prefix(start)));
    let names = rests.map(|rest| &rest[..rest.find(|letter| !is_part(letter)).unwrap_or(rest.len())]);
    let mut names: Vec<&str> = names.filter(|name| name.to_lowercase().contains("handler")).collect();
    names.sort_unstable();
    names.dedup();
    match names[..] {
        [name] => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_define_other_names_is_not_judged() {
        for (language, text) in [
            (Language::Python, "from lib import *"),
            (Language::Python, "globals()['x'] = 1"),
            (Language::Node, "module.exports = require('./lib')"),
            (Language::Node, "module.exports=app;"),
            (Language::Node, "exports = module.exports = new App()"),
            (Language::Node, "module.exports = { ...lib }"),
            (Language::Node, "export * from './lib.mjs'"),
            (Language::Node, "for (const k in lib) exports[k] = lib[k]"),
            (Language::Ruby, "require_relative 'lib'"),
            (Language::Ruby, "class A < B\nend"),
            (Language::Java, ""),
        ] {
            assert!(may_define(text, language), "{text}");
        }
        for (language, text) in [
            (Language::Python, "from lib import x\ndef f(): pass"),
            (Language::Node, "exports.other = () => {}\nmodule.exports = { a, b }\nx = y == exports"),
            (Language::Node, "export const other = 1"),
            (Language::Ruby, "require 'json'\ndef f(event:, context:)\nend"),
        ] {
            assert!(!may_define(text, language), "{text}");
        }
    }

    #[test]
    fn names_are_words() {
        assert!(has_word("def handler(event):", "handler"));
        assert!(!has_word("def my_handler(event):", "handler"));
        assert!(!has_word("handlers", "handler") && !has_word("$handler", "handler"));
        assert!(has_word("ähandler handler", "handler"));
    }

    #[test]
    fn the_only_handler_is_what_was_meant() {
        assert_eq!(meant("exports.handler = 1\nexports.other = 2", Language::Node), Some("handler"));
        assert_eq!(meant("module.exports.lambdaHandler = 1", Language::Node), Some("lambdaHandler"));
        assert_eq!(meant("export async function handler() {}", Language::Node), Some("handler"));
        assert_eq!(
            meant("def lambda_handler(a, b):\ndef main(): x", Language::Python),
            Some("lambda_handler")
        );
        assert_eq!(meant("def a_handler(): x\ndef b_handler(): x", Language::Python), None);
        assert_eq!(meant("def ", Language::Ruby), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_searched(text in "(handler|exports|def |=|[.ä{\n ]){0,30}") {
            has_word(&text, "handler");
            may_define(&text, Language::Node);
            for language in [Language::Node, Language::Python] {
                proptest::prop_assert!(meant(&text, language).is_none_or(|name| text.contains(name)));
            }
        }
    }
}
