//! Drops the layers that only functions used which became images.

use super::includes::includes;
use super::loops::{self, Made};
use super::references::{Reference, references, references_in};
use super::template::{Converted, Template};
use crate::definition::document::edit::{Change, Position};
use crate::finding::{Code, Finding};

/// The changes that drop layers. `edited` is the template with image functions: what nothing in it names, and a function
/// named before, goes.
pub(super) fn unused(
    template: &Template<'_>,
    converted: &[Converted<'_>],
    edited: &Template<'_>,
    notes: &mut Vec<Finding>,
) -> Vec<Change> {
    let section = edited.document.place().key("Resources");
    let mut used_before: Vec<_> = converted
        .iter()
        .filter_map(|function| {
            let place = function.resource.properties().key("Layers");
            Some(references_in(function.resource.property("Layers")?, &place))
        })
        .flatten()
        .collect();
    if let Some((place, globals)) = template.globals()
        && let Some(layers) = globals.iter().rfind(|entry| entry.key == "Layers")
    {
        used_before.extend(references_in(&layers.value, &place.key("Layers")));
    }
    let still_used = references(edited.document);
    let included = includes(edited.document);
    let mut removed = Vec::new();
    for layer in edited.resources.iter().filter(|resource| {
        ["AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion"].contains(&resource.kind)
    }) {
        let is_unused = used_before.iter().any(|reference| reference.resource() == layer.id)
            && !still_used.iter().any(|reference| {
                reference.resource() == layer.id && reference.entry_of("Resources") != Some(layer.id)
            });
        if !is_unused {
            continue;
        }
        let in_loop = still_used.iter().find(|reference| match loops::made(edited.document, reference) {
            Made::Nothing => false,
            Made::Names(made) => made.iter().any(|name| name.split('.').next() == Some(layer.id)),
            Made::Unknown => true,
        });
        let in_file = included.iter().find(|include| {
            let names_it = |used: &Vec<Reference>| used.iter().any(|it| it.resource() == layer.id);
            include.references.as_ref().is_none_or(names_it)
        });
        let user =
            in_loop.map(|it| (&it.place, "a loop")).or(in_file.map(|it| (&it.place, "an included file")));
        if let Some((place, user)) = user {
            let message = format!("the layer `{}` is kept because {user} may use it", layer.id);
            notes.push(Finding::warning(Code::Unused, place.clone(), message));
            continue;
        }
        removed.push(layer.id.to_owned());
    }
    if removed.is_empty() {
        return Vec::new();
    }
    vec![Change::Entries { mapping: section, removed, added: Vec::new(), position: Position::FirstRemoved }]
}
