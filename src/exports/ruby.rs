//! The methods that a file of Ruby defines: those of the main object, or those of a class or module itself.
//!
//! A class is known by its name without what it is in, so that several may count as one.

use std::ops::ControlFlow;

use tree_sitter::Node;

use super::syntax::{field, is_field, parse, text_of, walk};
use super::{Exports, Names};

/// What defines methods by other means, wherever it is.
const OPENS: [&str; 28] = [
    "BasicObject",
    "Bundler",
    "Kernel",
    "Object",
    "TOPLEVEL_BINDING",
    "__send__",
    "alias_method",
    "autoload",
    "class_eval",
    "class_exec",
    "const_missing",
    "const_set",
    "def_delegator",
    "def_delegators",
    "define_method",
    "define_singleton_method",
    "delegate",
    "eval",
    "instance_eval",
    "instance_exec",
    "load",
    "method_missing",
    "module_eval",
    "module_exec",
    "public_send",
    "require_relative",
    "send",
    "singleton_class",
];

/// What gives a class or the main object the methods of a module.
const MIXES_IN: [&str; 4] = ["extend", "include", "prepend", "using"];

/// What calls in the body of a class may be without defining methods of the class itself.
const OF_CLASSES: [&str; 14] = [
    "attr_accessor",
    "attr_reader",
    "attr_writer",
    "format",
    "lambda",
    "private",
    "private_class_method",
    "private_constant",
    "proc",
    "protected",
    "public",
    "public_class_method",
    "puts",
    "raise",
];

/// The beginnings of the features of Ruby's standard library that define no methods of the main object (Ruby documentation,
/// "Standard library"), and `aws-sdk`, which AWS's bases contain.
const OF_LIBRARY: [&str; 38] = [
    "English",
    "aws-sdk",
    "base64",
    "benchmark",
    "bigdecimal",
    "bundler/setup",
    "cgi",
    "csv",
    "date",
    "delegate",
    "digest",
    "erb",
    "etc",
    "fileutils",
    "forwardable",
    "io",
    "ipaddr",
    "json",
    "logger",
    "monitor",
    "net",
    "open-uri",
    "open3",
    "openssl",
    "ostruct",
    "pathname",
    "rexml",
    "securerandom",
    "set",
    "singleton",
    "socket",
    "stringio",
    "tempfile",
    "time",
    "timeout",
    "tmpdir",
    "uri",
    "yaml",
];

/// What a file of Ruby defines: without a receiver the methods that can be called without one, else those of the class or module
/// of this name.
pub(crate) fn exports(text: &str, receiver: Option<&str>) -> Exports {
    let Some(tree) = parse(text, &tree_sitter_ruby::LANGUAGE.into()) else { return Exports::Unknowable };
    let receiver = receiver.map(|receiver| receiver.rsplit("::").next().unwrap_or(receiver));
    let mut file =
        File { text, receiver, names: Names::default(), instance: Names::default(), is_own: false };
    let mut scopes: Vec<Scope> = Vec::new();
    let is_known = walk(tree.root_node(), |node, around| {
        while scopes.last().is_some_and(|scope| node.start_byte() >= scope.end) {
            scopes.pop();
        }
        if !file.note(node, around, &scopes) {
            return ControlFlow::Break(());
        }
        scopes.extend(file.scope(node, &scopes));
        ControlFlow::Continue(())
    });
    if is_known.is_break() {
        return Exports::Unknowable;
    }
    if file.is_own {
        file.names.all.append(&mut file.instance.all);
        file.names.functions.append(&mut file.instance.functions);
    }
    Exports::Known(file.names)
}

/// What definitions in a part of a file are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The instances of the receiver.
    Receiver,
    /// The receiver itself.
    ReceiverItself,
    /// Another class or module.
    Other,
    /// A method, whose statements do not run while the file is loaded.
    Method,
}

/// A class, module or method.
struct Scope {
    /// In bytes.
    end: usize,
    owner: Owner,
}

/// A file that is read.
struct File<'a> {
    text: &'a str,
    receiver: Option<&'a str>,
    names: Names,
    /// The methods of the receiver's instances.
    instance: Names,
    /// Whether the receiver itself has those methods too: `extend self`, `module_function`.
    is_own: bool,
}

