//! The names of an ES module, which only its export statements give it.

use std::ops::ControlFlow;

use tree_sitter::{Node, Tree};

use super::unquoted;
use crate::exports::Names;
use crate::exports::syntax::{field, text_of, walk};

/// The names of a module. Nothing if they are unknowable.
pub(super) fn names(tree: &Tree, text: &str) -> Option<Names> {
    let mut names = Names::default();
    let root = tree.root_node();
    let mut cursor = root.walk();
    for statement in root.named_children(&mut cursor).filter(|node| node.kind() == "export_statement") {
        add_exported(statement, text, &mut names)?;
    }
    Some(names)
}

/// Adds what an export statement exports. Nothing for `export * from`.
fn add_exported(statement: Node<'_>, text: &str, names: &mut Names) -> Option<()> {
    if is_default(statement) {
        names.all.insert("default".to_owned());
        return Some(());
    }
    if let Some(declaration) = field(statement, "declaration") {
        match field(declaration, "name") {
            Some(name) => names.add_function(text_of(name, text)),
            None => add_declared(declaration, text, names),
        }
        return Some(());
    }
    let mut cursor = statement.walk();
    let list = statement
        .named_children(&mut cursor)
        .find(|child| matches!(child.kind(), "export_clause" | "namespace_export"))?;
    let mut cursor = list.walk();
    for exported in list.named_children(&mut cursor).filter(|child| child.kind() != "comment") {
        let name = field(exported, "alias").or_else(|| field(exported, "name")).unwrap_or(exported);
        names.add_function(unquoted(text_of(name, text)));
    }
    Some(())
}

fn is_default(statement: Node<'_>) -> bool {
    let mut cursor = statement.walk();
    statement.children(&mut cursor).any(|child| child.kind() == "default")
}

/// Adds what a declaration of variables declares.
fn add_declared(declaration: Node<'_>, text: &str, names: &mut Names) {
    let mut cursor = declaration.walk();
    let declarators = declaration.named_children(&mut cursor);
    for pattern in declarators.filter_map(|declarator| field(declarator, "name")) {
        let _ = walk(pattern, |node, _| {
            if matches!(node.kind(), "identifier" | "shorthand_property_identifier_pattern") {
                names.add_function(text_of(node, text));
            }
            ControlFlow::Continue(())
        });
    }
}
