//! Warns of what depends on a function that CloudFormation replaces.
//!
//! `PackageType` is create-only: CloudFormation creates the image function under the same logical id, points the stack to it,
//! and then deletes the zip function (facts 12.1). Under a new logical id the order is the same. Properties that name the
//! function are create-only in versions, aliases, permissions, URLs and configurations of asynchronous invocation
//! (CloudFormation template reference).

use std::collections::BTreeSet;

use super::references::references_in;
use super::rename::renamed_by;
use super::template::{Converted, Resource, Template};
use crate::definition::document::{Node, Scalar};
use crate::finding::{Code, Finding, Place};

/// The warnings about all functions that became images.
pub(super) fn notes(
    template: &Template<'_>,
    converted: &[Converted<'_>],
    suffix: Option<&str>,
) -> Vec<Finding> {
    let mut notes = Vec::new();
    for Converted { resource, .. } in converted {
        own_properties(template, resource, &mut notes);
        policies(resource, suffix.is_some(), &mut notes);
    }
    let functions: Vec<Resource<'_>> = converted.iter().map(|function| function.resource.clone()).collect();
    for resource in template.resources.iter().chain(&template.looped) {
        dependent(resource, &functions, &mut notes);
        service_token(resource, &functions, &mut notes);
    }
    exports(template, &functions, &mut notes);
    notes
}

/// What a function sets for itself, or gets from `Globals`.
fn own_properties(template: &Template<'_>, function: &Resource<'_>, notes: &mut Vec<Finding>) {
    let id = function.id;
    if let Some(name) = function.property("FunctionName") {
        let named = match name {
            Node::Scalar(Scalar { text, .. }) => format!("the name `{text}`"),
            _ => "the same name".to_owned(),
        };
        let message = format!(
            "CloudFormation creates the image function `{id}` before it deletes the zip function, which still has {named}"
        );
        let place = function.properties().key("FunctionName");
        notes.push(Finding::warning(Code::FixedName, place, message).help("change or remove `FunctionName`"));
    }
    if !function.is_serverless() {
        return;
    }
    let set = |key: &str| -> Option<Place> {
        if function.property(key).is_some() {
            return Some(function.properties().key(key));
        }
        let (place, globals) = template.globals()?;
        globals.iter().any(|entry| entry.key == key).then(|| place.key(key))
    };
    if let Some(place) = set("AutoPublishAlias") {
        let message = format!(
            "CloudFormation replaces the function `{id}`, so its alias has another ARN and its versions start at 1"
        );
        notes.push(Finding::warning(Code::ReplacedFunction, place, message));
    }
    if let Some(place) = set("FunctionUrlConfig") {
        let message = format!("CloudFormation replaces the function `{id}`, so its URL changes");
        notes.push(Finding::warning(Code::ReplacedFunction, place, message));
    }
}

/// What keeps the zip function, or seems to.
fn policies(function: &Resource<'_>, is_renamed: bool, notes: &mut Vec<Finding>) {
    let id = function.id;
    for key in ["DeletionPolicy", "UpdateReplacePolicy"] {
        let Some(Node::Scalar(policy)) = function.node.entry(key) else { continue };
        if !policy.text.starts_with("Retain") {
            continue;
        }
        let is_effective = (key == "DeletionPolicy") == is_renamed;
        let message = if is_effective {
            format!(
                "`{key}: {}` keeps the zip function `{id}` in the account, outside of the stack",
                policy.text
            )
        } else if is_renamed {
            format!(
                "`{key}` does not keep the zip function `{id}`, because the stack deletes it under its old logical id"
            )
        } else {
            format!(
                "`{key}` does not keep the zip function `{id}`, because the stack replaces it instead of deleting it"
            )
        };
        let finding = Finding::warning(Code::ReplacedFunction, function.place.key(key), message);
        notes.push(if is_effective {
            finding.help("delete the zip function after the deployment")
        } else {
            finding
        });
    }
}

/// A resource that names a replaced function in its property for that.
fn dependent(resource: &Resource<'_>, functions: &[Resource<'_>], notes: &mut Vec<Finding>) {
    let (noun, property, effect) = match resource.kind {
        "AWS::Lambda::Alias" => ("alias", "FunctionName", Effect::Replaced),
        "AWS::Lambda::Version" => ("version", "FunctionName", Effect::Replaced),
        "AWS::Lambda::Permission" => ("permission", "FunctionName", Effect::Replaced),
        "AWS::Lambda::EventInvokeConfig" => {
            ("configuration of asynchronous invocation", "FunctionName", Effect::Replaced)
        }
        "AWS::Lambda::Url" => ("URL", "TargetFunctionArn", Effect::Replaced),
        "AWS::Lambda::EventSourceMapping" => ("event source mapping", "FunctionName", Effect::Updated),
        _ => return,
    };
    let place = resource.properties().key(property);
    let Some(value) = resource.property(property) else { return };
    let Some(function) = named(value, &place, functions) else { return };
    let message = match effect {
        Effect::Replaced => {
            format!(
                "CloudFormation replaces the {noun} `{}` together with the function `{function}`",
                resource.id
            )
        }
        Effect::Updated => format!(
            "CloudFormation points the {noun} `{}` to the function that replaces `{function}`",
            resource.id
        ),
    };
    notes.push(Finding::warning(Code::ReplacedFunction, place, message));
}

