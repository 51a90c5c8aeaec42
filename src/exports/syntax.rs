//! Syntax trees, as tree-sitter makes them: without recursion, so that no nesting overflows the stack.
//!
//! What a tree means is up to the language's own file.

use std::cell::Cell;
use std::ops::ControlFlow;

use tree_sitter::{Language, Node, ParseOptions, ParseState, Parser, Tree};

use super::LONGEST;

/// How much of a text the parser gets at once, in bytes.
const CHUNK: usize = 4096;

/// How often the parser may read a text before it is stopped. It reads most texts once, but texts exist that it would read
/// thousands of times.
const READINGS: usize = 16;

/// Parses a text. Nothing if it is too long, contains an error, or takes too long.
pub(super) fn parse(text: &str, language: &Language) -> Option<Tree> {
    if text.len() > LONGEST {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(language).ok()?;
    let bytes = text.as_bytes();
    let (read, limit) = (Cell::new(0), (text.len() + CHUNK) * READINGS);
    let mut stop = |state: &ParseState| {
        if state.has_error() || read.get() > limit {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let mut input = |offset: usize, _| {
        let rest = bytes.get(offset..).unwrap_or_default();
        let chunk = &rest[..rest.len().min(CHUNK)];
        read.set(read.get() + chunk.len());
        chunk
    };
    let options = ParseOptions::new().progress_callback(&mut stop);
    let tree = parser.parse_with_options(&mut input, None, Some(options))?;
    Some(tree).filter(|tree| !tree.root_node().has_error())
}

/// Visits a node and all named nodes in it, each before those in it and with the nodes around it, the outermost first.
pub(super) fn walk<'t>(
    root: Node<'t>,
    mut visit: impl FnMut(Node<'t>, &[Node<'t>]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let (mut cursor, mut around) = (root.walk(), Vec::new());
    loop {
        let node = cursor.node();
        if node.is_named() {
            visit(node, &around)?;
        }
        if cursor.goto_first_child() {
            around.push(node);
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return ControlFlow::Continue(());
            }
            around.pop();
        }
    }
}

/// The text of a node.
pub(super) fn text_of<'a>(node: Node<'_>, text: &'a str) -> &'a str {
    text.get(node.byte_range()).unwrap_or_default()
}

/// The named child of a node in a field.
pub(super) fn field<'t>(node: Node<'t>, name: &str) -> Option<Node<'t>> {
    node.child_by_field_name(name)
}

/// Whether a node is what another has in a field.
pub(super) fn is_field(parent: Node<'_>, name: &str, node: Node<'_>) -> bool {
    field(parent, name) == Some(node)
}
