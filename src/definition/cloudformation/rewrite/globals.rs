//! `Globals.Function`, whose properties SAM gives to all functions of a template.
//!
//! What an image function must not get from there is removed, and copied into the functions that stay zip functions as SAM
//! would merge it: a function's own value wins, lists are joined with the common items first, and mappings are merged key
//! by key (SAM specification, "Globals section of the template").

use super::template::{Converted, Resource, SERVERLESS_FUNCTION, Template};
use super::zip_only;
use crate::definition::document::edit::{Change, NewValue, Position};
use crate::definition::document::{Entry, Node};
use crate::finding::Place;

/// The resource attribute that names properties of `Globals` which a function does not get.
const IGNORED: &str = "IgnoreGlobals";

/// The changes of `Globals`, and of the functions that need what was there.
pub(super) fn changes(template: &Template<'_>, converted: &[Converted<'_>]) -> Vec<Change> {
    let Some((place, globals)) = template.globals() else { return Vec::new() };
    let serverless: Vec<_> = converted.iter().filter(|function| function.resource.is_serverless()).collect();
    let clashes: Vec<&Entry> = globals
        .iter()
        .filter(|entry| zip_only::GLOBALS.contains(&entry.key.as_str()))
        .filter(|entry| serverless.iter().any(|function| !ignores(&function.resource, &entry.key)))
        .collect();
    if clashes.is_empty() {
        return Vec::new();
    }
    let mut changes = Vec::new();
    let functions = template.resources.iter().chain(&template.looped);
    for function in functions.filter(|resource| resource.kind == SERVERLESS_FUNCTION) {
        let is_converted = serverless.iter().any(|converted| converted.resource.place == function.place);
        if !is_converted && !function.is_image() {
            move_into(function, &clashes, &place, &mut changes);
        }
        unignore(function, &clashes, &mut changes);
    }
    changes.push(removal(template, &place, globals, &clashes));
    changes
}

/// Whether a function does not get a property from `Globals`.
pub(super) fn ignores(function: &Resource<'_>, key: &str) -> bool {
    match function.node.entry(IGNORED) {
        Some(Node::Scalar(all)) => all.text == "*",
        Some(Node::List(keys)) => {
            keys.iter().any(|ignored| matches!(ignored, Node::Scalar(ignored) if ignored.text == key))
        }
        _ => false,
    }
}

/// Takes the keys out of `Globals`, with the section if nothing is left of it.
fn removal(template: &Template<'_>, place: &Place, globals: &[Entry], clashes: &[&Entry]) -> Change {
    let mut mapping = place.clone();
    let mut removed: Vec<String> = clashes.iter().map(|entry| entry.key.clone()).collect();
    if clashes.len() == globals.len() {
        let sections = template.document.root().entry("Globals").map_or(0, |globals| globals.entries().len());
        (mapping, removed) = match sections {
            1 => (template.document.place(), vec!["Globals".to_owned()]),
            _ => (template.document.place().key("Globals"), vec!["Function".to_owned()]),
        };
    }
    Change::Entries { mapping, removed, added: Vec::new(), position: Position::FirstRemoved }
}

/// Gives a function its own copy of the properties.
fn move_into(function: &Resource<'_>, clashes: &[&Entry], globals: &Place, changes: &mut Vec<Change>) {
    let moved = clashes.iter().filter(|entry| !ignores(function, &entry.key));
    let from: Vec<(&Entry, Place)> = moved.map(|entry| (*entry, globals.key(&entry.key))).collect();
    match function.node.entry("Properties") {
        Some(properties @ Node::Mapping(_)) => merge(properties, &function.properties(), &from, changes),
        _ if from.is_empty() => {}
        Some(_) => {
            changes.push(Change::Value { place: function.properties(), value: NewValue::Map(copies(&from)) });
        }
        None => changes.push(Change::Entries {
            mapping: function.place.clone(),
            removed: Vec::new(),
            added: vec![("Properties".to_owned(), NewValue::Map(copies(&from)))],
            position: Position::After("Type".to_owned()),
        }),
    }
}

fn copies(from: &[(&Entry, Place)]) -> Vec<(String, NewValue)> {
    from.iter().map(|(entry, place)| (entry.key.clone(), NewValue::Copy(place.clone()))).collect()
}

/// Merges entries into a mapping that has its own.
fn merge(own: &Node, place: &Place, from: &[(&Entry, Place)], changes: &mut Vec<Change>) {
    let mut added = Vec::new();
    for (entry, source) in from {
        let here = place.key(&entry.key);
        match (own.entry(&entry.key), &entry.value) {
            (None, _) => added.push((entry.key.clone(), NewValue::Copy(source.clone()))),
            (Some(Node::List(_)), Node::List(common)) if !common.is_empty() => {
                changes.push(Change::Prepend { list: here, source: source.clone() });
            }
            (Some(own @ Node::Mapping(_)), common @ Node::Mapping(_))
                if !is_intrinsic(own) && !is_intrinsic(common) =>
            {
                let inner = common.entries().iter().map(|entry| (entry, source.key(&entry.key)));
                merge(own, &here, &inner.collect::<Vec<_>>(), changes);
            }
            _ => {}
        }
    }
    if !added.is_empty() {
        changes.push(Change::Entries {
            mapping: place.clone(),
            removed: Vec::new(),
            added,
            position: Position::FirstRemoved,
        });
    }
}

/// Whether a mapping is the long form of a function.
fn is_intrinsic(node: &Node) -> bool {
    matches!(node.entries(), [only] if only.key == "Ref" || only.key.starts_with("Fn::"))
}

/// SAM rejects names in `IgnoreGlobals` that `Globals` does not have.
fn unignore(function: &Resource<'_>, clashes: &[&Entry], changes: &mut Vec<Change>) {
    let Some(Node::List(ignored)) = function.node.entry(IGNORED) else { return };
    let names = ignored.iter().map(|name| match name {
        Node::Scalar(name) => name.text.clone(),
        _ => String::new(),
    });
    let kept: Vec<String> = names.filter(|name| clashes.iter().all(|entry| entry.key != *name)).collect();
    if kept.len() == ignored.len() {
        return;
    }
    if !kept.is_empty() {
        let value = NewValue::Texts(kept);
        changes.push(Change::Value { place: function.place.key(IGNORED), value });
        return;
    }
    changes.push(Change::Entries {
        mapping: function.place.clone(),
        removed: vec![IGNORED.to_owned()],
        added: Vec::new(),
        position: Position::FirstRemoved,
    });
}
