//! The names of a module of Python (language reference, "Naming and binding").

use std::ops::ControlFlow;

use tree_sitter::Node;

use super::syntax::{field, is_field, parse, text_of, walk};
use super::{Exports, Names};

/// What gives access to the names of a module, wherever it is. `modules` is that of `sys`.
const OPENS: [&str; 14] = [
    "__builtins__",
    "__dict__",
    "__globals__",
    "__import__",
    "eval",
    "exec",
    "execfile",
    "f_globals",
    "globals",
    "import_module",
    "locals",
    "modules",
    "setattr",
    "vars",
];

/// What a module of Python exports: the names that are bound at its top level, in any block.
pub(crate) fn exports(text: &str) -> Exports {
    let Some(tree) = parse(text, &tree_sitter_python::LANGUAGE.into()) else { return Exports::Unknowable };
    let mut names = Names::default();
    // Where the innermost functions and classes end, in bytes.
    let mut scopes: Vec<usize> = Vec::new();
    let is_known = walk(tree.root_node(), |node, around| {
        while scopes.last().is_some_and(|end| node.start_byte() >= *end) {
            scopes.pop();
        }
        let parent = around.last();
        let is_definition =
            |node: &Node<'_>| matches!(node.kind(), "function_definition" | "class_definition");
        if parent.is_some_and(|parent| is_definition(parent) && is_field(*parent, "body", node)) {
            scopes.push(node.end_byte());
        }
        match node.kind() {
            "identifier" if OPENS.contains(&text_of(node, text)) => return ControlFlow::Break(()),
            // Statements of Python 2, which no runtime of Lambda accepts.
            "wildcard_import" | "exec_statement" | "print_statement" => return ControlFlow::Break(()),
            // It binds names of the module from wherever it is.
            "global_statement" => add_all(node, text, &mut names),
            _ if scopes.is_empty() => bind(node, text, &mut names),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    // A module may have a function that answers for any name (PEP 562).
    if is_known.is_break() || names.all.contains("__getattr__") {
        return Exports::Unknowable;
    }
    Exports::Known(names)
}

/// Adds the names that a node at the top level binds itself.
fn bind(node: Node<'_>, text: &str, names: &mut Names) {
    match node.kind() {
        "function_definition" => {
            if let Some(name) = field(node, "name") {
                names.add_function(text_of(name, text));
            }
        }
        "assignment" | "for_statement" | "type_alias_statement" => add_field(node, "left", text, names),
        "class_definition" | "named_expression" => add_field(node, "name", text, names),
        "import_statement" | "import_from_statement" | "future_import_statement" => {
            import(node, text, names);
        }
        // In `with`, `except` and `case`. The last child contains the target.
        "as_pattern" => {
            let last = u32::try_from(node.named_child_count()).ok().and_then(|count| count.checked_sub(1));
            if let Some(target) = last.and_then(|last| node.named_child(last)) {
                add_all(target, text, names);
            }
        }
        "case_clause" => {
            let mut cursor = node.walk();
            for pattern in node.named_children(&mut cursor).filter(|child| child.kind() == "case_pattern") {
                add_all(pattern, text, names);
            }
        }
        _ => {}
    }
}

/// Adds what an import binds: of `import a.b` the name `a`.
fn import(node: Node<'_>, text: &str, names: &mut Names) {
    let is_from = node.kind() != "import_statement";
    let mut cursor = node.walk();
    for imported in node.children_by_field_name("name", &mut cursor) {
        let bound =
            field(imported, "alias").or_else(|| imported.named_child(0)).map(|name| text_of(name, text));
        match bound {
            Some(name) if is_from => names.add_value(name),
            Some(name) => _ = names.all.insert(name.to_owned()),
            None => {}
        }
    }
}

fn add_field(node: Node<'_>, name: &str, text: &str, names: &mut Names) {
    // An attribute or item of a value is not a name of the module.
    if let Some(target) = field(node, name)
        && !matches!(target.kind(), "attribute" | "subscript")
    {
        add_all(target, text, names);
    }
}

/// Adds all identifiers in a node, which may be more than it binds.
fn add_all(node: Node<'_>, text: &str, names: &mut Names) {
    let _ = walk(node, |node, _| {
        if node.kind() == "identifier" {
            names.add_value(text_of(node, text));
        }
        ControlFlow::Continue(())
    });
}
