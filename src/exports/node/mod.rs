//! The names of a module of Node.js.

mod common_js;
mod es_module;

use super::Exports;
use super::syntax::parse;

/// How Node.js loads a module (Node.js documentation, "Determining module system").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// As an ES module.
    EsModule,
    /// As a module of `CommonJS`.
    CommonJs,
}

/// What a module of Node.js exports.
pub(crate) fn exports(text: &str, format: Format) -> Exports {
    let Some(tree) = parse(text, &tree_sitter_javascript::LANGUAGE.into()) else {
        return Exports::Unknowable;
    };
    let names = match format {
        Format::EsModule => es_module::names(&tree, text),
        Format::CommonJs => common_js::names(&tree, text),
    };
    names.map_or(Exports::Unknowable, Exports::Known)
}

/// What is in the quotes of a string.
fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}
