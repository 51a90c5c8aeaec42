//! Finds what names a resource in a template: `Ref`, `Fn::GetAtt`, `Fn::Sub`, `DependsOn`, and the `Id` of a connector's ends.

use crate::definition::document::{Document, Node, Scalar};
use crate::finding::{Place, Step};

/// A name of a resource, parameter or pseudo parameter, with what follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::definition::cloudformation) struct Reference {
    /// The single value that has it.
    pub(super) place: Place,
    /// The name, with an attribute if it is written in the same text: `Id`, `Id.Arn`.
    pub(super) name: String,
    /// `${…}` of a text with variables; nothing if the value is the name.
    pub(super) fragment: Option<String>,
}

impl Reference {
    /// The name without its attribute.
    pub(in crate::definition::cloudformation) fn resource(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }

    /// The entry of a section that it is in: a logical id under `Resources`, a name under `Outputs`.
    pub(super) fn entry_of(&self, section: &str) -> Option<&str> {
        match self.place.path().steps() {
            [Step::Key(own), Step::Key(name), ..] if own == section => Some(name),
            _ => None,
        }
    }
}

/// All references of a document.
pub(super) fn references(document: &Document) -> Vec<Reference> {
    let mut found = Vec::new();
    collect(document.root(), &document.place(), &mut found);
    found
}

/// The references in a value.
pub(in crate::definition::cloudformation) fn references_in(node: &Node, place: &Place) -> Vec<Reference> {
    let mut found = Vec::new();
    collect(node, place, &mut found);
    found
}

fn collect(node: &Node, place: &Place, found: &mut Vec<Reference>) {
    match node {
        Node::Scalar(_) => {}
        Node::Tagged(tag, value) => call(tag, value, place, found),
        Node::List(items) => {
            items.iter().enumerate().for_each(|(index, item)| collect(item, &place.index(index), found));
        }
        Node::Mapping(entries) => {
            let is_resource = entries.iter().any(|entry| entry.key == "Type");
            for entry in entries {
                let place = place.key(&entry.key);
                match entry.key.as_str() {
                    "DependsOn" if is_resource => names(&entry.value, &place, found),
                    "Source" | "Destination" | "SourceReference" => ends(&entry.value, &place, found),
                    "Ref" => call("Ref", &entry.value, &place, found),
                    key => match key.strip_prefix("Fn::") {
                        Some(function) => call(function, &entry.value, &place, found),
                        None => collect(&entry.value, &place, found),
                    },
                }
            }
        }
    }
}

/// The arguments of a function.
fn call(function: &str, argument: &Node, place: &Place, found: &mut Vec<Reference>) {
    match (function, argument) {
        ("Ref" | "GetAtt", Node::Scalar(Scalar { text, .. })) => name(text, place, found),
        ("GetAtt", Node::List(items)) => {
            if let Some(Node::Scalar(Scalar { text, .. })) = items.first() {
                name(text, &place.index(0), found);
            }
            for (index, item) in items.iter().enumerate().skip(1) {
                collect(item, &place.index(index), found);
            }
        }
        ("Sub", Node::Scalar(Scalar { text, .. })) => variables(text, &[], place, found),
        ("Sub", Node::List(items)) => {
            let own: Vec<&str> = match items.get(1) {
                Some(values) => values.entries().iter().map(|entry| entry.key.as_str()).collect(),
                None => Vec::new(),
            };
            if let Some(Node::Scalar(Scalar { text, .. })) = items.first() {
                variables(text, &own, &place.index(0), found);
            }
            for (index, item) in items.iter().enumerate().skip(1) {
                collect(item, &place.index(index), found);
            }
        }
        _ => collect(argument, place, found),
    }
}

fn name(text: &str, place: &Place, found: &mut Vec<Reference>) {
    found.push(Reference { place: place.clone(), name: text.to_owned(), fragment: None });
}

/// One name or a list of them.
fn names(node: &Node, place: &Place, found: &mut Vec<Reference>) {
    match node {
        Node::Scalar(Scalar { text, .. }) => name(text, place, found),
        Node::List(items) => {
            items.iter().enumerate().for_each(|(index, item)| names(item, &place.index(index), found));
        }
        other => collect(other, place, found),
    }
}

/// The ends of a connector, by their logical ids (SAM specification, `ResourceReference`).
fn ends(node: &Node, place: &Place, found: &mut Vec<Reference>) {
    match node {
        Node::List(items) => {
            items.iter().enumerate().for_each(|(index, item)| ends(item, &place.index(index), found));
        }
        Node::Mapping(_) => {
            if let Some(Node::Scalar(Scalar { text, .. })) = node.entry("Id") {
                name(text, &place.key("Id"), found);
            }
            collect(node, place, found);
        }
        other => collect(other, place, found),
    }
}

/// The variables of a text that its own values do not define.
fn variables(text: &str, own: &[&str], place: &Place, found: &mut Vec<Reference>) {
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(end) = rest[start..].find('}') else { return };
        let fragment = &rest[start..=start + end];
        let name = fragment[2..fragment.len() - 1].trim();
        if !name.starts_with('!') && !own.contains(&name) {
            found.push(Reference {
                place: place.clone(),
                name: name.to_owned(),
                fragment: Some(fragment.to_owned()),
            });
        }
        rest = &rest[start + end + 1..];
    }
}
