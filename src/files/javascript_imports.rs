//! Which modules a file of JavaScript imports.
//!
//! Files are searched, not parsed: `import … from "NAME"`, `import("NAME")` and `require("NAME")` outside of comments. What a
//! program puts together at run time is not found.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::file_facts::FileFacts;
use crate::project::ImagePath;
use crate::tree::{Tree, TreeError};

/// The longest specifier that is kept, in bytes: that of a path.
const LONGEST: usize = 512;

/// What the files of one tree import.
#[derive(Debug, Default)]
pub struct JavaScriptImports(FileFacts<BTreeSet<String>>);

impl JavaScriptImports {
    /// The specifiers that a file imports, such as `./helper` and `lodash/fp`. Nothing if the tree has no such file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(&self, tree: &Tree, path: &ImagePath) -> Result<Option<Arc<BTreeSet<String>>>, TreeError> {
        self.0.of(tree, path, |text, _is_cut| specifiers(text))
    }
}

/// The specifiers in a text.
fn specifiers(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let is_comment = ["//", "/*", "*"].iter().any(|mark| line.trim_start().starts_with(mark));
        let code = if is_comment { "" } else { &line[..line.find("// ").unwrap_or(line.len())] };
        for word in ["require", "from", "import"] {
            for (at, _) in code.match_indices(word) {
                // The name may be on the next line.
                found.extend(specifier(&text[start + at + word.len()..]).map(str::to_owned));
            }
        }
        start += line.len();
    }
    found
}

/// The specifier that follows a word.
fn specifier(after: &str) -> Option<&str> {
    let after = after.trim_start();
    let after = after.strip_prefix('(').unwrap_or(after).trim_start();
    let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
    let rest = &after[1..];
    let specifier = &rest[..rest.bytes().take(LONGEST).position(|byte| byte == quote as u8)?];
    (!specifier.is_empty() && !specifier.contains(['\n', '$'])).then_some(specifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> String {
        specifiers(text).into_iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_way_to_import_is_found() {
        assert_eq!(
            found("import a from 'a';import * as b from \"@b/c/d\"\nimport './e.js'"),
            "./e.js @b/c/d a"
        );
        assert_eq!(found("const a = require('a'), b = await import(`b`);\n__require( \"c\" )"), "a b c");
        assert_eq!(found("export {\n  x,\n} from\n  '../y';"), "../y");
        assert_eq!(found("import{a}from'a';require(\n'b')"), "a b");
    }

    #[test]
    fn comments_and_other_texts_are_not() {
        for text in [
            "// require('a')",
            "/* import 'a' */",
            " * from 'a'",
            "x(); // require('a')",
            "const a = 'a'; var lodash = {};",
            "require(name)",
            "require(`a${b}`)",
            "require('",
            "from",
            "require('ä",
        ] {
            assert_eq!(found(text), "", "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_much(text in "(require|import|from|[(\"'`$\n /*ä]){0,60}") {
            for specifier in specifiers(&text) {
                proptest::prop_assert!(text.contains(&specifier));
            }
        }
    }
}