impl File<'_> {
    /// The scope that a node opens.
    fn scope(&self, node: Node<'_>, scopes: &[Scope]) -> Option<Scope> {
        let outer = scopes.last().map(|scope| scope.owner);
        let owner = match node.kind() {
            "class" | "module" if self.is_receiver(field(node, "name")) => Owner::Receiver,
            "class" | "module" => Owner::Other,
            "singleton_class" if self.is_receiver(field(node, "value")) => Owner::ReceiverItself,
            "singleton_class" => match outer {
                Some(Owner::Receiver) => Owner::ReceiverItself,
                // The main object's own.
                None => return None,
                _ => Owner::Other,
            },
            "method" | "singleton_method" => Owner::Method,
            _ => return None,
        };
        Some(Scope { end: node.end_byte(), owner })
    }

    /// Notes what a node defines, and returns whether that is known.
    fn note(&mut self, node: Node<'_>, around: &[Node<'_>], scopes: &[Scope]) -> bool {
        match node.kind() {
            "identifier" | "constant" | "simple_symbol" | "hash_key_symbol" => {
                return self.note_word(node, around, scopes);
            }
            "class" => return field(node, "superclass").is_none() || !self.is_receiver(field(node, "name")),
            "method" | "alias" => {
                let Some(name) = field(node, "name") else { return false };
                let name = text_of(name, self.text).trim_start_matches(':');
                match Self::owner(scopes) {
                    None | Some(Owner::ReceiverItself) => self.names.add_function(name),
                    Some(Owner::Receiver) => self.instance.add_function(name),
                    Some(_) => {}
                }
            }
            "singleton_method" => {
                let (Some(object), Some(name)) = (field(node, "object"), field(node, "name")) else {
                    return false;
                };
                let is_own = object.kind() == "self"
                    && matches!(Self::owner(scopes), None | Some(Owner::Receiver | Owner::ReceiverItself));
                if is_own || self.is_receiver(Some(object)) {
                    self.names.add_function(text_of(name, self.text));
                }
            }
            // `Shop = Struct.new(...)`
            "assignment" | "operator_assignment" => {
                return field(node, "left").is_none_or(|left| !self.mentions_receiver(left));
            }
            _ => {}
        }
        true
    }

    /// Notes a name, and returns whether what it does is known.
    fn note_word(&mut self, node: Node<'_>, around: &[Node<'_>], scopes: &[Scope]) -> bool {
        let word = text_of(node, self.text).trim_start_matches(':');
        let Some(parent) = around.last() else { return true };
        let call = (parent.kind() == "call" && is_field(*parent, "method", node)).then_some(*parent);
        if word == "require" {
            return call.is_some_and(|call| self.is_of_library(call));
        }
        if OPENS.contains(&word) {
            return false;
        }
        let owner = scopes.last().map(|scope| scope.owner);
        let is_of_receiver = matches!(owner, Some(Owner::Receiver | Owner::ReceiverItself));
        if word == "module_function" || call.is_some_and(|call| word == "extend" && self.extends_itself(call))
        {
            self.is_own |= is_of_receiver;
            return true;
        }
        if MIXES_IN.contains(&word) {
            return matches!(owner, Some(Owner::Other));
        }
        // A call without a receiver in the body of the class may define anything.
        let is_call = node.kind() == "identifier"
            && match call {
                Some(call) => field(call, "receiver").is_none_or(|receiver| receiver.kind() == "self"),
                None => parent.kind() == "body_statement",
            };
        if is_of_receiver && is_call {
            let is_accessor = word.starts_with("attr_") && owner == Some(Owner::ReceiverItself);
            return OF_CLASSES.contains(&word) && !is_accessor;
        }
        true
    }

    /// What a definition is for: that of a method in a method is for the same.
    fn owner(scopes: &[Scope]) -> Option<Owner> {
        scopes.iter().rev().map(|scope| scope.owner).find(|owner| *owner != Owner::Method)
    }

    /// Whether a constant, with what it is in, is the receiver.
    fn is_receiver(&self, constant: Option<Node<'_>>) -> bool {
        let name = constant.map(|constant| text_of(constant, self.text));
        let last = name.and_then(|name| name.rsplit("::").next());
        self.receiver.is_some() && last == self.receiver
    }

    /// Whether what is assigned may be the receiver.
    fn mentions_receiver(&self, left: Node<'_>) -> bool {
        let found = walk(left, |node, _| {
            if node.kind() == "constant" && self.is_receiver(Some(node)) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        found.is_break()
    }

    /// Whether a call is `extend self`.
    fn extends_itself(&self, call: Node<'_>) -> bool {
        let arguments = field(call, "arguments");
        arguments
            .is_some_and(|arguments| text_of(arguments, self.text).trim_matches(['(', ')', ' ']) == "self")
    }

    /// Whether a call requires nothing but a part of the standard library.
    fn is_of_library(&self, call: Node<'_>) -> bool {
        let Some(arguments) = field(call, "arguments") else { return false };
        let feature = text_of(arguments, self.text).trim_matches(['(', ')', ' ']);
        let feature = ['"', '\'']
            .iter()
            .find_map(|quote| feature.strip_prefix(*quote).and_then(|rest| rest.strip_suffix(*quote)));
        feature.is_some_and(|feature| {
            OF_LIBRARY.iter().any(|own| {
                let rest = feature.strip_prefix(own);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '-']))
            })
        })
    }
}
