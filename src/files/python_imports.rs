//! Which modules a file of Python imports.
//!
//! Files are scanned, not parsed: `import` and `from` statements outside of strings and comments, in whatever block they are.
//! What a program puts together at run time is not found, but a file that may do so is marked.

use std::sync::Arc;

use super::file_facts::FileFacts;
use crate::project::ImagePath;
use crate::tree::{Tree, TreeError};

/// The longest statement that is looked at, in bytes: many times the longest list of names.
const LONGEST: usize = 64 * 1024;

/// What a file has that imports modules whose names are not in an import statement.
const IMPORTERS: [&str; 5] = ["import_module", "__import__", "exec_module", "load_module", "runpy"];

/// What a file has that changes where modules are found.
const SEARCH_CHANGES: [&str; 7] =
    ["sys.path", "sys.modules", "sys.meta_path", "from sys", "addsitedir", "zipimport", "pkgutil"];

/// An import of one module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonImport {
    /// How many full stops precede the name: 0 for an absolute import, 1 for the module's own package.
    pub level: usize,
    /// The name with its packages, such as `a.b`; empty for `from . import x`.
    pub name: String,
    /// What a `from` statement imports, which may be modules too.
    pub members: Vec<String>,
    /// Whether it runs whenever the module is loaded: it is in no block.
    pub is_unconditional: bool,
}

/// What a file of Python imports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PythonModule {
    /// Its import statements, without those for type checkers and for a start as a program.
    pub imports: Vec<PythonImport>,
    /// Whether it may import modules that no statement names, or is too long to be read.
    pub may_import_more: bool,
    /// Whether it may change where modules are found.
    pub changes_search: bool,
}

/// What the files of one tree import.
#[derive(Debug, Default)]
pub struct PythonImports(FileFacts<PythonModule>);

impl PythonImports {
    /// What a file imports. Nothing if the tree has no such file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(&self, tree: &Tree, path: &ImagePath) -> Result<Option<Arc<PythonModule>>, TreeError> {
        self.0.of(tree, path, |text, is_cut| {
            let mut module = module(text);
            module.may_import_more |= is_cut;
            module
        })
    }
}

/// What a text imports.
fn module(text: &str) -> PythonModule {
    let mut module = PythonModule::default();
    // The indentation of a block that Lambda does not run.
    let mut skipped: Option<usize> = None;
    for_each_line(text.trim_start_matches('\u{feff}'), |indentation, line| {
        module.may_import_more |= IMPORTERS.iter().any(|word| line.contains(word));
        module.changes_search |= SEARCH_CHANGES.iter().any(|word| line.contains(word));
        if skipped.is_some_and(|block| indentation > block) {
            return;
        }
        skipped = is_for_others(line).then_some(indentation);
        if skipped.is_some() || !line.contains("import") {
            return;
        }
        for (statement, is_in_block) in statements(line) {
            add(statement, indentation == 0 && !is_in_block, &mut module.imports);
        }
    });
    module
}

/// Whether a line begins a block for type checkers, or for a start as a program.
fn is_for_others(line: &str) -> bool {
    let condition = line.strip_prefix("if").filter(|rest| rest.starts_with([' ', '(']));
    condition.is_some_and(|condition| {
        let is_main = condition.contains("__name__") && condition.contains("==");
        !condition.contains("not ") && (is_main || condition.contains("TYPE_CHECKING"))
    })
}

/// Calls `with` for each logical line that is not empty: with its indentation, and its text without comments, in which strings are
/// empty and line breaks in brackets are spaces.
fn for_each_line(text: &str, mut with: impl FnMut(usize, &str)) {
    let (mut line, mut indentation, mut depth) = (String::new(), 0_usize, 0_usize);
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        rest = match letter {
            '\n' | '\r' if depth > 0 => {
                line.push(' ');
                after
            }
            '\n' | '\r' => {
                if !line.is_empty() {
                    with(indentation, &line);
                }
                line.clear();
                indentation = 0;
                after
            }
            '#' => &after[after.find(['\n', '\r']).unwrap_or(after.len())..],
            '\\' => {
                line.push(' ');
                let after = after.strip_prefix('\r').unwrap_or(after);
                after.strip_prefix('\n').unwrap_or(after)
            }
            '"' | '\'' => {
                line.push_str("\"\"");
                after_string(rest, letter)
            }
            ' ' | '\t' | '\u{c}' if line.is_empty() => {
                indentation += 1;
                after
            }
            _ => {
                match letter {
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                if line.len() < LONGEST {
                    line.push(letter);
                }
                after
            }
        };
    }
    if !line.is_empty() {
        with(indentation, &line);
    }
}

/// What follows the string at the beginning of a text.
fn after_string(text: &str, quote: char) -> &str {
    let triple = match quote {
        '"' => "\"\"\"",
        _ => "'''",
    };
    let is_triple = text.starts_with(triple);
    let mut rest = &text[if is_triple { triple.len() } else { quote.len_utf8() }..];
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        if letter == '\\' {
            rest = after.get(after.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
        } else if is_triple && rest.starts_with(triple) {
            return &rest[triple.len()..];
        } else if !is_triple && (letter == quote) {
            return after;
        } else if !is_triple && matches!(letter, '\n' | '\r') {
            return rest;
        } else {
            rest = after;
        }
    }
    rest
}