/// A custom resource that a replaced function serves. Its type may be any, but this property is always there.
///
/// CloudFormation rejects an update that changes the property (CloudFormation user guide, "Custom resources": updates of the
/// service token are not supported), and the ARN of a replaced function changes, under its old logical id too.
fn service_token(resource: &Resource<'_>, functions: &[Resource<'_>], notes: &mut Vec<Finding>) {
    let place = resource.properties().key("ServiceToken");
    let Some(value) = resource.property("ServiceToken") else { return };
    let Some(function) = named(value, &place, functions) else { return };
    let id = resource.id;
    let message = format!(
        "the deployment fails at the custom resource `{id}`: CloudFormation does not change a service token, and replaces the \
         function `{function}` that it names"
    );
    let help = format!(
        "give `{id}` another logical id, so that CloudFormation deletes it and creates it again, or name only the other functions"
    );
    notes.push(Finding::warning(Code::ReplacedFunction, place, message).help(help));
}

#[derive(Clone, Copy)]
enum Effect {
    Replaced,
    Updated,
}

/// The replaced function that a value names, by a reference or by the fixed name.
fn named<'f>(value: &Node, place: &Place, functions: &'f [Resource<'_>]) -> Option<&'f str> {
    let nothing = BTreeSet::new();
    let referred = references_in(value, place)
        .into_iter()
        .find_map(|reference| renamed_by(&reference.name, functions, &nothing));
    referred.or_else(|| {
        let Node::Scalar(Scalar { text, .. }) = value else { return None };
        let has_name = |function: &&Resource<'_>| {
            matches!(function.property("FunctionName"), Some(Node::Scalar(name)) if name.text == *text)
        };
        functions.iter().find(has_name).map(|function| function.id)
    })
}

/// Exports of a function's name or ARN.
fn exports(template: &Template<'_>, functions: &[Resource<'_>], notes: &mut Vec<Finding>) {
    let section = template.document.place().key("Outputs");
    let outputs = template.document.root().entry("Outputs").map_or(&[][..], Node::entries);
    for output in outputs.iter().filter(|output| output.value.entry("Export").is_some()) {
        let place = section.key(&output.key).key("Value");
        let Some(function) = output.value.entry("Value").and_then(|value| named(value, &place, functions))
        else {
            continue;
        };
        let message = format!(
            "the exported value of `{}` changes with the function `{function}`, which CloudFormation rejects while \
             another stack imports it",
            output.key
        );
        let finding = Finding::warning(Code::ReplacedFunction, place, message);
        notes.push(finding.help("remove the imports before the deployment, and restore them after it"));
    }
}
