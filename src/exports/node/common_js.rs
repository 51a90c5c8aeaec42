//! The names of a module of `CommonJS`.
//!
//! Every mention of `exports`, `module` and the top level's `this` must be one whose effect is known, as those are that people,
//! TypeScript, Babel, SWC and esbuild write. One other mention makes the names unknowable.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use tree_sitter::{Node, Tree};

use super::unquoted;
use crate::exports::Names;
use crate::exports::syntax::{field, is_field, text_of, walk};

/// What evaluates texts, or leads to the exports of a loaded module.
const OPENS: [&str; 4] = ["Function", "_cache", "eval", "mainModule"];

/// The properties of `module` that have nothing to do with its exports.
const OF_MODULE: [&str; 7] = ["children", "filename", "id", "loaded", "parent", "path", "paths"];

/// What stands for the exports object, or leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mention {
    /// `exports`.
    Exports,
    /// `module.exports`.
    ModuleExports,
    /// `this` at the top level.
    This,
}

/// Where names mean something else: in a function with such parameters, or, for `this` and `arguments`, in any.
struct Scope {
    /// In bytes.
    end: usize,
    hides_exports: bool,
    hides_module: bool,
    hides_this: bool,
}

/// The names of a module. Nothing if they are unknowable.
pub(super) fn names(tree: &Tree, text: &str) -> Option<Names> {
    let mut module = CommonJs { text, names: Names::default(), copied: BTreeSet::new() };
    let mut scopes: Vec<Scope> = Vec::new();
    let is_known = walk(tree.root_node(), |node, around| {
        while scopes.last().is_some_and(|scope| node.start_byte() >= scope.end) {
            scopes.pop();
        }
        scopes.extend(scope(node, text));
        let is_hidden = |by: fn(&Scope) -> bool| scopes.iter().any(by);
        let word = match node.kind() {
            "this" => "this",
            "identifier" | "shorthand_property_identifier" | "shorthand_property_identifier_pattern" => {
                text_of(node, text)
            }
            "property_identifier" if OPENS.contains(&text_of(node, text)) => return ControlFlow::Break(()),
            // Node.js itself would load such a file as an ES module, or not at all.
            "import_statement" | "export_statement" | "with_statement" => return ControlFlow::Break(()),
            _ => return ControlFlow::Continue(()),
        };
        let is_known = match word {
            "exports" if !is_hidden(|scope| scope.hides_exports) => {
                module.mentioned(Mention::Exports, node, around)
            }
            "module" if !is_hidden(|scope| scope.hides_module) => module.module_mentioned(node, around),
            "this" if !is_hidden(|scope| scope.hides_this) => module.mentioned(Mention::This, node, around),
            "arguments" => is_hidden(|scope| scope.hides_this),
            // `require.cache` has the exports of every module.
            "require" => around.last().is_none_or(|parent| {
                field(*parent, "property").is_none_or(|property| text_of(property, text) != "cache")
            }),
            word => !OPENS.contains(&word),
        };
        if is_known { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    (is_known.is_continue() && module.has_copied(tree)).then_some(module.names)
}

/// The scope that a function or class opens.
fn scope(node: Node<'_>, text: &str) -> Option<Scope> {
    let is_arrow = node.kind() == "arrow_function";
    let is_function = matches!(
        node.kind(),
        "function_declaration"
            | "function_expression"
            | "generator_function"
            | "generator_function_declaration"
            | "method_definition"
    );
    let is_body = node.kind() == "class_body";
    if !is_arrow && !is_function && !is_body {
        return None;
    }
    let mut scope =
        Scope { end: node.end_byte(), hides_exports: false, hides_module: false, hides_this: !is_arrow };
    let parameters = field(node, "parameters").or_else(|| field(node, "parameter"));
    if let Some(parameters) = parameters {
        let mut cursor = parameters.walk();
        let single = (parameters.kind() == "identifier").then_some(parameters);
        for parameter in single.into_iter().chain(parameters.named_children(&mut cursor)) {
            match text_of(parameter, text) {
                "exports" => scope.hides_exports = true,
                "module" => scope.hides_module = true,
                _ => {}
            }
        }
    }
    Some(scope)
}

/// A module that is read.
struct CommonJs<'a> {
    text: &'a str,
    names: Names,
    /// The objects whose names esbuild's helper copies.
    copied: BTreeSet<&'a str>,
}

impl<'a> CommonJs<'a> {
    /// Notes a mention of `module`, and returns whether its effect is known.
    fn module_mentioned(&mut self, node: Node<'_>, around: &[Node<'_>]) -> bool {
        let Some((parent, around)) = around.split_last() else { return false };
        match parent.kind() {
            "member_expression" if is_field(*parent, "object", node) => match self.property(*parent) {
                Some("exports") => self.mentioned(Mention::ModuleExports, *parent, around),
                Some(property) => OF_MODULE.contains(&property),
                None => false,
            },
            _ => only_looks(*parent, node),
        }
    }

    /// Notes a mention of the exports object, and returns whether its effect is known.
    fn mentioned(&mut self, mention: Mention, node: Node<'_>, around: &[Node<'_>]) -> bool {
        let Some((parent, around)) = around.split_last() else { return false };
        match parent.kind() {
            "member_expression" | "subscript_expression" if is_field(*parent, "object", node) => {
                let is_target = around.last().is_some_and(|outer| is_field(*outer, "left", *parent));
                match self.property(*parent) {
                    None | Some("__proto__") => return false,
                    // Reading a property of `this` is what compilers' helpers do.
                    Some(_) if mention == Mention::This && !is_target => {}
                    Some(name) => self.add(name),
                }
                true
            }
            "assignment_expression" if is_field(*parent, "left", node) => match mention {
                Mention::ModuleExports => field(*parent, "right").is_some_and(|value| self.add_value(value)),
                // Only a variable is assigned: the module keeps its exports.
                Mention::Exports => true,
                Mention::This => false,
            },
            // `exports = module.exports`
            "assignment_expression" => {
                mention == Mention::ModuleExports
                    && field(*parent, "left").is_some_and(|left| text_of(left, self.text) == "exports")
            }
            "arguments" if parent.named_child(0) == Some(node) => {
                around.last().is_some_and(|call| self.passed(*call, *parent))
            }
            _ => only_looks(*parent, node),
        }
    }

    /// Notes that the exports object is the first argument of a call, and returns whether its effect is known.
    fn passed(&mut self, call: Node<'_>, arguments: Node<'_>) -> bool {
        let (Some(function), Some(second)) = (field(call, "function"), arguments.named_child(1)) else {
            return false;
        };
        match text_of(function, self.text) {
            "Object.defineProperty" => match self.literal(second) {
                Some(name) if name != "__proto__" => {
                    self.add(name);
                    true
                }
                _ => false,
            },
            // The helper of SWC.
            "_export" => second.kind() == "object" && self.add_value(second),
            _ => false,
        }
    }

    /// Adds the names of a value that replaces the exports, and returns whether they are known.
    fn add_value(&mut self, value: Node<'_>) -> bool {
        let mut value = value;
        // The value of an assignment is that of its right side.
        while matches!(value.kind(), "parenthesized_expression" | "assignment_expression") {
            let inner = field(value, "right").or_else(|| value.named_child(0));
            let Some(inner) = inner else { return false };
            value = inner;
        }
        match value.kind() {
            "object" => {
                let mut cursor = value.walk();
                value.named_children(&mut cursor).all(|member| self.add_member(member))
            }
            // A function has no properties but those that are assigned to it.
            "arrow_function" | "function_expression" => true,
            "call_expression" => self.add_copied(value),
            _ => false,
        }
    }

    /// Adds a member of an object, and returns whether its name is known.
    fn add_member(&mut self, member: Node<'_>) -> bool {
        let name = match member.kind() {
            "comment" => return true,
            "shorthand_property_identifier" => Some(text_of(member, self.text)),
            "pair" => field(member, "key").and_then(|key| self.key(key)),
            "method_definition" => field(member, "name").and_then(|key| self.key(key)),
            _ => None,
        };
        let Some(name) = name.filter(|name| *name != "__proto__") else { return false };
        self.add(name);
        true
    }

    /// Notes an object that esbuild's helper `__toCommonJS` copies.
    fn add_copied(&mut self, call: Node<'_>) -> bool {
        let is_helper =
            field(call, "function").is_some_and(|function| text_of(function, self.text) == "__toCommonJS");
        let arguments = field(call, "arguments").filter(|_| is_helper);
        let Some(object) = arguments.and_then(|arguments| arguments.named_child(0)) else { return false };
        self.copied.insert(text_of(object, self.text));
        object.kind() == "identifier"
    }

    /// Adds the names that esbuild's helper `__export` gives to the objects that are copied, and returns whether they are all:
    /// nothing else mentions the objects.
    fn has_copied(&mut self, tree: &Tree) -> bool {
        if self.copied.is_empty() {
            return true;
        }
        let is_known = walk(tree.root_node(), |node, around| {
            let is_name = matches!(node.kind(), "identifier" | "shorthand_property_identifier");
            if !is_name || !self.copied.contains(text_of(node, self.text)) {
                return ControlFlow::Continue(());
            }
            let Some((parent, around)) = around.split_last() else { return ControlFlow::Break(()) };
            let is_known = match parent.kind() {
                "variable_declarator" => {
                    field(*parent, "value").is_some_and(|value| text_of(value, self.text) == "{}")
                }
                "arguments" => {
                    let function = around.last().and_then(|call| field(*call, "function"));
                    match function.map(|function| text_of(function, self.text)) {
                        Some("__toCommonJS") => true,
                        Some("__export") => parent
                            .named_child(1)
                            .is_some_and(|names| names.kind() == "object" && self.add_value(names)),
                        _ => false,
                    }
                }
                _ => false,
            };
            if is_known { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        is_known.is_continue()
    }

    fn add(&mut self, name: &str) {
        if matches!(name, "__esModule" | "default") {
            self.names.all.insert(name.to_owned());
        } else {
            self.names.add_function(name);
        }
    }

    /// The name of the property in `a.name` or `a["name"]`, if it is known.
    fn property(&self, expression: Node<'_>) -> Option<&'a str> {
        match field(expression, "property") {
            Some(property) => Some(text_of(property, self.text)),
            None => field(expression, "index").and_then(|index| self.literal(index)),
        }
    }

    /// The key of an object's member, if it is known.
    fn key(&self, key: Node<'_>) -> Option<&'a str> {
        match key.kind() {
            "property_identifier" | "number" => Some(text_of(key, self.text)),
            _ => self.literal(key),
        }
    }

    /// The text in a string without escapes.
    fn literal(&self, string: Node<'_>) -> Option<&'a str> {
        let text = text_of(string, self.text);
        (string.kind() == "string" && !text.contains('\\')).then(|| unquoted(text))
    }
}

/// Whether an expression only looks at an operand: `typeof exports`, `require.main === module`, `this && ...`.
fn only_looks(expression: Node<'_>, operand: Node<'_>) -> bool {
    match field(expression, "operator").map(|operator| operator.kind()) {
        Some("typeof" | "===" | "!==" | "==" | "!=") => true,
        Some("&&") => is_field(expression, "left", operand),
        _ => false,
    }
}