/// The statements of a line, each with whether it is in a block that begins on the line, as in `try: import a`.
fn statements(line: &str) -> Vec<(&str, bool)> {
    let (mut found, mut start, mut depth, mut is_in_block) = (Vec::new(), 0, 0_usize, false);
    for (at, letter) in line.char_indices() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ';' | ':' if depth == 0 => {
                found.push((&line[start..at], is_in_block));
                is_in_block |= letter == ':';
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push((&line[start..], is_in_block));
    found
}

/// Adds what a statement imports.
fn add(statement: &str, is_unconditional: bool, imports: &mut Vec<PythonImport>) {
    let statement = statement.trim();
    if let Some(names) = statement.strip_prefix("import").filter(|rest| rest.starts_with([' ', '\t'])) {
        for name in names.split(',').filter_map(|name| name.split_whitespace().next()) {
            if is_name(name) {
                let (name, members) = (name.to_owned(), Vec::new());
                imports.push(PythonImport { level: 0, name, members, is_unconditional });
            }
        }
    } else if let Some(rest) =
        statement.strip_prefix("from").filter(|rest| rest.starts_with([' ', '\t', '.']))
    {
        imports.extend(from(rest, is_unconditional));
    }
}

/// What follows the word `from`.
fn from(rest: &str, is_unconditional: bool) -> Option<PythonImport> {
    let module = rest.trim_start_matches([' ', '\t', '.']);
    let level = rest[..rest.len() - module.len()].matches('.').count();
    let end = module.find(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != '.');
    let (name, names) = module.split_at(end.unwrap_or(module.len()));
    let (name, names) = match names.trim_start().strip_prefix("import") {
        Some(names) if is_name(name) && names.starts_with([' ', '\t', '(', '*']) => (name, names),
        // `from . import x`
        None if level > 0 && name == "import" => ("", names),
        _ => return None,
    };
    let members = names.trim_matches([' ', '\t', '(', ')']).split(',');
    let members = members.filter_map(|member| member.split_whitespace().next());
    let members = members.filter(|member| is_name(member)).map(str::to_owned).collect();
    Some(PythonImport { level, name: name.to_owned(), members, is_unconditional })
}

/// Whether a text is the name of a module, with its packages.
fn is_name(text: &str) -> bool {
    text.split('.').all(|name| {
        name.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each import as `..name(members)`, with a question mark if it is conditional.
    fn found(text: &str) -> String {
        let written = |import: &PythonImport| {
            let members = if import.members.is_empty() {
                String::new()
            } else {
                format!("({})", import.members.join(" "))
            };
            let mark = if import.is_unconditional { "" } else { "?" };
            format!("{}{}{members}{mark}", ".".repeat(import.level), import.name)
        };
        module(text).imports.iter().map(written).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_way_to_import_is_found() {
        assert_eq!(found("import a.b, c as d\nfrom x import y"), "a.b c x(y)");
        assert_eq!(
            found("\u{feff}import a; import b\r\nfrom .x.y import (z as q,\r\n  w)\r\n"),
            "a b .x.y(z w)"
        );
        assert_eq!(found("from . import x\nfrom .. import y\nfrom .import z"), ".(x) ..(y) .(z)");
        assert_eq!(found("from a \\\n  import b, \\\n c\nfrom x import *"), "a(b c) x");
        assert_eq!(found("x = 1; import a  # import b"), "a");
        assert_eq!(found("s = f'{a[\"b\"]}'\nimport a"), "a");
        assert_eq!(found("s = 'it\\'s'; import a\nr = r'\\'\nimport b"), "a b");
    }

    #[test]
    fn imports_in_blocks_are_conditional() {
        let text = "try:\n  import a\nexcept ImportError: import b\ndef f(x: int): import c\nimport d\nclass A:\n\timport e";
        assert_eq!(found(text), "a? b? c? d e?");
    }

    #[test]
    fn what_lambda_does_not_run_is_left_out() {
        let text = "if TYPE_CHECKING:\n  import a\nelse:\n  import b\nif typing.TYPE_CHECKING: import c\n\
            if __name__ == '__main__':\n    import d\n    if x:\n        import e\nimport f\nif not TYPE_CHECKING:\n import g";
        assert_eq!(found(text), "b? f g?");
    }

    #[test]
    fn comments_and_other_texts_are_not() {
        for text in [
            "# import a",
            "\"\"\"\nimport a\nfrom b import c\n\"\"\"",
            "x = '''\nimport a'''",
            "f(\nimport_a,\nfrom_b)",
            "important = 1",
            "import 1a",
            "raise X from y",
            "yield from z",
            "import",
            "from",
            "from a",
            "from a importb",
            "'import a",
            "'''import a",
        ] {
            assert_eq!(found(text).replace("a()", ""), "", "{text}");
        }
    }

    #[test]
    fn files_that_may_import_anything_are_marked() {
        assert!(module("m = importlib.import_module('a')").may_import_more);
        assert!(module("__import__(x)").may_import_more);
        assert!(!module("'__import__'  # import_module").may_import_more);
        assert!(module("def f():\n  sys.path.insert(0, 'x')").changes_search);
        assert!(!module("import sys").changes_search);
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_much(text in "(import|from|if TYPE_CHECKING:|as|\"\"\"|'''|\\\\|[a.,;:()\\[\"'#\r\n \tä\u{feff}]){0,60}") {
            for import in module(&text).imports {
                proptest::prop_assert!(text.contains(&import.name));
                proptest::prop_assert!(import.members.iter().all(|member| text.contains(member)));
            }
        }
    }
}
