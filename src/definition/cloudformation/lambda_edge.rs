//! Functions of Lambda@Edge, which does not support container images (`CloudFront` developer guide, "Restrictions on
//! Lambda@Edge").
//!
//! A function runs there if a `CloudFront` distribution names it, or one of its versions. The distribution may be in another
//! stack, as with CDK: then the role shows it, which has to trust Lambda@Edge. This part reads what is written, and evaluates
//! nothing.

use std::collections::BTreeSet;

use super::rewrite::references_in;
use crate::definition::document::{Entry, Node};
use crate::finding::Place;

/// The service that a function's role has to trust.
const SERVICE: &str = "edgelambda.amazonaws.com";

/// The logical ids of the functions in a template that run in Lambda@Edge.
pub(super) fn functions<'t>(template: &'t Node, place: &Place) -> BTreeSet<&'t str> {
    let section = place.key("Resources");
    let resources = template.entry("Resources").map_or(&[][..], Node::entries);
    let mut associated = BTreeSet::new();
    for Entry { key, value, .. } in of_kind(resources, "AWS::CloudFront::Distribution") {
        associations(value, &section.key(key), &mut associated);
    }
    for Entry { key, value, .. } in of_kind(resources, "AWS::Lambda::Version") {
        if associated.contains(key)
            && let Some(function) = property(value, "FunctionName")
        {
            associated.extend(names(function, &section));
        }
    }
    let is_trusted = |id: &String| {
        let role = resources.iter().rfind(|resource| resource.key == *id);
        role.and_then(|role| property(&role.value, "AssumeRolePolicyDocument")).is_some_and(names_service)
    };
    let is_at_edge = |function: &&Entry| {
        associated.contains(&function.key)
            || property(&function.value, "AssumeRolePolicyDocument").is_some_and(names_service)
            || property(&function.value, "Role")
                .is_some_and(|role| names(role, &section).iter().any(is_trusted))
    };
    let functions = ["AWS::Serverless::Function", "AWS::Lambda::Function"].into_iter();
    functions.flat_map(|kind| of_kind(resources, kind)).filter(is_at_edge).map(|it| it.key.as_str()).collect()
}

fn of_kind<'t>(resources: &'t [Entry], kind: &str) -> impl Iterator<Item = &'t Entry> {
    resources.iter().filter(move |resource| resource.value.entry("Type").and_then(Node::text) == Some(kind))
}

fn property<'t>(resource: &'t Node, key: &str) -> Option<&'t Node> {
    resource.entry("Properties")?.entry(key)
}

/// What the associations of a distribution name, at any depth: each cache behavior has its own.
fn associations(node: &Node, place: &Place, found: &mut BTreeSet<String>) {
    match node {
        Node::Scalar(_) => {}
        Node::Tagged(_, value) => associations(value, place, found),
        Node::List(items) => items.iter().for_each(|item| associations(item, place, found)),
        Node::Mapping(entries) => {
            for entry in entries {
                if entry.key == "LambdaFunctionARN" {
                    found.extend(names(&entry.value, place));
                } else {
                    associations(&entry.value, place, found);
                }
            }
        }
    }
}

/// The resources that a value names.
fn names(value: &Node, place: &Place) -> Vec<String> {
    references_in(value, place).iter().map(|reference| reference.resource().to_owned()).collect()
}

fn names_service(node: &Node) -> bool {
    match node {
        Node::Scalar(scalar) => scalar.text.contains(SERVICE),
        Node::Tagged(_, value) => names_service(value),
        Node::List(items) => items.iter().any(names_service),
        Node::Mapping(entries) => entries.iter().any(|entry| names_service(&entry.value)),
    }
}
