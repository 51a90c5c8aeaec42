//! Warns of what a template chooses for a function, and what is fixed in the function's image: a stage that is deployed with
//! other parameters gets the same image.

use std::collections::BTreeSet;

use super::globals::ignores;
use super::references::references_in;
use super::template::{Converted, Template};
use crate::definition::document::{Entry, Node};
use crate::finding::{Code, Finding, Place};

/// The properties that decide what is in an image, or for which architecture it is.
const IN_THE_IMAGE: &[&str] =
    &["CodeUri", "Code", "InlineCode", "Handler", "Runtime", "Layers", "Architectures"];

/// The pseudo parameters that differ between deployments. A Region is not one of them: what is published in several Regions has
/// other names there, and the same content.
const PSEUDO: &[&str] = &["AWS::AccountId", "AWS::StackName", "AWS::StackId"];

/// What names a bucket. Its name often has the account in it, and the object's key decides what is in it.
const BUCKETS: &[&str] = &["S3Bucket", "Bucket"];

/// One warning for each function that became an image and depends on something.
pub(super) fn notes(template: &Template<'_>, converted: &[Converted<'_>]) -> Vec<Finding> {
    let parameters = template.document.root().entry("Parameters").map_or(&[][..], Node::entries);
    let parameters: BTreeSet<&str> = parameters.iter().map(|entry| entry.key.as_str()).collect();
    converted.iter().filter_map(|function| note(template, function, &parameters)).collect()
}

fn note(template: &Template<'_>, function: &Converted<'_>, parameters: &BTreeSet<&str>) -> Option<Finding> {
    let resource = &function.resource;
    let is_asset = resource.node.entry("Metadata").is_some_and(|it| it.entry("aws:asset:property").is_some());
    let (mut properties, mut deciders, mut first) = (Vec::new(), BTreeSet::new(), None);
    for key in IN_THE_IMAGE {
        // CDK computes where in S3 an asset is, and not which one.
        if *key == "Code" && is_asset {
            continue;
        }
        let own = resource.property(key).map(|value| (value, resource.properties().key(key)));
        let inherits =
            resource.is_serverless() && (own.is_none() || *key == "Layers") && !ignores(resource, key);
        let common = template.globals().filter(|_| inherits).and_then(|(place, globals)| {
            let entry = globals.iter().rfind(|entry| entry.key == *key)?;
            Some((&entry.value, place.key(key)))
        });
        for (value, place) in own.into_iter().chain(common) {
            let mut found = BTreeSet::new();
            collect(value, &place, parameters, &mut found);
            if !found.is_empty() {
                properties.push(*key);
                deciders.extend(found);
                first.get_or_insert(place);
            }
        }
    }
    properties.dedup();
    let quoted = |names: &[&str]| match names.split_last() {
        Some((last, [])) => format!("`{last}`"),
        Some((last, others)) => format!("`{}` and `{last}`", others.join("`, `")),
        None => String::new(),
    };
    let names: Vec<&str> = deciders.iter().map(String::as_str).collect();
    let message = format!(
        "{} of `{}` {} on {}, but the image is built for one value",
        quoted(&properties),
        resource.id,
        if properties.len() == 1 { "depends" } else { "depend" },
        quoted(&names)
    );
    let help = if names.iter().any(|name| PSEUDO.contains(name)) {
        "push images and write a template for each account or stack where the values differ"
    } else {
        "push images and write a template for each value, with `--parameter-overrides`"
    };
    Some(Finding::warning(Code::FixedValue, first?, message).help(help))
}

/// The parameters, conditions and mappings that a value depends on.
fn collect(node: &Node, place: &Place, parameters: &BTreeSet<&str>, found: &mut BTreeSet<String>) {
    match node {
        Node::Scalar(_) => {}
        Node::Tagged(tag, argument) => {
            let named = references_in(node, place);
            found.extend(named.iter().map(|it| &it.name).filter(|name| decides(name, parameters)).cloned());
            choice(tag, argument, found);
            collect(argument, place, parameters, found);
        }
        Node::List(items) => items.iter().for_each(|item| collect(item, place, parameters, found)),
        Node::Mapping(entries) => {
            for entry in entries.iter().filter(|entry| !BUCKETS.contains(&entry.key.as_str())) {
                if is_function(entry) {
                    let named = references_in(node, place);
                    found.extend(
                        named.iter().map(|it| &it.name).filter(|name| decides(name, parameters)).cloned(),
                    );
                    choice(entry.key.trim_start_matches("Fn::"), &entry.value, found);
                }
                collect(&entry.value, place, parameters, found);
            }
        }
    }
}

fn is_function(entry: &Entry) -> bool {
    entry.key == "Ref" || entry.key.starts_with("Fn::")
}

fn decides(name: &str, parameters: &BTreeSet<&str>) -> bool {
    parameters.contains(name) || PSEUDO.contains(&name)
}

/// The condition or mapping that a function chooses by.
fn choice(function: &str, argument: &Node, found: &mut BTreeSet<String>) {
    if let ("If" | "FindInMap", Node::List(items)) = (function, argument)
        && let Some(name) = items.first().and_then(Node::text)
    {
        found.insert(name.to_owned());
    }
}
