//! Which modules a file of JavaScript imports.
//!
//! Files are searched, not parsed: `import … from "NAME"`, `import("NAME")` and `require("NAME")` outside of comments. What a
//! program puts together at run time is not found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::project::ImagePath;
use crate::tree::{Node, Tree, TreeError};

/// How much of a file is read, in bytes.
const READ: usize = 1024 * 1024;

/// The longest specifier that is kept, in bytes: that of a path.
const LONGEST: usize = 512;

/// What the files of one tree import. Each file is read when it is first asked for, once for all functions that share the tree.
#[derive(Debug, Default)]
pub struct JavaScriptImports(Mutex<BTreeMap<ImagePath, Arc<BTreeSet<String>>>>);

impl JavaScriptImports {
    /// The specifiers that a file imports, such as `./helper` and `lodash/fp`. Nothing if the tree has no such file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(&self, tree: &Tree, path: &ImagePath) -> Result<Option<Arc<BTreeSet<String>>>, TreeError> {
        let Some(Node::File(file)) = tree.get(path) else { return Ok(None) };
        // A panic elsewhere cannot leave a half-written entry.
        let known = |all: &Self| all.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        if let Some(known) = known(self) {
            return Ok(Some(known));
        }
        let specifiers = Arc::new(specifiers(&String::from_utf8_lossy(&file.content.head(READ)?)));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(path.clone(), Arc::clone(&specifiers));
        Ok(Some(specifiers))
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
