//! Changes a function into an image function.

use super::template::Converted;
use super::zip_only;
use crate::definition::document::Node;
use crate::definition::document::edit::{Change, NewValue, Position};
use crate::finding::{Code, Finding};

/// The changes of all functions that became images.
pub(super) fn changes(converted: &[Converted<'_>]) -> Result<Vec<Change>, Vec<Finding>> {
    let mut changes = Vec::new();
    let mut errors = Vec::new();
    for function in converted {
        properties(function, &mut changes, &mut errors);
        metadata(function, &mut changes);
    }
    if errors.is_empty() { Ok(changes) } else { Err(errors) }
}

/// Replaces what only zip functions have by the image.
fn properties(function: &Converted<'_>, changes: &mut Vec<Change>, errors: &mut Vec<Finding>) {
    let Converted { resource, image } = function;
    let uri = ("ImageUri".to_owned(), NewValue::Text(image.image_uri.clone()));
    let mut added = vec![("PackageType".to_owned(), NewValue::Text("Image".to_owned()))];
    let zip_only = if resource.is_serverless() {
        added.push(uri);
        zip_only::SERVERLESS
    } else {
        added.push(("Code".to_owned(), NewValue::Map(vec![uri])));
        zip_only::LAMBDA
    };
    let present: Vec<&str> = match resource.node.entry("Properties") {
        Some(properties) => properties.entries().iter().map(|entry| entry.key.as_str()).collect(),
        None => Vec::new(),
    };
    let removed = zip_only.iter().filter(|key| present.contains(key)).map(|key| (*key).to_owned());
    let mut removed: Vec<String> = removed.collect();
    if let Some(command) = &image.command {
        let command = ("Command".to_owned(), NewValue::Texts(command.clone()));
        match resource.property("ImageConfig") {
            Some(Node::Mapping(entries)) if !entries.is_empty() => changes.push(Change::Entries {
                mapping: resource.properties().key("ImageConfig"),
                removed: entries
                    .iter()
                    .filter(|entry| entry.key == "Command")
                    .map(|_| command.0.clone())
                    .collect(),
                added: vec![command],
                position: Position::FirstRemoved,
            }),
            Some(Node::Tagged(..)) => {
                let place = resource.properties().key("ImageConfig");
                let message = "limg cannot add `Command` to an `ImageConfig` that a function computes";
                errors.push(
                    Finding::error(Code::UneditableValue, place, message)
                        .help("write `ImageConfig` as a mapping"),
                );
            }
            other => {
                removed.extend(other.map(|_| "ImageConfig".to_owned()));
                added.push(("ImageConfig".to_owned(), NewValue::Map(vec![command])));
            }
        }
    }
    match resource.node.entry("Properties") {
        Some(Node::Mapping(_)) => changes.push(Change::Entries {
            mapping: resource.properties(),
            removed,
            added,
            position: Position::FirstRemoved,
        }),
        Some(_) => changes.push(Change::Value { place: resource.properties(), value: NewValue::Map(added) }),
        None => changes.push(Change::Entries {
            mapping: resource.place.clone(),
            removed: Vec::new(),
            added: vec![("Properties".to_owned(), NewValue::Map(added))],
            position: Position::After("Type".to_owned()),
        }),
    }
}

/// Removes what tells how the code is built.
fn metadata(function: &Converted<'_>, changes: &mut Vec<Change>) {
    let resource = &function.resource;
    let Some(metadata) = resource.node.entry("Metadata") else { return };
    let keys = metadata.entries().iter().map(|entry| entry.key.clone());
    let (removed, kept): (Vec<_>, Vec<_>) = keys.partition(|key| zip_only::is_build_metadata(key));
    if removed.is_empty() {
        return;
    }
    let (mapping, removed) = if kept.is_empty() {
        (resource.place.clone(), vec!["Metadata".to_owned()])
    } else {
        (resource.place.key("Metadata"), removed)
    };
    changes.push(Change::Entries { mapping, removed, added: Vec::new(), position: Position::FirstRemoved });
}
