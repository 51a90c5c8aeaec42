//! Files that CloudFormation inserts into a template by `AWS::Include`. What they name is part of the template, and limg does
//! not change them.

use super::references::{Reference, references};
use crate::definition::document::{Document, Node};
use crate::finding::Place;
use crate::fs;

/// A file that is inserted.
pub(super) struct Include {
    /// Where the template names it.
    pub(super) place: Place,
    /// How the template names it, if that is a text.
    pub(super) location: Option<String>,
    /// What the file names; nothing if it is in Amazon S3 or cannot be read.
    pub(super) references: Option<Vec<Reference>>,
}

/// The files that a template inserts.
pub(super) fn includes(document: &Document) -> Vec<Include> {
    let mut found = Vec::new();
    if let Some(transform) = document.root().entry("Transform") {
        let place = document.place().key("Transform");
        match transform {
            Node::List(items) => items.iter().for_each(|item| add(document, item, &place, &mut found)),
            single => add(document, single, &place, &mut found),
        }
    }
    collect(document, document.root(), &document.place(), &mut found);
    found
}

fn collect(document: &Document, node: &Node, place: &Place, found: &mut Vec<Include>) {
    match node {
        Node::Scalar(_) => {}
        Node::Tagged(tag, value) => {
            if tag == "Transform" {
                add(document, value, place, found);
            }
            collect(document, value, place, found);
        }
        Node::List(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| collect(document, item, &place.index(index), found));
        }
        Node::Mapping(entries) => {
            for entry in entries {
                let place = place.key(&entry.key);
                if entry.key == "Fn::Transform" {
                    add(document, &entry.value, &place, found);
                }
                collect(document, &entry.value, &place, found);
            }
        }
    }
}

/// Adds the file of a transform, if it is `AWS::Include`.
fn add(document: &Document, transform: &Node, place: &Place, found: &mut Vec<Include>) {
    if transform.entry("Name").and_then(Node::text) != Some("AWS::Include") {
        return;
    }
    let location = transform.entry("Parameters").and_then(|parameters| parameters.entry("Location"));
    let location = location.and_then(Node::text).map(str::to_owned);
    let read = |location: &String| {
        let file = fs::folder_of(document.file()).join(location);
        // A local path, which packaging replaces by the place that the file has been uploaded to.
        let file = Document::read(&file).ok().filter(|_| !location.contains("://"))?;
        Some(references(&file))
    };
    let references = location.as_ref().and_then(read);
    found.push(Include { place: place.clone(), location, references });
}
