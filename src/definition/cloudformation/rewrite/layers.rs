//! Drops the layers that only functions used which became images.

use super::references::{references, references_in};
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
        // A loop may make the name.
        if let Some(looped) = edited.looped.iter().find(|looped| {
            references_in(looped.node, &looped.place).iter().any(|used| used.name.contains(['$', '&']))
        }) {
            let message = format!("the layer `{}` is kept because a loop may use it", layer.id);
            notes.push(Finding::warning(Code::Unused, looped.place.clone(), message));
            continue;
        }
        removed.push(layer.id.to_owned());
    }
    if removed.is_empty() {
        return Vec::new();
    }
    vec![Change::Entries { mapping: section, removed, added: Vec::new(), position: Position::FirstRemoved }]
}
